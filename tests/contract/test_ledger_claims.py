"""Lots: whole flows of one partner, oldest first, partners in turn; a worker that is gone loses them, and its writes."""

import pytest
from ledger_samples import LIMITS, claim, dropped, finish, members
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from pipeline.adapters.ledger import Ledger, LostLease, claims, now_ms, outbox, tables
from pipeline.adapters.ledger.rows import Lot, ToSend
from pipeline.ports import Said
from pipeline.terms import WorkLimits


def nobody(_who: str) -> bool:
    return False


def test_partners_take_turns_and_their_oldest_deposits_come_first(ledger: Ledger) -> None:
    first = dropped(ledger, "AAA001", 1, 1, 1)
    second = dropped(ledger, "BBB001", 1)
    lots = [claim(ledger) for _ in range(3)]
    assert [members(ledger, lot) for lot in lots] == [first[:2], second, first[2:]]
    assert claim(ledger) is None


def test_a_lot_holds_some_bytes_or_one_larger_flow_alone(ledger: Ledger) -> None:
    big, small, other = dropped(ledger, "AAA001", 1_000, 60, 60)
    assert [members(ledger, claim(ledger)) for _ in range(3)] == [[big], [small], [other]]


def test_what_met_a_fault_waits_for_the_next_turn(ledger: Ledger) -> None:
    (one, two) = dropped(ledger, "AAA001", 1, 1)
    lot = claim(ledger)
    assert lot is not None
    ledger.write(lambda db: claims.give_back(db, lot, {one: Said("aucun annuaire", "no directory")}, "1"))
    assert members(ledger, lot) == [two]
    finish(ledger, lot)
    assert members(ledger, claim(ledger)) == [two]
    assert claim(ledger) is None
    with ledger.reading() as db:
        assert (claims.count_due(db, "1"), claims.count_due(db, "2")) == (1, 2)
    assert members(ledger, claim(ledger, turn="2")) == [one]


def test_a_lot_whose_lease_ran_out_is_taken_over_and_its_first_worker_refused(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "gone", now_ms=0)
    assert lot is not None
    assert ledger.write(lambda db: claims.take_over(db, "me", 44_000, LIMITS, nobody)) is None
    mine = ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, nobody))
    assert mine == Lot(lot.id, lot.partner, lot.kind, 2)
    with pytest.raises(LostLease, match="taken over"):
        ledger.write(lambda db: claims.guard(db, lot, 46_000, LIMITS))
    ledger.write(lambda db: claims.guard(db, mine, 46_000, LIMITS))
    ledger.write(lambda db: claims.finish(db, lot))  # too late: another attempt has it
    with ledger.reading() as db:
        assert claims.workers(db) == {"me"}


def test_a_lot_of_a_dead_worker_is_taken_at_once_and_never_ones_own(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    claim(ledger, "gone", now_ms=0)
    assert ledger.write(lambda db: claims.take_over(db, "gone", 1, LIMITS, lambda _who: True)) is None
    mine = ledger.write(lambda db: claims.take_over(db, "me", 1, LIMITS, lambda who: who == "gone"))
    assert mine is not None
    assert mine.attempt == 2


def test_a_lot_of_ours_that_we_do_not_know_of_is_ours_again_when_its_lease_is_over(ledger: Ledger) -> None:
    """The answer to a claim may be lost: the same worker is the only one there may be."""
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "me", now_ms=0)
    assert lot is not None
    mine = ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, nobody))
    assert mine == Lot(lot.id, lot.partner, lot.kind, 2)


def test_who_finishes_late_gives_nothing_of_the_next_worker_back(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "gone", now_ms=0)
    mine = ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, nobody))
    finish(ledger, lot)
    assert members(ledger, mine) == [one]
    assert claim(ledger, "third") is None


def test_renewing_keeps_a_lot(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "other", now_ms=0)
    assert lot is not None
    ledger.write(lambda db: claims.guard(db, lot, 40_000, LIMITS))
    assert ledger.write(lambda db: claims.take_over(db, "me", 80_000, LIMITS, nobody)) is None


def test_work_for_one_is_given_to_one(ledger: Ledger) -> None:
    first = ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "me", 0, LIMITS))
    assert first is not None
    assert ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "you", 0, LIMITS)) is None
    ledger.write(lambda db: claims.finish(db, first))
    assert ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "you", 0, LIMITS)) is not None


def test_who_works_on_what_is_told(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    claim(ledger, "judge")
    daily = ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "daily", 0, LIMITS))

    def workers(*kinds: str) -> frozenset[str]:
        with ledger.reading() as db:
            return claims.workers(db, *kinds)

    assert workers() == {"judge", "daily"}
    assert (workers(claims.JUDGE), workers(claims.JUDGE, claims.DAILY)) == ({"judge"}, {"judge", "daily"})
    finish(ledger, daily)
    assert workers() == {"judge"}


@pytest.mark.parametrize("kind", [claims.DAILY, claims.RECEIVE, claims.TELL])
def test_work_for_one_goes_to_the_next_when_its_worker_is_gone(ledger: Ledger, kind: str) -> None:
    first = ledger.write(lambda db: claims.claim_alone(db, kind, "gone", 0, LIMITS, partner="AAA001"))
    assert first is not None
    assert ledger.write(lambda db: claims.claim_alone(db, kind, "me", 44_000, LIMITS, partner="AAA001")) is None
    mine = ledger.write(lambda db: claims.claim_alone(db, kind, "me", 46_000, LIMITS, partner="AAA001"))
    assert mine == Lot(first.id, "AAA001", kind, 2)
    with pytest.raises(LostLease):
        ledger.write(lambda db: claims.guard(db, first, 46_000, LIMITS))
    other = ledger.write(lambda db: claims.claim_alone(db, kind, "you", 46_000, LIMITS, partner="BBB001"))
    assert other is not None


def test_the_ledger_itself_refuses_a_second_worker_for_work_of_one(ledger: Ledger) -> None:
    row = {"partner": "AAA001", "state": claims.CLAIMED, "attempt": 1, "lease_until": 0, "claimed_by": "me"}
    with ledger.writing() as db:
        for kind in (claims.JUDGE, claims.JUDGE, claims.DELIVER, claims.DELIVER, claims.DAILY):
            db.execute(insert(tables.lots).values(kind=kind, **row))
    with pytest.raises(IntegrityError), ledger.writing() as db:
        db.execute(insert(tables.lots).values(kind=claims.DAILY, **row))


def sent_file(name: str, state: str = outbox.READY, place: str = "drop/AAA001") -> ToSend:
    return ToSend(place, name, "CSO", "AAA001", None, "ab" * 32, 1, state)


def test_nothing_unsent_is_no_lot(ledger: Ledger) -> None:
    assert ledger.write(lambda db: claims.claim_unsent(db, "me", 0, LIMITS)) is None


def test_what_a_finished_lot_left_is_swept_once_and_what_is_in_work_never(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1, 1, 1)
    done, at_work = claim(ledger), claim(ledger)
    assert done is not None
    assert at_work is not None
    ledger.write(lambda db: outbox.add(db, [sent_file("left"), sent_file("gone out")], done))
    ledger.write(lambda db: outbox.add(db, [sent_file("in work")], at_work))
    ledger.write(lambda db: outbox.add(db, [sent_file("of nobody")], None))
    ledger.write(lambda db: outbox.advance(db, done, [sent_file("gone out")], outbox.READY, outbox.SENT))
    finish(ledger, done)
    sweep = ledger.write(lambda db: claims.claim_unsent(db, "me", 0, LIMITS))
    assert sweep is not None
    assert ledger.write(lambda db: claims.claim_unsent(db, "you", 0, LIMITS)) is None
    with ledger.reading() as db:
        assert [f.name for f in outbox.unsent(db, sweep)] == ["left", "of nobody"]


def test_a_sweep_that_died_leaves_its_files_to_the_next_one(ledger: Ledger) -> None:
    ledger.write(lambda db: outbox.add(db, [sent_file("one")], None))
    first = ledger.write(lambda db: claims.claim_unsent(db, "gone", 0, LIMITS))
    assert first is not None
    ledger.write(lambda db: outbox.add(db, [sent_file("two")], None))
    next_one = ledger.write(lambda db: claims.claim_unsent(db, "me", 46_000, LIMITS))
    assert next_one is not None
    assert (next_one.id, next_one.attempt) == (first.id, 2)
    with ledger.reading() as db:
        assert [f.name for f in outbox.unsent(db, next_one)] == ["one", "two"]


def test_a_file_advances_only_in_the_hands_of_its_lot(ledger: Ledger) -> None:
    files = [sent_file(f"f{n}", place=f"drop/{n % 3}") for n in range(700)]
    ledger.write(lambda db: outbox.add(db, files, None))
    mine = ledger.write(lambda db: claims.claim_unsent(db, "me", 0, LIMITS))
    assert mine is not None
    other = Lot(mine.id + 1, "", claims.DELIVER, 1)
    for lot, sent in ((other, 0), (mine, 699)):
        ledger.write(lambda db, lot=lot: outbox.advance(db, lot, files[1:], outbox.READY, outbox.SENT))
        with ledger.reading() as db:
            where = tables.outbox.c.state == outbox.SENT
            assert db.execute(select(func.count()).select_from(tables.outbox).where(where)).scalar() == sent


def test_adding_files_twice_adds_them_once(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.write(lambda db: outbox.add(db, [sent_file("one"), sent_file("two")], None))
    with ledger.reading() as db:
        assert db.execute(select(tables.outbox.c.name).order_by(tables.outbox.c.name)).scalars().all() == ["one", "two"]


def test_how_many_workers_are_worth_starting(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1, 1, 1)
    dropped(ledger, "BBB001", 90, 90)
    limits = WorkLimits(lot_flows_max=2, lot_bytes_max=100)

    def due() -> int:
        with ledger.reading() as db:
            return claims.lots_due(db, limits)

    assert due() == 4
    with ledger.reading() as db:
        now = now_ms(db)
    lot = claim(ledger, now_ms=now)
    assert due() == 3  # the other two deposits of AAA001 are in good hands
    assert lot is not None
    with ledger.writing() as db:
        db.execute(update(tables.lots).values(lease_until=now - 1))
    assert due() == 4  # no longer: somebody must take that lot over


def test_the_clock_of_leases_is_a_clock(ledger: Ledger) -> None:
    with ledger.reading() as db:
        first = now_ms(db)
        assert 1_700_000_000_000 < first <= now_ms(db)


def test_what_is_due_is_found_by_an_index_however_many_were_answered(ledger: Ledger) -> None:
    with ledger.writing() as db:
        for n in range(3_000):
            state = "received" if n % 500 == 0 else "IN_INTEGRE"
            db.execute(
                text("INSERT INTO deposits (id, partner, claim, name_bytes, state) VALUES (:n, 'AAA001', :c, :b, :s)"),
                {"n": n + 1, "c": str(n), "b": b"x", "s": state},
            )
    with ledger.writing() as db:
        db.execute(text("ANALYZE"))
    query = select(tables.deposits.c.id).where(claims._due("1"), tables.deposits.c.partner == "AAA001")
    explain = "EXPLAIN QUERY PLAN" if ledger.is_sqlite else "EXPLAIN"
    with ledger.reading() as db:
        told = query.compile(db, compile_kwargs={"literal_binds": True}).string.replace("%%", "%")
        plan = [str(row) for row in db.execute(text(f"{explain} {told}"))]
    assert "ix_deposits_due" in " ".join(plan)


def test_two_runs_side_by_side_do_not_hand_what_met_a_fault_to_and_fro(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    tried = 0
    for turn in ("run-a", "run-b") * 3:
        lot = claim(ledger, turn=turn)
        if lot is not None:
            tried += 1
            faults = {one: Said("aucun annuaire", "no directory")}
            ledger.write(lambda db, lot=lot, faults=faults, turn=turn: claims.give_back(db, lot, faults, turn))
            finish(ledger, lot)
    assert tried == 2
    assert members(ledger, claim(ledger, turn="run-c")) == [one]
