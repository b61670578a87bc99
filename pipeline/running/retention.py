"""Retention: which stored bytes are past their date, and their removal, once somebody has agreed to exactly these.

The ledger keeps every row for good: what came, its digest, what was said of it. Only bytes go.
"""

import getpass
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from pipeline.adapters.ledger import Connection, retention
from pipeline.adapters.ledger.retention import Key, Object
from pipeline.adapters.system_errors import Locked
from pipeline.model import PARIS
from pipeline.ports import Fault, Said
from pipeline.running import audit
from pipeline.running.home import Home

TOGETHER = 200  # objects that go in one transaction: registration waits for it, a second at most


@dataclass(frozen=True, slots=True)
class RetentionPlan:
    """What may go on a day: all that is older than `before`, and final. `digest` names exactly these objects."""

    objects: int
    bytes: int
    oldest: date | None  # the day on which the oldest of them came
    before: date
    digest: str


@dataclass(frozen=True, slots=True)
class Purged:
    """What went. `locked`: the objects that the store keeps under a lock of its own; they stay, and are asked again."""

    objects: int
    bytes: int
    locked: tuple[str, ...] = ()


def plan(home: Home, on: date | None = None) -> RetentionPlan:
    """What a purge on a day (today) would remove. Nothing is changed."""
    before = _before(home, on)
    objects, digest = _past(home, before)
    due = list(_still_there(home, objects))
    oldest = min((one.day for one in due), default=None)
    return RetentionPlan(len(due), sum(one.size_bytes for one in due), oldest, before, digest)


def purge(home: Home, plan_digest: str, on: date | None = None, operator: str = "") -> Purged:
    """Remove the bytes of a plan; another set of objects than the one agreed to is a fault, and nothing goes.

    Killed and run again with the same digest it goes on: first the row that says so, then the bytes. The audit chain
    keeps who did it (by default the account). Where that chain does not hold, or is not the one that the store attests,
    nobody knows how old anything is: a fault, and nothing goes.
    """
    before = _before(home, on)
    objects, digest = _past(home, before)
    if digest != plan_digest:
        raise Fault(_ANOTHER_PLAN)
    operator = operator or getpass.getuser()
    with home.ledger.reading() as db:
        if not audit.inspect(home, db).is_sound:
            raise Fault(_BROKEN_CHAIN)
    count = size = 0
    locked: list[str] = []
    for keys in _together(one.key for one in _still_there(home, objects)):
        gone, kept = _purge(home, before, keys, operator)
        count += len(gone)
        size += sum(one.size_bytes for one in gone)
        locked += [f"{owner}/{sha256}" for owner, sha256 in kept]
    home.log("retention", objects=count, size_bytes=size, locked=len(locked), before=before.isoformat())
    return Purged(count, size, tuple(locked))


def kept_since(home: Home) -> date:
    """What came on this day, or later, is within its retention today."""
    return _before(home, None)


def _purge(home: Home, before: date, keys: list[Key], operator: str) -> tuple[list[Object], list[Key]]:
    """Write these off, then remove what may go still: whoever brought such bytes meanwhile has taken the row away."""
    at = home.clock.now()
    home.ledger.write(lambda db: retention.write_off(db, before, keys, at, operator))

    def remove(db: Connection) -> tuple[list[Object], list[Key]]:
        gone, kept = [], []
        for one in retention.may_go(db, before, keys):
            try:
                home.store.remove(one.owner, one.sha256)
                gone.append(one)
            except Locked:
                kept.append(one.key)
        retention.came_back(db, set(keys) - {one.key for one in gone}, at)
        return gone, kept

    return home.ledger.write(remove)


def _past(home: Home, before: date) -> tuple[list[Object], str]:
    """All that is past its date, purged earlier or not: the digest stays the same while a purge is under way."""
    told = hashlib.sha256()
    with home.ledger.reading() as db:
        objects = list(retention.past(db, before))
    for one in objects:
        told.update(f"{one.owner}/{one.sha256}\n".encode())
    return objects, told.hexdigest()


def _still_there(home: Home, objects: Iterable[Object]) -> Iterator[Object]:
    """Those that are not purged, or whose purge was interrupted."""
    for owner, theirs in groupby(objects, key=lambda one: one.owner):
        several = list(theirs)
        kept = frozenset(home.store.list(owner)) if any(one.is_purged for one in several) else frozenset()
        yield from (one for one in several if not one.is_purged or one.sha256 in kept)


def _before(home: Home, on: date | None) -> date:
    """What came before this day is past its retention on `on`. A day to come is refused: it would purge too early."""
    today = home.clock.now().astimezone(PARIS).date()
    on = on or today
    if on > today:
        raise Fault(
            Said(
                f"le {on} est à venir ; une purge se fait au plus tôt le jour même : --on {today}",
                f"{on} is to come; a purge is made on the day itself at the earliest: --on {today}",
            )
        )
    year = on.year - home.settings.retention.years
    try:
        return on.replace(year=year)
    except ValueError:  # 29 February
        return on.replace(year=year, day=28)


def _together(keys: Iterable[Key]) -> Iterator[list[Key]]:
    several: list[Key] = []
    for key in keys:
        several.append(key)
        if len(several) == TOGETHER:
            yield several
            several = []
    if several:
        yield several


_BROKEN_CHAIN = Said(
    "le journal ne tient pas : l'âge de ce qui est gardé n'est plus certain, rien n'est effacé ; chorus-edi audit "
    "verify nomme ce qui a changé",
    "the audit chain does not hold: how old anything is cannot be told for certain, and nothing was removed; "
    "`chorus-edi audit verify` names what changed",
)
_ANOTHER_PLAN = Said(
    "ce n'est plus la liste sur laquelle porte cet accord ; rien n'est effacé, chorus-edi retention plan donne celle "
    "d'aujourd'hui et son empreinte",
    "this is not the list that was agreed to; nothing was removed, `chorus-edi retention plan` gives today's list and "
    "its digest",
)
