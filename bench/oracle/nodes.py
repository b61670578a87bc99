"""What the mutator works on: elements, attributes as (element, name) pairs, and `TOP`, the document above the root."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from lxml import etree

from pipeline.validators.official.compiled.xpath import Step

TOP = "top"


class Attribute(NamedTuple):
    element: etree._Element
    name: str


@dataclass(frozen=True)
class Bound:
    """What a variable stands for: an expression, with the place and the variables that it is read with."""

    tree: Any
    here: Any
    known: dict[str, "Bound"]


Known = dict[str, Bound]


@dataclass(frozen=True)
class Value:
    """A node or a text in the place of an expression: what a `some` or `every` has in hand."""

    node: Any


class Unknown(Exception):
    """The little evaluator below cannot tell."""


class Spent(Exception):
    """Enough was tried for one expression."""


def path_of(element: etree._Element) -> tuple[str, ...]:
    tags = [element.tag]
    tags += (above.tag for above in element.iterancestors())
    return tuple(reversed(tags))


def without_predicates(step: Any) -> Any:
    return Step(step.axis, step.name) if isinstance(step, Step) else step


def is_named(element: etree._Element, name: str) -> bool:
    if name in {"*", "node()"} or element.tag == name:
        return True
    return name.startswith("*:") and element.tag.rpartition("}")[2] == name[2:]


def is_element(node: Any) -> bool:
    return isinstance(node, etree._Element)


def text_of(node: Any) -> str:
    if isinstance(node, Attribute):
        return node.element.get(node.name) or ""
    if is_element(node):
        return "".join(node.itertext())
    return "" if node is TOP else str(node)


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
