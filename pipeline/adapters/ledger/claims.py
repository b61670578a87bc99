"""Lots: whole flows of one partner, claimed by a worker for a time.

The lease is machinery, not a fact of the field: its times are the machine's (on PostgreSQL the server's), in
milliseconds. A worker that died on this machine gives its lots back at once (its lock is free); one that died
elsewhere, when its lease runs out. Whoever takes a lot over raises its attempt: late writes are refused by it.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, and_, func, insert, literal, not_, or_, select, update
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import locks
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import if_absent
from pipeline.adapters.ledger.engine import LostLease, now_ms
from pipeline.adapters.ledger.rows import Deposit, Lot, chunks, deposit, said_column
from pipeline.ports import Said
from pipeline.terms import WorkLimits

JUDGE, DELIVER, DAILY, RECEIVE, TELL = "judge", "deliver", "daily", "receive", "tell"
CLAIMED, DONE = "claimed", "done"
UNSENT = ("ready", "uploaded")
TURNS_CHARS = 330  # the last ten turns that met a fault: as many runs side by side do not hand it to and fro


def take_over(db: Connection, who: str, now_ms: int, limits: WorkLimits, is_dead: Callable[[str], bool]) -> Lot | None:
    """Take a lot whose worker is gone, or one of ours whose lease we let run out."""
    lot = t.lots
    rows = db.execute(select(lot).where(lot.c.state == CLAIMED).order_by(lot.c.id)).all()
    for row in rows:
        if row.lease_until >= now_ms and (row.claimed_by == who or not is_dead(row.claimed_by)):
            continue
        as_seen = and_(
            lot.c.id == row.id, lot.c.state == CLAIMED, lot.c.attempt == row.attempt,
            lot.c.lease_until == row.lease_until,  # renewed since: its worker lives
        )  # fmt: skip
        free = select(lot.c.id).where(as_seen).with_for_update(skip_locked=True).scalar_subquery()
        taken = _take(db, lot.c.id == free, who, now_ms, limits)
        if taken is not None:
            return taken
    return None


def claim(db: Connection, who: str, turn: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    """Form and claim a lot of what is due: the partner served longest ago, its oldest deposits first.

    A deposit that met a fault in this turn (`faulted_by`) is not due again before the next one. What other claims have
    locked is passed over; only where that is all there is, the first of them is waited for.
    """
    d = t.deposits
    while partners := _in_turn(db, turn):
        for partner in partners:
            ids = _oldest(db, partner, turn, limits)
            if ids:
                claimed = open_lot(db, partner, JUDGE, who, now_ms, limits)
                for part in chunks(ids):
                    db.execute(update(d).where(d.c.id.in_(part)).values(lot_id=claimed.id, attempt=d.c.attempt + 1))
                return claimed
        waited = select(d.c.id).where(_due(turn), d.c.partner == partners[0]).order_by(d.c.id).limit(1)
        db.execute(waited.with_for_update()).first()
    return None


def claim_unsent(db: Connection, who: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    """Claim what a finished lot left unsent (a folder that could not be written, a report to put back).

    One sweep at a time looks; what it leaves is nothing. A sweep that is gone leaves its lot to the next one.
    """
    lot, o = t.lots, t.outbox
    if not locks.try_lock(db, "unsent"):
        return None
    left = and_(lot.c.kind == DELIVER, lot.c.state == CLAIMED, _is_free(who, now_ms))
    oldest = select(lot.c.id).where(left).order_by(lot.c.id).limit(1).scalar_subquery()
    swept = _take(db, and_(left, lot.c.id == oldest), who, now_ms, limits)
    active = select(lot.c.id).where(lot.c.state == CLAIMED)
    stray = and_(o.c.state.in_(UNSENT), or_(o.c.lot_id.is_(None), o.c.lot_id.not_in(active)))
    if db.execute(select(o.c.name).where(stray).limit(1)).first() is None:
        return swept
    swept = swept or open_lot(db, "", DELIVER, who, now_ms, limits)
    db.execute(update(o).where(stray).values(lot_id=swept.id))
    return swept


def claim_alone(
    db: Connection, kind: str, who: str, now_ms: int, limits: WorkLimits, *, partner: str = ""
) -> Lot | None:
    """A lot of work that one worker at a time may do (for one partner); None while another one has it."""
    lot = t.lots
    theirs = and_(lot.c.kind == kind, lot.c.partner == partner, lot.c.state == CLAIMED)
    taken = _take(db, and_(theirs, _is_free(who, now_ms)), who, now_ms, limits)
    if taken is not None:
        return taken
    row = _row(partner, kind, who, now_ms, limits)
    number = db.execute(if_absent(db, lot).values(**row).returning(lot.c.id)).scalar()
    return Lot(number, partner, kind, 1) if number is not None else None


def others_wait(db: Connection, lot: Lot, turn: str) -> bool:
    """Another partner has something due that nobody works on."""
    d = t.deposits
    return db.execute(select(d.c.id).where(_due(turn), d.c.partner != lot.partner).limit(1)).first() is not None


def guard(db: Connection, lot: Lot, now_ms: int, limits: WorkLimits) -> None:
    """The first write of every unit: still mine, or all is rolled back. It renews the lease as well."""
    mine = and_(t.lots.c.id == lot.id, t.lots.c.state == CLAIMED, t.lots.c.attempt == lot.attempt)
    kept = db.execute(update(t.lots).where(mine).values(lease_until=now_ms + limits.lease_s * 1000))
    if kept.rowcount != 1:
        raise LostLease(
            Said(
                f"le lot {lot.id} a été repris par un autre processus, qui le termine ; rien à faire",
                f"lot {lot.id} was taken over by another worker, which finishes it; nothing to do",
            )
        )


def members(db: Connection, lot: Lot) -> list[Deposit]:
    """What is still to do in a lot, oldest first."""
    d = t.deposits
    where = (d.c.lot_id == lot.id) & t.DUE
    return [deposit(row) for row in db.execute(select(d).where(where).order_by(d.c.id))]


def give_back(db: Connection, lot: Lot, faults: dict[int, Said], turn: str, *, quarantine: bool = False) -> None:
    """Let deposits wait that could not be judged, each with its reason; `quarantine` sets them apart for good."""
    turns = literal(f"{turn} ") + func.substr(t.deposits.c.faulted_by, 1, TURNS_CHARS)
    for deposit_id, why in faults.items():
        values: dict[str, object] = {"lot_id": None, "fault": said_column(why), "faulted_by": turns}
        if quarantine:
            values["state"] = "quarantined"
        mine = (t.deposits.c.id == deposit_id) & (t.deposits.c.lot_id == lot.id)
        db.execute(update(t.deposits).where(mine).values(**values))


def finish(db: Connection, lot: Lot) -> None:
    """Close a lot: what it still holds unjudged is due again. One that was taken over is closed by who has it."""
    d = t.deposits
    mine = (t.lots.c.id == lot.id) & (t.lots.c.attempt == lot.attempt) & (t.lots.c.state == CLAIMED)
    if db.execute(update(t.lots).where(mine).values(state=DONE)).rowcount:
        db.execute(update(d).where(d.c.lot_id == lot.id, t.DUE).values(lot_id=None))


def workers(db: Connection, *kinds: str) -> frozenset[str]:
    """The tokens that open lots name: lots of these kinds, or of any."""
    lot = t.lots
    named = select(lot.c.claimed_by).where(lot.c.state == CLAIMED)
    return frozenset(db.execute(named.where(lot.c.kind.in_(kinds)) if kinds else named).scalars())


def lots_due(db: Connection, limits: WorkLimits) -> int:
    """About how many lots what is due would make, partner by partner, and those that a worker who is gone left."""
    d, lot = t.deposits, t.lots
    size = func.sum(d.c.size_bytes)
    rows = db.execute(select(func.count(), size).where(d.c.lot_id.is_(None), t.DUE).group_by(d.c.partner))
    due: int = sum(
        max(-(-count // limits.lot_flows_max), -(-int(total or 0) // limits.lot_bytes_max)) for count, total in rows
    )
    left = select(func.count()).where(lot.c.state == CLAIMED, lot.c.kind == JUDGE, lot.c.lease_until < now_ms(db))
    return due + int(db.execute(left).scalar_one())


def count_due(db: Connection, turn: str) -> int:
    """Deposits that are due, or in a lot and not judged yet."""
    d = t.deposits
    where = and_(t.DUE, _not_faulted_in(turn))
    return int(db.execute(select(func.count()).select_from(d).where(where)).scalar_one())


def _in_turn(db: Connection, turn: str) -> Sequence[str]:
    """The partners that have something due, the one served longest ago first."""
    d, lot = t.deposits, t.lots
    served = (
        select(func.max(lot.c.id))
        .where(lot.c.partner == d.c.partner, lot.c.kind == JUDGE)
        .correlate(d)
        .scalar_subquery()
    )
    return (
        db.execute(
            select(d.c.partner)
            .where(_due(turn))
            .group_by(d.c.partner)
            .order_by(func.coalesce(served, 0), func.min(d.c.id))
        )
        .scalars()
        .all()
    )


def _oldest(db: Connection, partner: str, turn: str, limits: WorkLimits) -> list[int]:
    """The oldest deposits of a partner that are due and in no other hands, up to the limits of a lot: locked."""
    d = t.deposits
    rows = db.execute(
        select(d.c.id, d.c.size_bytes)
        .where(_due(turn), d.c.partner == partner)
        .order_by(d.c.id)
        .limit(limits.lot_flows_max)
        .with_for_update(skip_locked=True)
    ).all()
    ids: list[int] = []
    total = 0
    for row in rows:
        if ids and total + row.size_bytes > limits.lot_bytes_max:
            break
        ids.append(row.id)
        total += row.size_bytes
    return ids


def _due(turn: str) -> ColumnElement[bool]:
    return and_(t.deposits.c.lot_id.is_(None), t.DUE, _not_faulted_in(turn))


def _not_faulted_in(turn: str) -> ColumnElement[bool]:
    return not_(t.deposits.c.faulted_by.contains(turn, autoescape=True))


def _is_free(who: str, now_ms: int) -> ColumnElement[bool]:
    """A lot whose lease ran out, or one of our own that we do not know of: a claim whose answer was lost."""
    return or_(t.lots.c.lease_until < now_ms, t.lots.c.claimed_by == who)


def _take(db: Connection, which: ColumnElement[bool], who: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    lot = t.lots
    taken = db.execute(
        update(lot)
        .where(which)
        .values(attempt=lot.c.attempt + 1, claimed_by=who, lease_until=now_ms + limits.lease_s * 1000)
        .returning(lot.c.id, lot.c.partner, lot.c.kind, lot.c.attempt)
    ).first()
    return Lot(*taken) if taken is not None else None


def open_lot(db: Connection, partner: str, kind: str, who: str, now_ms: int, limits: WorkLimits) -> Lot:
    """A new lot, empty, in the hands of this worker."""
    row = _row(partner, kind, who, now_ms, limits)
    return Lot(db.execute(insert(t.lots).values(**row).returning(t.lots.c.id)).scalar_one(), partner, kind, 1)


def _row(partner: str, kind: str, who: str, now_ms: int, limits: WorkLimits) -> dict[str, object]:
    return {"partner": partner, "kind": kind, "state": CLAIMED, "attempt": 1, "claimed_by": who,
            "lease_until": now_ms + limits.lease_s * 1000}  # fmt: skip
