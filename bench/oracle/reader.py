"""Reads an expression of the rules on a document, as far as the mutator needs it: a guess, not an XPath engine.

Saxon says afterwards what a document meets; here it only matters to see most often whether a change did what it should.
"""

import math
import re
from random import Random
from typing import Any

from lxml import etree

from bench.oracle.nodes import (
    TOP,
    Attribute,
    Bound,
    Known,
    Spent,
    Unknown,
    Value,
    is_named,
    is_number,
    text_of,
)
from bench.oracle.rules import Pack, inside
from bench.oracle.schema import Model
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Compare,
    Expression,
    Filter,
    For,
    Here,
    If,
    Logic,
    Number,
    Path,
    Root,
    Sequence,
    Step,
    String,
    Union,
    Variable,
)

EFFORT = 400  # changes and look-ups spent on one expression
THROUGH = {
    "normalize-space", "string", "xs:decimal", "upper-case", "number", "xs:date", "xs:string", "abs", "round",
    "distinct-values", "lower-case", "xs:integer", "xs:double", "sum", "string-join", "data", "exists", "boolean",
    "floor", "ceiling", "min", "max", "avg", "tokenize", "translate", "replace",
}  # fmt: skip


class Reader:
    """One document, and what is known of the pack that it is made for."""

    def __init__(self, root: etree._Element, model: Model, pack: Pack, random: Random) -> None:
        self.root, self.model, self.pack, self.random = root, model, pack, random
        self.effort = EFFORT
        self.known: Known = {}
        for name, tree in pack.variables:
            self.known[name] = Bound(tree, TOP, self.known)

    def nodes(self, tree: Any, here: Any, known: Known) -> list[Any]:
        """Nodes, or texts where it is a value. Predicates that it cannot judge keep what they are asked about."""
        self.spend()
        match tree:
            case Here():
                return [here]
            case Root():
                return [TOP]
            case Number(text=text) | String(text=text):
                return [text]
            case Path(start=start, steps=steps):
                if isinstance(start, Call) and start.name in {"document", "doc"}:
                    return self._looked_up(tree, here, known)
                found = self.nodes(start, here, known)
                for step in steps:
                    found = [one for node in found for one in self._step(step, node, known)]
                    found = list(dict.fromkeys(found))
                return found
            case Step():
                return self._step(tree, here, known)
            case Filter(of=of, predicates=predicates):
                return self.kept(self.nodes(of, here, known), predicates, known)
            case Variable(name=name):
                bound = known.get(name)
                if bound is None or bound.tree is None:
                    raise Unknown
                return self.nodes(bound.tree, bound.here, bound.known)
            case Union(parts=parts) | Sequence(items=parts):
                return [one for part in parts for one in self.nodes(part, here, known)]
            case If(test=test, then=then, other=other):
                return self.nodes(then if self.truth(test, here, known) else other, here, known)
            case Call(name=name, arguments=arguments):
                return self._called(name, arguments, here, known)
            case Cast(of=of):
                return self.nodes(of, here, known)
            case Value(node=node):
                return [node]
            case Arithmetic():
                return self._reckoned(tree, here, known)
        raise Unknown

    def _looked_up(self, tree: Path, here: Any, known: Known) -> list[str]:
        asked = [one for one in inside(tree) if isinstance(one, Compare)]
        numbers = [one.right.text for one in asked if isinstance(one.right, Number | String)]
        codes = self.pack.codes.get(numbers[0], ()) if numbers else ()
        sought = [
            text
            for one in asked
            if not isinstance(one.right, Number | String)
            for text in self.texts(one.right, here, known)
        ]
        return [text for text in sought if text in codes]

    def _reckoned(self, tree: Arithmetic, here: Any, known: Known) -> list[str]:
        left, right = self.texts(tree.left, here, known), self.texts(tree.right, here, known)
        if not left or not right:
            return []
        try:
            ours, theirs = float(left[0]), float(right[0])
            match tree.operator:
                case "+":
                    return [repr(ours + theirs)]
                case "-":
                    return [repr(ours - theirs)]
                case "*":
                    return [repr(ours * theirs)]
                case "div":
                    return [repr(ours / theirs)]
        except (ValueError, ZeroDivisionError):
            pass
        raise Unknown

    def truth(self, tree: Any, here: Any, known: Known) -> bool:
        match tree:
            case Logic(operator=operator, parts=parts):
                told = (self.truth(part, here, known) for part in parts)
                return all(told) if operator == "and" else any(told)
            case Call(name="not" | "empty", arguments=(one,)):
                return not self.truth(one, here, known)
            case Call(name="exists" | "boolean", arguments=(one,)):
                return self.truth(one, here, known)
            case Call(name="true"):
                return True
            case Call(name="false"):
                return False
            case Call(name="contains" | "starts-with" | "ends-with" as name, arguments=(one, other)):
                text, part = "".join(self.texts(one, here, known)), "".join(self.texts(other, here, known))
                return (
                    part in text
                    if name == "contains"
                    else text.startswith(part)
                    if name == "starts-with"
                    else text.endswith(part)
                )
            case Compare(operator=operator, left=left, right=right):
                ours, theirs = self.texts(left, here, known), self.texts(right, here, known)
                return any(_compared(operator, one, other) for one in ours for other in theirs)
            case Call(name="matches", arguments=(one, String(text=pattern))):
                try:
                    return any(re.search(pattern, text) for text in self.texts(one, here, known) or [""])
                except re.error:
                    raise Unknown from None
            case Call(name=name, arguments=arguments) if name in self.pack.functions:
                inner = self.inside(name, arguments, here, known)
                if inner is None:
                    raise Unknown
                return self.truth(inner.tree, inner.here, inner.known)
            case For(kind="some" | "every" as kind, bindings=((name, bound),), result=result):
                told = (
                    self.truth(result, here, known | {name: Bound(Value(one), here, {})})
                    for one in self.nodes(bound, here, known)
                )
                return any(told) if kind == "some" else all(told)
            case Variable(name=name):
                bound_to = known.get(name)
                if bound_to is None or bound_to.tree is None:
                    raise Unknown
                return self.truth(bound_to.tree, bound_to.here, bound_to.known)
            case If(test=test, then=then, other=other):
                return self.truth(then if self.truth(test, here, known) else other, here, known)
            case Call() | Number() | Arithmetic() | For():
                raise Unknown
        found = self.nodes(tree, here, known)
        return bool(found) and found != [""]

    def texts(self, tree: Any, here: Any, known: Known) -> list[str]:
        if isinstance(tree, Call) and tree.name in {"true", "false"}:
            return [tree.name]
        if isinstance(tree, Call) and tree.name == "count":
            return [str(len(self.nodes(tree.arguments[0], here, known)))]
        return [text_of(node) for node in self.nodes(tree, here, known)]

    def _step(self, step: Any, node: Any, known: Known) -> list[Any]:
        if not isinstance(step, Step):
            return self.nodes(step, node, known)
        if isinstance(node, Attribute):
            return [node.element] if step.axis == "parent" else []
        if isinstance(node, str) and node is not TOP:
            return []
        return self.kept(self.along(step, node), step.predicates, known)

    def along(self, step: Step, node: Any) -> list[Any]:
        name = step.name
        if step.axis == "attribute":
            if node is TOP:
                return []
            return [Attribute(node, one) for one in node.attrib if name in {"*", "node()", one}]
        if node is TOP:
            if step.axis == "child":
                return [self.root] if is_named(self.root, name) else []
            if step.axis in {"descendant", "descendant-or-self"}:
                own: list[Any] = [TOP] if name == "node()" and step.axis == "descendant-or-self" else []
                return own + [one for one in self.root.iter() if is_named(one, name)]
            return [TOP] if step.axis == "self" else []
        match step.axis:
            case "child":
                return [one for one in node if is_named(one, name)]
            case "descendant":
                return [one for one in node.iterdescendants() if is_named(one, name)]
            case "descendant-or-self":
                return [one for one in node.iter() if is_named(one, name)]
            case "self":
                return [node] if is_named(node, name) else []
            case "parent":
                above = node.getparent()
                return [TOP] if above is None else [above] if is_named(above, name) else []
            case "ancestor":
                return [one for one in node.iterancestors() if is_named(one, name)]
            case "preceding-sibling":
                return [one for one in node.itersiblings(preceding=True) if is_named(one, name)]
            case "following-sibling":
                return [one for one in node.itersiblings() if is_named(one, name)]
        return []

    def kept(self, found: list[Any], predicates: tuple[Expression, ...], known: Known) -> list[Any]:
        for predicate in predicates:
            if isinstance(predicate, Number):
                at = int(float(predicate.text)) - 1
                found = found[at : at + 1]
                continue
            kept = []
            for node in found:
                try:
                    if self.truth(predicate, node, known):
                        kept.append(node)
                except Unknown:
                    kept.append(node)
            found = kept
        return found

    def _called(self, name: str, arguments: tuple[Any, ...], here: Any, known: Known) -> list[Any]:
        if name in {"current", "current-group"}:
            return [here]
        if name in self.pack.functions:
            inner = self.inside(name, arguments, here, known)
            return [] if inner is None else self.nodes(inner.tree, inner.here, inner.known)
        if name == "concat":
            return ["".join("".join(self.texts(one, here, known)[:1]) for one in arguments)]
        if name == "tokenize" and arguments:
            mark = arguments[1].text if len(arguments) > 1 and isinstance(arguments[1], String) else r"\s+"
            return re.split(mark, " ".join(self.texts(arguments[0], here, known)))
        if name in {"string-length", "substring-after", "substring-before", "substring"}:
            return self._cut(name, arguments, here, known)
        if name not in THROUGH:
            raise Unknown
        texts = self.texts(arguments[0] if arguments else Here(), here, known)
        match name:
            case "normalize-space":
                return [" ".join((texts or [""])[0].split())]
            case "upper-case":
                return [(texts or [""])[0].upper()]
            case "sum":
                return [repr(sum(float(text) for text in texts if is_number(text)))]
            case "abs" | "round" if texts and is_number(texts[0]):
                number = float(texts[0])
                return [repr(abs(number) if name == "abs" else math.floor(number + 0.5))]
            case "distinct-values":
                return list(dict.fromkeys(texts))
        return list(texts)

    def _cut(self, name: str, arguments: tuple[Any, ...], here: Any, known: Known) -> list[str]:
        text = (self.texts(arguments[0] if arguments else Here(), here, known) or [""])[0]
        if name == "string-length":
            return [str(len(text))]
        second = (self.texts(arguments[1], here, known) or [""])[0]
        if name == "substring" and is_number(second):
            start = int(float(second)) - 1
            length = (self.texts(arguments[2], here, known) or ["0"])[0] if len(arguments) > 2 else str(len(text))
            return [text[start : start + int(float(length))]]
        before, _, after = text.partition(second)
        return [after if name == "substring-after" else before if after or second in text else ""]

    def inside(self, name: str, arguments: tuple[Any, ...], here: Any, known: Known) -> Bound | None:
        """The result of a function of the sheet, its parameters bound."""
        function = self.pack.functions[name]
        if function.result is None:
            return None
        inner: Known = dict(self.known)
        for parameter, argument in zip(function.parameters, arguments, strict=False):
            inner[parameter] = Bound(argument, here, known)
        for let, tree in function.lets:
            inner[let] = Bound(tree, here, inner)
        return Bound(function.result, here, inner)

    def found(self, tree: Any, here: Any, known: Known) -> list[Any]:
        try:
            return self.nodes(tree, here, known)
        except Unknown:
            return []

    def texts_found(self, tree: Any, here: Any, known: Known) -> list[str]:
        try:
            return self.texts(tree, here, known)
        except Unknown:
            return []

    def spend(self) -> None:
        self.effort -= 1
        if self.effort < 0:
            raise Spent


def _compared(operator: str, one: str, other: str) -> bool:
    ours: Any
    theirs: Any
    ours, theirs = (float(one), float(other)) if is_number(one) and is_number(other) else (one, other)
    match operator:
        case "eq":
            return bool(ours == theirs)
        case "ne":
            return bool(ours != theirs)
        case "lt":
            return bool(ours < theirs)
        case "le":
            return bool(ours <= theirs)
        case "gt":
            return bool(ours > theirs)
    return bool(ours >= theirs)
