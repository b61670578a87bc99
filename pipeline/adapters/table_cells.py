"""The cells of a reference file and how each kind is read: nothing is guessed, a wrong value says what is wanted."""

import re
from datetime import date

from pipeline.ports import Said
from pipeline.values import parse_iso_day

CELL_CHARS_MAX = 4_000  # an address is shorter; what is longer is another kind of file
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", re.ASCII)
_TRUE = frozenset({"true", "1", "o", "oui", "actif", "active"})
_FALSE = frozenset({"false", "0", "n", "non", "inactif", "inactive"})


class WrongValueError(ValueError):
    """What a converter says of a cell; the table adds the place."""

    def __init__(self, what: Said, remedy: Said) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy


def text(cell: str) -> str:
    """A text without control characters and without blanks around it; a line break inside becomes a blank."""
    if len(cell) > CELL_CHARS_MAX:
        raise WrongValueError(
            Said(f"valeur de {len(cell)} caractères", f"value of {len(cell)} characters"),
            Said(f"au plus {CELL_CHARS_MAX}", f"at most {CELL_CHARS_MAX}"),
        )
    return _CONTROL.sub(" ", cell).strip() if not cell.isprintable() else cell.strip()


def identifier(cell: str) -> str:
    """An identifier, read as text. A spreadsheet that rounded it has lost its digits: nothing can bring them back."""
    found = text(cell)
    if not found or _ROUNDED.fullmatch(found):
        raise WrongValueError(
            Said(f"identifiant {found!r} illisible", f"identifier {found!r} cannot be read"),
            Said("exporter cette colonne comme texte", "export this column as text"),
        )
    return found


def needed(cell: str) -> str:
    found = text(cell)
    if not found:
        raise WrongValueError(Said("valeur vide", "empty value"), Said("renseigner la valeur", "give the value"))
    return found


def boolean(cell: str) -> bool:
    """true/false, 1/0, O/N, OUI/NON, ACTIF/INACTIF, ACTIVE/INACTIVE, in any case."""
    word = cell.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongValueError(
        Said(f"{cell[:40]!r} n'est ni oui ni non", f"{cell[:40]!r} is neither yes nor no"),
        Said("écrire OUI ou NON, true ou false, 1 ou 0", "write true or false, 1 or 0, OUI or NON"),
    )


def day_or_nothing(cell: str) -> date | None:
    found = cell.strip()
    if not found:
        return None
    day = parse_iso_day(found)
    if day is None:
        raise WrongValueError(
            Said(f"{found[:40]!r} n'est pas une date", f"{found[:40]!r} is no date"),
            Said("écrire AAAA-MM-JJ", "write YYYY-MM-DD"),
        )
    return day


def identifier_type(cell: str) -> int:
    found = cell.strip()
    if found not in {"1", "2", "3", "4", "5", "6", "7"}:
        raise WrongValueError(
            Said(f"type d'identifiant {found[:40]!r} inconnu", f"identifier type {found[:40]!r} is not known"),
            Said("donner un type de 1 à 7 (1 : SIRET)", "give a type from 1 to 7 (1: SIRET)"),
        )
    return int(found)
