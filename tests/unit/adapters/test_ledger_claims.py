"""Lots: whole flows of one partner, oldest first, partners in turn; a worker that is gone loses them, and its writes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from pipeline.adapters.ledger import Ledger, LostLease, claims, deposits, tables
from pipeline.adapters.ledger.deposits import Claimed
from pipeline.adapters.ledger.rows import Lot
from pipeline.ports import Said
from pipeline.terms import WorkLimits

LIMITS = WorkLimits(lot_flows_max=2, lot_bytes_max=100, lease_s=45)
AT = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = Ledger.at(tmp_path / "ledger.sqlite")
    opened.migrate()
    return opened


def dropped(ledger: Ledger, partner: str, *sizes: int) -> list[int]:
    files = [
        Claimed(partner, f"{partner}-{n}", f"{n}".encode(), f"{n:064d}", size, True, AT) for n, size in enumerate(sizes)
    ]
    rows = ledger.write(lambda db: deposits.register(db, partner, files, lambda _file, _doubles: ()))
    return [row.id for row in rows]


def claim(ledger: Ledger, who: str = "me", turn: str = "1", now_ms: int = 0) -> Lot | None:
    return ledger.write(lambda db: claims.claim(db, who, turn, now_ms, LIMITS))


def members(ledger: Ledger, lot: Lot | None) -> list[int]:
    assert lot is not None
    with ledger.reading() as db:
        return [d.id for d in claims.members(db, lot)]


def finish(ledger: Ledger, lot: Lot | None) -> None:
    assert lot is not None
    ledger.write(lambda db: claims.finish(db, lot))


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
    alive = lambda _who: False  # noqa: E731
    assert ledger.write(lambda db: claims.take_over(db, "me", 44_000, LIMITS, alive)) is None
    mine = ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, alive))
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
    assert ledger.write(lambda db: claims.take_over(db, "gone", 90_000, LIMITS, lambda _who: True)) is None
    mine = ledger.write(lambda db: claims.take_over(db, "me", 1, LIMITS, lambda who: who == "gone"))
    assert mine is not None
    assert mine.attempt == 2


def test_renewing_keeps_a_lot(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "other", now_ms=0)
    assert lot is not None
    ledger.write(lambda db: claims.guard(db, lot, 40_000, LIMITS))
    assert ledger.write(lambda db: claims.take_over(db, "me", 80_000, LIMITS, lambda _who: False)) is None


def test_work_for_one_is_given_to_one(ledger: Ledger) -> None:
    first = ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "me", 0, LIMITS))
    assert first is not None
    assert ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "you", 0, LIMITS)) is None
    ledger.write(lambda db: claims.finish(db, first))
    assert ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "you", 0, LIMITS)) is not None


def test_nothing_unsent_is_no_lot(ledger: Ledger) -> None:
    assert ledger.write(lambda db: claims.claim_unsent(db, "me", 0, LIMITS)) is None


def test_what_is_due_is_found_by_an_index_however_many_were_answered(ledger: Ledger) -> None:
    query = select(tables.deposits.c.id).where(claims._due("1"), tables.deposits.c.partner == "AAA001")
    with ledger.reading() as db:
        told = str(query.compile(db, compile_kwargs={"literal_binds": True}))
        plan = [row.detail for row in db.execute(text(f"EXPLAIN QUERY PLAN {told}"))]
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
