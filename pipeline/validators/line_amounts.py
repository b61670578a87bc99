"""Quantities, prices and totals of the lines (AMT-004, AMT-005, AMT-016, AMT-019, AMT-020)."""

from collections.abc import Iterator

from pipeline.model import Line
from pipeline.validators.arithmetic import ZERO, are_near, number_or_zero, written
from pipeline.validators.rule import Breach, Subject, given
from pipeline.values import EXACT, Amount, Text, decimals

# Its net price is the price including VAT, its gross price the price excluding VAT (03-mapping section 5).
WITH_VAT_IN_THE_NET_PRICE = "FSO1116A"
PRICE_INCLUDING_VAT = "price including VAT"  # the place that readers give to that net price


def line_name(line: Line, rank: int) -> str:
    """How a message names a line: its id, else its rank."""
    return line.id.text if line.id is not None and given(line.id) else str(rank)


def line_place(line: Line, bt: str) -> Text:
    """The place of a datum that a line lacks."""
    return Text("", bt, line.path, line.source_line)


def over_precise_quantities(subject: Subject) -> Iterator[Breach]:
    most = subject.terms.legacy.quantity_decimals_max
    for rank, line in enumerate(subject.invoice.lines, start=1):
        quantity = line.quantity
        if quantity is not None and len(quantity.text) > most and quantity.value is not None:
            digits = decimals(quantity.text)
            if digits > most:
                yield Breach(quantity, {"line": line_name(line, rank), "text": quantity.text, "decimals": digits})


def odd_prices(subject: Subject) -> Iterator[Breach]:
    most = subject.terms.legacy.price_decimals_max
    for rank, line in enumerate(subject.invoice.lines, start=1):
        for price in (line.price, line.gross_price, line.price_ttc):
            if price is not None and _is_odd(price, most):
                yield Breach(price, {"line": line_name(line, rank), "text": price.text})


def _is_odd(price: Amount, most: int) -> bool:
    return price.value is not None and (price.value < 0 or decimals(price.text) > most)


def lines_that_do_not_add_up(subject: Subject) -> Iterator[Breach]:
    """Quantity by price (for the base quantity), charges added, allowances taken off."""
    if subject.interface.code == WITH_VAT_IN_THE_NET_PRICE:
        return
    for rank, line in enumerate(subject.invoice.lines, start=1):
        quantity, price, total = line.quantity, line.price, line.total
        if quantity is None or price is None or total is None or not line.counts:
            continue
        if quantity.value is None or price.value is None or total.value is None:
            continue
        computed = EXACT.multiply(quantity.value, price.value)
        if line.base_quantity is not None:
            if not line.base_quantity.value:  # unreadable, or zero: nothing to divide by
                continue
            computed = EXACT.divide(computed, line.base_quantity.value)
        if any(amount.value is None for amount in (*line.charges, *line.allowances)):
            continue
        for charge in line.charges:
            computed = EXACT.add(computed, charge.value or ZERO)
        for allowance in line.allowances:
            computed = EXACT.subtract(computed, allowance.value or ZERO)
        if not are_near(computed, total.value, subject):
            yield Breach(total, {"line": line_name(line, rank), "computed": written(computed), "given": total.text})


def net_prices_that_differ(subject: Subject) -> Iterator[Breach]:
    """Annexe 7 v1.8 G1.55; a discount block without its amount is AMT-020."""
    if subject.interface.code == WITH_VAT_IN_THE_NET_PRICE:
        return
    for rank, line in enumerate(subject.invoice.lines, start=1):
        net, gross, discount = line.price, line.gross_price, number_or_zero(line.price_discount)
        if net is None or gross is None or net.value is None or gross.value is None or discount is None:
            continue
        if line.price_discount is None and line.has_price_allowance:
            continue
        if not are_near(EXACT.subtract(gross.value, discount), net.value, subject):
            facts = {"line": line_name(line, rank), "net": net.text, "gross": gross.text}
            yield Breach(net, facts | {"discount": "0" if line.price_discount is None else line.price_discount.text})


def discounts_without_amount(subject: Subject) -> Iterator[Breach]:
    for rank, line in enumerate(subject.invoice.lines, start=1):
        if line.has_price_allowance and line.price_discount is None:
            yield Breach(line_place(line, "BT-147"), {"line": line_name(line, rank)})
