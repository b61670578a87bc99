"""The outbox: names and digests of bytes that are stored already. Sending copies them; nothing is rendered twice.

`ready` -> write under the temporary name -> `uploaded` -> rename -> `sent`. A row that is `uploaded` and whose
temporary name is gone was delivered: the partner may have fetched it since. `held`: a ledger that was restored from a
backup cannot know whether it was sent; it waits for an operator's word (`decide`), or until the same flow comes again.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_, update

from pipeline.adapters.ledger import bulk
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import Lot, ToSend, chunks

READY, UPLOADED, SENT, HELD = "ready", "uploaded", "sent", "held"


def unsent(db: Connection, lot: Lot) -> list[ToSend]:
    """What this lot still has to send, in the order of the deposits."""
    o = t.outbox
    where = (o.c.lot_id == lot.id) & o.c.state.in_((READY, UPLOADED))
    rows = db.execute(select(o).where(where).order_by(o.c.deposit_id, o.c.kind, o.c.place, o.c.name))
    return [_row(r) for r in rows]


def advance(db: Connection, lot: Lot, files: Sequence[ToSend], before: str, after: str) -> None:
    """Record one step of these files; one that is not where we think, or no longer in this lot, is left alone."""
    o = t.outbox
    named = tuple_(o.c.place, o.c.name)
    for part in chunks([(file.place, file.name) for file in files]):
        where = named.in_(part) & (o.c.state == before) & (o.c.lot_id == lot.id)
        db.execute(update(o).where(where).values(state=after))


def add(db: Connection, files: Sequence[ToSend], lot: Lot | None, audited: int = 0) -> None:
    """Put files in line, unless they are there; `audited`: the row of the audit chain that covers them."""
    more = {"lot_id": lot.id if lot else None, "audited": audited}
    rows = [columns(file) | {"state": READY} | more for file in files]
    bulk.add_absent(db, t.outbox, rows)


def columns(file: ToSend) -> dict[str, Any]:
    """The columns of a file to send."""
    return {"place": file.place, "name": file.name, "kind": file.kind, "owner": file.owner,
            "deposit_id": file.deposit_id, "sha256": file.sha256, "size_bytes": file.size_bytes,
            "state": file.state}  # fmt: skip


def reports_of(db: Connection, ids: Sequence[int]) -> dict[int, ToSend]:
    """The integration report of each of these deposits, where it was sent, or may have been."""
    o = t.outbox
    found: dict[int, ToSend] = {}
    for part in chunks(ids):
        where = o.c.deposit_id.in_(part) & (o.c.kind == "CSO") & o.c.state.in_((SENT, HELD))
        for r in db.execute(select(o).where(where)):
            found[r.deposit_id] = _row(r)
    return found


def _row(r: Any) -> ToSend:
    return ToSend(r.place, r.name, r.kind, r.owner, r.deposit_id, r.sha256, r.size_bytes, r.state)
