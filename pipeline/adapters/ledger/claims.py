"""Lots: whole flows of one partner, claimed by a worker for a time.

The lease is machinery, not a fact of the field: its times are the machine's, in milliseconds. A worker that died on
this machine gives its lots back at once (its lock is free); one that died elsewhere, when its lease runs out.
"""

from collections.abc import Callable

from sqlalchemy import Connection, and_, func, insert, literal, or_, select, update
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.engine import LostLease
from pipeline.adapters.ledger.rows import Deposit, Lot, chunks, deposit, said_column
from pipeline.ports import Said
from pipeline.terms import WorkLimits

JUDGE, DELIVER, DAILY = "judge", "deliver", "daily"
CLAIMED, DONE = "claimed", "done"
UNSENT = ("ready", "uploaded")
TURNS_CHARS = 330  # the last ten turns that met a fault: as many runs side by side do not hand it to and fro


def take_over(db: Connection, who: str, now_ms: int, limits: WorkLimits, is_dead: Callable[[str], bool]) -> Lot | None:
    """Take a lot whose worker is gone; its late writes are refused from now on, by the attempt number."""
    rows = db.execute(
        select(t.lots).where(t.lots.c.state == CLAIMED, t.lots.c.claimed_by != who).order_by(t.lots.c.id)
    ).all()
    for row in rows:
        if row.lease_until >= now_ms and not is_dead(row.claimed_by):
            continue
        taken = db.execute(
            update(t.lots)
            .where(t.lots.c.id == row.id, t.lots.c.state == CLAIMED, t.lots.c.attempt == row.attempt)
            .values(attempt=row.attempt + 1, claimed_by=who, lease_until=now_ms + limits.lease_s * 1000)
            .returning(t.lots.c.id, t.lots.c.partner, t.lots.c.kind, t.lots.c.attempt)
        ).first()
        if taken is not None:
            return Lot(*taken)
    return None


def claim(db: Connection, who: str, turn: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    """Form and claim a lot of what is due: the partner served longest ago, its oldest deposits first.

    A deposit that met a fault in this turn (`faulted_by`) is not due again before the next one.
    """
    d = t.deposits
    lot = t.lots
    served = select(func.max(lot.c.id)).where(lot.c.partner == d.c.partner).correlate(d).scalar_subquery()
    served_next = db.execute(
        select(d.c.partner)
        .where(_due(turn))
        .group_by(d.c.partner)
        .order_by(func.coalesce(served, 0), func.min(d.c.id))
        .limit(1)
    ).scalar()
    if served_next is None:
        return None
    rows = db.execute(
        select(d.c.id, d.c.size_bytes)
        .where(_due(turn), d.c.partner == served_next)
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
    claimed = _open(db, served_next, JUDGE, who, now_ms, limits)
    for part in chunks(ids):
        db.execute(update(d).where(d.c.id.in_(part)).values(lot_id=claimed.id, attempt=d.c.attempt + 1))
    return claimed


def claim_unsent(db: Connection, who: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    """Claim what a finished lot left unsent (a folder that could not be written, a report to put back)."""
    o = t.outbox
    active = select(t.lots.c.id).where(t.lots.c.state == CLAIMED)
    stray = and_(o.c.state.in_(UNSENT), or_(o.c.lot_id.is_(None), o.c.lot_id.not_in(active)))
    if db.execute(select(o.c.name).where(stray).limit(1)).first() is None:
        return None
    lot = _open(db, "", DELIVER, who, now_ms, limits)
    db.execute(update(o).where(stray).values(lot_id=lot.id))
    return lot


def claim_alone(db: Connection, kind: str, who: str, now_ms: int, limits: WorkLimits) -> Lot | None:
    """A lot of work that one worker at a time may do; None while another one has it."""
    busy = select(t.lots.c.id).where(t.lots.c.kind == kind, t.lots.c.state == CLAIMED).limit(1)
    return None if db.execute(busy).first() is not None else _open(db, "", kind, who, now_ms, limits)


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
    """Close a lot: what it still holds unjudged is due again."""
    d = t.deposits
    db.execute(update(d).where(d.c.lot_id == lot.id, t.DUE).values(lot_id=None))
    db.execute(update(t.lots).where(t.lots.c.id == lot.id, t.lots.c.attempt == lot.attempt).values(state=DONE))


def workers(db: Connection) -> frozenset[str]:
    """The tokens that open lots name."""
    return frozenset(db.execute(select(t.lots.c.claimed_by).where(t.lots.c.state == CLAIMED)).scalars())


def count_due(db: Connection, turn: str) -> int:
    """Deposits that are due, or in a lot and not judged yet."""
    d = t.deposits
    where = and_(t.DUE, d.c.faulted_by.not_like(f"%{turn}%"))
    return int(db.execute(select(func.count()).select_from(d).where(where)).scalar_one())


def _due(turn: str) -> ColumnElement[bool]:
    d = t.deposits
    return and_(d.c.lot_id.is_(None), t.DUE, d.c.faulted_by.not_like(f"%{turn}%"))


def _open(db: Connection, partner: str, kind: str, who: str, now_ms: int, limits: WorkLimits) -> Lot:
    lease = now_ms + limits.lease_s * 1000
    row = {"partner": partner, "kind": kind, "state": CLAIMED, "attempt": 1, "lease_until": lease, "claimed_by": who}
    number = db.execute(insert(t.lots).values(**row).returning(t.lots.c.id)).scalar_one()
    return Lot(number, partner, kind, 1)
