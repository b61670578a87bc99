"""A file of changes read again: expat for XML, `tables_again` for CSV; its rows as texts, moments and amounts.

Nothing of the product is used here; the tables are typed again from the documents named beside them.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench.fuzz import again, tables_again
from bench.fuzz.again import BLANKS
from bench.fuzz.stands import Lane
from bench.fuzz.tables_again import Row

# docs/actions.md: what a column may be called, and the element of the same datum
_NAMES = {
    "action": ("action", "nature"), "type": ("type_fournisseur", "supplier_type", "type_identifiant"),
    "supplier": ("fournisseur", "supplier", "siret_fournisseur", "identifiant_fournisseur"),
    "number": ("numero", "number", "numero_facture", "facture"), "issued": ("date_facture", "issued", "date_emission"),
    "recipient": ("destinataire", "recipient", "siret_destinataire"), "service": ("service", "code_service"),
    "commitment": ("engagement", "commitment", "numero_engagement"), "comment": ("commentaire", "comment"),
    "reason": ("motif", "reason"), "credit_note": ("avoir", "credit_note", "numero_avoir"),
    "corrective": ("facture_rectificative", "corrective", "nouvelle_facture"),
    "files": ("pieces_jointes", "attachments", "pj"),
}  # fmt: skip
_COLUMNS = {name: datum for datum, names in _NAMES.items() for name in names}
_ELEMENTS = {
    "Nature": "action", "TypeIdentifiant": "type", "Fournisseur": "supplier", "IdFacture": "number",
    "DateFacture": "issued", "Destinataire": "recipient", "CodeService": "service", "NumeroEngagement": "commitment",
    "Commentaire": "comment", "Motif": "reason", "Avoir": "credit_note", "FactureRectificative": "corrective",
    "PieceJointe": "files",
}  # fmt: skip
BETWEEN_FILES = "\0"  # in no name
# docs/control-file.md
_CONTROL = {
    "flux": "flow", "flow": "flow", "flow_name": "flow", "nom_du_flux": "flow", "nom_flux": "flow",
    "numero_flux": "flow", "sha256": "sha256", "sha_256": "sha256", "empreinte": "sha256", "empreinte_sha256": "sha256",
    "empreinte_sha_256": "sha256", "factures": "invoices", "invoices": "invoices", "count": "invoices",
    "nombre": "invoices", "nombre_de_factures": "invoices", "nb_factures": "invoices", "total": "total",
    "amount": "total", "montant": "total", "total_ttc": "total", "montant_ttc": "total", "devise": "currency",
    "currency": "currency",
}  # fmt: skip
_GROUPS = rf"[0-9]+(?:[{tables_again.BLANKS}][0-9]{{3}})*"
_TOTAL = re.compile(rf"([+\-\u2212]?)({_GROUPS})(?:[.,]({_GROUPS}))?[{tables_again.BLANKS}]*€?")
COUNT = re.compile(_GROUPS)
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(Z|([+-])([0-9]{2}):([0-9]{2}))?"
)
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?|([0-9]{2})/([0-9]{2})/([0-9]{4})")
Told = Mapping[str, str]  # what one row says, datum -> text; one that is there and empty takes the value away


def read(lane: Lane, document: bytes) -> list[Told]:
    """Every row of a file, in its order."""
    if lane is Lane.STATUSES:
        root = again.read(document)
        return [_status(unit) for unit in root.findall("CPPFactureStatuts/CPPFactureStatutUnitaire")]
    if lane is Lane.CONTROL:
        return list(tables_again.rows_of(document, _CONTROL, is_by_line=True))
    if is_xml(document):
        return [_action(unit) for unit in again.read(document).findall("Action")]
    return [_cells(row) for row in tables_again.rows_of(document, _COLUMNS)]


def is_xml(document: bytes) -> bool:
    head = document[:64].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return head.startswith(b"<")


def _text(element: ET.Element) -> str:
    return "".join(element.itertext()).strip(BLANKS)


def _status(unit: ET.Element) -> Told:
    supplier, data = unit.find("Fournisseur"), unit.find("DonneesStatut")
    if supplier is None or data is None:
        raise ValueError("an entry without supplier or status")
    said = {one.tag: _text(one) for one in data}
    return {**said, **{f"Fournisseur/{one.tag}": _text(one) for one in supplier}}


def _action(unit: ET.Element) -> Told:
    said: dict[str, str] = {}
    for one in unit:
        datum = _ELEMENTS.get(one.tag, f"?{one.tag}")
        if datum in said and datum != "files":
            raise ValueError(f"{one.tag} stands there twice")
        said[datum] = f"{said[datum]}{BETWEEN_FILES}{_text(one)}" if datum in said else _text(one)
    return said


def _cells(row: Row) -> Told:
    """`-` alone takes a value away; the `'` that our tables put before a formula is taken off."""
    said = {}
    for datum, cell in row.items():
        is_guarded = cell.startswith("'") and cell[1:].lstrip()[:1] in {"=", "+", "-", "@"}
        bare = cell[1:] if is_guarded else cell
        if datum != "files":
            said[datum] = "" if cell == "-" else bare
        elif names := [name for one in re.split(r"[|\n]", bare) if (name := one.strip(tables_again.BLANKS))]:
            said[datum] = BETWEEN_FILES.join(names)
    return said


def moment(text: str) -> datetime:
    """An xs:dateTime; of Paris where it has no zone. What is finer than a microsecond is left out."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no moment")
    year, month, day, hour, minute, second = (int(found[n]) for n in range(1, 7))
    micros = int((found[7] or "0")[:6].ljust(6, "0"))
    midnight = timedelta(days=1) if (hour, minute, second, micros) == (24, 0, 0, 0) else timedelta()
    ahead = timedelta(hours=int(found[10]), minutes=int(found[11])) if found[9] else timedelta()
    zone = ZoneInfo("Europe/Paris") if found[8] is None else timezone(-ahead if found[9] == "-" else ahead)
    return datetime(year, month, day, 0 if midnight else hour, minute, second, micros, zone) + midnight


def day(text: str) -> str:
    """A day, whatever its zone, as it is sorted."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no day")
    return found[1] or f"{found[5]}-{found[4]}-{found[3]}"


def total_of(cell: str) -> Decimal | None:
    """An amount as people write it, or as programs do; None where it is neither."""
    found = _TOTAL.fullmatch(cell)
    if found is None:
        return None
    whole, part = (re.sub(r"[^0-9]", "", found[n] or "") for n in (2, 3))
    return Decimal(f"{'' if found[1] in {'', '+'} else '-'}{whole}.{part or '0'}")


@cache
def _schema(lane: Lane) -> Any:
    from xmlschema import XMLSchema10

    name = {Lane.STATUSES: "flux-statut.xsd", Lane.ACTIONS: "actions-fournisseur.xsd"}[lane]
    return XMLSchema10(str(Path(__file__).parents[2] / "xsd" / name), allow="local")


def wrong_shape(lane: Lane, document: bytes) -> Iterator[str]:
    """What another engine than libxml2 says of our schema. A number that is no status refuses its own entry alone."""
    if lane is Lane.CONTROL or (lane is Lane.ACTIONS and not is_xml(document)):
        return
    for error in _schema(lane).iter_errors(again.read(document)):
        name = error.elem.tag if error.elem is not None else ""
        if name != "IdStatut":
            yield f"the schema: {error.reason} at {error.path}"
