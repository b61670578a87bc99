"""Rules on credit notes (avoirs) and what they refer to (family CRN). Whether the original is known is routing's."""

from collections.abc import Iterator

from pipeline import codes
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, holds

CREDIT_NOTE = "381"


def long_origins(subject: Subject) -> Iterator[Breach]:
    most = subject.terms.legacy.invoice_number_max
    for origin in subject.invoice.origins:
        if len(origin.text) > most:
            yield Breach(origin, {"length": len(origin.text)})


def names_an_invoice(subject: Subject) -> bool:
    """MINIMUM has no place for it."""
    invoice = subject.invoice
    return not invoice.is_credit_note or bool(invoice.origins) or subject.is_minimum


def root_against_type(subject: Subject) -> Breaches:
    """Only UBL says it twice; its Invoice root with 381 is a credit note as well."""
    root, type_ = subject.invoice.root, subject.invoice.type
    if root != "CreditNote" or type_ is None or not type_.text or type_.text == CREDIT_NOTE:
        return NONE
    return (Breach(type_, {"root": root, "type": type_.text}),)


def origin_on_an_invoice(subject: Subject) -> Iterator[Breach]:
    if not subject.invoice.is_credit_note:
        for origin in subject.invoice.origins:
            yield Breach(origin, {"number": origin.text})


def negative_credit_note(subject: Subject) -> Breaches:
    """It may be meant as a double negation: we say what we read, and take it."""
    invoice = subject.invoice
    if not invoice.is_credit_note:
        return NONE
    for total in (invoice.total_gross, invoice.total_net, invoice.payable):
        if total is not None and total.value is not None and total.value < 0:
            return (Breach(total, {"total": total.text}),)
    return NONE


CREDIT_NOTES = (
    Rule(codes.CRN_001, long_origins),
    holds(codes.CRN_002, names_an_invoice, at=lambda s: s.missing("BT-25")),
    Rule(codes.CRN_005, root_against_type),
    Rule(codes.CRN_006, origin_on_an_invoice),
    Rule(codes.CRN_007, negative_credit_note),
)
