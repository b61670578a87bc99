"""One lot: its flows are read in other processes while this one settles them, unit by unit, oldest first."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline import judge
from pipeline.adapters.ledger import claims, held
from pipeline.adapters.ledger.held import QUARANTINE_OVER, Decision
from pipeline.adapters.ledger.rows import Deposit, Partner
from pipeline.adapters.read_pool import ReaderKilled, ReadPool
from pipeline.model import Kind, Lane, Read, ReadMember
from pipeline.ports import Fault, Said
from pipeline.running import deliver
from pipeline.running.home import Home
from pipeline.running.intake_unit import IntakeUnit
from pipeline.running.lease import Lease
from pipeline.running.reading import ask
from pipeline.running.receive import announced
from pipeline.running.summary import RunSummary, Told
from pipeline.running.unit import Unit, Worker, documents_of

AHEAD_FLOWS = 64  # read ahead of the unit being committed: enough to keep the readers busy ...
AHEAD_BYTES = 8 << 20  # ... and little enough that their records stay small ...
AHEAD_UNITS = 3  # ... and that a lot that gives way is soon through with what was read of it


_NO_RECORDS = Said("la lecture n'a rien rendu ; erreur interne, à signaler", "it gave no records; a bug, report it")


@dataclass(frozen=True, slots=True)
class Ready:
    """A flow that was read: its records, or what stopped it."""

    deposit: Deposit
    spool: Path
    read: Read | None
    error: Exception | None = None


class LotAtWork:
    """Judges the deposits of one lot."""

    def __init__(
        self,
        home: Home,
        pool: ReadPool,
        lease: Lease,
        partner: Partner,
        receivers: Mapping[tuple[str, str], str],
        summary: RunSummary,
        on_verdict: Callable[[Told], None],
    ) -> None:
        self.home, self.pool, self.lease = home, pool, lease
        self.terms = home.terms_of[partner.code]
        self.worker = Worker(home, lease, partner, receivers, {}, summary, on_verdict)
        self._gives_way = False
        self._flows = self._documents = 0  # read so far

    def run(self) -> None:
        """Send what a dead worker left, then settle what is left to judge.

        A lot that has had its time gives way to others that wait: what was read of it by then is settled, what was not
        begun is due again, behind them.
        """
        deliver.send(self.home, self.lease, self.worker.summary)
        with self.home.ledger.reading() as db:
            deposits = claims.members(db, self.lease.lot)
            self.worker.operators = held.decisions_on(db, [d.id for d in deposits])
        self.home.stage("judge")
        began = asked = time.monotonic()
        for unit in self._units(self._read_ahead(deposits)):
            flows = [(r.deposit, r.read) for r in unit if r.read is not None]
            waited_s = time.monotonic() - asked
            try:
                spools = {r.deposit.id: r.spool for r in unit}
                if _lane(unit[0]) is Lane.INVOICES:
                    Unit(self.worker, flows, spools, waited_s).settle()
                else:
                    IntakeUnit(self.worker, flows, spools, waited_s).settle()
            finally:
                for ready in unit:
                    ready.spool.unlink(missing_ok=True)
            asked = time.monotonic()
            self.home.stage("judge")
            is_long = time.monotonic() - began >= self.home.settings.lot_s
            self._gives_way = self._gives_way or (is_long and self._others_wait())

    def _others_wait(self) -> bool:
        with self.home.ledger.reading() as db:
            return claims.others_wait(db, self.lease.lot, self.home.turn)

    def _units(self, flows: Iterator[Ready]) -> Iterator[list[Ready]]:
        """Whole flows of one lane, up to some documents, bytes or seconds."""
        limits = self.home.settings.work
        unit: list[Ready] = []
        documents = size = 0
        began = time.monotonic()
        for ready in flows:
            if ready.read is None:
                error = ready.error or Fault(_NO_RECORDS)
                self.worker.wait(ready.deposit, error, is_killer=isinstance(error, ReaderKilled))
                ready.spool.unlink(missing_ok=True)
                continue
            if unit and _lane(ready) is not _lane(unit[0]):
                yield unit
                unit, documents, size = [], 0, 0
            if not unit:
                began = time.monotonic()
            unit.append(ready)
            documents += documents_of(ready.read)
            size += ready.read.expanded_bytes
            is_full = documents >= limits.unit_documents or size >= limits.unit_expanded_bytes
            if is_full or time.monotonic() - began >= limits.unit_s:
                yield unit
                unit, documents, size = [], 0, 0
        if unit:
            yield unit

    def _read_ahead(self, deposits: list[Deposit]) -> Generator[Ready, None, None]:
        """Read in the pool, hand over in the order of the deposits."""
        waiting = deque(deposits)
        ahead: deque[tuple[Deposit, Path, Future[Read] | None]] = deque()
        size = 0
        try:
            while ahead or (waiting and not self._gives_way):
                while waiting and not self._gives_way and self._has_room(len(ahead), size):
                    deposit = waiting.popleft()
                    spool = self.home.presence.spool / f"{deposit.id}.pivot"
                    ahead.append((deposit, spool, self._asked(deposit, spool)))
                    size += deposit.size_bytes
                deposit, spool, asked = ahead.popleft()
                size -= deposit.size_bytes
                if self._gives_way and asked is not None and asked.cancel():  # nobody has begun to read it
                    continue
                yield self._counted(self._result(deposit, spool, asked))
        finally:
            for _, spool, asked in ahead:
                if asked is not None and not asked.cancel():
                    with suppress(Exception):
                        asked.result()
                spool.unlink(missing_ok=True)

    def _has_room(self, flows: int, size: int) -> bool:
        """Whether one more is read ahead of so many flows and bytes. The size of the next ones is that of the last."""
        if flows <= self.pool.size:
            return True
        documents = flows * self._documents // self._flows if self._flows else 0
        is_first = not self._flows and flows >= 2 * self.pool.size
        most = AHEAD_UNITS * self.home.settings.work.unit_documents
        return flows < AHEAD_FLOWS and size < AHEAD_BYTES and documents < most and not is_first

    def _counted(self, ready: Ready) -> Ready:
        self._flows += 1
        self._documents += documents_of(ready.read) if ready.read is not None else 0
        return ready

    def _result(self, deposit: Deposit, spool: Path, asked: "Future[Read] | None") -> Ready:
        try:
            return Ready(deposit, spool, self._read(deposit, asked))
        except Exception as error:  # whatever it is, it is this flow's alone: the others go on
            return Ready(deposit, spool, None, error)

    def _asked(self, deposit: Deposit, spool: Path) -> "Future[Read] | None":
        """Have it read; None where an operator has refused it unread. After its time apart it is read a last time."""
        decision = self._decision(deposit)
        if decision is not None and decision != QUARANTINE_OVER:
            return None
        return ask(self.home, self.pool, deposit, spool, is_last=decision is not None)

    def _read(self, deposit: Deposit, asked: "Future[Read] | None") -> Read:
        if asked is None:
            return self._unreadable(deposit)
        try:
            return asked.result()
        except ReaderKilled:
            if self._decision(deposit) is None:
                raise
            return self._unreadable(deposit)

    def _decision(self, deposit: Deposit) -> Decision | None:
        """Why what was set apart came back into the line."""
        return self.worker.operators.get(deposit.id, {}).get(0)

    def _unreadable(self, deposit: Deposit) -> Read:
        """The records of a flow that nobody can read: FIL-007 refuses it, after quarantine or by an operator."""
        found = judge.beyond_the_limits(deposit.name, self.terms)
        member = ReadMember(deposit.name, deposit.sha256, deposit.size_bytes, Kind.UNKNOWN, (found,))
        name = announced(deposit.name, self.terms)
        return Read(deposit.received, name, name, deposit.settled, (member,), (), (), deposit.size_bytes)


def _lane(ready: Ready) -> Lane:
    return ready.read.lane if ready.read is not None else Lane.INVOICES
