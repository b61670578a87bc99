"""How an engine tells a hit: its id, its text, how many of them. Light: every engine imports it."""

import re
from collections.abc import Callable
from typing import TypeVar

TEXT_CHARS_MAX = 1_000  # French texts quote the value, which may be an attachment of 13 MB
HITS_MAX = 20_000  # a report takes no more lines than that

_Told = TypeVar("_Told")

_HEAD_ID = re.compile(r"\[([^\[\]\s]+)\]")
_BLANKS = re.compile(r"[ \t\r\n]+")


def rule_id(text: str, attribute: str, pack: str, ordinal: int | str) -> str:
    """The id people know: at the head of the text where one stands there, else the attribute, else the ordinal."""
    head = _HEAD_ID.match(text)
    return head[1] if head else attribute or f"{pack}#{ordinal}"


def text_of(message: str) -> str:
    """A message as it is told: blanks joined, those at both ends dropped.

    >>> text_of("\\n\\t[BR-01]-An invoice   shall")
    '[BR-01]-An invoice shall'
    """
    if "  " in message or "\n" in message or "\t" in message or "\r" in message:
        message = _BLANKS.sub(" ", message)
    return message.strip(" ")


def most_serious(hits: list[_Told], may_refuse: Callable[[_Told], bool]) -> list[_Told]:
    """As many hits as a report takes, in their order; where there are more, first those that may refuse the document.

    >>> most_serious([1, 2], lambda hit: hit == 2)
    [1, 2]
    """
    if len(hits) <= HITS_MAX:
        return hits
    return sorted(hits, key=lambda hit: not may_refuse(hit))[:HITS_MAX]
