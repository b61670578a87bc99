"""What must stand around the ledger: objects in the store, files in the folders."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select, union

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.night.flows import of_day
from pipeline.adapters.ledger.outbox import SENT
from pipeline.audit.form import RESULTS, room

_D, _O = t.deposits, t.outbox


class ToFind(NamedTuple):
    """An object that must be in the store, and what names it: a flow as it came, or a file to send."""

    owner: str
    sha256: str
    size_bytes: int
    partner: str
    what: str


def to_find(db: Connection, owner: str) -> Iterator[ToFind]:
    """Everything that rows name for an owner and that was not purged, by digest, each once."""
    received = select(
        _D.c.sha256.label("sha256"), _D.c.size_bytes.label("size_bytes"), _D.c.partner.label("partner"),
        _D.c.name.label("what"),
    ).where(_D.c.partner == owner, _D.c.is_kept == 1)  # fmt: skip
    to_send = (
        select(
            _O.c.sha256, _O.c.size_bytes, func.coalesce(_D.c.partner, _O.c.owner), func.coalesce(_D.c.name, _O.c.name)
        )
        .outerjoin(_D, _D.c.id == _O.c.deposit_id)
        .where(_O.c.owner == owner)
    )
    a = t.additions
    added = (
        select(a.c.sha256, a.c.size_bytes, _D.c.partner, _D.c.name)
        .join(_D, _D.c.id == a.c.deposit_id)
        .where(_D.c.partner == owner)
    )
    every = received.union_all(to_send, added).subquery()
    gone = select(t.purged.c.at).where(t.purged.c.owner == owner, t.purged.c.sha256 == every.c.sha256)
    query = (
        select(
            every.c.sha256, func.max(every.c.size_bytes).label("size_bytes"),
            func.min(every.c.partner).label("partner"), func.min(every.c.what).label("what"),
        )
        .where(~gone.exists())
        .group_by(every.c.sha256)
        .order_by(every.c.sha256)
    )  # fmt: skip
    for r in streamed(db, query):
        yield ToFind(owner, r.sha256, r.size_bytes, r.partner, r.what)


def owners(db: Connection) -> set[str]:
    """Everybody for whom something must be in the store."""
    several = union(select(_D.c.partner).where(_D.c.is_kept == 1), select(_O.c.owner))
    return set(db.execute(several).scalars())


def results_to_find(db: Connection, partner: str) -> Iterator[ToFind]:
    """The objects that the units of a partner left for the audit, by digest, each once."""
    a = t.audit
    gone = select(t.purged.c.at).where(
        t.purged.c.owner == room(partner, RESULTS), t.purged.c.sha256 == a.c.result
    )  # fmt: skip
    query = select(a.c.result).where(a.c.partner == partner, a.c.result != "", ~gone.exists()).distinct()
    for (sha256,) in streamed(db, query.order_by(a.c.result)):
        yield ToFind(room(partner, RESULTS), sha256, 0, partner, "")


class InOut(NamedTuple):
    """One file of the outbox, as it must stand in its folder if it is there."""

    name: str
    kind: str
    sha256: str
    size_bytes: int
    state: str
    flow: str
    received_at: datetime | None


def of_place(db: Connection, place: str, names: Sequence[str]) -> dict[str, InOut]:
    """The files of one place among these names (a few hundred at a time)."""
    query = (
        select(
            _O.c.name, _O.c.kind, _O.c.sha256, _O.c.size_bytes, _O.c.state, func.coalesce(_D.c.name, "").label("flow"),
            _D.c.received_at,
        )
        .outerjoin(_D, _D.c.id == _O.c.deposit_id)
        .where(_O.c.place == place, _O.c.name.in_(names))
    )  # fmt: skip
    return {
        r.name: InOut(
            r.name, r.kind, r.sha256, r.size_bytes, r.state, r.flow,
            datetime.fromisoformat(r.received_at) if r.received_at else None,
        )
        for r in db.execute(query)
    }  # fmt: skip


def sent_names(db: Connection, day: str) -> Iterator[tuple[str, str]]:
    """(place, name) of what was sent in answer to the flows of a day."""
    query = (
        select(_O.c.place, _O.c.name)
        .where(_O.c.deposit_id.in_(of_day(day)), _O.c.state == SENT)
        .order_by(_O.c.place, _O.c.name)
    )
    for r in streamed(db, query):
        yield r.place, r.name
