"""What may stand where in a document, read from its XSD: children in their order, attributes, what a value looks like.

xmlschema reads the schema; a `Kind` is one declaration as the generator needs it. Kinds are made when first asked for:
the types of UBL contain one another without end.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from pipeline.adapters.artefacts import Artefacts

ROOTS = {"cii": "CrossIndustryInvoice", "ubl-invoice": "Invoice", "ubl-creditnote": "CreditNote"}
_DEPTH_MAX = 7  # of the places found for a name: rules go no deeper
_PLACES_MAX = 12


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute: may it be left out, and the values it may take, if they are listed."""

    name: str
    is_required: bool
    listed: tuple[str, ...]


class Kind:
    """One declared element. Two elements of one name below different parents may be of different kinds."""

    def __init__(self, declared: Any, *, is_needed: bool) -> None:
        self.tag: str = declared.name
        self.is_needed = is_needed  # the parent must hold one
        self.is_single: bool = declared.max_occurs == 1
        self._type = declared.type

    @cached_property
    def children(self) -> Mapping[str, "Kind"]:
        """The kinds below, by tag, in the order of the schema."""
        if self._type.is_simple() or self._type.has_simple_content():
            return {}
        return {kind.tag: kind for kind in _kinds(self._type.content, is_needed=True)}

    @cached_property
    def order(self) -> Mapping[str, int]:
        return {tag: rank for rank, tag in enumerate(self.children)}

    @cached_property
    def attributes(self) -> Mapping[str, Attribute]:
        if self._type.is_simple():
            return {}
        return {
            name: Attribute(name, declared.use == "required", _listed(declared.type))
            for name, declared in self._type.attributes.items()
            if name and declared.use != "prohibited"
        }

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The values that a text may take, where the schema lists them."""
        return _listed(self._simple) if self._simple is not None else ()

    @cached_property
    def base(self) -> str:
        """The XSD type under the text: `decimal`, `date`, `string`; empty where the element holds elements."""
        if self._simple is None:
            return ""
        primitive = getattr(self._simple, "primitive_type", None)
        return primitive.local_name if primitive is not None else "string"

    @property
    def _simple(self) -> Any:
        if self._type.is_simple():
            return self._type
        return self._type.content if self._type.has_simple_content() else None


def _kinds(group: Any, *, is_needed: bool) -> Iterator[Kind]:
    """The elements of a model group; of a choice only the first counts as needed."""
    for rank, part in enumerate(group):
        needed = is_needed and part.min_occurs > 0 and (group.model != "choice" or rank == 0)
        if hasattr(part, "model"):
            yield from _kinds(part, is_needed=needed)
        elif getattr(part, "name", None):  # a wildcard has none
            yield Kind(part, is_needed=needed)


def _listed(simple: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in simple.enumeration or () if value is not None)


class Model:
    """The schema of one root element."""

    def __init__(self, schema: str) -> None:
        from xmlschema import XMLSchema10

        self.schema = schema
        path = Artefacts().schema(schema)
        read = XMLSchema10(str(path), allow="local", base_url=str(path.parent))
        self.root = Kind(read.elements[ROOTS[schema]], is_needed=True)
        self._at: dict[tuple[str, ...], Kind | None] = {(self.root.tag,): self.root}
        self._ending: dict[str, tuple[str, ...]] = {}
        self._ways: dict[tuple[tuple[str, ...], str], tuple[tuple[str, ...], ...]] = {}

    def at(self, path: tuple[str, ...]) -> Kind | None:
        """The kind of the element with these tags from the root down; None where the schema has no such place."""
        if path not in self._at:
            above = self.at(path[:-1]) if len(path) > 1 else None
            self._at[path] = None if above is None else above.children.get(path[-1])
        return self._at[path]

    def ways(self, start: tuple[str, ...], tag: str) -> tuple[tuple[str, ...], ...]:
        """Some ways down from a place to elements of a name, the shortest first; without the place itself."""
        if (start, tag) not in self._ways:
            self._ways[start, tag] = tuple(self._search(start, tag))
        return self._ways[start, tag]

    def ending(self, end: str) -> tuple[str, ...]:
        """Names of elements that end so, as far down as rules go."""
        if end not in self._ending:
            found = {self.root.tag: None}
            ways: list[tuple[str, ...]] = [(self.root.tag,)]
            for way in ways:
                kind = self.at(way)
                for child in kind.children if kind is not None else ():
                    if child not in found:
                        found[child] = None
                        if len(way) < _DEPTH_MAX:
                            ways.append((*way, child))
            self._ending[end] = tuple(tag for tag in found if tag.endswith(end))
        return self._ending[end]

    def _search(self, start: tuple[str, ...], tag: str) -> Iterator[tuple[str, ...]]:
        found = 0
        queue: deque[tuple[str, ...]] = deque([()])
        while queue and found < _PLACES_MAX:
            way = queue.popleft()
            kind = self.at(start + way)
            if kind is None:
                continue
            for child in kind.children:
                if child == tag:
                    found += 1
                    yield (*way, child)
                if len(way) + 1 < _DEPTH_MAX and child not in way:
                    queue.append((*way, child))


@cache
def model(schema: str) -> Model:
    """The model of `cii`, `ubl-invoice` or `ubl-creditnote`, read once per process."""
    return Model(schema)
