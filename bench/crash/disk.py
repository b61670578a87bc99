"""A disk that fills up: 2 MB for the home, its store or an `out` folder, with less and less of it free.

What does not fit is a fault in words, nothing is accepted half, and the next run with room does the rest.
"""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.crash.part import Part, Unavailable
from bench.crash.subject import BUG, PARTNER, Local, Outcome, Problem
from bench.crash.syscalls import OUR_BUG, half_accepted

DISK = 2 << 20
STEP = 16 << 10
MOST = 640 << 10  # a run that has so much is not in want
PLACES = {"home": "", "store": "store", "out": f"drop/{PARTNER}/out"}
FILLER = "filler"


class FullDisk(Part):
    """One place after the other, with from nothing to more than enough free."""

    name, about = "full", "2 MB for the home, the store or the outbox, from nothing to enough of it free"

    def open(self) -> None:
        if os.geteuid() != 0:
            raise Unavailable("to mount a small disk needs root")
        self.subject = Local(self.folder())
        self.subject.settings = {"disk": {"free_bytes": 0}}  # intake does not stop before: it is to run into the end
        self.ready(self.subject)
        try:
            with small_disk(self.folder() / "tried"):
                pass
        except subprocess.CalledProcessError as error:
            raise Unavailable(f"no tmpfs may be mounted here: {error.stderr.decode().strip()}") from error

    def steps(self) -> Iterator[str]:
        for place in PLACES:
            for free in range(0, MOST, STEP):
                yield f"{place}:{free >> 10}"

    def take(self, key: str) -> Outcome:
        place, _, free = key.partition(":")
        home = self.subject.folder / "on-a-small-disk"
        disk = home / PLACES[place]
        if place != "home":
            self.subject.copy(home)
        with small_disk(disk):
            if place == "home":
                self.subject.copy(home)
            elif place == "store":
                self.refill(self.subject.template / "store", disk)
            fill(disk, int(free) << 10)
            told = self.forks.call("run", **self.subject.given(home, self.forks.reader))
            outcome = Outcome(bool(told["faults"]), Counter(errors=bool(told["faults"]), faults=bool(told["faults"])))
            outcome.problems += [Problem(BUG, told["bug"])] if told["bug"] else []
            outcome.problems += [Problem(BUG, said) for said in told["faults"] if OUR_BUG in said]
            (disk / FILLER).unlink()
            outcome.problems += [*self.subject.torn(home), *half_accepted(self.subject, home)]
            self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome

    def refill(self, source: Path, disk: Path) -> None:
        """The store as it was, on its small disk."""
        subprocess.run(["cp", "-a", f"{source}/.", str(disk)], check=True)


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    """2 MB mounted there until the end of the `with`."""
    at.mkdir(parents=True, exist_ok=True)
    options = f"size={DISK},mode=0755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "crash", str(at)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)


def fill(disk: Path, free: int) -> None:
    """Leave so many bytes of a disk free."""
    there = os.statvfs(disk)
    left = there.f_bavail * there.f_frsize - free
    with (disk / FILLER).open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(left, 1))
