"""The ledger in figures: what `metrics` exposes and what `look` watches. Counted by the database, through its indexes.

What is large is never read row by row: states are counted over their index, and reasons of refusal only over the
deposits of the last day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, func, or_, select

from pipeline.adapters.ledger import held, telling
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import CLAIMED, UNSENT
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, moment
from pipeline.adapters.ledger.telling import Untold
from pipeline.model import PARIS, InvoiceOutcome

WINDOW = timedelta(hours=24)
REPORT = "CSO"
REFUSING = ("fatal", "error")
_D, _I, _O, _F = t.deposits, t.invoices, t.outbox, t.findings
_DUE = _D.c.state == RECEIVED  # not what is held and due again: it came long ago and has its report


@dataclass(frozen=True, slots=True)
class Due:
    """The deposits of one partner that wait for their answer."""

    partner: str
    count: int
    faulted: int  # of them: those that met a fault of ours
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """One consistent view; moments are None where nothing waits."""

    deposits: Mapping[str, int]  # state -> deposits
    invoices: Mapping[str, int]  # outcome -> invoices
    due: tuple[Due, ...]
    unsent: Mapping[str, int]  # kind -> files
    oldest_unsent: datetime | None  # when the deposit came whose report is not sent
    oldest_quarantined: datetime | None
    oldest_pending: datetime | None
    leases: Mapping[str, int]  # open, expired
    rejects: Mapping[str, int]  # rule -> refusing findings on what came in the last 24 hours
    last_received: datetime | None
    untold: Sequence[Untold] = ()  # changes of status that their issuer was not told yet


def figures(db: Connection, now: datetime, now_ms: int) -> Figures:
    """`now`: of the clock that dates deposits; `now_ms`: of leases."""
    invoices = {outcome: n for outcome, n in db.execute(select(_I.c.outcome, func.count()).group_by(_I.c.outcome))}  # noqa: C416
    pending = select(func.min(_I.c.pending_since)).where(_I.c.outcome == InvoiceOutcome.PENDING.value)
    apart = select(func.min(_D.c.received_at)).where(_D.c.state == QUARANTINED)
    last = select(_D.c.received_at).order_by(_D.c.id.desc()).limit(1)
    return Figures(
        {state: n for state, n in db.execute(select(_D.c.state, func.count()).group_by(_D.c.state))},  # noqa: C416
        invoices, due(db), *_unsent(db), _at(db.execute(apart).scalar()), _at(db.execute(pending).scalar()),
        _leases(db, now_ms), _rejects(db, now), _at(db.execute(last).scalar()), telling.untold(db),
    )  # fmt: skip


def due(db: Connection, before: datetime | None = None) -> tuple[Due, ...]:
    """What waits for its answer (and came before a moment), partner by partner."""
    query = select(
        _D.c.partner, func.count(), func.count().filter(_D.c.fault != ""), func.min(_D.c.received_at)
    ).where(_DUE)  # fmt: skip
    if before is not None:
        query = query.where(_D.c.received_at < moment(before))
    rows = db.execute(query.group_by(_D.c.partner).order_by(_D.c.partner))
    return tuple(Due(partner, n, faulted, datetime.fromisoformat(at)) for partner, n, faulted, at in rows)


# --- what `look` watches besides --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Apart:
    """What is set apart of one partner: flows that kill their reader, one by one, and files that are no plain ones."""

    partner: str
    flows: tuple[int, ...]  # deposits, oldest first
    others: int
    last_other: datetime | None


def left_unsent(db: Connection, before: datetime) -> dict[str, int]:
    """Place -> files that no worker sends now, of deposits that came before a moment."""
    active = select(t.lots.c.id).where(t.lots.c.state == CLAIMED)
    stray = and_(_O.c.state.in_(UNSENT), or_(_O.c.lot_id.is_(None), _O.c.lot_id.not_in(active)))
    query = (
        select(_O.c.place, func.count())
        .join(_D, _D.c.id == _O.c.deposit_id)
        .where(stray, _D.c.received_at < moment(before))
        .group_by(_O.c.place)
        .order_by(_O.c.place)
    )
    return {place: n for place, n in db.execute(query)}  # noqa: C416


def set_apart(db: Connection) -> tuple[Apart, ...]:
    """What is set apart, partner by partner."""
    mine = (_D.c.state == QUARANTINED) & ~held.has_report()  # what a restore set apart is a red line of `verify`
    query = select(_D.c.id, _D.c.partner, _D.c.is_kept, _D.c.received_at).where(mine)
    flows: dict[str, list[int]] = {}
    others: dict[str, list[str]] = {}
    for row in db.execute(query.order_by(_D.c.id)):
        if row.is_kept:
            flows.setdefault(row.partner, []).append(row.id)
        else:
            others.setdefault(row.partner, []).append(row.received_at)
    return tuple(
        Apart(code, tuple(flows.get(code, ())), len(others.get(code, ())), _at(max(others.get(code, ()), default=None)))
        for code in sorted(flows.keys() | others.keys())
    )


def _unsent(db: Connection) -> tuple[dict[str, int], datetime | None]:
    unsent = _O.c.state.in_(UNSENT)
    kinds = {kind: n for kind, n in db.execute(select(_O.c.kind, func.count()).where(unsent).group_by(_O.c.kind))}  # noqa: C416
    reports = select(func.min(_D.c.received_at)).join(_O, _O.c.deposit_id == _D.c.id)
    return kinds, _at(db.execute(reports.where(unsent, _O.c.kind == REPORT)).scalar())


def _leases(db: Connection, now_ms: int) -> dict[str, int]:
    claimed = t.lots.c.state == CLAIMED
    query = select(func.count(), func.count().filter(t.lots.c.lease_until < now_ms)).where(claimed)
    held, expired = db.execute(query).one()
    return {"open": held - expired, "expired": expired}


def _rejects(db: Connection, now: datetime) -> dict[str, int]:
    """By the day first: it has an index. A sub-select, so that no planner begins with all findings ever made."""
    since = now - WINDOW
    recent = select(_D.c.id).where(
        _D.c.received_day >= since.astimezone(PARIS).date().isoformat(), _D.c.received_at >= moment(since)
    )
    query = select(_F.c.rule, func.count()).where(_F.c.deposit_id.in_(recent), _F.c.severity.in_(REFUSING))
    return {rule: n for rule, n in db.execute(query.group_by(_F.c.rule))}  # noqa: C416


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
