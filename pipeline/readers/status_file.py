"""CPPStatut with CPPFactureStatuts -> one `ReadStatus` for each unit: what a recipient says of its invoices.

The schema has judged the document before; what it cannot say (whose invoice it is, which change may be) is for
`status_intake`. A number that the schema refuses is read as it stands: it refuses its own entry (LFC-009).
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime

from lxml import etree

from pipeline.model import PARIS, InvoiceKey, ReadStatus
from pipeline.readers.schemes import LEGACY_TYPES
from pipeline.readers.walk import Found, Group
from pipeline.values import Text, parse_iso_day

ROOT = "CPPStatut"
OF_INVOICES, OF_FLOWS = "CPPFactureStatuts", "CPPFluxStatuts"
STATUS = "IdStatut"
_UNIT = "CPPFactureStatutUnitaire"
_ZONE = re.compile(r"(?:Z|[+-][0-9]{2}:[0-9]{2})\Z", re.ASCII)


def tells_flows_only(tree: etree._ElementTree) -> bool:
    """Statuses of flows, and none of an invoice (LFC-007)."""
    root = tree.getroot()
    return root.find(OF_FLOWS) is not None and root.find(OF_INVOICES) is None


def read(tree: etree._ElementTree, member: str, before: int = 0) -> Iterator[ReadStatus]:
    """Every entry of the file, in its order; `before`: how many the files before it in the same flow have."""
    root = Group(tree.getroot(), f"/{ROOT}", Found())
    units = (unit for statuses in root.groups(OF_INVOICES) for unit in statuses.groups(_UNIT))
    for rank, unit in enumerate(units, start=before + 1):
        yield _read_unit(unit, member, rank)


def _read_unit(unit: Group, member: str, rank: int) -> ReadStatus:
    supplier, data = unit.group("Fournisseur"), unit.group("DonneesStatut")
    kind = supplier.identifier("TypeIdentifiant", "BT-30-1")
    issued = data.identifier("DateFacture", "BT-2")
    when = data.identifier("Horodatage", "Horodatage")
    return ReadStatus(
        rank=rank,
        member=member,
        invoice=InvoiceKey(
            _type(kind),
            supplier.identifier("Identifiant", "BT-30"),
            data.identifier("IdFacture", "BT-1"),
            day(issued.text) if issued is not None else None,
        ),
        issued_at=issued,
        recipient=unit.group("Debiteur").identifier("Identifiant", "BT-47"),
        status=data.identifier(STATUS, STATUS),
        when=moment(when.text) if when is not None else None,
        when_at=when,
        comment=data.text("Commentaire", "Commentaire"),
        reason=data.identifier("ComplementStatut", "ComplementStatut"),
        mandate=data.identifier("IdMandatDP", "IdMandatDP"),
    )


def _type(given: Text | None) -> str:
    """1 to 7; the schema has an integer there, so that 01 is 1."""
    text = given.text.lstrip("+0") if given is not None else ""
    return text if text in LEGACY_TYPES else ""


def day(text: str) -> date | None:
    """An xs:date; its zone does not move it. None where no calendar of ours holds it.

    >>> day("2026-11-02+01:00").isoformat(), day("12026-11-02")
    ('2026-11-02', None)
    """
    return parse_iso_day(_ZONE.sub("", text, count=1))


def moment(text: str) -> datetime | None:
    """An xs:dateTime; one without a zone is of Paris. None where no calendar of ours holds it.

    >>> moment("2026-11-20T12:00:00").isoformat(), moment("2026-11-20T12:00:00Z").isoformat()
    ('2026-11-20T12:00:00+01:00', '2026-11-20T12:00:00+00:00')
    """
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo is not None else when.replace(tzinfo=PARIS)
        when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return when
