"""Reads flows in processes of their own, started by `subprocess`: an issuer's bytes are parsed nowhere else.

One thread per process waits for its answers; the processes do the work. Frames go over the pipes: four bytes of length,
big-endian, then JSON, both ways.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import IO

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipeline.adapters.system_errors import MEND, why
from pipeline.model import Read, Received
from pipeline.ports import Fault, Said
from pipeline.terms import Terms

Source = AbstractContextManager[Path]
WORKER = (sys.executable, "-m", "pipeline.workers.read_worker")
TRIES = 3  # a flow that kills its reader this often is set apart
STOP_S = 5


class ReaderKilled(Fault):
    """A flow killed its reader three times: it is set apart, and only it."""


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """One flow to read, and the file that gets the units of its pivots."""

    received: Received
    spool: str
    terms: Terms


@dataclass(frozen=True, slots=True)
class _Lent:
    """What goes over the pipe: the request, with the file of this machine that holds the bytes."""

    received: Received
    source: str
    spool: str
    terms: Terms


class _Answer(BaseModel):
    read: Read | None = None
    fault: Said | None = None


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
                        with source as path:
                            answer.set_result(_read(reader, request, path))
                    except Exception as error:  # every failure belongs to this flow alone
                        answer.set_exception(error)
        finally:
            reader.stop()


def _read(reader: "_Reader", request: ReadRequest, source: Path) -> Read:
    frame = _REQUEST.dump_json(_Lent(request.received, str(source), request.spool, request.terms))
    for _ in range(TRIES):
        body = reader.ask(frame)
        if body is None:
            continue
        try:
            answer = _ANSWER.validate_json(body)
        except ValidationError as error:
            raise Fault(_no_record(request.received.name)) from error
        if answer.read is None:
            raise Fault(answer.fault or _no_answer(request.received.name))
        return answer.read
    reader.probe()
    raise ReaderKilled(_killer(request.received.name))


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


def _killer(name: str) -> Said:
    return Said(
        f"{name} a tué son lecteur {TRIES} fois, le flux est mis à part ; "
        f"chorus-edi decide {quote(name)} refuse --reason TEXTE y répond, sinon FIL-007 après la quarantaine",
        f"{name} killed its reader {TRIES} times, the flow is set apart; "
        f"`chorus-edi decide {quote(name)} refuse --reason TEXT` answers it, else FIL-007 when the quarantine is over",
    )


class _Reader:
    """One process, started when it is needed and again after it died."""

    def __init__(self, command: Sequence[str], timeout_s: float | None, environment: Mapping[str, str]) -> None:
        self._command, self._timeout_s, self._environment = command, timeout_s, environment
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, frame: bytes) -> bytes | None:
        """Send one request and wait; None when the process died of it, or took longer than the time allowed."""
        process = self._process or self._start()
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both pipes are ours")
        watch = threading.Timer(self._timeout_s, process.kill) if self._timeout_s else None
        if watch:
            watch.start()
        try:
            process.stdin.write(len(frame).to_bytes(4) + frame)
            process.stdin.flush()
            head = _exactly(process.stdout, 4)
            body = _exactly(process.stdout, int.from_bytes(head)) if head is not None else None
        except BrokenPipeError:
            body = None
        finally:
            if watch:
                watch.cancel()
        if body is None:
            self.stop()
        return body

    def probe(self) -> None:
        """A reader that cannot run at all is our fault, not the flow's: without input it must end well by itself."""
        process = self._start()
        self._process = None
        try:
            _, _ = process.communicate(timeout=STOP_S * 6)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise Fault(
                Said(
                    "aucun lecteur ne tourne ; python -m pipeline.workers.read_worker dit pourquoi : y remédier, puis "
                    "relancer chorus-edi run",
                    "no reader runs: `python -m pipeline.workers.read_worker` says why; mend it and run again",
                )
            )

    def _start(self) -> "subprocess.Popen[bytes]":
        # no module is to come from the folder we happen to stand in
        environment = {**os.environ, "PYTHONSAFEPATH": "1", **self._environment}
        try:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd="/", process_group=0
            )
        except OSError as error:
            no_start = Said("aucun lecteur ne démarre", "no reader can be started")
            raise Fault(no_start.because(why(error)).then(MEND)) from error
        return self._process

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


def _exactly(stream: IO[bytes], count: int) -> bytes | None:
    """That many bytes, None where the stream ends before."""
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
