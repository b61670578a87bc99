"""The rows behind what `reconcile.promises` says: each query gives what breaks it, one name at a time, and no more."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain, groupby
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql import Select

from pipeline.adapters.ledger import retention, telling
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.outbox import HELD
from pipeline.adapters.ledger.rows import QUARANTINED, REPEATED, chunks, moment
from pipeline.model import FlowState, InvoiceOutcome
from pipeline.reconcile import ANSWERED, InvoiceAt
from pipeline.returns import names

_D, _F, _I, _O, _V = t.deposits, t.findings, t.invoices, t.outbox, t.verdicts
_C, _X = t.changes, t.transitions
_INTEGRATED, _REFUSED = InvoiceOutcome.INTEGRATED.value, InvoiceOutcome.REFUSED.value
_REFUSING = ("fatal", "error")
_TOO_LARGE = "FLW-009"  # what is refused by it is hashed and not kept
_JUDGED = _F.c.judgement == _I.c.judgement  # findings of the judgement that counts


# --- doubles ----------------------------------------------------------------------------------------------------------


def unlinked_doubles(db: Connection) -> Iterator[str]:
    """Repetitions that do not name an earlier deposit of the same partner, name and bytes."""
    first = _D.alias()
    is_first = and_(
        first.c.id == _D.c.first_id, first.c.id != _D.c.id, first.c.partner == _D.c.partner,
        first.c.name_bytes == _D.c.name_bytes, first.c.sha256 == _D.c.sha256,
    )  # fmt: skip
    return _flows(db, select(_D).outerjoin(first, is_first).where(_D.c.state == REPEATED, first.c.id.is_(None)))


def nameless_flows(db: Connection) -> Iterator[str]:
    """Deposits that neither hold their name nor name the one of that name. What is no plain file holds nothing."""
    flow, first = t.flows, _D.alias()
    holds = and_(
        flow.c.deposit_id == _D.c.id, flow.c.partner == _D.c.partner, flow.c.name_bytes == _D.c.name_bytes,
        flow.c.sha256 == _D.c.sha256, flow.c.holds_name == 1,
    )  # fmt: skip
    has_name = and_(first.c.id == _D.c.first_id, first.c.partner == _D.c.partner, first.c.name_bytes == _D.c.name_bytes)
    is_a_flow = and_(_D.c.state != REPEATED, or_(_D.c.state != QUARANTINED, _D.c.is_kept == 1))
    query = select(_D).outerjoin(flow, holds).where(is_a_flow, flow.c.deposit_id.is_(None))
    return _flows(db, query.where(~select(first.c.id).where(has_name).exists()))


# --- checks and reasons -----------------------------------------------------------------------------------------------


def unchecked(db: Connection) -> Iterator[InvoiceAt]:
    """Integrated under a verdict without a directory, or that leaves rules unjudged."""
    is_short = or_(_V.c.snapshot == "", _V.c.not_judged.not_in(("", "[]")))
    return _invoices(
        db, _of_flows().join(_V, _V.c.deposit_id == _I.c.deposit_id).where(_I.c.outcome == _INTEGRATED, is_short)
    )


def integrated_against(db: Connection) -> Iterator[tuple[InvoiceAt, str]]:
    """Integrated invoices with a finding of their own, or on their whole flow, that keeps them out; and its rule."""
    own = and_(
        _F.c.deposit_id == _I.c.deposit_id, _F.c.rank == _I.c.rank, _JUDGED,
        _F.c.severity.in_((*_REFUSING, "hold")),
    )  # fmt: skip
    on_flow = and_(_F.c.deposit_id == _I.c.deposit_id, _F.c.rank == 0, _F.c.severity == "fatal")
    for met in (own, on_flow):
        query = (
            select(_D.c.partner, _D.c.name, _I.c.rank, _F.c.rule)
            .select_from(_F)
            .join(_I, met)
            .join(_D, _D.c.id == _I.c.deposit_id)
            .where(_I.c.outcome == _INTEGRATED)
            .order_by(_I.c.deposit_id, _I.c.rank)
        )
        for r in streamed(db, query):
            yield InvoiceAt(f"{r.partner}/{r.name}", r.rank), r.rule


def count_integrated(db: Connection) -> int:
    return _count(db, select(func.count()).select_from(_I).where(_I.c.outcome == _INTEGRATED))


def refused_without_reason(db: Connection) -> Iterator[InvoiceAt]:
    """Refused, and no finding of that judgement refuses it."""
    why = and_(_F.c.deposit_id == _I.c.deposit_id, _F.c.rank == _I.c.rank, _JUDGED, _F.c.severity.in_(_REFUSING))
    return _invoices(db, _of_flows().where(_I.c.outcome == _REFUSED, ~select(_F.c.rule).where(why).exists()))


def rejected_without_reason(db: Connection) -> Iterator[str]:
    """Flows that were reported as rejected, and nothing that was said then refuses anything of them."""
    why = and_(_F.c.deposit_id == _D.c.id, _F.c.judgement == 1, _F.c.severity.in_(_REFUSING))
    query = select(_D).join(_V, _V.c.deposit_id == _D.c.id).where(_V.c.state == FlowState.REJECTED.value)
    return _flows(db, query.where(~select(_F.c.rule).where(why).exists()))


def count_refused(db: Connection) -> int:
    return _count(db, select(func.count()).select_from(_I).where(_I.c.outcome == _REFUSED))


# --- changes of status after integration ------------------------------------------------------------------------------


def untold_since(db: Connection, before: datetime) -> Iterator[InvoiceAt]:
    """Invoices with a change that was applied before a moment, and that its issuer was not told."""
    query = _changed().join(t.audit, telling.APPLIED).where(t.UNTOLD, t.audit.c.at < moment(before))
    return _changes(db, query)


def told_without_file(db: Connection) -> Iterator[InvoiceAt]:
    """Invoices with a change that is said to be told by a return that is in no line."""
    told = and_(
        _O.c.place == "drop/" + _C.c.issuer, _O.c.name == _C.c.batch, _O.c.owner == _C.c.issuer,
        _O.c.kind == telling.LIFECYCLE,
    )  # fmt: skip
    return _changes(db, _changed().outerjoin(_O, told).where(_C.c.told > 0, _O.c.name.is_(None)))


def told_to_others(db: Connection) -> Iterator[InvoiceAt]:
    """Invoices with a change for another issuer than the one that dropped them."""
    return _changes(db, _changed().where(_C.c.issuer != _D.c.partner))


def empty_tellings(db: Connection) -> Iterator[str]:
    """Lifecycle returns of no flow in which there is no change."""
    tells = and_(_C.c.batch == _O.c.name, _C.c.issuer == _O.c.owner, _C.c.told > 0)
    later = and_(_O.c.kind == telling.LIFECYCLE, _O.c.deposit_id.is_(None))
    return _files(db, select(_O).where(later, ~select(_C.c.rank).where(tells).exists()))


def misnamed_tellings(db: Connection) -> Iterator[str]:
    """Lifecycle returns whose name does not follow from the first and the last change in them.

    Our application code is taken from the name itself: the settings may change.
    """
    query = (
        select(_C.c.issuer, _C.c.batch, _D.c.name, _C.c.rank, _C.c.sequence)
        .join(_X, telling.OF_TRANSITION)
        .join(_D, _D.c.id == _C.c.deposit_id)
        .where(_C.c.told > 0)
        .order_by(_C.c.issuer, _C.c.batch, *telling.IN_ORDER)
    )
    for (issuer, batch), several in groupby(streamed(db, query), key=lambda r: (r.issuer, r.batch)):
        begin, end = (names.transition_id(issuer, r.name, r.rank, r.sequence) for r in _ends(several))
        if batch != names.later_lifecycle_name(issuer, begin, end, names.ours_of(batch)):
            yield f"drop/{issuer}/out/{batch}"


def _ends(rows: Iterator[Any]) -> tuple[Any, Any]:
    """The first and the last of a run that is long."""
    first = last = next(rows)
    for row in rows:
        last = row
    return first, last


def count_told(db: Connection) -> int:
    return _count(db, select(func.count()).select_from(_C).where(_C.c.told > 0))


# --- the archive and its end ------------------------------------------------------------------------------------------


def answered_unkept(db: Connection) -> Iterator[str]:
    """Answered, and their bytes are not kept, although they were not too large to be."""
    why = and_(_F.c.deposit_id == _D.c.id, _F.c.rank == 0, _F.c.rule == _TOO_LARGE)
    query = select(_D).where(_D.c.is_kept == 0, _D.c.state.in_(ANSWERED))
    return _flows(db, query.where(~select(_F.c.rule).where(why).exists()))


def purged_too_early(db: Connection, before: date) -> Iterator[str]:
    """Purged objects that a row names which is not older than a day, or not final."""
    p = t.purged
    rows = streamed(db, select(p.c.owner, p.c.sha256).order_by(p.c.owner, p.c.sha256))
    for keys in chunks((r.owner, r.sha256) for r in rows):
        past = {one.key for one in retention.past(db, before, keys)}
        yield from (f"{owner}/{sha256}" for owner, sha256 in keys if (owner, sha256) not in past)


def count_purged(db: Connection) -> int:
    return _count(db, select(func.count()).select_from(t.purged))


# --- isolation --------------------------------------------------------------------------------------------------------


def misplaced(db: Connection) -> Iterator[str]:
    """Files of the outbox for a folder that is not their owner's."""
    theirs = or_(_O.c.place == "drop/" + _O.c.owner, _O.c.place == "recipients/" + _O.c.owner)
    return _files(db, select(_O).where(~theirs))


def foreign_answers(db: Connection) -> Iterator[str]:
    """Reports and lifecycle returns that go to another partner than the one that made the deposit."""
    query = select(_O).join(_D, _D.c.id == _O.c.deposit_id)
    return _files(db, query.where(_O.c.kind != "FEN0036A", _O.c.owner != _D.c.partner))


def uncalled_pivots(db: Connection) -> Iterator[str]:
    """Pivots of a deposit of which nothing is integrated for their receiver, nor sent again by what it asked for."""
    x, r = t.changes, t.routings
    theirs = and_(_I.c.deposit_id == _O.c.deposit_id, _I.c.receiver == _O.c.owner, _I.c.outcome == _INTEGRATED)
    asked = (
        select(x.c.rank)
        .join(_I, and_(_I.c.deposit_id == x.c.deposit_id, _I.c.rank == x.c.rank))
        .outerjoin(r, and_(r.c.deposit_id == x.c.deposit_id, r.c.rank == x.c.rank))
        .where(x.c.source_id == func.coalesce(_O.c.deposit_id, 0))
        .where(or_(_I.c.receiver == _O.c.owner, r.c.receiver == _O.c.owner))
    )
    uncalled = and_(~select(_I.c.rank).where(theirs).exists(), ~asked.exists())
    return _files(db, select(_O).where(_O.c.kind == "FEN0036A", uncalled))


def linked_across(db: Connection) -> Iterator[str]:
    """Deposits that name one of another partner, invoices and claims of numbers under the code of another one."""
    first, claim = _D.alias(), t.number_claims
    doubled = select(_D).join(first, first.c.id == _D.c.first_id).where(first.c.partner != _D.c.partner)
    invoices = select(_D).join(_I, _I.c.deposit_id == _D.c.id).where(_I.c.partner != _D.c.partner)
    claims = select(_D).join(claim, claim.c.deposit_id == _D.c.id)
    claimed = claims.where(claim.c.scope != "", claim.c.scope != _D.c.partner)
    return chain(_flows(db, doubled), _flows(db, invoices), _flows(db, claimed))


def count_files(db: Connection) -> int:
    return _count(db, select(func.count()).select_from(_O))


# --- after a restore --------------------------------------------------------------------------------------------------


def in_doubt(db: Connection) -> Iterator[str]:
    return _files(db, select(_O).where(_O.c.state == HELD))


# --- in common --------------------------------------------------------------------------------------------------------


def _of_flows() -> Select[tuple[object, ...]]:
    return select(_D.c.partner, _D.c.name, _I.c.rank).select_from(_I).join(_D, _D.c.id == _I.c.deposit_id)


def _changed() -> Select[tuple[object, ...]]:
    """Invoices by their changes, each once."""
    return select(_D.c.partner, _D.c.name, _C.c.deposit_id, _C.c.rank).distinct().select_from(_C).join(
        _D, _D.c.id == _C.c.deposit_id
    )  # fmt: skip


def _changes(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[InvoiceAt]:
    for r in streamed(db, query.order_by(_C.c.deposit_id, _C.c.rank)):
        yield InvoiceAt(f"{r.partner}/{r.name}", r.rank)


def _flows(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[str]:
    for r in streamed(db, query.order_by(_D.c.id)):
        yield f"{r.partner}/{r.name}"


def _invoices(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[InvoiceAt]:
    for r in streamed(db, query.order_by(_I.c.deposit_id, _I.c.rank)):
        yield InvoiceAt(f"{r.partner}/{r.name}", r.rank)


def _files(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[str]:
    for r in streamed(db, query.order_by(_O.c.place, _O.c.name)):
        yield f"{r.place}/out/{r.name}"


def _count(db: Connection, query: Select[Any]) -> int:
    return int(db.execute(query).scalar_one())
