"""What changes after integration is written once and in one piece, whoever writes beside it; the same on each engine."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from ledger_samples import AT, LIMITS, SUPPLIER, broken_rules, claim, deposits_of, dropped, finish, invoice, settle
from side_by_side import Beside, at_once
from sqlalchemy import select, text

from pipeline import judge, status_intake
from pipeline import model as m
from pipeline.adapters.ledger import Connection, Ledger, audit, changes, claims, invariants, standings, tables
from pipeline.adapters.ledger.changes import Asked, Stale
from pipeline.adapters.ledger.rows import Deposit, Lot, ToSend
from pipeline.audit.form import CHANGE, UNIT
from pipeline.terms import Terms
from pipeline.values import Text

Opener = Callable[[], Ledger]
LATER = AT + timedelta(hours=1)
ISSUER, SENDER = "AAA001", "PORTAL"  # the receiver of the samples
BOTH = frozenset({"recipient", "accountant"})


def key(number: str, **more: Any) -> m.InvoiceKey:
    return m.InvoiceKey("1", Text(SUPPLIER, "", "", 1), Text(number, "", "", 1), **more)


def entry(number: str, status: str, when: datetime = LATER, rank: int = 1, **more: Any) -> m.ReadStatus:
    told = Text("MONTANT_ERR", "", "", 1) if status in {"04", "05", "06"} else None
    given = {"comment": Text("Motif", "", "", 1), "reason": told, "mandate": None} | more
    return m.ReadStatus(rank, "m", key(number), None, Text(status, "", "", 1), when, None, **given)


def integrated(ledger: Ledger, *numbers: str, first: int = 0, partner: str = ISSUER) -> int:
    (made,) = dropped(ledger, partner, 1, first=first)
    lot = claim(ledger)
    settle(ledger, lot, [invoice(rank, number) for rank, number in enumerate(numbers, 1)])
    return made


def status_file(ledger: Ledger, sequence: int = 100) -> tuple[Lot, Deposit]:
    dropped(ledger, SENDER, 1, first=sequence)
    lot = claim(ledger)
    assert lot is not None
    (deposit,) = deposits_of(ledger, lot)
    return lot, deposit


def read(deposit: Deposit, *entries: m.ReadStatus) -> m.Read:
    member = m.ReadMember("m", "ab" * 32, 10, m.Kind.STATUS)
    ranked = tuple(replace(one, rank=rank) for rank, one in enumerate(entries, 1))
    return m.Read(
        deposit.received, "IN_CDV_CPP_STATUT", "FSO1200A", (), (member,), (), (), 10, lane=m.Lane.STATUSES,
        statuses=ranked,
    )  # fmt: skip


def decided(ledger: Ledger, deposit: Deposit, *entries: m.ReadStatus) -> Asked:
    """As the unit decides: against the ledger as it stands now."""
    told = read(deposit, *entries)
    with ledger.reading() as db:
        held = standings.find(db, [one.invoice for one in told.statuses])
    rows = status_intake.decide(told, BOTH, SENDER, held, LATER + timedelta(days=1), Terms())
    verdict = judge.conclude_changes(told, rows, Terms())
    place = f"drop/{deposit.partner}"
    report = ToSend(place, f"CSO-{deposit.claim}", "CSO", deposit.partner, deposit.id, "cd" * 32, 100)
    return Asked(rows, (report,), {}, deposit, verdict)


def write(ledger: Ledger, lot: Lot, *asked: Asked) -> bool:
    unit = changes.rows_of(asked, LATER)

    def commit(db: Connection) -> bool:
        claims.guard(db, lot, 0, LIMITS)
        return changes.commit(db, unit, lot, "ef" * 32)

    return ledger.write(commit)


def stands(ledger: Ledger, *numbers: str) -> list[tuple[str, datetime, int]]:
    with ledger.reading() as db:
        found = standings.find(db, [key(number) for number in numbers])
    return [(one.status, one.status_at, one.sequence) for one in found]


def rows(ledger: Ledger, table: Any, *names: str) -> list[tuple[Any, ...]]:
    with ledger.reading() as db:
        return [tuple(r) for r in db.execute(select(*(table.c[name] for name in names)).order_by(*table.primary_key))]


def is_sound(ledger: Ledger) -> None:
    assert not any(broken_rules(ledger).values())
    with ledger.reading() as db:
        assert list(invariants.standing_elsewhere(db)) == []
        assert list(invariants.unasked(db)) == []
        assert list(invariants.unbalanced_intakes(db)) == []
        assert list(invariants.misstated(db)) == []


def test_a_change_is_a_step_of_the_history_and_says_who_asked(ledger: Ledger) -> None:
    one = integrated(ledger, "N-1", "N-2")
    lot, deposit = status_file(ledger)
    asked = decided(ledger, deposit, entry("N-2", "07"), entry("N-2", "08", mandate=Text("M-1", "", "", 1)))
    assert write(ledger, lot, asked)
    assert stands(ledger, "N-1", "N-2") == [("03", AT, 3), ("08", LATER, 5)]
    told = rows(
        ledger,
        tables.changes,
        "deposit_id",
        "rank",
        "sequence",
        "issuer",
        "source_id",
        "source_rank",
        "mandate",
        "producer",
    )
    assert told == [(one, 2, 4, ISSUER, deposit.id, 1, "", SENDER), (one, 2, 5, ISSUER, deposit.id, 2, "M-1", SENDER)]
    assert rows(ledger, tables.intakes, "deposit_id", "lane", "read", "applied", "repeated", "kept", "refused") == [
        (deposit.id, "statuses", 2, 2, 0, 0, 0)
    ]
    is_sound(ledger)


def test_the_steps_stand_in_the_chain_of_the_issuer_and_the_file_in_that_of_its_sender(ledger: Ledger) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    assert write(ledger, lot, decided(ledger, deposit, entry("N-1", "07"), entry("N-9", "07")))
    with ledger.reading() as db:
        issuer = [row for row in audit.rows(db, ISSUER) if row.kind == CHANGE]
        sender = [row for row in audit.rows(db, SENDER) if row.kind == UNIT]
    assert [(row.lot, row.records) for row in issuer] == [(lot.id, 2)]  # a transition, and what brought it
    assert issuer[0].told["sources"] == [deposit.id]
    assert {mark[0] for mark in issuer[0].told["marks"]} == {"transitions", "changes"}
    assert [(row.result, row.records) for row in sender] == [("ef" * 32, 4)]  # verdict, intake, finding, report
    is_sound(ledger)


def test_what_is_written_already_is_not_written_twice(ledger: Ledger) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    asked = decided(ledger, deposit, entry("N-1", "07"))
    assert write(ledger, lot, asked)
    assert not write(ledger, lot, asked)
    assert stands(ledger, "N-1") == [("07", LATER, 4)]
    is_sound(ledger)


def test_events_are_numbered_and_kept_beside_the_history(ledger: Ledger) -> None:
    one = integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    twice = [entry("N-1", "20"), entry("N-1", "21"), entry("N-1", "07"), entry("N-1", "20")]
    assert write(ledger, lot, decided(ledger, deposit, *twice))
    finish(ledger, lot)
    lot, deposit = status_file(ledger, 101)
    assert write(ledger, lot, decided(ledger, deposit, entry("N-1", "22")))
    assert rows(ledger, tables.events, "deposit_id", "rank", "ordinal", "code") == [
        (one, 1, 1, "20"), (one, 1, 2, "21"), (one, 1, 3, "22"),
    ]  # fmt: skip
    assert stands(ledger, "N-1") == [("07", LATER, 4)]
    is_sound(ledger)


@pytest.mark.parametrize("meanwhile", ["07", "20"], ids=["a change", "an event"])
def test_what_somebody_else_has_moved_is_not_moved_from_where_it_stood(ledger: Ledger, meanwhile: str) -> None:
    integrated(ledger, "N-1", "N-2")
    lot, deposit = status_file(ledger)
    late = decided(ledger, deposit, entry("N-2", "05"), entry("N-1", "05"))
    other, first = status_file(ledger, 101)
    assert write(ledger, other, decided(ledger, first, entry("N-1", meanwhile)))
    before = stands(ledger, "N-1", "N-2")
    with pytest.raises(Stale):
        write(ledger, lot, late)
    assert stands(ledger, "N-1", "N-2") == before
    assert (deposit.id,) not in rows(ledger, tables.verdicts, "deposit_id")
    assert write(ledger, lot, decided(ledger, deposit, entry("N-2", "05"), entry("N-1", "05")))
    assert [status for status, _, _ in stands(ledger, "N-1", "N-2")] == ["05", "05"]
    is_sound(ledger)


def test_a_reject_is_handled_once(ledger: Ledger) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    assert write(ledger, lot, decided(ledger, deposit, entry("N-1", "05")))
    with ledger.reading() as db:
        (standing,) = standings.find(db, [key("N-1")])
    handling = m.Handling(standing, "MONTANT_ERR", "refaite", None, None)
    row = m.JudgedRow(1, "", key("N-1"), (), m.RowOutcome.APPLIED, standing, handling=handling)
    command = Asked((row,), operator="anne")
    ledger.write(lambda db: changes.commit(db, changes.rows_of([command], LATER)))
    with pytest.raises(Stale):
        ledger.write(lambda db: changes.commit(db, changes.rows_of([command], LATER)))
    with ledger.reading() as db:
        (standing,) = standings.find(db, [key("N-1")])
    assert standing.is_handled
    assert rows(ledger, tables.handled, "reason", "operator", "source_id", "at") == [
        ("MONTANT_ERR", "anne", 0, "2026-11-20T12:00:00.000000+00:00")
    ]
    is_sound(ledger)


def test_where_it_goes_now_is_read_beside_where_it_was_deposited(ledger: Ledger) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    assert write(ledger, lot, decided(ledger, deposit, entry("N-1", "04")))
    with ledger.reading() as db:
        (standing,) = standings.find(db, [key("N-1")])
    steps = tuple(m.Change(standing, to, LATER, set_by=by, producer=ISSUER) for to, by in
                  (("01", "supplier"), ("02", "platform"), ("03", "platform")))  # fmt: skip
    to = m.Rerouted("11000201100044", "Etat", "SFACETAT", "EJ-1", "annuaire")
    row = m.JudgedRow(7, "", key("N-1"), (), m.RowOutcome.APPLIED, standing, steps, to)
    asked = Asked((row,), (), {7: "OTHER1"}, operator="anne")
    ledger.write(lambda db: changes.commit(db, changes.rows_of([asked], LATER)))
    with ledger.reading() as db:
        (now,) = standings.find(db, [key("N-1")])
        (same,) = standings.of(db, [(now.deposit_id, now.rank)])
    assert (now.recipient, now.service, now.commitment, now.receiver, now.routing) == (
        "11000201100044", "SFACETAT", "EJ-1", "OTHER1", 1,
    )  # fmt: skip
    assert (now.status, now.sequence, now) == ("03", 7, same)
    assert rows(ledger, tables.invoices, "recipient", "receiver") == [("99986401570264", "PORTAL")]
    is_sound(ledger)


def test_two_writers_on_the_same_invoices_never_write_over_each_other(open_ledger: Opener, ledger: Ledger) -> None:
    """Each decides against what it sees, and again where it was overtaken: one reject wins, everything adds up."""
    numbers = [f"N-{n}" for n in range(12)]
    integrated(ledger, *numbers)
    files = [status_file(ledger, 100 + n) for n in range(4)]

    def settle_mine(mine: Ledger, which: int) -> int:
        lot, deposit = files[which]
        order: Sequence[str] = numbers if which % 2 else numbers[::-1]
        status = ("05", "06", "04", "11")[which]
        for tries in range(20):
            asked = decided(mine, deposit, *(entry(number, status) for number in order))
            try:
                assert write(mine, lot, asked)
            except Stale:
                continue
            return tries
        raise AssertionError("overtaken for ever")

    works = [lambda mine, which=which: settle_mine(mine, which) for which in range(4)]
    at_once(open_ledger, works)
    ends = stands(ledger, *numbers)
    assert len({status for status, _, _ in ends}) == 1  # the same file was first on each of them
    applied = [n for (n,) in rows(ledger, tables.intakes, "applied")]
    assert sum(applied) == sum(sequence - 3 for _, _, sequence in ends)
    is_sound(ledger)


def test_a_writer_waits_for_the_one_that_holds_the_invoice(open_ledger: Opener, ledger: Ledger) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    other, second = status_file(ledger, 101)
    mine, theirs = decided(ledger, deposit, entry("N-1", "07")), decided(ledger, second, entry("N-1", "08"))
    beside: Beside

    def hold(db: Connection) -> None:
        nonlocal beside
        claims.guard(db, lot, 0, LIMITS)
        changes.commit(db, changes.rows_of([mine], LATER), lot, "ef" * 32)
        beside = Beside(lambda: write(open_ledger(), other, theirs))
        assert beside.waits()

    ledger.write(hold)
    with pytest.raises(Stale):
        beside.end()
    assert stands(ledger, "N-1") == [("07", LATER, 4)]


def test_a_large_file_is_a_few_statements(ledger: Ledger) -> None:
    from sqlalchemy import event

    numbers = [f"N-{n}" for n in range(700)]
    integrated(ledger, *numbers)
    lot, deposit = status_file(ledger)
    asked: list[str] = []
    event.listen(ledger.engine, "before_cursor_execute", lambda _c, _k, said, *_: asked.append(said))
    assert write(ledger, lot, decided(ledger, deposit, *(entry(number, "07") for number in numbers)))
    assert {status for status, _, _ in stands(ledger, *numbers)} == {"07"}
    assert len(asked) < 90, len(asked)
    is_sound(ledger)


def test_the_invoices_of_a_file_are_looked_up_and_not_searched_for(ledger: Ledger) -> None:
    """No query of a file reads a whole table."""
    one = integrated(ledger, "N-1")
    with ledger.reading() as db:
        if not ledger.is_sqlite:  # its plans depend on sizes
            assert len(standings.find(db, [key("N-1")])) == len(standings.of(db, [(one, 1)])) == 1
            return
        plans: list[str] = []

        def explain(conn: Any, cursor: Any, said: str, parameters: Any, *_: Any) -> None:
            if said.startswith("SELECT"):
                plans.extend(str(r) for r in db.connection.cursor().execute(f"EXPLAIN QUERY PLAN {said}", parameters))

        from sqlalchemy import event

        event.listen(ledger._readers, "before_cursor_execute", explain)
        try:
            standings.find(db, [key("N-1")])
            standings.of(db, [(one, 1)])
        finally:
            event.remove(ledger._readers, "before_cursor_execute", explain)
    scans = [plan for plan in plans if "SCAN" in plan and "USING" not in plan and "CONSTANT" not in plan]
    assert plans
    assert scans == []


def test_statements_are_those_of_a_ledger_that_stands(ledger: Ledger) -> None:
    """An invoice that never entered is known to nobody."""
    integrated(ledger, "N-1")
    with ledger.writing() as db:
        db.execute(text("UPDATE invoices SET status = '', status_at = ''"))
    with ledger.reading() as db:
        assert standings.find(db, [key("N-1")]) == []


@pytest.mark.parametrize(
    ("statement", "query"),
    [
        ("UPDATE invoices SET status = '07' WHERE number = 'N-1'", "standing_elsewhere"),
        ("UPDATE invoices SET status_at = 'x' WHERE number = 'N-1'", "standing_elsewhere"),
        ("UPDATE invoices SET routing = 2 WHERE number = 'N-1'", "standing_elsewhere"),
        ("DELETE FROM changes", "unasked"),
        ("DELETE FROM transitions WHERE sequence = 4", "unasked"),
        ("UPDATE intakes SET applied = 3", "unbalanced_intakes"),
        ("UPDATE intakes SET applied = 0, repeated = 1", "unbalanced_intakes"),
        ("DELETE FROM events", "unbalanced_intakes"),
        ("UPDATE changes SET source_id = 0", "unbalanced_intakes"),
    ],
)
def test_what_does_not_add_up_after_integration_is_named(ledger: Ledger, statement: str, query: str) -> None:
    integrated(ledger, "N-1")
    lot, deposit = status_file(ledger)
    assert write(ledger, lot, decided(ledger, deposit, entry("N-1", "08"), entry("N-1", "20"), entry("N-2", "07")))
    is_sound(ledger)
    with ledger.engine.connect() as db, db.execution_options(writes=True).begin() as transaction:
        db.execute(text(statement))
        assert list(getattr(invariants, query)(db))
        transaction.rollback()
