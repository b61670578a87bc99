"""What a pivot that goes out once more is made of: the one that was kept, and the files that were added since."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from pipeline.adapters.ledger import pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.pairs import Here

PIVOT = "FEN0036A"


@dataclass(frozen=True, slots=True)
class KeptPivot:
    """A pivot file in the store, under the code of the receiver that it went to."""

    owner: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Addition:
    """A file that was added to a suspended invoice, in the store under the code of the issuer."""

    name: str
    mime: str
    sha256: str
    size_bytes: int


def kept_pivots(db: Connection, invoices: Iterable[Here]) -> dict[Here, tuple[KeptPivot, ...]]:
    """The files of each invoice's flow that its first receiver got: one of them holds it. One query for 500 of them."""
    i, o = t.invoices, t.outbox
    found: dict[Here, list[KeptPivot]] = {}
    theirs = and_(o.c.deposit_id == i.c.deposit_id, o.c.kind == PIVOT, o.c.owner == i.c.receiver)
    for part in pairs.parts(invoices):
        some = pairs.wanted(part)
        query = select(i.c.deposit_id, i.c.rank, o.c.owner, o.c.sha256).join(some, pairs.holds(i, some)).join(o, theirs)
        for r in db.execute(query.order_by(i.c.deposit_id, i.c.rank, o.c.name)):
            found.setdefault((r.deposit_id, r.rank), []).append(KeptPivot(r.owner, r.sha256))
    return {here: tuple(some) for here, some in found.items()}


def additions(db: Connection, invoices: Iterable[Here]) -> dict[Here, tuple[Addition, ...]]:
    """The files added to each invoice, in the order in which they were."""
    a = t.additions
    found: dict[Here, list[Addition]] = {}
    for part in pairs.parts(invoices):
        some = pairs.wanted(part)
        query = select(a).join(some, pairs.holds(a, some))
        for r in db.execute(query.order_by(a.c.deposit_id, a.c.rank, a.c.sequence, a.c.position)):
            one = Addition(r.name, r.mime, r.sha256, r.size_bytes)
            found.setdefault((r.deposit_id, r.rank), []).append(one)
    return {here: tuple(files) for here, files in found.items()}
