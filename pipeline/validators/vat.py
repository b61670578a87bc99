"""Rules on VAT (TVA): categories, rates, exemptions, regime, and the VAT lines that the lines need (family VAT)."""

from collections.abc import Iterator

from pipeline import codes
from pipeline.model import Kind
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, given, holds
from pipeline.values import Amount

CATEGORIES = frozenset({"S", "E", "AE", "K", "G", "O", "Z"})  # Annexe 7 v1.8 G2.31: no L, no M
EXEMPT = "E"
AIFE_REGIMES = frozenset({"TVA DEBIT", "TVA ENCAISSEMENT", "EXONERATION"})


def unused_categories(subject: Subject) -> Iterator[Breach]:
    invoice = subject.invoice
    for category in (
        *(vat.category for vat in invoice.vat_lines),
        *(line.vat_category for line in invoice.lines),
    ):
        if category is not None and category.text and category.text not in CATEGORIES:
            yield Breach(category, {"place": category.bt, "category": category.text})


def no_french_rates(subject: Subject) -> Iterator[Breach]:
    """By value: 20, 20.0 and 20.00 are one rate."""
    known: dict[str, bool] = {}
    for rate in _rates(subject):
        if rate.value is not None:
            if rate.text not in known:
                known[rate.text] = rate.value in subject.terms.lists.vat_rates
            if not known[rate.text]:
                yield Breach(rate, {"place": rate.bt, "rate": rate.text})


def _rates(subject: Subject) -> Iterator[Amount]:
    for vat in subject.invoice.vat_lines:
        if vat.rate is not None:
            yield vat.rate
    for line in subject.invoice.lines:
        if line.vat_rate is not None:
            yield line.vat_rate


def exempt_without_reason(subject: Subject) -> Iterator[Breach]:
    for vat in subject.invoice.vat_lines:
        if vat.category is not None and vat.category.text == EXEMPT:
            reasons = (("BT-120", vat.exemption), ("BT-121", vat.exemption_code))
            missing = [bt for bt, reason in reasons if not given(reason)]
            if missing:
                yield Breach(vat.category, {"place": ", ".join(missing)})


def unknown_regimes(subject: Subject) -> Iterator[Breach]:
    """UBL has two places for it, and the first wins (03-mapping section 3): the other is not read."""
    lists = subject.terms.lists
    is_ubl = subject.invoice.kind is Kind.UBL
    for regime in subject.invoice.vat_regimes[: 1 if is_ubl else None]:
        if is_ubl:
            is_known = regime.text in lists.vat_due_codes_ubl or regime.text.upper() in AIFE_REGIMES
        else:
            is_known = regime.text in lists.vat_due_codes_cii
        if not is_known:
            yield Breach(regime, {"value": regime.text})


def regimes_that_differ(subject: Subject) -> Breaches:
    """Annexe 7 v1.8 S1.13. Only CII says it per VAT line."""
    regimes = {vat.due.text: vat.due for vat in subject.invoice.vat_lines if vat.due is not None}
    if len(regimes) < 2:
        return NONE
    return (Breach(list(regimes.values())[1], {"values": ", ".join(regimes)}),)


def rates_without_vat_line(subject: Subject) -> Iterator[Breach]:
    covered = {vat.rate.value for vat in subject.invoice.vat_lines if vat.rate is not None}
    if None in covered:  # unreadable (AMT-001): it may be the one
        return
    for line in subject.invoice.lines:
        rate = line.vat_rate
        if rate is not None and rate.value is not None and line.counts and rate.value not in covered:
            covered.add(rate.value)  # told once, at the first line that uses it
            yield Breach(rate, {"rate": rate.text})


VAT = (
    Rule(codes.VAT_001, unused_categories),
    Rule(codes.VAT_002, no_french_rates),
    Rule(codes.VAT_003, exempt_without_reason),
    Rule(codes.VAT_006, unknown_regimes),
    Rule(codes.VAT_007, regimes_that_differ),
    Rule(codes.VAT_008, rates_without_vat_line),
    holds(codes.VAT_009, lambda s: not s.invoice.has_tax_total_without_amount, at=lambda s: s.missing("BT-110")),
)
