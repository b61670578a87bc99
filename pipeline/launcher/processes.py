"""Processes that we started, told apart from strangers. Linux: a pid alone proves nothing, it is used again.

A component leads a session of its own, and all that it starts stays in it, tasks too (each has a group of its own, so
a signal to the group would miss them). A process of such a session is ours while its leader is the one we recorded. A
pid that names a living session is never given away: where the leader is gone, what is left of its session is older than
any stranger's, save a stranger that led a session under the same pid and is gone as well: there the mark decides, a
word in the environment that only what we started has.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MARK = "CHORUS_EDI_AIRFLOW_RUN"
LOOK_S = 0.05
EXEC_LOOKS, EXEC_S = 20, 0.005


@dataclass(frozen=True, slots=True)
class Process:
    """One process, whoever gets its pid later."""

    pid: int
    ticks: int  # of the kernel, from boot to its start

    @property
    def is_alive(self) -> bool:
        found = _look(self.pid)
        return found is not None and found.ticks == self.ticks

    def send(self, number: int) -> None:
        """Signal this process and no other; one that is gone needs none."""
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(self.pid)
            try:
                if self.is_alive:  # so the descriptor is its own
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)

    def memory_bytes(self) -> int:
        """Its share of the memory it uses; all of it where the system does not tell us the share."""
        with suppress(OSError, ValueError):
            for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii").splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        with suppress(OSError, ValueError):
            return int(Path(f"/proc/{self.pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0


class _Seen(NamedTuple):
    """What the kernel tells everybody of a process."""

    ticks: int
    session: int
    parent: int


def born(pid: int) -> Process:
    """A process that we have just started; `ProcessLookupError` where it is over already."""
    found = _look(pid)
    if found is None:
        raise ProcessLookupError(pid)
    return Process(pid, found.ticks)


def boot() -> str:
    """Which boot of this machine it is: start times count from it."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def sessions(leaders: Iterable[Process], mark: str) -> Mapping[Process, list[Process]]:
    """What is alive in the session of each leader, the leader itself included, dead or alive."""
    by_pid = {leader.pid: leader for leader in leaders}
    found: dict[Process, list[Process]] = {leader: [] for leader in by_pid.values()}
    everything = _everything()
    for pid, seen in everything.items():
        leader = by_pid.get(seen.session)
        if leader is None:
            continue
        now = everything.get(leader.pid)
        is_ours = now.ticks == leader.ticks if now else seen.ticks >= leader.ticks and _may_carry(pid, mark)
        if is_ours:
            found[leader].append(Process(pid, seen.ticks))
    return found


def idle_orphans(leaders: Iterable[Process], mark: str) -> list[Process]:
    """What dead leaders left without parent or child: workers that have no task, and nobody to give them one."""
    everything = _everything()
    parents = {seen.parent for seen in everything.values()}
    found = []
    for leader, members in sessions(leaders, mark).items():
        pids = {member.pid for member in members}
        if leader.pid not in pids:
            found += [m for m in members if m.pid not in parents and everything.get(m.pid, _GONE).parent not in pids]
    return found


def end(rounds: Iterable[tuple[Callable[[], list[Process]], int, float]]) -> None:
    """Round by round: signal what is there, and wait until it is gone, some seconds at most."""
    for find, number, seconds in rounds:
        targets = find()
        for process in targets:
            process.send(number)
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(process.is_alive for process in targets):
            time.sleep(LOOK_S)


_GONE = _Seen(0, 0, 0)


def _everything() -> dict[int, _Seen]:
    """All that lives, by pid."""
    pids = (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())
    return {pid: seen for pid in pids if (seen := _look(pid)) is not None}


def _look(pid: int) -> _Seen | None:
    """None where it is over, or only waits for its parent to hear of it."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()  # behind the name, which may hold anything
    return None if fields[0] in "ZXx" else _Seen(int(fields[19]), int(fields[3]), int(fields[1]))


def _may_carry(pid: int, mark: str) -> bool:
    """Its environment has our mark; a task hides it from everybody but root, and then nothing speaks against it."""
    for _ in range(EXEC_LOOKS):
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except PermissionError:
            return True
        except OSError:
            return False
        if environment:
            return f"{MARK}={mark}".encode() in environment.split(b"\0")
        time.sleep(EXEC_S)  # between two programs a process has none for a moment
    return False
