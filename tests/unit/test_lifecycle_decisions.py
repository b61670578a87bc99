"""Every pair of the labelled statuses, asked for by everybody: what `status_intake` and `actions` allow is one picture.

The picture is drawn here by hand, from the page of the lifecycle, and compared with the table first.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product

import pytest

from pipeline import actions, lifecycle, status_intake
from pipeline import model as m
from pipeline.lifecycle import STATUSES
from pipeline.terms import Terms
from pipeline.values import Text

TERMS = Terms()
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
BEFORE = NOON - timedelta(days=2)
ISSUER, RECEIVER, SOMEBODY = "ABC001", "REC003", "DEF002"
SUPPLIER, RECIPIENT = "12345678900015", "12345678200051"
BOTH = frozenset({"recipient", "accountant"})

# who may bring a payment request from the status of the line to that of the column: the recipient, the accountant, the
# supplier, the platform; nobody
PICTURE = """
       01 02 03 04 05 06 07 08 09 10 11 12 37
    -- p  .  .  .  .  .  .  .  .  .  .  .  p
    01 .  p  p  .  .  .  .  .  .  .  .  .  .
    02 .  .  p  .  .  .  .  .  .  .  .  .  .
    03 .  .  .  r  r  r  r  r  r  r  r  .  .
    04 s  .  .  .  .  .  .  .  .  .  .  .  .
    05 .  .  .  .  .  .  .  .  .  .  .  .  .
    06 .  .  .  .  .  .  .  .  .  .  .  s  .
    07 .  .  r  .  r  r  .  r  r  r  r  .  .
    08 .  .  r  .  r  r  .  .  r  r  r  .  .
    09 .  .  .  .  .  .  .  .  .  a  a  .  .
    10 .  .  .  .  .  .  .  .  .  .  a  .  .
    11 .  .  .  .  .  .  .  .  .  .  .  .  .
    12 .  .  r  r  r  r  r  r  r  r  r  .  .
    37 .  .  .  .  .  .  .  .  .  .  .  .  .
"""
ACTORS = {"r": "recipient", "a": "accountant", "s": "supplier", "p": "platform"}
LABELLED = tuple(f"{row.id:02d}" for row in sorted(STATUSES.values(), key=lambda row: row.id) if row.id)
UNLABELLED = tuple(f"{number:02d}" for number in lifecycle.STATUS_IDS if f"{number:02d}" not in LABELLED)
NEEDS_REASON = {"04", "05", "06"}
ENDS = ("05", "11", "37")


def pictured() -> dict[tuple[str, str], str]:
    """(from, to) -> the actor, empty where nobody may."""
    head, *lines = [line.split() for line in PICTURE.strip().splitlines()]
    assert all(len(cells) == len(head) + 1 for cells in lines)
    return {(start, to): ACTORS.get(cell, "") for start, *cells in lines for to, cell in zip(head, cells, strict=True)}


ALLOWED = pictured()


def standing(status: str = "03", **more: object) -> m.Standing:
    """An invoice as it stands."""
    given: dict[str, object] = {
        "deposit_id": 7, "rank": 1, "issuer": ISSUER, "flow_name": "FSO1100A_ABC001_ABC0011100000000000000001",
        "received_day": date(2026, 11, 18), "supplier_type": "1", "supplier": SUPPLIER, "supplier_name": "Fournisseur",
        "number": "F-1", "issued": date(2026, 11, 18), "type": "380", "framework": "A1", "currency": "EUR",
        "total": "120.00", "total_millionths": 120_000_000, "recipient": RECIPIENT, "recipient_name": "Commune",
        "service": "", "commitment": "", "receiver": RECEIVER, "status": status, "status_at": BEFORE, "sequence": 3,
        "routing": 0, "past": frozenset({(status, BEFORE)}),
    }  # fmt: skip
    return m.Standing(**(given | more))  # type: ignore[arg-type]


def text(said: str) -> Text:
    return Text(said, "", "/x", 1)


def key(number: str = "F-1", supplier: str = SUPPLIER) -> m.InvoiceKey:
    return m.InvoiceKey("1", text(supplier), text(number), date(2026, 11, 18))


def status(to: str, when: datetime = NOON, *, rank: int = 1, **more: object) -> m.ReadStatus:
    """One entry of a status file, with all that any status wants."""
    given: dict[str, object] = {
        "rank": rank, "member": "m.xml", "invoice": key(), "recipient": text(RECIPIENT), "status": text(to),
        "when": when, "when_at": text(when.isoformat()), "comment": text("Motif"),
        "reason": text("MONTANT_ERR"), "mandate": text("M-1"),
    }  # fmt: skip
    return m.ReadStatus(**(given | more))  # type: ignore[arg-type]


def read(*, statuses: tuple[m.ReadStatus, ...] = (), actions: tuple[m.ReadAction, ...] = ()) -> m.Read:
    lane = m.Lane.ACTIONS if actions else m.Lane.STATUSES
    who, name = (ISSUER, "ACT9001A") if actions else (RECEIVER, "FSO1200A")
    received = m.Received(who, f"{name}_{who}_{who}{name[3:7]}000000000000001", "0" * 64, 10, NOON)
    return m.Read(received, name, name, (), (), (), (), lane=lane, statuses=statuses, actions=actions)


def told(
    standings: tuple[m.Standing, ...], *statuses: m.ReadStatus, actors: frozenset[str] = BOTH, sender: str = RECEIVER,
    now: datetime = NOON,
) -> tuple[m.JudgedRow, ...]:  # fmt: skip
    """What becomes of these entries."""
    return status_intake.decide(read(statuses=statuses), actors, sender, standings, now, TERMS)


def rules(row: m.JudgedRow) -> set[str]:
    return {one.rule for one in row.findings if one.refuses}


# --- the picture ------------------------------------------------------------------------------------------------------


def test_the_picture_has_every_pair_and_the_table_is_the_picture() -> None:
    assert set(ALLOWED) == set(product(("--", *LABELLED), LABELLED))
    for (start, to), actor in ALLOWED.items():
        before = None if start == "--" else lifecycle.by_id(int(start))
        after = lifecycle.by_id(int(to))
        assert after is not None
        arrow = lifecycle.arrow(before, after)
        assert (arrow.actor if arrow else "") == actor, (start, to)


def test_nothing_leaves_an_end_of_the_picture() -> None:
    assert [pair for pair, actor in ALLOWED.items() if pair[0] in ENDS and actor] == []
    assert {start for start, _ in ALLOWED} - {start for (start, _), actor in ALLOWED.items() if actor} == set(ENDS)


# --- status files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "actors",
    [frozenset(), frozenset({"recipient"}), frozenset({"accountant"}), BOTH],
    ids=["nobody", "recipient", "accountant", "both"],
)
def test_a_recipient_sets_what_the_picture_allows_to_its_roles_and_nothing_else(actors: frozenset[str]) -> None:
    """13 statuses times 13, for each set of roles a connection can have."""
    applied = set()
    for start, to in product(LABELLED, LABELLED):
        (row,) = told((standing(start),), status(to), actors=actors)
        actor = ALLOWED[start, to]
        if actor in actors:
            assert (row.outcome, rules(row)) == (m.RowOutcome.APPLIED, set()), (start, to)
            assert [(one.to, one.at, one.set_by, one.producer) for one in row.changes] == [(to, NOON, actor, RECEIVER)]
            applied.add((start, to))
            continue
        assert row.outcome is m.RowOutcome.REFUSED, (start, to)
        assert not row.changes
        expected = {"LFC-006"} if actor else {"LFC-001"}
        assert rules(row) == expected, (start, to)
    assert applied == {pair for pair, actor in ALLOWED.items() if actor in actors and pair[0] != "--"}


def test_a_status_without_a_label_is_kept_and_changes_nothing() -> None:
    assert len(UNLABELLED) == 28
    for start, to in product(LABELLED, UNLABELLED):
        (row,) = told((standing(start),), status(to))
        assert (row.outcome, row.changes) == (m.RowOutcome.KEPT, ()), (start, to)
        assert row.event is not None
        assert row.event[:2] == (to, NOON)
        assert "LFC-010" in {one.rule for one in row.findings}


@pytest.mark.parametrize("to", sorted(NEEDS_REASON))
@pytest.mark.parametrize("given", [None, text("")], ids=["none", "empty"])
def test_a_status_that_needs_a_reason_is_refused_without_one(to: str, given: Text | None) -> None:
    (row,) = told((standing(),), status(to, reason=given, comment=given))
    assert (row.outcome, row.changes, rules(row)) == (m.RowOutcome.REFUSED, (), {"LFC-002"})


@pytest.mark.parametrize("to", [one for one in LABELLED if ALLOWED["03", one] and one not in NEEDS_REASON])
def test_no_other_status_needs_one(to: str) -> None:
    (row,) = told((standing(),), status(to, reason=None, comment=None))
    assert (row.outcome, rules(row)) == (m.RowOutcome.APPLIED, set())


@pytest.mark.parametrize("given", ["00", "42", "99", "-3", "trois", "", "3.0", "1e1", "٣", "９"])
def test_a_number_that_is_none_of_the_list_is_refused(given: str) -> None:
    (row,) = told((standing(),), status(given))
    assert (row.outcome, row.changes, rules(row)) == (m.RowOutcome.REFUSED, (), {"LFC-009"})


@pytest.mark.parametrize("given", ["7", "07", "007"])
def test_a_number_is_compared_as_a_number(given: str) -> None:
    (row,) = told((standing(),), status(given))
    assert [one.to for one in row.changes] == ["07"]


@pytest.mark.parametrize(
    ("when", "rule"),
    [
        (NOON + timedelta(minutes=1), "LFC-014"),
        (NOON + timedelta(days=3_000), "LFC-014"),
        (BEFORE - timedelta(seconds=1), "LFC-014"),
        (datetime(1900, 1, 1, tzinfo=UTC), "LFC-014"),
    ],
)
def test_a_status_in_the_future_or_older_than_the_last_change_is_refused(when: datetime, rule: str) -> None:
    (row,) = told((standing(),), status("05", when))
    assert (row.outcome, row.changes, rules(row)) == (m.RowOutcome.REFUSED, (), {rule})


def test_the_same_status_again_has_no_effect_in_whatever_order_it_comes() -> None:
    """Once applied, told again with the same moment: an info, also when later changes came between."""
    earlier = BEFORE - timedelta(hours=3)
    past = frozenset({("07", earlier), ("08", BEFORE)})
    for to, when in (("08", BEFORE), ("07", earlier)):
        (row,) = told((standing("08", past=past),), status(to, when))
        assert (row.outcome, row.changes, row.event) == (m.RowOutcome.REPEATED, (), None)
        assert [(one.rule, one.refuses) for one in row.findings] == [("LFC-015", False)]
    (row,) = told((standing("08", past=past | {("20", earlier)}),), status("20", earlier))
    assert row.outcome is m.RowOutcome.REPEATED


# --- whose invoice it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", LABELLED)
def test_another_recipient_touches_nothing_and_learns_nothing(start: str) -> None:
    """The same answer, but for the rule that the ledger keeps, as for an invoice that does not exist."""
    for to in ("05", "20", "99"):
        (foreign,) = told((standing(start),), status(to), sender=SOMEBODY)
        (unknown,) = told((), status(to), sender=SOMEBODY)
        assert foreign.outcome is unknown.outcome is m.RowOutcome.REFUSED
        assert rules(foreign) - {"LFC-009"} == {"LFC-013"}
        assert rules(unknown) - {"LFC-009"} == {"LFC-008"}
        assert (foreign.changes, foreign.event, foreign.total) == ((), None, unknown.total)
        shown = [
            (one.row.message_fr, one.row.public_code, one.at, one.value, dict(one.facts), one.path, one.line)
            for row in (foreign, unknown)
            for one in row.findings
        ]
        assert shown[: len(foreign.findings)] == shown[len(foreign.findings) :]


def test_of_two_invoices_with_one_number_only_that_of_the_sender_is_touched() -> None:
    """Another supplier year, another receiver: the file names its own."""
    theirs, ours = standing(receiver=SOMEBODY, deposit_id=8), standing()
    for order in ((theirs, ours), (ours, theirs)):
        (row,) = told(order, status("07"))
        assert row.outcome is m.RowOutcome.APPLIED
        assert [one.standing.deposit_id for one in row.changes] == [7]


# --- several rows on one invoice --------------------------------------------------------------------------------------


def test_rows_on_one_invoice_are_applied_one_after_the_other() -> None:
    later = [status(to, BEFORE + timedelta(hours=n), rank=n) for n, to in enumerate(("07", "08", "10", "11"), 1)]
    rows = told((standing(),), *later)
    assert [[one.to for one in row.changes] for row in rows] == [["07"], ["08"], ["10"], ["11"]]
    rows = told((standing(),), status("05", BEFORE + timedelta(hours=1)), status("07", NOON, rank=2))
    assert [row.outcome for row in rows] == [m.RowOutcome.APPLIED, m.RowOutcome.REFUSED]
    assert rules(rows[1]) == {"LFC-001"}  # nothing leaves 05
    twice = told((standing(),), status("07"), status("07", rank=2))
    assert [row.outcome for row in twice] == [m.RowOutcome.APPLIED, m.RowOutcome.REPEATED]
    back = told((standing(),), status("07"), status("08", NOON - timedelta(hours=1), rank=2))
    assert [row.outcome for row in back] == [m.RowOutcome.APPLIED, m.RowOutcome.REFUSED]
    assert rules(back[1]) == {"LFC-014"}


def test_every_row_gets_one_answer_in_its_place() -> None:
    entries = [status("07", rank=n, invoice=key(f"F-{n % 3}")) for n in range(1, 40)]
    rows = told((standing(),), *entries)
    assert [row.rank for row in rows] == [one.rank for one in entries]


# --- actions ----------------------------------------------------------------------------------------------------------


def known() -> m.Known:
    """A directory of one recipient that asks for nothing."""
    plain = m.Structure(RECIPIENT, 1, "Commune", True, False, False, False, False, False, True)
    return m.Known(m.Snapshot("annuaire", date(2026, 11, 1)), {RECIPIENT: plain})


def action(kind: m.ActionKind, *, rank: int = 1, **more: object) -> m.ReadAction:
    """One row with all that its action wants."""
    wanted: dict[m.ActionKind, dict[str, object]] = {
        m.ActionKind.RECYCLE: {"recipient": text(RECIPIENT)},
        m.ActionKind.COMPLETE: {"attachments": (m.Enclosed("bon.pdf", "application/pdf", "1" * 64, m.Slice(0, 9)),)},
        m.ActionKind.HANDLE_REJECT: {"reason": text("MONTANT_ERR")},
    }
    given = {"rank": rank, "member": "a.csv", "action": kind, "action_at": text(kind.value), "invoice": key(),
             "comment": text("Suite donnée")}  # fmt: skip
    return m.ReadAction(**(given | wanted[kind] | more))  # type: ignore[arg-type]


def acted(standings: tuple[m.Standing, ...], *rows: m.ReadAction, issuer: str = ISSUER) -> tuple[m.JudgedRow, ...]:
    return actions.decide(read(actions=rows), issuer, standings, known(), NOON, TERMS)


FROM = {m.ActionKind.RECYCLE: "04", m.ActionKind.COMPLETE: "06", m.ActionKind.HANDLE_REJECT: "05"}
GIVES = {m.ActionKind.RECYCLE: ["01", "02", "03"], m.ActionKind.COMPLETE: ["12"], m.ActionKind.HANDLE_REJECT: []}
SAID = {m.ActionKind.RECYCLE: "LFC-005", m.ActionKind.COMPLETE: "LFC-004", m.ActionKind.HANDLE_REJECT: "LFC-001"}


@pytest.mark.parametrize("kind", m.ActionKind)
def test_an_action_starts_from_its_own_status_and_from_no_other(kind: m.ActionKind) -> None:
    for start in LABELLED:
        (row,) = acted((standing(start),), action(kind))
        if start == FROM[kind]:
            assert (row.outcome, rules(row)) == (m.RowOutcome.APPLIED, set())
            assert [one.to for one in row.changes] == GIVES[kind]
            path = [start, *GIVES[kind]]
            assert all(ALLOWED[pair] in {"supplier", "platform"} for pair in pairwise(path))
            assert (row.handling is not None) is (kind is m.ActionKind.HANDLE_REJECT)
            assert (row.rerouted is not None) is (kind is m.ActionKind.RECYCLE)
            continue
        assert row.outcome is m.RowOutcome.REFUSED, start
        assert (row.changes, row.handling, row.rerouted) == ((), None, None)
        assert rules(row) == {"LFC-008" if start == "37" else SAID[kind]}  # 37: it never entered


@pytest.mark.parametrize("kind", m.ActionKind)
def test_another_issuer_acts_on_nothing_and_learns_nothing(kind: m.ActionKind) -> None:
    for start in LABELLED:
        (foreign,) = acted((standing(start),), action(kind), issuer=SOMEBODY)
        (unknown,) = acted((), action(kind), issuer=SOMEBODY)
        assert foreign.outcome is unknown.outcome is m.RowOutcome.REFUSED
        assert (foreign.changes, foreign.handling, foreign.rerouted) == ((), None, None)
        assert rules(foreign) <= {"LFC-008", "LFC-013"}
        assert rules(foreign)
        shown = [
            [(one.row.message_fr, one.row.public_code, one.at, one.value, dict(one.facts)) for one in row.findings]
            for row in (foreign, unknown)
        ]
        assert shown[0] == shown[1]


def test_two_rows_on_one_invoice_are_decided_one_after_the_other() -> None:
    first, second = acted((standing("06"),), action(m.ActionKind.COMPLETE), action(m.ActionKind.COMPLETE, rank=2))
    assert first.outcome is m.RowOutcome.APPLIED
    assert second.outcome is m.RowOutcome.REFUSED  # it is completed by then
    first, second = acted((standing("04"),), action(m.ActionKind.RECYCLE), action(m.ActionKind.RECYCLE, rank=2))
    assert [first.outcome, second.outcome] == [m.RowOutcome.APPLIED, m.RowOutcome.REFUSED]


# --- what can be reached ----------------------------------------------------------------------------------------------


def test_every_labelled_status_is_reached_by_what_people_can_ask_for() -> None:
    """From the integration on, by status files and actions alone; 37 comes with a decision that refuses a hold."""
    reached, line = {"01", "02", "03"}, deque(["03"])
    while line:
        for after in _steps(line.popleft()):
            if after not in reached:
                reached.add(after)
                line.append(after)
    assert reached == set(LABELLED) - {"37"}
    assert ALLOWED["--", "37"] == "platform"


def _steps(start: str) -> Iterator[str]:
    """All that can be brought about from here."""
    for to in LABELLED:
        (row,) = told((standing(start),), status(to))
        yield from (one.to for one in row.changes)
    for kind in m.ActionKind:
        (row,) = acted((standing(start),), action(kind))
        yield from (one.to for one in row.changes)


def test_a_decision_leaves_the_standings_as_they_were() -> None:
    """Pure: asked again, it says the same."""
    given = (standing("03"),)
    one = told(given, status("07"), status("08", rank=2))
    assert told(given, status("07"), status("08", rank=2)) == one
    assert given == (replace(standing("03")),)
