"""The form of service, commitment, market, contract and supporting references."""

from dataclasses import replace

import pytest
from a_invoice import CTC, LEGACY, an_invoice, earned, judged, siret, text, the

from pipeline.model import Places
from pipeline.terms import Switches, Terms

TOWN = siret("12345678200028", "BT-47")


def ordered(commitment, **changes):
    return an_invoice(commitment=Places(text(commitment, "BT-13")), **changes)


@pytest.mark.parametrize(
    ("rule", "most", "place"),
    [
        ("REF-001", 100, lambda value: {"service": Places(text(value, "BT-10"))}),
        ("REF-002", 50, lambda value: {"commitment": Places(text(value, "BT-13"))}),
        ("REF-003", 50, lambda value: {"market": text(value, "BT-12")}),
        ("REF-010", 50, lambda value: {"supporting": (text(value, "BT-122"),)}),
    ],
)
def test_a_reference_of_the_greatest_length_is_taken_and_one_character_more_is_not(rule, most, place):
    assert rule not in earned(an_invoice(**place("1" * most)))
    assert the(rule, judged(an_invoice(**place("1" * (most + 1))))).facts == {"length": most + 1}


@pytest.mark.parametrize("number", ["2024M1", "20241234567890", "2024ABCDEFGHIJ01", "2024ABCDEFGHIJ0102"])
def test_a_national_market_number_begins_with_a_year(number):
    assert earned(an_invoice(market=text(number, "BT-12"))) == set()


@pytest.mark.parametrize("number", ["M2024", "2024", "2024-17", "2024ABCDEFGHIJK", "2024É"])
def test_another_market_number_warns(number):
    assert earned(an_invoice(market=text(number, "BT-12"))) == {"REF-004"}


def test_what_the_document_calls_a_contract_is_no_market():
    contract = an_invoice(market=text("CT-17", "BT-12"), contract_types=(text("Contrat"),))
    assert earned(contract) == set()
    both = an_invoice(market=text("CT-17", "BT-12"), contract_types=(text("contrat"), text("Marché public")))
    assert earned(both) == {"REF-004"}


@pytest.mark.parametrize(
    ("number", "recipient", "terms", "severity", "characters"),
    [
        ("15#2", None, LEGACY, "error", "#"),
        ("15#2", TOWN, LEGACY, "warning", "#"),
        ("15#2", TOWN, CTC, "error", "#"),
        ("abc12", None, LEGACY, "warning", "a b c"),
        ("abc12", TOWN, LEGACY, "warning", "a b c"),
        ("a#", None, LEGACY, "error", "#"),
        ("a#", TOWN, Terms(severities={"REF-005": "error"}), "error", "#"),
    ],
)
def test_the_characters_of_a_commitment_refuse_for_the_state_and_warn_elsewhere(
    number, recipient, terms, severity, characters
):
    changes = {} if recipient is None else {"recipient": recipient}
    found = the("REF-005", judged(ordered(number, **changes), terms=terms))
    assert (found.severity, found.facts) == (severity, {"number": number, "characters": characters})


@pytest.mark.parametrize("number", ["AB-12_3+4/5", "0", ""])
def test_the_characters_of_the_state_are_taken(number):
    assert "REF-005" not in earned(ordered(number))


def test_a_commitment_of_the_state_has_ten_digits_by_convention():
    assert earned(ordered("123456789A")) == {"REF-006"}
    assert earned(ordered("123456789A", recipient=TOWN)) == set()
    terms = replace(LEGACY, switches=Switches(state_commitment_regex="[0-9]{9}A"))
    assert earned(ordered("123456789A"), terms=terms) == set()


@pytest.mark.parametrize(
    "kind", ["Marché public", "MARCHÉ PUBLIC", "Contrat", "Bon de commande", "engagement", "MARCHE"]
)
def test_the_contract_types_of_the_style_sheet_are_known_in_any_case(kind):
    assert "REF-008" not in earned(an_invoice(contract_types=(text(kind),)))


@pytest.mark.parametrize(("kind", "expected"), [("MARCHE", set()), ("CONTRAT", set()), ("Contrat", {"REF-008"})])
def test_the_reform_knows_two_contract_types(kind, expected):
    assert earned(an_invoice(contract_types=(text(kind),)), terms=CTC) == expected


def test_each_other_place_of_a_service_code_that_disagrees_is_named():
    first = text("A", "BT-10", path="/Invoice/cac:AccountingCustomerParty/cac:AccountingContact/cbc:ID")
    same = text("A", "BT-10", path="/Invoice/cbc:BuyerReference")
    other = text("B", "BT-10", path="/Invoice/cac:AccountingCustomerParty/cac:Party/cac:Contact/cbc:ID")
    found = the("REF-009", judged(an_invoice(service=Places(first, (first, same, other)))))
    assert found.facts == {
        "a": "A",
        "place_a": "cac:AccountingContact/cbc:ID",
        "b": "B",
        "place_b": "cac:Contact/cbc:ID",
    }
    assert found.path == other.path
    assert earned(an_invoice(service=Places(first, (first, same)))) == set()
