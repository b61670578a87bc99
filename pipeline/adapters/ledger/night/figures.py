"""The figures of one business day, in groups that the database has counted: never a row per invoice."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, and_, case, cast, func, or_, select
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import reference
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.day import PIVOT
from pipeline.adapters.ledger.figures import REPORT
from pipeline.adapters.ledger.night.flows import of_day
from pipeline.adapters.ledger.outbox import SENT
from pipeline.adapters.ledger.rows import moment
from pipeline.model import InvoiceOutcome

_D, _I, _V, _O = t.deposits, t.invoices, t.verdicts, t.outbox
_F, _X, _C, _R = t.findings, t.transitions, t.changes, t.routings
_INTEGRATED = InvoiceOutcome.INTEGRATED.value
_HALF = 1_000_000_000  # a sum is made of two: the integer sum of SQLite overflows on two of the largest totals
_WAITING = ("01", "02", "03", "07", "08", "09", "10", "12")  # somebody is to pay it, and the clock runs
_OPEN = (*_WAITING, "04", "05", "06")  # somebody has something to do
_REASONED = ("04", "05", "06")


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
    mine = _O.c.deposit_id.in_(of_day(day))
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
        .where(_I.c.deposit_id.in_(of_day(day)))
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


def _is_handled() -> ColumnElement[bool]:
    h = t.handled
    found: ColumnElement[bool] = (
        select(h.c.rank).where(h.c.deposit_id == _I.c.deposit_id, h.c.rank == _I.c.rank).exists()
    )
    return found


def _high(amount: Any = _I.c.total_millionths) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount // _HALF), 0)


def _low(amount: Any = _I.c.total_millionths) -> ColumnElement[int]:
    return func.coalesce(func.sum(amount % _HALF), 0)


def count_invoices(db: Connection) -> int:
    """Of all days."""
    return int(db.execute(select(func.count()).select_from(_I)).scalar_one())
