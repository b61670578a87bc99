"""Stored bytes whose time is over: which they are, and the rows that say that they were purged.

An object may go when every row that names it is old and final. The row of `purged` is written before the bytes go;
whoever brings the same bytes again (`came_back`) takes it away first. Both meet in one lock (on SQLite only one
transaction writes at a time), so that no bytes go on which somebody has just counted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Label, Select, and_, case, delete, exists, func, or_, select, true, union_all
from sqlalchemy import tuple_ as pair
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import audit, bulk, locks
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.claims import UNSENT
from pipeline.adapters.ledger.rows import REPEATED, chunks, moment, storable
from pipeline.audit.form import PURGE, RETURNED
from pipeline.model import PARIS, InvoiceOutcome
from pipeline.plural import counted
from pipeline.reconcile import ANSWERED

_PURGED = "purged"  # the lock: shared by who counts on bytes, alone for who lets them go
Key = tuple[str, str]  # owner, SHA-256
_D, _I, _O, _P, _R, _X = t.deposits, t.invoices, t.outbox, t.purged, t.reject_days, t.transitions
REJECTS = "REJETS"
_DAY_CHARS = 10  # of a moment
FINAL = (*sorted(ANSWERED), REPEATED)


@dataclass(frozen=True, slots=True)
class Object:
    """One object that may go: its size, the youngest day that any row gives it, and whether it was purged already."""

    owner: str
    sha256: str
    size_bytes: int
    day: date
    is_purged: bool

    @property
    def key(self) -> Key:
        return self.owner, self.sha256


def past(db: Connection, before: date, keys: Sequence[Key] = ()) -> Iterator[Object]:
    """Every object (or of these) whose youngest row is older than a day in Paris and final, sorted, purged or not."""
    if not is_any_old(db, before):
        return
    rows = union_all(
        _received(before).where(_near(keys, _D.c.partner, _D.c.sha256)),
        _sent(before).where(_near(keys, _O.c.owner, _O.c.sha256)),
        _added(before).where(_near(keys, _D.c.partner, t.additions.c.sha256)),
        _rejects(before).where(_near(keys, _O.c.owner, _O.c.sha256)),
        _told(before).where(_near(keys, _O.c.owner, _O.c.sha256)),
    ).subquery()
    query = (
        select(
            rows.c.owner, rows.c.sha256, func.max(rows.c.size_bytes).label("size_bytes"),
            func.max(rows.c.day).label("day"), func.max(_P.c.at).label("purged"),
        )
        .outerjoin(_P, and_(_P.c.owner == rows.c.owner, _P.c.sha256 == rows.c.sha256))
        .where(pair(rows.c.owner, rows.c.sha256).in_(keys) if keys else true())
        .group_by(rows.c.owner, rows.c.sha256)
        .having(func.max(rows.c.is_needed) == 0)
        .order_by(rows.c.owner, rows.c.sha256)
    )  # fmt: skip
    for r in db.execute(query):
        yield Object(r.owner, r.sha256, int(r.size_bytes), date.fromisoformat(r.day), r.purged is not None)


# --- what the rows say ------------------------------------------------------------------------------------------------


def _near(keys: Sequence[Key], owner: ColumnElement[str], sha256: ColumnElement[str]) -> ColumnElement[bool]:
    """All that these keys may mean, as both engines look it up fast; the whole key is compared later."""
    if not keys:
        return true()
    return owner.in_(sorted({one for one, _ in keys})) & sha256.in_(sorted({one for _, one in keys}))


def _received(before: date) -> Select[Any]:
    """The bytes of deposits."""
    return select(
        _D.c.partner.label("owner"),
        _D.c.sha256,
        _D.c.size_bytes,
        _D.c.received_day.label("day"),
        _flag(_is_open(before)),
    ).where(_D.c.is_kept == 1)


def _sent(before: date) -> Select[Any]:
    """What deposits were answered with."""
    return select(
        _O.c.owner, _O.c.sha256, _O.c.size_bytes, _D.c.received_day.label("day"), _flag(_is_open(before))
    ).join(_D, _D.c.id == _O.c.deposit_id)  # fmt: skip


def _added(before: date) -> Select[Any]:
    """What issuers added to suspended invoices: as old as the flow that it was added to."""
    a = t.additions
    return select(
        _D.c.partner.label("owner"), a.c.sha256, a.c.size_bytes, _D.c.received_day.label("day"),
        _flag(_is_open(before)),
    ).join_from(a, _D, _D.c.id == a.c.deposit_id)  # fmt: skip


def _told(before: date) -> Select[Any]:
    """Lifecycle returns of several flows, and pivots that a command brought about: as old as the row of the chain that
    covers them."""
    a = t.audit
    is_needed = or_(a.c.at.is_(None), a.c.at >= _start_of(before), _O.c.state.in_(UNSENT))
    day = func.substr(func.coalesce(a.c.at, "9"), 1, _DAY_CHARS).label("day")
    query = select(_O.c.owner, _O.c.sha256, _O.c.size_bytes, day, _flag(is_needed))
    covers = and_(a.c.partner == _O.c.owner, a.c.sequence == _O.c.audited)
    return query.outerjoin(a, covers).where(_O.c.deposit_id.is_(None), _O.c.kind != REJECTS)


def _rejects(before: date) -> Select[Any]:
    """The daily files of rejects: written the day after, and later ones for what was refused later."""
    told_later = exists(
        select(_I.c.rank)
        .join(_X, and_(_X.c.deposit_id == _I.c.deposit_id, _X.c.rank == _I.c.rank))
        .where(_I.c.outcome == InvoiceOutcome.REFUSED.value, _I.c.rejects_file == _O.c.name)
        .where(_X.c.at >= _start_of(before))
    )
    is_needed = or_(
        _R.c.day.is_(None), _R.c.day >= (before - timedelta(days=1)).isoformat(), _O.c.state.in_(UNSENT), told_later
    )
    query = select(
        _O.c.owner, _O.c.sha256, _O.c.size_bytes, func.coalesce(_R.c.day, "9").label("day"), _flag(is_needed)
    )
    day_of_file = and_(_R.c.partner == _O.c.owner, _R.c.name == _O.c.name)
    return query.outerjoin(_R, day_of_file).where(_O.c.deposit_id.is_(None), _O.c.kind == REJECTS)


def _is_open(before: date) -> ColumnElement[bool]:
    """A deposit that is too young, or not finished: judged, decided and sent in whole, nothing said since of what it
    brought, or of what it changed."""
    start = _start_of(before)
    mine, c = _O.alias(), t.changes
    changed = and_(_X.c.deposit_id == c.c.deposit_id, _X.c.rank == c.c.rank, _X.c.at >= start)
    return or_(
        _D.c.received_at >= start, _D.c.state.not_in(FINAL), _D.c.again == 1,
        exists(select(_I.c.rank).where(_I.c.deposit_id == _D.c.id, _I.c.outcome == InvoiceOutcome.PENDING.value)),
        exists(select(mine.c.name).where(mine.c.deposit_id == _D.c.id, mine.c.state.in_(UNSENT))),
        *(
            exists(select(table.c.rank).where(table.c.deposit_id == _D.c.id, table.c.at >= start))
            for table in (_X, t.events, t.handled)
        ),
        exists(select(c.c.rank).join(_X, changed).where(c.c.source_id == _D.c.id)),
    )  # fmt: skip


def _flag(condition: ColumnElement[bool]) -> Label[int]:
    return case((condition, 1), else_=0).label("is_needed")


def _start_of(day: date) -> str:
    return moment(datetime.combine(day, time(), PARIS))


# --- the rows of what was purged --------------------------------------------------------------------------------------


class Purged(Exception):
    """Somebody counts on bytes that were purged; `keys` are theirs."""

    def __init__(self, keys: frozenset[Key]) -> None:
        super().__init__(counted(len(keys), ("purged object", "purged objects"), "en"))
        self.keys = keys


def write_off(db: Connection, before: date, keys: Sequence[Key], at: datetime, operator: str) -> None:
    """Say that the bytes of these go, and who says so; only of those that may go still."""
    locks.lock(db, _PURGED)
    going = [one for one in past(db, before, keys) if not one.is_purged]
    for owner, several in groupby(going, key=lambda one: one.owner):  # sorted
        objects = [one.sha256 for one in several]
        detail = {"operator": storable(operator), "before": before.isoformat(), "objects": objects}
        audit.append(db, owner, PURGE, at, detail=detail)
    bulk.add(db, _P, [{"owner": one.owner, "sha256": one.sha256, "at": moment(at)} for one in going])


def may_go(db: Connection, before: date, keys: Sequence[Key]) -> list[Object]:
    """Of what was written off, what may go now, for as long as this transaction lasts."""
    locks.lock(db, _PURGED)
    return [one for one in past(db, before, keys) if one.is_purged]


def came_back(db: Connection, keys: Iterable[Key], at: datetime) -> None:
    """These were not purged after all, or are being stored anew."""
    back: list[Key] = []
    for part in chunks(sorted(keys)):
        gone = delete(_P).where(pair(_P.c.owner, _P.c.sha256).in_(part)).returning(_P.c.owner, _P.c.sha256)
        back += [(r.owner, r.sha256) for r in db.execute(gone)]
    for owner, several in groupby(sorted(back), key=lambda key: key[0]):
        audit.append(db, owner, RETURNED, at, detail={"objects": [sha256 for _, sha256 in several]})


def among(db: Connection, keys: Iterable[Key]) -> frozenset[Key]:
    """Which of these were purged. Until the transaction ends no other of them is."""
    found: set[Key] = set()
    locks.share(db, _PURGED)
    for part in chunks(sorted(set(keys))):
        query = select(_P.c.owner, _P.c.sha256).where(_near(part, _P.c.owner, _P.c.sha256))
        found.update({(r.owner, r.sha256) for r in db.execute(query)}.intersection(part))
    return frozenset(found)


def count_on(db: Connection, keys: Iterable[Key]) -> None:
    """A row that names these bytes is about to be written: raises `Purged` where they went, or are about to go."""
    gone = among(db, keys)
    if gone:
        raise Purged(gone)


def purged_of(db: Connection, owner: str) -> list[str]:
    """The digests of an owner's objects that were purged, sorted."""
    return list(db.execute(select(_P.c.sha256).where(_P.c.owner == owner).order_by(_P.c.sha256)).scalars())


def is_any_old(db: Connection, before: date) -> bool:
    """Something came before a day: without it there is nothing to look for."""
    return any(
        db.execute(select(column).where(column < before.isoformat()).limit(1)).first() is not None
        for column in (_D.c.received_day, _R.c.day)
    )
