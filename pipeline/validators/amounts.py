"""Rules on amounts (family AMT): readable, not too precise, present; how they add up is `sums` and `line_amounts`."""

from collections.abc import Iterator

from pipeline import codes
from pipeline.validators import line_amounts, sums
from pipeline.validators.line_amounts import PRICE_INCLUDING_VAT
from pipeline.validators.rule import Breach, Rule, Subject, given, holds
from pipeline.values import Amount, decimals

# Numbers that are no amounts of money: quantities and prices (AMT-004, AMT-005), rates and percentages.
_NOT_MONEY = frozenset(
    {
        "BT-129",
        "BT-149",
        "BT-146",
        "BT-148",
        PRICE_INCLUDING_VAT,
        "BT-94",
        "BT-101",
        "BT-119",
        "BT-138",
        "BT-143",
        "BT-152",
    }
)


def no_amounts(subject: Subject) -> Iterator[Breach]:
    for amount in subject.invoice.amounts:
        if amount.value is None:
            yield Breach(amount, {"place": amount.bt, "text": amount.text})


def over_precise(subject: Subject) -> Iterator[Breach]:
    most = subject.terms.legacy.amount_decimals_max
    for amount in subject.invoice.amounts:
        if len(amount.text) > most and amount.value is not None and amount.bt not in _NOT_MONEY:
            digits = decimals(amount.text)
            if digits > most:
                yield Breach(amount, {"place": amount.bt, "text": amount.text, "decimals": digits})


def below_the_cent(subject: Subject) -> Iterator[Breach]:
    """Of an amount that breaks AMT-002 as well, that one alone tells where it is applied."""
    allowed, most = subject.terms.ctc.amount_decimals_max, subject.terms.legacy.amount_decimals_max
    others_tell = subject.terms.severity(codes.AMT_002) is not None
    for amount in document_amounts(subject):
        if amount is not None and amount.value is not None:
            digits = decimals(amount.text)
            if digits > allowed and not (others_tell and digits > most):
                yield Breach(amount, {"place": amount.bt, "text": amount.text, "decimals": digits})


def document_amounts(subject: Subject) -> Iterator[Amount | None]:
    """What BR-DEC looks at: totals, VAT lines, allowances and charges, line totals. Neither prices nor rates."""
    invoice = subject.invoice
    yield from (invoice.total_lines, invoice.total_allowances, invoice.total_charges, invoice.total_net)
    yield from (invoice.total_vat, invoice.total_vat_accounting, invoice.total_gross)
    yield from (invoice.prepaid, invoice.rounding, invoice.payable)
    for vat in invoice.vat_lines:
        yield vat.base
        yield vat.amount
    yield from invoice.header_amounts
    for line in invoice.lines:
        yield line.total
        yield from line.allowances
        yield from line.charges


AMOUNTS = (
    Rule(codes.AMT_001, no_amounts),
    Rule(codes.AMT_002, over_precise),
    Rule(codes.AMT_003, below_the_cent),
    Rule(codes.AMT_004, line_amounts.over_precise_quantities),
    Rule(codes.AMT_005, line_amounts.odd_prices),
    holds(codes.AMT_006, lambda s: given(s.invoice.total_net), at=lambda s: s.missing("BT-109")),
    holds(codes.AMT_007, lambda s: given(s.invoice.total_gross), at=lambda s: s.missing("BT-112")),
    holds(codes.AMT_008, lambda s: given(s.invoice.payable), at=lambda s: s.missing("BT-115")),
    Rule(codes.AMT_009, sums.lines_add_up),
    Rule(codes.AMT_010, sums.net_adds_up),
    Rule(codes.AMT_011, sums.gross_adds_up),
    Rule(codes.AMT_012, sums.payable_adds_up),
    Rule(codes.AMT_013, sums.vat_adds_up),
    Rule(codes.AMT_014, sums.bases_add_up),
    Rule(codes.AMT_015, sums.vat_of_each_base),
    Rule(codes.AMT_016, line_amounts.lines_that_do_not_add_up),
    Rule(codes.AMT_017, sums.accepted_below_zero),
    Rule(codes.AMT_018, sums.not_fully_paid),
    Rule(codes.AMT_019, line_amounts.net_prices_that_differ),
    Rule(codes.AMT_020, line_amounts.discounts_without_amount),
)
