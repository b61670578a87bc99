"""What issuers announced in their control files, beside what came."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, literal, select
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.night.flows import FlowAt, found_flows, of_day, select_flow
from pipeline.adapters.ledger.rows import REPEATED

_D, _V = t.deposits, t.verdicts


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
        select_flow(literal(""))
        .outerjoin(t.intakes, t.intakes.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _D.c.partner.in_(theirs.distinct()), _D.c.state != REPEATED)
        .where(_D.c.is_kept == 1, t.intakes.c.deposit_id.is_(None), ~named.exists())
        .where(_D.c.id.not_in(select(k.c.deposit_id).distinct()))
    )
    return found_flows(db, query)


def _holds(flow: Any, holder: Any) -> ColumnElement[bool]:
    held: ColumnElement[bool] = (
        select(holder.c.deposit_id).where(holder.c.deposit_id == flow.c.id, holder.c.holds_name == 1).exists()
    )
    return held


def count_controls(db: Connection, day: str) -> tuple[int, int]:
    """(control files, rows in them) received on a day."""
    k = t.controls
    query = select(func.count(k.c.deposit_id.distinct()), func.count()).where(k.c.deposit_id.in_(of_day(day)))
    files_, rows = db.execute(query).one()
    return int(files_), int(rows)
