"""The lines of one function: what several of its expressions ask for is worked out once.

Expressions carry marks where a part of them may be shared (`emit`). A part that is asked for once stands where it was;
one that is asked for more often becomes a variable, ahead of the first line that needs it. A part that may stop the
rules is worked out only when it is asked for, as XPath would.
"""

import re
from collections import Counter
from itertools import pairwise

from pipeline.validators.official.compiled.pieces import AROUND, AROUND_NAMES, END, ONCE, PART

AROUND_MARK = re.compile(f"{AROUND}([0-9]+){END}")
ONCE_MARK = re.compile(f"{ONCE}([0-9]+){END}")
_PART_MARK = re.compile(f"{PART}([0-9]+){END}")
_LOOKUP = re.compile(r"\bn\[1\]\.get\((T[0-9]+), NONE\)")
_CHILDREN = re.compile(r"\bn\[1\]")
_HEAVY = 6  # calls in a part that may stop: below, asking again is cheaper than remembering


def layout(body: list[str], parts: list[tuple[str, bool]], *, knows_node: bool = True) -> list[str]:
    """The lines of a function without marks, with the variables they need; `knows_node`: it is about the node `n`."""
    asked: dict[int, int] = {}
    for line in body:
        _count(line, parts, asked)
    kept = {
        rank for rank, times in asked.items() if times > 1 and (not parts[rank][1] or _weight(rank, parts) >= _HEAVY)
    }
    lines: list[str] = []
    known: set[int] = set()
    for line in body:
        indent = line[: len(line) - len(line.lstrip())]
        for rank in _needed(line, parts, kept, known):
            text, may_stop = parts[rank]
            told = _told(text, parts, kept)
            lines.append(f"{indent}p{rank} = " + (f"Later(lambda: {told})" if may_stop else told))
        lines.append(_told(line, parts, kept))
    return _looked_up(lines) if knows_node else lines


def _count(text: str, parts: list[tuple[str, bool]], asked: dict[int, int]) -> None:
    for mark in _PART_MARK.findall(text):
        rank = int(mark)
        asked[rank] = asked.get(rank, 0) + 1
        if asked[rank] == 1:
            _count(parts[rank][0], parts, asked)


def _weight(rank: int, parts: list[tuple[str, bool]]) -> int:
    text = parts[rank][0]
    return text.count("(") + sum(_weight(int(mark), parts) for mark in _PART_MARK.findall(text))


def _needed(text: str, parts: list[tuple[str, bool]], kept: set[int], known: set[int]) -> list[int]:
    """The variables that a text asks for and that are not there yet, each after those it needs itself."""
    found = []
    for mark in _PART_MARK.findall(text):
        rank = int(mark)
        if rank in known:
            continue
        found += _needed(parts[rank][0], parts, kept, known)
        if rank in kept and rank not in known:
            known.add(rank)
            found.append(rank)
    return found


def _told(text: str, parts: list[tuple[str, bool]], kept: set[int]) -> str:
    def told(match: re.Match[str]) -> str:
        rank = int(match[1])
        if rank in kept:
            return f"p{rank}()" if parts[rank][1] else f"p{rank}"
        return _told(parts[rank][0], parts, kept)

    return _PART_MARK.sub(told, text)


def _looked_up(lines: list[str]) -> list[str]:
    """Children of the node itself that several lines look up are looked up once."""
    text = "\n".join(lines)
    asked = Counter(match[1] for match in _LOOKUP.finditer(text))
    often = sorted((tag for tag, times in asked.items() if times > 1), key=lambda tag: int(tag[1:]))
    for tag in often:
        text = text.replace(f"n[1].get({tag}, NONE)", f"k{tag}")
    highest = max((at for at, name in enumerate(AROUND_NAMES, 1) if re.search(rf"\b{name}\b", text)), default=0)
    above = [f"{name} = d.nodes[{below}[3]]" for below, name in pairwise(("n", *AROUND_NAMES[:highest]))]
    text = "\n".join([*above, *(f"k{tag} = n[1].get({tag}, NONE)" for tag in often), text])
    if len(_CHILDREN.findall(text)) > 1:
        text = "k = n[1]\n" + _CHILDREN.sub("k", text)
    return text.split("\n")
