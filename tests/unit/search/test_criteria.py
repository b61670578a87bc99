"""What is typed becomes a question, or one sentence that says what is taken."""

from datetime import date

import pytest

from pipeline.model import InvoiceOutcome
from pipeline.search import Amounts, BadCriterion, Days, Query, Words, parsed
from pipeline.search.query import folded


def test_nothing_typed_asks_for_everything():
    assert parsed({}) == Query()
    assert parsed({"number": "  ", "received": ""}).given == ()


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({"number": "F-1"}, {"number": Words("F-1")}),
        ({"number": "F-2026*"}, {"number": Words("F-2026", is_beginning=True)}),
        ({"supplier": "123 456 789 00015"}, {"supplier": "12345678900015"}),
        ({"recipient": "110\u00a0002\u202f011 00044"}, {"recipient": "11000201100044"}),
        ({"supplier_name": "  Éts. Dupont"}, {"supplier_name": "ets dupont"}),
        ({"service": "SG 1"}, {"service": "SG 1"}),
        ({"outcome": "Intégrée"}, {"outcome": InvoiceOutcome.INTEGRATED}),
        ({"outcome": "en attente"}, {"outcome": InvoiceOutcome.PENDING}),
        ({"rule": "rtg-021"}, {"rule": "RTG-021"}),
        ({"rule": "BR-FR-10_BT-30"}, {"rule": "BR-FR-10_BT-30"}),
        ({"received": "2026-11-20"}, {"received": Days(date(2026, 11, 20), date(2026, 11, 20))}),
        ({"received": "20/11/2026"}, {"received": Days(date(2026, 11, 20), date(2026, 11, 20))}),
        ({"issued": "2026-02"}, {"issued": Days(date(2026, 2, 1), date(2026, 2, 28))}),
        ({"issued": "2025-12"}, {"issued": Days(date(2025, 12, 1), date(2025, 12, 31))}),
        ({"changed": "2026"}, {"changed": Days(date(2026, 1, 1), date(2026, 12, 31))}),
        ({"changed": "2026-03..2026-04"}, {"changed": Days(date(2026, 3, 1), date(2026, 4, 30))}),
        ({"received": "2026-03-05.."}, {"received": Days(date(2026, 3, 5), None)}),
        ({"received": "..2026-03"}, {"received": Days(None, date(2026, 3, 31))}),
        ({"received": "9999-12"}, {"received": Days(date(9999, 12, 1), date(9999, 12, 31))}),
        ({"amount": "1234,56"}, {"amount": Amounts(1_234_560_000, 1_234_560_000)}),
        ({"amount": "1 234.56"}, {"amount": Amounts(1_234_560_000, 1_234_560_000)}),
        ({"amount": "-120..-1"}, {"amount": Amounts(-120_000_000, -1_000_000)}),
        ({"amount": "..0,000001"}, {"amount": Amounts(None, 1)}),
    ],
)
def test_each_criterion_is_read_as_people_write_it(typed, asked):
    assert parsed(typed) == Query(**asked)


def test_statuses_are_numbers_or_words_in_any_order_each_once():
    assert parsed({}, ["5, 04", "a_recycler", "À RECYCLER".replace("À", "A")]).statuses == ("04", "05")
    assert parsed({}, ["37"]).statuses == ("37",)


@pytest.mark.parametrize(
    ("typed", "statuses", "words"),
    [
        ({"received": "2026-13"}, (), "--received 2026-13 : attendu un jour"),
        ({"issued": "2026-02-30"}, (), "--issued 2026-02-30 : attendu un jour"),
        ({"changed": "2026-05..2026-04"}, (), "--changed 2026-05..2026-04 : attendu un jour"),
        ({"received": ".."}, (), "--received .. : attendu un jour"),
        ({"received": "0000"}, (), "--received 0000 : attendu un jour"),
        ({"received": "２０２６"}, (), "attendu un jour"),
        ({"amount": "cent"}, (), "--amount cent : attendu un total TTC"),
        ({"amount": "1,2345678"}, (), "attendu un total TTC"),
        ({"amount": "9" * 40}, (), "attendu un total TTC"),
        ({"amount": "2..1"}, (), "attendu un total TTC"),
        ({"amount": ".."}, (), "attendu un total TTC"),
        ({"number": "F*1"}, (), "--number F*1 : un numéro entier, ou son début"),
        ({"number": "*"}, (), "--number * : un numéro entier, ou son début"),
        ({"number": "1**"}, (), "un numéro entier, ou son début"),
        ({"supplier_name": "..."}, (), "--supplier-name ... : attendu le début d'un nom"),
        ({"outcome": "ok"}, (), "--outcome ok : attendu integrated"),
        ({"service": "x" * 501}, (), "--service : un texte d'au plus 500"),
        ({"number": "a\0b"}, (), "--number : un texte d'au plus 500"),
        ({}, ["13"], "--status 13 : n'est jamais l'état courant"),
        ({}, ["04,"], "n'est jamais l'état courant"),
        ({}, ["٤"], "n'est jamais l'état courant"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence_of_both_languages(typed, statuses, words):
    with pytest.raises(BadCriterion) as caught:
        parsed(typed, statuses)
    assert words in caught.value.said.fr
    assert caught.value.said.en != caught.value.said.fr
    assert "\n" not in caught.value.said.fr


def test_bytes_that_are_no_utf8_are_asked_for_as_the_ledger_shows_them():
    assert parsed({"number": "F\udce9"}).number.text == "F\\udce9"


def test_names_are_compared_without_case_accents_and_punctuation():
    assert folded("ÉTABLISSEMENTS  Œuvre-&-Cie") == folded("etablissements œuvre cie")
    assert folded("Ateliers Lune").startswith(folded("ateliers l"))
