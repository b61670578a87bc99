"""kill -9 before every call that writes, of one flow: the parent, the reader, and again while a consumer takes the
answers at once. EIO and ENOSPC at every call on a file of ours."""

import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar

from bench.crash import tracing
from bench.crash.consumer import Consumer
from bench.crash.forks import Fork
from bench.crash.part import Part, Unavailable
from bench.crash.subject import BUG, RED, Local, Outcome, Problem, compared
from bench.crash.tracing import Call
from pipeline.adapters.read_pool import TRIES, WORKER

HERE = Path(__file__).parent
OUR_BUG = "this is a bug"  # of the sentence that an exception nobody foresaw becomes


class _Traced(Part):
    """What is common: one home, and the calls of one untouched run."""

    kinds = tracing.WRITES
    subject_of: ClassVar[type[Local]] = Local

    def open(self) -> None:
        if reason := tracing.why_not():
            raise Unavailable(reason)
        self.subject = self.subject_of(self.folder())
        self.ready(self.subject)
        self.calls = self.record()

    def record(self) -> list[Call]:
        home = self.subject.copy()
        fork = self.start(home)
        with tracing.recorded(fork.pid, self.kinds) as calls:
            fork.go()
            told = fork.end()
        self.subject.forget(home)
        if told is None or told["bug"] or told["faults"] or not calls:
            raise RuntimeError(f"the run that is recorded does not end well: {told}")
        self.home_recorded = home
        return calls

    def start(self, home: Path) -> Fork:
        return self.forks.start("run", waits=True, **self.subject.given(home, self.forks.reader))

    def every(self, calls: list[Call]) -> Iterator[str]:
        """`kind:number` of each that changes something, kind by kind; after the last one until nothing is hit."""
        last: Counter[str] = Counter()
        wanted: dict[str, list[int]] = {}
        for call in calls:
            last[call.kind] = call.number
            if call.changes:
                wanted.setdefault(call.kind, []).append(call.number)
        for kind, numbers in sorted(wanted.items()):
            for number in numbers:
                yield f"{kind}:{number}"
            number = last[kind]
            while self.was_hit and kind not in tracing.OPENS:
                number += 1
                yield f"{kind}:{number}"


class KilledAtCalls(_Traced):
    """The parent dies before each call that writes; the next run does the rest."""

    name, about = "calls", "kill -9 before each call of the run that writes"

    def steps(self) -> Iterator[str]:
        yield from self.every(self.calls)

    def take(self, key: str) -> Outcome:
        kind, _, number = key.partition(":")
        home = self.subject.copy()
        fork = self.start(home)
        with tracing.killed_at(fork.pid, kind, int(number)):
            fork.go()
            told = fork.end()
        outcome = Outcome(told is None, Counter(calls=told is None, kills=told is None))
        outcome.problems += [*self.subject.torn(home), *half_accepted(self.subject, home)]
        self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome


class KilledWhileFetched(_Traced):
    """The same from the first answer on, and whoever fetches takes each file as soon as it is there, and removes it."""

    name, about = "fetched", "the same from the first answer on, each file fetched and deleted at once"

    def steps(self) -> Iterator[str]:
        first = next(rank for rank, call in enumerate(self.calls) if "/out/" in call.words)
        before = Counter(call.kind for call in self.calls[:first])
        yield from self.every([call for call in self.calls if call.number > before[call.kind]])

    def take(self, key: str) -> Outcome:
        kind, _, number = key.partition(":")
        home = self.subject.copy()
        with Consumer(self.subject.roots(home)) as consumer:
            fork = self.start(home)
            with tracing.killed_at(fork.pid, kind, int(number)):
                fork.go()
                told = fork.end()
            consumer.sweep()
            outcome = Outcome(told is None, Counter(calls=told is None, kills=told is None))
            recover_while_fetched(self, self.subject, home, consumer, outcome)
        self.subject.forget(home)
        return outcome


def recover_while_fetched(part: Part, subject: Local, home: Path, consumer: Consumer, outcome: Outcome) -> None:
    """The next runs; what was fetched stands for what would lie in the folders."""
    told = part.forks.call("recover", **subject.given(home, part.forks.reader), **subject.look(home))
    consumer.sweep()
    outcome.counts["flows"] += 1
    outcome.recovered_s = told.get("recovered_s", 0.0)
    if not told["bug"]:
        told["files"] |= consumer.files
    outcome.problems += [*compared(subject.expected, told), *consumer.problems]


class ReaderKilledAtCalls(Part):
    """The process that reads, or the child of it that has the flow, dies before each call that writes; the run reads
    again and ends as if nothing were."""

    name, about = "reader", "kill -9 before each call of the reading processes that writes"
    calls = ("write", "writev", "pwrite64", "sendto", "sendmsg", "ftruncate", "fsync", "unlink", "mkdir")

    def open(self) -> None:
        if reason := tracing.why_not():
            raise Unavailable(reason)
        self.subject = Local(self.folder())
        self.ready(self.subject)

    def steps(self) -> Iterator[str]:
        for who in ("worker", "child"):
            for kind in self.calls:
                number = 0
                while not number or self.was_hit:
                    number += 1
                    yield f"{who}:{kind}:{number}"

    def take(self, key: str) -> Outcome:
        who, kind, number = key.split(":")
        home = self.subject.copy()
        token, log = home / "once", home / "strace"
        token.touch()
        inject = ("-e", f"trace={kind}", "-e", f"inject={kind}:signal=KILL:when={number}")
        words = (str(token), str(log), *(("-f",) if who == "child" else ()), *inject)
        reader = (sys.executable, "-I", "-S", str(HERE / "first_only.py"), *words, "--", *WORKER)
        told = self.forks.call("run", **self.subject.given(home, reader))
        kills = log.read_text(errors="replace").count("killed by SIGKILL")
        log.unlink()
        outcome = Outcome(kills > 0, Counter(calls=kills, kills=kills))
        if kills < TRIES:
            if told["bug"] or told["faults"]:
                outcome.problems.append(Problem(BUG, f"{told['bug']} {' '.join(told['faults'])}"))
            self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome  # one that killed three was set apart before the tracer was let go: another matter


class FailedCalls(_Traced):
    """Each call on a file of ours fails once, as on a broken or a full disk: a fault, and the next run mends it."""

    name, about = "errors", "EIO or ENOSPC at each call on a file of the home"
    kinds = (*tracing.WRITES, *tracing.READS)

    def steps(self) -> Iterator[str]:
        for call in self.calls:
            if call.names(self.home_recorded):
                for error in tracing.FAILS.get(call.kind, ()):
                    if error == "EIO" or call.changes:
                        yield f"{call.kind}:{call.number}:{error}"

    def take(self, key: str) -> Outcome:
        kind, number, error = key.split(":")
        home = self.subject.copy()
        fork = self.start(home)
        with tracing.failed_at(fork.pid, kind, int(number), error):
            fork.go()
            told = fork.end()
        outcome = Outcome(True, Counter(calls=1, errors=1))
        if told is None:
            outcome.problems.append(Problem(BUG, "the run died"))
        else:
            outcome.counts["faults"] += bool(told["faults"])
            outcome.problems += [Problem(BUG, told["bug"])] if told["bug"] else []
            outcome.problems += [Problem(BUG, said) for said in told["faults"] if OUR_BUG in said]
        outcome.problems += [*self.subject.torn(home), *half_accepted(self.subject, home)]
        self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome


def half_accepted(subject: Local, home: Path) -> list[Problem]:
    """Files that went out without a verdict in the ledger: nothing is accepted that was not written down.

    It reads a copy of the ledger: what a run that died has left is for the next run to mend.
    """
    sent = [path.name for root in subject.roots(home).values() for path in root.glob("*/out/[!.]*")]
    if not sent:
        return []
    with tempfile.TemporaryDirectory() as folder:
        for path in home.glob("ledger.sqlite*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / "ledger.sqlite")) as db:
            known = {name for (name,) in db.execute(_ACCEPTED)}
    return [Problem(RED, f"{name} was sent without a verdict") for name in sent if name not in known]


_ACCEPTED = """
    SELECT name FROM outbox JOIN verdicts USING (deposit_id)
    UNION SELECT batch FROM changes WHERE told > 0
"""
