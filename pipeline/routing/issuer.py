"""The issuer: may this partner file for this supplier, is the supplier known, is the invoice a credit note mends known?

Deposit rights (droits de dépôt) come from the partner's sheet. They also decide whose numbers may be compared: nothing
is told of another partner's deposits unless the right is proved.
"""

from collections.abc import Iterator
from dataclasses import replace

from pipeline import codes
from pipeline.model import Finding, finding
from pipeline.routing.case import Case, Facts, Rule, at_supplier, shown


def has_right(seen: Case) -> bool:
    """A deposit right of the partner covers this supplier, type and identifier, on the day of deposit."""
    supplier = seen.invoice.supplier
    if supplier.identifier is None or seen.known.rights is None:
        return False
    return any(
        right.type == supplier.type
        and right.identifier == supplier.identifier.text
        and (right.start is None or right.start <= seen.day)
        and (right.end is None or seen.day <= right.end)
        for right in seen.known.rights
    )


def is_proved(seen: Case) -> bool:
    """Only an enforced right proves anything: with `warn` or `off` whoever drops could claim any supplier."""
    return seen.terms.switches.authorised_issuers == "enforce" and has_right(seen)


def may_not_file(seen: Case) -> bool:
    """A supplier without any identifier is PTY-001."""
    return seen.known.rights is not None and seen.invoice.supplier.identifier is not None and not has_right(seen)


def is_not_referenced(seen: Case) -> bool:
    """Silent until a supplier table is loaded; a declared deposit right counts as known."""
    supplier = seen.invoice.supplier
    if seen.known.suppliers is None or supplier.identifier is None:
        return False
    return (supplier.type, supplier.identifier.text) not in seen.known.suppliers and not has_right(seen)


def unknown_origins(seen: Case) -> Iterator[Finding]:
    """CRN-004, once for each original invoice that the ledger does not know of this supplier."""
    supplier = seen.invoice.supplier
    if not seen.invoice.origins or supplier.identifier is None or not seen.known.has_ledger or not is_proved(seen):
        return
    for origin in seen.invoice.origins:
        if (supplier.type, supplier.identifier.text, origin.text) not in seen.known.known_numbers:
            made = finding(seen.terms, codes.CRN_004, origin, member=seen.invoice.member)
            if made is not None:
                yield replace(made, value=shown(made.value), facts={"number": shown(origin.text)})


def _identifier(seen: Case) -> str:
    return seen.invoice.supplier.identifier.text if seen.invoice.supplier.identifier is not None else ""


def _partner(seen: Case) -> Facts:
    return {"partner": seen.received.partner, "siret": _identifier(seen)}


def _place(seen: Case) -> Facts:
    at = seen.invoice.supplier.identifier
    return {"identifier": _identifier(seen), "place": at.bt if at is not None else ""}


ISSUER = (
    Rule(codes.PTY_020, may_not_file, at_supplier, _partner, "authorised_issuers"),
    Rule(codes.PTY_021, is_not_referenced, at_supplier, _place, "supplier_must_exist"),
)
