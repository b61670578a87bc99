"""The ledger in figures: what `metrics` exposes and what `look` watches. Counted by the database, through its indexes.

What is large is never read row by row: states are counted over their index, and reasons of refusal only over the
deposits of the last day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from pipeline import codes
from pipeline.adapters.ledger import held, telling
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import CLAIMED, UNSENT
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, moment
from pipeline.adapters.ledger.telling import Untold
from pipeline.model import PARIS, InvoiceOutcome, RowOutcome

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
    change_rows: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (lane, what became of them) -> rows


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
        _change_rows(db),
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


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Statuses without a published label that a recipient sent in the last 24 hours."""

    partner: str
    codes: Mapping[str, int]  # two digits -> entries that gave it
    last: datetime  # when the last file with one came


def unlabelled(db: Connection, now: datetime) -> tuple[Unlabelled, ...]:
    """What nobody can read, recipient by recipient: the files of the last 24 hours that left an event."""
    since, n = now - WINDOW, t.intakes
    files = (
        select(_D.c.id, _D.c.partner, _D.c.received_at)
        .join(n, n.c.deposit_id == _D.c.id)
        .where(_is_recent(since), n.c.kept > 0)
    )
    came = {row.id: row for row in db.execute(files)}
    if not came:
        return ()
    per_file = select(_F.c.deposit_id, _F.c.value, func.count()).where(
        _F.c.rule == codes.LFC_010.id, _F.c.deposit_id.in_(files.with_only_columns(_D.c.id))
    )
    found: dict[str, dict[str, int]] = {}
    for deposit, code, count in db.execute(per_file.group_by(_F.c.deposit_id, _F.c.value)):
        mine = found.setdefault(came[deposit].partner, {})
        mine[code] = mine.get(code, 0) + count
    last: dict[str, str] = {}
    for row in came.values():
        last[row.partner] = max(row.received_at, last.get(row.partner, ""))
    return tuple(
        Unlabelled(partner, dict(sorted(found[partner].items())), datetime.fromisoformat(last[partner]))
        for partner in sorted(found)
    )


def _change_rows(db: Connection) -> dict[tuple[str, str], int]:
    """A row of `intakes` for each file of changes, not for each of its rows: few enough to be summed."""
    n = t.intakes
    sums = (func.sum(n.c[outcome.value]).label(outcome.value) for outcome in RowOutcome)
    rows = db.execute(select(n.c.lane, *sums).group_by(n.c.lane)).mappings()
    return {(row["lane"], outcome.value): int(row[outcome.value]) for row in rows for outcome in RowOutcome}


def _is_recent(since: datetime) -> ColumnElement[bool]:
    """By the day first: it has an index."""
    return and_(_D.c.received_day >= since.astimezone(PARIS).date().isoformat(), _D.c.received_at >= moment(since))


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
    """A sub-select, so that no planner begins with all findings ever made."""
    recent = select(_D.c.id).where(_is_recent(now - WINDOW))
    query = select(_F.c.rule, func.count()).where(_F.c.deposit_id.in_(recent), _F.c.severity.in_(REFUSING))
    return {rule: n for rule, n in db.execute(query.group_by(_F.c.rule))}  # noqa: C416


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
