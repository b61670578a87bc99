"""Numbers used twice: the key, the same flow, the same call of check, another deposit, and what only resembles."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from pipeline import codes
from pipeline.model import (
    Decided,
    Finding,
    InvoiceOutcome,
    JudgedInvoice,
    Lookalike,
    NumberKey,
    NumberOwner,
    Read,
)
from pipeline.routing import duplicates
from pipeline.terms import Terms
from tests.unit.routing.cases import RECEIVED, SUPPLIER, TERMS, a_structure, an_invoice, found, knowing, one, rules

SOFT = Terms(severities={"DUP-001": "warning", "DUP-002": "warning"})
OFF = Terms(severities={"DUP-001": "off", "DUP-002": "off", "DUP-003": "off"})
KEY = NumberKey("", "1", SUPPLIER, "F-1", 2026)


def judged(invoice, outcome=InvoiceOutcome.INTEGRATED, findings=()) -> JudgedInvoice:
    key = duplicates.number_key(invoice, "ABC123", rights_proved=True)
    return JudgedInvoice(invoice, tuple(findings), outcome, key)


def told(invoices) -> list[list[str]]:
    return [[f.rule for f in i.findings] for i in invoices]


def test_the_key_is_the_supplier_with_its_type_the_number_and_the_year():
    assert duplicates.number_key(an_invoice(), "ABC123", rights_proved=True) == KEY


def test_without_a_proved_right_the_key_carries_the_partner():
    key = duplicates.number_key(an_invoice(number=" F-1\n"), "ABC123", rights_proved=False)

    assert key == replace(KEY, scope="ABC123")


@pytest.mark.parametrize("absent", [{"number": None}, {"supplier": None}, {"issued": None}])
def test_what_has_no_number_supplier_or_year_has_no_key(absent):
    assert duplicates.number_key(an_invoice(**absent), "ABC123", rights_proved=True) is None


@pytest.mark.parametrize(
    "different",
    [
        {"number": "f-1"},
        {"number": "F-01"},
        {"issued": date(2025, 11, 18)},
        {"supplier_type": "2"},
        {"supplier": "55208131766522"},
    ],
)
def test_numbers_are_compared_as_given(different):
    assert duplicates.number_key(an_invoice(**different), "ABC123", rights_proved=True) != KEY


def test_in_a_flow_the_first_keeps_the_number_and_later_ones_are_refused():
    flow = tuple(judged(an_invoice(rank=rank)) for rank in (1, 2, 3))
    settled = duplicates.within_flow(flow, TERMS)

    assert told(settled) == [[], ["DUP-002"], ["DUP-002"]]
    assert [i.outcome for i in settled] == [InvoiceOutcome.INTEGRATED, InvoiceOutcome.REFUSED, InvoiceOutcome.REFUSED]
    assert settled[2].findings[0].facts == {"number": "F-1", "other": "1 (facture.xml)"}
    assert (settled[2].findings[0].at, settled[2].findings[0].line) == ("BT-1", 2)


def test_a_refused_invoice_keeps_no_number_and_a_pending_one_does():
    flow = (
        judged(an_invoice(rank=1), InvoiceOutcome.REFUSED),
        judged(an_invoice(rank=2), InvoiceOutcome.PENDING),
        judged(an_invoice(rank=3)),
        judged(an_invoice(rank=4, number=None)),
        judged(an_invoice(rank=5, number=None)),
    )

    assert told(duplicates.within_flow(flow, TERMS)) == [[], [], ["DUP-002"], [], []]


def test_the_new_finding_stands_in_its_place_of_the_report():
    before = Finding("AMT-001", "AMT-001", codes.Severity.WARNING), Finding("WRK-002", "WRK-002", codes.Severity.INFO)
    flow = (judged(an_invoice()), judged(an_invoice(rank=2), findings=before))

    assert told(duplicates.within_flow(flow, TERMS))[1] == ["AMT-001", "DUP-002", "WRK-002"]


@pytest.mark.parametrize(("terms", "rules_told"), [(SOFT, ["DUP-002"]), (OFF, [])])
def test_where_the_rule_is_softened_the_later_one_enters_and_claims_nothing(terms, rules_told):
    later = duplicates.within_flow((judged(an_invoice()), judged(an_invoice(rank=2))), terms)[1]

    assert (told([later])[0], later.outcome, later.claim) == (rules_told, InvoiceOutcome.INTEGRATED, None)


def test_a_number_of_an_earlier_file_of_the_same_check_is_a_double_too():
    read = Read(RECEIVED, "FSO1100A", "FSO1100A", (), (), (), ())
    decided = Decided(read, (judged(an_invoice()), judged(an_invoice(rank=2, number="F-2"))), knowing())
    settled = duplicates.within_files(decided, {KEY: "autre.xml (1)"}, TERMS)

    assert told(settled.invoices) == [["DUP-002"], []]
    assert settled.invoices[0].findings[0].facts["other"] == "autre.xml (1)"
    assert settled.wanted == ((2, replace(KEY, number="F-2")),)


OWNER = NumberOwner(
    "ABC123", "FSO1100A_ABC123_ABC1231100000000000000007", 7, 1, datetime(2026, 11, 19, 23, 30, tzinfo=UTC)
)


def test_the_first_deposit_of_the_same_partner_is_told_by_name_and_day_of_paris():
    settled = duplicates.settle(judged(an_invoice()), OWNER, RECEIVED, TERMS)

    assert settled.outcome is InvoiceOutcome.REFUSED
    assert settled.findings[0].facts == {
        "number": "F-1",
        "year": 2026,
        "supplier": SUPPLIER,
        "first": f"{OWNER.flow_name} of 2026-11-20",
        "first_fr": f"{OWNER.flow_name} du 2026-11-20",
    }


def test_nothing_is_told_of_another_partners_deposit():
    settled = duplicates.settle(judged(an_invoice()), replace(OWNER, partner="XYZ999"), RECEIVED, TERMS)
    facts = settled.findings[0].facts

    assert (facts["first"], facts["first_fr"]) == ("another channel", "un autre canal")
    assert OWNER.flow_name not in repr(settled)
    assert "2026-11-2" not in repr(settled.findings)


def test_of_a_number_of_ones_own_that_was_rejected_it_is_said_that_it_is_never_free_again():
    rejected = replace(OWNER, status="05")
    settled = duplicates.settle(judged(an_invoice()), rejected, RECEIVED, TERMS)

    assert told([settled]) == [["DUP-001", "DUP-004"]]
    assert settled.findings[1].facts == {"number": "F-1", "state": "05 REJETEE"}
    assert settled.outcome is InvoiceOutcome.REFUSED
    assert told([duplicates.settle(judged(an_invoice()), replace(rejected, partner="XYZ999"), RECEIVED, TERMS)]) == [
        ["DUP-001"]
    ]


def test_nothing_is_settled_without_an_owner_or_a_number_or_for_a_refused_invoice():
    refused = judged(an_invoice(), InvoiceOutcome.REFUSED)
    unnumbered = judged(an_invoice(number=None))

    assert duplicates.settle(judged(an_invoice()), None, RECEIVED, TERMS) == judged(an_invoice())
    assert duplicates.settle(refused, OWNER, RECEIVED, TERMS) == refused
    assert duplicates.settle(unnumbered, OWNER, RECEIVED, TERMS) == unnumbered


def test_where_the_rule_is_softened_the_number_stays_with_its_owner():
    settled = duplicates.settle(judged(an_invoice()), OWNER, RECEIVED, SOFT)

    assert (told([settled])[0], settled.outcome, settled.claim) == (["DUP-001"], InvoiceOutcome.INTEGRATED, None)
    assert duplicates.settle(judged(an_invoice()), OWNER, RECEIVED, OFF).claim is None


ALIKE = Lookalike("F-1", "1", SUPPLIER, 2025, "1200.0", "EUR", "FSO1100A_ABC123_ABC1231100000000000000003", 3, 2)


@pytest.mark.parametrize(
    ("other", "resembles"),
    [
        (ALIKE, True),
        (replace(ALIKE, year=2026), False),  # the same key: a double, not a resemblance
        (replace(ALIKE, year=2026, supplier=SUPPLIER[:9] + "00082"), True),
        (replace(ALIKE, supplier="55208131766522"), False),
        (replace(ALIKE, supplier_type="2"), False),
        (replace(ALIKE, supplier=SUPPLIER[:9]), False),
        (replace(ALIKE, number="F-2"), False),
        (replace(ALIKE, total="1200.01"), False),
        (replace(ALIKE, total=""), False),
        (replace(ALIKE, currency="USD"), False),
        (replace(ALIKE, flow_name=RECEIVED.name), False),
    ],
)
def test_same_number_and_amount_of_another_year_or_siret_resemble(other, resembles):
    assert ("DUP-003" in rules(an_invoice(), knowing(a_structure(), lookalikes=(other,)))) is resembles


def test_of_several_the_first_deposit_is_told():
    known = knowing(a_structure(), lookalikes=(replace(ALIKE, deposit_id=9, year=2024), ALIKE))
    alike = one("DUP-003", an_invoice(), known)

    assert alike.facts == {"number": "F-1", "other": f"{ALIKE.flow_name}: {SUPPLIER} F-1 (2025)"}


@pytest.mark.parametrize("absent", [{"number": None}, {"supplier": None}, {"issued": None}, {"total": ""}])
def test_what_has_no_number_supplier_year_or_amount_resembles_nothing(absent):
    assert "DUP-003" not in rules(an_invoice(**absent), knowing(a_structure(), lookalikes=(ALIKE,)))


def test_a_resemblance_switched_off_is_not_told():
    assert found(an_invoice(), knowing(a_structure(), lookalikes=(ALIKE,)), terms=OFF) == ()
