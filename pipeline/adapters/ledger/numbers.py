"""Earlier invoices of a partner: what duplicates and credit notes are compared with."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, or_, select

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.commits import HOLDS_NUMBER
from pipeline.adapters.ledger.rows import chunks
from pipeline.model import Lookalike


def lookalikes(db: Connection, partner: str, numbers: Iterable[str]) -> list[Lookalike]:
    """Invoices of this partner, integrated or pending, with one of these numbers."""
    i, d = t.invoices, t.deposits
    found: list[Lookalike] = []
    # in this form no index serves it: the one on outcomes leads to all that is integrated
    holds = func.coalesce(i.c.outcome, "").in_(HOLDS_NUMBER)
    for part in chunks(sorted(set(numbers))):
        query = (
            select(i, d.c.name.label("flow_name"))
            .join(d, d.c.id == i.c.deposit_id)
            .where(i.c.partner == partner, i.c.number.in_(part), holds)
            .order_by(i.c.deposit_id, i.c.rank)
        )
        found += [
            Lookalike(r.number, r.supplier_type, r.supplier, int(r.issued[:4]) if r.issued else 0, r.total, r.currency,
                      r.flow_name, r.deposit_id, r.rank)
            for r in db.execute(query)
        ]  # fmt: skip
    return found


def known_numbers(db: Connection, partner: str, numbers: Iterable[str]) -> frozenset[tuple[str, str, str]]:
    """(supplier type, supplier, number) of claims this partner may hear of: its own, and those of proved rights."""
    n, d = t.number_claims, t.deposits
    found: set[tuple[str, str, str]] = set()
    for part in chunks(sorted(set(numbers))):
        query = (
            select(n.c.supplier_type, n.c.supplier, n.c.number)
            .join(d, d.c.id == n.c.deposit_id)
            .where(n.c.number.in_(part), or_(n.c.scope == "", d.c.partner == partner))
        )
        found.update((r.supplier_type, r.supplier, r.number) for r in db.execute(query))
    return frozenset(found)
