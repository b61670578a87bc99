"""One way to break homes: steps by their names, each done once in a campaign and each told by what it found."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Self

from bench.crash.forks import Forks, Hangs
from bench.crash.subject import BUG, Local, Outcome, Problem

SHM = Path("/dev/shm")  # homes are made and broken thousands of times; a process that dies loses no page of a file


class Unavailable(Exception):
    """Why this part cannot run here."""


class Part:
    """Open it, go through its `steps`, `do` each. What is started with it ends with it."""

    name: ClassVar[str]
    about: ClassVar[str]
    step_s: ClassVar[float] = 0.0  # how long a step may take: none is begun that cannot end in time

    def __init__(self, forks: Forks) -> None:
        self.forks = forks
        self.was_hit = False  # by the last step: the next one of its kind may still hit
        self._open = ExitStack()
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            self._open = opening
            self.open()
            self._open = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def open(self) -> None:
        """Start what is needed; raises `Unavailable`."""
        raise NotImplementedError

    def steps(self) -> Iterator[str]:
        """The names of the steps, in their order. A part that goes on until nothing is hit any more looks at `was_hit`
        after each."""
        raise NotImplementedError

    def do(self, key: str) -> Outcome:
        """Take one step; what hangs is a bug, told like any other."""
        try:
            outcome = self.take(key)
        except Hangs as hangs:
            outcome = Outcome(was_hit=True, problems=[Problem(BUG, str(hangs))])
        self.was_hit = outcome.was_hit
        return outcome

    def take(self, key: str) -> Outcome:
        raise NotImplementedError

    def folder(self) -> Path:
        """A temporary folder that goes with the part, in memory where there is room for that."""
        if self._folder is None:
            made = tempfile.TemporaryDirectory(prefix="crash-", dir=SHM if SHM.is_dir() else None)
            self._folder = Path(self._open.enter_context(made))
        return self._folder

    def ready(self, subject: Local) -> None:
        """Prepare a subject, and learn how it ends."""
        subject.prepare()
        subject.learn(self.forks)


def spread(keys: Sequence[str], count: int) -> list[str]:
    """So many of them, evenly: what a short run takes of a long list."""
    if count >= len(keys):
        return list(keys)
    return [keys[(2 * rank + 1) * len(keys) // (2 * count)] for rank in range(count)]
