"""Where a hit stands in the issuer's file: the XPath of a sheet, followed and written as people read it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from pipeline.ports import XmlDocument
from pipeline.readers.walk import STEPS, source_line
from pipeline.validators.rule import shown

_STEP = re.compile(
    r"/(?:\*:(?P<local>[^\[/]+)\[namespace-uri\(\)='(?P<uri>[^']*)'\]|(?P<plain>[^@\[/*][^\[/]*))\[(?P<rank>[0-9]+)\]"
    r"|/@(?:\*\[local-name\(\)='(?P<attribute>[^']*)' and namespace-uri\(\)='(?P<attribute_uri>[^']*)'\]"
    r"|(?P<own>[^\[/]+))"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hit is in the issuer's file, as people read it. `line` is 0 and `value` empty where nothing tells."""

    path: str
    line: int = 0
    value: str = ""


class Document:
    """The document a pack ran on, to find places in. Its tree is that of the original file: lines are the issuer's."""

    def __init__(self, document: XmlDocument) -> None:
        if document.tree is None:
            raise ValueError("a document without a tree has no places")
        self._root = document.tree.getroot()
        self._children: dict[tuple[etree._Element, str], Sequence[etree._Element]] = {}

    def place(self, location: str) -> Place:
        """Follow the XPath of a sheet; a step carries its rank only where the element has namesakes beside it.

        What does not have the shape that all the sheets write is shown as it stands.
        """
        element, path, end = None, "", 0
        for step in _STEP.finditer(location):
            if step.start() != end:
                return Place(location)
            end = step.end()
            if step["attribute"] or step["own"]:
                name = step["attribute"] or step["own"]
                value = "" if element is None else element.get(_clark(step["attribute_uri"], name), "")
                return self._place(f"{path}/@{name}", element, value)
            namesakes = self._namesakes(element, step)
            rank = int(step["rank"])
            if rank > len(namesakes):
                return Place(location)
            element = namesakes[rank - 1]
            path += f"/{_shown(element)}" + (f"[{rank}]" if len(namesakes) > 1 else "")
        if element is None or end != len(location):
            return Place(location)
        return self._place(path, element, "" if len(element) else (element.text or "").strip())

    def holding(self, value: str) -> Place | None:
        """The first element whose text is this value."""
        wanted = value.strip()
        for element in self._root.iter(etree.Element):
            if len(element) == 0 and (element.text or "").strip() == wanted:
                steps = [*reversed([*element.iterancestors()]), element]
                return self._place("".join(f"/{_shown_with_rank(step)}" for step in steps), element, wanted)
        return None

    def _place(self, path: str, element: etree._Element | None, value: str) -> Place:
        line = 0 if element is None else source_line(element)
        return Place(path, line, shown(value))

    def _namesakes(self, parent: etree._Element | None, step: re.Match[str]) -> Sequence[etree._Element]:
        tag = _clark(step["uri"], step["local"] or step["plain"])
        if parent is None:
            return [self._root] if self._root.tag == tag else []
        if (parent, tag) not in self._children:  # thousands of hits may stand under one parent
            self._children[parent, tag] = parent.findall(tag)
        return self._children[parent, tag]


def _clark(uri: str | None, local: str) -> str:
    return f"{{{uri}}}{local}" if uri else local


def _shown(element: etree._Element) -> str:
    step = STEPS[element.tag]
    if not step.startswith("{"):
        return step
    name = step.rpartition("}")[2]
    return f"{element.prefix}:{name}" if element.prefix else name


def _shown_with_rank(element: etree._Element) -> str:
    before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
    is_alone = not before and next(element.itersiblings(element.tag), None) is None
    return _shown(element) if is_alone else f"{_shown(element)}[{before + 1}]"
