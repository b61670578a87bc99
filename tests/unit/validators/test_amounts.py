"""Amounts: readable, not too precise, present, adding up."""

from dataclasses import replace
from decimal import Decimal

import pytest
from a_invoice import (
    CTC,
    a_credit_note,
    a_line,
    a_minimum,
    a_mixed,
    a_vat_line,
    amount,
    an_invoice,
    earned,
    judged,
    text,
    the,
    totals,
)
from hypothesis import given
from hypothesis import strategies as st

from pipeline.codes import ALL
from pipeline.terms import Terms
from pipeline.validators.arithmetic import written

SUMS = {f"AMT-{n:03}" for n in (9, 10, 11, 12, 13, 14, 17)}


def with_lines(*lines, **changes):
    return an_invoice(lines=lines, **changes)


# --- each amount


@pytest.mark.parametrize("written_so", ["NaN", "1e3", "1,00", "12.", ".5", "1_000", "٣", "", "--1", "1" * 20, "-INF"])
def test_what_is_no_amount_is_told_and_enters_no_sum(written_so):
    found = judged(an_invoice(total_gross=amount(written_so, "BT-112")))
    assert the("AMT-001", found).facts == {"place": "BT-112", "text": written_so}
    assert {f.rule for f in found} - {"AMT-001"} <= {"AMT-007"}


@pytest.mark.parametrize(
    "place",
    ["total_lines", "total_net", "total_vat", "payable", "prepaid", "rounding", "total_allowances", "total_charges"],
)
def test_a_sum_does_not_run_on_an_operand_that_is_no_amount(place):
    assert earned(an_invoice(**{place: amount("9" * 20, "BT")})) == {"AMT-001"}


def test_19_positions_are_exact():
    great = "9999999999999999.99"
    invoice = an_invoice(**totals(great, "0.01", "10000000000000000.00"), lines=())
    assert not SUMS & earned(invoice, "FSO1117A")
    off = an_invoice(**totals(great, "0.01", "10000000000000000.02"), lines=())
    assert the("AMT-011", judged(off, "FSO1117A")).facts["difference"] == "-0.02"


@pytest.mark.parametrize(
    ("value", "rules"),
    [
        ("72.00", set()),
        ("72.0", set()),
        ("72", set()),
        ("72.000", {"AMT-003"}),
        ("72.000000", {"AMT-003"}),
        ("72.0000000", {"AMT-002"}),
    ],
)
def test_a_total_has_two_decimals_and_never_more_than_six(value, rules):
    assert earned(an_invoice(total_gross=amount(value, "BT-112"))) == rules


def test_the_reform_wants_two_decimals_of_what_the_old_channel_refuses_at_seven():
    invoice = an_invoice(total_gross=amount("72.0000000", "BT-112"))
    assert [(f.rule, f.severity) for f in judged(invoice, terms=CTC)] == [("AMT-003", "error")]
    off = Terms(severities={"AMT-002": "off"})
    assert earned(invoice, terms=off) == {"AMT-003"}


def test_two_decimals_are_asked_of_every_amount_of_money_in_the_document():
    line = a_line(
        1,
        quantity=amount("6"),
        total=amount("60.000", "BT-131"),
        charges=(amount("1.000", "BT-141"),),
        allowances=(amount("1.000", "BT-136"),),
    )
    invoice = with_lines(
        line,
        header_amounts=(amount("0.000", "BT-92"),),
        vat_lines=(a_vat_line("60.000", "12.000"),),
        total_vat_accounting=amount("12.000", "BT-111"),
    )
    places = [f.at for f in judged(invoice) if f.rule == "AMT-003"]
    assert places == ["BT-111", "BT-116", "BT-117", "BT-92", "BT-131", "BT-136", "BT-141"]


def test_rates_and_percentages_are_no_amounts_of_money():
    invoice = an_invoice(
        vat_lines=(a_vat_line(rate="20.00000000"),),
        lines=(a_line(1), a_line(2, other_amounts=(amount("3.33333333", "BT-138"),))),
    )
    assert earned(invoice) == set()


@pytest.mark.parametrize(
    ("quantity", "rules"), [("6.0000", set()), ("6.00000", {"AMT-004"}), ("6.00000000", {"AMT-004"})]
)
def test_a_quantity_has_four_decimals(quantity, rules):
    line = a_line(1, quantity=amount(quantity, "BT-129"), total=amount("60.00", "BT-131"))
    assert earned(with_lines(line)) == rules


@pytest.mark.parametrize(("price", "rules"), [("10.000000", set()), ("10.0000000", {"AMT-005"}), ("-0.00", set())])
def test_a_price_has_six_decimals(price, rules):
    line = a_line(
        1,
        price=amount(price, "BT-146"),
        quantity=amount("6"),
        total=amount("0" if price == "-0.00" else "60", "BT-131"),
    )
    assert earned(with_lines(line)) - {"AMT-009"} == rules


def test_a_negative_price_is_told_with_its_line():
    line = a_line(1, id=text("L7", "BT-126"), gross_price=amount("-1", "BT-148"), price=amount("10", "BT-146"))
    found = the("AMT-005", judged(with_lines(line, a_line(2))))
    assert (found.at, found.facts) == ("BT-148", {"line": "L7", "text": "-1"})


def test_the_price_including_vat_of_fso1116a_is_a_price():
    line = a_line(1, price_ttc=amount("12.0000000", "price including VAT"))
    assert the("AMT-005", judged(with_lines(line, a_line(2)), "FSO1116A")).at == "price including VAT"


# --- sums


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (
            "AMT-009",
            lambda off: {"lines": (a_line(1), a_line(2, quantity=None, total=amount(str(30 + off), "BT-131")))},
        ),
        ("AMT-010", lambda off: {"total_charges": amount(str(off), "BT-108")}),
        (
            "AMT-011",
            lambda off: {"total_gross": amount(str(72 + off), "BT-112"), "payable": amount(str(72 + off), "BT-115")},
        ),
        ("AMT-012", lambda off: {"payable": amount(str(72 + off), "BT-115")}),
        ("AMT-013", lambda off: {"vat_lines": (a_vat_line("0", "0"), a_vat_line("60", str(12 + off), rate=None))}),
        ("AMT-014", lambda off: {"vat_lines": (a_vat_line(str(60 + off), rate=None),)}),
        ("AMT-015", lambda off: {"vat_lines": (a_vat_line(vat=str(12 + off)),)}),
        ("AMT-016", lambda off: {"lines": (a_line(1), a_line(2, total=amount(str(30 + off), "BT-131")))}),
        ("AMT-019", lambda off: {"lines": (a_line(1), a_line(2, gross_price=amount(str(10 + off), "BT-148")))}),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_the_tolerance_is_a_cent_included(rule, changes, sign):
    assert rule not in earned(an_invoice(**changes(sign * Decimal("0.01"))))
    found = judged(an_invoice(**changes(sign * Decimal("0.011"))))
    assert rule in {f.rule for f in found}
    facts = the(rule, found).facts
    assert facts.get("difference", "0.011").lstrip("-") == "0.011"


def test_a_sum_names_what_is_computed_what_is_given_and_the_difference():
    found = the("AMT-009", judged(with_lines(a_line(1))))
    assert found.facts == {"computed": "30.00", "given": "60.00", "difference": "-30.00"}
    assert (found.at, found.value) == ("BT-106", "60.00")


@pytest.mark.parametrize("kind", ["REGROUPEMENT", "INFORMATION"])
def test_grouping_and_information_lines_stay_out_of_every_sum(kind):
    group = a_line(3, type=text(kind, "TYPE_LIGNE"), total=amount("999.00", "BT-131"), vat_rate=amount("5.5", "BT-152"))
    assert earned(with_lines(a_line(1), a_line(2), group)) == set()
    assert "AMT-009" in earned(with_lines(a_line(1), a_line(2), a_line(3, type=text("DETAIL", "TYPE_LIGNE"))))


def test_lines_without_a_total_make_no_sum():
    assert earned(with_lines(a_line(1), a_line(2, total=None))) == set()
    only_information = a_line(1, type=text("INFORMATION", "TYPE_LIGNE"))
    assert earned(with_lines(only_information)) == set()


def test_allowances_charges_prepaid_and_rounding_enter_the_totals():
    changes = {
        **totals("65.00", "13.00", "78.00", "50.02", lines="60.00", prepaid="28.00"),
        "total_allowances": amount("5.00", "BT-107"),
        "total_charges": amount("10.00", "BT-108"),
        "rounding": amount("0.02", "BT-114"),
    }
    assert earned(an_invoice(**changes)) == set()


def test_a_vat_total_that_is_absent_is_zero():
    none = {"total_vat": None, "total_gross": amount("60.00", "BT-112"), "payable": amount("60.00", "BT-115")}
    assert earned(an_invoice(**none, vat_lines=(a_vat_line(vat="0.00", rate="0.00"),), lines=())) == {"LIN-002"}
    found = the("AMT-013", judged(an_invoice(**none)))
    assert (found.at, found.facts["given"]) == ("BT-110", "0")


def test_sums_run_only_where_their_operands_have_a_place():
    minimum = a_minimum(payable=amount("10.00", "BT-115"), framework=text("A1", "BT-23"))
    assert not SUMS & earned(minimum, "FSO1117A")
    assert "AMT-011" in earned(a_minimum(total_gross=amount("80.00", "BT-112")), "FSO1117A")
    assert not SUMS & earned(a_mixed(payable=amount("10.00", "BT-115")), "FSO1113A")
    assert "AMT-014" in earned(a_mixed(vat_lines=(a_vat_line(base="10.00", vat="2.00"),)), "FSO1113A")
    without = an_invoice(total_lines=None, vat_lines=(), lines=())
    assert not SUMS & earned(without, "FSO1117A")


@pytest.mark.parametrize(
    ("base", "rate", "vat", "fits"),
    [
        ("0.10", "5.5", "0.01", True),
        ("100.30", "5", "5.02", True),  # 5.015, half away from zero
        ("-100.30", "5", "-5.02", True),
        ("100.30", "5", "5.03", True),
        ("100.30", "5", "5.04", False),
        ("100.30", "5", "5.00", False),
    ],
)
def test_vat_is_base_by_rate_rounded_half_away_from_zero(base, rate, vat, fits):
    assert ("AMT-015" in earned(an_invoice(vat_lines=(a_vat_line(base, vat, rate),)))) is not fits


def test_vat_of_a_base_is_told_with_its_operands():
    found = the("AMT-015", judged(an_invoice(vat_lines=(a_vat_line(vat="13.00"),))))
    assert found.facts == {"rate": "20.00", "base": "60.00", "computed": "12.00", "given": "13.00"}


@pytest.mark.parametrize("changes", [{"rate": None}, {"base": None}, {"amount": None}, {"rate": amount("x")}])
def test_a_vat_line_that_lacks_an_operand_is_not_computed(changes):
    assert "AMT-015" not in earned(an_invoice(vat_lines=(replace(a_vat_line(vat="13.00"), **changes),)))


# --- lines


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"base_quantity": amount("1")}, True),
        ({"base_quantity": amount("3"), "total": amount("10.00", "BT-131")}, True),
        ({"base_quantity": amount("0")}, True),
        ({"base_quantity": amount("x")}, True),
        ({"base_quantity": amount("7")}, False),
        ({"charges": (amount("2.00"), amount("1.00")), "allowances": (amount("3.00"),)}, True),
        ({"charges": (amount("2.00"),)}, False),
        ({"charges": (amount("x"),)}, True),
        ({"price": None}, True),
        ({"price": amount("x")}, True),
        ({"quantity": amount("3.001")}, True),
    ],
)
def test_a_line_is_quantity_by_price_with_its_charges_and_allowances(changes, fits):
    invoice = with_lines(a_line(1, **changes), total_lines=None)
    assert ("AMT-016" in earned(invoice)) is not fits


def test_a_line_that_does_not_divide_is_shown_with_six_decimals():
    found = the("AMT-016", judged(with_lines(a_line(1, base_quantity=amount("7")), total_lines=None)))
    assert found.facts == {"line": "1", "computed": "4.285714", "given": "30.00"}


def test_prices_of_fso1116a_may_include_vat_and_are_not_compared():
    line = a_line(1, total=amount("99.00", "BT-131"), gross_price=amount("12.00", "BT-148"))
    assert not {"AMT-016", "AMT-019"} & earned(with_lines(line, total_lines=None), "FSO1116A")
    assert {"AMT-016", "AMT-019"} <= earned(with_lines(line, total_lines=None), "FSO1106A")


def test_a_net_price_is_the_gross_price_less_the_discount():
    fits = a_line(1, gross_price=amount("12.00", "BT-148"), price_discount=amount("2.00", "BT-147"))
    assert earned(with_lines(fits, a_line(2))) == set()
    off = a_line(1, gross_price=amount("12.00", "BT-148"))
    found = the("AMT-019", judged(with_lines(off, a_line(2))))
    assert found.facts == {"line": "1", "net": "10.00", "gross": "12.00", "discount": "0"}


def test_a_discount_without_amount_is_told_by_amt_020_alone():
    found = the("AMT-020", judged(with_lines(a_line(1), a_line(2, has_price_allowance=True, gross_price=amount("12")))))
    assert (found.at, found.path, found.line, found.facts) == (
        "BT-147",
        "/Invoice/cac:InvoiceLine[2]",
        22,
        {"line": "2"},
    )


# --- below zero, already paid


def test_a_negative_invoice_that_adds_up_is_taken():
    invoice = an_invoice(**totals("-60.00", "-12.00", "-72.00"))
    assert [(f.rule, f.severity) for f in judged(invoice)] == [("AMT-017", "info")]


@pytest.mark.parametrize(
    "changes", [{"payable": amount("-71.00", "BT-115")}, {"vat_lines": (a_vat_line("-60.00", "-11.00", rate=None),)}]
)
def test_a_negative_invoice_that_does_not_add_up_is_told_by_its_sums(changes):
    found = earned(an_invoice(**{**totals("-60.00", "-12.00", "-72.00"), **changes}))
    assert "AMT-017" not in found
    assert found & {"AMT-012", "AMT-013"}


def test_a_negative_credit_note_is_another_matter():
    assert "AMT-017" not in earned(a_credit_note(**totals("-60.00", "-12.00", "-72.00")))


@pytest.mark.parametrize(
    ("prepaid", "payable", "left"),
    [
        ("72.00", "0.00", None),
        ("72.00", "0", None),
        ("70.00", "2.00", "2.00"),
        ("70.00", "0.00", "2.00"),
        (None, "0.00", "72.00"),
        (None, "72.00", "72.00"),
    ],
)
def test_a2_is_fully_paid(prepaid, payable, left):
    invoice = an_invoice(
        framework=text("A2", "BT-23"),
        prepaid=None if prepaid is None else amount(prepaid, "BT-113"),
        payable=amount(payable, "BT-115"),
    )
    found = [f for f in judged(invoice) if f.rule == "AMT-018"]
    assert [f.facts for f in found] == ([] if left is None else [{"amount": left}])


def test_a2_asks_for_prepaid_only_where_it_has_a_place():
    nothing_left = {"framework": text("A2", "BT-23"), "payable": amount("0.00", "BT-115")}
    assert "AMT-018" not in earned(a_minimum(**nothing_left), "FSO1117A")
    assert "AMT-018" not in earned(a_mixed(**nothing_left), "FSO1113A")
    rest = {"framework": text("A2", "BT-23")}
    assert "AMT-018" in earned(a_mixed(**rest), "FSO1113A")
    assert "AMT-018" not in earned(an_invoice(framework=text("A2", "BT-23"), payable=None))


def test_a2_may_be_rounded():
    rounded = {
        "prepaid": amount("71.98", "BT-113"),
        "rounding": amount("-0.02", "BT-114"),
        "payable": amount("0", "BT-115"),
    }
    assert earned(an_invoice(framework=text("A2", "BT-23"), **rounded)) == set()


# --- how a number is written


@given(st.decimals(min_value=-(10**40), max_value=10**40, places=8))
def test_a_computed_number_is_written_without_exponent_and_with_two_to_six_decimals(value):
    shown = written(value)
    assert 2 <= len(shown.partition(".")[2]) <= 6
    assert abs(Decimal(shown) - value) <= Decimal("0.0000005") or value.adjusted() > 20


def test_missing_totals_are_told_each_by_its_rule():
    invoice = an_invoice(total_net=None, total_gross=None, payable=None)
    assert earned(invoice) == {"AMT-006", "AMT-007", "AMT-008"}
    assert all(ALL[rule].public_code == "REJ_INEX" for rule in ("AMT-006", "AMT-007", "AMT-008"))
