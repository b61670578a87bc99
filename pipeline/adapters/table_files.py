"""Tables of reference data as files: columns found by header name, every value checked, and errors that teach.

An error here is an operator's to mend: no issuer hears of it. Nothing is guessed: a wrong header or value stops it all.
"""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

from pipeline.values import parse_iso_day

CELL_CHARS_MAX = 4_000  # an address is shorter; what is longer is another kind of file
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", re.ASCII)
_TRUE = frozenset({"true", "1", "o", "oui", "actif", "active"})
_FALSE = frozenset({"false", "0", "n", "non", "inactif", "inactive"})


class Sentence(NamedTuple):
    """One thing to say, in both languages."""

    fr: str
    en: str


class ReferenceFileError(Exception):
    """A file of reference data that cannot be taken: where, what is wrong, and what to do."""

    def __init__(self, file: str, what: Sentence, remedy: Sentence, *, line: int = 0, column: str = "") -> None:
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
        what, remedy = (self.what.en, self.remedy.en) if lang == "en" else (self.what.fr, self.remedy.fr)
        return f"{place}: {what}; {remedy}" if lang == "en" else f"{place} : {what} ; {remedy}"

    def __str__(self) -> str:
        return self.in_words()


class WrongValueError(ValueError):
    """What a converter says of a cell; the table adds the place."""

    def __init__(self, what: Sentence, remedy: Sentence) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy


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


# --- values -----------------------------------------------------------------------------------------------------------


def text(cell: str) -> str:
    """A text without control characters and without blanks around it; a line break inside becomes a blank."""
    if len(cell) > CELL_CHARS_MAX:
        raise WrongValueError(
            Sentence(f"valeur de {len(cell)} caractères", f"value of {len(cell)} characters"),
            Sentence(f"au plus {CELL_CHARS_MAX}", f"at most {CELL_CHARS_MAX}"),
        )
    return _CONTROL.sub(" ", cell).strip() if not cell.isprintable() else cell.strip()


def identifier(cell: str) -> str:
    """An identifier, read as text. A spreadsheet that rounded it has lost its digits: nothing can bring them back."""
    found = text(cell)
    if not found or _ROUNDED.fullmatch(found):
        raise WrongValueError(
            Sentence(f"identifiant {found!r} illisible", f"identifier {found!r} cannot be read"),
            Sentence("exporter cette colonne comme texte", "export this column as text"),
        )
    return found


def needed(cell: str) -> str:
    found = text(cell)
    if not found:
        raise WrongValueError(
            Sentence("valeur vide", "empty value"), Sentence("renseigner la valeur", "give the value")
        )
    return found


def boolean(cell: str) -> bool:
    """true/false, 1/0, O/N, OUI/NON, ACTIF/INACTIF, ACTIVE/INACTIVE, in any case."""
    word = cell.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongValueError(
        Sentence(f"{cell[:40]!r} n'est ni oui ni non", f"{cell[:40]!r} is neither yes nor no"),
        Sentence("écrire OUI ou NON, true ou false, 1 ou 0", "write true or false, 1 or 0, OUI or NON"),
    )


def day_or_nothing(cell: str) -> date | None:
    found = cell.strip()
    if not found:
        return None
    day = parse_iso_day(found)
    if day is None:
        raise WrongValueError(
            Sentence(f"{found[:40]!r} n'est pas une date", f"{found[:40]!r} is no date"),
            Sentence("écrire AAAA-MM-JJ", "write YYYY-MM-DD"),
        )
    return day


def identifier_type(cell: str) -> int:
    found = cell.strip()
    if found not in {"1", "2", "3", "4", "5", "6", "7"}:
        raise WrongValueError(
            Sentence(f"type d'identifiant {found[:40]!r} inconnu", f"identifier type {found[:40]!r} is not known"),
            Sentence("donner un type de 1 à 7 (1 : SIRET)", "give a type from 1 to 7 (1: SIRET)"),
        )
    return int(found)


# --- tables -----------------------------------------------------------------------------------------------------------


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
        wanted = Sentence(
            f"colonnes attendues : {'; '.join(c.header for c in columns)}",
            f"columns wanted: {'; '.join(c.header for c in columns)}",
        )
        missing = next((c.header for c in columns if c.is_required and c.header not in names), None)
        if missing is not None:
            what = Sentence(f"colonne {missing} absente", f"column {missing} is missing")
            raise error(file, what, wanted, line=line, column=missing)
        for place, name in enumerate(names):
            if name not in known:
                shown = name[:60]
                raise error(
                    file,
                    Sentence(f"colonne {shown!r} inconnue", f"column {shown!r} is not known"),
                    wanted,
                    line=line,
                    column=shown,
                )
            if name in names[:place]:
                raise error(
                    file,
                    Sentence(f"colonne {name} présente deux fois", f"column {name} is there twice"),
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
                Sentence(
                    f"{len(cells)} valeurs pour {self.width} colonnes", f"{len(cells)} values for {self.width} columns"
                ),
                Sentence("vérifier le séparateur ; et les guillemets", "check the separator ; and the quotes"),
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
        raise error(
            path.name,
            Sentence(f"illisible ({err.strerror})", f"cannot be read ({err.strerror})"),
            Sentence("vérifier le chemin et les droits", "check the path and the permissions"),
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
                Sentence("octets qui ne sont pas de l'UTF-8", "bytes that are not UTF-8"),
                Sentence("enregistrer le fichier en UTF-8", "save the file as UTF-8"),
                line=reader.line_num + 1,
            ) from err
        except csv.Error as err:
            raise error(
                path.name,
                Sentence(f"CSV mal formé ({err})", f"malformed CSV ({err})"),
                Sentence("vérifier les guillemets et le séparateur ;", "check the quotes and the separator ;"),
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
            Sentence("fichier vide", "empty file"),
            Sentence("la première ligne nomme les colonnes", "the first line names the columns"),
        )
    layout = Layout.of(file, header.cells, columns, error, header.number)
    for line in lines:
        yield line.number, layout.values(line)
