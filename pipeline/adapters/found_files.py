"""Invoices that were found, as a file for a spreadsheet or a program, row by row: never all of them in memory.

What a stranger wrote goes through `returns.spreadsheet.cell` in both formats: it is a text there, and stays one when a
person edits the cell or saves the table as CSV.
"""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.adapters.local_drop import rename_new
from pipeline.returns.spreadsheet import BOM, cell, decimal
from pipeline.search.columns import COLUMNS, Column, Kind, Value, as_json, language
from pipeline.search.found import FoundInvoice

SHEET_ROWS = 1_000_000  # a sheet ends at 1,048,576
_DIGITS_MAX = 15  # what a spreadsheet keeps of a number
_FIRST_YEAR = 1900  # of a day that a spreadsheet knows
_HEAD = {"bold": True, "bg_color": "#E8EEF2", "bottom": 1}
_FORMATS = {Kind.AMOUNT: "#,##0.00####", Kind.DAY: "yyyy-mm-dd", Kind.MOMENT: "yyyy-mm-dd hh:mm:ss"}

Rows = Iterable[FoundInvoice]


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes `path` when all is written, and never takes the place of a file that is there."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        rename_new(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(rows: Rows, out: BinaryIO) -> None:
    """One object per line."""
    for found in rows:
        out.write(json.dumps(dict(as_json(found)), ensure_ascii=False, default=str).encode("utf-8") + b"\n")


def write_csv(rows: Rows, out: BinaryIO, lang: str) -> None:
    """As French Excel reads it: semicolons, a mark that says UTF-8, decimal commas."""
    which = language(lang)
    cells = [(column.value, _CSV[column.kind]) for column in COLUMNS]
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    table = csv.writer(text, delimiter=";", lineterminator="\r\n")
    text.write(BOM)
    table.writerow([column.head(lang) for column in COLUMNS])
    for found in rows:
        table.writerow([as_cell(value(found, which)) for value, as_cell in cells])
    text.flush()
    text.detach()


def _csv_text(value: Value) -> str:
    return cell(str(value)) if value else ""


def _csv_amount(value: Value) -> str:
    return decimal(f"{value:f}") if isinstance(value, Decimal) else ""


def _csv_moment(value: Value) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat() if isinstance(value, date) else ""


_CSV: dict[Kind, Callable[[Value], str]] = {
    Kind.TEXT: _csv_text, Kind.AMOUNT: _csv_amount, Kind.DAY: _csv_moment, Kind.MOMENT: _csv_moment,
}  # fmt: skip


def write_xlsx(rows: Rows, path: Path, lang: str) -> None:
    """A workbook: amounts are numbers and days are days, for people to sum and filter; a million rows, a new sheet."""
    import xlsxwriter  # here: a page on the screen needs none

    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as beside:
        options = {
            "constant_memory": True, "tmpdir": beside, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False,
        }  # fmt: skip
        with xlsxwriter.Workbook(str(path), options) as book:
            _Workbook(book, lang).write(rows)


class _Workbook:
    """The sheets of one answer, and their formats."""

    def __init__(self, book: Any, lang: str) -> None:
        self.book, self.lang, self.which = book, lang, language(lang)
        self.head = book.add_format(_HEAD)
        self.formats = {kind: book.add_format({"num_format": form}) for kind, form in _FORMATS.items()}

    def write(self, rows: Rows) -> None:
        sheet, line = self._sheet(1), 0
        for count, found in enumerate(rows):
            if count and count % SHEET_ROWS == 0:
                self._end(sheet, line)
                sheet = self._sheet(count // SHEET_ROWS + 1)
            line = count % SHEET_ROWS + 1
            for rank, column in enumerate(COLUMNS):
                self._cell(sheet, line, rank, column, column.value(found, self.which))
        self._end(sheet, line)

    def _sheet(self, number: int) -> Any:
        name = "Factures" if self.lang == "fr" else "Invoices"
        sheet = self.book.add_worksheet(name if number == 1 else f"{name} {number}")
        sheet.freeze_panes(1, 0)
        for rank, column in enumerate(COLUMNS):
            sheet.set_column(rank, rank, column.width)
            sheet.write_string(0, rank, column.head(self.lang), self.head)
        return sheet

    def _end(self, sheet: Any, line: int) -> None:
        sheet.autofilter(0, 0, line, len(COLUMNS) - 1)

    def _cell(self, sheet: Any, line: int, rank: int, column: Column, value: Value) -> None:
        if value is None or value == "":
            return
        if isinstance(value, Decimal):
            if len(value.as_tuple().digits) > _DIGITS_MAX:
                sheet.write_string(line, rank, f"{value:f}")
            else:
                sheet.write_number(line, rank, float(value), self.formats[column.kind])
        elif isinstance(value, date) and value.year >= _FIRST_YEAR:
            sheet.write_datetime(line, rank, value, self.formats[column.kind])
        else:
            sheet.write_string(line, rank, cell(str(value)))
