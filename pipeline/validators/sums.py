"""The totals of an invoice against each other (AMT-009 to AMT-015, AMT-017, AMT-018).

A sum runs only where the syntax or profile has a place for every operand; BT-107, 108, 110, 113 and 114 may be absent,
and are zero then (04-rules section 1).
"""

from collections.abc import Iterator
from decimal import Decimal

from pipeline.validators.arithmetic import (
    HUNDRED,
    are_near,
    difference,
    number,
    number_or_zero,
    to_the_cent,
    total,
    written,
)
from pipeline.validators.framework import ALREADY_PAID
from pipeline.validators.rule import NONE, Breach, Breaches, Subject
from pipeline.values import EXACT, Amount


def lines_add_up(subject: Subject) -> Breaches:
    """BR-CO-10. Grouping and information lines of UBL stay out."""
    claimed = subject.invoice.total_lines
    if claimed is None:
        return NONE
    return difference(subject, total(line.total for line in subject.invoice.lines if line.counts), claimed)


def net_adds_up(subject: Subject) -> Breaches:
    """BR-CO-13."""
    invoice = subject.invoice
    lines = number(invoice.total_lines)
    allowances, charges = number_or_zero(invoice.total_allowances), number_or_zero(invoice.total_charges)
    if lines is None or allowances is None or charges is None:
        return NONE
    return difference(subject, EXACT.add(EXACT.subtract(lines, allowances), charges), invoice.total_net)


def gross_adds_up(subject: Subject) -> Breaches:
    """BR-CO-15."""
    net, vat = number(subject.invoice.total_net), number_or_zero(subject.invoice.total_vat)
    if subject.is_mixed or net is None or vat is None:
        return NONE
    return difference(subject, EXACT.add(net, vat), subject.invoice.total_gross)


def payable_adds_up(subject: Subject) -> Breaches:
    """BR-CO-16."""
    return difference(subject, _still_due(subject), subject.invoice.payable)


def vat_adds_up(subject: Subject) -> Breaches:
    """BR-CO-14."""
    invoice = subject.invoice
    if subject.is_mixed or not invoice.vat_lines:
        return NONE
    claimed = invoice.total_vat or Amount("0", Decimal(0), "BT-110", invoice.path, 0)
    return difference(subject, total(vat.amount for vat in invoice.vat_lines), claimed)


def bases_add_up(subject: Subject) -> Breaches:
    """Annexe 7 v1.8 G1.53."""
    return difference(subject, total(vat.base for vat in subject.invoice.vat_lines), subject.invoice.total_net)


def vat_of_each_base(subject: Subject) -> Iterator[Breach]:
    """BR-CO-17."""
    for vat in subject.invoice.vat_lines:
        base, rate, amount = vat.base, vat.rate, vat.amount
        if base is None or rate is None or amount is None:
            continue
        if base.value is None or rate.value is None or amount.value is None:
            continue
        computed = to_the_cent(EXACT.divide(EXACT.multiply(base.value, rate.value), HUNDRED))
        if not are_near(computed, amount.value, subject):
            facts = {"rate": rate.text, "base": base.text, "computed": written(computed), "given": amount.text}
            yield Breach(amount, facts)


def accepted_below_zero(subject: Subject) -> Breaches:
    """An invoice with a negative total is taken if it adds up; if not, the sums tell, and this says nothing."""
    gross = subject.invoice.total_gross
    if gross is None or gross.value is None or gross.value >= 0 or subject.invoice.is_credit_note:
        return NONE
    if any(adds_up(subject) != NONE for adds_up in (lines_add_up, net_adds_up, gross_adds_up, payable_adds_up)):
        return NONE
    return NONE if vat_adds_up(subject) != NONE else (Breach(gross, {"total": gross.text}),)


def not_fully_paid(subject: Subject) -> Breaches:
    """A2 is already paid: nothing is left to pay and, where prepaid has a place, it covers the total."""
    payable = subject.invoice.payable
    if subject.framework != ALREADY_PAID or payable is None or payable.value is None:
        return NONE
    if payable.value != 0:
        return (Breach(payable, {"amount": payable.text}),)
    left = _still_due(subject)
    if left is None or EXACT.abs(left) <= subject.terms.legacy.tolerance:
        return NONE
    return (Breach(subject.invoice.prepaid or subject.missing("BT-113"), {"amount": written(left)}),)


def _still_due(subject: Subject) -> Decimal | None:
    """BT-112 - BT-113 + BT-114, where BT-113 has a place."""
    invoice = subject.invoice
    gross, prepaid = number(invoice.total_gross), number_or_zero(invoice.prepaid)
    rounding = number_or_zero(invoice.rounding)
    if subject.is_minimum or subject.is_mixed or gross is None or prepaid is None or rounding is None:
        return None
    return EXACT.add(EXACT.subtract(gross, prepaid), rounding)
