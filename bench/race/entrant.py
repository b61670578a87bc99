"""A contender at work: one process on one core, its answers, its processor time, its memory. Linux only."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Self

from bench.processes import cpu_s
from bench.race import frames, verdicts
from bench.race.contenders import Contender
from bench.race.verdicts import Verdict

ROOT = Path(__file__).parents[2]
_SAID_CHARS_MAX = 300
_GRACE_S = 5.0


class Ended(Exception):
    """A contender ended where it should have answered; `str` is the end of what it said."""


@dataclass(frozen=True, slots=True)
class Took:
    """One pass: milliseconds per document, of the processor and of the clock on the wall."""

    cpu_ms: float
    wall_ms: float


class Entrant:
    """Starts the contender on this core; use it as a context manager."""

    def __init__(self, contender: Contender, core: int) -> None:
        self.contender = contender
        self.count = 0
        self._said = TemporaryFile()  # noqa: SIM115 - closed with the contender
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})  # inherited by every thread that the contender will have
        try:
            self._process = subprocess.Popen(
                contender.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                cwd=ROOT,
                env={**os.environ, "TZ": "UTC", **contender.environment},
            )
        finally:
            os.sched_setaffinity(0, before)

    def ready(self) -> str:
        """Wait until it has compiled all it keeps; gives the versions that it runs."""
        return self._answer()

    def keep(self, documents: Sequence[bytes]) -> None:
        for document in documents:
            self._send(frames.DOCUMENT, document)
            self._answer()
        self.count += len(documents)

    def run(self, order: Sequence[int]) -> Took:
        """One pass over the documents of these ranks."""
        pids = [self._process.pid]
        body = frames.ranks(order)
        cpu, wall = cpu_s(pids), time.perf_counter()
        self._send(frames.PASS, body)
        self._answer()
        wall, cpu = time.perf_counter() - wall, cpu_s(pids) - cpu
        return Took(cpu * 1000 / len(order), wall * 1000 / len(order))

    def verdicts(self) -> list[Verdict]:
        self._send(frames.VERDICTS)
        return verdicts.read(self._answer())

    def peak_mb(self) -> float:
        """The most memory it held so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6

    def close(self) -> None:
        """End of its input ends it; what does not end is killed."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, what: bytes, body: bytes = b"") -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frames.frame(what, body))
            self._process.stdin.flush()
        except BrokenPipeError as err:
            raise Ended(self._last_words()) from err

    def _answer(self) -> str:
        assert self._process.stdout is not None
        answer = frames.read_answer(self._process.stdout)
        if answer is None:
            raise Ended(self._last_words())
        return answer

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return (lines[-1] if lines else f"ended with {self._process.wait()} and said nothing")[:_SAID_CHARS_MAX]
