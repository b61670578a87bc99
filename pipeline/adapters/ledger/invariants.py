"""The rows that `verify` compares: one query per question, counted by the database where it can.

With a `day` (ISO, in Paris) only what was received on that business day.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Integer, and_, case, cast, false, func, or_, select, true, union
from sqlalchemy.sql import ColumnElement, Select, Subquery

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.commits import HOLDS_NUMBER
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED
from pipeline.audit.form import RESULTS, room
from pipeline.lifecycle import INTEGRATION
from pipeline.model import FlowState, InvoiceOutcome, Received
from pipeline.reconcile import ANSWERED, Booked, InvoiceAt, Read
from pipeline.returns import names

_D, _I, _V, _O, _A = t.deposits, t.invoices, t.verdicts, t.outbox, t.additions
_K, _X, _C, _R = t.intakes, t.transitions, t.changes, t.routings
_INTEGRATED = InvoiceOutcome.INTEGRATED.value
_BY_PEOPLE = ("recipient", "accountant", "supplier")  # who asks for what comes after integration
_AT_INTEGRATION = len(INTEGRATION)  # statuses that nobody has to ask for
_FLOW_ID_CHARS, _CODE_CHARS = 25, 6  # at the end of a name: our code, four digits, fifteen of the digest
_WHENEVER = datetime(1970, 1, 1, tzinfo=UTC)  # no name hangs on a moment
_HALF = 1_000_000_000  # a sum is made of two: the integer sum of SQLite overflows on two of the largest totals


def states(db: Connection, day: str = "") -> dict[str, int]:
    query = select(_D.c.state, func.count()).where(_on(day)).group_by(_D.c.state)
    return {row[0]: row[1] for row in db.execute(query)}


def unanswered(db: Connection, day: str = "") -> Iterator[str]:
    """Answered by their state, without a verdict."""
    query = select(_D).outerjoin(_V, _V.c.deposit_id == _D.c.id).where(_on(day))
    return _names(db, query.where(_D.c.state.in_(ANSWERED), _V.c.deposit_id.is_(None)))


def answered_too_early(db: Connection, day: str = "") -> Iterator[str]:
    """With a verdict, and not answered by their state."""
    query = select(_D).join(_V, _V.c.deposit_id == _D.c.id).where(_on(day))
    return _names(db, query.where(_D.c.state.not_in(ANSWERED)))


def misstated(db: Connection, day: str = "") -> Iterator[tuple[str, str]]:
    """Answered deposits, and their state, that is not what became of their invoices or rows (`judge.state_of`)."""
    integrated, refused, pending = (_how_many(outcome) for outcome in InvoiceOutcome)
    integrated += func.coalesce(_K.c.applied + _K.c.repeated + _K.c.kept, 0)
    refused += func.coalesce(_K.c.refused, 0)
    # nothing was asked for: the line `reasons` watches over one that was refused
    is_empty = and_(_K.c.read == 0, _V.c.members_refused == 0, _D.c.state == FlowState.INTEGRATED.value)
    is_short = or_(refused > 0, _V.c.members_refused > 0)
    state = case(
        (and_(pending > 0, or_(is_short, integrated > 0)), FlowState.PARTIAL.value),
        (pending > 0, FlowState.WAITING.value),
        (and_(integrated > 0, is_short), FlowState.PARTIAL.value),
        (integrated > 0, FlowState.INTEGRATED.value),
        else_=FlowState.REJECTED.value,
    )
    query = (
        select(_D.c.partner, _D.c.name, _D.c.state)
        .join(_V, _V.c.deposit_id == _D.c.id)
        .outerjoin(_I, _I.c.deposit_id == _D.c.id)
        .outerjoin(_K, _K.c.deposit_id == _D.c.id)
        .where(_D.c.state.in_(ANSWERED), _on(day), func.coalesce(is_empty, false()).is_not(true()))
        .group_by(
            _D.c.id,
            _D.c.partner,
            _D.c.name,
            _D.c.state,
            _V.c.members_refused,
            _K.c.applied,
            _K.c.repeated,
            _K.c.kept,
            _K.c.refused,
        )
        .having(_D.c.state != state)
        .order_by(_D.c.id)
    )
    for r in streamed(db, query):
        yield f"{r.partner}/{r.name}", r.state


def read(db: Connection, day: str = "") -> Iterator[Read]:
    query = select(_D.c.id, _D.c.partner, _D.c.name, _V.c.declared).join(_V, _V.c.deposit_id == _D.c.id)
    for row in streamed(db, query.where(_on(day)).order_by(_D.c.id)):
        for currency, (count, without, total) in json.loads(row.declared).items():
            yield Read(f"{row.partner}/{row.name}", currency, count, without, total, row.id)


def booked(db: Connection, day: str = "") -> Iterator[Booked]:
    query = (
        select(
            _I.c.deposit_id, _D.c.partner, _D.c.name, _I.c.currency, _I.c.outcome, func.count(),
            func.sum(func.coalesce(_I.c.total_millionths // _HALF, 0)),
            func.sum(func.coalesce(_I.c.total_millionths % _HALF, 0)), func.count(_I.c.total_millionths),
        )
        .join(_D, _D.c.id == _I.c.deposit_id)
        .where(_on(day))
        .group_by(_I.c.deposit_id, _D.c.partner, _D.c.name, _I.c.currency, _I.c.outcome)
        .order_by(_I.c.deposit_id, _I.c.currency, _I.c.outcome)
    )  # fmt: skip
    for deposit, partner, name, currency, outcome, count, high, low, summed in streamed(db, query):
        total = int(high) * _HALF + int(low)
        yield Booked(f"{partner}/{name}", currency, outcome, count, count - summed, total, deposit)


def count_answered(db: Connection, day: str = "") -> int:
    query = select(func.count()).select_from(_D).where(_D.c.state.in_(ANSWERED), _on(day))
    return int(db.execute(query).scalar_one())


def wrong_reports(db: Connection, day: str = "") -> Iterator[tuple[str, int]]:
    """Answered deposits that have not exactly one report, and how many they have."""
    own = and_(_O.c.deposit_id == _D.c.id, _O.c.kind == "CSO")
    query = (
        select(_D.c.id, _D.c.partner, _D.c.name, func.count(_O.c.name).label("reports"))
        .outerjoin(_O, own)
        .where(_D.c.state.in_(ANSWERED), _on(day))
        .group_by(_D.c.id, _D.c.partner, _D.c.name)
        .having(func.count(_O.c.name) != 1)
        .order_by(_D.c.id)
    )
    for r in streamed(db, query):
        yield f"{r.partner}/{r.name} ({r.id})", r.reports


def misnamed_reports(db: Connection, day: str = "") -> Iterator[str]:
    """Answered deposits with a report whose name, folder or owner does not follow from partner, flow name and bytes.

    Our application code and the interface code are taken from the name itself: the settings may change, and a name that
    announces nothing readable has none.
    """
    query = (
        select(
            _D.c.partner, _D.c.name, _D.c.sha256, _D.c.received_at, _V.c.announced, _O.c.place, _O.c.owner,
            _O.c.name.label("report"),
        )
        .join(_V, _V.c.deposit_id == _D.c.id)
        .join(_O, and_(_O.c.deposit_id == _D.c.id, _O.c.kind == "CSO"))
        .where(_on(day))
        .order_by(_D.c.id)
    )  # fmt: skip
    for r in streamed(db, query):
        received = Received(r.partner, r.name, r.sha256, 0, _WHENEVER)
        ours = r.report[-_FLOW_ID_CHARS:][:_CODE_CHARS]
        expected = names.report_name(received, r.announced, ours)
        if (r.report, r.place, r.owner) != (expected, f"drop/{r.partner}", r.partner):
            yield f"{r.partner}/{r.name}"


def reports_of_repeated(db: Connection, day: str = "") -> Iterator[str]:
    where = _on(day) & _D.c.state.in_((REPEATED, RECEIVED, QUARANTINED)) & (_O.c.kind == "CSO")
    return _names(db, select(_D).join(_O, _O.c.deposit_id == _D.c.id).where(where))


def steps(db: Connection) -> Iterator[tuple[InvoiceAt, int, str]]:
    x = t.transitions
    query = (
        select(_D.c.partner, _D.c.name, x.c.deposit_id, x.c.rank, x.c.sequence, x.c.status)
        .join(_D, _D.c.id == x.c.deposit_id)
        .order_by(x.c.deposit_id, x.c.rank, x.c.sequence)
    )
    for r in streamed(db, query):
        yield InvoiceAt(f"{r.partner}/{r.name}", r.rank), r.sequence, r.status


def integrated_untold(db: Connection) -> Iterator[InvoiceAt]:
    x = t.transitions
    told = and_(x.c.deposit_id == _I.c.deposit_id, x.c.rank == _I.c.rank, x.c.status == "03")
    query = _invoices().outerjoin(x, told).where(_I.c.outcome == _INTEGRATED, x.c.rank.is_(None))
    return _invoices_at(db, query)


def others_told(db: Connection) -> Iterator[InvoiceAt]:
    x = t.transitions
    told = and_(x.c.deposit_id == _I.c.deposit_id, x.c.rank == _I.c.rank, x.c.status == "01")
    return _invoices_at(db, _invoices().join(x, told).where(_I.c.outcome != _INTEGRATED))


# --- what became of it after integration ------------------------------------------------------------------------------


def standing_elsewhere(db: Connection) -> Iterator[InvoiceAt]:
    """Invoices that stand where neither their last transition nor their last routing brought them."""
    x, r = _X.alias(), _R.alias()
    last = select(func.max(x.c.sequence)).where(x.c.deposit_id == _I.c.deposit_id, x.c.rank == _I.c.rank)
    now = and_(
        _X.c.deposit_id == _I.c.deposit_id, _X.c.rank == _I.c.rank, _X.c.sequence == last.scalar_subquery(),
    )  # fmt: skip
    routed = select(func.max(r.c.ordinal)).where(r.c.deposit_id == _I.c.deposit_id, r.c.rank == _I.c.rank)
    is_elsewhere = or_(
        func.coalesce(_X.c.status, "") != _I.c.status, func.coalesce(_X.c.at, "") != _I.c.status_at,
        func.coalesce(routed.scalar_subquery(), 0) != _I.c.routing,
    )  # fmt: skip
    return _invoices_at(db, _invoices().outerjoin(_X, now).where(is_elsewhere))


def unasked(db: Connection) -> Iterator[InvoiceAt]:
    """Invoices with a change of status that nobody asked for, or one that was asked for and is no step of theirs."""
    of_step = and_(_C.c.deposit_id == _X.c.deposit_id, _C.c.rank == _X.c.rank, _C.c.sequence == _X.c.sequence)
    steps = select(_X.c.deposit_id, _X.c.rank).outerjoin(_C, of_step)
    changes = select(_C.c.deposit_id, _C.c.rank).outerjoin(_X, of_step)
    found = union(
        steps.where(_X.c.set_by.in_(_BY_PEOPLE), _C.c.rank.is_(None)), changes.where(_X.c.rank.is_(None))
    ).subquery()
    mine = and_(found.c.deposit_id == _I.c.deposit_id, found.c.rank == _I.c.rank)
    return _invoices_at(db, _invoices().join(found, mine))


def unbalanced_intakes(db: Connection) -> Iterator[str]:
    """Files of changes whose rows are not all accounted for, or that did more, or less, than they say."""
    h, e, told = t.handled, t.events, t.controls
    moved = _by_file(_C.c.source_id, _C.c.source_rank.distinct())
    settled = _by_file(h.c.source_id, h.c.source_rank)  # these move nothing
    kept, controls = _by_file(e.c.source_id, e.c.rank), _by_file(told.c.deposit_id, told.c.position)
    counted = _K.c.applied + _K.c.repeated + _K.c.kept + _K.c.refused
    done = func.coalesce(moved.c.several, 0) + func.coalesce(settled.c.several, 0)
    applied = case((_K.c.lane == "control", func.coalesce(controls.c.several, 0)), else_=done)
    is_off = or_(_K.c.read != counted, _K.c.kept != func.coalesce(kept.c.several, 0), _K.c.applied != applied)
    query = select(_D).join(_K, _K.c.deposit_id == _D.c.id)
    for one in (moved, settled, kept, controls):
        query = query.outerjoin(one, one.c.source == _K.c.deposit_id)
    return _names(db, query.where(is_off))


def _by_file(source: ColumnElement[int], counted: ColumnElement[Any]) -> Subquery:
    """How many of these each file brought about."""
    return select(source.label("source"), func.count(counted).label("several")).group_by(source).subquery()


def count_changed(db: Connection) -> int:
    """Changes of status after integration."""
    return int(db.execute(select(func.count()).select_from(_C)).scalar_one())


def holders_without_claim(db: Connection) -> Iterator[InvoiceAt]:
    n, other = t.number_claims, t.number_claims.alias()
    mine = and_(n.c.deposit_id == _I.c.deposit_id, n.c.rank == _I.c.rank)
    can_hold = and_(_I.c.number != "", _I.c.supplier != "", _I.c.issued.is_not(None))
    # where an installation softened DUP-001 or DUP-002 a number used twice enters, and the first one holds it
    taken = select(other.c.rank).where(
        other.c.supplier == _I.c.supplier, other.c.number == _I.c.number, other.c.supplier_type == _I.c.supplier_type,
        other.c.year == cast(func.substr(_I.c.issued, 1, 4), Integer),
    )  # fmt: skip
    query = _invoices().outerjoin(n, mine).where(_I.c.outcome.in_(HOLDS_NUMBER), can_hold, n.c.rank.is_(None))
    query = query.where(~taken.exists())
    return _invoices_at(db, query)


def claims_without_holder(db: Connection) -> Iterator[str]:
    """Numbers of flows that are answered and whose invoice is neither integrated nor pending."""
    n = t.number_claims
    holder = and_(n.c.deposit_id == _I.c.deposit_id, n.c.rank == _I.c.rank, _I.c.outcome.in_(HOLDS_NUMBER))
    query = (
        select(n.c.supplier, n.c.number, n.c.year)
        .join(_D, _D.c.id == n.c.deposit_id)
        .outerjoin(_I, holder)
        .where(_D.c.state.in_(ANSWERED), _I.c.rank.is_(None))
        .order_by(n.c.supplier, n.c.number)
    )
    for r in streamed(db, query):
        yield f"{r.supplier}/{r.number}/{r.year}"


def count_claims(db: Connection) -> int:
    return int(db.execute(select(func.count()).select_from(t.number_claims)).scalar_one())


def kept_for_nothing(db: Connection) -> Iterator[str]:
    return _names(db, _flows().where(t.flows.c.holds_bytes == 1, _D.c.state.in_(ANSWERED), ~_has_something()))


def given_away(db: Connection) -> Iterator[str]:
    """Flows with something in them that hold their bytes no more, and doubled nothing."""
    where = and_(t.flows.c.holds_bytes == 0, _D.c.state.in_(ANSWERED), _D.c.first_id.is_(None), _has_something())
    return _names(db, _flows().where(where))


def objects(db: Connection) -> Iterator[tuple[str, str]]:
    """(owner, SHA-256) of everything that must be in the store, each once: what was purged need not."""
    received = select(_D.c.partner.label("owner"), _D.c.sha256).where(_D.c.is_kept == 1)
    results = select((t.audit.c.partner + room("", RESULTS)).label("owner"), t.audit.c.result)
    added = select(_D.c.partner, _A.c.sha256).join(_D, _D.c.id == _A.c.deposit_id)
    kept = received.union(select(_O.c.owner, _O.c.sha256), added, results.where(t.audit.c.result != "")).subquery()
    query = select(kept).where(~_purged(kept.c.owner, kept.c.sha256)).order_by(kept.c.owner, kept.c.sha256)
    for row in streamed(db, query):
        yield row.owner, row.sha256


def to_send(db: Connection) -> Iterator[tuple[str, str, str]]:
    """(file, owner, SHA-256) of every row of the outbox whose bytes were not purged."""
    query = select(_O).where(~_purged(_O.c.owner, _O.c.sha256)).order_by(_O.c.place, _O.c.name)
    for r in streamed(db, query):
        yield f"{r.place}/{r.name}", r.owner, r.sha256


def expired_leases(db: Connection, now_ms: int) -> tuple[list[str], int]:
    lot = t.lots
    rows = db.execute(select(lot.c.id, lot.c.lease_until).where(lot.c.state == "claimed").order_by(lot.c.id)).all()
    return [str(r.id) for r in rows if r.lease_until < now_ms], len(rows)


def _purged(owner: ColumnElement[str], sha256: ColumnElement[str]) -> ColumnElement[bool]:
    return select(t.purged.c.at).where(t.purged.c.owner == owner, t.purged.c.sha256 == sha256).exists()


def _on(day: str) -> ColumnElement[bool]:
    return _D.c.received_day == day if day else true()


def _has_something() -> ColumnElement[bool]:
    invoices = select(_I.c.rank).where(_I.c.deposit_id == t.flows.c.deposit_id, _I.c.outcome.in_(HOLDS_NUMBER))
    rows = select(_K.c.read).where(_K.c.deposit_id == t.flows.c.deposit_id, _K.c.read > _K.c.refused)
    return or_(invoices.exists(), rows.exists())


def _flows() -> Select[tuple[object, ...]]:
    return select(_D).join(t.flows, t.flows.c.deposit_id == _D.c.id)


def _invoices() -> Select[tuple[object, ...]]:
    return select(_D.c.partner, _D.c.name, _I.c.rank).select_from(_I).join(_D, _D.c.id == _I.c.deposit_id)


def _names(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[str]:
    for r in streamed(db, query.order_by(_D.c.id)):
        yield f"{r.partner}/{r.name}"


def _invoices_at(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[InvoiceAt]:
    for r in streamed(db, query.order_by(_I.c.deposit_id, _I.c.rank)):
        yield InvoiceAt(f"{r.partner}/{r.name}", r.rank)


def _how_many(outcome: InvoiceOutcome) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((_I.c.outcome == outcome.value, 1), else_=0)), 0)
