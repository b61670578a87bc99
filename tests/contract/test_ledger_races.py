"""Workers side by side: nothing twice, nothing forgotten, nobody waits for ever. The same on each engine."""

from collections import Counter
from collections.abc import Callable

import pytest
from ledger_samples import (
    AT,
    LIMITS,
    PENDING,
    answered,
    broken_rules,
    claim,
    commit,
    deposits_of,
    dropped,
    file,
    finish,
    invoice,
    key,
    later,
    register,
    settle,
    state_of,
    unsettled,
)
from side_by_side import Beside, at_once
from sqlalchemy import func, select, update

from pipeline.adapters.ledger import (
    Connection,
    Ledger,
    audit,
    claims,
    commits,
    deposits,
    held,
    outbox,
    reference,
    tables,
)
from pipeline.adapters.ledger.held import Decision
from pipeline.adapters.ledger.rows import Lot, ToSend
from pipeline.model import Snapshot, Structure
from pipeline.ports import Fault
from pipeline.terms import WorkLimits

Opener = Callable[[], Ledger]
WORKERS = 4


def drain(ledger: Ledger, who: str, limits: WorkLimits = LIMITS) -> list[tuple[Lot, list[int]]]:
    """Claim until nothing is left: each lot with what it holds."""
    lots = []
    while (lot := claim(ledger, who, limits=limits)) is not None:
        lots.append((lot, [d.id for d in deposits_of(ledger, lot)]))
    return lots


def test_every_deposit_is_claimed_once_and_no_lot_is_empty(open_ledger: Opener, ledger: Ledger) -> None:
    ids = [i for n in range(6) for i in dropped(ledger, f"P{n:05d}", *([1] * (5 + 9 * n)))]
    told = at_once(open_ledger, [lambda mine, who=f"w{n}": drain(mine, who) for n in range(WORKERS)])
    lots = [lot for worker in told for lot in worker]
    assert all(members for _, members in lots)
    assert Counter(i for _, members in lots for i in members) == Counter(ids)
    assert claim(ledger) is None


def test_small_partners_do_not_wait_for_a_big_one(open_ledger: Opener, ledger: Ledger) -> None:
    dropped(ledger, "BIG001", *([1] * 400))
    small = [dropped(ledger, f"S{n:05d}", 1)[0] for n in range(19)]
    told = at_once(open_ledger, [lambda mine, who=f"w{n}": drain(mine, who) for n in range(WORKERS)])
    by_number = sorted((lot for worker in told for lot in worker), key=lambda one: one[0].id)
    first = [i for _, members in by_number[: len(small) + 2 * WORKERS] for i in members]
    assert set(small) <= set(first)


def test_two_claims_of_the_same_partner_are_both_served(open_ledger: Opener, ledger: Ledger) -> None:
    ids = dropped(ledger, "AAA001", 1, 1, 1, 1)
    lots = at_once(open_ledger, [lambda mine, who=who: claim(mine, who) for who in ("a", "b")])
    assert sorted(i for lot in lots for i in (d.id for d in deposits_of(ledger, lot))) == ids


def test_a_claim_waits_for_one_that_may_still_give_up_and_then_has_its_deposits(
    open_ledger: Opener, ledger: Ledger
) -> None:
    """All that is due is locked by a claim that will not be committed: going home would leave it to nobody."""
    ids = dropped(ledger, "AAA001", 1, 1)
    other = open_ledger()

    class GivenUp(Exception):
        pass

    with pytest.raises(GivenUp), ledger.writing() as db:
        assert claims.claim(db, "a", "1", 0, LIMITS) is not None
        beside = Beside(lambda: claim(other, "b"))
        assert beside.waits()
        raise GivenUp
    lot = beside.end()
    assert isinstance(lot, Lot)
    assert [d.id for d in deposits_of(ledger, lot)] == ids


def test_work_for_one_is_given_to_one_of_many(open_ledger: Opener, ledger: Ledger) -> None:
    def ask(mine: Ledger, who: str) -> Lot | None:
        return mine.write(lambda db: claims.claim_alone(db, claims.RECEIVE, who, 0, LIMITS, partner="AAA001"))

    for _ in range(5):
        lots = at_once(open_ledger, [lambda mine, who=f"w{n}": ask(mine, who) for n in range(WORKERS)])
        (lot,) = (one for one in lots if one is not None)
        finish(ledger, lot)


def test_a_dead_worker_is_followed_by_one(open_ledger: Opener, ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    claim(ledger, "gone", now_ms=0)

    def take(mine: Ledger, who: str) -> Lot | None:
        return mine.write(lambda db: claims.take_over(db, who, 46_000, LIMITS, lambda _w: False))

    lots = at_once(open_ledger, [lambda mine, who=f"w{n}": take(mine, who) for n in range(WORKERS)])
    (lot,) = (one for one in lots if one is not None)
    assert lot.attempt == 2


def test_a_worker_that_renews_at_that_moment_keeps_its_lot(open_ledger: Opener, ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "slow", now_ms=0)
    assert lot is not None
    other = open_ledger()

    def is_dead(_who: str) -> bool:  # between what `take_over` reads and what it writes
        if not other.is_sqlite:
            other.write(lambda db: claims.guard(db, lot, 50_000, LIMITS))
        return True

    taken = ledger.write(lambda db: claims.take_over(db, "me", 44_000, LIMITS, is_dead))
    assert (taken is None) == (not ledger.is_sqlite)  # SQLite has one writer: nobody renews meanwhile


def test_what_is_unsent_goes_to_one_sweep(open_ledger: Opener, ledger: Ledger) -> None:
    files = [ToSend(f"drop/{n % 7}", f"f{n}", "CSO", "AAA001", None, "ab" * 32, 1) for n in range(300)]
    ledger.write(lambda db: outbox.add(db, files, None))

    def sweep(mine: Ledger, who: str) -> list[str]:
        lot = mine.write(lambda db: claims.claim_unsent(db, who, 0, LIMITS))
        if lot is None:
            return []
        with mine.reading() as db:
            return [f.name for f in outbox.unsent(db, lot)]

    told = at_once(open_ledger, [lambda mine, who=f"w{n}": sweep(mine, who) for n in range(WORKERS)])
    assert Counter(name for names in told for name in names) == Counter(f.name for f in files)
    assert sum(bool(names) for names in told) == 1


def test_a_number_is_won_by_one_whatever_the_order_they_ask_in(open_ledger: Opener, ledger: Ledger) -> None:
    flows = []
    for n in range(WORKERS):
        dropped(ledger, f"P{n:05d}", 1)
        flows += deposits_of(ledger, claim(ledger))
    numbers = [f"N-{n}" for n in range(60)]

    def ask(mine: Ledger, index: int) -> set[str]:
        flow = flows[index]
        mixed = numbers[index * 15 :] + numbers[: index * 15]
        if index % 2:
            mixed.reverse()
        wanted = [(key(number), flow, rank) for rank, number in enumerate(mixed)]
        lost = mine.write(lambda db: commits.reserve(db, wanted))
        assert all(owner.deposit_id != flow.id for owner in lost.values())
        return {k.number for k, _, _ in wanted} - {k.number for k, _, _ in lost}

    won = at_once(open_ledger, [lambda mine, index=n: ask(mine, index) for n in range(WORKERS)])
    assert Counter(number for one in won for number in one) == Counter(numbers)


def test_the_same_files_seen_by_two_machines_have_one_row_each(open_ledger: Opener, ledger: Ledger) -> None:
    files = [file("AAA001", n) for n in range(40)]

    def receive(mine: Ledger) -> int:
        return len(mine.write(lambda db: deposits.register(db, "AAA001", files, unsettled)))

    assert sum(at_once(open_ledger, [receive] * WORKERS)) == 40
    with ledger.reading() as db:
        assert db.execute(select(func.count()).select_from(tables.deposits)).scalar() == 40
        assert db.execute(select(func.count()).select_from(tables.flows)).scalar() == 40


def test_partners_that_drop_at_once_have_deposits_of_their_own(open_ledger: Opener, ledger: Ledger) -> None:
    def receive(mine: Ledger, partner: str) -> list[int]:
        found = []
        for batch in range(5):
            files = [file(partner, f"{batch}-{n}") for n in range(8)]
            rows = mine.write(lambda db, files=files: deposits.register(db, partner, files, unsettled))
            assert [r.claim for r in rows] == [f.claim for f in files]
            assert [r.id for r in rows] == sorted(r.id for r in rows)
            found += [r.id for r in rows]
        return found

    told = at_once(open_ledger, [lambda mine, p=f"P{n:05d}": receive(mine, p) for n in range(WORKERS)])
    assert len({i for ids in told for i in ids}) == 40 * WORKERS


def test_units_of_one_partner_that_are_committed_at_once_make_one_chain(open_ledger: Opener, ledger: Ledger) -> None:
    dropped(ledger, "AAA001", *([1] * 48))

    def work(mine: Ledger, who: str) -> int:
        done = 0
        while (lot := claim(mine, who)) is not None:
            settle(mine, lot, [invoice(1, f"N-{lot.id}")])
            done += 1
        return done

    told = at_once(open_ledger, [lambda mine, who=f"w{n}": work(mine, who) for n in range(WORKERS)])
    assert sum(told) == 24
    with ledger.reading() as db:
        rows = list(audit.rows(db))
        assert [row.sequence for row in rows] == list(range(26))  # its beginning, the registration, the units
        assert sum(row.kind == "unit" for row in rows) == 24
    broken = broken_rules(ledger)
    assert broken.keys() <= {"holders without claim"}  # both flows of a lot use one number here


@pytest.mark.parametrize("comes", ["import", "declare"])
def test_commitments_that_come_while_a_unit_is_committed_forget_no_invoice(
    open_ledger: Opener, ledger: Ledger, comes: str
) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    lot = claim(ledger)
    assert lot is not None
    told = [answered(d, [invoice(1, "N-1", PENDING)]) for d in deposits_of(ledger, lot)]
    ledger.write(lambda db: reference.declare_commitments(db, available=False, at=AT))
    other = open_ledger()

    def come() -> int:
        with other.writing() as db:
            if comes == "import":
                reference.new_snapshot(db, reference.COMMITMENTS, Snapshot("orders", AT.date()), AT)
            else:
                reference.declare_commitments(db, available=True, at=AT)
            return reference.judge_held_again(db)

    def table(db: Connection) -> tuple[str, str]:
        found = reference.commitment_table(db, AT.date(), 7, [])
        return found.state, found.name

    with ledger.reading() as db:
        judged_with = table(db)
    with ledger.writing() as db:
        commits.commit(db, lot, commits.rows_of(told), AT)
        beside = Beside(come)
        assert beside.waits()  # for us: it would not see what we leave pending
        held.due_again(db, [one], {}, table_changed=table(db) != judged_with)
    beside.end()
    assert state_of(ledger, one)[1] == 1


def test_a_unit_that_comes_after_the_commitments_sees_them(open_ledger: Opener, ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    lot = claim(ledger)
    assert lot is not None
    told = [answered(d, [invoice(1, "N-1", PENDING)]) for d in deposits_of(ledger, lot)]
    ledger.write(lambda db: reference.declare_commitments(db, available=False, at=AT))
    other = open_ledger()

    def unit(db: Connection) -> None:
        commits.commit(db, lot, commits.rows_of(told), AT)
        state = reference.commitment_table(db, AT.date(), 7, []).state
        held.due_again(db, [one], {}, table_changed=state != "unavailable")

    with ledger.writing() as db:
        reference.declare_commitments(db, available=True, at=AT)
        assert reference.judge_held_again(db) == 0
        beside = Beside(lambda: other.write(unit))
        assert beside.waits()
    beside.end()
    assert state_of(ledger, one)[1] == 1


def test_a_decision_taken_while_its_flow_is_committed_again_is_not_forgotten(
    open_ledger: Opener, ledger: Ledger
) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", PENDING)], "IN_EN_ATTENTE_TRAITEMENT_CPP")
    ledger.write(reference.judge_held_again)
    lot = claim(ledger)
    assert lot is not None
    (flow,) = deposits_of(ledger, lot)
    other = open_ledger()
    decision = Decision(held.INTEGRATE, "op", "why")
    still = commits.DecidedLater(flow, commits.FlowState.WAITING, (), {}, {}, (), ())
    with ledger.writing() as db:
        commits.commit(db, lot, commits.rows_of([], [still]), later(8))
        beside = Beside(lambda: other.write(lambda db: held.decide(db, one, [1], decision, later(8))))
        assert beside.waits()
        held.due_again(db, [one], {}, table_changed=False)
    beside.end()
    assert state_of(ledger, one)[1] == 1


def test_two_operators_do_not_both_decide(open_ledger: Opener, ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", PENDING)], "IN_EN_ATTENTE_TRAITEMENT_CPP")

    def decide(mine: Ledger, operator: str) -> str:
        try:
            with mine.writing() as db:
                held.decide(db, one, [1], Decision(held.REFUSE, operator, "why"), later(8))
        except Fault as fault:
            return fault.said.en
        return operator

    told = at_once(open_ledger, [lambda mine, who=f"op{n}": decide(mine, who) for n in range(WORKERS)])
    assert sum("decided already" in one_told for one_told in told) == WORKERS - 1


def test_held_flows_are_made_due_while_others_finish_and_decide(open_ledger: Opener, ledger: Ledger) -> None:
    """No ring of waiting: each of these would hold what the other one wants."""
    ids = dropped(ledger, "AAA001", *([1] * 12))
    while (lot := claim(ledger)) is not None:
        settle(ledger, lot, [invoice(1, f"N-{lot.id}", PENDING)], "IN_EN_ATTENTE_TRAITEMENT_CPP")

    def work(mine: Ledger, who: str) -> int:
        for turn in range(8):
            if who in {"w0", "w1"}:
                with mine.writing() as db:
                    reference.judge_held_again(db)
            else:
                finished = claim(mine, who, turn=f"{who}{turn}")
                if finished is not None:
                    finish(mine, finished)
        return 0

    at_once(open_ledger, [lambda mine, who=f"w{n}": work(mine, who) for n in range(WORKERS)])
    assert {state_of(ledger, i)[1] for i in ids} == {1}


def test_two_imports_of_one_file_are_one_snapshot(open_ledger: Opener, ledger: Ledger) -> None:
    towns = [Structure(f"{n:014d}", 1, "Ville", True, False, False, False, False, False, False) for n in range(300)]

    def bring(mine: Ledger) -> int:
        with mine.writing() as db:
            row = reference.new_snapshot(db, reference.DIRECTORY, Snapshot("annuaire", AT.date()), AT)
            reference.add_structures(db, row, towns)
        return row

    at_once(open_ledger, [bring] * WORKERS)
    with ledger.reading() as db:
        (row,) = db.execute(select(tables.snapshots.c.id)).scalars()
        assert len(reference.structures(db, row, [t.siret for t in towns])) == 300
        assert db.execute(select(func.count()).select_from(tables.structures)).scalar() == 300


def test_a_lot_is_committed_by_its_owner_alone(open_ledger: Opener, ledger: Ledger) -> None:
    register(ledger, "AAA001", [file("AAA001", n) for n in range(2)])
    lot = claim(ledger, "slow", now_ms=0)
    assert lot is not None
    told = [answered(d, [invoice(1, f"N-{d.id}")]) for d in deposits_of(ledger, lot)]
    mine = ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, lambda _w: False))
    assert mine is not None

    def write(at: Ledger, which: Lot) -> str:
        try:
            return str(commit(at, which, told))
        except claims.LostLease:
            return "lost"

    done = at_once(open_ledger, [lambda at: write(at, lot), lambda at: write(at, mine)])
    assert done == ["lost", "True"]


def test_a_lease_is_renewed_while_its_unit_is_written(open_ledger: Opener, ledger: Ledger) -> None:
    """The renewal waits for the unit, on the row of the lot, and goes on after it."""
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger)
    assert lot is not None
    other = open_ledger()
    with ledger.writing() as db:
        claims.guard(db, lot, 1_000, LIMITS)
        beside = Beside(lambda: other.write(lambda db: claims.guard(db, lot, 2_000, LIMITS)))
        assert beside.waits()
        db.execute(update(tables.deposits).values(fault=""))
    beside.end()
    with ledger.reading() as db:
        assert db.execute(select(tables.lots.c.lease_until)).scalar() == 2_000 + LIMITS.lease_s * 1000
