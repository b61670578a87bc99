"""What was answered to the flows of one business day: reports and pivots, beside what they must carry."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, case, exists, func, literal, select
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.day import PIVOT
from pipeline.adapters.ledger.figures import REFUSING, REPORT
from pipeline.adapters.ledger.night.flows import FlowAt, flow_at, of_day
from pipeline.model import InvoiceOutcome
from pipeline.reconcile import ANSWERED

_D, _I, _V, _O = t.deposits, t.invoices, t.verdicts, t.outbox
_F, _X, _C, _R = t.findings, t.transitions, t.changes, t.routings
_INTEGRATED = InvoiceOutcome.INTEGRATED.value


class Delivery(NamedTuple):
    """The integrated invoices of one flow for one receiver, and the files with their pivots."""

    flow: FlowAt
    receiver: str
    invoices: int
    files: int


def deliveries(db: Connection, day: str) -> Iterator[Delivery]:
    """Flow by flow, receiver by receiver."""
    rows = (
        select(_I.c.deposit_id, _I.c.receiver, func.count().label("invoices"))
        .where(_I.c.deposit_id.in_(of_day(day)), _I.c.outcome == _INTEGRATED)
        .group_by(_I.c.deposit_id, _I.c.receiver)
        .subquery()
    )
    return _deliveries(db, day, rows.c.deposit_id, rows)


def redeliveries(db: Connection, day: str) -> Iterator[Delivery]:
    """The same of the action files of a day: what they recycled or completed goes into pivots of theirs."""
    routed = and_(_R.c.deposit_id == _C.c.deposit_id, _R.c.rank == _C.c.rank, _R.c.sequence <= _C.c.sequence)
    later = _R.alias()
    is_last = ~exists().where(
        later.c.deposit_id == _R.c.deposit_id, later.c.rank == _R.c.rank, later.c.sequence <= _C.c.sequence,
        later.c.ordinal > _R.c.ordinal,
    )  # fmt: skip
    receiver = func.coalesce(_R.c.receiver, _I.c.receiver)
    rows = (
        select(_C.c.source_id, receiver.label("receiver"), func.count().label("invoices"))
        .join(_X, and_(_X.c.deposit_id == _C.c.deposit_id, _X.c.rank == _C.c.rank, _X.c.sequence == _C.c.sequence))
        .join(_I, and_(_I.c.deposit_id == _C.c.deposit_id, _I.c.rank == _C.c.rank))
        .outerjoin(_R, and_(routed, is_last))
        .where(_C.c.source_id > 0, _C.c.source_id.in_(of_day(day)), _X.c.status.in_(("01", "12")))
        .group_by(_C.c.source_id, receiver)
        .subquery()
    )
    return _deliveries(db, day, rows.c.source_id, rows)


def _deliveries(db: Connection, day: str, source: ColumnElement[int], rows: Any) -> Iterator[Delivery]:
    held = (
        select(_O.c.deposit_id, _O.c.owner, func.count().label("files"))
        .where(_O.c.deposit_id.in_(of_day(day)), _O.c.kind == PIVOT)
        .group_by(_O.c.deposit_id, _O.c.owner)
        .subquery()
    )
    query = (
        select(
            _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, literal("").label("what"), literal(0).label("number"),
            rows.c.receiver, rows.c.invoices, func.coalesce(held.c.files, 0).label("files"),
        )
        .join(rows, source == _D.c.id)
        .outerjoin(held, and_(held.c.deposit_id == _D.c.id, held.c.owner == rows.c.receiver))
        .order_by(_D.c.id, rows.c.receiver)
    )  # fmt: skip
    for r in streamed(db, query):
        yield Delivery(flow_at(r), r.receiver, int(r.invoices), int(r.files))


def pivot_files(db: Connection, day: str) -> Iterator[tuple[int, str, str]]:
    """(deposit, receiver, SHA-256) of every pivot of the flows of a day."""
    query = (
        select(_O.c.deposit_id, _O.c.owner, _O.c.sha256)
        .where(_O.c.deposit_id.in_(of_day(day)), _O.c.kind == PIVOT)
        .order_by(_O.c.deposit_id, _O.c.owner, _O.c.name)
    )
    for r in streamed(db, query):
        yield r.deposit_id, r.owner, r.sha256


class Answered(NamedTuple):
    """One answered flow of a day: its report, and what the ledger says became of it."""

    flow: FlowAt
    owner: str
    sha256: str  # of the report
    state: str  # as reported
    integrated: int
    refused: int
    pending: int
    decided_later: int  # of them: judged again since
    refusals: int  # findings of the first judgement that refuse, as a report lists them
    is_of_changes: bool  # it holds no invoices: statuses, actions or a control


def answered(db: Connection, day: str) -> Iterator[Answered]:
    """The answered flows of a day that have one report, in the order of their deposits."""
    mine = of_day(day)
    count = {
        one.value: func.coalesce(func.sum(case((_I.c.outcome == one.value, 1), else_=0)), 0).label(one.value)
        for one in InvoiceOutcome
    }
    later = func.coalesce(func.sum(case((_I.c.judgement > 1, 1), else_=0)), 0).label("later")
    booked = (
        select(_I.c.deposit_id, *count.values(), later)
        .where(_I.c.deposit_id.in_(mine))
        .group_by(_I.c.deposit_id)
        .subquery()
    )
    hard, on_flow = _F.c.severity.in_(REFUSING), _F.c.rank == 0
    is_over = func.sum(case((and_(on_flow, _F.c.severity == "fatal"), 1), else_=0)) > 0  # then no invoice is told of
    found = (
        select(
            _F.c.deposit_id,
            case(
                (is_over, func.sum(case((and_(on_flow, hard), 1), else_=0))),
                else_=func.sum(case((hard, 1), else_=0)),
            ).label("refusals"),
        )
        .where(_F.c.deposit_id.in_(mine), _F.c.judgement <= 1)
        .group_by(_F.c.deposit_id)
        .subquery()
    )
    own = and_(_O.c.deposit_id == _D.c.id, _O.c.kind == REPORT)
    query = (
        select(
            _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, literal("").label("what"), literal(0).label("number"),
            _O.c.owner, _O.c.sha256, _V.c.state, *(func.coalesce(booked.c[one], 0) for one in count),
            func.coalesce(booked.c.later, 0), func.coalesce(found.c.refusals, 0), t.intakes.c.lane,
        )
        .join(_V, _V.c.deposit_id == _D.c.id)
        .join(_O, own)
        .outerjoin(booked, booked.c.deposit_id == _D.c.id)
        .outerjoin(found, found.c.deposit_id == _D.c.id)
        .outerjoin(t.intakes, t.intakes.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _D.c.state.in_(ANSWERED))
        .order_by(_D.c.id)
    )  # fmt: skip
    for r in streamed(db, query):
        integrated, refused, pending, again, refusals = (int(n) for n in r[9:14])
        yield Answered(
            flow_at(r), r.owner, r.sha256, r.state, integrated, refused, pending, again, refusals, r.lane is not None
        )


def count_answered(db: Connection, day: str) -> int:
    """Flows of a day with a report."""
    query = select(func.count()).select_from(_O).where(_O.c.kind == REPORT, _O.c.deposit_id.in_(of_day(day)))
    return int(db.execute(query).scalar_one())
