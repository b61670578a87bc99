"""The State's commitments: found, of this service, open, for this supplier; and the table that cannot be asked."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pipeline.codes import Severity
from pipeline.model import Commitment, Finding
from pipeline.routing import commitment
from pipeline.terms import CTC, Terms
from tests.unit.routing.cases import (
    DAY,
    STATE,
    SUPPLIER,
    TERMS,
    a_service,
    a_structure,
    a_table,
    an_invoice,
    found,
    knowing,
    one,
    rules,
)

NUMBER = "1234567890"
ORDER = Commitment(NUMBER, "SFACETAT", STATE, SUPPLIER, "COMMANDE", date(2026, 1, 1), None)
THE_STATE = a_structure(
    STATE,
    requires_service=True,
    services=(a_service("SFACETAT", "Service facturier"), a_service("AAASCPV", "Préfecture")),
)


def to_the_state(number: str | None = NUMBER, service: str | None = "SFACETAT", **others):
    return an_invoice(recipient=STATE, service=service, commitment=number, **others)


def with_table(*orders, state="fresh", **others):
    return knowing(THE_STATE, commitments=a_table(*orders, state=state), **others)


def earned(invoice, known, **options) -> list[str]:
    return [rule for rule in rules(invoice, known, **options) if rule.startswith("CMT")]


def test_an_open_commitment_of_this_service_and_supplier_earns_nothing():
    assert earned(to_the_state(), with_table(ORDER)) == []


def test_an_unknown_commitment_is_told_with_the_snapshot_of_the_table():
    told = one("CMT-001", to_the_state("9999999999"), with_table(ORDER))

    assert (told.at, told.line, told.value) == ("BT-13", 7, "9999999999")
    assert told.facts == {"number": "9999999999", "snapshot": "commitments-2026-11-20"}


def test_a_table_without_name_is_told_by_its_day():
    table = replace(a_table(ORDER), name="")
    known = knowing(THE_STATE, commitments=table)

    assert one("CMT-001", to_the_state("9"), known).facts["snapshot"] == "2026-11-20"
    assert (
        one("CMT-001", to_the_state("9"), replace(known, commitments=replace(table, day=None))).facts["snapshot"] == ""
    )


def test_a_number_in_lower_case_is_looked_up_in_upper_case():
    order = replace(ORDER, number="EJ-2026")

    assert earned(to_the_state("ej-2026"), with_table(order)) == []


def test_a_commitment_of_another_service_is_told_with_both():
    told = one("CMT-002", to_the_state(service="AAASCPV"), with_table(ORDER))

    assert told.facts == {"number": NUMBER, "service": "AAASCPV", "service_expected": "SFACETAT"}


def test_a_commitment_is_not_compared_with_a_service_that_was_not_given():
    assert earned(to_the_state(service=None), with_table(ORDER)) == []
    assert earned(to_the_state("9", service=None), with_table(ORDER)) == ["CMT-001"]


@pytest.mark.parametrize("service", ["X9Q7", "Service facturier"])
def test_no_commitment_is_judged_where_the_service_is_unknown(service):
    assert earned(to_the_state("9", service=service), with_table(ORDER)) == []


def test_no_commitment_is_judged_where_the_recipient_is_unknown():
    assert earned(to_the_state(), replace(with_table(ORDER), structures={})) == []


@pytest.mark.parametrize(
    ("state", "opened", "closed", "is_open"),
    [
        ("COMMANDE", date(2026, 1, 1), None, True),
        ("commande", None, None, True),
        ("COMMANDE", DAY, DAY, True),
        ("COMMANDE", DAY + timedelta(days=1), None, False),
        ("COMMANDE", None, DAY - timedelta(days=1), False),
        ("CLOTURE", None, None, False),
    ],
)
def test_a_commitment_is_open_in_state_commande_between_its_days(state, opened, closed, is_open):
    order = replace(ORDER, state=state, opened=opened, closed=closed)

    assert earned(to_the_state(), with_table(order)) == ([] if is_open else ["CMT-003"])


def test_a_closed_commitment_is_told_with_its_state_and_days():
    order = replace(ORDER, state="SOLDE", closed=date(2026, 6, 30))

    assert one("CMT-003", to_the_state(), with_table(order)).facts["state"] == "SOLDE (2026-01-01 / 2026-06-30)"


def test_the_order_of_another_supplier_is_not_ones_own():
    told = one("CMT-004", to_the_state(), with_table(replace(ORDER, supplier="55208131766522")))

    assert told.facts == {"number": NUMBER, "siret": SUPPLIER}
    assert earned(to_the_state(supplier=None), with_table(ORDER)) == ["CMT-004"]


def test_what_the_order_file_leaves_empty_is_not_compared():
    assert earned(to_the_state(service="AAASCPV"), with_table(replace(ORDER, service="", supplier=""))) == []


def test_all_that_is_wrong_with_a_commitment_is_told_at_once():
    order = replace(ORDER, state="SOLDE", supplier="55208131766522")

    assert earned(to_the_state(service="AAASCPV"), with_table(order)) == ["CMT-002", "CMT-003", "CMT-004"]


@pytest.mark.parametrize("state", ["too-old", "unavailable"])
def test_while_the_table_cannot_be_asked_the_invoice_waits(state):
    told = one("CMT-005", to_the_state(), with_table(state=state))

    assert told.severity is Severity.HOLD
    assert earned(to_the_state(), with_table(state=state)) == ["CMT-005"]
    assert told.facts == {"date": "2026-11-20", "max_age_days": 7}


def test_only_an_invoice_that_gives_a_commitment_to_the_state_waits():
    waiting = {"commitments": a_table(state="unavailable")}

    assert rules(to_the_state(None), knowing(THE_STATE, **waiting)) == []
    assert earned(an_invoice(commitment=NUMBER), knowing(a_structure(), **waiting)) == ["CMT-006"]


def test_what_an_operator_has_settled_waits_no_more():
    known = with_table(state="unavailable", operator_reason={1: "table closed, order seen on paper"})

    assert earned(to_the_state(), known) == []
    assert earned(to_the_state(rank=2), known) == ["CMT-005"]


def test_an_invoice_that_is_refused_waits_for_nothing():
    known = with_table(state="too-old")
    refused = Finding("GEN-002", "GEN-002", Severity.ERROR)

    assert earned(to_the_state(findings=(refused,)), known) == []
    assert rules(to_the_state(supplier="55208131766522"), known) == ["PTY-020", "RTG-025"]


def test_a_table_of_no_known_day_says_so():
    known = knowing(THE_STATE, commitments=replace(a_table(state="unavailable"), day=None))

    assert one("CMT-005", to_the_state(), known).facts["date"] == ""


def test_without_any_table_the_check_is_silent_and_says_so():
    known = with_table(state="never-loaded")

    assert earned(to_the_state(), known) == ["CMT-008"]
    assert one("CMT-008", to_the_state(), known).severity is Severity.INFO


def test_in_check_nothing_is_said_of_commitments():
    assert earned(to_the_state("9"), with_table(ORDER, has_ledger=False)) == []
    assert earned(to_the_state(), with_table(state="unavailable", has_ledger=False)) == []


def test_outside_the_state_a_commitment_is_not_looked_up():
    town = knowing(a_structure(requires_commitment=True), commitments=a_table())

    assert rules(an_invoice(commitment="9"), town) == ["CMT-006"]


@pytest.mark.parametrize(
    ("number", "market", "is_market"),
    [
        ("2026-M-17", "2026-M-17", True),
        ("20260000000017", None, True),
        ("2026AB00000017", None, True),
        ("202600000000AB01", None, True),
        ("2026BC0017", None, False),
        (NUMBER, "2026-M-17", False),
        ("30260000000017", None, False),
    ],
)
def test_a_market_number_in_the_place_of_the_commitment(number, market, is_market):
    town = knowing(a_structure(requires_commitment=True))
    told = [f for f in found(an_invoice(commitment=number, market=market), town) if f.rule == "CMT-007"]

    assert [f.severity for f in told] == ([Severity.WARNING] if is_market else [])


def test_the_reform_has_no_commitment_rule():
    known = with_table(state="unavailable")

    assert earned(to_the_state(), known, terms=Terms(profile=CTC)) == []


@pytest.mark.parametrize(
    ("loaded", "declared", "state"),
    [
        (None, False, "never-loaded"),
        (None, True, "unavailable"),
        (DAY, True, "unavailable"),
        (DAY - timedelta(days=7), False, "fresh"),
        (DAY - timedelta(days=8), False, "too-old"),
    ],
)
def test_the_state_of_the_table_on_a_day(loaded, declared, state):
    assert commitment.table_state(loaded, declared, DAY, TERMS) == state
