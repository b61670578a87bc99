"""Regular expressions of XPath written for Python: the few constructs that official rules use."""

import re

from pipeline.validators.official.compiled.xpath import Unread

_PIECE = re.compile(
    r"(?P<quantity>\{[0-9]+(?:,[0-9]*)?\}|[*+?])|(?P<escape>\\.)|(?P<class>\[)|(?P<mark>[()|^$.])|(?P<plain>[^\\\[\]{}])",
    re.DOTALL,
)
_IN_CLASS = re.compile(r"\\.|[^\\\[\]]", re.DOTALL)
_ESCAPES = {"\\s": "[ \\t\\n\\r]", "\\d": "\\d"}  # Python's \d is Unicode's too, its \s is not XML's
_IN_CLASS_ESCAPES = {"\\s": " \\t\\n\\r", "\\d": "\\d"}
_LITERALS = set(".\\?*+{}()[]|^$-")


def python_regex(pattern: str) -> str:
    """The same in Python; raises `Unread` for what it does not know.

    >>> python_regex("^[0-9]{14}$")
    '^[0-9]{14}\\\\Z'
    """
    written, at = [], 0
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None:
            raise Unread(f"the regular expression has {pattern[at]!r}")
        at = piece.end()
        text = piece[0]
        match piece.lastgroup:
            case "quantity":
                if pattern[at : at + 1] and pattern[at] in "?+*{":
                    raise Unread("a quantity of a quantity")
                written.append(text)
            case "escape":
                written.append(_escaped(text, _ESCAPES))
            case "class":
                inside, at = _class(pattern, at)
                written.append(inside)
            case "mark":
                # `$` of XPath is the very end; groups are numbered in neither engine's use here
                written.append({"$": "\\Z", "(": "(?:", ".": "[^\\n\\r]"}.get(text, text))
            case _:
                written.append(re.escape(text))
    made = "".join(written)
    try:
        re.compile(made)
    except re.error as err:
        raise Unread(f"a regular expression: {err}") from None
    return made


def _escaped(text: str, known: dict[str, str]) -> str:
    if text in known:
        return known[text]
    if text[1] in _LITERALS:
        return text
    raise Unread(f"the regular expression has {text}")


def _class(pattern: str, at: int) -> tuple[str, int]:
    written = ["["]
    if pattern[at : at + 1] == "^":
        written.append("^")
        at += 1
    while pattern[at : at + 1] != "]":
        piece = _IN_CLASS.match(pattern, at)
        if piece is None:
            raise Unread("a class of characters within another")
        at = piece.end()
        text = piece[0]
        if text == pattern[at : at + 1] == "-":
            raise Unread("two hyphens in a class of characters")
        if text.startswith("\\"):
            written.append(_escaped(text, _IN_CLASS_ESCAPES))
        else:
            written.append(f"\\{text}" if text in "&~|" else text)  # doubled, they may come to mean something in Python
    written.append("]")
    return "".join(written), at + 1
