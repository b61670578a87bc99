"""The three forms of a directory: a folder of CSV files, an XLSX workbook, an XML document. Each is read as a stream.

Every table can be read more than once and in any order. Rows come with their line, so that a remark can name it.
"""

import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from lxml import etree

from pipeline.adapters.directory_rows import (
    SERVICE_COLUMNS,
    STRUCTURE_COLUMNS,
    SUPPLIER_COLUMNS,
    DirectoryError,
    ServiceRow,
    StructureRow,
    SupplierRow,
    service_row,
    structure_row,
    supplier_row,
)
from pipeline.adapters.table_files import Column, Layout, Line, Sentence, csv_lines, table
from pipeline.values import parse_iso_day

R = TypeVar("R")
Rows = Iterator[tuple[int, R]]
BYTES_MAX = 2 * 1024**3  # the public export is 200 MB of XML; ten times that is not a directory
_RIGHT_FORM = Sentence(
    "donner un dossier (structures.csv, services.csv), un classeur .xlsx ou un fichier .xml",
    "give a folder (structures.csv, services.csv), an .xlsx workbook or an .xml file",
)


class Form(Protocol):
    """One directory as it lies on the disk. `day` is the date it gives itself, if any."""

    name: str
    day: date | None

    def structures(self) -> Rows[StructureRow]: ...

    def services(self) -> Rows[ServiceRow]: ...

    def suppliers(self) -> Rows[SupplierRow] | None:
        """None where the directory comes without a supplier table."""
        ...


def form_of(path: Path) -> Form:
    """Recognise a directory by what it is, not by its name."""
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise DirectoryError(str(path), Sentence("introuvable", "not found"), _RIGHT_FORM)
    if path.stat().st_size > BYTES_MAX:
        raise DirectoryError(
            path.name,
            Sentence(f"plus de {BYTES_MAX} octets", f"more than {BYTES_MAX} bytes"),
            Sentence("vérifier que c'est bien un annuaire", "check that this is a directory"),
        )
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(b"PK\x03\x04"):
        return Workbook(path)
    if head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"").startswith(b"<"):
        return Document(path)
    raise DirectoryError(path.name, Sentence("forme inconnue", "form not known"), _RIGHT_FORM)


def _typed(rows: Iterator[tuple[int, list[object]]], make: Callable[[list[object]], R]) -> Rows[R]:
    return ((line, make(values)) for line, values in rows)


class Folder:
    """`structures.csv`, `services.csv` and, where it is there, `suppliers.csv`."""

    day: date | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = path.name
        for wanted in ("structures.csv", "services.csv"):
            if not (path / wanted).is_file():
                raise DirectoryError(str(path), Sentence(f"{wanted} absent", f"{wanted} is missing"), _RIGHT_FORM)

    def structures(self) -> Rows[StructureRow]:
        return _typed(self._table("structures.csv", STRUCTURE_COLUMNS), structure_row)

    def services(self) -> Rows[ServiceRow]:
        return _typed(self._table("services.csv", SERVICE_COLUMNS), service_row)

    def suppliers(self) -> Rows[SupplierRow] | None:
        if not (self._path / "suppliers.csv").is_file():
            return None
        return _typed(self._table("suppliers.csv", SUPPLIER_COLUMNS), supplier_row)

    def _table(self, file: str, columns: tuple[Column, ...]) -> Iterator[tuple[int, list[object]]]:
        return table(file, csv_lines(self._path / file, DirectoryError), columns, DirectoryError)


class Workbook:
    """Sheets `structures`, `services` and, where it is there, `suppliers`; every value read as text."""

    day: date | None = None

    def __init__(self, path: Path) -> None:
        from python_calamine import CalamineError, CalamineWorkbook

        self.name = path.name
        try:
            with zipfile.ZipFile(path) as archive:
                expanded = sum(entry.file_size for entry in archive.infolist())
            if expanded > BYTES_MAX:
                raise DirectoryError(
                    path.name,
                    Sentence(f"{expanded} octets une fois décompressé", f"{expanded} bytes when unpacked"),
                    Sentence("vérifier que c'est bien un annuaire", "check that this is a directory"),
                )
            self._book: Any = CalamineWorkbook.from_path(str(path))
        except (zipfile.BadZipFile, CalamineError, OSError) as err:
            raise DirectoryError(
                path.name, Sentence("classeur illisible", "workbook cannot be read"), _RIGHT_FORM
            ) from err
        self._sheets = {name.strip().lower(): name for name in self._book.sheet_names}
        for wanted in ("structures", "services"):
            if wanted not in self._sheets:
                raise DirectoryError(
                    path.name,
                    Sentence(f"feuille {wanted} absente", f"sheet {wanted} is missing"),
                    Sentence("nommer les feuilles structures et services", "name the sheets structures and services"),
                )

    def structures(self) -> Rows[StructureRow]:
        return _typed(self._table("structures", STRUCTURE_COLUMNS), structure_row)

    def services(self) -> Rows[ServiceRow]:
        return _typed(self._table("services", SERVICE_COLUMNS), service_row)

    def suppliers(self) -> Rows[SupplierRow] | None:
        if "suppliers" not in self._sheets:
            return None
        return _typed(self._table("suppliers", SUPPLIER_COLUMNS), supplier_row)

    def _table(self, sheet: str, columns: tuple[Column, ...]) -> Iterator[tuple[int, list[object]]]:
        return table(f"{self.name}, {sheet}", self._lines(sheet), columns, DirectoryError)

    def _lines(self, name: str) -> Iterator[Line]:
        sheet = self._book.get_sheet_by_name(self._sheets[name])
        for number, cells in enumerate(sheet.iter_rows(), 1):
            if any(cell != "" for cell in cells):
                yield Line(number, [cell if type(cell) is str else _cell_text(cell) for cell in cells])


def _cell_text(cell: object) -> str:
    """What a person sees in a cell. A SIRET kept as a number comes as 12345678200051.0: exact, as it has 14 digits."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else str(cell)
    return str(cell)


class Document:
    """`<annuaire date="AAAA-MM-JJ">`, a `<structure>` per row, its `<service>` elements nested; no suppliers in it."""

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
                Sentence(f"date {given[:40]!r} illisible", f"date {given[:40]!r} cannot be read"),
                Sentence("écrire AAAA-MM-JJ", "write YYYY-MM-DD"),
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
                Sentence(f"élément <{element.tag}> inconnu", f"element <{element.tag}> is not known"),
                Sentence("un <structure> par ligne sous <annuaire>", "one <structure> per row below <annuaire>"),
                line=_line_of(element),
            )

    def _events(self) -> Iterator[tuple[str, etree._Element]]:
        """The start of the root first, then the events of structures. No DOCTYPE, no entity, nothing fetched."""
        wrong = Sentence("XML mal formé", "malformed XML")
        wanted = Sentence("donner le fichier <annuaire> complet", "give the whole <annuaire> file")
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
                            Sentence("DOCTYPE refusé", "DOCTYPE is refused"),
                            Sentence("retirer la déclaration", "take the declaration out"),
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
                    Sentence(f"{wrong.fr} ({err.msg})", f"{wrong.en} ({err.msg})"),
                    wanted,
                    line=err.lineno or 0,
                ) from err
        raise DirectoryError(
            self.name, Sentence("la racine n'est pas <annuaire>", "the root is not <annuaire>"), wanted
        )


def _line_of(element: Any) -> int:
    return int(element.sourceline or 0)


def _layout(name: str, columns: tuple[Column, ...]) -> Layout:
    return Layout(name, columns, (), 0, DirectoryError)
