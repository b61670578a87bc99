"""The work list of issuers: invoices that were sent back and wait for them, the oldest first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from pipeline.adapters.ledger import pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.pairs import Here
from pipeline.adapters.ledger.rows import moment

PAGE = 500
After = tuple[str, int, int]  # moment, deposit and rank of the last one of a page


@dataclass(frozen=True, slots=True)
class SentBack:
    """One invoice that its recipient sent back, as it stands."""

    deposit_id: int
    rank: int
    partner: str
    supplier_type: str
    supplier: str
    number: str
    issued: str
    total: str
    currency: str
    recipient: str
    recipient_name: str
    service: str
    commitment: str
    status: str  # 04, 05 or 06
    since: datetime
    comment: str = ""
    reason: str = ""

    @property
    def after(self) -> After:
        """What the next page begins after."""
        return moment(self.since), self.deposit_id, self.rank


def page(db: Connection, partner: str = "", after: After | None = None, count: int = PAGE) -> list[SentBack]:
    """The next invoices to act on; a rejected one that is handled is none. Three queries, whatever the ledger holds."""
    i, r, h = t.invoices, t.routings, t.handled
    now = and_(r.c.deposit_id == i.c.deposit_id, r.c.rank == i.c.rank, r.c.ordinal == i.c.routing)
    dealt = select(h.c.rank).where(h.c.deposit_id == i.c.deposit_id, h.c.rank == i.c.rank)
    query = (
        select(
            i, r.c.recipient.label("to_recipient"), r.c.recipient_name.label("to_name"),
            r.c.service.label("to_service"), r.c.commitment.label("to_commitment"),
        )
        .outerjoin(r, now)
        .where(t.TO_DO, ~dealt.exists())
        .order_by(i.c.status_at, i.c.deposit_id, i.c.rank)
        .limit(count)
        # SQLite would take that on statuses, and sort all that waits for every page
        .with_hint(i, f"INDEXED BY ix_invoices_todo{'_partner' if partner else ''}", "sqlite")
    )  # fmt: skip
    if partner:
        query = query.where(i.c.partner == partner)
    if after is not None:
        at, deposit_id, rank = after
        later = and_(i.c.deposit_id == deposit_id, i.c.rank > rank)
        # the first condition alone is what the index is entered by
        query = query.where(
            i.c.status_at >= at, or_(i.c.status_at > at, i.c.deposit_id > deposit_id, later)
        )  # fmt: skip
    rows = db.execute(query).all()
    said = _said(db, [(row.deposit_id, row.rank) for row in rows])
    return [_item(row, *said.get((row.deposit_id, row.rank), ("", ""))) for row in rows]


def count(db: Connection, partner: str = "") -> dict[str, int]:
    """Status -> how many wait."""
    i, h = t.invoices, t.handled
    dealt = select(h.c.rank).where(h.c.deposit_id == i.c.deposit_id, h.c.rank == i.c.rank)
    query = select(i.c.status, func.count()).where(t.TO_DO, ~dealt.exists()).group_by(i.c.status)
    if partner:
        query = query.where(i.c.partner == partner)
    return {status: number for status, number in db.execute(query)}  # noqa: C416


def _said(db: Connection, invoices: Sequence[Here]) -> dict[Here, tuple[str, str]]:
    """What the recipient said when it sent each of them back: comment and code of the reason, of the last status."""
    x, c = t.transitions, t.changes
    found: dict[Here, tuple[int, str, str]] = {}
    mine = and_(c.c.deposit_id == x.c.deposit_id, c.c.rank == x.c.rank, c.c.sequence == x.c.sequence)
    for part in pairs.parts(invoices):
        some = pairs.wanted(part)
        query = select(x.c.deposit_id, x.c.rank, x.c.sequence, x.c.comment, c.c.reason).outerjoin(c, mine)
        for row in db.execute(query.join(some, pairs.holds(x, some))):
            here = row.deposit_id, row.rank
            if row.sequence >= found.get(here, (0, "", ""))[0]:
                found[here] = row.sequence, row.comment, row.reason or ""
    return {here: (comment, reason) for here, (_, comment, reason) in found.items()}


def _item(r: Any, comment: str, reason: str) -> SentBack:
    is_rerouted = r.routing > 0
    return SentBack(
        r.deposit_id, r.rank, r.partner, r.supplier_type, r.supplier, r.number, r.issued or "", r.total, r.currency,
        r.to_recipient if is_rerouted else r.recipient, r.to_name if is_rerouted else r.recipient_name,
        r.to_service if is_rerouted else r.service, r.to_commitment if is_rerouted else r.commitment,
        r.status, datetime.fromisoformat(r.status_at), comment, reason,
    )  # fmt: skip
