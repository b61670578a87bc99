"""Starts workers, hands out batches, notices the mutant that hangs or kills one; what is done is kept."""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from bench.fuzz import mutants
from bench.fuzz.batch import ASKING_SAXON, STARTING, Batch, Progress
from bench.fuzz.state import State

BATCH = 500
MUTANT_S, SAXON_S, START_S = 60.0, 600.0, 300.0  # the longest that one mutant, the lots of a batch, a start may take
_LOOK_EVERY_S, _STOP_S = 0.2, 10.0
_STARTS_MAX = 3  # of a batch whose worker is lost while no mutant is in work
_PROJECT = Path(__file__).parents[2]
_KEPT_MAX = 100  # wrong mutants whose bytes are kept
_WRONG = -1  # the batch of what was wrong the last time
WORKER = (sys.executable, "-m", "bench.fuzz.worker")
Range = tuple[int, int]


@dataclass
class _Hand:
    """One worker process and what it was asked."""

    command: tuple[str, ...]
    seed: int
    folder: Path
    rank: int
    process: subprocess.Popen[str] | None = None
    asked: Range | None = None
    batch: int = -1
    left: list[Range] = field(default_factory=list)  # of its batch, after a worker died
    told: list[dict[str, Any]] = field(default_factory=list)  # of its batch: it counts as a whole or not at all
    again: set[int] = field(default_factory=set)  # what was wrong, where its batch is to try that again
    starts: int = 0
    _seen: tuple[int, float] = (STARTING, 0.0)

    def ask(self, asked: Range) -> None:
        if self.process is None:
            path = self.folder / f"progress-{self.rank}"
            self.progress = Progress(path)
            self.process = subprocess.Popen(
                [*self.command, "--seed", str(self.seed), "--progress", str(path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_PROJECT, env=_environment(),
            )  # fmt: skip
        self.progress.number = STARTING
        self.asked, self._seen = asked, (STARTING, time.monotonic())
        if self.process.stdin is None:
            raise AssertionError("its input is ours")
        with contextlib.suppress(BrokenPipeError):  # dead already: its answer will say so
            self.process.stdin.write(json.dumps({"first": asked[0], "last": asked[1]}) + "\n")
            self.process.stdin.flush()

    def answer(self) -> dict[str, Any] | None:
        """Its answer; None where it died."""
        if self.process is None or self.process.stdout is None:
            raise AssertionError("nothing was asked")
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith("\n") else None

    def is_late(self) -> bool:
        """On one mutant, or in one stage, for longer than anything takes."""
        number, now = self.progress.number, time.monotonic()
        if number != self._seen[0]:
            self._seen = (number, now)
        most = {ASKING_SAXON: SAXON_S, STARTING: START_S}.get(number, MUTANT_S)
        return now - self._seen[1] > most

    def stop(self, *, at_once: bool = False) -> None:
        """Let it end, and its Saxon with it; what hangs is killed."""
        process, self.process = self.process, None
        if process is not None:
            if process.stdin is not None and not at_once:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_STOP_S)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


def _environment() -> dict[str, str]:
    """Coverage does not follow the workers: it would trace ten thousand documents, and says nothing new."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))} | {
        "TZ": "UTC"
    }


@dataclass
class Campaign:
    """Mutants 0 to `count` of a seed, in whole batches, until the time is over."""

    state: State
    jobs: int
    kept_in: Path
    note: Callable[[str], None]
    worker: tuple[str, ...] = WORKER

    def run(self, count: int, seconds: float) -> None:
        """Go on where the state stands: what was wrong is tried again first, since then somebody may have mended it.

        A batch that was begun is finished, also when the time is over.
        """
        until = time.monotonic() + seconds
        left = (rank for rank in range(-(-count // BATCH)) if rank not in self.state.done)
        batches = chain([_WRONG] if self.state.wrong else [], left)
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            hands = [_Hand(self.worker, self.state.seed, Path(folder), rank) for rank in range(self.jobs)]
            try:
                self._drive(hands, batches, until)
            finally:
                for hand in hands:
                    hand.stop()

    def _drive(self, hands: list[_Hand], batches: Iterator[int], until: float) -> None:
        for hand in hands:
            self._next(hand, batches, until)
        while busy := {
            hand.process.stdout: hand for hand in hands if hand.asked is not None and hand.process is not None
        }:
            ready, _, _ = select.select(list(busy), [], [], _LOOK_EVERY_S)
            for pipe, hand in busy.items():
                if pipe in ready:
                    told = hand.answer()
                    if told is None:
                        self._lost(hand, "died")
                    else:
                        hand.told.append(told)
                elif hand.is_late():
                    self._lost(hand, "hangs")
                else:
                    continue
                if hand.left:
                    hand.ask(hand.left.pop(0))
                else:
                    self._done(hand)
                    self._next(hand, batches, until)

    def _next(self, hand: _Hand, batches: Iterator[int], until: float) -> None:
        hand.asked = None
        rank = next(batches, None) if time.monotonic() < until else None
        if rank is None:
            return
        hand.batch, hand.starts = rank, 0
        if rank == _WRONG:
            hand.again = {number for number, _, _ in self.state.wrong}
            hand.left = [(number, number) for number in sorted(hand.again)]
        else:
            hand.left = [(rank * BATCH, (rank + 1) * BATCH - 1)]
        hand.ask(hand.left.pop(0))

    def _lost(self, hand: _Hand, how: str) -> None:
        """A mutant that hangs or kills is named; the others of its batch are tried again by a new process."""
        number = hand.progress.number
        code = hand.process.poll() if hand.process is not None else None
        hand.stop(at_once=True)
        if hand.asked is None:
            return
        first, last = hand.asked
        if number < first:  # no mutant is to blame: a machine short of memory, or of time
            hand.starts += 1
            if hand.starts == _STARTS_MAX:
                raise RuntimeError(f"a worker {how} while it started or asked Saxon (exit {code})")
            hand.left.insert(0, hand.asked)
            return
        family = mutants.make(self.state.seed, number).family
        lost = Batch(tried=Counter([family]), wrong=[(number, family, f"{how} (exit {code})")])
        hand.told.append(lost.told())
        hand.left[:0] = [one for one in ((first, number - 1), (number + 1, last)) if one[0] <= one[1]]

    def _done(self, hand: _Hand) -> None:
        if hand.batch == _WRONG:
            self.state.take_again(hand.told, hand.again)
        else:
            for told in hand.told:
                self.state.take(told)
            self.state.done.add(hand.batch)
        hand.told.clear()
        self.state.save()
        for number, family, why in self.state.wrong[:_KEPT_MAX]:
            path = self.kept_in / f"{self.state.seed}-{number}"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(mutants.make(self.state.seed, number).document)
                self.note(f"mutant {number} ({family}): {why} -> {path}")
        if len(self.state.done) % 20 == 0:
            self.note(f"{sum(self.state.tried.values()):,} mutants, {len(self.state.wrong)} wrong")
