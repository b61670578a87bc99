"""The product as a user runs it: `chorus-edi run --watch`, several of them beside each other on one home."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from bench.commands import COMMAND
from bench.shell import OURS

STOP_S = 60
_INTERRUPTED = 130


@dataclass
class Workers:
    """They run until the `with` ends; what they say on standard error goes to files beside the home."""

    home: Path
    count: int
    has_log: bool = False  # they write their events as well
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)  # how one ended that should not have
    _open: list[IO[bytes]] = field(default_factory=list)

    def __enter__(self) -> Self:
        environment = {**os.environ, "CHORUS_EDI_LOG": "json"} if self.has_log else dict(os.environ)
        command = [str(COMMAND), "run", "--watch", "--lang", "en", "--home", str(self.home)]
        for path in self.files:
            said = path.open("wb")
            self._open.append(said)
            self.processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, env=environment
                )
            )
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                code = process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code != _INTERRUPTED:
                self.troubles.append(f"worker {process.pid} ended with {code}")
        for said in self._open:
            said.close()

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.processes]

    @property
    def files(self) -> list[Path]:
        return [self.home.parent / f"{self.home.name}-{rank}.err" for rank in range(1, self.count + 1)]

    def dead(self) -> list[str]:
        """Those that ended by themselves, which none does."""
        return [f"worker {p.pid} ended with {p.returncode}" for p in self.processes if p.poll() is not None]

    def said(self) -> list[str]:
        """Faults and notices: each one sentence."""
        lines = [line for path in self.files for line in path.read_text("utf-8", "replace").splitlines()]
        return [line for line in lines if not line.startswith("{") and "interrupted" not in line and _is_said(line)]

    def events(self) -> list[str]:
        """The log of all of them, one event a line."""
        lines = [line for path in self.files for line in path.read_text("utf-8", "replace").splitlines()]
        return [line for line in lines if line.startswith("{")]


def settings(home: Path, count: int, cores: int) -> None:
    """Each worker has as many readers as leave every core one (docs/ops/deploy.md)."""
    text = f'ours = "{OURS}"\nreaders = {max(cores // count, 1)}\n'
    (home / "settings.toml").write_text(text, encoding="utf-8")


def _is_said(line: str) -> bool:
    return bool(line.strip()) and not line.endswith("reprend sans rien perdre")
