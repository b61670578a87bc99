"""What waits: pending invoices, quarantined deposits, and the decisions that operators take on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import audit, locks
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, chunks, moment, storable
from pipeline.audit.form import DECISION, covered
from pipeline.model import InvoiceOutcome
from pipeline.ports import Fault, Said

INTEGRATE, REFUSE = "integrate", "refuse"

_DECIDED = Said(
    "la décision est déjà prise ; chorus-edi run l'applique",
    "this was decided already; `chorus-edi run` carries it out",
)
_SETTLED = Said(
    "un autre processus vient d'y répondre, il n'y a plus à décider ; chorus-edi status dit où il en est",
    "another process has just answered it, there is nothing to decide; `chorus-edi status` says where it is",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """An operator's word on one invoice (or, with rank 0, on a deposit)."""

    choice: str
    operator: str
    reason: str


QUARANTINE_OVER = Decision(REFUSE, "chorus-edi", "quarantine is over")


@dataclass(frozen=True, slots=True)
class InvoiceStands:
    """Where one invoice of a judged flow stands."""

    rank: int
    outcome: InvoiceOutcome
    judgement: int


def invoices_of(db: Connection, ids: Iterable[int]) -> dict[int, list[InvoiceStands]]:
    """The invoices of these deposits, by rank."""
    i = t.invoices
    found: dict[int, list[InvoiceStands]] = {}
    for part in chunks(ids):
        query = select(i.c.deposit_id, i.c.rank, i.c.outcome, i.c.judgement).where(i.c.deposit_id.in_(part))
        for row in db.execute(query.order_by(i.c.deposit_id, i.c.rank)):
            stands = InvoiceStands(row.rank, InvoiceOutcome(row.outcome), row.judgement)
            found.setdefault(row.deposit_id, []).append(stands)
    return found


def members_refused(db: Connection, ids: Iterable[int]) -> dict[int, int]:
    """How many files of each of these flows were refused."""
    v = t.verdicts
    found: dict[int, int] = {}
    for part in chunks(ids):
        query = select(v.c.deposit_id, v.c.members_refused).where(v.c.deposit_id.in_(part))
        found |= {row.deposit_id: row.members_refused for row in db.execute(query)}
    return found


def decisions_on(db: Connection, ids: Iterable[int]) -> dict[int, dict[int, Decision]]:
    """deposit -> rank -> decision."""
    d = t.decisions
    found: dict[int, dict[int, Decision]] = {}
    for part in chunks(ids):
        for row in db.execute(select(d).where(d.c.deposit_id.in_(part))):
            found.setdefault(row.deposit_id, {})[row.rank] = Decision(row.choice, row.operator, row.reason)
    return found


def decide(db: Connection, deposit_id: int, ranks: Iterable[int], decision: Decision, at: datetime) -> None:
    """Record a decision on pending invoices; the deposit is due again."""
    locks.lock(db, locks.HELD)  # a unit that settles one of them now is waited for
    ranks = sorted(ranks)
    for rank in ranks:
        i = t.invoices
        outcome = db.execute(select(i.c.outcome).where(i.c.deposit_id == deposit_id, i.c.rank == rank)).scalar()
        if outcome != InvoiceOutcome.PENDING.value:
            raise Fault(_SETTLED)
    _record(db, deposit_id, ranks, decision, at)
    db.execute(update(t.deposits).where(t.deposits.c.id == deposit_id).values(again=1))


def due_again(
    db: Connection, judged: Iterable[int], heard: Mapping[int, Mapping[int, Decision]], *, table_changed: bool
) -> None:
    """What changed while these were judged: a decision not `heard`, or the commitments. What is pending is due again.

    Whoever declares or decides makes due what is pending already; of what becomes so in this transaction it heard
    nothing.
    """
    ids = list(judged)
    if not table_changed:
        ids = [i for i, told in decisions_on(db, ids).items() if told.keys() - heard.get(i, {}).keys()]
    d, i = t.deposits, t.invoices
    for part in chunks(ids):
        pending = select(i.c.deposit_id).where(i.c.deposit_id.in_(part), i.c.outcome == InvoiceOutcome.PENDING.value)
        db.execute(update(d).where(d.c.id.in_(pending)).values(again=1))


def release(db: Connection, deposit_id: int, decision: Decision, at: datetime) -> None:
    """Give a quarantined deposit back to the line. An operator's word refuses it by FIL-007 without its being read;
    when its time is over (`QUARANTINE_OVER`) only those of its files that still kill their reader are.

    One that is in the line already is left alone.
    """
    d = t.deposits
    where = (d.c.id == deposit_id) & (d.c.state == QUARANTINED) & ~has_report()
    if db.execute(update(d).where(where).values(state=RECEIVED, lot_id=None)).rowcount:
        _record(db, deposit_id, [0], decision, at)


def _record(db: Connection, deposit_id: int, ranks: Sequence[int], decision: Decision, at: datetime) -> None:
    d = t.decisions
    partner = db.execute(select(t.deposits.c.partner).where(t.deposits.c.id == deposit_id)).scalar_one()
    rows = [
        {"deposit_id": deposit_id, "rank": rank, "choice": decision.choice, "operator": storable(decision.operator),
         "reason": storable(decision.reason), "at": moment(at)}
        for rank in ranks
    ]  # fmt: skip
    cover = covered([("decisions", deposit_id, audit.records("decisions", rows))])
    number = audit.append(db, partner, DECISION, at, cover, detail={"marks": cover.marks})
    # whoever decides holds the head of the chain: what another one decided before is there to be seen
    taken = select(d.c.rank).where(d.c.deposit_id == deposit_id, d.c.rank.in_(ranks)).limit(1)
    if db.execute(taken).first() is not None:
        raise Fault(_DECIDED)
    for row in rows:
        db.execute(insert(d).values(**row, audited=number))


def has_report() -> ColumnElement[bool]:
    """A deposit that has a report although it is set apart: a restore put it there, and nothing answers it again."""
    o = t.outbox
    return select(o.c.name).where(o.c.deposit_id == t.deposits.c.id, o.c.kind == "CSO").exists()


def is_reported(db: Connection, deposit_id: int) -> bool:
    d = t.deposits
    return db.execute(select(d.c.id).where(d.c.id == deposit_id, has_report())).first() is not None


def overdue_in_quarantine(db: Connection, before: datetime) -> list[int]:
    """Quarantined deposits whose bytes we keep, received before a moment."""
    d = t.deposits
    where = (d.c.state == QUARANTINED) & (d.c.is_kept == 1) & (d.c.received_at < moment(before)) & ~has_report()
    return list(db.execute(select(d.c.id).where(where).order_by(d.c.id)).scalars())
