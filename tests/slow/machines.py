"""One "machine" of a cluster: a home, an Airflow home, and processes that share nothing with those of another one.

The processes of a machine are ended by the pids that we recorded, and what they started by its session.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

AIRFLOW = (sys.executable, "-m", "airflow")
STOP_S = 15


@dataclass(slots=True)
class Machine:
    """`home` is ours, `airflow` is Airflow's; `environment` is what every process of this machine gets."""

    name: str
    root: Path
    environment: Mapping[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def start(self, name: str, *words: str) -> None:
        """Start one component in a session of its own; its output goes to `<root>/<name>.log`."""
        with (self.root / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*AIRFLOW, *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._all(), cwd=self.root,
                start_new_session=True,
            )  # fmt: skip

    def run(self, *words: str, timeout_s: float = 120) -> str:
        """One Airflow command to its end; its output, or an error that shows it."""
        done = subprocess.run(
            [*AIRFLOW, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=self._all(),
            cwd=self.root, timeout=timeout_s, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(words)}: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return done.stdout

    def _all(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHORUS_EDI_"))}
        if kept.pop("PYTHONDONTWRITEBYTECODE", ""):  # every task would compile Airflow and us anew
            kept["PYTHONPYCACHEPREFIX"] = str(self.root / "bytecode")
        return kept | dict(self.environment)

    def pids(self) -> list[int]:
        """Everything alive in the sessions of this machine, and below."""
        return everything_of([process.pid for process in self.processes.values()])

    def kill(self, name: str) -> None:
        """-9 for a component and all that it started: the machine lost its power."""
        process = self.processes.pop(name)
        for pid in everything_of([process.pid]):
            _signal(pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        pids = self.pids()
        for process in self.processes.values():
            process.terminate()
        until = time.monotonic() + STOP_S
        while time.monotonic() < until and any(process.poll() is None for process in self.processes.values()):
            time.sleep(0.1)
        for pid in {*pids, *self.pids()}:
            _signal(pid, signal.SIGKILL)
        for process in self.processes.values():
            process.wait()
        self.processes.clear()

    def last_words(self) -> str:
        """The end of each log: for whoever reads why it did not start."""
        logs = sorted(self.root.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in logs)


def everything_of(roots: Sequence[int]) -> list[int]:
    """Processes whose session is one of these, or that descend from one that is (tasks make groups of their own)."""
    found = set(roots)
    table = _table()
    while True:
        more = {pid for pid, (parent, session) in table.items() if parent in found or session in found} - found
        if not more:
            return sorted(pid for pid in found if pid in table)
        found |= more


def _table() -> dict[int, tuple[int, int]]:
    """pid -> (parent, session) of what is alive."""
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent, _, session, *_ = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if state != "Z":
                table[int(entry.name)] = (int(parent), int(session))
    return table


def listeners_outside_loopback(pids: Sequence[int]) -> list[str]:
    """Listening sockets of these processes that another machine could reach."""
    inodes = {}
    for pid in pids:
        try:
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                target = os.readlink(descriptor)
                if target.startswith("socket:["):
                    inodes[target[8:-1]] = pid
        except OSError:
            continue
    found = []
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes and not _is_loopback(fields[1].split(":")[0]):
                found.append(f"{name} {fields[1]} of pid {inodes[fields[9]]}")
    return found


def _is_loopback(address: str) -> bool:
    """As /proc writes it: words of four bytes, each in the order of the machine."""
    loopback_6 = ("00000000000000000000000001000000", "0000000000000000FFFF00000100007F")
    return address == "0100007F" or address in loopback_6


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def settings_toml(**tables: object) -> str:
    """A settings file of tables, tables of tables, and plain values (JSON writes those as TOML does)."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in tables.items() if not isinstance(value, Mapping)]
    for name, value in tables.items():
        if isinstance(value, Mapping):
            lines += _table_lines(name, value)
    return "\n".join([*lines, ""])


def _table_lines(name: str, table: Mapping[str, object]) -> list[str]:
    plain = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    lines = ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items())] if plain else []
    for key, value in table.items():
        if isinstance(value, Mapping):
            lines += _table_lines(f"{name}.{key}", value)
    return lines
