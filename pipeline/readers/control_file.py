"""A control file (CTL9002A) -> its rows: what an issuer says that it dropped. The layout is docs/control-file.md.

People make it in a spreadsheet, programs by a join of texts: separators, encodings and numbers of both are taken. What
a row says is never guessed: a row that cannot be read is refused alone, with the column and the value.

No rule of the catalogue is about this layout of ours: what breaks it earns XML-010, the rule on the structure of a
file, and an amount or a currency earns the rule that an invoice would earn for it.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import MappingProxyType
from typing import TypeVar

from pipeline import codes
from pipeline.codes import Code, Severity
from pipeline.model import Finding, ReadControl, millionths
from pipeline.readers import sheet
from pipeline.readers.sheet import BLANKS
from pipeline.terms import Terms
from pipeline.values import Text, parse_amount

BYTES_MAX = 16 * 1024 * 1024  # ROWS_MAX rows of 300 bytes
ROWS_MAX = 50_000  # a hundred times what one day of a large issuer holds
CELLS_MAX = 256  # of a line; a spreadsheet may write empty ones behind
CELL_CHARS_MAX = 300  # nothing that we take is as long; what is beyond is not looked at, and refused as it is
NAME_CHARS_MAX = 255  # no file system takes a longer name
EURO = "EUR"

FLOW, SHA256, INVOICES, TOTAL, CURRENCY = COLUMNS = ("flux", "sha256", "factures", "total", "devise")
_OPTIONAL = frozenset({CURRENCY})
_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "nom_du_flux": FLOW, "nom_flux": FLOW, "numero_flux": FLOW, "flow": FLOW, "flow_name": FLOW,
        "sha_256": SHA256, "empreinte": SHA256, "empreinte_sha256": SHA256, "empreinte_sha_256": SHA256,
        "nombre": INVOICES, "nombre_de_factures": INVOICES, "nb_factures": INVOICES, "invoices": INVOICES,
        "count": INVOICES,
        "total_ttc": TOTAL, "montant": TOTAL, "montant_ttc": TOTAL, "amount": TOTAL,
        "currency": CURRENCY,
    }
)  # fmt: skip
_SAYS_NOTHING = f'{BLANKS};,"'
_SHA256 = re.compile(r"(?:sha256[=:])?([0-9a-f]{64})", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_GROUPED = re.compile(rf"(?<=[0-9])[{BLANKS}](?=[0-9]{{3}}(?![0-9]))")


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is wrong with a cell, in both languages; or another rule than XML-010, with its facts."""

    column: str
    value: str
    fr: str = ""
    en: str = ""
    code: Code = codes.XML_010
    facts: Mapping[str, str | int] = field(default_factory=dict)


def read(document: bytes, member: str, terms: Terms) -> tuple[tuple[Finding, ...], tuple[ReadControl, ...]]:
    """The findings on the file, which refuse all of it, and its rows with theirs, in the order of the file."""
    refuse = _Refusal(member, terms)
    if len(document) > BYTES_MAX:
        return (refuse.over("bytes", "le nombre d'octets", len(document), BYTES_MAX),), ()
    decoded = sheet.decoded(document)
    if decoded is None:
        return (refuse.encoding(),), ()
    lines, separator = _separated(list(islice(_told(decoded[0]), ROWS_MAX + 3)))
    if not lines:
        return (refuse.file("le fichier est vide", "the file is empty", 1, FLOW),), ()
    if len(lines) - 1 > ROWS_MAX:
        return (refuse.over("rows", "le nombre de lignes", ROWS_MAX + 1, ROWS_MAX),), ()
    (number, header), *rows = lines
    columns, trouble = _columns(_cells(header, separator) or ())
    if trouble is not None:
        return (refuse.file(*trouble, number, FLOW, header),), ()
    if not rows:
        return (refuse.file("aucun flux sous l'en-tête", "no flow below the header", number, FLOW),), ()
    table = _Table(columns, separator, refuse)
    return (), tuple(table.row(rank, number, line) for rank, (number, line) in enumerate(rows, 1))


# --- the file ---------------------------------------------------------------------------------------------------------


def _told(text: str) -> Iterator[tuple[int, str]]:
    """The lines that say something, with their numbers; a file may hold nothing but line ends, and very many."""
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if line.strip(_SAYS_NOTHING):
            yield number, line.rstrip("\n")


def _separated(lines: list[tuple[int, str]]) -> tuple[list[tuple[int, str]], str]:
    """The lines from the header on, and the separator: the one that a line `sep=` names, else the header's own."""
    if lines and re.fullmatch(r"sep=[;,\t]", lines[0][1].strip(" ")):
        return lines[1:], lines[0][1].strip(" ")[4]
    header = lines[0][1] if lines else ""
    return lines, next((one for one in sheet.SEPARATORS if one in header), ";")


def _cells(line: str, separator: str) -> list[str] | None:
    """The cells of one line; None where its quotes do not close (no cell of ours holds a line end), or it has cells
    beyond all measure."""
    if line.count(separator) > CELLS_MAX:
        return None
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return None


def _columns(header: Sequence[str]) -> tuple[dict[str, int], tuple[str, str] | None]:
    """Where each column stands; or what is wrong with the header, in both languages."""
    found: dict[str, int] = {}
    wanted = ";".join(COLUMNS)
    for place, cell in enumerate(header):
        name = sheet.plain(cell)
        name = _ALIASES.get(name, name)
        if name not in COLUMNS and cell.strip(BLANKS):
            shown = cell.strip(BLANKS)[:60]
            return {}, (
                f"colonne « {shown} » inconnue ; colonnes attendues : {wanted}",
                f"column '{shown}' is not known; columns wanted: {wanted}",
            )
        if name in found:
            return {}, (f"colonne {name} présente deux fois", f"column {name} is there twice")
        if name in COLUMNS:
            found[name] = place
    missing = [name for name in COLUMNS if name not in found and name not in _OPTIONAL]
    if missing:
        listed = ", ".join(missing)
        return {}, (
            f"colonnes absentes : {listed} ; colonnes attendues : {wanted}",
            f"missing columns: {listed}; columns wanted: {wanted}",
        )
    return found, None


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Makes findings. A settings file may switch a rule off: what cannot be read is refused all the same."""

    member: str
    terms: Terms

    def file(self, fr: str, en: str, line: int, column: str, value: str = "") -> Finding:
        facts: dict[str, str | int] = {"sentence": en, "sentence_fr": fr}
        return self._made(codes.XML_010, Severity.ERROR, line, column, value, facts)

    def over(self, what: str, what_fr: str, value: int, limit: int) -> Finding:
        facts: dict[str, str | int] = {"what": what, "what_fr": what_fr, "limit": limit}
        return self._made(codes.XML_003, Severity.ERROR, 0, "", str(value), facts)

    def encoding(self) -> Finding:
        facts: dict[str, str | int] = {"encoding": "an unknown encoding", "encoding_fr": "codage inconnu"}
        return self._made(codes.FIL_006, Severity.ERROR, 0, "", "", facts)

    def row(self, wrong: _Wrong, line: int) -> Finding:
        """On one row, whatever the profile: it never refuses the rows beside it."""
        facts = dict(wrong.facts) or {"sentence": wrong.en, "sentence_fr": wrong.fr}
        return replace(self._made(wrong.code, Severity.ERROR, line, wrong.column, wrong.value, facts), member="")

    def _made(
        self, code: Code, severity: Severity, line: int, column: str, value: str, facts: Mapping[str, str | int]
    ) -> Finding:
        given = {"member": self.member, **facts}
        return Finding(
            code.id,
            code.id,
            severity,
            member=self.member,
            path=column,
            line=line,
            value=value[:CELL_CHARS_MAX],
            facts=given,
        )


# --- one row ----------------------------------------------------------------------------------------------------------


class _Table:
    """The rows of one file: where its columns stand, and what was said of each flow before."""

    def __init__(self, columns: Mapping[str, int], separator: str, refuse: _Refusal) -> None:
        self.columns, self.separator, self.refuse = columns, separator, refuse
        self.width = max(columns.values()) + 1
        self.told: dict[tuple[str, str], int] = {}  # flow and currency -> its line
        self.digests: dict[str, tuple[str, int]] = {}

    def row(self, rank: int, number: int, line: str) -> ReadControl:
        cells = _cells(line, self.separator)
        found: list[_Wrong] = []
        if cells is None:
            fr = "des guillemets ne se ferment pas, ou trop de valeurs"
            found.append(_Wrong(FLOW, line, fr, "quotes are not closed, or too many values"))
            return self._read(rank, number, None, None, None, None, None, found)
        beyond = [cell for cell in cells[self.width :] if cell.strip(BLANKS)]
        if beyond:
            fr = f"plus de {self.width} valeurs ; vérifier le séparateur {self.separator} et les guillemets"
            en = f"more than {self.width} values; check the separator {self.separator} and the quotes"
            found.append(_Wrong(FLOW, beyond[0], fr, en))
        given = {
            name: cells[at].strip(BLANKS)[:CELL_CHARS_MAX] if at < len(cells) else ""
            for name, at in self.columns.items()
        }
        flow = _kept(_flow(given[FLOW]), found)
        sha256 = _kept(_sha256(given[SHA256]), found)
        invoices = _kept(_invoices(given[INVOICES]), found)
        currency = _kept(_currency(given.get(CURRENCY, "")), found)
        total = _kept(_total(given[TOTAL]), found)
        if given[TOTAL].endswith("€") and currency not in {None, EURO}:
            fr, en = f"le total est en euros, la devise est {currency}", f"the total is in euros, not in {currency}"
            found.append(_Wrong(TOTAL, given[TOTAL], fr, en))
        if flow is not None and currency is not None:
            found += self._again(flow, currency, sha256, number)
        return self._read(rank, number, flow, sha256, invoices, total, currency, found)

    def _again(self, flow: str, currency: str, sha256: str | None, number: int) -> Iterator[_Wrong]:
        """A flow has one row for each currency, and one content."""
        first = self.told.setdefault((flow, currency), number)
        if first != number:
            fr = f"ce flux est déjà à la ligne {first}, dans la même devise"
            yield _Wrong(FLOW, flow, fr, f"this flow stands in line {first} already, in the same currency")
        elif sha256 is not None:
            digest, at = self.digests.setdefault(flow, (sha256, number))
            if digest != sha256:
                fr = f"la ligne {at} donne une autre empreinte pour ce flux"
                yield _Wrong(SHA256, sha256, fr, f"line {at} gives another digest for this flow")

    def _read(
        self,
        rank: int,
        number: int,
        flow: str | None,
        sha256: str | None,
        invoices: int | None,
        total: str | None,
        currency: str | None,
        found: Sequence[_Wrong],
    ) -> ReadControl:
        def text(value: str | None, column: str) -> Text | None:
            return None if value is None else Text(value, "", column, number)

        return ReadControl(
            rank,
            self.refuse.member,
            text(flow, FLOW),
            text(sha256, SHA256),
            invoices,
            text(total, TOTAL),
            text(currency, CURRENCY),
            tuple(self.refuse.row(wrong, number) for wrong in found),
        )


Read = TypeVar("Read", str, int)


def _kept(read: Read | _Wrong, found: list[_Wrong]) -> Read | None:
    """What was read of a cell; what is wrong with it goes to the list."""
    if isinstance(read, _Wrong):
        found.append(read)
        return None
    return read


def _flow(cell: str) -> str | _Wrong:
    if not cell:
        return _Wrong(FLOW, cell, "le nom du flux manque", "the name of the flow is missing")
    if len(cell) > NAME_CHARS_MAX:
        fr = f"le nom du flux compte plus de {NAME_CHARS_MAX} caractères"
        return _Wrong(FLOW, cell, fr, f"the flow name has more than {NAME_CHARS_MAX} characters")
    hidden = next((one for one in cell if unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp"}), None)
    if hidden is not None:
        facts: dict[str, str | int] = {"place": FLOW, "code": f"{ord(hidden):04X}"}
        return _Wrong(FLOW, cell, code=codes.GEN_015, facts=facts)
    return cell


def _sha256(cell: str) -> str | _Wrong:
    match = _SHA256.fullmatch(cell.lower())
    if match is None:
        fr = "l'empreinte SHA-256 n'a pas 64 chiffres hexadécimaux"
        return _Wrong(SHA256, cell, fr, "the SHA-256 digest has not 64 hexadecimal digits")
    return match[1]


def _invoices(cell: str) -> int | _Wrong:
    digits = _GROUPED.sub("", cell)
    if _COUNT.fullmatch(digits) is None:
        return _Wrong(INVOICES, cell, "le nombre de factures n'est pas un nombre", "the count of invoices is no number")
    return int(digits)


def _currency(cell: str) -> str | _Wrong:
    if not cell:
        return EURO
    if _CURRENCY.fullmatch(cell.upper()) is None:
        return _Wrong(CURRENCY, cell, code=codes.GEN_011, facts={"currency": cell})
    return cell.upper()


def _total(cell: str) -> str | _Wrong:
    """An amount as French spreadsheets write it (`1 234,56 €`) or as programs do (`1234.56`), written the second way.

    >>> _total("-1\u202f234,50 €"), _total("12.5")
    ('-1234.50', '12.5')
    """
    plain = cell.removesuffix("€").rstrip(BLANKS).replace("\u2212", "-")
    plain = _GROUPED.sub("", plain)
    if plain.count(",") == 1 and "." not in plain:
        plain = plain.replace(",", ".")
    if parse_amount(plain) is None or millionths(plain) is None:
        return _Wrong(TOTAL, cell, code=codes.AMT_001, facts={"place": TOTAL, "text": cell})
    return plain.removeprefix("+")
