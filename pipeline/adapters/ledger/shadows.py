"""What operators had done again: who sent a deposit back to the line, and what an answered one would be told today."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from pipeline.adapters.ledger import audit, held
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import CLAIMED
from pipeline.adapters.ledger.rows import (
    QUARANTINED,
    RECEIVED,
    Deposit,
    chunks,
    column_finding,
    compact,
    deposit,
    moment,
)
from pipeline.audit.form import OPERATION, SHADOW, covered
from pipeline.model import Finding, InvoiceOutcome

REPROCESS, SUBMIT = "reprocess", "submit"
_D, _I, _F = t.deposits, t.invoices, t.findings


@dataclass(frozen=True, slots=True)
class Stands:
    """A deposit that was asked for, and what can be done with it."""

    deposit: Deposit
    has_pending: bool
    is_at_work: bool  # a worker has it in its lot
    is_faulted: bool  # it met a fault of ours
    is_told: bool = False  # it has a report


@dataclass(frozen=True, slots=True)
class InvoiceTold:
    """One invoice as it stands: what the report said of it, or what was decided since."""

    member: str
    supplier: str
    number: str
    outcome: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of a deposit, decisions since included."""

    state: str
    snapshot: str
    findings: tuple[Finding, ...]
    invoices: tuple[InvoiceTold, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """One shadow verdict; `verdict` and `difference` as they were stored."""

    deposit: Deposit
    at: datetime
    operator: str
    verdict: Mapping[str, Any]
    difference: Mapping[str, Any]


def selected(db: Connection, flow: str, partner: str, day: date | None) -> list[Stands]:
    """The deposits of this name, of this partner, of this day (in Paris): all that is given must fit. Oldest first."""
    where = [_D.c.partner == partner] if partner else []
    if flow:
        raw = flow.encode("utf-8", "surrogateescape")
        where.append(or_(_D.c.name_bytes == raw, _D.c.name == flow))
    if day is not None:
        where.append(_D.c.received_day == day.isoformat())
    pending = select(_I.c.rank).where(_I.c.deposit_id == _D.c.id, _I.c.outcome == InvoiceOutcome.PENDING.value)
    at_work = select(t.lots.c.id).where(t.lots.c.id == _D.c.lot_id, t.lots.c.state == CLAIMED)
    is_told = held.has_report()
    query = select(
        _D, pending.exists().label("has_pending"), at_work.exists().label("is_at_work"), is_told.label("is_told")
    )
    return [
        Stands(
            deposit(row),
            bool(row.has_pending),
            bool(row.is_at_work),
            bool(row.fault or row.faulted_by),
            bool(row.is_told),
        )
        for row in db.execute(query.where(*where).order_by(_D.c.id))
    ]


def again(db: Connection, one: Deposit, operator: str, at: datetime) -> bool:
    """Send a deposit back to the start of the line, unless it has moved since it was looked at; False where it has."""
    mine = and_(_D.c.id == one.id, _D.c.state == one.state, _D.c.lot_id.is_(None))
    values: dict[str, Any] = {"fault": "", "faulted_by": ""}
    if one.state == QUARANTINED:
        values["state"] = RECEIVED
    elif one.state != RECEIVED:
        values["again"] = 1
    if db.execute(update(_D).where(mine).values(**values)).rowcount != 1:
        return False
    fault = {"fr": one.fault.fr, "en": one.fault.en} if one.fault is not None else None
    record(db, one.id, REPROCESS, operator, at, {"state": one.state, "fault": fault})
    return True


def record(db: Connection, deposit_id: int, what: str, operator: str, at: datetime, detail: Mapping[str, Any]) -> None:
    """Say who did what with a deposit."""
    o = t.operations
    row = {"deposit_id": deposit_id, "ordinal": _next(db, o, deposit_id), "what": what, "operator": operator,
           "at": moment(at), "detail": compact(dict(detail))}  # fmt: skip
    _add(db, o, OPERATION, row, at)


def told(db: Connection, deposit_id: int) -> Told:
    """What was told of an answered deposit."""
    v = t.verdicts
    verdict = db.execute(
        select(_D.c.state, v.c.snapshot).join(v, v.c.deposit_id == _D.c.id).where(_D.c.id == deposit_id)
    ).one()
    found: dict[tuple[int, int], list[Finding]] = {}
    for row in db.execute(select(_F).where(_F.c.deposit_id == deposit_id).order_by(_F.c.position)):
        found.setdefault((row.rank, row.judgement), []).append(column_finding(row._mapping))
    invoices = db.execute(select(_I).where(_I.c.deposit_id == deposit_id).order_by(_I.c.rank))
    return Told(
        verdict.state, verdict.snapshot, tuple(found.get((0, 1), ())),
        tuple(
            InvoiceTold(r.member, r.supplier, r.number, r.outcome, tuple(found.get((r.rank, r.judgement), ())))
            for r in invoices
        ),
    )  # fmt: skip


def add(
    db: Connection,
    deposit_id: int,
    operator: str,
    at: datetime,
    verdict: Mapping[str, Any],
    difference: Mapping[str, Any],
) -> None:
    """Keep a shadow verdict beside the earlier ones."""
    s = t.shadows
    row = {"deposit_id": deposit_id, "ordinal": _next(db, s, deposit_id), "at": moment(at), "operator": operator,
           "verdict": compact(dict(verdict)), "difference": compact(dict(difference))}  # fmt: skip
    _add(db, s, SHADOW, row, at)


def last(db: Connection, ids: Iterable[int]) -> list[Shadow]:
    """The newest shadow verdict of each of these deposits, in their order."""
    s = t.shadows
    newer = s.alias()
    found = {}
    ordered = list(ids)
    for part in chunks(ordered):
        newest = select(func.max(newer.c.ordinal)).where(newer.c.deposit_id == s.c.deposit_id).scalar_subquery()
        query = select(s.c.at.label("shadow_at"), s.c.operator, s.c.verdict, s.c.difference, _D).join(
            _D, _D.c.id == s.c.deposit_id
        )
        for row in db.execute(query.where(s.c.deposit_id.in_(part), s.c.ordinal == newest)):
            found[row.id] = Shadow(
                deposit(row), datetime.fromisoformat(row.shadow_at), row.operator, json.loads(row.verdict),
                json.loads(row.difference),
            )  # fmt: skip
    return [found[one] for one in ordered if one in found]


def _add(db: Connection, table: Any, kind: str, row: dict[str, Any], at: datetime) -> None:
    """Insert a row of its own in the audit chain of the deposit's partner."""
    deposit_id = row["deposit_id"]
    partner = db.execute(select(_D.c.partner).where(_D.c.id == deposit_id)).scalar_one()
    cover = covered([(table.name, deposit_id, audit.records(table.name, [row]))])
    number = audit.append(db, partner, kind, at, cover, detail={"marks": cover.marks})
    db.execute(insert(table).values(**row, audited=number))


def _next(db: Connection, table: Any, deposit_id: int) -> int:
    highest = db.execute(select(func.max(table.c.ordinal)).where(table.c.deposit_id == deposit_id)).scalar()
    return (highest or 0) + 1


# --- submit -----------------------------------------------------------------------------------------------------------


def kept_as(db: Connection, flow: str, partner: str, sha256: str) -> list[Deposit]:
    """The deposits of this name (of this partner, with bytes that begin so) whose bytes we keep, each content once."""
    raw = flow.encode("utf-8", "surrogateescape")
    where = or_(_D.c.name_bytes == raw, _D.c.name == flow) & (_D.c.is_kept == 1)
    if partner:
        where &= _D.c.partner == partner
    found: dict[tuple[str, str], Deposit] = {}
    for row in db.execute(select(_D).where(where).order_by(_D.c.id)):
        if row.sha256.startswith(sha256.lower()):
            found.setdefault((row.partner, row.sha256), deposit(row))
    return list(found.values())


def named(db: Connection, partner: str, name: bytes) -> Deposit | None:
    """The first deposit of this partner that has this name."""
    where = (_D.c.partner == partner) & (_D.c.name_bytes == name)
    row = db.execute(select(_D).where(where).order_by(_D.c.id).limit(1)).first()
    return deposit(row) if row is not None else None
