"""Reads flows in processes of their own, started by `subprocess`: an issuer's bytes are parsed nowhere else.

One thread per process waits for its answers; the processes do the work, in children of theirs that are confined. Frames
go over the pipes: four bytes of length, big-endian, then JSON, both ways; an empty one says that the work goes on.

A flow whose child died is read again in a child of its own, and set apart when it has killed three. When its time apart
is over it is read a last time: the files that kill again are left closed and refused, and the others are judged.
"""

import contextlib
import os
import queue
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import IO

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from pipeline.adapters.child_environment import without_secrets
from pipeline.adapters.system_errors import MEND, why
from pipeline.adapters.told_terms import ToldTerms
from pipeline.model import Read, Received
from pipeline.ports import Fault, Said
from pipeline.terms import Terms

Source = AbstractContextManager[Path]
WORKER = (sys.executable, "-m", "pipeline.workers.read_worker")
TRIES = 3  # a flow that kills its reader this often is set apart
CLOSED_MAX = 3  # files of one flow that are left closed at its last reading: one with more is beyond reading
TRIES_AT_LAST = TRIES * (CLOSED_MAX + 1)
LARGE_BYTES = 24 << 20  # such files are read one at a time: each may take more than the ordinary budget
STOP_S = 5
_HARMLESS = b"<harmless/>"


class ReaderKilled(Fault):
    """A flow killed its reader three times: it is set apart, and only it."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One flow to read, and the file that gets the units of its pivots.

    `is_last`: its time apart is over. A file that kills its reader thrice is now refused (FIL-007), the others are
    read.
    """

    received: Received
    spool: str
    terms: Terms
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class _Lent:
    """What goes over the pipe: the request, with the file of this machine that holds the bytes."""

    received: Received
    source: str
    spool: str
    terms: ToldTerms
    alone: bool = False
    unreadable: tuple[int, ...] = ()


class _Died(BaseModel):
    """The child that read is gone: which file of the flow it was at (-1: before the first), and why."""

    rank: int
    why: Said


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)  # an invoice is no text for a traceback
    read: Read | None = None
    fault: Said | None = None
    died: _Died | None = None


_REQUEST = TypeAdapter(_Lent)
_ANSWER = TypeAdapter(_Answer)


class ReadPool:
    """A few reading processes behind one queue; they start when the first flow comes."""

    def __init__(
        self,
        size: int | None = None,
        command: Sequence[str] = WORKER,
        timeout_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.size = size or os.cpu_count() or 1
        self._command = tuple(command)
        self._timeout_s = timeout_s
        self._environment = dict(environment or {})
        self._requests: queue.SimpleQueue[tuple[ReadRequest, Source, Future[Read]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._one_large = threading.Lock()

    def __enter__(self) -> "ReadPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def submit(self, request: ReadRequest, source: Source) -> "Future[Read]":
        """Ask for a flow; the future gives its records, or raises the `Fault` that stopped it.

        `source` lends the stored bytes for as long as they are read: fetching them is part of the reader's turn.
        """
        if len(self._threads) < self.size:
            thread = threading.Thread(target=self._serve, name=f"reader-{len(self._threads) + 1}", daemon=True)
            self._threads.append(thread)
            thread.start()
        answer: Future[Read] = Future()
        self._requests.put((request, source, answer))
        return answer

    def close(self) -> None:
        """Let the processes end: what was asked and not begun is dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                asked = self._requests.get_nowait()
                if asked is not None:
                    asked[2].cancel()
        for _ in self._threads:
            self._requests.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _serve(self) -> None:
        reader = _Reader(self._command, self._timeout_s, self._environment)
        try:
            while (asked := self._requests.get()) is not None:
                request, source, answer = asked
                if answer.set_running_or_notify_cancel():
                    try:
                        with source as path, self._in_turn(path):
                            answer.set_result(_read(reader, request, path))
                    except Exception as error:  # every failure belongs to this flow alone
                        answer.set_exception(error)
        finally:
            reader.stop()

    def _in_turn(self, source: Path) -> AbstractContextManager[object]:
        return self._one_large if source.stat().st_size > LARGE_BYTES else nullcontext()


def _read(reader: "_Reader", request: ReadRequest, source: Path) -> Read:
    """Read it, again and alone where its reader died, and at last without the files that killed it."""
    lent = _Lent(request.received, str(source), request.spool, request.terms, alone=request.is_last)
    deaths: Counter[int] = Counter()
    while True:
        body = reader.ask(_REQUEST.dump_json(lent))
        if body is None:
            died = _Died(rank=-1, why=_THE_WORKER)
        else:
            try:
                answer = _ANSWER.validate_json(body)
            except ValidationError as error:
                raise Fault(_no_record(request.received.name)) from error
            if answer.read is not None:
                return _of_this(request.received, answer.read)
            if answer.died is None:
                raise Fault(answer.fault or _no_answer(request.received.name))
            died = answer.died
        deaths[died.rank] += 1
        closed = lent.unreadable
        if request.is_last and deaths[died.rank] == TRIES and died.rank >= 0 and len(closed) < CLOSED_MAX:
            closed = (*closed, died.rank)
        elif deaths.total() >= (TRIES_AT_LAST if request.is_last else TRIES) or deaths[died.rank] >= TRIES:
            _prove(reader, lent)
            raise ReaderKilled(_killer(request.received.name, died.why))
        lent = replace(lent, alone=True, unreadable=closed)


def _prove(reader: "_Reader", lent: _Lent) -> None:
    """A reader that cannot even read a harmless file is our fault, not the flow's."""
    received = replace(lent.received, sha256=sha256(_HARMLESS).hexdigest(), size_bytes=len(_HARMLESS))
    with tempfile.NamedTemporaryFile(dir=Path(lent.spool).parent, buffering=0) as file:
        file.write(_HARMLESS)
        harmless = _Lent(received, file.name, lent.spool, lent.terms, alone=True)
        body = reader.ask(_REQUEST.dump_json(harmless))
    if body is None:
        raise Fault(_NO_READER)
    answer = _ANSWER.validate_json(body)
    if answer.read is None:
        why = answer.died.why if answer.died else answer.fault
        raise Fault(_sick(why or _no_answer(file.name)))


def _of_this(asked: Received, read: Read) -> Read:
    """The records, of the flow that was asked for: what we know of it is not learned from whoever has parsed it."""
    told = read.received
    if (told.partner, told.name, told.sha256) != (asked.partner, asked.name, asked.sha256):
        raise Fault(_no_record(asked.name))
    return replace(read, received=asked)


def _no_record(name: str) -> Said:
    return Said(
        f"la réponse du lecteur de {name} est illisible ; relancer chorus-edi run, et signaler ce qui se répète",
        f"the reader of {name} answered what is no record; run again, and report it if it comes back",
    )


def _no_answer(name: str) -> Said:
    return Said(
        f"le lecteur de {name} n'a rien répondu ; relancer chorus-edi run, et signaler ce qui se répète",
        f"the reader of {name} gave no answer; run again, and report it if it comes back",
    )


_NO_READER = Said(
    "aucun lecteur ne tourne ; python -m pipeline.workers.read_worker dit pourquoi : y remédier, puis relancer "
    "chorus-edi run",
    "no reader runs: `python -m pipeline.workers.read_worker` says why; mend it and run again",
)


def _sick(why: Said) -> Said:
    return Said(
        f"même un fichier anodin tue le lecteur ({why.fr}) ; la mémoire manque-t-elle ? y remédier, puis relancer "
        "chorus-edi run",
        f"even a harmless file kills its reader ({why.en}); is memory short? mend it and run again",
    )


_THE_WORKER = Said("le processus entier s'est arrêté", "the whole process ended")


def _killer(name: str, why: Said) -> Said:
    return Said(
        f"{name} a tué son lecteur {TRIES} fois ({why.fr}), le flux est mis à part ; "
        f"chorus-edi decide {quote(name)} refuse --reason TEXTE y répond, sinon FIL-007 après la quarantaine",
        f"{name} killed its reader {TRIES} times ({why.en}), the flow is set apart; "
        f"`chorus-edi decide {quote(name)} refuse --reason TEXT` answers it, else FIL-007 when the quarantine is over",
    )


_READ_BYTES = 1 << 20


class _Ended(Exception):
    """The process ended before it answered, or had to be."""


class _Reader:
    """One process, started when it is needed and again after it died."""

    def __init__(self, command: Sequence[str], timeout_s: float | None, environment: Mapping[str, str]) -> None:
        self._command, self._timeout_s, self._environment = command, timeout_s, environment
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, frame: bytes) -> bytes | None:
        """Send one request and wait; None when the process died of it, or was silent for longer than it may be."""
        process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both pipes are ours")
        try:
            left = memoryview(len(frame).to_bytes(4) + frame)
            while left:
                left = left[process.stdin.write(left) :]
            body = b""
            while not body:  # an empty one is a sign of life
                body = self._frame(process.stdout)
        except (BrokenPipeError, _Ended):
            self.stop()
            return None
        return body

    def _frame(self, answers: IO[bytes]) -> bytes:
        until = time.monotonic() + self._timeout_s if self._timeout_s else None
        head = self._exactly(answers, 4, until)
        return self._exactly(answers, int.from_bytes(head), until)

    def _exactly(self, answers: IO[bytes], count: int, until: float | None) -> bytes:
        parts = []
        waiting = select.poll()
        waiting.register(answers, select.POLLIN)
        while count:
            if until is not None:
                left_s = until - time.monotonic()
                if left_s <= 0 or not waiting.poll(left_s * 1000):
                    self.kill()
                    raise _Ended
            part = os.read(answers.fileno(), min(count, _READ_BYTES))
            if not part:
                raise _Ended
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _start(self) -> "subprocess.Popen[bytes]":
        # no module is to come from the folder we happen to stand in
        environment = {**without_secrets(os.environ), "PYTHONSAFEPATH": "1", **self._environment}
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env=environment, cwd="/",
                process_group=0,
            )  # fmt: skip
        except OSError as error:
            no_start = Said("aucun lecteur ne démarre", "no reader can be started")
            raise Fault(no_start.because(why(error)).then(MEND)) from error
        return self._process

    def kill(self) -> None:
        """It does not answer any more, and will not hear that its input ends."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End it: its input ends, and a process that does not follow is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
