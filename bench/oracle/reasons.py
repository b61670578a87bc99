"""Why a test cannot be seen both ways, as far as the sheet itself shows it; for the others, what was tried.

Nothing here is a table of rules: a reason is read off the expression, off the rules beside it, or counted.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from bench.oracle import rules
from bench.oracle.nodes import without_predicates
from bench.oracle.rules import Pack, Target
from bench.oracle.state import PackState
from pipeline.validators.official.compiled import xpath
from pipeline.validators.official.compiled.sheet import Rule
from pipeline.validators.official.compiled.xpath import Call, Expression, Here, Logic, Path, Root, Step

_ATOMS_MAX = 8


def one_way(pack: Pack, target: Target) -> str:
    """Why this test can only ever fire, or only ever hold, or is never asked; empty where nothing shows it."""
    return _constant(target.test) or _unmet(pack, target) or _without_children(target)


def is_unmet(pack: Pack, ordinal: int) -> bool:
    """Is the context of this test one that no node ever meets?"""
    return any(_unmet(pack, target) for target in pack.targets if target.ordinal == ordinal)


def why(state: PackState, target: Target) -> str:
    """The reason for what was not seen: a proof, or how often it was tried."""
    proof = one_way(rules.pack(state.pack), target)
    if proof:
        return proof
    told = []
    for sign, seen, word in (("+", state.fired, "fire"), ("-", state.held, "hold")):
        if target.ordinal not in seen:
            tried, stopped = state.aimed.get(f"{sign}{target.ordinal}", (0, 0))
            told.append(f"of {tried} mutants made to have it {word}, {stopped} stop the sheet")
    return "; ".join(told)


def _constant(test: Expression | None) -> str:
    """Is it the same whatever the document says? What stands below `and`, `or` and `not` is tried all ways."""
    if test is None:
        return ""
    atoms: list[Expression] = list(dict.fromkeys(_atoms(test)))
    if len(atoms) > _ATOMS_MAX:
        return ""
    values = {_holds(test, dict(zip(atoms, ways, strict=True))) for ways in product((True, False), repeat=len(atoms))}
    if len(values) > 1:
        return ""
    (value,) = values
    words = "is the constant" if not atoms else "is a tautology, always" if value else "is a contradiction, always"
    return f"its test {words} {str(value).lower()}"


def _atoms(test: Any) -> Iterator[Expression]:
    match test:
        case Logic(parts=parts):
            for part in parts:
                yield from _atoms(part)
        case Call(name="not" | "exists" | "boolean", arguments=(one,)):
            yield from _atoms(one)
        case Call(name="true" | "false", arguments=()):
            return
        case _:
            yield test


def _holds(test: Any, atoms: dict[Expression, bool]) -> bool:
    match test:
        case Logic(operator=operator, parts=parts):
            told = [_holds(part, atoms) for part in parts]
            return all(told) if operator == "and" else any(told)
        case Call(name="not", arguments=(one,)):
            return not _holds(one, atoms)
        case Call(name="exists" | "boolean", arguments=(one,)):
            return _holds(one, atoms)
        case Call(name="true" | "false" as name, arguments=()):
            return name == "true"
    return atoms[test]


def _unmet(pack: Pack, target: Target) -> str:
    """Does another rule of the pattern take every node of this one, or keep the pattern from coming down to it?"""
    for pattern in pack.patterns:
        at = next((rank for rank, rule in enumerate(pattern.rules) if target.ordinal in _ordinals(rule)), None)
        if at is None:
            continue
        steps = _steps(target.match)
        for rank, rule in enumerate(pattern.rules):
            other = _steps(xpath.parse(rule.match, dict(pack.namespaces)))
            if not steps or not other:
                continue
            if rank < at and _takes(other, steps):
                return f"the rule before it, test {min(_ordinals(rule))}, matches every node that it could match"
            if not rule.is_deep and len(other) < len(steps) and _takes(other, steps[: len(other)]):
                return f"the rule above it, test {min(_ordinals(rule))}, does not let its pattern go down"
    return ""


def _ordinals(rule: Rule) -> tuple[int, ...]:
    return tuple(test.ordinal for test in rule.tests) or (0,)


def _steps(match: Expression | None) -> tuple[Any, ...]:
    """A pattern that is one plain path: where it starts, then its steps. Anything else shows nothing here."""
    if (
        isinstance(match, Path)
        and isinstance(match.start, Root | Here)
        and all(isinstance(one, Step) for one in match.steps)
    ):
        return (match.start, *match.steps)
    return ()


def _takes(other: tuple[Any, ...], steps: tuple[Any, ...]) -> bool:
    """Is every node at the second path also at the first? True where steps are equal, but for predicates it has not."""
    first = other[1] if len(other) > 1 else None
    is_anywhere = isinstance(other[0], Here) or (isinstance(first, Step) and first.axis == "descendant")
    if is_anywhere and isinstance(first, Step) and 1 < len(other) <= len(steps):
        at = steps[len(steps) - len(other) + 1]
        shown = (Step("child", first.name, first.predicates), *other[2:])
        asked = (Step("child", at.name, at.predicates), *steps[len(steps) - len(other) + 2 :])
    else:
        shown, asked = other, steps
    return len(shown) == len(asked) and all(
        one == step or (isinstance(one, Step) and one == without_predicates(step))
        for one, step in zip(shown, asked, strict=True)
    )


def _without_children(target: Target) -> str:
    """A context that has no child by its own predicate, and a test that asks for one."""
    match, test = target.match, target.test
    if not isinstance(match, Path) or not isinstance(test, Path) or not isinstance(test.start, Here):
        return ""
    last, first = match.steps[-1], test.steps[0]
    if not isinstance(last, Step) or not isinstance(first, Step) or first.axis != "child":
        return ""
    parts = [
        one
        for predicate in last.predicates
        for one in (predicate.parts if isinstance(predicate, Logic) else (predicate,))
    ]
    childless = Call("not", (Path(Here(), (Step("child", "*"),)),))
    return "its context has no child element, and its test asks for one" if childless in parts else ""
