"""What the notifier was told, so that it is told once.

Whoever tells an alert takes it first: a row whose `at` says until when, in machine time. When the notifier has it, `at`
becomes the moment. A worker that dies in between leaves the row to the next one: told twice at worst, never not at all.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, and_, delete, select, update
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import if_absent
from pipeline.adapters.ledger.rows import moment

_A = t.alerts
_TELLING = "telling "  # then: until when, by whom; no moment begins so


class Key(NamedTuple):
    """One alert: its name, what it is about, how far that has come."""

    name: str
    subject: str
    step: str


class Told(NamedTuple):
    """An alert that the notifier has."""

    key: Key
    at: datetime


def take(db: Connection, key: Key, who: str, now_ms: int, lease_ms: int) -> bool:
    """Take this alert to tell it; False where it was told, or somebody else is telling it now."""
    mine = f"{_TELLING}{now_ms + lease_ms:015d} {who}"
    row = key._asdict() | {"at": mine}
    if db.execute(if_absent(db, _A).values(**row).returning(_A.c.at)).first() is not None:
        return True
    found = db.execute(select(_A.c.at).where(_is(key)).with_for_update()).scalar()
    if found is None or not found.startswith(_TELLING):
        return False
    until, whose = found.removeprefix(_TELLING).split()
    if int(until) >= now_ms and whose != who:
        return False
    taken = update(_A).where(_is(key), _A.c.at == found).values(at=mine)
    return bool(db.execute(taken).rowcount == 1)


def told(db: Connection, key: Key, at: datetime) -> None:
    """The notifier has it."""
    db.execute(update(_A).where(_is(key)).values(at=moment(at)))


def give_back(db: Connection, key: Key) -> None:
    """The notifier did not take it: the next look tells it again."""
    db.execute(delete(_A).where(_is(key), _A.c.at.startswith(_TELLING)))


def clear(db: Connection, over: Iterable[Key]) -> None:
    """Forget what holds no more: when it comes back it is told again."""
    for key in over:
        db.execute(delete(_A).where(_is(key)))


def every(db: Connection, names: Collection[str]) -> tuple[Told, ...]:
    """What was told under these names, oldest first."""
    rows = db.execute(select(_A).where(_A.c.name.in_(names)).order_by(_A.c.at, _A.c.name, _A.c.subject, _A.c.step))
    return tuple(
        Told(Key(r.name, r.subject, r.step), datetime.fromisoformat(r.at))
        for r in rows
        if not r.at.startswith(_TELLING)
    )


def _is(key: Key) -> ColumnElement[bool]:
    return and_(_A.c.name == key.name, _A.c.subject == key.subject, _A.c.step == key.step)
