"""What the nightly reconciliation asks: the answers of one business day, what waits, who is at work, which objects."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, and_, func, literal, select, union_all

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import CLAIMED, UNSENT
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED
from pipeline.model import InvoiceOutcome
from pipeline.reconcile import AtWork, InvoiceAt, Waits

PIVOT = "FEN0036A"
_D, _I, _O = t.deposits, t.invoices, t.outbox


def answers(db: Connection, day: str) -> dict[str, Counter[str]]:
    """Kind of file -> state in the outbox -> files, of what was received on a day (ISO, in Paris)."""
    query = (
        select(_O.c.kind, _O.c.state, func.count())
        .join(_D, _D.c.id == _O.c.deposit_id)
        .where(_D.c.received_day == day)
        .group_by(_O.c.kind, _O.c.state)
    )
    found: dict[str, Counter[str]] = {}
    for kind, state, count in db.execute(query):
        found.setdefault(kind, Counter())[state] += count
    return found


def without_pivot(db: Connection, day: str) -> list[InvoiceAt]:
    """Integrated invoices of a day whose receiver got no pivot of their flow."""
    pivot = and_(_O.c.deposit_id == _I.c.deposit_id, _O.c.kind == PIVOT, _O.c.owner == _I.c.receiver)
    query = (
        select(_D.c.partner, _D.c.name, _I.c.rank)
        .join(_I, _I.c.deposit_id == _D.c.id)
        .where(_D.c.received_day == day, _I.c.outcome == InvoiceOutcome.INTEGRATED.value)
        .where(~select(_O.c.name).where(pivot).exists())
        .order_by(_D.c.id, _I.c.rank)
    )
    return [InvoiceAt(f"{r.partner}/{r.name}", r.rank) for r in db.execute(query)]


def waiting(db: Connection) -> tuple[Waits | None, int]:
    """The oldest deposit that is not finished, and how many there are.

    What is no plain file stays set apart for good, with nobody to answer: it is not waited for.
    """
    held = select(_I.c.deposit_id).where(_I.c.outcome == InvoiceOutcome.PENDING.value)
    unsent = select(_O.c.deposit_id).where(_O.c.state.in_(UNSENT), _O.c.deposit_id.is_not(None))
    several = union_all(
        *(
            select(_D.c.id, _D.c.received_at, _D.c.partner, _D.c.name, literal(reason).label("reason")).where(where)
            for reason, where in (
                ("judgement", _D.c.state == RECEIVED),
                ("quarantine", and_(_D.c.state == QUARANTINED, _D.c.is_kept == 1)),
                ("commitments", _D.c.id.in_(held)),
                ("sending", _D.c.id.in_(unsent)),
            )
        )
    ).subquery()
    first = db.execute(select(several).order_by(several.c.received_at, several.c.id).limit(1)).first()
    if first is None:
        return None, 0
    count = db.execute(select(func.count(several.c.id.distinct()))).scalar_one()
    since = datetime.fromisoformat(first.received_at)
    return Waits(first.reason, since, first.partner, first.name), int(count)


def at_work(db: Connection) -> list[AtWork]:
    """The lots that workers have in their hands."""
    lot = t.lots
    query = select(lot.c.id, lot.c.kind, lot.c.partner).where(lot.c.state == CLAIMED).order_by(lot.c.id)
    return [AtWork(*row) for row in db.execute(query)]


def named(db: Connection, owner: str) -> Iterator[str]:
    """The digests of all that rows name for an owner, purged or not, in their order, each once."""
    received = select(_D.c.sha256).where(_D.c.partner == owner, _D.c.is_kept == 1)
    added = select(t.additions.c.sha256).join(_D, _D.c.id == t.additions.c.deposit_id).where(_D.c.partner == owner)
    every = received.union(select(_O.c.sha256).where(_O.c.owner == owner), added)
    yield from db.execute(every.order_by("sha256")).scalars()
