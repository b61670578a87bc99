"""Receive: claim what is finished, archive it, register it. The bytes are in the store before the row is written.

Killed at any point and run again: a claimed file is still in `work/`, its claim key says whether it has its row. What
the quota of its partner or a full disk keeps outside stays in `in/`, and stops no other partner.
"""

import dataclasses
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from shlex import quote
from typing import TypeVar

from pipeline import codes, lifecycle
from pipeline.adapters.ledger import Connection, LostLease, claims, deposits, now_ms, outbox, retention
from pipeline.adapters.ledger.deposits import Claimed, Doubles
from pipeline.adapters.ledger.rows import REPEATED, Deposit, Partner, ToSend, shown
from pipeline.adapters.local_drop import (
    LOOK_MAX,
    NAME,
    UNFINISHED,
    is_temporary,
    set_apart,
    unfinished,
    unreadable_name,
)
from pipeline.adapters.system_errors import MEND, Unreachable, why
from pipeline.codes import Code, Severity
from pipeline.flows import is_subscribed
from pipeline.identify import flow_name
from pipeline.model import PARIS, Finding
from pipeline.model import finding as made
from pipeline.ports import Archived, DropZone, InWork, NewObject, Said, Seen
from pipeline.returns import names
from pipeline.running.finished import finished
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.lease import Lease
from pipeline.running.log import deposit_facts, tell_fault
from pipeline.running.room import FILES_PER_HOUR, Allowance, Disks, allowance, low, over
from pipeline.running.summary import RunSummary
from pipeline.terms import Terms

A = TypeVar("A")
B = TypeVar("B")

LOOKS = 8  # servers that are asked at the same time: one that does not answer holds up no other
BATCH_FILES = 200
Registered = tuple[list[Deposit], frozenset[str]]  # the new rows, and the claims that stay in `work/`
LOW = "low_space"
BATCH_BYTES = 64 << 20


def receive(home: Home, partners: dict[str, Partner], summary: RunSummary, *, wait: bool = True) -> None:
    """Take everything that is finished in the `in/` of every partner; a folder that fails is a fault of its own.

    `wait` gives young files a second look after the interval of the settings; a watcher looks again anyway. Partners
    take turns, batch by batch: the one file of a small one does not wait for the fifty thousand of a big one.
    """
    home.stage("receive")
    summary.outside.clear()
    summary.has_more = False
    disks = Disks(home)
    if (full := disks.refuses(0)) is not None:
        tell_fault(home.log, summary, low(full), full.name, None, fault=LOW)
        return
    drops = {home.drop(partner.code): partner for partner in partners.values()}
    looks: dict[DropZone, list[Seen]] = {}

    def look(drop: DropZone) -> list[Seen]:
        drop.make()
        return drop.scan()

    for lanes, zones in ((1, [d for d in drops if not d.is_remote]), (LOOKS, [d for d in drops if d.is_remote])):
        for drop, seen in each(lanes, look, zones):
            if isinstance(seen, OSError):
                tell_fault(home.log, summary, _away(drops[drop], seen), f"drop/{drops[drop].code}", seen)
            else:
                looks[drop] = seen
                summary.has_more |= len(seen) == LOOK_MAX
    for code in home.folders_without_partner(partners):
        summary.notice(_stranger(code))
    ready = finished(looks, home.settings.drop.stat_interval_s if wait else None, home.scans)
    turns = deque(_Intake(home, drop, drops[drop], ready[drop], disks, summary).take() for drop in looks)
    while turns:
        turn = turns.popleft()
        if next(turn, None) is not None:
            turns.append(turn)


class _Intake:
    """The drop zone of one partner, being emptied."""

    def __init__(
        self, home: Home, drop: DropZone, partner: Partner, ready: Sequence[Seen], disks: Disks, summary: RunSummary
    ) -> None:
        self.home, self.drop, self.partner, self.ready, self.summary = home, drop, partner, ready, summary
        self.disks = disks
        self.write: Callable[[Callable[[Connection], Registered]], Registered] = home.ledger.write
        self.is_away = False  # the server went in the middle: what is left there waits for the next look

    def take(self) -> Iterator[int]:
        """Take batch after batch; yields after each one, for the others."""
        try:
            if not self.drop.is_remote:
                with self.drop.alone() as is_alone:
                    if is_alone:
                        yield from self._batches()
            elif self.ready or self.drop.in_work():
                yield from self._leased()
        except LostLease as lost:
            self.summary.notice(lost.said)
        except OSError as error:
            self._away(error)

    def _leased(self) -> Iterator[int]:
        """Several machines look at a server: the ledger says who receives, and each registration asks it first."""
        home, code = self.home, self.partner.code
        token, limits = home.presence.token, home.settings.work
        lot = home.ledger.write(
            lambda db: claims.claim_alone(db, claims.RECEIVE, token, now_ms(db), limits, partner=code)
        )
        if lot is not None:
            with Lease(home, lot) as lease:
                self.write = lease.write
                yield from self._batches()

    def _batches(self) -> Iterator[int]:
        drop, code = self.drop, self.partner.code
        left = drop.in_work()
        with self.home.ledger.reading() as db:
            registered = deposits.known_claims(db, code, [c.claim for c in left])
            apart = deposits.set_apart(db, code)
        self._delete(c for c in left if c.claim in registered and c.claim not in apart)  # only this was not done yet
        known = registered | apart
        for batch in _batches(c for c in left if c.claim not in known and self._fits(c.size_bytes)):
            yield self._register(batch)
        if not self.ready:
            return
        with self.home.ledger.reading() as db:
            taken = deposits.claims_like(db, code, [s.key for s in self.ready])
            allowed = allowance(self.home, db, self.partner, (c.size_bytes for c in left if c.claim in apart))
        for batch in _batches(self._claims(taken, allowed)):
            yield self._register(batch)
        if allowed.met:
            self.summary.outside[code] = over(code, allowed)
            self.summary.has_more |= allowed.met != FILES_PER_HOUR

    def _claims(self, taken: frozenset[str], allowed: Allowance) -> Iterator[InWork]:
        """Claim what is finished; a name that cannot be moved (a mount point, another user's folder) stops no other."""
        coming = takewhile(lambda seen: self._fits(seen.size_bytes) and allowed.takes(seen.size_bytes), self.ready)
        for seen, claimed in self._each(lambda one: self.drop.claim(one, taken), coming):
            if isinstance(claimed, OSError):
                self._fault(seen.name, claimed)
            elif claimed is not None:
                yield claimed

    def _fits(self, size_bytes: int) -> bool:
        """The disks have room for it; where they have not, that is told once. Too large to be kept, it takes none."""
        is_kept = size_bytes <= self.home.settings.flow.bytes_max
        full = self.disks.refuses(size_bytes if is_kept else 0)
        if full is not None:
            tell_fault(self.home.log, self.summary, low(full), full.name, None, fault=LOW)
        return full is None

    def _register(self, batch: list[InWork]) -> int:
        """Archive a batch, give each file its row, delete it."""
        home, partner, summary = self.home, self.partner, self.summary
        received_at = home.clock.now()
        began = time.monotonic()
        files: list[Claimed] = []
        words: dict[str, str] = {}  # claim -> why it is set apart
        new: list[tuple[str, NewObject]] = []
        done: list[InWork] = []
        try:
            for one, copied in self._each(self._archive, batch):
                if isinstance(copied, OSError):  # this file waits in work/ for the next run; the others go on
                    self._fault(one.name, copied)
                    continue
                archived, kept = copied
                if kept is not None:
                    new.append((partner.code, kept))
                files.append(
                    Claimed(partner.code, one.claim, one.name, archived.sha256, archived.size_bytes, archived.is_kept,
                            received_at, archived.trouble)
                )  # fmt: skip
                done.append(one)
                words[one.claim] = archived.word
            home.store.keep(new)
        finally:
            for _, one_new in new:
                one_new.drop()
        if not files:
            return 0
        settler = Settler(home, partner)

        def register(db: Connection) -> Registered:
            retention.count_on(db, [(partner.code, file.sha256) for file in files if file.is_kept])
            rows = deposits.register(
                db, partner.code, files, settler.settle, lambda new: _put_reports_back(home, db, new, summary)
            )
            return rows, deposits.set_apart(db, partner.code)

        try:
            rows, apart = self.write(register)
        except retention.Purged as gone:  # dropped again after so many years: stored anew, whatever a purge is at
            keys = gone.keys
            home.ledger.write(lambda db: retention.came_back(db, keys, received_at))
            return self._register(batch)
        self._delete(one for one in done if one.claim not in apart)
        summary.received += len(rows)
        summary.repeated += sum(row.state == REPEATED for row in rows)
        for row in rows:
            digest = row.claim.partition("-")[0]
            if row.fault is None:
                home.log("receive", **deposit_facts(row), size_bytes=row.size_bytes, state=row.state,
                         name_sha256=digest)  # fmt: skip
                continue
            summary.quarantined += 1
            home.log("quarantine", **deposit_facts(row), fault=words[row.claim], name_sha256=digest)
            summary.fault(row.fault.at(f"drop/{partner.code}/in/{row.name}").then(_set_apart(row)))
        home.log("register", partner=partner.code, files=len(rows), size_bytes=sum(row.size_bytes for row in rows),
                 repeated=sum(row.state == REPEATED for row in rows), quarantined=len(apart),
                 seconds=round(time.monotonic() - began, 3))  # fmt: skip
        return len(rows)

    def _archive(self, one: InWork) -> tuple[Archived, NewObject | None]:
        """Its bytes, on their way into the store. No report can name a flow whose name is no text, and what was never
        finished is no flow."""
        if not _is_text(one.name):
            return set_apart(unreadable_name(), NAME), None
        if is_temporary(one.name, self.home.settings.drop):
            return set_apart(unfinished(), UNFINISHED), None
        return self.drop.archive(one, self.home.store, self.partner.code, self.home.settings.flow.bytes_max)

    def _delete(self, done: Iterable[InWork]) -> None:
        """What is not deleted now is deleted at the next look: its row is there."""
        for one, failed in self._each(self.drop.delete, done):
            if isinstance(failed, OSError):
                self._fault(one.name, failed)

    def _each(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[tuple[A, B | OSError]]:
        """Several at once, while the server is there: when it goes, that is told once, and nothing more is asked."""
        for item, result in each(self.drop.lanes, work, (item for item in items if not self.is_away)):
            if not isinstance(result, Unreachable):
                yield item, result
            elif not self.is_away:
                self.is_away = True
                self._away(result)

    def _away(self, error: OSError) -> None:
        code = self.partner.code
        tell_fault(self.home.log, self.summary, _away(self.partner, error), f"drop/{code}", error)

    def _fault(self, name: bytes, error: OSError) -> None:
        """A file that cannot be taken now: people read its name, the log has its digest."""
        place, digest = f"drop/{self.partner.code}/in", hashlib.sha256(name).hexdigest()[:16]
        said = why(error).at(f"{place}/{shown(name)}").then(MEND)
        tell_fault(self.home.log, self.summary, said, place, error, name_sha256=digest)


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _batches(claimed: Iterable[InWork]) -> Iterator[list[InWork]]:
    batch: list[InWork] = []
    size = 0
    for one in claimed:
        batch.append(one)
        size += one.size_bytes
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _put_reports_back(home: Home, db: Connection, rows: list[Deposit], summary: RunSummary) -> None:
    """A flow dropped again unchanged: its first report goes out again if the partner has it no more.

    A server that cannot tell has it no more: the same bytes under the same name are not sent twice.
    """
    firsts = sorted({row.first_id for row in rows if row.state == REPEATED and row.first_id is not None})
    absent = [r for r in outbox.reports_of(db, firsts).values() if not _holds(home, r)]
    purged = retention.among(db, [(r.owner, r.sha256) for r in absent])
    deposits.send_report_again(db, [(r.place, r.name) for r in absent if (r.owner, r.sha256) not in purged])
    for report in absent:
        if (report.owner, report.sha256) in purged:
            summary.notice(_no_longer_kept(report))


def _holds(home: Home, report: ToSend) -> bool:
    try:
        return home.place(report.place).holds(report.name)
    except OSError:
        return False


class Settler:
    """What only the ledger and the partner's sheet can tell of a new deposit: FLW-005 to 007, 012, 013."""

    def __init__(self, home: Home, partner: Partner) -> None:
        self.partner, self.terms, self.ours = partner, home.terms_of[partner.code], home.settings.ours

    def settle(self, file: Claimed, doubles: Doubles) -> tuple[Finding, ...]:
        name = shown(file.name_bytes)
        if doubles.same is not None:
            first = doubles.same
            return self._found(codes.FLW_006, name, first_received=_when(first), first_report=self._report_name(first))
        found: tuple[Finding, ...] = ()
        if doubles.name is not None:
            first = doubles.name
            found += self._found(
                codes.FLW_005, name, name=name, first_received=_when(first), first_verdict=_told(first)
            )
        if doubles.content is not None:
            first = doubles.content
            double = self._found(codes.FLW_007, name, first_name=first.name, first_received=_when(first))
            if self.terms.switches.duplicate_content == "warn":
                double = tuple(dataclasses.replace(f, severity=Severity.WARNING) for f in double)
            found += double
        return found + self._on_the_sheet(file, name)

    def _on_the_sheet(self, file: Claimed, name: str) -> tuple[Finding, ...]:
        parts, _ = flow_name(name, self.terms)
        if parts is None:
            return ()
        until = self.partner.until
        day = file.received_at.astimezone(PARIS).date()
        found: tuple[Finding, ...] = ()
        if parts.partner != self.partner.code or (until is not None and day > until):
            found += self._found(codes.FLW_012, name, announced=parts.partner, account=self.partner.code)
        if not is_subscribed(parts.code, self.partner.flows):
            found += self._found(codes.FLW_013, name, partner=self.partner.code, code=parts.code)
        return found

    def _found(self, broken: Code, value: str, **facts: str) -> tuple[Finding, ...]:
        one = made(self.terms, broken, value=value, **facts)
        return (one,) if one is not None else ()

    def _report_name(self, first: Deposit) -> str:
        return names.report_name(first.received, announced(first.name, self.terms), self.ours)


def announced(name: str, terms: Terms) -> str:
    """The interface code that a flow name announces, readable or not: empty."""
    parts, _ = flow_name(name, terms)
    return parts.code if parts is not None else ""


def _told(first: Deposit) -> str:
    """The state of a flow in the words of the platform, while it has no verdict too."""
    return first.state if first.state in lifecycle.FLOW_STATES else "IN_EN_COURS_TRAITEMENT_CPP"


def _when(deposit: Deposit) -> str:
    return deposit.received_at.astimezone(PARIS).isoformat(sep=" ", timespec="seconds")


def _away(partner: Partner, error: OSError) -> Said:
    return why(error).at(f"drop/{partner.code}").then(MEND)


def _stranger(code: str) -> Said:
    return Said(
        f"drop/{code} n'appartient à aucun partenaire et n'est pas lu ; "
        f"chorus-edi partners add {quote(code)} --name NOM l'ouvre",
        f"drop/{code} belongs to no partner and was not read; "
        f"`chorus-edi partners add {quote(code)} --name NAME` opens it",
    )


def _no_longer_kept(report: ToSend) -> Said:
    return Said(
        f"{report.place}/out/{report.name} : ce compte rendu a dépassé sa durée de conservation et n'est pas renvoyé ; "
        "chorus-edi status dit encore ce que le flux est devenu",
        f"{report.place}/out/{report.name}: this report is past its retention and is not sent again; "
        "`chorus-edi status` still tells what became of the flow",
    )


def _set_apart(row: Deposit) -> Said:
    folder = f"drop/{row.partner}/work/{row.claim}"
    return Said(
        f"mis à part dans {folder}, sans réponse : prévenir le partenaire",
        f"set apart in {folder}, nobody was answered: tell the partner",
    )
