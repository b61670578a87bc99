"""What every process of the product holds, looked at twice a second, and whether that grows.

A process that lives through the whole time is one line through its own samples; the children that read live for some
seconds each, and are one line through the most that each of them held.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from bench import processes
from bench.beside import Beside
from bench.processes import READER, SAXON

EVERY_S = 0.5
RUN, CHILD = "chorus-edi run", "reading child"
KINDS = (RUN, READER, CHILD, SAXON)
POINTS = 250  # of one line: the slopes between all pairs of them are worked out
LIVES_THROUGH = 0.8  # of a time
_PAGE_KB = 1024


class Sample(NamedTuple):
    """One process at one moment."""

    at: float  # monotonic
    pid: int
    kind: str
    held_mb: float  # resident, shared pages included
    peak_mb: float  # the most it ever held
    share_mb: float  # resident, shared pages divided among those who share them; 0 where nobody may know


@dataclass
class Memory(Beside):
    """Samples all that these processes started, and themselves, until the `with` ends."""

    every_s = EVERY_S
    roots: Sequence[int]
    samples: list[Sample] = field(default_factory=list)
    kinds: dict[int, str] = field(default_factory=dict)

    def cpu_by_kind(self) -> dict[str, float]:
        """Processor seconds so far. Of dead children the worker tells that waited for them."""
        spent: dict[str, float] = defaultdict(float)
        for pid, kind in self.kinds.copy().items():
            own, ended = processes.spent_s(pid)
            spent[kind] += own
            if kind == READER:
                spent[CHILD] += ended
        return dict(spent)

    def look(self) -> None:
        """Sample them all."""
        now, children = time.monotonic(), processes.started()
        for root in self.roots:
            self._look(root, "", now, children)

    def _look(self, pid: int, parent: str, now: float, children: Mapping[int, Sequence[int]]) -> None:
        kind = self._kind(pid, parent)
        if kind:
            self.kinds[pid] = kind
            sample = _sample(pid, now, kind)
            if sample is not None:
                self.samples.append(sample)
        for child in children.get(pid, ()):
            self._look(child, kind or parent, now, children)

    def _kind(self, pid: int, parent: str) -> str:
        """Between fork and exec a process looks like its parent: what is none of these is not counted."""
        command = processes.command(pid)
        if pid in self.roots:
            return RUN
        if "saxon_server" in command:
            return SAXON
        if "read_worker" in command:
            return CHILD if parent == READER else READER
        return ""


def _sample(pid: int, now: float, kind: str) -> Sample | None:
    status = _fields(f"/proc/{pid}/status")
    if "VmHWM" not in status:
        return None
    share = _fields(f"/proc/{pid}/smaps_rollup").get("Pss", 0.0)
    return Sample(now, pid, kind, status["VmRSS"], status["VmHWM"], share)


def _fields(path: str) -> dict[str, float]:
    """The lines in kB of a file of /proc, in MB; none where the process is gone, or not ours to look at."""
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    words = (line.split() for line in lines)
    return {w[0].rstrip(":"): int(w[1]) * _PAGE_KB / 1e6 for w in words if len(w) == 3 and w[2] == "kB"}


# --- what they come to ------------------------------------------------------------------------------------------------


class Held(NamedTuple):
    """What the processes of one kind held in some time."""

    kind: str
    processes: int
    first_mb: float  # at the beginning, the largest of them
    last_mb: float
    peak_mb: float
    per_minute_mb: float  # the worst of them; of those that are short-lived, from one to the next


def held(samples: Sequence[Sample], kind: str, since: float, until: float, settled: float) -> Held | None:
    """What these processes held between two moments; growth counts from `settled` on. None where there were none."""
    mine = [one for one in samples if one.kind == kind and since <= one.at <= until]
    if not mine:
        return None
    by_pid: dict[int, list[Sample]] = defaultdict(list)
    for one in mine:
        by_pid[one.pid].append(one)
    late = [one for one in mine if one.at >= settled] or mine
    width = until - settled
    through = [some for some in by_pid.values() if some[-1].at - max(some[0].at, settled) >= LIVES_THROUGH * width]
    if through and kind != CHILD:
        slopes = [per_minute([(one.at, one.held_mb) for one in some if one.at >= settled]) for some in through]
    else:
        slopes = [per_minute([(some[0].at, some[-1].peak_mb) for some in by_pid.values() if some[0].at >= settled])]
    return Held(
        kind, len(by_pid), _most_at(late, first=True), _most_at(late, first=False), max(one.peak_mb for one in mine),
        max(slopes),
    )  # fmt: skip


def _most_at(samples: Sequence[Sample], *, first: bool) -> float:
    """The largest at the first, or the last, moment."""
    at = samples[0].at if first else samples[-1].at
    return max(one.held_mb for one in samples if one.at == at)


def per_minute(points: Sequence[tuple[float, float]]) -> float:
    """MB a minute: the median of the slopes between all pairs (Theil-Sen), which single outliers do not move."""
    some = points[:: -(-len(points) // POINTS)] if points else ()
    slopes = [(b - a) / (after - before) for (before, a), (after, b) in combinations(some, 2) if after > before]
    return 60 * statistics.median(slopes) if slopes else 0.0


def together_mb(samples: Sequence[Sample]) -> float:
    """The most that all of them held at one moment, shared pages counted once."""
    at: dict[float, float] = defaultdict(float)
    for one in samples:
        at[one.at] += one.share_mb
    return max(at.values(), default=0.0)
