"""Changes a document where an expression points: nodes that it asks for are made, found ones taken away or written on.

New elements stand where the schema wants them, with all that it demands of them.
"""

from copy import deepcopy
from typing import Any

from lxml import etree

from bench.oracle import values
from bench.oracle.nodes import TOP, Attribute, Known, is_element, path_of
from bench.oracle.reader import THROUGH, Reader
from bench.oracle.rules import inside
from bench.oracle.schema import Kind
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Filter,
    For,
    Here,
    If,
    Number,
    Path,
    Root,
    Sequence,
    Step,
    String,
    Union,
    Variable,
)

COPIES_MAX = 4


class Builder(Reader):
    """Works on its document in place. What a predicate asks for is the solver's to make."""

    def make(self, tree: Any, here: Any, known: Known, want: bool) -> None:
        raise NotImplementedError

    def stir(self, tree: Any, here: Any, known: Known) -> bool:
        raise NotImplementedError

    def ensure(self, tree: Any, here: Any, known: Known) -> Any:
        """The node that a path leads to, made where it is not there; None where it cannot be made."""
        self.spend()
        match tree:
            case Here():
                return here
            case Root():
                return TOP
            case Path(start=start, steps=steps):
                node = self.ensure(start, here, known)
                goes_down = False
                for step in steps:
                    if node is None:
                        return None
                    if isinstance(step, Step) and step.axis == "descendant-or-self" and step.name == "node()":
                        goes_down = True
                        continue
                    if goes_down and isinstance(step, Step) and step.axis == "child":
                        step = Step("descendant", step.name, step.predicates)
                    if goes_down and isinstance(step, Step) and step.axis == "attribute":
                        node = self._bearer(step.name)
                    goes_down = False
                    node = self.ensure(step, node, known)
                return node
            case Step():
                return self._ensure_step(tree, here, known)
            case Filter(of=of, predicates=predicates):
                node = self.ensure(of, here, known)
                if node is not None:
                    for predicate in predicates:
                        self.make(predicate, node, known, True)
                return node
            case Variable(name=name):
                bound = known.get(name)
                return None if bound is None else self.ensure(bound.tree, bound.here, bound.known)
            case Union(parts=parts) | Sequence(items=parts) if parts:
                possible = [part for part in parts if self.is_possible(part, here)] or list(parts)
                return self.ensure(self.random.choice(possible), here, known)
            case Call(name="current"):
                return here
            case Call(name=name, arguments=arguments) if name in self.pack.functions:
                return self.ensure(arguments[0], here, known) if arguments else None
            case Call(arguments=arguments) if arguments:
                return self.ensure(
                    self.random.choice(arguments) if tree.name == "concat" else arguments[0], here, known
                )
            case Cast(of=of):
                return self.ensure(of, here, known)
            case If(then=then, other=other):
                return self.ensure(self.random.choice((then, other)), here, known)
            case Arithmetic(left=left, right=right):
                return self.ensure(self.random.choice((left, right)), here, known)
        return None

    def _bearer(self, attribute: str) -> etree._Element:
        """An element that may have this attribute by the schema, if there is one."""
        everywhere = list(self.root.iter())
        self.random.shuffle(everywhere)
        kinds = ((one, self.model.at(path_of(one))) for one in everywhere[:40])
        return next((one for one, kind in kinds if kind is not None and attribute in kind.attributes), everywhere[0])

    def is_possible(self, part: Any, here: Any) -> bool:
        """Could this path lead anywhere in a document of this root?"""
        if isinstance(part, Path) and isinstance(part.start, Root) and part.steps and isinstance(part.steps[0], Step):
            first = part.steps[0]
            return first.axis != "child" or first.name in {"*", self.root.tag}
        if isinstance(part, Path) and part.steps and isinstance(part.steps[0], Step) and part.steps[0].axis == "child":
            kind = None if here is TOP or not is_element(here) else self.model.at(path_of(here))
            return kind is None or part.steps[0].name in kind.children or part.steps[0].name == "*"
        return True

    def _ensure_step(self, step: Step, node: Any, known: Known) -> Any:
        if isinstance(node, Attribute):
            return node.element if step.axis == "parent" else node if step.axis == "self" else None
        if isinstance(node, str) and node is not TOP:
            return None
        random = self.random
        bare = Step(step.axis, step.name)
        there = self.along(bare, node)
        kept = self.kept(there, step.predicates, known)
        if kept:
            return random.choice(kept[:3])
        found = random.choice(there[:3]) if there and random.random() < 0.6 else self._new(step, node)
        if found is not None and found is not TOP:
            for predicate in step.predicates:
                self.make(predicate, found, known, True)
        return found

    def _new(self, step: Step, node: Any) -> Any:
        match step.axis:
            case "child":
                if node is TOP:
                    return self.root if step.name in {"*", self.root.tag} else None
                return self.add(node, self._some_child(node) if step.name == "*" else step.name)
            case "attribute":
                if node is TOP or step.name == "*":
                    return None
                return self._attribute(node, step.name)
            case "descendant" | "descendant-or-self":
                start = () if node is TOP else path_of(node)
                at = node
                if node is TOP:
                    start, at = (self.root.tag,), self.root
                if "*" in step.name or step.name == "node()":
                    ends = _ends(step)
                    tags = self.model.ending(ends[0]) if ends else ()
                    if not tags:
                        return at
                    step = Step("descendant", self.random.choice(tags))
                ways = self.model.ways(start, step.name)
                if not ways:
                    return self.add(at, step.name)
                way = ways[min(int(self.random.expovariate(1.2)), len(ways) - 1)]
                for tag in way[:-1]:
                    below = [one for one in at if one.tag == tag]
                    at = self.random.choice(below) if below else self.add(at, tag)
                return self.add(at, way[-1])
        return None

    def _some_child(self, node: etree._Element) -> str:
        kind = self.model.at(path_of(node))
        return self.random.choice(list(kind.children)) if kind is not None and kind.children else "x"

    def add(self, parent: etree._Element, tag: str) -> etree._Element | None:
        """A new child, where the schema wants it, with all that the schema demands of it."""
        self.spend()
        if tag.startswith("*:"):
            kind = self.model.at(path_of(parent))
            tag = next((one for one in (kind.children if kind else ()) if one.endswith("}" + tag[2:])), tag[2:])
        try:
            new = parent.makeelement(tag)
        except ValueError:
            return None
        above = self.model.at(path_of(parent))
        if above is not None and tag in above.order:
            rank = above.order[tag]
            at = sum(1 for one in parent if above.order.get(one.tag, -1) <= rank)
            parent.insert(at, new)
            self.furnish(new, above.children[tag])
        else:
            parent.append(new)
            new.text = self.random.choice(("1", "x", "0.00"))
        if parent.text is not None and not parent.text.strip():
            parent.text = None
        return new

    def furnish(self, element: etree._Element, kind: Kind) -> None:
        """Give a new element its needed children, its needed attributes and a value."""
        for one in kind.attributes.values():
            if one.is_required:
                element.set(one.name, values.usual_attribute(one.name, one.listed, self.random))
        if kind.base:
            element.text = values.usual(kind, self.random)
        for child in kind.children.values():
            if child.is_needed:
                below = etree.SubElement(element, child.tag)
                self.furnish(below, child)

    def _attribute(self, element: etree._Element, name: str) -> Attribute:
        kind = self.model.at(path_of(element))
        declared = kind.attributes.get(name) if kind is not None else None
        element.set(name, values.usual_attribute(name, declared.listed if declared else (), self.random))
        return Attribute(element, name)

    def remove(self, tree: Any, here: Any, known: Known) -> None:
        """Take away what a path finds, or now and then only what one of its predicates asks for."""
        if isinstance(tree, Path) and self.random.random() < 0.25:
            asked = [(at, step) for at, step in enumerate(tree.steps) if isinstance(step, Step) and step.predicates]
            if asked:
                at, step = self.random.choice(asked)
                bare = Path(tree.start, (*tree.steps[:at], Step(step.axis, step.name)))
                for node in self.found(bare, here, known)[:COPIES_MAX]:
                    self.make(self.random.choice(step.predicates), node, known, False)
                return
        for node in self.found(tree, here, known):
            self.delete(node)

    def delete(self, node: Any) -> None:
        if isinstance(node, Attribute):
            if node.name in node.element.attrib:
                del node.element.attrib[node.name]
        elif is_element(node) and node.getparent() is not None:
            node.getparent().remove(node)

    def copy(self, element: etree._Element) -> etree._Element:
        new = deepcopy(element)
        new.tail = None
        element.addnext(new)
        return new

    def write(self, tree: Any, here: Any, known: Known, text: str) -> bool:
        """Make the expression give this text; says whether there was something to write on."""
        self.spend()
        match tree:
            case Call(name=name, arguments=(one, *_)) if name in THROUGH:
                return self.write(one, here, known, text)
            case Call(name="substring", arguments=(one, start, *_)):
                before = "0" * (int(float(start.text)) - 1) if isinstance(start, Number) else ""
                return self.write(one, here, known, before + text + "0000"[: self.random.randint(0, 4)])
            case Call(name="substring-after", arguments=(one, String(text=mark), *_)):
                return self.write(one, here, known, "1" + mark + text)
            case Call(name="substring-before", arguments=(one, String(text=mark), *_)):
                return self.write(one, here, known, text + mark + "1")
            case Call(name="concat", arguments=arguments):
                inner = [one for one in arguments if not isinstance(one, String)]
                return bool(inner) and self.write(inner[0], here, known, text.strip())
            case Cast(of=of):
                return self.write(of, here, known, text)
            case Variable(name=name):
                bound = known.get(name)
                return bound is not None and self.write(bound.tree, bound.here, bound.known, text)
            case Call(name=name, arguments=arguments) if name in self.pack.functions:
                inner_result = self.inside(name, arguments, here, known)
                return inner_result is not None and self.write(
                    inner_result.tree, inner_result.here, inner_result.known, text
                )
            case If(then=then, other=other):
                return self.write(self.random.choice((then, other)), here, known, text)
            case Arithmetic(left=left, right=right):
                return self.write(left if has_path(left) else right, here, known, text)
            case For():
                return self.stir(tree, here, known)
            case String() | Number() | None:
                return False
        node = self.ensure(tree, here, known)
        return self.set(node, text)

    def set(self, node: Any, text: str) -> bool:
        """Write a value on a node; an element that holds others loses nothing, it passes it to the first leaf below."""
        if isinstance(node, Attribute):
            node.element.set(node.name, text)
            return True
        if not is_element(node):
            return False
        while len(node):
            node = node[0]
        node.text = text
        return True


def _ends(step: Step) -> list[str]:
    """What a name must end with, where the predicates of a step say so."""
    asked = [one for one in inside(step.predicates) if isinstance(one, Call) and one.name == "ends-with"]
    return [one.arguments[1].text for one in asked if isinstance(one.arguments[1], String)]


def has_path(tree: Any) -> bool:
    return any(isinstance(one, Path | Step | Here) for one in inside(tree))
