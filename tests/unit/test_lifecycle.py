"""The tables of statuses: every pair tried, and compared with the specification where it is at hand."""

import csv
import os
from itertools import product
from pathlib import Path

import pytest

from pipeline import lifecycle
from pipeline.lifecycle import ARROWS, NEXT, STATUSES, S, Status
from pipeline.model import FlowState

SPEC = os.environ.get("CHORUS_EDI_SPEC")
needs_spec = pytest.mark.skipif(not SPEC, reason="CHORUS_EDI_SPEC names no specification folder")


def rows(name):
    with (Path(SPEC) / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_status_has_a_row_and_a_place_in_the_table():
    assert set(STATUSES) == set(Status)
    assert set(NEXT) == {None, *Status}


def test_only_a_listed_arrow_is_allowed_among_all_pairs():
    listed = {(a.start, a.to) for a in ARROWS}
    for start, to in product((None, *Status), Status):
        allowed = (start, to) in listed
        assert (to in NEXT[start]) is allowed
        assert (lifecycle.arrow(start, to) is not None) is allowed


def test_no_arrow_is_listed_twice_and_each_has_an_actor():
    assert len({(a.start, a.to) for a in ARROWS}) == len(ARROWS)
    assert all(a.actor and a.action for a in ARROWS)


@pytest.mark.parametrize("status", [S.REJECTED, S.IN_PAYMENT, S.NON_COMPLIANT])
def test_nothing_follows_a_terminal_status(status):
    assert STATUSES[status].is_terminal
    assert NEXT[status] == frozenset()


def test_the_numbered_statuses_can_all_be_reached():
    reached, frontier = set(), [None]
    while frontier:
        for status in NEXT[frontier.pop()] - reached:
            reached.add(status)
            frontier.append(status)
    assert {row.status for row in STATUSES.values() if row.id} <= reached


def test_ids_are_one_to_twelve_and_thirty_seven():
    assert sorted(row.id for row in STATUSES.values() if row.id) == [*range(1, 13), 37]


@pytest.mark.parametrize(
    ("history", "good"),
    [
        ((), True),
        ((S.DEPOSITED, S.ROUTING, S.AVAILABLE), True),
        ((S.DEPOSITED, S.ROUTING, S.AVAILABLE, S.SUSPENDED, S.COMPLETED, S.IN_PAYMENT), True),
        ((S.DEPOSITED, S.ROUTING, S.AVAILABLE, S.TO_RECYCLE, S.DEPOSITED), True),
        ((S.NON_COMPLIANT,), True),
        ((S.AVAILABLE,), False),
        ((S.DEPOSITED, S.REJECTED), False),
        ((S.DEPOSITED, S.AVAILABLE, S.REJECTED, S.AVAILABLE), False),
        ((S.DEPOSITED, S.ROUTING, S.AVAILABLE, S.SUSPENDED, S.REJECTED), False),
    ],
)
def test_a_history_is_a_path_of_the_table(history, good):
    assert lifecycle.is_history(history) is good


def test_a_reason_goes_with_suspension_rejection_and_recycling():
    for arrow in ARROWS:
        if arrow.to in {S.TO_RECYCLE, S.REJECTED, S.SUSPENDED}:
            assert arrow.reason == "yes"


def test_an_unpublished_status_is_shown_by_its_number():
    assert lifecycle.shown(20) == "20 (libellé non publié)"
    assert lifecycle.by_id(20) is None
    assert lifecycle.shown(5) == "05 REJETEE"


def test_every_label_is_french_words_and_every_state_we_give_is_known():
    assert all(row.label_fr for row in STATUSES.values())
    assert {state.value for state in FlowState} <= set(lifecycle.FLOW_STATES)


@needs_spec
def test_the_statuses_are_those_of_the_specification():
    given = rows("statuses.csv")
    numbered = {r["api_name"]: r for r in given if r["layer"] == "invoice-edi" and r["api_name"]}
    assert {r["api_name"] for r in given if r["layer"] == "invoice-api"} | set(numbered) == {s.value for s in Status}
    for row in STATUSES.values():
        told = numbered.get(row.status.value)
        if told is None:
            assert row.id == 0
            continue
        assert row.id == int(told["code"])
        assert row.set_by == told["set_by"]
        assert row.needs_reason == told["reason_required"]
        assert row.is_terminal is (told["terminal"] == "yes")
        assert row.status.name == told["constant"]
    unlabelled = {int(r["code"]) for r in given if r["layer"] == "invoice-edi" and not r["api_name"]}
    assert unlabelled == set(lifecycle.STATUS_IDS) - {row.id for row in STATUSES.values()}


@needs_spec
def test_the_flow_states_are_those_of_the_specification():
    given = rows("statuses.csv")
    states = {r["code"]: r for r in given if r["layer"] in {"flow-api", "qualification"}}
    assert set(states) == set(lifecycle.FLOW_STATES)
    for code, row in lifecycle.FLOW_STATES.items():
        assert row.is_terminal is states[code]["terminal"].startswith("yes")
        assert row.may_resend is ("(resend)" in states[code]["terminal"])
        assert row.needs_alert is ("(alert)" in states[code]["terminal"])
    numbers = {int(r["code"]): r for r in given if r["layer"] == "flow-edi"}
    assert set(numbers) == set(lifecycle.FLOW_STATUSES)
    for number, told in numbers.items():
        assert lifecycle.FLOW_STATUSES[number].is_terminal is (told["terminal"] == "yes")
        assert lifecycle.FLOW_STATUSES[number].needs_details is (str(number) in told["reason_required"])


@needs_spec
def test_the_arrows_are_those_of_the_specification():
    given = [
        (r["from"], r["to"], r["action"], r["actor"], r["reason"], r["confidence"]) for r in rows("transitions.csv")
    ]
    assert [
        (a.start.value if a.start else "", a.to.value, a.action, a.actor, a.reason, a.confidence) for a in ARROWS
    ] == given


def test_a_label_is_found_by_the_two_digits_of_a_status_file():
    assert lifecycle.LABELS["03"] == "mise à disposition du destinataire"
    assert {int(digits) for digits in lifecycle.LABELS} == {row.id for row in STATUSES.values() if row.id}
