"""Changes after integration, written into a ledger as the product writes them: with a row of their issuer's chain."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select, update

from pipeline.adapters.ledger import Connection, Ledger, audit
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import moment
from pipeline.audit.form import CHANGE, covered

APPLIED = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
Step = tuple[int, str, datetime]  # rank of the invoice, status, when


def change(
    ledger: Ledger, deposit: int, *steps: Step, applied: datetime = APPLIED, rerouted: str = "", **more: Any
) -> int:
    """These changes of invoices of one deposit, in one transaction; the row of the chain that covers them.

    `rerouted`: the recipient of the first of them from there on. `more`: columns of `changes` and of `transitions`.
    """
    with ledger.writing() as db:
        return write(db, deposit, steps, applied, rerouted, **more)


def write(
    db: Connection, deposit: int, steps: Sequence[Step], applied: datetime, rerouted: str = "", **more: Any
) -> int:
    x = t.transitions
    issuer = db.execute(select(t.deposits.c.partner).where(t.deposits.c.id == deposit)).scalar_one()
    moves: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    routings: list[dict[str, Any]] = []
    reached: dict[int, int] = {}
    for rank, status, at in steps:
        if rank not in reached:
            mine = (x.c.deposit_id == deposit) & (x.c.rank == rank)
            reached[rank] = db.execute(select(func.max(x.c.sequence)).where(mine)).scalar_one()
        reached[rank] += 1
        key = {"deposit_id": deposit, "rank": rank, "sequence": reached[rank]}
        moves.append(key | {"status": status, "at": moment(at), "comment": more.get("comment", ""),
                            "set_by": more.get("set_by", "recipient"), "batch": ""})  # fmt: skip
        changes.append(key | {"issuer": issuer, "source_id": more.get("source_id", 0),
                              "source_rank": more.get("source_rank", 0), "reason": more.get("reason", ""),
                              "mandate": more.get("mandate", ""), "producer": more.get("producer", "REC003"),
                              "operator": more.get("operator", "")})  # fmt: skip
        if rerouted and not routings:
            routings.append(key | {"ordinal": 1, "recipient": rerouted, "recipient_name": "Autre", "service": "S2",
                                   "commitment": "", "receiver": "PORTAL", "snapshot": "annuaire"})  # fmt: skip
    tables = {"transitions": moves, "changes": changes, "routings": routings}
    cover = covered([(name, deposit, audit.records(name, rows)) for name, rows in tables.items() if rows])
    row = audit.append(db, issuer, CHANGE, applied, cover, detail={"marks": cover.marks})
    for name, rows in tables.items():
        if rows:
            db.execute(insert(t.metadata.tables[name]), [one | {"audited": row} for one in rows])
    for one in moves:
        mine = (t.invoices.c.deposit_id == deposit) & (t.invoices.c.rank == one["rank"])
        stands = {"status": one["status"], "status_at": one["at"]} | ({"routing": 1} if rerouted else {})
        db.execute(update(t.invoices).where(mine).values(**stands))
    return row
