"""The rows behind what `reconcile.promises` says: each query gives what breaks it, one name at a time, and no more."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql import Select

from pipeline.adapters.ledger import retention
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.outbox import HELD
from pipeline.adapters.ledger.rows import QUARANTINED, REPEATED, chunks
from pipeline.model import FlowState, InvoiceOutcome
from pipeline.reconcile import ANSWERED, InvoiceAt

_D, _F, _I, _O, _V = t.deposits, t.findings, t.invoices, t.outbox, t.verdicts
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
    """Pivots of a deposit of which nothing is integrated for their receiver."""
    theirs = and_(_I.c.deposit_id == _O.c.deposit_id, _I.c.receiver == _O.c.owner, _I.c.outcome == _INTEGRATED)
    return _files(db, select(_O).where(_O.c.kind == "FEN0036A", ~select(_I.c.rank).where(theirs).exists()))


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
