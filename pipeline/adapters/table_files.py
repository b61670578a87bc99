"""Tables of reference data as files: columns found by header name, every value checked, and errors that teach.

An error here is an operator's to mend: no issuer hears of it. Nothing is guessed: a wrong header or value stops it all.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.system_errors import why
from pipeline.adapters.table_cells import WrongValueError
from pipeline.ports import Said


class ReferenceFileError(Exception):
    """A file of reference data that cannot be taken: where, what is wrong, and what to do."""

    def __init__(self, file: str, what: Said, remedy: Said, *, line: int = 0, column: str = "") -> None:
        super().__init__(file, what, remedy, line, column)
        self.file = file
        self.what = what
        self.remedy = remedy
        self.line = line
        self.column = column

    def in_words(self, lang: str = "fr") -> str:
        place = self.file
        if self.line:
            place += f", {'line' if lang == 'en' else 'ligne'} {self.line}"
        if self.column:
            place += f", {'column' if lang == 'en' else 'colonne'} {self.column}"
        return self.what.then(self.remedy).at(place).in_words(lang)

    def __str__(self) -> str:
        return self.in_words()


Convert = Callable[[str], object]


class Column(NamedTuple):
    """One column of a file by its header, and how its cells are read; an optional one may be absent."""

    header: str
    convert: Convert
    is_required: bool = True


class Line(NamedTuple):
    """The cells of one line of a file, and its number there."""

    number: int
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column stands in one file: found once in its header, then used for every line."""

    file: str
    columns: tuple[Column, ...]
    places: tuple[int | None, ...]  # None: an optional column that this file does not have
    width: int
    error: type[ReferenceFileError]

    @classmethod
    def of(
        cls,
        file: str,
        header: Sequence[str],
        columns: tuple[Column, ...],
        error: type[ReferenceFileError],
        line: int = 1,
    ) -> "Layout":
        names = [name.strip() for name in header]
        known = {column.header for column in columns}
        wanted = Said(
            f"colonnes attendues : {'; '.join(c.header for c in columns)}",
            f"columns wanted: {'; '.join(c.header for c in columns)}",
        )
        missing = next((c.header for c in columns if c.is_required and c.header not in names), None)
        if missing is not None:
            what = Said(f"colonne {missing} absente", f"column {missing} is missing")
            raise error(file, what, wanted, line=line, column=missing)
        for place, name in enumerate(names):
            if name not in known:
                shown = name[:60]
                raise error(
                    file,
                    Said(f"colonne {shown!r} inconnue", f"column {shown!r} is not known"),
                    wanted,
                    line=line,
                    column=shown,
                )
            if name in names[:place]:
                raise error(
                    file,
                    Said(f"colonne {name} présente deux fois", f"column {name} is there twice"),
                    wanted,
                    line=line,
                    column=name,
                )
        places = tuple(names.index(c.header) if c.header in names else None for c in columns)
        return cls(file, columns, places, len(names), error)

    def values(self, line: Line) -> list[object]:
        """The values of a line in the order of the columns, not of the file."""
        cells = line.cells
        if len(cells) != self.width:
            raise self.error(
                self.file,
                Said(
                    f"{len(cells)} valeurs pour {self.width} colonnes", f"{len(cells)} values for {self.width} columns"
                ),
                Said("vérifier le séparateur ; et les guillemets", "check the separator ; and the quotes"),
                line=line.number,
            )
        values = []
        for column, place in zip(self.columns, self.places, strict=True):
            try:
                values.append(column.convert("" if place is None else cells[place]))
            except WrongValueError as wrong:
                raise self.error(self.file, wrong.what, wrong.remedy, line=line.number, column=column.header) from None
        return values


def csv_lines(path: Path, error: type[ReferenceFileError]) -> Iterator[Line]:
    """The lines of a CSV: UTF-8 with or without a mark, `;`; empty lines are left out. The first one is the header."""
    try:
        stream = path.open(encoding="utf-8-sig", newline="")
    except OSError as err:
        reason = why(err)
        raise error(
            path.name,
            Said(f"illisible ({reason.fr})", f"cannot be read ({reason.en})"),
            Said("vérifier le chemin et les droits", "check the path and the permissions"),
        ) from err
    with stream:
        reader = csv.reader(stream, delimiter=";", strict=True)
        try:
            for cells in reader:
                if any(cells):
                    yield Line(reader.line_num, cells)
        except UnicodeDecodeError as err:
            raise error(
                path.name,
                Said("octets qui ne sont pas de l'UTF-8", "bytes that are not UTF-8"),
                Said("enregistrer le fichier en UTF-8", "save the file as UTF-8"),
                line=reader.line_num + 1,
            ) from err
        except csv.Error as err:
            raise error(
                path.name,
                Said(f"CSV mal formé ({err})", f"malformed CSV ({err})"),
                Said("vérifier les guillemets et le séparateur ;", "check the quotes and the separator ;"),
                line=reader.line_num,
            ) from err


def table(
    file: str, lines: Iterator[Line], columns: tuple[Column, ...], error: type[ReferenceFileError]
) -> Iterator[tuple[int, list[object]]]:
    """Line number and values of each line below the header."""
    header = next(lines, None)
    if header is None:
        raise error(
            file,
            Said("fichier vide", "empty file"),
            Said("la première ligne nomme les colonnes", "the first line names the columns"),
        )
    layout = Layout.of(file, header.cells, columns, error, header.number)
    for line in lines:
        yield line.number, layout.values(line)


__all__ = ["Column", "Layout", "Line", "ReferenceFileError", "csv_lines", "table"]
