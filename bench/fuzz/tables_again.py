"""A CSV read again: RFC 4180 and what French spreadsheets make of it, as docs/actions.md and docs/control-file.md say.

Nothing of the product is used here, nor the reader of the standard library that it is built on.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping

# around a value: blanks of XML, and the narrow and wide ones of spreadsheets that do not break
BLANKS = " \t\r\n\u00a0\u2007\u2009\u202f"
SEPARATORS = (";", "\t", ",")
_LINE_END = re.compile(r"\r\n|\n|\r")
_NAMED = re.compile(r" *sep=([;,\t])[ \t]*")
Row = Mapping[str, str]  # datum -> value that is not empty, without the blanks around it; "": outside the columns


def text_of(document: bytes) -> str:
    """UTF-16 where a mark says so, UTF-8 where the bytes are that, else windows-1252."""
    if document[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return document.decode("utf-16")
    try:
        return document.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return document.decode("cp1252")


def rows_of(document: bytes, names: Mapping[str, str], *, is_by_line: bool = False) -> list[Row]:
    """The rows below the header that say something, in their order. `names`: plain name of a column -> its datum.

    `is_by_line`: a cell never holds a line end, and a row whose quotes do not close is told without a column. Raises
    ValueError where quotes do not close, or a column is given twice.
    """
    text = text_of(document).lstrip("\r\n") if is_by_line else text_of(document)
    line_end = _LINE_END.search(text)
    named = _NAMED.fullmatch(text[: line_end.start()]) if line_end else None
    if named and line_end:
        separator, text = named[1], text[line_end.end() :]
    else:
        header = next((line for line in _LINE_END.split(text) if _says(line)), "")
        separator = next((one for one in SEPARATORS if one in header), ";")
    records = _by_line(text, separator) if is_by_line else _records(text, separator)
    said = [record for record in records if record is None or any(map(_says, record))]
    if not said or said[0] is None:
        raise ValueError("there is no header")
    columns = _columns(said[0], names)
    return [_row(record, columns) for record in said[1:]]


def _says(text: str) -> bool:
    return bool(text.strip(BLANKS))


def _columns(header: list[str], names: Mapping[str, str]) -> list[str]:
    """The datum of each column; `?` and its name where it holds none of ours."""
    columns = []
    for cell in header:
        plain = plain_name(cell)
        columns.append(names.get(plain) or (f"?{plain}" if _says(cell) else ""))
    given = [one for one in columns if one]
    if len(set(given)) != len(given):
        raise ValueError(f"a column is given twice: {given}")
    return columns


def _row(record: list[str] | None, columns: list[str]) -> Row:
    row: dict[str, str] = {}
    for place, cell in enumerate(record or ()):
        column = columns[place] if place < len(columns) else ""
        if _says(cell):
            row[column] = cell.strip(BLANKS)
    return row


def plain_name(text: str) -> str:
    """Without accents and capitals, and with one `_` for all that is no letter and no digit.

    >>> plain_name(" N° Pièce-jointe "), plain_name("SHA-256")
    ('n_piece_jointe', 'sha_256')
    """
    letters = (one for one in unicodedata.normalize("NFKD", text).lower() if one.isascii())
    return "_".join("".join(one if one.isalnum() else " " for one in letters).split())


# --- RFC 4180 ---------------------------------------------------------------------------------------------------------


def _by_line(text: str, separator: str) -> Iterator[list[str] | None]:
    for line in _LINE_END.split(text):
        if line.strip(BLANKS + ';,"'):
            try:
                yield next(_records(line, separator))
            except ValueError:
                yield None


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """Record by record; a quote that opens a cell must close it."""
    at = 0
    while at < len(text):
        record = []
        while True:
            cell, at = _quoted(text, at + 1) if text.startswith('"', at) else _bare(text, at, separator)
            record.append(cell)
            if not text.startswith(separator, at):
                break
            at += 1
        if at < len(text) and text[at] not in "\r\n":
            raise ValueError(f"text behind a closed quote: {text[at : at + 20]!r}")
        yield record
        at += 2 if text.startswith("\r\n", at) else 1


def _bare(text: str, at: int, separator: str) -> tuple[str, int]:
    end = at
    while end < len(text) and text[end] not in f"\r\n{separator}":
        end += 1
    return text[at:end], end


def _quoted(text: str, at: int) -> tuple[str, int]:
    """The cell behind an opening quote, and the place behind its closing one."""
    cell = []
    while True:
        end = text.find('"', at)
        if end < 0:
            raise ValueError("a quote does not close")
        cell.append(text[at:end])
        if not text.startswith('"', end + 1):
            return "".join(cell), end + 1
        cell.append('"')
        at = end + 2
