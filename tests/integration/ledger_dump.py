"""The ledger as plain rows, without the machinery of work: what two runs of the same drops must agree on."""

from typing import Any

from sqlalchemy import Column, select

from pipeline.adapters.ledger import Ledger
from pipeline.adapters.ledger.tables import metadata

MACHINERY = {"lots", "audit"}
COLUMNS = {"attempt", "lot_id", "fault", "faulted_by", "audited"}


def is_deposit(column: Column[Any]) -> bool:
    return column.name in {"deposit_id", "first_id"} or (column.table.name, column.name) == ("deposits", "id")


def canonical(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """Table -> rows sorted, deposits by their natural key instead of their number."""
    told: dict[str, list[tuple[object, ...]]] = {}
    with ledger.reading() as db:
        deposits = metadata.tables["deposits"]
        names = {r.id: f"{r.partner}/{r.claim}" for r in db.execute(select(deposits))}
        for name, table in metadata.tables.items():
            if name in MACHINERY:
                continue
            kept = [c for c in table.columns if c.name not in COLUMNS]
            rows = [
                tuple((c.name, names.get(v, v) if is_deposit(c) else v) for c, v in zip(kept, row, strict=True))
                for row in db.execute(select(*kept))
            ]
            told[name] = sorted(rows, key=repr)
    return told
