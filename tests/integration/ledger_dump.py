"""The ledger as plain rows, without the machinery of work: what two runs of the same drops must agree on."""

from typing import Any

from sqlalchemy import Column, select

from pipeline.adapters.ledger import Ledger
from pipeline.adapters.ledger.tables import metadata

MACHINERY = {"lots", "audit", "audit_heads", "alerts"}
COLUMNS = {"attempt", "lot_id", "fault", "faulted_by", "audited", "decided", "told"}
DEPOSITS = {"deposit_id", "first_id", "source_id", "credit_id", "corrective_id"}


def is_deposit(column: Column[Any]) -> bool:
    return column.name in DEPOSITS or (column.table.name, column.name) == ("deposits", "id")


def is_snapshot(column: Column[Any]) -> bool:
    return column.name == "snapshot_id" or (column.table.name, column.name) == ("snapshots", "id")


def canonical(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """Table -> rows sorted, deposits and snapshots by their natural key instead of their number."""
    told: dict[str, list[tuple[object, ...]]] = {}
    with ledger.reading() as db:
        deposits, snapshots = metadata.tables["deposits"], metadata.tables["snapshots"]
        names = {r.id: f"{r.partner}/{r.claim}" for r in db.execute(select(deposits))}
        imports = {r.id: f"{r.kind}/{r.name}" for r in db.execute(select(snapshots))}

        def plain(column: Column[Any], value: Any) -> object:
            if is_deposit(column):
                return names.get(value, value)
            return imports.get(value, value) if is_snapshot(column) else value

        for name, table in metadata.tables.items():
            if name in MACHINERY:
                continue
            kept = [c for c in table.columns if c.name not in COLUMNS]
            rows = [
                tuple((c.name, plain(c, v)) for c, v in zip(kept, row, strict=True))
                for row in db.execute(select(*kept))
            ]
            told[name] = sorted(rows, key=repr)
    return told
