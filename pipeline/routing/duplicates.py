"""Numbers used twice: the key of a number, and what an invoice earns when another one holds it.

Who holds a number across flows is the ledger's to say (number claims); these functions only compare and tell.
"""

from collections.abc import Mapping
from dataclasses import replace

from pipeline import codes, lifecycle
from pipeline.model import (
    PARIS,
    Decided,
    Finding,
    InvoiceOutcome,
    JudgedInvoice,
    Lookalike,
    NumberKey,
    NumberOwner,
    ReadInvoice,
    Received,
    finding,
)
from pipeline.routing.case import Case, Facts, shown
from pipeline.routing.directory import SIRET_TYPE
from pipeline.siret import is_siret
from pipeline.terms import Terms
from pipeline.values import XML_BLANKS, parse_amount


def number_key(invoice: ReadInvoice, partner: str, *, rights_proved: bool) -> NumberKey | None:
    """What makes the number of this invoice unique, or None where number, supplier or year cannot be told.

    The number is compared as given, blanks around it apart. Where the deposit right is not proved the key carries the
    partner: it meets that partner's own numbers only.
    """
    identifier = invoice.supplier.identifier
    if invoice.number is None or identifier is None or invoice.issued is None:
        return None
    return NumberKey(
        scope="" if rights_proved else partner,
        supplier_type=invoice.supplier.type,
        supplier=identifier.text.strip(XML_BLANKS),
        number=invoice.number.text.strip(XML_BLANKS),
        year=invoice.issued.year,
    )


def within_flow(judged: tuple[JudgedInvoice, ...], terms: Terms) -> tuple[JudgedInvoice, ...]:
    """DUP-002 for each invoice whose number an earlier one of the same flow has; a refused one keeps no number."""
    first: dict[NumberKey, str] = {}
    told = []
    for invoice in judged:
        told.append(_unless_taken(invoice, first, terms))
        if told[-1].outcome is not InvoiceOutcome.REFUSED and told[-1].claim is not None:
            first[told[-1].claim] = f"{invoice.read.rank} ({invoice.read.member})"
    return tuple(told)


def within_files(decided: Decided, seen: Mapping[NumberKey, str], terms: Terms) -> Decided:
    """DUP-002 too for a number that an earlier file of the same `check` carries: `seen` says where."""
    return replace(decided, invoices=tuple(_unless_taken(invoice, seen, terms) for invoice in decided.invoices))


def settle(invoice: JudgedInvoice, owner: NumberOwner | None, received: Received, terms: Terms) -> JudgedInvoice:
    """DUP-001 where another deposit holds the number: its name and day, unless it is another partner's.

    Of another partner's deposit nothing is told: it came by "another channel". DUP-004 beside it says of a number of
    one's own that it was rejected, and is never free again.
    """
    key = invoice.claim
    if owner is None or key is None or invoice.outcome is InvoiceOutcome.REFUSED:
        return invoice
    if owner.partner == received.partner:
        day = owner.received_at.astimezone(PARIS).date().isoformat()
        first, first_fr = f"{owner.flow_name} of {day}", f"{owner.flow_name} du {day}"
    else:
        first, first_fr = "another channel", "un autre canal"
    facts: Facts = {
        "number": key.number,
        "year": key.year,
        "supplier": key.supplier,
        "first": first,
        "first_fr": first_fr,
    }
    told = _without_number(invoice, _on_number(invoice.read, codes.DUP_001, facts, terms))
    if not owner.status or owner.partner != received.partner:
        return told
    facts = {"number": key.number, "state": lifecycle.shown(int(owner.status))}
    rejected = _on_number(invoice.read, codes.DUP_004, facts, terms)
    if rejected is None:
        return told
    return replace(told, findings=tuple(sorted((*told.findings, rejected), key=lambda f: f.order)))


def lookalike(seen: Case) -> Finding | None:
    """DUP-003: same number and amount as an invoice of this partner, of another year or another SIRET of the SIREN."""
    alike = [known for known in seen.known.lookalikes if _resembles(seen, known)]
    if not alike:
        return None
    other = min(alike, key=lambda known: (known.deposit_id, known.rank))
    told = f"{other.flow_name}: {other.supplier} {other.number} ({other.year})"
    return _on_number(seen.invoice, codes.DUP_003, {"number": shown(other.number), "other": told}, seen.terms)


def _unless_taken(invoice: JudgedInvoice, taken: Mapping[NumberKey, str], terms: Terms) -> JudgedInvoice:
    key = invoice.claim
    if key is None or invoice.outcome is InvoiceOutcome.REFUSED or key not in taken:
        return invoice
    facts: Facts = {"number": shown(key.number), "other": taken[key]}
    return _without_number(invoice, _on_number(invoice.read, codes.DUP_002, facts, terms))


def _without_number(invoice: JudgedInvoice, found: Finding | None) -> JudgedInvoice:
    """Add the finding; where the settings softened the rule the invoice enters, and claims nothing."""
    if found is None:
        return replace(invoice, claim=None)
    findings = tuple(sorted((*invoice.findings, found), key=lambda f: f.order))
    if found.refuses:
        return replace(invoice, findings=findings, outcome=InvoiceOutcome.REFUSED)
    return replace(invoice, findings=findings, claim=None)


def _on_number(invoice: ReadInvoice, code: codes.Code, facts: Facts, terms: Terms) -> Finding | None:
    made = finding(terms, code, code.place if invoice.number is None else invoice.number, member=invoice.member)
    return None if made is None else replace(made, value=shown(made.value), facts=facts)


def _resembles(seen: Case, known: Lookalike) -> bool:
    invoice, supplier = seen.invoice, seen.invoice.supplier
    if invoice.number is None or supplier.identifier is None or invoice.number.text != known.number:
        return False
    if known.flow_name == seen.received.name.partition(".")[0]:
        return False  # judged again: the rows are this flow's own
    total, other = parse_amount(invoice.total), parse_amount(known.total)
    if total is None or total != other or invoice.currency != known.currency:
        return False
    mine, theirs = (supplier.type, supplier.identifier.text), (known.supplier_type, known.supplier)
    if mine == theirs:
        return invoice.issued is not None and invoice.issued.year != known.year
    are_sirets = mine[0] == theirs[0] == str(SIRET_TYPE) and is_siret(mine[1]) and is_siret(theirs[1])
    return are_sirets and mine[1][:9] == theirs[1][:9]
