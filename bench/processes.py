"""The processes under one: what they are, the most memory each held, the processor time each used. Linux only."""

import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from bench.beside import Beside

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
READER, SAXON, PARENT = "read worker", "Saxon server", "parent"
_KINDS = (("saxon_server", SAXON), ("read_worker", READER))


def descendants(root: int) -> list[int]:
    """The process and all below it, as they are now."""
    children = started()
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def started() -> dict[int, list[int]]:
    """Which processes each process has started that still run, as they are now."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                children[int(fields[1])].append(int(entry.name))
    return children


def command(pid: int) -> str:
    """How it was started; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def spent_s(pid: int) -> tuple[float, float]:
    """Processor seconds of a process, and of those children of it that have ended and were waited for."""
    fields = _stat(pid)
    if not fields:
        return 0.0, 0.0
    own, ended = (int(fields[11]) + int(fields[12])), (int(fields[13]) + int(fields[14]))
    return own / _TICKS_PER_S, ended / _TICKS_PER_S


def cpu_clock(pid: int) -> int:
    """The clock of the processor time of another process, for `time.clock_gettime`: nanoseconds, where /proc has ticks.

    The kernel makes such a clock of a process id (clock_getcpuclockid(3)).
    """
    return (~pid << 3) | 2


def cpu_s(pids: list[int]) -> float:
    """Processor time that these processes used so far, of all their threads."""
    return sum(time.clock_gettime(cpu_clock(pid)) for pid in pids)


def _stat(pid: int) -> list[str]:
    """The fields behind the name, which may hold anything: state, parent ...; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []


@dataclass
class Watch(Beside):
    """Samples a process tree beside the work, until the `with` ends: peaks are those of the kernel, so none is missed
    but in the last moment of a process.
    """

    every_s = 0.2
    root: int
    peak_mb: dict[int, float] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)

    def by_kind(self) -> dict[str, list[tuple[float, float]]]:
        """(peak in MB, processor seconds) of each process, by what it is."""
        found: dict[str, list[tuple[float, float]]] = defaultdict(list)
        for pid, kind in self.kinds.items():
            found[kind].append((self.peak_mb.get(pid, 0.0), self.cpu.get(pid, 0.0)))
        return dict(found)

    def look(self) -> None:
        for pid in descendants(self.root):
            self._look_at(pid)

    def _look_at(self, pid: int) -> None:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
            status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
        except OSError:
            return
        fields = _stat(pid)
        if not fields or "VmHWM:" not in status:
            return
        kind = next((kind for part, kind in _KINDS if part in command), PARENT if pid == self.root else "other")
        if kind == "other" and pid not in self.kinds:
            return  # between fork and exec it still looks like its parent
        self.kinds[pid] = kind
        self.peak_mb[pid] = int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
        self.cpu[pid] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
