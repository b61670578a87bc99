"""The outbox: names and digests of bytes that are stored already. Sending copies them; nothing is rendered twice.

`ready` -> write under the temporary name -> `uploaded` -> rename -> `sent`. A row that is `uploaded` and whose
temporary name is gone was delivered: the partner may have fetched it since.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_, update

from pipeline.adapters.ledger import bulk
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import Lot, ToSend, chunks

READY, UPLOADED, SENT = "ready", "uploaded", "sent"


def unsent(db: Connection, lot: Lot) -> list[ToSend]:
    """What this lot still has to send, in the order of the deposits."""
    o = t.outbox
    where = (o.c.lot_id == lot.id) & (o.c.state != SENT)
    rows = db.execute(select(o).where(where).order_by(o.c.deposit_id, o.c.kind, o.c.place, o.c.name))
    return [_row(r) for r in rows]


def advance(db: Connection, lot: Lot, files: Sequence[ToSend], before: str, after: str) -> None:
    """Record one step of these files; one that is not where we think, or no longer in this lot, is left alone."""
    o = t.outbox
    named = tuple_(o.c.place, o.c.name)
    for part in chunks([(file.place, file.name) for file in files]):
        where = named.in_(part) & (o.c.state == before) & (o.c.lot_id == lot.id)
        db.execute(update(o).where(where).values(state=after))


def add(db: Connection, files: Sequence[ToSend], lot: Lot | None) -> None:
    """Put files in line, unless they are there."""
    rows = [
        {"place": f.place, "name": f.name, "kind": f.kind, "owner": f.owner, "deposit_id": f.deposit_id,
         "sha256": f.sha256, "size_bytes": f.size_bytes, "state": READY, "lot_id": lot.id if lot else None}
        for f in files
    ]  # fmt: skip
    bulk.add_absent(db, t.outbox, rows)


def reports_of(db: Connection, ids: Sequence[int]) -> dict[int, ToSend]:
    """The integration report of each of these deposits, where it was sent."""
    o = t.outbox
    found: dict[int, ToSend] = {}
    for part in chunks(ids):
        where = o.c.deposit_id.in_(part) & (o.c.kind == "CSO") & (o.c.state == SENT)
        for r in db.execute(select(o).where(where)):
            found[r.deposit_id] = _row(r)
    return found


def _row(r: Any) -> ToSend:
    return ToSend(r.place, r.name, r.kind, r.owner, r.deposit_id, r.sha256, r.size_bytes, r.state)
