"""Deposit rights, the supplier table, and the originals of credit notes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pipeline.codes import Severity
from pipeline.model import DepositRight
from pipeline.routing import route
from pipeline.terms import Switches, Terms
from tests.unit.routing.cases import DAY, RECEIVED, SUPPLIER, TERMS, a_structure, an_invoice, found, knowing, one, rules

DAY_BEFORE, DAY_AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)
OTHER = "55208131766522"


@pytest.mark.parametrize(
    ("right", "may_file"),
    [
        (DepositRight("1", SUPPLIER), True),
        (DepositRight("1", SUPPLIER, DAY, DAY), True),
        (DepositRight("1", SUPPLIER, DAY_AFTER, None), False),
        (DepositRight("1", SUPPLIER, None, DAY_BEFORE), False),
        (DepositRight("2", SUPPLIER), False),
        (DepositRight("1", OTHER), False),
    ],
)
def test_a_right_covers_type_identifier_and_day(right, may_file):
    known = knowing(a_structure(), rights=(right,))

    assert ("PTY-020" in rules(an_invoice(), known)) is not may_file
    assert route.rights_proved(an_invoice(), RECEIVED, known, TERMS) is may_file


def test_filing_for_another_is_refused_and_names_partner_and_supplier():
    told = one("PTY-020", an_invoice(supplier=OTHER), knowing(a_structure()))

    assert told.severity is Severity.ERROR
    assert (told.at, told.line, told.value) == ("BT-30", 4, OTHER)
    assert told.facts == {"partner": "ABC123", "siret": OTHER}


@pytest.mark.parametrize(
    ("switch", "severity"), [("enforce", Severity.ERROR), ("warn", Severity.WARNING), ("off", None)]
)
def test_the_switch_says_how_hard_a_missing_right_bites(switch, severity):
    terms = Terms(switches=Switches(authorised_issuers=switch))
    told = [f.severity for f in found(an_invoice(supplier=OTHER), knowing(a_structure()), terms=terms)]

    assert told == ([] if severity is None else [severity])


@pytest.mark.parametrize("switch", ["warn", "off"])
def test_a_right_that_is_not_enforced_proves_nothing(switch):
    terms = Terms(switches=Switches(authorised_issuers=switch))

    assert not route.rights_proved(an_invoice(), RECEIVED, knowing(a_structure()), terms)


def test_where_no_partner_is_known_no_right_is_missing_and_none_is_proved():
    known = knowing(a_structure(), rights=None)

    assert rules(an_invoice(supplier=OTHER), known) == []
    assert not route.rights_proved(an_invoice(), RECEIVED, known, TERMS)


def test_a_supplier_without_identifier_is_left_to_pty_001():
    known = knowing(a_structure(), suppliers=frozenset())

    assert rules(an_invoice(supplier=None, origins=("F-0",)), known) == []
    assert not route.rights_proved(an_invoice(supplier=None), RECEIVED, known, TERMS)


def test_a_supplier_that_the_table_does_not_know_is_told_unless_a_right_declares_it():
    loaded = knowing(a_structure(), suppliers=frozenset({("1", OTHER)}), rights=None)

    told = one("PTY-021", an_invoice(), loaded)
    assert (told.severity, told.facts) == (Severity.WARNING, {"identifier": SUPPLIER, "place": "BT-30"})
    assert rules(an_invoice(supplier=OTHER), loaded) == []
    assert rules(an_invoice(supplier=OTHER, supplier_type="2"), loaded) == ["PTY-021"]
    assert rules(an_invoice(), replace(loaded, rights=(DepositRight("1", SUPPLIER),))) == []
    assert rules(an_invoice(), replace(loaded, rights=(DepositRight("1", SUPPLIER, date(2027, 1, 1)),))) == [
        "PTY-020",
        "PTY-021",
    ]


@pytest.mark.parametrize(("switch", "severity"), [("error", Severity.ERROR), ("off", None)])
def test_the_switch_says_how_hard_an_unknown_supplier_bites(switch, severity):
    terms = Terms(switches=Switches(supplier_must_exist=switch))
    loaded = knowing(a_structure(), suppliers=frozenset(), rights=None)

    assert [f.severity for f in found(an_invoice(), loaded, terms=terms)] == ([] if severity is None else [severity])


def test_each_unknown_original_is_told_at_its_own_place():
    known = knowing(a_structure(), known_numbers=frozenset({("1", SUPPLIER, "F-0")}))
    told = [f for f in found(an_invoice(origins=("F-0", "F-8", "F-9")), known) if f.rule == "CRN-004"]

    assert [(f.at, f.value, f.facts) for f in told] == [
        ("BT-25", "F-8", {"number": "F-8"}),
        ("BT-25", "F-9", {"number": "F-9"}),
    ]


def test_nothing_is_told_of_numbers_where_the_right_is_not_proved_or_no_ledger_is_there():
    credit_note = an_invoice(origins=("F-9",))

    assert "CRN-004" not in rules(credit_note, knowing(a_structure(), rights=()))
    assert "CRN-004" not in rules(credit_note, knowing(a_structure(), has_ledger=False))
    assert "CRN-004" not in rules(credit_note, knowing(a_structure()), terms=Terms(severities={"CRN-004": "off"}))
