"""What the nightly reconciliation asks of one business day: figures in groups, and what breaks a promise by its name.

Counted by the database. What comes out is a row per group, per flow or per difference, streamed; never one per
invoice. A day is an ISO text, in Paris; `differences` of the day are those of the flows received on it, and of the
invoices that the files received on it have changed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, String, and_, case, cast, exists, func, literal, or_, select, tuple_, union
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql import ColumnElement, Select

from pipeline.adapters.ledger import reference
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.commits import HOLDS_NUMBER
from pipeline.adapters.ledger.day import PIVOT
from pipeline.adapters.ledger.figures import REFUSING, REPORT
from pipeline.adapters.ledger.outbox import SENT
from pipeline.adapters.ledger.rows import REPEATED, moment
from pipeline.audit.form import RESULTS, room
from pipeline.model import InvoiceOutcome
from pipeline.reconcile import ANSWERED

_D, _I, _V, _O, _F, _X = t.deposits, t.invoices, t.verdicts, t.outbox, t.findings, t.transitions
_C, _P, _R = t.changes, t.partners, t.routings
_INTEGRATED = InvoiceOutcome.INTEGRATED.value
_HALF = 1_000_000_000  # a sum is made of two: the integer sum of SQLite overflows on two of the largest totals
_WAITING = ("01", "02", "03", "07", "08", "09", "10", "12")  # somebody is to pay it, and the clock runs
_OPEN = (*_WAITING, "04", "05", "06")  # somebody has something to do
_REASONED = ("04", "05", "06")


def _high(amount: Any = _I.c.total_millionths) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount // _HALF), 0)


def _low(amount: Any = _I.c.total_millionths) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount % _HALF), 0)


# --- figures ----------------------------------------------------------------------------------------------------------


class Group(NamedTuple):
    """Invoices of a day that are alike: `delivered` and `reported` say that the file was sent."""

    partner: str
    interface: str
    recipient: str
    recipient_name: str
    outcome: str
    currency: str
    delivered: bool
    reported: bool
    invoices: int
    unsummed: int
    millionths: int


def files(db: Connection, day: str) -> list[tuple[str, str, str, int]]:
    """(partner, interface code, state, files) of what was received."""
    interface = func.coalesce(_V.c.interface, "")
    query = (
        select(_D.c.partner, interface, _D.c.state, func.count())
        .outerjoin(_V, _V.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day)
        .group_by(_D.c.partner, interface, _D.c.state)
    )
    return [tuple(row) for row in db.execute(query)]


def sent(db: Connection, day: str) -> list[tuple[str, str, int]]:
    """(partner, kind, files sent) in answer to what was received."""
    query = (
        select(_D.c.partner, _O.c.kind, func.count())
        .join(_O, _O.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _O.c.state == SENT)
        .group_by(_D.c.partner, _O.c.kind)
    )
    return [tuple(row) for row in db.execute(query)]


def declared(db: Connection, day: str) -> Iterator[tuple[str, str, dict[str, tuple[int, int, int]]]]:
    """(partner, interface code, currency -> invoices, those without an amount, millionths) of each flow read."""
    query = (
        select(_D.c.partner, _V.c.interface, _V.c.declared)
        .join(_V, _V.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day)
        .order_by(_D.c.id)
    )
    for r in streamed(db, query):
        yield r.partner, r.interface, json.loads(r.declared or "{}")


def groups(db: Connection, day: str) -> Iterator[Group]:
    """The invoices of a day, by partner, interface, recipient, outcome and currency."""
    is_sent = func.min(case((_O.c.state == SENT, 1), else_=0))
    mine = _O.c.deposit_id.in_(_of(day))
    pivots = (
        select(_O.c.deposit_id, _O.c.owner, is_sent.label("is_sent"))
        .where(mine, _O.c.kind == PIVOT)
        .group_by(_O.c.deposit_id, _O.c.owner)
        .subquery()
    )
    reports = (
        select(_O.c.deposit_id, is_sent.label("is_sent"))
        .where(mine, _O.c.kind == REPORT)
        .group_by(_O.c.deposit_id)
        .subquery()
    )
    per_flow = (  # first along the key of the invoices, so that what is joined is joined once per flow
        select(
            _I.c.deposit_id, _I.c.recipient, _I.c.receiver, _I.c.outcome, _I.c.currency,
            func.max(_I.c.recipient_name).label("recipient_name"), func.count().label("invoices"),
            func.count(_I.c.total_millionths).label("summed"), _high().label("high"), _low().label("low"),
        )
        .where(_I.c.deposit_id.in_(_of(day)))
        .group_by(_I.c.deposit_id, _I.c.recipient, _I.c.receiver, _I.c.outcome, _I.c.currency)
        .subquery()
    )  # fmt: skip
    f = per_flow.c
    key = (
        _D.c.partner, func.coalesce(_V.c.interface, "").label("interface"), f.recipient, f.outcome, f.currency,
        func.coalesce(pivots.c.is_sent, 0).label("delivered"), func.coalesce(reports.c.is_sent, 0).label("reported"),
    )  # fmt: skip
    query = (
        select(
            *key, func.max(f.recipient_name).label("recipient_name"), func.sum(f.invoices).label("invoices"),
            func.sum(f.summed).label("summed"), func.sum(f.high).label("high"), func.sum(f.low).label("low"),
        )
        .select_from(per_flow)
        .join(_D, _D.c.id == f.deposit_id)
        .outerjoin(_V, _V.c.deposit_id == f.deposit_id)
        .outerjoin(pivots, and_(pivots.c.deposit_id == f.deposit_id, pivots.c.owner == f.receiver))
        .outerjoin(reports, reports.c.deposit_id == f.deposit_id)
        .group_by(*key)
    )  # fmt: skip
    for r in streamed(db, query):
        yield Group(
            r.partner, r.interface, r.recipient, r.recipient_name, r.outcome, r.currency,
            bool(r.delivered) and r.outcome == _INTEGRATED, bool(r.reported), int(r.invoices),
            int(r.invoices) - int(r.summed), int(r.high) * _HALF + int(r.low),
        )  # fmt: skip


class RuleCount(NamedTuple):
    rule: str
    code: str
    severity: str
    findings: int
    flows: int
    invoices: int
    partners: int


def rules(db: Connection, day: str) -> list[RuleCount]:
    """What the rules found in the deposits of a day."""
    invoice = case((_F.c.rank > 0, cast(_F.c.deposit_id, String) + "/" + cast(_F.c.rank, String)))
    query = (
        select(
            _F.c.rule, func.min(_F.c.code), _F.c.severity, func.count(), func.count(_F.c.deposit_id.distinct()),
            func.count(invoice.distinct()), func.count(_D.c.partner.distinct()),
        )
        .join(_D, _D.c.id == _F.c.deposit_id)
        .where(_D.c.received_day == day)
        .group_by(_F.c.rule, _F.c.severity)
        .order_by(_F.c.rule, _F.c.severity)
    )  # fmt: skip
    return [RuleCount(*row) for row in db.execute(query)]


class Open(NamedTuple):
    """Payment requests that are alike and not finished; of all days."""

    status: str
    recipient: str
    recipient_name: str
    reason: str
    currency: str
    returns_payment: bool
    invoices: int
    oldest: datetime
    buckets: tuple[int, ...]
    overdue: int
    at_risk: int
    oldest_day: date
    millionths: int
    millionths_at_risk: int  # of what is overdue or at risk


def unfinished(
    db: Connection, now: datetime, today: date, buckets: Sequence[int], term_days: int, warn_days: int
) -> Iterator[Open]:
    """By status, recipient, reason and currency. The term runs from the day of deposit, or of the recycling."""
    newest = select(func.max(t.snapshots.c.id)).where(t.snapshots.c.kind == reference.DIRECTORY).scalar_subquery()
    last = (
        select(_C.c.deposit_id, _C.c.rank, func.max(_C.c.sequence).label("sequence"))
        .group_by(_C.c.deposit_id, _C.c.rank)
        .subquery()
    )
    said = _C.alias()
    routed = and_(_R.c.deposit_id == _I.c.deposit_id, _R.c.rank == _I.c.rank, _R.c.ordinal == _I.c.routing)
    began = and_(_X.c.deposit_id == _R.c.deposit_id, _X.c.rank == _R.c.rank, _X.c.sequence == _R.c.sequence)
    recipient = func.coalesce(_R.c.recipient, _I.c.recipient)
    reason = case((_I.c.status.in_(_REASONED), func.coalesce(said.c.reason, "")), else_="")
    returns = func.coalesce(t.structures.c.returns_payment_status, 1)
    start = func.coalesce(func.substr(_X.c.at, 1, 10), _I.c.received_day)
    over, risky = (today - timedelta(days=days) for days in (term_days, term_days - warn_days))
    is_waiting = and_(_I.c.status.in_(_WAITING), returns == 1)
    is_over = and_(is_waiting, start < over.isoformat())
    is_risky = and_(is_waiting, start >= over.isoformat(), start < risky.isoformat())
    ends = [moment(now - timedelta(days=days + 1)) for days in buckets]
    younger = [func.sum(case((_I.c.status_at > end, 1), else_=0)) for end in ends]  # cumulative
    risk = case((or_(is_over, is_risky), _I.c.total_millionths))
    key = (_I.c.status, recipient, reason, _I.c.currency, returns)
    query = (
        select(
            *key, func.max(func.coalesce(_R.c.recipient_name, _I.c.recipient_name)), func.count(),
            func.min(_I.c.status_at), func.sum(case((is_over, 1), else_=0)), func.sum(case((is_risky, 1), else_=0)),
            func.min(start), _high(), _low(), _high(risk), _low(risk), *younger,
        )
        .select_from(_I)
        .outerjoin(_R, and_(_I.c.routing > 0, routed))
        .outerjoin(_X, began)
        .outerjoin(last, and_(last.c.deposit_id == _I.c.deposit_id, last.c.rank == _I.c.rank))
        .outerjoin(
            said,
            and_(
                said.c.deposit_id == last.c.deposit_id, said.c.rank == last.c.rank, said.c.sequence == last.c.sequence
            ),
        )
        .outerjoin(t.structures, and_(t.structures.c.snapshot_id == newest, t.structures.c.siret == recipient))
        .where(_I.c.outcome == _INTEGRATED, _I.c.status.in_(_OPEN))
        .where(~and_(_I.c.status == "05", _is_handled()))
        .group_by(*key)
    )  # fmt: skip
    for r in streamed(db, query):
        status, who, why, currency, pays, name, count, oldest, gone, near, day, high, low, risk_high, risk_low = r[:15]
        upto = [int(n) for n in r[15:]]
        each = [upto[0], *(b - a for a, b in pairwise(upto)), count - upto[-1]]
        yield Open(
            status, who, name, why, currency, bool(pays), count, datetime.fromisoformat(oldest), tuple(each),
            int(gone), int(near), date.fromisoformat(day), int(high) * _HALF + int(low),
            int(risk_high) * _HALF + int(risk_low),
        )  # fmt: skip


# --- differences ------------------------------------------------------------------------------------------------------


class FlowAt(NamedTuple):
    """One flow of the ledger, and what is the matter with it."""

    deposit: int
    partner: str
    name: str
    received_at: datetime
    what: str = ""
    number: int = 0


def waiting_too_long(db: Connection, day: str, before: datetime) -> Iterator[FlowAt]:
    """Received on a day, before a moment, and not answered. What is no plain file is answered to nobody."""
    query = _flow(literal("")).where(
        _D.c.received_day == day, _D.c.state.not_in((*ANSWERED, REPEATED)), _D.c.received_at < moment(before),
        _D.c.is_kept == 1,
    )  # fmt: skip
    return _flows(db, query)


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
    return _flows(db, query)


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
        yield _flow_at(r), r.kind


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
        .where(_I.c.deposit_id.in_(_of(day)), _I.c.outcome == _INTEGRATED)
        .group_by(_I.c.deposit_id, _I.c.receiver)
        .subquery()
    )
    return _deliveries(db, day, rows.c.deposit_id, rows)


def _deliveries(db: Connection, day: str, source: ColumnElement[int], rows: Any) -> Iterator[Delivery]:
    held = (
        select(_O.c.deposit_id, _O.c.owner, func.count().label("files"))
        .where(_O.c.deposit_id.in_(_of(day)), _O.c.kind == PIVOT)
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
        yield Delivery(_flow_at(r), r.receiver, int(r.invoices), int(r.files))


def pivot_files(db: Connection, day: str) -> Iterator[tuple[int, str, str]]:
    """(deposit, receiver, SHA-256) of every pivot of the flows of a day."""
    query = (
        select(_O.c.deposit_id, _O.c.owner, _O.c.sha256)
        .where(_O.c.deposit_id.in_(_of(day)), _O.c.kind == PIVOT)
        .order_by(_O.c.deposit_id, _O.c.owner, _O.c.name)
    )
    for r in streamed(db, query):
        yield r.deposit_id, r.owner, r.sha256


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
        yield _flow_at(r), r.receiver


class InvoiceFound(NamedTuple):
    """One invoice, and what is the matter with it."""

    partner: str
    flow: str
    rank: int
    supplier: str
    number: str
    currency: str
    millionths: int | None
    what: str = ""


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
        _invoice(literal(""))
        .outerjoin(n, mine)
        .where(_D.c.received_day == day, _I.c.outcome.in_(HOLDS_NUMBER), n.c.rank.is_(None))
        .where(_I.c.number != "", _I.c.issued.is_not(None), exists().where(holder), ~exists().where(allowed))
        .order_by(_I.c.deposit_id, _I.c.rank)
    )
    return _invoices(db, query)


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
        _invoice(func.coalesce(steps.c.path, ""))
        .outerjoin(steps, and_(steps.c.deposit_id == _I.c.deposit_id, steps.c.rank == _I.c.rank))
        .where(_I.c.deposit_id.in_(_touched(day)), _I.c.outcome == one.outcome, _I.c.status == one.status)
        .where(func.coalesce(steps.c.path, "") == one.told, is_then == int(one.is_of_then))
        .order_by(_I.c.deposit_id, _I.c.rank)
    )
    return _invoices(db, query)


class FileOfChanges(NamedTuple):
    """A file of changes of the day, and what the ledger keeps of it."""

    flow: FlowAt
    lane: str
    read: int
    applied: int
    repeated: int
    kept: int
    refused: int
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
            _flow_at(r), r.lane, r.read, r.applied, r.repeated, r.kept, r.refused, int(r.changed), int(r.events)
        )


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
        .where(_C.c.source_id > 0, _C.c.source_id.in_(_of(day)), _X.c.status.in_(("01", "12")))
        .group_by(_C.c.source_id, receiver)
        .subquery()
    )
    return _deliveries(db, day, rows.c.source_id, rows)


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
    mine = _of(day)
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
            _flow_at(r), r.owner, r.sha256, r.state, integrated, refused, pending, again, refusals, r.lane is not None
        )


def count_answered(db: Connection, day: str) -> int:
    """Flows of a day with a report."""
    query = select(func.count()).select_from(_O).where(_O.c.kind == REPORT, _O.c.deposit_id.in_(_of(day)))
    return int(db.execute(query).scalar_one())


def count_invoices(db: Connection) -> int:
    """Of all days."""
    return int(db.execute(select(func.count()).select_from(_I)).scalar_one())


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


# --- what an issuer announced -----------------------------------------------------------------------------------------


class Announced(NamedTuple):
    """One row of a control file, and the flow of that name, if it came."""

    partner: str
    control: str  # the control file
    flow: str
    sha256: str
    invoices: int
    total: str
    millionths: int | None
    currency: str
    received_sha256: str  # empty: nothing of that name came
    state: str
    declared: dict[str, tuple[int, int, int]] | None  # None: it was not read


def announced(db: Connection, day: str) -> Iterator[Announced]:
    """The rows of the control files received on a day, each beside the first deposit that holds its name."""
    k, source, flow = t.controls, _D.alias(), _D.alias()
    holder = t.flows.alias()
    query = (
        select(
            source.c.partner, source.c.name, k.c.flow, k.c.sha256, k.c.invoices, k.c.total, k.c.total_millionths,
            k.c.currency, flow.c.sha256.label("received_sha256"), flow.c.state, _V.c.declared,
        )
        .join(source, source.c.id == k.c.deposit_id)
        .outerjoin(flow, and_(flow.c.partner == source.c.partner, flow.c.name == k.c.flow, _holds(flow, holder)))
        .outerjoin(_V, _V.c.deposit_id == flow.c.id)
        .where(source.c.received_day == day)
        .order_by(k.c.deposit_id, k.c.position)
    )  # fmt: skip
    for r in streamed(db, query):
        told = json.loads(r.declared) if r.declared else None
        yield Announced(
            r.partner, r.name, r.flow, r.sha256, r.invoices, r.total, r.total_millionths, r.currency,
            r.received_sha256 or "", r.state or "", told,
        )  # fmt: skip


def unannounced(db: Connection, day: str) -> Iterator[FlowAt]:
    """Flows of a day of partners who dropped a control file on it, that no control file of theirs names."""
    k, source = t.controls, _D.alias()
    theirs = select(source.c.partner).join(k, k.c.deposit_id == source.c.id).where(source.c.received_day == day)
    other = _D.alias()
    named = (
        select(k.c.position)
        .join(other, other.c.id == k.c.deposit_id)
        .where(k.c.flow == _D.c.name, other.c.partner == _D.c.partner)
    )
    query = (
        _flow(literal(""))
        .outerjoin(t.intakes, t.intakes.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _D.c.partner.in_(theirs.distinct()), _D.c.state != REPEATED)
        .where(_D.c.is_kept == 1, t.intakes.c.deposit_id.is_(None), ~named.exists())
        .where(_D.c.id.not_in(select(k.c.deposit_id).distinct()))
    )
    return _flows(db, query)


def count_controls(db: Connection, day: str) -> tuple[int, int]:
    """(control files, rows in them) received on a day."""
    k = t.controls
    query = select(func.count(k.c.deposit_id.distinct()), func.count()).where(k.c.deposit_id.in_(_of(day)))
    files_, rows = db.execute(query).one()
    return int(files_), int(rows)


# --- what must stand around the ledger --------------------------------------------------------------------------------


class ToFind(NamedTuple):
    """An object that must be in the store, and what names it: a flow as it came, or a file to send."""

    owner: str
    sha256: str
    size_bytes: int
    partner: str
    what: str


def to_find(db: Connection, owner: str) -> Iterator[ToFind]:
    """Everything that rows name for an owner and that was not purged, by digest, each once."""
    received = select(
        _D.c.sha256.label("sha256"), _D.c.size_bytes.label("size_bytes"), _D.c.partner.label("partner"),
        _D.c.name.label("what"),
    ).where(_D.c.partner == owner, _D.c.is_kept == 1)  # fmt: skip
    to_send = (
        select(
            _O.c.sha256, _O.c.size_bytes, func.coalesce(_D.c.partner, _O.c.owner), func.coalesce(_D.c.name, _O.c.name)
        )
        .outerjoin(_D, _D.c.id == _O.c.deposit_id)
        .where(_O.c.owner == owner)
    )
    a = t.additions
    added = (
        select(a.c.sha256, a.c.size_bytes, _D.c.partner, _D.c.name)
        .join(_D, _D.c.id == a.c.deposit_id)
        .where(_D.c.partner == owner)
    )
    every = received.union_all(to_send, added).subquery()
    gone = select(t.purged.c.at).where(t.purged.c.owner == owner, t.purged.c.sha256 == every.c.sha256)
    query = (
        select(
            every.c.sha256, func.max(every.c.size_bytes).label("size_bytes"),
            func.min(every.c.partner).label("partner"), func.min(every.c.what).label("what"),
        )
        .where(~gone.exists())
        .group_by(every.c.sha256)
        .order_by(every.c.sha256)
    )  # fmt: skip
    for r in streamed(db, query):
        yield ToFind(owner, r.sha256, r.size_bytes, r.partner, r.what)


def owners(db: Connection) -> set[str]:
    """Everybody for whom something must be in the store."""
    several = union(select(_D.c.partner).where(_D.c.is_kept == 1), select(_O.c.owner))
    return set(db.execute(several).scalars())


def results_to_find(db: Connection, partner: str) -> Iterator[ToFind]:
    """The objects that the units of a partner left for the audit, by digest, each once."""
    a = t.audit
    gone = select(t.purged.c.at).where(
        t.purged.c.owner == room(partner, RESULTS), t.purged.c.sha256 == a.c.result
    )  # fmt: skip
    query = select(a.c.result).where(a.c.partner == partner, a.c.result != "", ~gone.exists()).distinct()
    for (sha256,) in streamed(db, query.order_by(a.c.result)):
        yield ToFind(room(partner, RESULTS), sha256, 0, partner, "")


class InOut(NamedTuple):
    """One file of the outbox, as it must stand in its folder if it is there."""

    name: str
    kind: str
    sha256: str
    size_bytes: int
    state: str
    flow: str
    received_at: datetime | None


def of_place(db: Connection, place: str, names: Sequence[str]) -> dict[str, InOut]:
    """The files of one place among these names (a few hundred at a time)."""
    query = (
        select(
            _O.c.name, _O.c.kind, _O.c.sha256, _O.c.size_bytes, _O.c.state, func.coalesce(_D.c.name, "").label("flow"),
            _D.c.received_at,
        )
        .outerjoin(_D, _D.c.id == _O.c.deposit_id)
        .where(tuple_(_O.c.place, _O.c.name).in_([(place, name) for name in names]))
    )  # fmt: skip
    return {
        r.name: InOut(
            r.name, r.kind, r.sha256, r.size_bytes, r.state, r.flow,
            datetime.fromisoformat(r.received_at) if r.received_at else None,
        )
        for r in db.execute(query)
    }  # fmt: skip


def sent_names(db: Connection, day: str) -> Iterator[tuple[str, str]]:
    """(place, name) of what was sent in answer to the flows of a day."""
    query = (
        select(_O.c.place, _O.c.name)
        .where(_O.c.deposit_id.in_(_of(day)), _O.c.state == SENT)
        .order_by(_O.c.place, _O.c.name)
    )
    for r in streamed(db, query):
        yield r.place, r.name


# --- parts of queries -------------------------------------------------------------------------------------------------


def _of(day: str) -> Select[Any]:
    return select(_D.c.id).where(_D.c.received_day == day)


def _touched(day: str) -> Any:
    """Deposits of a day, and those with an invoice that a file of the day has changed."""
    changed = select(_C.c.deposit_id).where(_C.c.source_id > 0, _C.c.source_id.in_(_of(day)))
    return _of(day).union(changed)


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


def _holds(flow: Any, holder: Any) -> ColumnElement[bool]:
    held: ColumnElement[bool] = (
        select(holder.c.deposit_id).where(holder.c.deposit_id == flow.c.id, holder.c.holds_name == 1).exists()
    )
    return held


def _is_handled() -> ColumnElement[bool]:
    h = t.handled
    found: ColumnElement[bool] = (
        select(h.c.rank).where(h.c.deposit_id == _I.c.deposit_id, h.c.rank == _I.c.rank).exists()
    )
    return found


def _flow(what: Any) -> Select[Any]:
    return select(
        _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, what.label("what"), literal(0).label("number")
    ).order_by(_D.c.id)


def _flow_at(r: Any) -> FlowAt:
    return FlowAt(r.id, r.partner, r.name, datetime.fromisoformat(r.received_at), r.what, int(r[5]))


def _flows(db: Connection, query: Select[Any]) -> Iterator[FlowAt]:
    for r in streamed(db, query):
        yield _flow_at(r)


def _invoice(what: Any) -> Select[Any]:
    return (
        select(
            _D.c.partner, _D.c.name, _I.c.rank, _I.c.supplier, _I.c.number, _I.c.currency, _I.c.total_millionths,
            what.label("what"),
        )
        .select_from(_I)
        .join(_D, _D.c.id == _I.c.deposit_id)
    )  # fmt: skip


def _invoices(db: Connection, query: Select[Any]) -> Iterator[InvoiceFound]:
    for r in streamed(db, query):
        yield InvoiceFound(*r)
