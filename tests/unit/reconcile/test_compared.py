"""Two sides of the same thing: what differs is said with both of them, and nothing is said where nothing does."""

from typing import Any

import pytest

from pipeline.reconcile import Booked, Read
from pipeline.reconcile.compared import (
    Answer,
    Told,
    control,
    file_of_changes,
    flows,
    history,
    outcomes_in,
    pivot,
    report,
)
from pipeline.reconcile.night import Difference, Kind

ALL_IN = ((1, "01"), (2, "02"), (3, "03"))
HERE: dict[str, Any] = {"partner": "ABC001", "flow": "F-1"}


def kinds(found: Any) -> list[Kind]:
    several = found if not isinstance(found, Difference | None) else [found]
    return [one.kind for one in several if one is not None]


def test_flows_that_add_up_say_nothing() -> None:
    read = [Read("ABC001/F-1", "EUR", 2, 0, 300, 1), Read("ABC001/F-2", "EUR", 1, 1, 0, 2)]
    booked = [
        Booked("ABC001/F-1", "EUR", "integrated", 1, 0, 100, 1),
        Booked("ABC001/F-1", "EUR", "refused", 1, 0, 200, 1),
        Booked("ABC001/F-2", "EUR", "refused", 1, 1, 0, 2),
    ]
    assert list(flows(read, booked)) == []


def test_flows_that_do_not_add_up_are_named_with_both_sides_and_per_currency() -> None:
    read = [Read("ABC001/F-1", "EUR", 2, 0, 3_000_000, 1), Read("ABC001/F-1", "USD", 1, 0, 500_000, 1)]
    booked = [
        Booked("ABC001/F-1", "EUR", "integrated", 2, 0, 3_010_000, 1),
        Booked("ABC001/F-1", "USD", "integrated", 2, 0, 500_000, 1),
    ]
    count, amount = flows(read, booked)
    assert (count.kind, count.count, count.said.en) == (Kind.INVOICES_DIFFER, 1, "3 read, 4 decided")
    assert (amount.kind, amount.currency, amount.millionths) == (Kind.AMOUNTS_DIFFER, "EUR", 10_000)
    assert amount.said.fr == "lu 3.00 EUR, décidé 3.01 EUR"
    assert (amount.partner, amount.flow) == ("ABC001", "F-1")


def test_money_that_is_right_in_all_and_wrong_per_currency_is_two_differences() -> None:
    read = [Read("ABC001/F-1", "EUR", 1, 0, 5, 1)]
    booked = [Booked("ABC001/F-1", "USD", "integrated", 1, 0, 5, 1)]
    assert sorted((one.currency, one.millionths) for one in flows(read, booked)) == [("EUR", -5), ("USD", 5)]


@pytest.mark.parametrize(
    ("outcome", "status", "is_of_then", "steps", "expected"),
    [
        ("integrated", "03", True, ALL_IN, None),
        ("integrated", "11", True, (*ALL_IN, (4, "11")), None),
        ("integrated", "01", True, (*ALL_IN, (4, "04"), (5, "01")), None),
        ("integrated", "", True, (), Kind.STATUS_MISSING),
        ("integrated", "11", True, ALL_IN, Kind.STATUS_DIFFERS),  # changed in one place only
        ("integrated", "03", False, ALL_IN, Kind.STATUS_DIFFERS),  # since another moment
        ("integrated", "11", True, (*ALL_IN[:2], (4, "11")), Kind.STATUS_DIFFERS),  # a step is gone
        ("integrated", "03", True, (*ALL_IN, (4, "03")), Kind.STATUS_DIFFERS),  # a step twice
        ("integrated", "20", True, (*ALL_IN, (4, "20")), Kind.STATUS_DIFFERS),  # no status of the table
        ("refused", "", False, (), None),
        ("refused", "", False, ((1, "37"),), None),  # it had been pending
        ("refused", "37", True, ((1, "37"),), None),
        ("refused", "", False, ALL_IN, Kind.STATUS_DIFFERS),
        ("refused", "03", False, (), Kind.STATUS_DIFFERS),
        ("pending", "", False, (), None),
        ("pending", "", False, ((1, "37"),), Kind.STATUS_DIFFERS),
    ],
)
def test_a_history_is_a_path_and_ends_where_the_invoice_stands(
    outcome: str, status: str, is_of_then: bool, steps: tuple[tuple[int, str], ...], expected: Kind | None
) -> None:
    assert history(outcome, status, is_of_then=is_of_then, steps=steps) is expected


def answer(state: str = "IN_INTEGRE_PARTIEL", **given: Any) -> Answer:
    counts = {"integrated": 2, "refused": 1, "pending": 0, "decided_later": 0, "refusals": 3, "is_of_changes": False}
    return Answer(state, **(counts | given))


@pytest.mark.parametrize(
    ("ledger", "told", "expected"),
    [
        (answer(), Told("IN_INTEGRE_PARTIEL", (2, 1, 0), 3, False), []),
        (answer("IN_INTEGRE"), Told("IN_INTEGRE_PARTIEL", (2, 1, 0), 3, False), [Kind.REPORT_DIFFERS]),
        (answer(), Told("IN_INTEGRE_PARTIEL", (3, 0, 0), 3, False), [Kind.SAID_INTEGRATED]),
        (answer(), Told("IN_INTEGRE_PARTIEL", (1, 2, 0), 3, False), [Kind.SAID_REFUSED]),
        (answer(), Told("IN_INTEGRE_PARTIEL", (2, 0, 1), 3, False), [Kind.REPORT_DIFFERS]),
        (answer(), Told("IN_INTEGRE_PARTIEL", (2, 1, 0), 2, False), [Kind.REPORT_DIFFERS]),
        (answer(), Told("IN_INTEGRE_PARTIEL", (2, 1, 0), 2, True), []),  # cut: it says so itself
        (answer(decided_later=1), Told("IN_INTEGRE_PARTIEL", (1, 1, 1), 3, False), []),  # it could not know
        (answer(is_of_changes=True), Told("IN_INTEGRE_PARTIEL", (9, 9, 9), 9, False), []),
        (answer(), Told("IN_INTEGRE_PARTIEL", None, 3, False), []),
    ],
)
def test_a_report_says_what_the_ledger_says(ledger: Answer, told: Told, expected: list[Kind]) -> None:
    assert kinds(report(ledger, told, file="ABC001/0", **HERE)) == expected


def test_both_languages_of_a_report_count_its_invoices() -> None:
    assert outcomes_in("2 factures intégrées, 1 refusée, 3 en attente, 1 fichier refusé") == (2, 1, 3)
    assert outcomes_in("2 invoices integrated, 1 refused, 3 pending") == (2, 1, 3)
    assert outcomes_in("no invoice integrated, 2 files refused") is None


def test_the_pivots_of_a_flow_carry_what_entered() -> None:
    assert pivot(3, 3, receiver="REC003", **HERE) is None
    wrong = pivot(3, 2, receiver="REC003", **HERE)
    assert wrong is not None
    assert (wrong.kind, wrong.count) == (Kind.PIVOT_DIFFERS, 1)
    assert wrong.said.en == "3 invoices integrated for REC003, 2 in its pivots"
    assert wrong.said.fr == "3 factures intégrées pour REC003, 2 dans ses pivots"
    alone = pivot(1, 0, receiver="REC003", **HERE)
    assert alone is not None
    assert alone.said.en == "1 invoice integrated for REC003, 0 in its pivots"
    assert alone.said.fr == "1 facture intégrée pour REC003, 0 dans ses pivots"


@pytest.mark.parametrize(
    ("counts", "kept", "expected"),
    [
        ((5, 2, 1, 1, 1), (2, 1), []),
        ((6, 2, 1, 1, 1), (2, 1), [Kind.STATUS_FILE_DIFFERS]),
        ((5, 2, 1, 1, 1), (1, 1), [Kind.STATUS_FILE_DIFFERS]),
        ((5, 2, 1, 1, 1), (2, 0), [Kind.STATUS_FILE_DIFFERS]),
    ],
)
def test_what_a_file_of_changes_applied_stands_in_the_ledger(
    counts: tuple[int, int, int, int, int], kept: tuple[int, int], expected: list[Kind]
) -> None:
    assert kinds(file_of_changes(*counts, changed=kept[0], events=kept[1], **HERE)) == expected


CONTROL: dict[str, Any] = {
    "control_file": "CTL-1", "sha256": "a" * 64, "invoices": 2, "millionths": 300, "currency": "EUR",
    "received_sha256": "a" * 64, "state": "IN_INTEGRE", "declared": {"EUR": (2, 0, 300)}, **HERE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, []),
        ({"received_sha256": ""}, [Kind.CONTROL_UNKNOWN]),
        ({"received_sha256": "b" * 64, "invoices": 9}, [Kind.CONTROL_BYTES]),  # the rest follows from it
        ({"invoices": 3}, [Kind.CONTROL_INVOICES]),
        ({"millionths": 301}, [Kind.CONTROL_TOTAL]),
        ({"invoices": 3, "millionths": 301}, [Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL]),
        ({"currency": "USD"}, [Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL]),
        ({"declared": None, "state": "received"}, []),  # not judged yet
        ({"declared": {}, "state": "IN_REJETE"}, []),  # nothing of it could be read, and its issuer was told
        ({"declared": {}}, [Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL]),
        ({"millionths": None}, []),
    ],
)
def test_what_was_announced_is_what_came(given: dict[str, Any], expected: list[Kind]) -> None:
    assert kinds(control(**(CONTROL | given))) == expected
