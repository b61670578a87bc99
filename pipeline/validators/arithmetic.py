"""Exact sums of amounts as documents give them. An operand that is absent, or is no number, makes no sum."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from pipeline.validators.rule import NONE, Breach, Breaches, Subject
from pipeline.values import EXACT, Amount

ZERO = Decimal(0)
HUNDRED = Decimal(100)
CENT = Decimal("0.01")
_MILLIONTH = Decimal("0.000001")


def number(amount: Amount | None) -> Decimal | None:
    """The value, None where it is absent or unreadable."""
    return None if amount is None else amount.value


def number_or_zero(amount: Amount | None) -> Decimal | None:
    """For an operand that may be absent: zero then, and still None where it is unreadable (AMT-001 tells)."""
    return ZERO if amount is None else amount.value


def total(amounts: Iterable[Amount | None]) -> Decimal | None:
    """The exact sum; None where one of them is missing or unreadable, or there is none at all."""
    result = None
    for amount in amounts:
        if amount is None or amount.value is None:
            return None
        result = amount.value if result is None else EXACT.add(result, amount.value)
    return result


def to_the_cent(value: Decimal) -> Decimal:
    """Half away from zero, as BR-CO-17 wants."""
    return value.quantize(CENT, ROUND_HALF_UP, EXACT)


def are_near(computed: Decimal, claimed: Decimal, subject: Subject) -> bool:
    return EXACT.abs(EXACT.subtract(computed, claimed)) <= subject.terms.legacy.tolerance


def difference(subject: Subject, computed: Decimal | None, claimed: Amount | None) -> Breaches:
    """The breach of a sum that does not meet the total a document claims."""
    if computed is None or claimed is None or claimed.value is None or are_near(computed, claimed.value, subject):
        return NONE
    facts = {
        "computed": written(computed),
        "given": claimed.text,
        "difference": written(EXACT.subtract(computed, claimed.value)),
    }
    return (Breach(claimed, facts),)


def written(value: Decimal) -> str:
    """A computed number as a message shows it: no exponent, two decimals at least, six at most.

    >>> written(Decimal("1200")), written(Decimal("3.3333333333")), written(Decimal("0.0150"))
    ('1200.00', '3.333333', '0.015')
    """
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        value = value.quantize(_MILLIONTH, ROUND_HALF_UP, EXACT)
    whole, _, fraction = f"{value:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(2, '0')}"
