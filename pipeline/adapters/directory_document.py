"""A directory as one XML document, read as a stream: `<annuaire date="AAAA-MM-JJ">`, a `<structure>` per row."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from lxml import etree

from pipeline.adapters.directory_rows import (
    SERVICE_COLUMNS,
    STRUCTURE_COLUMNS,
    DirectoryError,
    Rows,
    ServiceRow,
    StructureRow,
    SupplierRow,
    service_row,
    structure_row,
)
from pipeline.adapters.table_files import Column, Layout, Line
from pipeline.ports import Said
from pipeline.values import parse_iso_day


class Document:
    """The columns are child elements; a structure's `<service>` elements are nested in it. No suppliers here."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        self.day = self._read_day()

    def structures(self) -> Rows[StructureRow]:
        layout: tuple[tuple[str, ...], Layout] = ((), _layout(self.name, STRUCTURE_COLUMNS))
        for element in self._elements():
            pairs = [(child.tag, child.text or "") for child in element if child.tag != "service"]
            line, layout = self._line(element, pairs, STRUCTURE_COLUMNS, layout)
            yield line.number, structure_row(layout[1].values(line))

    def services(self) -> Rows[ServiceRow]:
        layout: tuple[tuple[str, ...], Layout] = ((), _layout(self.name, SERVICE_COLUMNS))
        for element in self._elements():
            for service in element.iterchildren("service"):
                pairs = [("Identifiant", element.findtext("Identifiant") or "")]
                pairs += [(child.tag, child.text or "") for child in service if child.tag != "Identifiant"]
                line, layout = self._line(service, pairs, SERVICE_COLUMNS, layout)
                yield line.number, service_row(layout[1].values(line))

    def suppliers(self) -> Rows[SupplierRow] | None:
        return None

    def _line(
        self,
        element: etree._Element,
        pairs: list[tuple[str, str]],
        columns: tuple[Column, ...],
        layout: tuple[tuple[str, ...], Layout],
    ) -> tuple[Line, tuple[tuple[str, ...], Layout]]:
        """Elements of a row may stand in any order; as long as it stays the same, the header is looked up once."""
        number = _line_of(element)
        names = tuple(name for name, _ in pairs)
        if names != layout[0]:
            layout = names, Layout.of(self.name, names, columns, DirectoryError, number)
        return Line(number, [value for _, value in pairs]), layout

    def _read_day(self) -> date | None:
        _, root = next(self._events())
        given = root.get("date")
        if given is None:
            return None
        day = parse_iso_day(given)
        if day is None:
            raise DirectoryError(
                self.name,
                Said(f"date {given[:40]!r} illisible", f"date {given[:40]!r} cannot be read"),
                Said("écrire AAAA-MM-JJ", "write YYYY-MM-DD"),
                line=_line_of(root),
                column="date",
            )
        return day

    def _elements(self) -> Iterator[etree._Element]:
        """Each structure in turn; those before it are taken out of the tree, so that memory stays flat."""
        events = self._events()
        _, root = next(events)
        for event, element in events:
            if event == "end" and element.tag == "structure" and element.getparent() is root:
                self._forget_before(element, root)
                yield element
        for left in root:
            self._must_be_structure(left)

    def _forget_before(self, element: etree._Element, root: etree._Element) -> None:
        while element.getprevious() is not None:
            self._must_be_structure(root[0])
            del root[0]

    def _must_be_structure(self, element: etree._Element) -> None:
        if element.tag != "structure":
            raise DirectoryError(
                self.name,
                Said(f"élément <{element.tag}> inconnu", f"element <{element.tag}> is not known"),
                Said("un <structure> par ligne sous <annuaire>", "one <structure> per row below <annuaire>"),
                line=_line_of(element),
            )

    def _events(self) -> Iterator[tuple[str, etree._Element]]:
        """The start of the root first, then the events of structures. No DOCTYPE, no entity, nothing fetched."""
        wrong = Said("XML mal formé", "malformed XML")
        wanted = Said("donner le fichier <annuaire> complet", "give the whole <annuaire> file")
        with self._path.open("rb") as stream:
            events = etree.iterparse(
                stream,
                events=("start", "end"),
                tag=("annuaire", "structure"),
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            )
            try:
                is_first = True
                for event, element in events:
                    if is_first and (element.tag != "annuaire" or element.getparent() is not None):
                        break
                    if is_first and element.getroottree().docinfo.doctype:
                        raise DirectoryError(
                            self.name,
                            Said("DOCTYPE refusé", "DOCTYPE is refused"),
                            Said("retirer la déclaration", "take the declaration out"),
                            line=1,
                        )
                    is_first = False
                    yield event, element
                else:
                    if not is_first:
                        return
            except etree.XMLSyntaxError as err:
                raise DirectoryError(
                    self.name,
                    Said(f"{wrong.fr} ({err.msg})", f"{wrong.en} ({err.msg})"),
                    wanted,
                    line=err.lineno or 0,
                ) from err
        raise DirectoryError(self.name, Said("la racine n'est pas <annuaire>", "the root is not <annuaire>"), wanted)


def _line_of(element: Any) -> int:
    return int(element.sourceline or 0)


def _layout(name: str, columns: tuple[Column, ...]) -> Layout:
    return Layout(name, columns, (), 0, DirectoryError)
