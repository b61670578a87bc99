"""Parts of the questions of the night: the flows of a day, a flow and an invoice as a difference names them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, literal, select
from sqlalchemy.sql import Select

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed

_D, _I = t.deposits, t.invoices


class FlowAt(NamedTuple):
    """One flow of the ledger, and what is the matter with it."""

    deposit: int
    partner: str
    name: str
    received_at: datetime
    what: str = ""
    number: int = 0


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


def of_day(day: str) -> Select[Any]:
    """The deposits received on a day, by their ids."""
    return select(_D.c.id).where(_D.c.received_day == day)


def select_flow(what: Any) -> Select[Any]:
    """The columns of a `FlowAt`, in the order of the deposits."""
    return select(
        _D.c.id, _D.c.partner, _D.c.name, _D.c.received_at, what.label("what"), literal(0).label("number")
    ).order_by(_D.c.id)


def flow_at(r: Any) -> FlowAt:
    return FlowAt(r.id, r.partner, r.name, datetime.fromisoformat(r.received_at), r.what, int(r[5]))


def found_flows(db: Connection, query: Select[Any]) -> Iterator[FlowAt]:
    for r in streamed(db, query):
        yield flow_at(r)


def select_invoice(what: Any) -> Select[Any]:
    """The columns of an `InvoiceFound`."""
    return (
        select(
            _D.c.partner, _D.c.name, _I.c.rank, _I.c.supplier, _I.c.number, _I.c.currency, _I.c.total_millionths,
            what.label("what"),
        )
        .select_from(_I)
        .join(_D, _D.c.id == _I.c.deposit_id)
    )  # fmt: skip


def found_invoices(db: Connection, query: Select[Any]) -> Iterator[InvoiceFound]:
    for r in streamed(db, query):
        yield InvoiceFound(*r)
