"""Where invoices stand in the ledger: a few queries for all that a file names, never one for each row."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import CTE, Connection, Table, and_, select, true
from sqlalchemy.sql import ColumnElement, Select

from pipeline.adapters.ledger import pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import chunks, storable, text_day
from pipeline.model import InvoiceKey, Standing

_I, _D, _R, _H = t.invoices, t.deposits, t.routings, t.handled
_NONE = (0, 0)
Here = tuple[int, int]


def find(db: Connection, keys: Iterable[InvoiceKey]) -> list[Standing]:
    """Every invoice that entered and has one of these suppliers and numbers, of whomever it is, oldest first."""
    wanted = {
        (key.supplier_type, storable(key.supplier.text), storable(key.number.text))
        for key in keys
        if key.supplier is not None and key.number is not None
    }
    suppliers = sorted({supplier for _, supplier, _ in wanted})
    found: dict[Here, Standing] = {}
    for numbers in chunks(sorted({number for *_, number in wanted})):
        for some in chunks(suppliers):  # by two lists: each pair is looked up in the index
            where = and_(_I.c.number.in_(numbers), _I.c.supplier.in_(some))
            for one in _read(db, where):
                if (one.supplier_type, one.supplier, one.number) in wanted:
                    found[one.deposit_id, one.rank] = one
    return _with_their_past(db, found)


def of(db: Connection, ids: Iterable[Here]) -> list[Standing]:
    """The same of these invoices (deposit, rank)."""
    found: dict[Here, Standing] = {}
    for part in pairs.parts(ids):
        for one in _read(db, true(), pairs.wanted(part)):
            found[one.deposit_id, one.rank] = one
    return _with_their_past(db, found)


def _read(db: Connection, where: ColumnElement[bool], some: CTE | None = None) -> Iterator[Standing]:
    """What entered: `status` is empty where an invoice was refused at integration, or waits. `some`: only these."""
    now = and_(_R.c.deposit_id == _I.c.deposit_id, _R.c.rank == _I.c.rank, _R.c.ordinal == _I.c.routing)
    query = (
        select(
            _I, _D.c.name.label("flow_name"), _R.c.recipient.label("to_recipient"),
            _R.c.recipient_name.label("to_name"), _R.c.service.label("to_service"),
            _R.c.commitment.label("to_commitment"), _R.c.receiver.label("to_receiver"), _H.c.credit_id,
            _H.c.credit_rank, _H.c.corrective_id, _H.c.corrective_rank, _H.c.at.label("handled_at"),
        )
        .join(_D, _D.c.id == _I.c.deposit_id)
        .outerjoin(_R, now)
        .outerjoin(_H, and_(_H.c.deposit_id == _I.c.deposit_id, _H.c.rank == _I.c.rank))
        .where(where, _I.c.status != "")
        .order_by(_I.c.deposit_id, _I.c.rank)
    )  # fmt: skip
    for r in db.execute(query if some is None else query.join(some, pairs.holds(_I, some))):
        yield _standing(r)


def _standing(r: Any) -> Standing:
    is_rerouted = r.routing > 0
    handled = ((r.credit_id, r.credit_rank), (r.corrective_id, r.corrective_rank))
    return Standing(
        deposit_id=r.deposit_id,
        rank=r.rank,
        issuer=r.partner,
        flow_name=r.flow_name,
        received_day=date.fromisoformat(r.received_day),
        supplier_type=r.supplier_type,
        supplier=r.supplier,
        supplier_name=r.supplier_name,
        number=r.number,
        issued=text_day(r.issued),
        type=r.type,
        framework=r.framework,
        currency=r.currency,
        total=r.total,
        total_millionths=r.total_millionths,
        recipient=r.to_recipient if is_rerouted else r.recipient,
        recipient_name=r.to_name if is_rerouted else r.recipient_name,
        service=r.to_service if is_rerouted else r.service,
        commitment=r.to_commitment if is_rerouted else r.commitment,
        receiver=r.to_receiver if is_rerouted else r.receiver,
        status=r.status,
        status_at=datetime.fromisoformat(r.status_at),
        sequence=0,
        routing=r.routing,
        is_handled=r.handled_at is not None,
        handled_as=handled if r.handled_at is not None else (_NONE, _NONE),
    )


def _with_their_past(db: Connection, found: dict[Here, Standing]) -> list[Standing]:
    """What happened to each of them until now, and what the credit notes among them cancel."""
    past: dict[Here, set[tuple[str, datetime]]] = {}
    sequences: dict[Here, int] = {}
    events: dict[Here, int] = {}
    cancels: dict[Here, Here] = {}
    x, e, ids = t.transitions, t.events, sorted(found)
    for part in pairs.parts(ids):
        some = pairs.wanted(part)
        for r in db.execute(_of(select(x.c.deposit_id, x.c.rank, x.c.sequence, x.c.status, x.c.at), x, some)):
            here = r.deposit_id, r.rank
            past.setdefault(here, set()).add((r.status, datetime.fromisoformat(r.at)))
            sequences[here] = max(sequences.get(here, 0), r.sequence)
        for r in db.execute(_of(select(e.c.deposit_id, e.c.rank, e.c.code, e.c.at), e, some)):
            here = r.deposit_id, r.rank
            past.setdefault(here, set()).add((r.code, datetime.fromisoformat(r.at)))
            events[here] = events.get(here, 0) + 1
        query = select(_H.c.deposit_id, _H.c.rank, _H.c.credit_id, _H.c.credit_rank)
        for r in db.execute(query.join(some, pairs.holds(_H, some, "credit_id", "credit_rank"))):
            cancels[r.credit_id, r.credit_rank] = r.deposit_id, r.rank
    return [
        replace(
            one,
            sequence=sequences.get(here, 0),
            past=frozenset(past.get(here, ())),
            events=events.get(here, 0),
            cancels=cancels.get(here, _NONE),
        )
        for here, one in sorted(found.items())
    ]


def _of(query: Select[Any], table: Table, some: CTE) -> Select[Any]:
    return query.join(some, pairs.holds(table, some))
