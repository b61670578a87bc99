"""The ledger as plain rows, without the machinery of work: what two runs of the same drops must agree on."""

from sqlalchemy import select

from pipeline.adapters.ledger import Ledger
from pipeline.adapters.ledger.tables import metadata

MACHINERY = {"lots", "audit"}
COLUMNS = {"attempt", "lot_id", "fault", "faulted_by", "audited"}


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
            rows = []
            for row in db.execute(select(*kept)):
                rows.append(
                    tuple(
                        (
                            c.name,
                            names.get(v, v)
                            if c.name in {"deposit_id", "first_id"} or (name, c.name) == ("deposits", "id")
                            else v,
                        )
                        for c, v in zip(kept, row, strict=True)
                    )
                )
            told[name] = sorted(rows, key=repr)
    return told
