"""A CSV spoiled cell by cell: values of other rows, lost or repeated rows and columns, quotes, encodings."""

import re
from collections.abc import Callable
from random import Random

from bench.fuzz import plausible
from bench.oracle import values

Table = list[list[str]]
# what a column holds, by each name that it may have; the first name of each is the usual one
COLUMNS = {
    "action": ("action", "nature"), "supplier_type": ("type_fournisseur", "Type identifiant"),
    "supplier": ("fournisseur", "SIRET fournisseur", "supplier"),
    "number": ("numero", "N° facture", "Facture", "Numéro"), "issued": ("date_facture", "issued"),
    "recipient": ("destinataire", "recipient"),
    "service": ("service", "Code service"), "commitment": ("engagement", "Numéro engagement"),
    "comment": ("commentaire", "COMMENTAIRE"), "reason": ("motif", "reason"), "credit_note": ("avoir", "Numéro avoir"),
    "corrective": ("facture_rectificative", "Nouvelle facture"),
    "attachments": ("pieces_jointes", "Pièces jointes", "PJ"),
    "flow": ("flux", "Nom du flux"), "sha256": ("sha256", "SHA-256", "Empreinte"), "invoices": ("factures", "Nombre"),
    "total": ("total", "Montant TTC"), "currency": ("devise", "currency"),
}  # fmt: skip
_DATUM = {name: datum for datum, names in COLUMNS.items() for name in names}
_FIXED = ("montant_ttc", "Nouveau numéro", "lignes", "colonne", "")
_INSERTED = (
    ";",
    ",",
    "\t",
    '"',
    '""',
    "\r\n",
    "\n",
    "\r",
    "\0",
    "'",
    "=",
    "-",
    "\u00a0",
    "\u202f",
    " ",
    "|",
    "\u200b",
    "\x85",
)
_ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "iso-8859-1", "utf-32", "cp437")


def spoiled(document: bytes, random: Random) -> bytes:
    """Change one to four cells, rows or columns, and sometimes how the table is written."""
    table = [line.split(";") for line in document.decode("utf-8-sig", "replace").split("\r\n")]
    if len(table) > 1 and table[-1] == [""]:
        table.pop()
    for _ in range(min(4, 1 + int(random.expovariate(0.9)))):
        for _ in range(4):  # some changes find nothing to change
            if random.choice(_CHANGES)(table, random):
                break
        table = [row or [""] for row in table]
    return _written(table, random)


def _written(table: Table, random: Random) -> bytes:
    """Most often as it came; else quoted, with another separator, line end or encoding, all of it or in part."""
    what, end, separator, encoding = random.random(), "\r\n", ";", "utf-8-sig"
    if what < 0.15:
        table = [[_quoted(cell) if random.random() < 0.9 else cell for cell in row] for row in table]
    elif what < 0.25:
        separator = random.choice((",", "\t", "|", ";"))
        table = [[_quoted(cell) if separator in cell else cell for cell in row] for row in table]
    elif what < 0.3:
        end = random.choice(("\n", "\r", "\r\n\r\n", "\n\r"))
    elif what < 0.35:
        encoding = random.choice(_ENCODINGS)
    text = "".join(separator.join(row) + end for row in table)
    if random.random() < 0.07:
        text = f"sep={random.choice((separator, ';', ','))}{end}{text}"
    return text.encode(encoding, "replace")


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


def _place(table: Table, random: Random) -> tuple[int, int]:
    """A row below the header, where there is one, and one of its cells."""
    row = random.randrange(1, len(table)) if len(table) > 1 else 0
    return row, random.randrange(len(table[row])) if table[row] else 0


def _datum(table: Table, column: int) -> str:
    return _DATUM.get(table[0][column], "") if column < len(table[0]) else ""


# --- changes: each says whether it found something to change ----------------------------------------------------------


def _plausible(table: Table, random: Random) -> bool:
    """Another value that this column may well have."""
    row, column = _place(table, random)
    datum = _datum(table, column)
    if datum:
        table[row][column] = plausible.value(datum, random)
    return bool(datum)


def _nasty(table: Table, random: Random) -> bool:
    row, column = _place(table, random)
    table[row][column] = random.choice((*values.NASTY, "-", "", "", _quoted(table[row][column])))
    return True


def _shifted(table: Table, random: Random) -> bool:
    row, column = _place(table, random)
    table[row][column] = values.moved(table[row][column], random)
    return True


def _inside(table: Table, random: Random) -> bool:
    """Something in the middle of a value."""
    row, column = _place(table, random)
    cell = table[row][column]
    at = random.randrange(len(cell) + 1)
    table[row][column] = cell[:at] + random.choice(_INSERTED) + cell[at:]
    return True


def _of_another_row(table: Table, random: Random) -> bool:
    (row, column), (other, _) = _place(table, random), _place(table, random)
    if row == other or column >= len(table[other]):
        return False
    table[row][column] = table[other][column]
    return True


def _swapped(table: Table, random: Random) -> bool:
    """Two cells in each other's place, of one row, of one column or of neither."""
    (row, column), (other, place) = _place(table, random), _place(table, random)
    kept = random.random()
    other = row if kept < 0.4 else other
    place = min(column, len(table[other]) - 1) if 0.4 <= kept < 0.8 else min(place, len(table[other]) - 1)
    if place < 0 or (row, column) == (other, place):
        return False
    table[row][column], table[other][place] = table[other][place], table[row][column]
    return True


def _row(table: Table, random: Random) -> bool:
    """A row lost, repeated, moved, cut short or with cells behind."""
    row, column = _place(table, random)
    what = random.random()
    if what < 0.25 and len(table) > 1:
        del table[row]
    elif what < 0.55:
        table.insert(random.randrange(len(table) + 1), list(table[row]))
    elif what < 0.75:
        table.insert(random.randrange(len(table)), table.pop(row))
    elif what < 0.85:
        del table[row][column + 1 :]
    else:
        table[row] += random.choice((["", ""], ["x"], [" "], ["-"]))
    return True


def _column(table: Table, random: Random) -> bool:
    """A column lost, repeated, moved, under another name; or one more, of the format or of none."""
    at = random.randrange(len(table[0])) if table[0] else 0
    what = random.random()
    if what < 0.2:
        for row in table:
            del row[at : at + 1]
    elif what < 0.35:
        to = random.randrange(len(table[0]) + 1)
        for row in table:
            row[to:to] = row[at : at + 1]
    elif what < 0.55:
        to = random.randrange(max(1, len(table[0])))
        for row in table:
            row[to:to] = [row.pop(at)] if at < len(row) else []
    elif what < 0.75:
        table[0][at] = random.choice((*COLUMNS.get(_datum(table, at), ()), *_FIXED, *_DATUM))
    else:
        datum = random.choice(("issued", "supplier_type", "", *COLUMNS))
        table[0].append(COLUMNS[datum][0] if datum else random.choice(_FIXED))
        for row in table[1:]:
            row.append(plausible.value(datum, random) if random.random() < 0.7 else "")
    return True


def _header(table: Table, random: Random) -> bool:
    """The name of a column as somebody else writes it."""
    at = random.randrange(len(table[0])) if table[0] else 0
    name = table[0][at]
    table[0][at] = random.choice(
        (name.upper(), f" {name} ", _quoted(name), re.sub("_", " ", name), f"{name}é", f"\ufeff{name}")
    )
    return True


Change = Callable[[Table, Random], bool]
_CHANGES: tuple[Change, ...] = (
    _plausible, _plausible, _plausible, _plausible, _plausible, _nasty, _shifted, _inside, _inside, _of_another_row,
    _of_another_row, _swapped, _swapped, _row, _row, _row, _column, _header,
)  # fmt: skip
