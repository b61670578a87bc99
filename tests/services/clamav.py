"""A real clamd with signatures of its own, two lines: nothing is fetched, nothing of the machine's is used.

On a unix socket and on 127.0.0.1, in a temporary folder, ended by its pid. Usable without pytest:

    with ClamdServer.started() as clamd:
        print(clamd.address)
"""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from services import free_port, missing

PROGRAM = "/usr/sbin/clamd"
READY_S = 60.0
STREAM_MAX_BYTES = 4 << 20  # small, so that a test meets it
MARKER = b"chorus-edi " + b"test marker: " + b"no invoice says so"  # never whole in a source
SIGNATURE = "Own.Marker.UNOFFICIAL"
WHOLE = b"a whole file " + b"that is known by its digest"
WHOLE_SIGNATURE = "Own.Whole.UNOFFICIAL"

_CONFIG = """\
Foreground yes
LocalSocket {folder}/clamd.ctl
LocalSocketMode 600
TCPSocket {port}
TCPAddr 127.0.0.1
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}/work
LogFile {folder}/log
LogClean yes
PidFile {folder}/pid
SelfCheck 0
StreamMaxLength {stream_max}
MaxFileSize {stream_max}
MaxScanSize {stream_max}
MaxThreads 8
AlertExceedsMax yes
AlertEncrypted yes
"""


class NoClamd(Exception):
    """No clamd can be started here; the text says why."""


class ClamdServer:
    """One daemon. `stop()` and `start()` may follow each other: the address and the signatures stay."""

    def __init__(self, lines: str = "") -> None:
        """`lines` of a configuration take the place of ours."""
        self.folder = Path(tempfile.mkdtemp(prefix="clamd-"))  # short: the path of a socket has at most 107 bytes
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("signatures", "work"):
            (self.folder / name).mkdir()
        self.know("Own.Marker", MARKER)
        digest = hashlib.md5(WHOLE, usedforsecurity=False).hexdigest()
        (self.folder / "signatures" / "own.hdb").write_text(f"{digest}:{len(WHOLE)}:Own.Whole\n")
        config = _CONFIG.format(folder=self.folder, port=self.port, stream_max=STREAM_MAX_BYTES)
        named = {line.split()[0] for line in lines.splitlines()}
        kept = [line for line in config.splitlines() if line.split()[0] not in named]
        (self.folder / "config").write_text("\n".join([*kept, lines, ""]))

    @classmethod
    def started(cls) -> Self:
        if not os.access(PROGRAM, os.X_OK):
            raise NoClamd("no clamd (Debian: clamav-daemon)")
        server = cls()
        try:
            server.start()
        except BaseException:
            server.close()
            raise
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """By unix socket, as the settings write it."""
        return f"unix:{self.folder}/clamd.ctl"

    @property
    def tcp_address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def know(self, name: str, text: bytes) -> None:
        """Another signature, from the next `start` or `reload` on."""
        with (self.folder / "signatures" / "own.ndb").open("a") as signatures:
            signatures.write(f"{name}:0:*:{text.hex()}\n")

    def forget(self, name: str) -> None:
        path = self.folder / "signatures" / "own.ndb"
        kept = [line for line in path.read_text().splitlines() if not line.startswith(f"{name}:")]
        path.write_text("".join(f"{line}\n" for line in kept))

    def reload(self) -> None:
        """Read the signatures again; returns when they are in use."""
        before = self.log().count("Database correctly reloaded")
        self._ask(b"zRELOAD\0")
        until = time.monotonic() + READY_S
        while self.log().count("Database correctly reloaded") == before:
            assert time.monotonic() < until, self.log()[-1000:]
            time.sleep(0.02)

    def start(self) -> None:
        assert self.process is None
        # it ends with us, even where we are killed
        command = ["setpriv", "--pdeathsig", "KILL", PROGRAM, "--config-file", str(self.folder / "config")]
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        until = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError):
                if self._ask(b"zPING\0") == b"PONG\0":
                    return
            if self.process.poll() is not None or time.monotonic() > until:
                raise NoClamd(f"clamd does not start: {(self.folder / 'out').read_text(errors='replace')[-500:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """As `kill -9` would: nobody is told."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def hang(self) -> None:
        """It answers nobody, and takes whatever comes, until `wake`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def scans(self) -> int:
        """How many streams it has looked at. It writes its log after its answer: a moment later it is all there."""
        before, now = "", self.log()
        while now != before:
            time.sleep(0.05)
            before, now = now, self.log()
        return sum(line.startswith("instream(") for line in now.splitlines())

    def processor_s(self) -> float:
        """What it has taken since it began, all its threads together."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, word: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(READY_S)
            link.connect(f"{self.folder}/clamd.ctl")
            link.sendall(word)
            return link.recv(1000)


@pytest.fixture(scope="session")
def one_clamd() -> Iterator[ClamdServer]:
    try:
        server = ClamdServer.started()
    except NoClamd as error:
        missing(str(error))
    with server:
        yield server


@pytest.fixture
def clamd(one_clamd: ClamdServer) -> Iterator[ClamdServer]:
    """A daemon that runs; a test that stops it or teaches it more leaves it as it was."""
    yield one_clamd
    if one_clamd.process is not None:
        one_clamd.wake()
    else:
        one_clamd.start()
