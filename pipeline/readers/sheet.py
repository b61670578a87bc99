"""A table as people make it in a spreadsheet, and programs by joining texts: bytes -> lines of cells.

Nothing depends on a setting of the machine that wrote it: the separator is that of the header, the encoding the one
that the bytes can be in. What a cell means is its reader's to say.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SEPARATORS = (";", "\t", ",")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_WITH_MARK = (("utf-16", "UTF-16"),)
_WITHOUT = (("utf-8-sig", "UTF-8"), ("cp1252", "windows-1252"))
_NAMED_SEPARATOR = re.compile(r"sep=([;,\t])[ \t]*(?:\r\n|\n|\r)")  # the first line that some spreadsheets write
_NOT_A_LETTER = re.compile(r"[^a-z0-9]+", re.ASCII)
BLANKS = " \t\r\n\u00a0\u2007\u2009\u202f"  # around a cell: those of XML, and what a spreadsheet puts for looks


@dataclass(frozen=True, slots=True)
class Cells:
    """One line of the table, and the line of the file where it ends."""

    number: int
    cells: Sequence[str]


class BrokenTable(Exception):
    """The quotes do not close, or close too early: from that line on nobody knows what is a cell."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def decoded(document: bytes) -> tuple[str, str] | None:
    """The text and the name of its encoding: UTF-8, UTF-16 where a mark says so, else what a French spreadsheet writes.

    None where the bytes are no text.

    >>> decoded("fa\u00e7ade".encode("cp1252"))
    ('fa\xe7ade', 'windows-1252')
    """
    for codec, name in _WITH_MARK if document.startswith(_UTF16) else _WITHOUT:
        try:
            text = document.decode(codec)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else (text, name)
    return None


def lines(text: str) -> Iterator[Cells]:
    """The lines that say something, the header first. Raises `BrokenTable` at a line whose quotes do not close."""
    named = _NAMED_SEPARATOR.match(text)
    start = named.end() if named else 0
    separator = named[1] if named else _separator(text)
    reader = csv.reader(io.StringIO(text[start:], newline=""), delimiter=separator, strict=True)
    before = 1 if named else 0
    try:
        for cells in reader:
            if any(cell.strip(BLANKS) for cell in cells):
                yield Cells(before + reader.line_num, cells)
    except csv.Error:
        raise BrokenTable(before + reader.line_num) from None


def plain(header: str) -> str:
    """The name of a column without accents, case, blanks and points.

    >>> plain(" Pi\u00e8ces jointes ")
    'pieces_jointes'
    """
    ascii_only = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode().lower()
    return _NOT_A_LETTER.sub("_", ascii_only).strip("_")


def _separator(text: str) -> str:
    """The one that stands in the header. A tab or a semicolon is in no name of a column, a comma may be."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return next((one for one in SEPARATORS if one in header), SEPARATORS[0])
