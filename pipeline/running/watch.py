"""`look`: what a person should know of now, told once through the one notifier, and again each day that it lasts.

What is over is forgotten, so that it is told anew when it comes back.
"""

import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from pipeline.adapters.disks import Room
from pipeline.adapters.ledger import Connection, alerts, figures, queries
from pipeline.adapters.ledger.alerts import Key
from pipeline.adapters.ledger.figures import Apart, Due, Unlabelled
from pipeline.model import PARIS
from pipeline.plural import counted
from pipeline.ports import Said
from pipeline.running.ages import KINDS, PAST, Age, ages_now
from pipeline.running.alert import STANDING, episode, tell_once
from pipeline.running.home import Home
from pipeline.running.room import make_room, rooms_of

HELD = timedelta(hours=24)  # invoices that wait for the State's commitments: then a person hears of it
DISK = "disk-low"
MOST = 20  # alerts told in one look: the others follow in the next one
_DAY = timedelta(days=1)


class Condition(NamedTuple):
    """Something that holds now. `said` is None where it is not bad enough to be told, and not over either."""

    key: Key
    said: Said | None


def look(home: Home) -> tuple[Said, ...]:
    """Tell what is new; returns the troubles of the notifier, each a fault. A handful of queries through indexes."""
    with home.ledger.reading() as db:
        held = tuple(conditions(home, db))
        told = {one.key for one in alerts.every(db, STANDING)}
    lasting = {episode(one.key) for one in held}
    now = home.clock.now()
    over = [key for key in told if episode(key) not in lasting and not _is_of_another_machine(key, now)]
    if over:
        home.ledger.write(lambda db: alerts.clear(db, over))
    due = [(one.key, one.said) for one in held if one.said is not None and one.key not in told]
    faults: dict[Said, None] = {}
    for key, said in due[:MOST]:
        done = tell_once(home, key.name, key.subject, said, key.step)
        faults |= dict.fromkeys(done.faults)
        if done.faults and not done.is_told:
            break  # it would refuse the others too, each after its whole time
    return tuple(faults)


def conditions(home: Home, db: Connection) -> Iterator[Condition]:
    """All that holds now, told or not. A step reads `episode/how far`."""
    now, settings = home.clock.now(), home.settings
    sla = timedelta(minutes=settings.watch.integrated_sla_minutes)
    for due in figures.due(db, now - sla / 2):
        yield _late(due, now, sla)
    for place, files in figures.left_unsent(db, now - sla).items():
        yield Condition(Key("reports-unsent", place, _day(now)), unsent(place, files))
    for apart in figures.set_apart(db):
        yield from _apart(apart)
    waits = queries.waiting(db)
    if waits.pending_since is not None and now - waits.pending_since > HELD:
        limit = settings.reference_data.hold_max_days
        step = "decide" if now - waits.pending_since > limit * _DAY else "wait"
        yield Condition(
            Key("held-too-long", "commitments", f"/{step}"), held(waits.pending, waits.pending_since, now, limit)
        )
    for one in figures.unlabelled(db, now):
        yield Condition(Key("unknown-status", one.partner, _day(one.last)), unknown(one))
    for age in ages_now(home, db):
        if age.step is not None:
            yield Condition(_key(age), age.said)
    for room in rooms_of(home):
        if not room.is_roomy:
            yield _filling(room, now)


# --- the words, shared with the notices of `run` ----------------------------------------------------------------------


def held(invoices: int, since: datetime, now: datetime, limit_days: int) -> Said:
    age = (now - since).days
    return Said(
        f"factures en attente des engagements de l'État : {invoices}, la plus ancienne depuis {age} j ; "
        f"chorus-edi commitments import ou available y met fin, chorus-edi decide tranche après {limit_days} j",
        f"{counted(invoices, ('invoice waits', 'invoices wait'), 'en')} for the State's commitments, "
        f"the oldest for {counted(age, 'day', 'en')}; `chorus-edi commitments import` or `available` ends it, "
        f"`chorus-edi decide` settles it after {counted(limit_days, 'day', 'en')}",
    )


def set_apart(count: int) -> Said:
    return Said(
        f"dépôts mis à part : {count} ; chorus-edi status les nomme",
        f"{counted(count, ('deposit is', 'deposits are'), 'en')} set apart; "
        f"`chorus-edi status` names {'it' if count == 1 else 'them'}",
    )


def unsent(place: str, files: int) -> Said:
    return Said(
        f"{place}/out : {counted(files, ('fichier ne part pas', 'fichiers ne partent pas'))} ; "
        "chorus-edi run dit pourquoi",
        f"{place}/out: {counted(files, 'file', 'en')} cannot be sent; `chorus-edi run` says why",
    )


def unknown(one: Unlabelled) -> Said:
    given = ", ".join(f"{code} ({count})" for code, count in one.codes.items())
    day = one.last.astimezone(PARIS).date()
    return Said(
        f"{one.partner} : statuts sans libellé publié, seulement gardés en historique : {given}, "
        f"le dernier reçu le {day} ; lui demander ce qu'ils veulent dire",
        f"{one.partner}: statuses without a published label, kept as history only: {given}, the last one on {day}; "
        "ask what they mean",
    )


def full(room: Room, subject: str) -> Said:
    free, least = room.free_bytes >> 20, room.least_bytes >> 20
    if room.has_files:
        told = Said(f"{free} Mio libres (il en faut {least})", f"{free} MiB free ({least} are needed)")
    else:
        free, least = room.free_files, room.least_files
        told = Said(f"{free} inodes libres (il en faut {least})", f"{free} inodes free ({least} are needed)")
    return told.at(subject).then(make_room(room))


# --- how far each has come --------------------------------------------------------------------------------------------


def _late(due: Due, now: datetime, sla: timedelta) -> Condition:
    """Over only when nothing is older than half of the limit: what hovers around it is one alert, not twenty."""
    age = now - due.oldest
    key = Key("oldest-due-late", due.partner, f"/{age // _DAY}")
    if age <= sla:
        return Condition(key, None)
    minutes, limit = age // timedelta(minutes=1), sla // timedelta(minutes=1)
    said = Said(
        f"{due.partner} : un dépôt attend sa réponse depuis {minutes} min (limite {limit}), sur {due.count} ; "
        "chorus-edi status dit ce qui l'arrête",
        f"{due.partner}: a deposit has waited {minutes} min for its answer (limit {limit}), of {due.count}; "
        "`chorus-edi status` says what stops it",
    )
    return Condition(key, said)


def _apart(apart: Apart) -> Iterator[Condition]:
    """Flows one by one, at once; odd files by the hour, for a partner may drop thousands."""
    for deposit in apart.flows:
        said = Said(
            f"{apart.partner} : le dépôt {deposit} a tué son lecteur et est mis à part ; chorus-edi status le nomme",
            f"{apart.partner}: deposit {deposit} killed its reader and is set apart; `chorus-edi status` names it",
        )
        yield Condition(Key("quarantine", apart.partner, f"{deposit}/"), said)
    if apart.last_other is not None:
        hour = apart.last_other.isoformat()[:13]
        yield Condition(Key("quarantine", apart.partner, f"{hour}/"), set_apart(apart.others).at(apart.partner))


def _filling(room: Room, now: datetime) -> Condition:
    """Each machine has disks of its own. Over only when there is room to spare."""
    subject = f"{socket.gethostname()}/{room.name}"
    return Condition(Key(DISK, subject, _day(now)), None if room.takes(0) else full(room, subject))


def _is_of_another_machine(key: Key, now: datetime) -> bool:
    """Only that machine can tell that it is over; one that has not told it for a day is no more, or has room again."""
    is_here = key.subject.rpartition("/")[0] == socket.gethostname()
    return key.name == DISK and not is_here and key.step >= _day(now - _DAY)


def _key(age: Age) -> Key:
    """Renewed, it has another last day: another episode."""
    step = "past" if age.step == PAST else str(age.step)
    return Key(KINDS[age.name].alert, age.subject, f"{age.last_day or ''}/{step}")


def _day(now: datetime) -> str:
    return f"/{now.astimezone(PARIS).date()}"
