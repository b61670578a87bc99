"""Paths that a rule forbids. Half of the tests of a syntax say just that something must not be there: they are looked
for together, in one walk, and asked one by one only where it found any of them.
"""

from typing import Any

from pipeline.validators.official.compiled.matches import parts
from pipeline.validators.official.compiled.xpath import Call, Compare, Expression, Here, Number, Step, Unread

WORTH_A_WALK = 3  # paths


def forbidden(expression: Expression, *, is_report: bool) -> list[tuple[str, ...]]:
    """The paths of plain names below the node that must not be there, where the test says just that; else none.

    An attribute stands last, with its `@`.
    """
    if not is_report:
        match expression:
            case Call("not", (inner,)):
                expression = inner
            case Compare("eq", True, Call("count", (inner,)), Number("0")):
                expression = inner
            case _:
                return []
    try:
        several = list(parts(expression))
    except Unread:
        return []
    paths = []
    for start, steps in several:
        if not isinstance(start, Here):
            return []
        path = []
        for step in steps:
            if not isinstance(step, Step) or step.predicates or "*" in step.name or "(" in step.name:
                return []
            if step.axis == "child":
                path.append(step.name)
            elif step.axis == "attribute" and step is steps[-1] and path:
                path.append(f"@{step.name}")
            else:
                return []
        paths.append(tuple(path))
    return paths


def trie_of(paths: list[tuple[str, ...]]) -> str:
    """The Python of the trie that `runtime.holds_any` walks: by name what is forbidden below it, None where it itself
    is. Where a longer and a shorter path meet, the shorter is kept: it finds more, and finding is looking.
    """
    trie: dict[str, Any] = {}
    for path in paths:
        _grow(trie, path)
    return _shown(trie)


def _grow(trie: dict[str, Any], path: tuple[str, ...]) -> None:
    *around, last = path
    for name in around:
        found = trie.setdefault(name, {})
        if found is None:
            return
        trie = found
    if last.startswith("@"):
        trie["@"] = (*trie.get("@", ()), last[1:])
    else:
        trie[last] = None


def _shown(trie: dict[str, Any]) -> str:
    shown = (f"{name!r}: {_shown(sub) if isinstance(sub, dict) else repr(sub)}" for name, sub in sorted(trie.items()))
    return "{" + ", ".join(shown) + "}"
