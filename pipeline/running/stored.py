"""What the store has and the ledger does not name, by what it says; and where the files are that it tells of."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from pipeline.adapters.ledger import day as rows
from pipeline.adapters.ledger.outbox import HELD, READY, SENT
from pipeline.adapters.ledger.rows import ToSend
from pipeline.adapters.local_drop import LocalOutgoing, temporary_name
from pipeline.adapters.system_errors import Failed
from pipeline.ports import Outgoing
from pipeline.returns import told
from pipeline.returns.told import LineTold, ReportTold, ReturnTold, StatusTold
from pipeline.running.home import Home

_Flow = tuple[str, str, str]  # partner, flow name, SHA-256
_WHOLE_BYTES = 64 << 20  # no answer that is larger is one of ours to read back


@dataclass(slots=True)
class Stored:
    """The objects without a row, sorted by what they are. Only digests and names stay in memory."""

    home: Home
    reports: dict[_Flow, list[tuple[str, ReportTold]]] = field(default_factory=dict)  # without their lines
    returns: dict[str, dict[str, str]] = field(default_factory=dict)  # partner -> name -> digest
    pivots: dict[str, dict[str, str]] = field(default_factory=dict)  # receiver -> name -> digest
    rejects: dict[str, set[str]] = field(default_factory=dict)

    def look(self) -> None:
        """Read the beginning of every object that no row names, and the reports among them whole."""
        for owner, sha256 in nameless(self.home):
            head = self._head(owner, sha256)
            kind = told.kind_of(head)
            if kind == told.PIVOT and (name := told.pivot_name(head, owner)):
                self.pivots.setdefault(owner, {})[name] = sha256
            elif kind == told.REJECTS:
                self.rejects.setdefault(owner, set()).add(sha256)
            elif kind == told.STATUS:
                self._status(owner, sha256)

    def _status(self, owner: str, sha256: str) -> None:
        document = self._whole(owner, sha256)
        report = told.report(document)
        if report is not None and report.received.partner == owner:
            key = owner, report.received.name, report.received.sha256
            self.reports.setdefault(key, []).append((sha256, replace(report, lines=())))
            return
        found = told.lifecycle_return(document)
        if found is not None and found.partner == owner:
            self.returns.setdefault(owner, {})[found.name] = sha256

    def report(self, partner: str, sha256: str) -> ReportTold | None:
        """A stored report, read again."""
        try:
            return told.report(self._whole(partner, sha256))
        except (FileNotFoundError, Failed):
            return None

    def lines_of(self, partner: str, sha256: str) -> tuple[LineTold, ...]:
        """The lines of a stored report."""
        report = self.report(partner, sha256)
        return report.lines if report is not None else ()

    def entries_of(self, partner: str, name: str) -> tuple[StatusTold, ...]:
        """What the stored lifecycle return of this name says; nothing where none is."""
        found = self.return_of(partner, name)
        return found.entries if found is not None else ()

    def return_of(self, partner: str, name: str) -> ReturnTold | None:
        sha256 = self.returns.get(partner, {}).get(name)
        return told.lifecycle_return(self._whole(partner, sha256)) if sha256 is not None else None

    def named(self, owner: str, name: str) -> str | None:
        """The digest of the stored return or pivot of this name, if there is one without a row."""
        return self.returns.get(owner, {}).get(name) or self.pivots.get(owner, {}).get(name)

    def size_of(self, owner: str, sha256: str) -> int | None:
        """How many bytes are stored; None where nothing is."""
        try:
            copy = self.home.store.fetch(owner, sha256)
        except (FileNotFoundError, Failed):
            return None
        try:
            return copy.stat().st_size
        finally:
            self.home.store.forget(copy)

    def _head(self, owner: str, sha256: str) -> bytes:
        try:
            with self.home.store.open(owner, sha256) as file:
                return file.read(told.HEAD_BYTES)
        except Failed:  # no longer what it was: `verify` says so
            return b""

    def _whole(self, owner: str, sha256: str) -> bytes:
        with self.home.store.open(owner, sha256) as file:
            return file.read(_WHOLE_BYTES)


def nameless(home: Home) -> Iterator[tuple[str, str]]:
    """(owner, SHA-256) of every object that no row of the ledger names."""
    for owner in list(home.store.partners()):  # one whose sheet came after the backup is known there alone
        kept = list(home.store.list(owner))
        with home.ledger.reading() as db:
            yield from ((owner, sha256) for sha256 in only_in(kept, rows.named(db, owner)))


def only_in(kept: Iterable[str], named: Iterator[str]) -> Iterator[str]:
    """Of two sorted runs, what only the first one has."""
    current = next(named, "")
    for one in kept:
        while current and current < one:
            current = next(named, "")
        if one != current:
            yield one


class Whereabouts:
    """Where a file of the outbox is, as far as one can see: in its place, half written there, or nowhere."""

    def __init__(self, home: Home, old_home: Path | None = None) -> None:
        """`old_home`: what is left of the home that the backup was made of."""
        self.home, self.old_home = home, old_home
        self._places = lru_cache(maxsize=None)(self._at)

    def state_of(self, file: ToSend) -> str:
        """In its place: it was sent. Under its temporary name: it never was. Nowhere: it may have been fetched since,
        and only people know."""
        for outgoing in self._places(file.place):
            try:
                if _is_there(outgoing, file):
                    return SENT
                if outgoing.holds(temporary_name(file.name)):
                    return READY
            except OSError:  # a server that does not answer tells nothing
                continue
        return HELD

    def _at(self, place: str) -> tuple[Outgoing, ...]:
        found = [self.home.place(place)]
        if self.old_home is not None:
            roots = self.home.settings.roots
            kind, _, code = place.partition("/")
            root = roots.drop if kind == "drop" else roots.recipients
            found.append(LocalOutgoing(self.old_home / root / code / "out"))
        return tuple(found)


def _is_there(outgoing: Outgoing, file: ToSend) -> bool:
    """Of its name, and, where we can read it, of its bytes: another file of that name says nothing of ours."""
    if isinstance(outgoing, LocalOutgoing):
        return outgoing.digest(file.name) == file.sha256
    return outgoing.holds(file.name)
