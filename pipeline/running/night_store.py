"""The object store beside the ledger: everything named is there, nothing else is, and a sample of the bytes is right.

Each room of the store is listed once and merged with the rows that name what must stand in it: both come by digest.
Of the bytes a part is read again every night, within the seconds and bytes of the settings; which part follows from
the night, so that all of them are read in seven nights where the limits allow it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pipeline import reconcile
from pipeline.adapters.ledger import Connection, promises, retention
from pipeline.adapters.ledger import day as rows
from pipeline.adapters.ledger.invariants import to_send
from pipeline.adapters.ledger.night import around
from pipeline.adapters.ledger.night.around import ToFind
from pipeline.audit.form import RESULTS, room
from pipeline.model import PARIS
from pipeline.ports import Said
from pipeline.reconcile import Line
from pipeline.reconcile.night import Against, Difference, Kind, difference
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.stored import only_in

NIGHTS = 7  # in which every stored object is read once


@dataclass(slots=True)
class Looked:
    """What one look at the store came to."""

    objects: int = 0
    named: int = 0
    missing: list[ToFind] = field(default_factory=list)
    altered: list[tuple[ToFind, Said]] = field(default_factory=list)
    nameless: list[str] = field(default_factory=list)
    unpurged: list[str] = field(default_factory=list)
    due: int = 0  # of the objects, those whose turn it is tonight
    read: int = 0  # of them, those that were read
    read_bytes: int = 0
    seconds: float = 0.0
    seed: int = 0

    @property
    def differences(self) -> Iterator[Difference]:
        for one in self.missing:
            yield _said(Kind.BYTES_MISSING, one, Said("introuvable dans le magasin", "not in the store"))
        for one, said in self.altered:
            yield _said(Kind.BYTES_ALTERED, one, said)
        for name in self.nameless:
            yield difference(
                Kind.BYTES_UNNAMED, "dans le magasin, et nommé par aucune ligne du registre",
                "in the store, and named by no row of the ledger", partner=name.partition("/")[0], file=name,
            )  # fmt: skip
        for name in self.unpurged:
            yield difference(
                Kind.BYTES_UNPURGED, "à purger, et encore dans le magasin", "to be purged, and in the store still",
                partner=name.partition("/")[0], file=name,
            )  # fmt: skip

    @property
    def against(self) -> tuple[Against, Against]:
        megabytes = self.read_bytes / 1e6
        part = Said(
            f"{self.read} sur {self.due} dont c'est le tour cette nuit (un sur {NIGHTS}, graine {self.seed}), "
            f"{megabytes:.0f} Mo en {self.seconds:.0f} s",
            f"{self.read} of {self.due} whose turn it is tonight (one in {NIGHTS}, seed {self.seed}), "
            f"{megabytes:.0f} MB in {self.seconds:.0f} s",
        )
        listed = Said(
            f"{self.objects} objets listés, {self.named} nommés par le registre, taille comparée",
            f"{self.objects} objects listed, {self.named} named by the ledger, sizes compared",
        )
        return Against("store", listed, self.objects), Against("bytes", part, self.read)


def look(home: Home) -> Looked:
    """List, compare, read a part. What is stored meanwhile is not seen; what has no row yet is asked for once more."""
    found = Looked(seed=home.clock.now().astimezone(PARIS).date().toordinal())
    turn: list[ToFind] = []
    candidates: dict[str, list[str]] = {}
    with home.ledger.reading() as db:
        named = around.owners(db)
    for owner in sorted({*home.store.partners(), *named}):
        kept = list(home.store.sized(owner))
        results = list(home.store.sized(room(owner, RESULTS)))
        with home.ledger.reading() as db:
            nameless = _merge(home, kept, around.to_find(db, owner), found, turn)
            over = frozenset(retention.purged_of(db, owner))
            _merge(home, results, around.results_to_find(db, owner), found, turn)
        found.objects += len(kept) + len(results)
        found.unpurged += [f"{owner}/{sha256}" for sha256 in nameless if sha256 in over]
        candidates[owner] = [sha256 for sha256 in nameless if sha256 not in over]
    with home.ledger.reading() as db:
        found.nameless = list(_still(db, candidates))
    _read(home, turn, found)
    return found


def _still(db: Connection, candidates: dict[str, list[str]]) -> Iterator[str]:
    """What no row names by now either."""
    for owner, nameless in candidates.items():
        if nameless:
            yield from (f"{owner}/{sha256}" for sha256 in only_in(nameless, rows.named(db, owner)))


def _merge(
    home: Home, kept: list[tuple[str, int]], wanted: Iterator[ToFind], found: Looked, turn: list[ToFind]
) -> list[str]:
    """Two runs in the order of their digests; what only the store has is given back."""
    nameless: list[str] = []
    place, current = 0, next(wanted, None)
    while current is not None:
        while place < len(kept) and kept[place][0] < current.sha256:
            nameless.append(kept[place][0])
            place += 1
        found.named += 1
        if place < len(kept) and kept[place][0] == current.sha256:
            size = kept[place][1]
            place += 1
            if current.size_bytes and size != current.size_bytes:
                found.altered.append((current, _sizes(current.size_bytes, size)))
            elif _has_its_turn(current.sha256, found.seed):
                turn.append(current)
        elif not home.store.exists(current.owner, current.sha256):  # it may have come since the list was made
            found.missing.append(current)
        current = next(wanted, None)
    nameless += [sha256 for sha256, _ in kept[place:]]
    return nameless


def _read(home: Home, turn: list[ToFind], found: Looked) -> None:
    """Hash what has its turn, until the seconds or the bytes of the settings are used up."""
    limits = home.settings.reconcile
    began = time.monotonic()
    found.due = len(turn)
    turn.sort(key=lambda one: one.sha256[::-1])  # of all owners alike, should the limits cut it short

    def within() -> Iterator[ToFind]:
        for one in turn:
            if time.monotonic() - began > limits.sample_s or found.read_bytes >= limits.sample_bytes:
                return
            found.read_bytes += one.size_bytes
            yield one

    def digest(one: ToFind) -> str | None:
        return home.store.digest(one.owner, one.sha256)

    for one, got in each(home.store.lanes, digest, within()):
        if isinstance(got, OSError):  # the store is away: nobody can say that anything is missing
            raise got
        found.read += 1
        if got is None:
            found.missing.append(one)
        elif got != one.sha256:
            found.altered.append((one, Said("n'est pas ce que dit son SHA-256", "is not what its SHA-256 says")))
    found.seconds = time.monotonic() - began


def _has_its_turn(sha256: str, seed: int) -> bool:
    return int(sha256[:8], 16) % NIGHTS == seed % NIGHTS


def _sizes(expected: int, size: int) -> Said:
    return Said(f"{size} octets, {expected} au registre", f"{size} bytes, {expected} in the ledger")


def _said(kind: Kind, one: ToFind, said: Said) -> Difference:
    file = f"{one.owner}/{one.sha256}"
    return difference(kind, f"{file} : {said.fr}", f"{file}: {said.en}", partner=one.partner, flow=one.what, file=file)


def lines(db: Connection, found: Looked) -> tuple[Line, Line]:
    """The lines `archive` and `outbox` of `verify`, from one look at the store."""
    wrong: list[tuple[str, str, str | None]] = [(one.owner, one.sha256, None) for one in found.missing]
    wrong += [(one.owner, one.sha256, "") for one, _ in found.altered]
    archive = reconcile.archive(wrong, promises.answered_unkept(db), NIGHTS)
    gone = {(one.owner, one.sha256) for one in found.missing}
    unkept = ((name, False) for name, *key in to_send(db) if tuple(key) in gone) if gone else ()
    outbox = reconcile.outbox(unkept)
    return replace(archive, count=found.named), replace(outbox, count=promises.count_files(db))
