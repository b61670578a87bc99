"""What people ask the ledger: where is a flow, an invoice, and how much waits."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import history
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import UNSENT
from pipeline.adapters.ledger.history import (
    AddedFile,
    ControlRow,
    Decided,
    HandledReject,
    Intake,
    RawStatus,
    Replaced,
    Rerouting,
    SentFile,
    Step,
    Story,
    TakenRow,
)
from pipeline.adapters.ledger.rows import (
    QUARANTINED,
    RECEIVED,
    Deposit,
    column_finding,
    column_said,
    deposit,
    shown,
    storable,
)
from pipeline.model import Finding, InvoiceOutcome
from pipeline.ports import Said


@dataclass(frozen=True, slots=True)
class InvoiceStatus:
    """One invoice of the ledger with its history."""

    deposit_id: int
    rank: int
    flow_name: str
    partner: str
    member: str
    number: str
    supplier_type: str
    supplier: str
    supplier_name: str
    recipient: str
    recipient_name: str
    service: str
    commitment: str
    framework: str
    issued: str
    total: str
    currency: str
    outcome: str
    receiver: str
    pending_since: datetime | None
    findings: tuple[Finding, ...]
    history: tuple[Step, ...]
    sha256: str  # of its flow, as it came
    received_at: datetime
    flow_state: str
    type: str
    status: str  # two digits: where it stands; empty: it never entered
    status_at: datetime | None
    reroutings: tuple[Rerouting, ...]
    raw_statuses: tuple[RawStatus, ...]
    added_files: tuple[AddedFile, ...]
    handled: HandledReject | None
    replaces: tuple[Replaced, ...]
    decided: Decided | None
    files: tuple[SentFile, ...]


@dataclass(frozen=True, slots=True)
class FlowStatus:
    """One deposit of the ledger and all that became of it."""

    deposit: Deposit
    first_name: str  # of a double: the flow it doubles
    interface: str
    snapshot: str
    members: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]
    invoices: tuple[InvoiceStatus, ...]
    files: tuple[SentFile, ...]
    announced: str  # the interface code of its name
    state: str  # as it was reported; that of the deposit follows what was decided later
    not_judged: tuple[str, ...]
    intake: Intake | None  # of a file that holds no invoices, with its rows
    rows: tuple[TakenRow, ...]
    controls: tuple[ControlRow, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """The ledger in numbers."""

    deposits: dict[str, int]  # state -> deposits
    invoices: dict[str, int]  # outcome -> invoices
    unsent: int
    pending: int
    pending_since: datetime | None
    faults: tuple[tuple[str, str, Said | None], ...]  # (partner, name, why) of what waits or is set apart


@dataclass(frozen=True, slots=True)
class Waiting:
    pending: int
    pending_since: datetime | None
    quarantined: int


def waiting(db: Connection) -> Waiting:
    i, d = t.invoices, t.deposits
    held = db.execute(
        select(func.count(), func.min(i.c.pending_since)).where(i.c.outcome == InvoiceOutcome.PENDING.value)
    ).one()
    apart = select(func.count()).select_from(d).where(d.c.state == QUARANTINED)
    return Waiting(held[0], _at(held[1]), db.execute(apart).scalar_one())


def overview(db: Connection) -> Overview:
    d, i, o = t.deposits, t.invoices, t.outbox
    told = waiting(db)
    stuck = or_(d.c.state == QUARANTINED, and_(d.c.state == RECEIVED, d.c.fault != ""))
    rows = db.execute(select(d.c.partner, d.c.name, d.c.fault).where(stuck).order_by(d.c.id).limit(100))
    return Overview(
        {s: n for s, n in db.execute(select(d.c.state, func.count()).group_by(d.c.state).order_by(d.c.state))},  # noqa: C416
        {s: n for s, n in db.execute(select(i.c.outcome, func.count()).group_by(i.c.outcome).order_by(i.c.outcome))},  # noqa: C416
        db.execute(select(func.count()).select_from(o).where(o.c.state.in_(UNSENT))).scalar_one(),
        told.pending, told.pending_since, tuple((r.partner, r.name, column_said(r.fault)) for r in rows),
    )  # fmt: skip


def flows_named(db: Connection, name: str) -> list[FlowStatus]:
    """Every deposit of this name, oldest first; several partners, or a repeated drop, give several."""
    d = t.deposits
    wanted = name.encode("utf-8", "surrogateescape")
    rows = db.execute(select(d).where(or_(d.c.name_bytes == wanted, d.c.name == shown(wanted))).order_by(d.c.id)).all()
    return [flow(db, deposit(row)) for row in rows]


def flow(db: Connection, one: Deposit) -> FlowStatus:
    v, f, o = t.verdicts, t.findings, t.outbox
    verdict = db.execute(select(v).where(v.c.deposit_id == one.id)).first()
    found = db.execute(select(f).where(f.c.deposit_id == one.id, f.c.rank == 0).order_by(f.c.position))
    files = db.execute(select(o).where(o.c.deposit_id == one.id).order_by(o.c.place, o.c.name))
    first = db.execute(select(t.deposits.c.name).where(t.deposits.c.id == one.first_id)).scalar() or ""
    intake = history.intake_of(db, one.id)
    return FlowStatus(
        one, first, verdict.interface if verdict else "", verdict.snapshot if verdict else "",
        tuple(json.loads(verdict.members)) if verdict else (),
        tuple(column_finding(r._mapping) for r in found) if verdict else one.settled,
        tuple(_invoices(db, t.invoices.c.deposit_id == one.id)),
        tuple(SentFile(r.place, r.name, r.kind, r.state, r.sha256, r.size_bytes) for r in files),
        verdict.announced if verdict else "", verdict.state if verdict else "",
        tuple(json.loads(verdict.not_judged)) if verdict else (), intake,
        tuple(history.rows_of(db, one.id, intake)) if intake is not None else (),
        tuple(history.controls_of(db, one.id)) if intake is not None else (),
    )  # fmt: skip


def invoices_named(db: Connection, supplier: str, number: str, year: int | None = None) -> list[InvoiceStatus]:
    """Every invoice of this supplier and number (and year of issue), oldest first."""
    i = t.invoices
    where = (i.c.supplier == storable(supplier)) & (i.c.number == storable(number))
    if year is not None:
        where &= i.c.issued.like(f"{year:04d}-%")
    return _invoices(db, where)


def _invoices(db: Connection, where: ColumnElement[bool]) -> list[InvoiceStatus]:
    i, d = t.invoices, t.deposits
    columns = i, d.c.name, d.c.sha256, d.c.received_at, d.c.state
    query = select(*columns).join(d, d.c.id == i.c.deposit_id).where(where).order_by(i.c.deposit_id, i.c.rank)
    rows = db.execute(query).all()
    told = history.stories(db, rows)
    return [_invoice(r, told[r.deposit_id, r.rank]) for r in rows]


def _invoice(r: Any, story: Story) -> InvoiceStatus:
    return InvoiceStatus(
        r.deposit_id, r.rank, r.name, r.partner, r.member, r.number, r.supplier_type, r.supplier, r.supplier_name,
        r.recipient, r.recipient_name, r.service, r.commitment, r.framework, r.issued or "", r.total, r.currency,
        r.outcome, r.receiver, _at(r.pending_since), tuple(story.findings), tuple(story.steps), r.sha256,
        datetime.fromisoformat(r.received_at), r.state, r.type, r.status, _at(r.status_at), tuple(story.reroutings),
        tuple(story.raw), tuple(story.added), story.handled, tuple(story.replaces), story.decided, tuple(story.files),
    )  # fmt: skip


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
