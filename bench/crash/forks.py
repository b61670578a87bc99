"""Processes of ours that start at once: forks of one that has everything imported and has run once.

    python -m bench.crash.forks SOCKET READER...

serves. Whoever connects names a job and gets the process id of a fork; the fork waits until it is told to go, where
that is asked for: a tracer is attached to it meanwhile. Then comes what the job told, or nothing: it died.
"""

import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
READY_S = 240.0  # of a machine that has other work
GONE_S = 10.0
JOB_S = 300.0


class Hangs(Exception):
    """A job that has not ended in its time; it was killed."""


class Fork:
    """One process that does one job."""

    def __init__(self, link: socket.socket) -> None:
        self._link, self._left = link, b""
        self.began = time.monotonic()
        self.pid = int(self._line(READY_S) or 0)
        if not self.pid:
            raise RuntimeError("the process that forks is gone")

    def go(self) -> None:
        self.began = time.monotonic()
        self._link.sendall(b"g")

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self, seconds: float = JOB_S) -> dict[str, Any] | None:
        """What it told, None where it died before; either way it is gone when this returns."""
        try:
            line = self._line(seconds)
        except TimeoutError as late:
            self.kill()
            self._gone()
            raise Hangs(f"not done after {seconds:.0f} s") from late
        self._gone()
        told: dict[str, Any] | None = json.loads(line) if line else None
        return told

    def is_done(self, seconds: float) -> bool:
        """Whether it says something, or dies, within this time."""
        return bool(self._left or select.select([self._link], [], [], seconds)[0])

    def _line(self, seconds: float) -> bytes:
        """The next line; empty where the other end is gone."""
        until = time.monotonic() + seconds
        while b"\n" not in self._left:
            self._link.settimeout(max(until - time.monotonic(), 0.001))
            try:
                data = self._link.recv(1 << 20)
            except ConnectionError:
                data = b""
            if not data:
                return b""
            self._left += data
        line, _, self._left = self._left.partition(b"\n")
        return line

    def _gone(self) -> None:
        """Its locks are free only when the kernel has done with it."""
        until = time.monotonic() + GONE_S
        while time.monotonic() < until and Path(f"/proc/{self.pid}").exists():
            time.sleep(0.001)
        self._link.close()


class Forks:
    """The process that forks, until the end of the `with`; `reader` is what its jobs may use, and it runs once with."""

    def __init__(self, reader: Sequence[str]) -> None:
        self.reader = tuple(reader)
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self._path = Path(self._folder.name) / "socket"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._process = started("-m", "bench.crash.forks", str(self._path), *self.reader)
        until = time.monotonic() + READY_S
        while not self._path.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise RuntimeError("the process that forks does not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def start(self, job: str, *, waits: bool = False, **given: Any) -> Fork:
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(self._path))
        link.sendall(json.dumps({"job": job, "waits": waits, "given": given}).encode() + b"\n")
        return Fork(link)

    def call(self, job: str, seconds: float = JOB_S, **given: Any) -> dict[str, Any]:
        """Do a job to its end."""
        told = self.start(job, **given).end(seconds)
        if told is None:
            raise RuntimeError(f"{job} died by itself")
        return told


def started(*words: str) -> "subprocess.Popen[bytes]":
    """A Python process of this checkout, which ends with us however we end."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    environment = os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, *words]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)


# --- the process that forks -------------------------------------------------------------------------------------------


def serve(path: str, reader: Sequence[str]) -> None:
    """Fork once per connection, for ever."""
    from bench.crash import jobs, subject
    from pipeline.adapters import confinement

    with tempfile.TemporaryDirectory(prefix="forks-home-") as folder:  # what is imported late is imported now
        prepared = subject.Local(Path(folder))
        prepared.prepare()
        told = jobs.recover(str(prepared.copy()), prepared.settings, reader)
    if told["bug"] or told["faults"] or told["red"]:
        raise SystemExit(f"the first run failed: {told}")
    confinement.seen()  # tried in a process of its own; those that are forked here know it
    with suppress(ImportError):  # extras, for the parts that need them
        import boto3  # noqa: F401
        import paramiko  # noqa: F401
        import psycopg  # noqa: F401
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{path}.new")
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    Path(f"{path}.new").rename(path)
    while True:
        link, _ = listener.accept()
        with link.makefile("rb") as asked:
            order = json.loads(asked.readline())
        if os.fork() == 0:
            try:
                listener.close()
                _child(link, order)
            finally:
                os._exit(0)
        link.close()


def _child(link: socket.socket, order: dict[str, Any]) -> None:
    from bench.crash.jobs import JOBS

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    link.sendall(f"{os.getpid()}\n".encode())
    if order["waits"]:
        link.recv(1)
    try:
        told = JOBS[order["job"]](**order["given"])
    except BaseException as error:
        told = {"bug": f"{type(error).__name__}: {error}", "faults": [], "flows": 0}
    link.sendall(json.dumps(told).encode() + b"\n")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
