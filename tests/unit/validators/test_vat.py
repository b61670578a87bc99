"""VAT: categories, rates, exemptions, regime."""

import pytest
from a_invoice import CTC, a_line, a_vat_line, amount, an_invoice, earned, judged, text, the

from pipeline.model import Kind


@pytest.mark.parametrize("category", ["S", "E", "AE", "K", "G", "O", "Z"])
def test_the_categories_of_france_are_taken(category):
    assert "VAT-001" not in earned(an_invoice(vat_lines=(a_vat_line(category=text(category, "BT-118")),)))


@pytest.mark.parametrize("category", ["L", "M", "s", "B"])
def test_another_category_warns_in_each_place(category):
    invoice = an_invoice(
        vat_lines=(a_vat_line(category=text(category, "BT-118")),),
        lines=(a_line(1, vat_category=text(category, "BT-151")), a_line(2, vat_category=None)),
        total_lines=None,
    )
    found = [f for f in judged(invoice) if f.rule == "VAT-001"]
    assert [f.facts for f in found] == [{"place": place, "category": category} for place in ("BT-118", "BT-151")]
    assert {f.severity for f in judged(invoice, terms=CTC) if f.rule == "VAT-001"} == {"error"}


@pytest.mark.parametrize("rate", ["20", "20.0", "20.000", "5.5", "8.50", "0", "2.1"])
def test_a_french_rate_is_known_however_it_is_written(rate):
    assert "VAT-002" not in earned(an_invoice(vat_lines=(a_vat_line(rate=rate),)))


@pytest.mark.parametrize("rate", ["19", "21", "-20", "0.2"])
def test_another_rate_warns(rate):
    found = the("VAT-002", judged(an_invoice(vat_lines=(a_vat_line(rate=rate),))))
    assert (found.severity, found.facts) == ("warning", {"place": "BT-119", "rate": rate})


def test_a_rate_that_is_no_number_is_left_to_amt_001():
    assert "VAT-002" not in earned(an_invoice(vat_lines=(a_vat_line(rate="vingt"),)))


@pytest.mark.parametrize(
    ("reason", "code", "missing"),
    [
        ("Exonéré", "VATEX-FR-FRANCHISE", None),
        ("Exonéré", None, "BT-121"),
        (None, "VATEX-FR-FRANCHISE", "BT-120"),
        (None, None, "BT-120, BT-121"),
    ],
)
def test_what_is_exempt_gives_its_reason_and_its_code(reason, code, missing):
    line = a_vat_line(
        vat="0.00",
        rate="0",
        category=text("E", "BT-118"),
        exemption=reason and text(reason, "BT-120"),
        exemption_code=code and text(code, "BT-121"),
    )
    found = [f.facts for f in judged(an_invoice(vat_lines=(line,))) if f.rule == "VAT-003"]
    assert found == ([] if missing is None else [{"place": missing}])


@pytest.mark.parametrize(
    ("kind", "regime", "known"),
    [
        (Kind.UBL, "TVA DEBIT", True),
        (Kind.UBL, "tva encaissement", True),
        (Kind.UBL, "EXONERATION", True),
        (Kind.UBL, "432", True),
        (Kind.UBL, "72", False),
        (Kind.UBL, "DEBITS", False),
        (Kind.CII, "72", True),
        (Kind.CII, "35", False),
        (Kind.FACTURX, "5", True),
        (Kind.FACTURX, "TVA DEBIT", False),
    ],
)
def test_each_syntax_says_the_regime_in_its_own_codes(kind, regime, known):
    found = [f.facts for f in judged(an_invoice(kind=kind, vat_regimes=(text(regime, "BT-8"),))) if f.rule == "VAT-006"]
    assert found == ([] if known else [{"value": regime}])


def test_in_ubl_the_first_place_of_the_regime_wins_and_the_other_is_not_judged():
    places = (text("TVA DEBIT", "BT-8"), text("ZZ", "BT-8"))
    assert earned(an_invoice(vat_regimes=places)) == set()
    assert the("VAT-006", judged(an_invoice(vat_regimes=places[::-1]))).value == "ZZ"


def test_the_regime_is_the_same_in_every_vat_line_that_says_one():
    lines = (
        a_vat_line("30", "6", due=text("5", "BT-8")),
        a_vat_line("15", "3", due=None),
        a_vat_line("15", "3", due=text("72", "BT-8")),
    )
    found = the("VAT-007", judged(an_invoice(vat_lines=lines)))
    assert (found.facts, found.value) == ({"values": "5, 72"}, "72")
    assert earned(an_invoice(vat_lines=lines[:2], total_net=None)) == {"AMT-006", "AMT-013"}


def test_each_rate_of_the_lines_has_its_vat_line_and_is_told_once():
    reduced = amount("5.50", "BT-152")
    lines = (
        a_line(1),
        a_line(2, vat_rate=reduced),
        a_line(3, vat_rate=reduced),
        a_line(4, vat_rate=None),
        a_line(5, vat_rate=amount("x")),
    )
    found = the("VAT-008", judged(an_invoice(lines=lines, total_lines=None)))
    assert found.facts == {"rate": "5.50"}
    covered = (a_vat_line(), a_vat_line("0", "0", "5.5"))
    assert "VAT-008" not in earned(an_invoice(lines=lines, vat_lines=covered, total_lines=None))


def test_a_vat_line_whose_rate_cannot_be_read_may_be_the_one_that_is_missed():
    found = earned(an_invoice(vat_lines=(a_vat_line(rate=".5"),)))
    assert found == {"AMT-001"}


def test_lines_without_any_vat_line_are_told_too():
    assert "VAT-008" in earned(an_invoice(vat_lines=()))
    assert "VAT-008" not in earned(an_invoice(vat_lines=(), lines=(), total_lines=None), "FSO1117A")
