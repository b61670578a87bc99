"""What breaks a promise on one business day, flow by flow or invoice by invoice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, String, and_, case, cast, exists, func, literal, select, union
from sqlalchemy.dialects.postgresql import aggregate_order_by

from pipeline.adapters.ledger import reference
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.commits import HOLDS_NUMBER
from pipeline.adapters.ledger.figures import REPORT
from pipeline.adapters.ledger.history import Intake
from pipeline.adapters.ledger.night.flows import (
    FlowAt,
    InvoiceFound,
    flow_at,
    found_flows,
    found_invoices,
    of_day,
    select_flow,
    select_invoice,
)
from pipeline.adapters.ledger.outbox import SENT
from pipeline.adapters.ledger.rows import REPEATED, moment
from pipeline.model import InvoiceOutcome
from pipeline.reconcile import ANSWERED

_D, _I, _O, _F, _X, _C = t.deposits, t.invoices, t.outbox, t.findings, t.transitions, t.changes
_INTEGRATED = InvoiceOutcome.INTEGRATED.value


def waiting_too_long(db: Connection, day: str, before: datetime) -> Iterator[FlowAt]:
    """Received on a day, before a moment, and not answered. What is no plain file is answered to nobody."""
    query = select_flow(literal("")).where(
        _D.c.received_day == day, _D.c.state.not_in((*ANSWERED, REPEATED)), _D.c.received_at < moment(before),
        _D.c.is_kept == 1,
    )  # fmt: skip
    return found_flows(db, query)


def report_counts(db: Connection, day: str) -> Iterator[FlowAt]:
    """Answered flows of a day that have not exactly one report, and how many they have."""
    own = and_(_O.c.deposit_id == _D.c.id, _O.c.kind == REPORT)
    key = (_D.c.id, _D.c.partner, _D.c.name, _D.c.received_at)
    query = (
        select(*key, literal("").label("what"), func.count(_O.c.name).label("number"))
        .outerjoin(_O, own)
        .where(_D.c.received_day == day, _D.c.state.in_(ANSWERED))
        .group_by(*key)
        .having(func.count(_O.c.name) != 1)
        .order_by(_D.c.id)
    )
    return found_flows(db, query)


def unsent_answers(db: Connection, day: str, before: datetime) -> Iterator[tuple[FlowAt, str]]:
    """Reports and pivots (and of which kind) of flows received before a moment that were not sent."""
    query = (
        select(
            _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, (_O.c.place + "/out/" + _O.c.name).label("what"),
            literal(1).label("number"), _O.c.kind,
        )
        .join(_O, _O.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _D.c.received_at < moment(before), _O.c.state != SENT)
        .order_by(_D.c.id, _O.c.kind, _O.c.name)
    )  # fmt: skip
    for r in streamed(db, query):
        yield flow_at(r), r.kind


def silent(db: Connection, before: datetime) -> Iterator[tuple[FlowAt, str]]:
    """Flows whose pivot was delivered before a moment, and the receiver that said nothing since; how many invoices.

    Recipients that never return a payment are not waited for.
    """
    newest = select(func.max(t.snapshots.c.id)).where(t.snapshots.c.kind == reference.DIRECTORY).scalar_subquery()
    never = and_(
        t.structures.c.snapshot_id == newest, t.structures.c.siret == _I.c.recipient,
        t.structures.c.returns_payment_status == 0,
    )  # fmt: skip
    key = (_D.c.id, _D.c.partner, _D.c.name, _D.c.received_at)
    query = (
        select(*key, func.min(_I.c.status_at).label("what"), func.count().label("number"), _I.c.receiver)
        .join(_I, _I.c.deposit_id == _D.c.id)
        .where(_D.c.received_at < moment(before), _I.c.outcome == _INTEGRATED, _I.c.routing == 0)
        .where(_I.c.status == "03", _I.c.status_at < moment(before), ~exists().where(never))
        .group_by(*key, _I.c.receiver)
        .order_by(_D.c.id, _I.c.receiver)
    )
    for r in streamed(db, query):
        yield flow_at(r), r.receiver


def doubled(db: Connection, day: str) -> Iterator[InvoiceFound]:
    """Invoices that hold no number because another invoice holds it, and that no rule let in."""
    n, other = t.number_claims, t.number_claims.alias()
    mine = and_(n.c.deposit_id == _I.c.deposit_id, n.c.rank == _I.c.rank)
    holder = and_(
        other.c.supplier == _I.c.supplier, other.c.number == _I.c.number, other.c.supplier_type == _I.c.supplier_type,
        other.c.year == cast(func.substr(_I.c.issued, 1, 4), Integer),
    )  # fmt: skip
    allowed = and_(
        _F.c.deposit_id == _I.c.deposit_id, _F.c.rank == _I.c.rank, _F.c.rule.in_(("DUP-001", "DUP-002"))
    )  # an installation may have softened them
    query = (
        select_invoice(literal(""))
        .outerjoin(n, mine)
        .where(_D.c.received_day == day, _I.c.outcome.in_(HOLDS_NUMBER), n.c.rank.is_(None))
        .where(_I.c.number != "", _I.c.issued.is_not(None), exists().where(holder), ~exists().where(allowed))
        .order_by(_I.c.deposit_id, _I.c.rank)
    )
    return found_invoices(db, query)


@dataclass(frozen=True, slots=True)
class History:
    """Invoices whose histories are alike: `steps` as (sequence, status), in order."""

    outcome: str
    status: str
    is_of_then: bool  # `status_at` is the moment of the last step
    steps: tuple[tuple[int, str], ...]
    invoices: int
    told: str  # how the database wrote the steps: what `with_history` asks for


def histories(db: Connection, day: str) -> Iterator[History]:
    """What became of the invoices of a day, and of those that the files of the day have changed, in groups."""
    steps = _steps(db, day)
    is_then = case((func.coalesce(steps.c.at, "") == _I.c.status_at, 1), else_=0)
    path = func.coalesce(steps.c.path, "")
    query = (
        select(_I.c.outcome, _I.c.status, is_then, path, func.count())
        .outerjoin(steps, and_(steps.c.deposit_id == _I.c.deposit_id, steps.c.rank == _I.c.rank))
        .where(_I.c.deposit_id.in_(_touched(day)))
        .group_by(_I.c.outcome, _I.c.status, is_then, path)
    )
    for outcome, status, then, told, count in streamed(db, query):
        several = [one.partition(":") for one in told.split(" ")] if told else []
        numbered = tuple(sorted((int(sequence), code) for sequence, _, code in several))
        yield History(outcome, status, bool(then), numbered, count, told)


def with_history(db: Connection, day: str, one: History) -> Iterator[InvoiceFound]:
    """The invoices of one group of `histories`."""
    steps = _steps(db, day)
    is_then = case((func.coalesce(steps.c.at, "") == _I.c.status_at, 1), else_=0)
    query = (
        select_invoice(func.coalesce(steps.c.path, ""))
        .outerjoin(steps, and_(steps.c.deposit_id == _I.c.deposit_id, steps.c.rank == _I.c.rank))
        .where(_I.c.deposit_id.in_(_touched(day)), _I.c.outcome == one.outcome, _I.c.status == one.status)
        .where(func.coalesce(steps.c.path, "") == one.told, is_then == int(one.is_of_then))
        .order_by(_I.c.deposit_id, _I.c.rank)
    )
    return found_invoices(db, query)


def _steps(db: Connection, day: str) -> Any:
    """The history of each invoice in one text; the sequence beside each status, since SQLite promises no order."""
    one = cast(_X.c.sequence, String) + ":" + _X.c.status
    joined = (
        func.group_concat(one, " ")
        if db.dialect.name == "sqlite"
        else func.string_agg(one, aggregate_order_by(literal(" "), _X.c.sequence))
    )
    return (
        select(_X.c.deposit_id, _X.c.rank, joined.label("path"), func.max(_X.c.at).label("at"))
        .where(_X.c.deposit_id.in_(_touched(day)))
        .group_by(_X.c.deposit_id, _X.c.rank)
        .subquery()
    )


def _touched(day: str) -> Any:
    """Deposits of a day, and those with an invoice that a file of the day has changed."""
    changed = select(_C.c.deposit_id).where(_C.c.source_id > 0, _C.c.source_id.in_(of_day(day)))
    return of_day(day).union(changed)


class FileOfChanges(NamedTuple):
    """A file of changes of the day, and what the ledger keeps of it."""

    flow: FlowAt
    rows: Intake
    changed: int  # rows that made a change, or that handled a reject
    events: int


def files_of_changes(db: Connection, day: str) -> Iterator[FileOfChanges]:
    """Status and action files received on a day."""
    n, e, h = t.intakes, t.events, t.handled
    rows = union(
        select(_C.c.source_id, _C.c.source_rank), select(h.c.source_id, h.c.source_rank)
    ).subquery()  # fmt: skip
    changed = select(func.count()).where(rows.c.source_id == _D.c.id).scalar_subquery()
    events = select(func.count()).select_from(e).where(e.c.source_id == _D.c.id).scalar_subquery()
    query = (
        select(
            _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, literal("").label("what"), literal(0).label("number"),
            n.c.lane, n.c.read, n.c.applied, n.c.repeated, n.c.kept, n.c.refused, changed.label("changed"),
            events.label("events"),
        )
        .join(n, n.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, n.c.lane.in_(("statuses", "actions")))
        .order_by(_D.c.id)
    )  # fmt: skip
    for r in streamed(db, query):
        yield FileOfChanges(
            flow_at(r), Intake(r.lane, r.read, r.applied, r.repeated, r.kept, r.refused), int(r.changed), int(r.events)
        )


class Expired(NamedTuple):
    """A lot that a worker left behind."""

    lot: int
    kind: str
    partner: str
    until: datetime


def expired(db: Connection, now_ms: int) -> tuple[list[Expired], int]:
    """Lots whose lease is over, and how many are in somebody's hands."""
    lot = t.lots
    query = select(lot.c.id, lot.c.kind, lot.c.partner, lot.c.lease_until).where(lot.c.state == "claimed")
    rows = db.execute(query.order_by(lot.c.id)).all()
    since = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    over = [r for r in rows if r.lease_until < now_ms]
    return [
        Expired(r.id, r.kind, r.partner, since + timedelta(milliseconds=r.lease_until)) for r in over
    ], len(rows)  # fmt: skip
