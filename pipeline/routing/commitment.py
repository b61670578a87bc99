"""Commitments (engagements juridiques) of the State: does the number exist, is it open, for this service and supplier?

Other recipients' commitments are not looked up. A table that cannot be asked holds the invoice, it never refuses it.
"""

import re
from datetime import date
from typing import Literal

from pipeline import codes
from pipeline.model import Commitment
from pipeline.routing.case import Case, Facts, Rule, at_commitment
from pipeline.terms import Terms
from pipeline.values import XML_BLANKS

OPEN = "COMMANDE"
TableState = Literal["never-loaded", "fresh", "too-old", "unavailable"]
# A national market number in full: year, ten characters, two more per amendment. Shorter ones look like any order.
_MARKET_NUMBER = re.compile(r"(?:19|20)[0-9]{2}[0-9A-Z]{10}(?:[0-9]{2})?", re.ASCII)


def table_key(number: str) -> str:
    """How a number is looked up in the table: lower case is read as upper case (REF-005 warns of it)."""
    return number.strip(XML_BLANKS).upper()


def table_state(loaded: date | None, is_declared_unavailable: bool, day: date, terms: Terms) -> TableState:
    """Whether the commitments can be asked on a day, from the day of the last import and what operators declared."""
    if is_declared_unavailable:
        return "unavailable"
    if loaded is None:
        return "never-loaded"
    return "too-old" if (day - loaded).days > terms.reference_data.commitments_max_age_days else "fresh"


def row_of(seen: Case) -> Commitment | None:
    """The row behind the number given to the State, where a fresh table has one."""
    if not _is_asked(seen) or seen.known.commitments.state != "fresh":
        return None
    return seen.known.commitments.rows.get(table_key(_given(seen)))


def is_not_known(seen: Case) -> bool:
    return _is_asked(seen) and seen.known.commitments.state == "fresh" and row_of(seen) is None


def is_of_another_service(seen: Case) -> bool:
    row = row_of(seen)
    return row is not None and seen.service is not None and bool(row.service) and row.service != seen.service.code


def is_closed(seen: Case) -> bool:
    """The day of opening and the day of closing count as open."""
    row = row_of(seen)
    if row is None:
        return False
    early = row.opened is not None and seen.day < row.opened
    late = row.closed is not None and seen.day > row.closed
    return row.state.upper() != OPEN or early or late


def is_for_another_supplier(seen: Case) -> bool:
    row = row_of(seen)
    return row is not None and bool(row.supplier) and row.supplier != _supplier(seen)


def must_wait(seen: Case) -> bool:
    """Nothing to wait for once an operator has settled this invoice."""
    cannot_be_asked = seen.known.commitments.state in {"too-old", "unavailable"}
    return _is_asked(seen) and cannot_be_asked and seen.invoice.rank not in seen.known.operator_reason


def is_not_checked_here(seen: Case) -> bool:
    return seen.has_commitment and not seen.is_state


def looks_like_a_market_number(seen: Case) -> bool:
    if not seen.has_commitment:
        return False
    market = seen.invoice.market
    return (market is not None and market.text == _given(seen)) or _MARKET_NUMBER.fullmatch(_given(seen)) is not None


def has_no_table(seen: Case) -> bool:
    return _is_asked(seen) and seen.known.commitments.state == "never-loaded"


def _is_asked(seen: Case) -> bool:
    return seen.is_state and seen.has_commitment


def _given(seen: Case) -> str:
    return seen.invoice.commitment.text if seen.invoice.commitment is not None else ""


def _supplier(seen: Case) -> str:
    return seen.invoice.supplier.identifier.text if seen.invoice.supplier.identifier is not None else ""


def _number(seen: Case) -> Facts:
    return {"number": _given(seen)}


def _dated(seen: Case) -> Facts:
    table = seen.known.commitments
    return {"number": _given(seen), "snapshot": table.name or (table.day.isoformat() if table.day else "")}


def _services(seen: Case) -> Facts:
    row = row_of(seen)
    return {
        "number": _given(seen),
        "service": seen.service.code if seen.service is not None else "",
        "service_expected": row.service if row is not None else "",
    }


def _state(seen: Case) -> Facts:
    row = row_of(seen)
    if row is None:
        return {"number": _given(seen), "state": ""}
    opened, closed = (d.isoformat() if d else "-" for d in (row.opened, row.closed))
    return {"number": _given(seen), "state": f"{row.state} ({opened} / {closed})"}


def _waiting(seen: Case) -> Facts:
    day = seen.known.commitments.day
    return {
        "date": day.isoformat() if day else "",
        "max_age_days": seen.terms.reference_data.commitments_max_age_days,
    }


COMMITMENT = (
    Rule(codes.CMT_001, is_not_known, at_commitment, _dated),
    Rule(codes.CMT_002, is_of_another_service, at_commitment, _services),
    Rule(codes.CMT_003, is_closed, at_commitment, _state),
    Rule(codes.CMT_004, is_for_another_supplier, at_commitment, lambda s: {"number": _given(s), "siret": _supplier(s)}),
    Rule(codes.CMT_006, is_not_checked_here, at_commitment, _number),
    Rule(codes.CMT_007, looks_like_a_market_number, at_commitment, _number),
    Rule(codes.CMT_008, has_no_table, at_commitment),
)
WAITING = (Rule(codes.CMT_005, must_wait, at_commitment, _waiting),)
