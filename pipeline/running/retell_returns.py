"""Changes after integration that a stored lifecycle return tells, and the restored ledger holds for untold.

The return's name follows from the changes that it tells: one whose entries are all untold changes of its issuer, and
whose name fits, is ours. It is put into the ledger as it is stored: nobody hears of a change twice.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pipeline.adapters.ledger import Connection, telling
from pipeline.adapters.ledger.rows import ToSend
from pipeline.adapters.ledger.telling import Telling, ToldChange
from pipeline.returns import names
from pipeline.returns.told import ReturnTold, StatusTold
from pipeline.running.answer import LIFECYCLE
from pipeline.running.home import Home
from pipeline.running.stored import Stored, Whereabouts

_Key = tuple[str, str, str, int, datetime]


def take(home: Home, stored: Stored, whereabouts: Whereabouts) -> tuple[list[str], bool]:
    """The returns that are in the ledger again; and whether others may tell what is untold still.

    Those begin with changes that the ledger has forgotten for good (a command leaves no file): nobody can tell which
    of their entries are among what is untold.
    """
    done: list[str] = []
    with home.ledger.reading() as db:
        begun = telling.unfinished(db)
    for issuer, name in begun:
        sha256 = stored.named(issuer, name)
        if sha256 is not None:
            with home.ledger.reading() as db:
                fixed = telling.changes_in(db, issuer, name)
            _record(home, stored, whereabouts, issuer, name, sha256, fixed)
            done.append(f"{issuer}/{name}")
    are_others = False
    for issuer, several in stored.returns.items():
        for name, sha256 in several.items():
            told = stored.return_of(issuer, name)
            if told is None or f"{issuer}/{name}" in done:
                continue
            with home.ledger.reading() as db:
                untold = list(telling.in_no_return(db, issuer))
            changes = _changes_of(told, untold)
            if changes is not None:
                _record(home, stored, whereabouts, issuer, name, sha256, changes)
                done.append(f"{issuer}/{name}")
            else:
                are_others = are_others or bool({*map(_of_entry, told.entries)} & {*map(_of_change, untold)})
    return done, are_others


def _record(
    home: Home, stored: Stored, whereabouts: Whereabouts, issuer: str, name: str, sha256: str,
    changes: Sequence[ToldChange],
) -> None:  # fmt: skip
    """The file as it is stored, in its place or in doubt, and what it tells."""
    size_bytes = stored.size_of(issuer, sha256) or 0
    file = ToSend(f"drop/{issuer}", name, LIFECYCLE, issuer, None, sha256, size_bytes)
    one = Telling(issuer, replace(file, state=whereabouts.state_of(file)), tuple(changes))
    at = home.clock.now()

    def write(db: Connection) -> None:
        telling.give(db, issuer, [(c.deposit_id, c.rank, c.sequence) for c in changes], name)
        telling.record(db, None, [one], at)

    home.ledger.write(write)


def _changes_of(told: ReturnTold, untold: Sequence[ToldChange]) -> list[ToldChange] | None:
    """The untold changes that these entries are, in their order; None where one of them is none, or the name does not
    follow from the first and the last of them.
    """
    left: dict[_Key, list[ToldChange]] = {}
    for change in untold:
        left.setdefault(_of_change(change), []).append(change)
    changes = []
    for entry in told.entries:
        found = left.get(_of_entry(entry))
        if not found:
            return None
        changes.append(found.pop(0))
    issuer, ends = told.partner, (changes[0], changes[-1])
    first, last = (names.transition_id(issuer, c.flow_name, c.rank, c.sequence) for c in ends)
    fits = told.name == names.later_lifecycle_name(issuer, first, last, names.ours_of(told.name))
    return changes if fits else None


def _of_change(change: ToldChange) -> _Key:
    """As an entry tells it: to the second."""
    at = change.at.replace(microsecond=0)
    return change.supplier_type, change.supplier, change.number, int(change.status), at


def _of_entry(entry: StatusTold) -> _Key:
    return entry.supplier_type, entry.supplier, entry.number, entry.status, entry.when
