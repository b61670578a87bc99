"""The names that an issuer gives its recipients and services, as a table for a spreadsheet: `kind;siret;written;code`.

A file is taken whole or not at all, and every line that is wrong is named: whoever corrects it does so once. What a
French spreadsheet writes is read as it is (`readers.sheet`); docs/mapping.md describes the table.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pipeline.adapters.directory_rows import restored
from pipeline.adapters.system_errors import why
from pipeline.adapters.table_cells import WrongValueError, identifier, needed, text
from pipeline.adapters.table_files import Column, Layout, Line, ReferenceFileError
from pipeline.model import Alias, Label
from pipeline.ports import Said
from pipeline.readers import sheet
from pipeline.returns.spreadsheet import BOM, cell, unguarded
from pipeline.routing import mapping
from pipeline.siret import is_siret

LABEL, ALIAS = "label", "alias"
HEADER = ("kind", "siret", "written", "code")
CODE_CHARS_MAX = 100  # of a service code
ROWS_MAX = 100_000  # more than the services of the largest issuer's recipients
BYTES_MAX = 64 << 20  # ROWS_MAX rows of 640 bytes
ERRORS_MAX = 200  # a wrong export has the same fault in every line
_KINDS: Mapping[str, str] = MappingProxyType({LABEL: LABEL, "libelle": LABEL, "service": LABEL, ALIAS: ALIAS})
_HEADERS: Mapping[str, str] = MappingProxyType(
    {"nature": "kind", "ecrit": "written", "nom": "written", "libelle": "written", "code_service": "code",
     "service": "code"}
)  # fmt: skip


class MappingFileError(ReferenceFileError):
    """One line of a mapping file that cannot be taken."""


class MappingErrors(Exception):
    """A mapping file that cannot be taken: every line that is wrong, in their order, and how many are not told."""

    def __init__(self, errors: Iterable[ReferenceFileError], more: int = 0) -> None:
        self.errors = tuple(errors)
        self.more = more
        super().__init__(self.errors, more)

    def in_words(self, lang: str = "fr") -> str:
        said = [error.in_words(lang) for error in self.errors]
        if self.more:
            said.append(f"... and {self.more} more" if lang == "en" else f"… et {self.more} autres erreurs")
        return "\n".join(said)

    def __str__(self) -> str:
        return self.in_words()


class MappingRow(NamedTuple):
    """One line that was taken. `code` is empty for an alias."""

    line: int
    kind: str
    siret: str
    written: str
    code: str

    @property
    def label(self) -> Label:
        return Label(self.siret, self.written, self.code)

    @property
    def alias(self) -> Alias:
        return Alias(self.written, self.siret)

    @property
    def key(self) -> tuple[str, ...]:
        """What makes it the only one of its kind."""
        plain = mapping.key(self.written)
        return (LABEL, self.siret, plain) if self.kind == LABEL else (ALIAS, plain)


def read_mapping(path: Path) -> list[MappingRow]:
    """The rows of a file; of two lines that say the same the first is kept. Raises `MappingErrors`."""
    try:
        lines = sheet.lines(_text(path))
        header = next(lines, None)
        if header is None:
            raise MappingFileError(path.name, _EMPTY, _FIRST_LINE)
        names = [_named(cell) for cell in _trimmed(header.cells)]
        layout = Layout.of(path.name, names, _COLUMNS, MappingFileError, header.number)
        return _rows(path.name, layout, (Line(one.number, _of_width(one.cells, len(names))) for one in lines))
    except MappingFileError as error:
        raise MappingErrors([error]) from error
    except sheet.BrokenTable as broken:
        raise MappingErrors([MappingFileError(path.name, _QUOTES, _CLOSE_THEM, line=broken.line)]) from broken


def written(labels: Iterable[Label], aliases: Iterable[Alias]) -> bytes:
    """The same as bytes, for the usual spreadsheet; `read_mapping` gives back what went in."""
    file = io.StringIO()
    table = csv.writer(file, delimiter=";", lineterminator="\r\n")
    table.writerow(HEADER)
    for label in labels:
        table.writerow([LABEL, label.siret, cell(label.written), cell(label.code)])
    for alias in aliases:
        table.writerow([ALIAS, alias.siret, cell(alias.written), ""])
    return f"{BOM}{file.getvalue()}".encode()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as source:
            document = source.read(BYTES_MAX + 1)
    except OSError as error:
        reason = why(error)
        unread = Said(f"illisible ({reason.fr})", f"cannot be read ({reason.en})")
        raise MappingFileError(path.name, unread, _CHECK_PATH) from error
    if len(document) > BYTES_MAX:
        raise MappingFileError(path.name, _TOO_LARGE, _SPLIT)
    found = sheet.decoded(document)
    if found is None:
        raise MappingFileError(path.name, _NO_TEXT, _AS_CSV)
    return found[0]


def _named(cell: str) -> str:
    """A header as we call it: in either language, whatever its case and accents."""
    plain = sheet.plain(cell)
    named = _HEADERS.get(plain, plain)
    return named if named in HEADER else cell.strip()


def _trimmed(cells: Iterable[str]) -> list[str]:
    """Without the empty cells that a spreadsheet adds at the end of a line."""
    kept = list(cells)
    while kept and not kept[-1].strip(sheet.BLANKS):
        kept.pop()
    return kept


def _of_width(cells: Iterable[str], width: int) -> list[str]:
    kept = _trimmed(cells)
    return kept + [""] * (width - len(kept))


def _rows(file: str, layout: Layout, lines: Iterator[Line]) -> list[MappingRow]:
    first: dict[tuple[str, ...], MappingRow] = {}
    errors: list[ReferenceFileError] = []
    more = 0
    for line in lines:
        if len(first) == ROWS_MAX:
            raise MappingFileError(file, _TOO_MANY, _SPLIT, line=line.number)
        try:
            row = _row(file, line.number, layout.values(line))
            before = first.setdefault(row.key, row)
            if (before.siret, before.code) != (row.siret, row.code):
                raise MappingFileError(file, _twice(before.line), _KEEP_ONE, line=line.number, column="written")
        except MappingFileError as error:
            if len(errors) == ERRORS_MAX:
                more += 1
            else:
                errors.append(error)
    if errors:
        raise MappingErrors(errors, more)
    return list(first.values())


def _row(file: str, line: int, values: list[object]) -> MappingRow:
    kind, siret, name, code = (str(value) for value in values)
    if kind == LABEL and not code:
        raise MappingFileError(file, _NO_CODE, _GIVE_CODE, line=line, column="code")
    if kind == ALIAS and code:
        raise MappingFileError(file, _CODE, _NO_SERVICE, line=line, column="code")
    if kind == ALIAS and name == siret:
        raise MappingFileError(file, _ITSELF, _OTHER_NAME, line=line, column="written")
    return MappingRow(line, kind, siret, name, code)


# --- cells ------------------------------------------------------------------------------------------------------------


def _kind(cell: str) -> str:
    found = _KINDS.get(sheet.plain(cell))
    if found is None:
        raise WrongValueError(
            Said(f"{cell.strip()[:40]!r} n'est ni label ni alias", f"{cell.strip()[:40]!r} is neither label nor alias"),
            Said(
                "label : un service d'un destinataire ; alias : un destinataire",
                "label: a service of a recipient; alias: a recipient",
            ),
        )
    return found


def _siret(cell: str) -> str:
    found = restored(identifier(cell))
    if not is_siret(found):
        raise WrongValueError(
            Said(f"{found[:40]!r} n'est pas un SIRET", f"{found[:40]!r} is no SIRET"),
            Said("donner ses 14 chiffres", "give its 14 digits"),
        )
    return found


def _written(cell: str) -> str:
    found = needed(unguarded(cell))
    if len(found) > mapping.NAME_CHARS_MAX:
        raise WrongValueError(
            Said(f"nom de {len(found)} caractères", f"name of {len(found)} characters"),
            Said(f"au plus {mapping.NAME_CHARS_MAX}", f"at most {mapping.NAME_CHARS_MAX}"),
        )
    if not mapping.key(found):
        raise WrongValueError(
            Said(f"{found[:40]!r} n'a ni lettre ni chiffre", f"{found[:40]!r} has neither letter nor digit"),
            Said("écrire le nom comme sur la facture", "write the name as on the invoice"),
        )
    return found


def _code(cell: str) -> str:
    found = text(unguarded(cell))
    if len(found) > CODE_CHARS_MAX:
        raise WrongValueError(
            Said(f"code de {len(found)} caractères", f"code of {len(found)} characters"),
            Said(f"au plus {CODE_CHARS_MAX}", f"at most {CODE_CHARS_MAX}"),
        )
    return found


_COLUMNS = (Column("kind", _kind), Column("siret", _siret), Column("written", _written), Column("code", _code))


# --- what is wrong ----------------------------------------------------------------------------------------------------


def _twice(line: int) -> Said:
    return Said(
        f"le même nom mène ailleurs à la ligne {line} (accents, majuscules et ponctuation ne comptent pas)",
        f"the same name leads elsewhere on line {line} (accents, case and punctuation do not count)",
    )


_EMPTY = Said("fichier vide", "empty file")
_QUOTES = Said("guillemets mal fermés", "quotes that do not close")
_CLOSE_THEM = Said("vérifier les guillemets et le séparateur", "check the quotes and the separator")
_CHECK_PATH = Said("vérifier le chemin et les droits", "check the path and the permissions")
_TOO_LARGE = Said(f"plus de {BYTES_MAX >> 20} Mio", f"more than {BYTES_MAX >> 20} MiB")
_NO_TEXT = Said("ce n'est pas du texte", "this is no text")
_AS_CSV = Said("l'enregistrer en CSV", "save it as CSV")
_FIRST_LINE = Said("la première ligne nomme les colonnes", "the first line names the columns")
_TOO_MANY = Said(f"plus de {ROWS_MAX} lignes", f"more than {ROWS_MAX} lines")
_SPLIT = Said("n'y laisser que ce que l'émetteur utilise", "leave only what the issuer uses in it")
_KEEP_ONE = Said("n'en garder qu'une", "keep one of them")
_NO_CODE = Said("libellé sans code de service", "label without a service code")
_GIVE_CODE = Said("donner le code du service", "give the code of the service")
_CODE = Said("alias avec un code de service", "alias with a service code")
_NO_SERVICE = Said("laisser cette colonne vide", "leave this column empty")
_ITSELF = Said("alias égal à son SIRET", "alias equal to its SIRET")
_OTHER_NAME = Said("retirer la ligne", "remove the line")
