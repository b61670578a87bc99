"""The three forms of a directory: a folder of CSV files, an XLSX workbook, an XML document. Each is read as a stream.

Every table can be read more than once and in any order. Rows come with their line, so that a remark can name it.
"""

import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pipeline.adapters.directory_document import Document
from pipeline.adapters.directory_rows import (
    SERVICE_COLUMNS,
    STRUCTURE_COLUMNS,
    SUPPLIER_COLUMNS,
    DirectoryError,
    Rows,
    ServiceRow,
    StructureRow,
    SupplierRow,
    service_row,
    structure_row,
    supplier_row,
)
from pipeline.adapters.table_files import Column, Line, csv_lines, table
from pipeline.ports import Said

R = TypeVar("R")
BYTES_MAX = 2 * 1024**3  # the public export is 200 MB of XML; ten times that is not a directory
_RIGHT_FORM = Said(
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
        raise DirectoryError(str(path), Said("introuvable", "not found"), _RIGHT_FORM)
    if path.stat().st_size > BYTES_MAX:
        raise DirectoryError(
            path.name,
            Said(f"plus de {BYTES_MAX} octets", f"more than {BYTES_MAX} bytes"),
            Said("vérifier que c'est bien un annuaire", "check that this is a directory"),
        )
    with path.open("rb") as stream:
        head = stream.read(64)
    if head.startswith(b"PK\x03\x04"):
        return Workbook(path)
    if head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\x00", b"").startswith(b"<"):
        return Document(path)
    raise DirectoryError(path.name, Said("forme inconnue", "form not known"), _RIGHT_FORM)


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
                raise DirectoryError(str(path), Said(f"{wanted} absent", f"{wanted} is missing"), _RIGHT_FORM)

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
                    Said(f"{expanded} octets une fois décompressé", f"{expanded} bytes when unpacked"),
                    Said("vérifier que c'est bien un annuaire", "check that this is a directory"),
                )
            self._book: Any = CalamineWorkbook.from_path(str(path))
        except (zipfile.BadZipFile, CalamineError, OSError) as err:
            raise DirectoryError(path.name, Said("classeur illisible", "workbook cannot be read"), _RIGHT_FORM) from err
        self._sheets = {name.strip().lower(): name for name in self._book.sheet_names}
        for wanted in ("structures", "services"):
            if wanted not in self._sheets:
                raise DirectoryError(
                    path.name,
                    Said(f"feuille {wanted} absente", f"sheet {wanted} is missing"),
                    Said("nommer les feuilles structures et services", "name the sheets structures and services"),
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
