"""The antivirus on the way of a flow: its file is scanned before it is read, what was taken out of it after.

An infected file is not even parsed. Nothing waits here for a reader: a scan is a short turn of a thread, and the turn
before the reading asks for it, the turn after is asked for when it is done.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.model import Read, Received
from pipeline.ports import Scanner
from pipeline.terms import Terms
from pipeline.validators import antivirus
from pipeline.validators.antivirus import Infected

LANES_MAX = 8  # clamd works with ten threads unless its settings say more, and we are not alone on the machine


@dataclass(frozen=True, slots=True)
class Asked:
    """One flow to be scanned and read."""

    received: Received
    announced: str  # the interface code of its name, for the report of what nobody reads
    terms: Terms
    stored: AbstractContextManager[Path]  # lends its bytes, for as long as all of this takes
    spool: Path  # where the reader puts what it took out
    read: Callable[[Path], "Future[Read]"]
    is_answered: bool  # its report has gone: it is read for the invoices that wait
    hear: Callable[[Infected], None]  # told of each signature


class Scanning:
    """A scanner and the threads that wait for it; they start with the first flow."""

    def __init__(self, scanner: Scanner, readers: int) -> None:
        self.scanner = scanner
        self._threads = ThreadPoolExecutor(min(readers + 1, LANES_MAX), "scan")

    def submit(self, asked: Asked) -> "Future[Read]":
        """The future gives the records with what was found, or raises the `Fault` that kept us from scanning."""
        turn = _Turn(asked, self.scanner, self._threads)
        self._threads.submit(turn.before)
        return turn.answer

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)


@dataclass(slots=True)
class _Turn:
    """One flow, on its way through three hands."""

    asked: Asked
    scanner: Scanner
    threads: ThreadPoolExecutor
    answer: "Future[Read]" = field(default_factory=Future)
    lent: ExitStack = field(default_factory=ExitStack)

    def before(self) -> None:
        """Scan the file as it came; where it is clean, have it read."""
        if not self.answer.set_running_or_notify_cancel():
            return
        asked = self.asked
        try:
            path = self.lent.enter_context(asked.stored)
            with path.open("rb") as source:
                found = antivirus.scan_file(asked.received, source, self.scanner)
            if found is not None:
                asked.hear(found)
                if not asked.is_answered:
                    self._end(antivirus.unread(asked.received, asked.announced, found, self.scanner, asked.terms))
                    return
            reading = asked.read(path)
        except BaseException as error:  # whatever it is, it is this flow's alone
            self._end(error)
            return
        reading.add_done_callback(lambda done: self._after_it(done, found))

    def _after_it(self, done: "Future[Read]", found: Infected | None) -> None:
        try:
            self.threads.submit(self.after, done, found)
        except RuntimeError as error:  # everything is being closed
            self._end(error)

    def after(self, done: "Future[Read]", before: Infected | None) -> None:
        """Scan what the reader took out."""
        asked = self.asked
        try:
            read = done.result()
            found = [before] if before is not None else []
            if read.extracts:
                with asked.spool.open("rb") as spool:
                    for one in antivirus.scan_extracts(read, spool, self.scanner):
                        asked.hear(one)
                        found.append(one)
            with_findings = antivirus.with_findings(
                read, found, self.scanner, asked.terms, is_answered=asked.is_answered
            )
        except BaseException as error:
            self._end(error)
            return
        self._end(with_findings)

    def _end(self, result: "Read | BaseException") -> None:
        try:
            self.lent.close()
        except OSError as error:
            result = error
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)
