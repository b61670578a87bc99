"""What the rows of the audit chains cover, as it stands in the ledger: a query a table, merged as it is hashed.

Nothing is held in memory but the records of one table and one deposit.
"""

from collections.abc import Collection, Iterator
from heapq import merge
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, case, func, literal, select
from sqlalchemy.sql import ColumnElement, Select

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.audit.form import COVERED, ORDER, Group

NO_ROW = -1  # of an invoice whose flow has no verdict: no row covers it
_D, _V, _I, _F, _O, _C = t.deposits, t.verdicts, t.invoices, t.findings, t.outbox, t.changes
_LATER = _I.c.judgement > 1
_NAME = COVERED["deposits"].index("name_bytes")
_FIRST = {"outcome": case((_LATER, "pending"), else_=_I.c.outcome), "receiver": case((_LATER, ""), else_=_I.c.receiver)}


def groups(
    db: Connection, partner: str = "", first: int = 0, last: int | None = None, *, tables: Collection[str] = COVERED
) -> Iterator[Group]:
    """By partner (or of one, between two rows of its chain), by row of the chain, by deposit, then as in `COVERED`.

    Records that name no row at all come under `NO_ROW`; not where only a part is asked for. `tables`: of these only,
    in a ledger that has not got all of them yet.
    """
    several = [
        _groups(db, table, *_bounded(asked, partner, first, last))
        for table, asked in _asked().items()
        if table in tables
    ]
    yield from merge(*several, key=lambda group: (group.partner, group.sequence, group.deposit, ORDER[group.table]))


_Asked = tuple[Select[Any], ColumnElement[Any], ColumnElement[Any], tuple[ColumnElement[Any], ...]]


def _bounded(asked: _Asked, partner: str, first: int, last: int | None) -> tuple[Select[Any]]:
    query, owner, row, order = asked
    if partner:
        query = query.where(owner == partner)
    if first:
        query = query.where(row >= first)
    if last is not None:
        query = query.where(row <= last)
    return (query.order_by(owner, row, *order),)


def _groups(db: Connection, table: str, query: Select[Any]) -> Iterator[Group]:
    for (partner, row, deposit), several in groupby(streamed(db, query), key=lambda r: (r[0], r[1], r[2])):
        records = [tuple(r)[3:] for r in several]
        if table == "deposits":
            records = [(*r[:_NAME], bytes(r[_NAME]).hex(), *r[_NAME + 1 :]) for r in records]
        yield Group(partner, row, deposit, table, records)


def _asked() -> dict[str, _Asked]:
    """Table -> its query: the partner, the row of the chain and the deposit stand before what is covered."""
    owner = func.coalesce(_D.c.partner, _O.c.owner)
    sent = func.coalesce(_O.c.deposit_id, 0)
    first = func.coalesce(_V.c.audited, NO_ROW)
    judged = case((_F.c.judgement > 1, func.coalesce(_I.c.decided, NO_ROW)), else_=first)
    days = t.reject_days
    return {
        "deposits": (_select(_D, _D.c.partner, _D.c.audited, _D.c.id), _D.c.partner, _D.c.audited, (_D.c.id,)),
        "verdicts": _of_deposit(_V, _V.c.audited),
        "invoices": (
            _select(_I, _D.c.partner, first, _I.c.deposit_id, "invoices", **_FIRST)
            .join(_D, _D.c.id == _I.c.deposit_id)
            .outerjoin(_V, _V.c.deposit_id == _I.c.deposit_id),
            _D.c.partner, first, (_I.c.deposit_id, _I.c.rank),
        ),
        "decided": (
            _select(_I, _D.c.partner, _I.c.decided, _I.c.deposit_id, "decided")
            .join(_D, _D.c.id == _I.c.deposit_id)
            .where(_LATER),
            _D.c.partner, _I.c.decided, (_I.c.deposit_id, _I.c.rank),
        ),
        "findings": (
            _select(_F, _D.c.partner, judged, _F.c.deposit_id)
            .join(_D, _D.c.id == _F.c.deposit_id)
            .outerjoin(_V, _V.c.deposit_id == _F.c.deposit_id)
            .outerjoin(_I, and_(_I.c.deposit_id == _F.c.deposit_id, _I.c.rank == _F.c.rank)),
            _D.c.partner, judged, (_F.c.deposit_id, _F.c.rank, _F.c.judgement, _F.c.position),
        ),
        "transitions": _of_deposit(t.transitions, t.transitions.c.audited, "rank", "sequence"),
        "outbox": (
            _select(_O, owner, _O.c.audited, sent).outerjoin(_D, _D.c.id == _O.c.deposit_id),
            owner, _O.c.audited, (sent, _O.c.place, _O.c.name),
        ),
        "decisions": _of_deposit(t.decisions, t.decisions.c.audited, "rank"),
        "operations": _of_deposit(t.operations, t.operations.c.audited, "ordinal"),
        "shadows": _of_deposit(t.shadows, t.shadows.c.audited, "ordinal"),
        "reject_days": (
            _select(days, days.c.partner, days.c.audited, literal(0)),
            days.c.partner, days.c.audited, (days.c.supplier, days.c.day, days.c.ordinal),
        ),
        "changes": _of_deposit(_C, _C.c.audited, "rank", "sequence"),
        "told": (
            _select(_C, _D.c.partner, _C.c.told, _C.c.deposit_id, "told")
            .join(_D, _D.c.id == _C.c.deposit_id)
            .where(_C.c.told > 0),
            _D.c.partner, _C.c.told, (_C.c.deposit_id, _C.c.rank, _C.c.sequence),
        ),
        "routings": _of_deposit(t.routings, t.routings.c.audited, "rank", "ordinal"),
        "events": _of_deposit(t.events, t.events.c.audited, "rank", "ordinal"),
        "additions": _of_deposit(t.additions, t.additions.c.audited, "rank", "sequence", "position"),
        "handled": _of_deposit(t.handled, t.handled.c.audited, "rank"),
        "intakes": _of_deposit(t.intakes, t.intakes.c.audited),
        "controls": _of_deposit(t.controls, t.controls.c.audited, "position"),
    }  # fmt: skip


def _of_deposit(table: Any, row: ColumnElement[Any], *keys: str) -> _Asked:
    """A table whose records belong to a deposit, and hold the row that covers them."""
    query = _select(table, _D.c.partner, row, table.c.deposit_id).join(_D, _D.c.id == table.c.deposit_id)
    return query, _D.c.partner, row, (table.c.deposit_id, *(table.c[key] for key in keys))


def _select(
    table: Any, owner: ColumnElement[Any], row: ColumnElement[Any], deposit: ColumnElement[Any], name: str = "",
    **instead: ColumnElement[Any],
) -> Select[Any]:  # fmt: skip
    columns = (instead.get(column, table.c[column]) for column in COVERED[name or table.name])
    return select(
        owner.label("chain_partner"), row.label("chain_row"), deposit.label("chain_deposit"),
        *(column.label(f"c{rank}") for rank, column in enumerate(columns)),
    ).select_from(table)  # fmt: skip
