"""The match of a rule: the paths it stands for, and what of each the names around a node decide before it is run."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, product
from typing import Any

from pipeline.validators.official.compiled.pieces import NUMBERS, Code, Module, Scope, truth, write
from pipeline.validators.official.compiled.xpath import (
    Call,
    Expression,
    Filter,
    Here,
    Logic,
    Path,
    Root,
    Step,
    String,
    Union,
    Unread,
)

Steps = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """One path of a match: its steps from the top, and what must hold besides."""

    is_anchored: bool
    steps: tuple[tuple[str, str], ...]  # ("/" or "//", name)
    by_place: tuple[Any, ...]  # conditions that the names around a node decide
    guard: tuple[str, ...]  # lines that `continue` with the next node where the rest does not hold; none: nothing rests


def alternatives(match: Expression, scope: Scope, module: Module) -> list[Alternative]:
    return [_alternative(start, steps, scope, module) for start, steps in parts(match)]


def parts(match: Expression) -> Iterator[tuple[Expression, Steps]]:
    """The paths of an expression, each its start and its steps: a union anywhere in it is spread out."""
    if isinstance(match, Union):
        for part in match.parts:
            yield from parts(part)
    elif isinstance(match, Path):
        starts = [(match.start, ())] if isinstance(match.start, Here | Root) else parts(match.start)
        for start, steps in starts:
            for more in product(*(_ways(step) for step in match.steps)):
                yield start, (*steps, *chain.from_iterable(more))
    elif isinstance(match, Step):
        yield Here(), (match,)
    elif isinstance(match, Filter):
        for start, (*before, last) in parts(match.of):
            if not isinstance(last, Step):
                raise Unread(f"a predicate on a {type(last).__name__}")
            yield start, (*before, replace(last, predicates=(*last.predicates, *match.predicates)))
    else:
        raise Unread(f"a match that is a {type(match).__name__}")


def _ways(step: Expression) -> list[Steps]:
    """The steps that one step of a path stands for: of a union, those of each part."""
    if not isinstance(step, Union):
        return [(step,)]
    several = list(parts(step))
    if any(not isinstance(start, Here) for start, _ in several):
        raise Unread("a union of absolute paths within a match")
    return [steps for _, steps in several]


def _alternative(start: Expression, steps: Steps, scope: Scope, module: Module) -> Alternative:
    names: list[tuple[str, str]] = []
    by_place: list[Any] = []
    dynamic: list[tuple[int, Expression]] = []
    relation = "/"
    for step in steps:
        if not isinstance(step, Step):
            raise Unread(f"a step of a match that is a {type(step).__name__}")
        if step.axis == "descendant-or-self" and step.name == "node()" and not step.predicates:
            relation = "//"
            continue
        if step.axis == "descendant":
            relation = "//"
        elif step.axis != "child":
            raise Unread(f"a match along {step.axis}")
        if "(" in step.name:
            raise Unread(f"a match of {step.name}")
        names.append((relation, step.name))
        relation = "/"
        is_last = step is steps[-1]
        for predicate in step.predicates:
            for part in _conjuncts(predicate):
                condition = _by_place(part) if is_last else None
                if condition is None:
                    dynamic.append((len(names) - 1, part))
                else:
                    by_place.append(condition)
    guard = _guard(names, dynamic, scope, module)
    return Alternative(isinstance(start, Root), tuple(names), tuple(by_place), guard)


def _conjuncts(predicate: Expression) -> Iterator[Expression]:
    if isinstance(predicate, Logic) and predicate.operator == "and":
        for part in predicate.parts:
            yield from _conjuncts(part)
    else:
        yield predicate


def _by_place(condition: Expression) -> Any:
    """What the names around a node decide, as data; None where it takes more than names."""
    match condition:
        case Call("not", (inner,)):
            told = _by_place(inner)
            return None if told is None else ("not", told)
        case Call("ends-with", (Call("name", ()), String(text))) if ":" not in text:
            return ("ends", text)
        case Path(Here(), (Step("self" | "ancestor" as axis, name, ()),)) if "*" not in name and "(" not in name:
            return (axis, name)
    return None


def _guard(
    names: list[tuple[str, str]], dynamic: list[tuple[int, Expression]], scope: Scope, module: Module
) -> tuple[str, ...]:
    """Lines about the node `n`: do the predicates hold? Where one stops, the node does not match for XSLT; which of
    its parts Saxon would have asked first nobody knows, so that it is Saxon's to say.
    """
    module.outer = frozenset()
    last = len(names) - 1
    lines: list[str] = []
    for at, predicate in dynamic:
        if any(relation == "//" for relation, _ in names[at + 1 :]):
            raise Unread("a predicate above a way of unknown length")
        here = Code("n" if at == last else "a", "element", "1", frozenset({"n"}), depth=at + 1, is_cheap=True)
        condition = write(predicate, scope.at(here), module)
        if condition.kind in {*NUMBERS, "mixed"}:
            raise Unread("a match by position")
        if at != last:
            node = "n"
            for _ in range(last - at):
                node = f"d.nodes[{node}[3]]"
            lines.append(f"a = {node}")
        lines += [f"if not {truth(condition)}:", "    continue"]
    return tuple(lines)
