"""A document in the form that compiled rules read: one walk over the tree of the parse, shared by all packs.

A node is a list, the cheapest record there is: its text, its children by name, its place, the index of its parent, its
own index. Indexes follow the order of the document; node 0 is the document itself. Nothing points upwards, so that a
document is freed at once when it is done.
"""

import re
from collections.abc import Iterator
from sys import intern
from typing import Any

from lxml import etree

TEXT, CHILDREN, PLACE, PARENT, INDEX = range(5)
Node = list[Any]

NONE: tuple[()] = ()
_PLACES_MAX = 20_000  # the schemas allow more paths than that, an honest day of invoices some hundreds
_NO_CHILDREN: dict[str, list[Node]] = {}


class Place:
    """Where nodes stand: the names from the root down. One for each path, kept for all documents of the process."""

    __slots__ = ("below", "local", "path", "tag", "tags")

    def __init__(self, tags: tuple[str, ...]) -> None:
        self.tags = tags
        self.tag = tags[-1] if tags else ""
        self.local = self.tag.rpartition("}")[2]
        self.path = path_of(tags)
        self.below: dict[str, Place] = {}


def path_of(tags: tuple[str, ...]) -> str:
    """The key of a place.

    >>> path_of(("{urn:a}Invoice", "{urn:b}ID"))
    '{urn:a}Invoice/{urn:b}ID'
    """
    return intern("/".join(tags))


class _Places:
    """The root of all places, begun anew when hostile names have made too many of them."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.root = Place(())
        self.count = 0

    def under(self, place: Place, tag: str) -> Place:
        new = place.below[tag] = Place((*place.tags, intern(tag)))
        self.count += 1
        return new


_PLACES = _Places()


class Document:
    """The nodes of one document, and what is worked out once for it.

    `at` holds the nodes of each path, `memo` what expressions gave that depend on nothing but the document.
    """

    __slots__ = ("_attributes", "_named", "_paths", "_ranks", "at", "elements", "nodes", "numbers", "places", "top")

    def __init__(self, tree: etree._ElementTree) -> None:
        if _PLACES.count > _PLACES_MAX:
            _PLACES.begin()
        root = tree.getroot()
        self.top: Node = [None, {}, _PLACES.root, -1, 0]
        self.nodes: list[Node] = [self.top]
        self.elements: list[Any] = [None]
        self.at: dict[str, list[Node]] = {}
        self.places: dict[str, Place] = {}
        self.numbers: dict[str, Any] = {}
        self._attributes: dict[str, list[str]] | None = None
        self._named: dict[str, list[Node]] = {}
        self._paths: dict[str, list[str]] = {}
        self._ranks: dict[int, int] = {}
        self._fill([root], self.top)

    def _fill(self, elements: Any, parent: Node) -> None:
        nodes, kept, at = self.nodes, self.elements, self.at
        # a stack of our own: a hostile document may be deeper than Python recurses
        stack = [(iter(elements), parent)]
        while stack:
            children, parent = stack[-1]
            place, found, above = parent[2], parent[1], parent[4]
            below = place.below
            for element in children:
                tag = element.tag
                here = below.get(tag)
                if here is None:
                    here = _PLACES.under(place, tag)
                inner = len(element)
                node = [None if inner else element.text or "", {} if inner else _NO_CHILDREN, here, above, len(nodes)]
                nodes.append(node)
                kept.append(element)
                tag = here.tag
                if tag in found:
                    found[tag].append(node)
                else:
                    found[tag] = [node]
                path = here.path
                if path in at:
                    at[path].append(node)
                else:
                    at[path] = [node]
                    self.places[path] = here
                if inner:
                    stack.append((iter(element), node))
                    break
            else:
                stack.pop()

    def text(self, node: Node) -> str:
        """The string value of a node with children: of those that have none it is at hand."""
        element = self.elements[node[4] or 1]
        node[0] = text = "".join(element.itertext())
        return text

    def named(self, tag: str) -> list[Node]:
        """All elements of a name (`*`: all), in the order of the document."""
        found = self._named.get(tag)
        if found is None:
            if tag == "*":
                found = self.nodes[1:]
            else:
                if not self._paths:
                    for path, place in self.places.items():
                        self._paths.setdefault(place.tag, []).append(path)
                several = [self.at[path] for path in self._paths.get(tag, ())]
                found = several[0] if len(several) == 1 else sorted((n for one in several for n in one), key=_index)
            self._named[tag] = found
        return found

    def attributes(self, name: str) -> list[str]:
        """The values of all attributes of a name, in the order of the document."""
        if self._attributes is None:
            self._attributes = {}
            for element in self.elements[1:]:
                for key, value in element.items():
                    self._attributes.setdefault(key, []).append(value)
        return self._attributes.get(name, [])

    def attribute(self, node: Node, name: str) -> str | None:
        value: str | None = self.elements[node[4]].get(name) if node[4] else None
        return value

    def name(self, node: Node) -> str:
        """The name as the document writes it, with its prefix."""
        if not node[4]:
            return ""
        prefix = self.elements[node[4]].prefix
        return f"{prefix}:{node[2].local}" if prefix else node[2].local

    def location(self, node: Node) -> str:
        """The XPath that the sheets write: each step by its local name, its namespace and its rank among namesakes."""
        steps = []
        while node[4]:
            uri, _, local = node[2].tag.rpartition("}")
            name = f"*:{local}[namespace-uri()='{uri[1:]}']" if uri else local
            steps.append(f"/{name}[{self._rank(node)}]")
            node = self.nodes[node[3]]
        return "".join(reversed(steps))

    def _rank(self, node: Node) -> int:
        rank = self._ranks.get(node[4])
        if rank is None:
            for rank, namesake in enumerate(self.nodes[node[3]][1][node[2].tag], 1):
                self._ranks[namesake[4]] = rank
            rank = self._ranks[node[4]]
        return rank

    def above(self, node: Node) -> Iterator[Node]:
        """The elements around a node, the innermost first."""
        while node[3] > 0:
            node = self.nodes[node[3]]
            yield node


def _index(node: Node) -> int:
    index: int = node[4]
    return index


BLANKS = " \t\r\n"
_BLANKS = re.compile(r"[ \t\r\n]+")


def normalized(text: str) -> str:
    """`normalize-space`: of Unicode's blanks only the four of XML count."""
    if text.isascii():  # XML has no other ASCII blanks
        return " ".join(text.split())
    return _BLANKS.sub(" ", text).strip(BLANKS)
