"""What the tests of `serve-sftp` share: a home with keys, the real command serving it, and its three clients."""

import asyncio
import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeVar

import asyncssh
import homes
import paramiko

from pipeline import runner

T = TypeVar("T")
EXPIRED = "GHI003"
STRANGER = "ZZZ999"
COMMAND = str(Path(sys.executable).with_name("chorus-edi"))
READY_S = 60


@dataclass
class Served:
    """A home, the keys of its partners, and the process that serves it."""

    home: Path
    private: Path  # private keys of the partners, by code
    port: int = 0
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)  # what it has printed
    log: list[str] = field(default_factory=list)  # what it has written to standard error

    @property
    def known_hosts(self) -> Path:
        return self.private / "known_hosts"

    def key(self, code: str) -> str:
        return str(self.private / code)

    def folder(self, code: str, name: str = "in") -> Path:
        return self.home / "drop" / code / name

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and tell its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        for reader in self._readers:
            reader.join(10)
        return code

    _readers: list[threading.Thread] = field(default_factory=list)


def make_home(path: Path) -> Served:
    """A home with two partners that have a key each, and one whose time is over."""
    private = path / "private"
    private.mkdir(parents=True)
    with homes.ready_home(path / "home") as home:
        runner.add_partner(home, homes.partner(EXPIRED, until=date(2020, 1, 1)))
    served = Served(path / "home", private)
    for code in (homes.PARTNER, homes.OTHER, EXPIRED, STRANGER):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", code, "-f", private / code], check=True)
        if code != STRANGER:
            allow(served, code, code)
    return served


def allow(served: Served, code: str, *keys: str) -> None:
    """The keys that open to a partner, from now on."""
    folder = served.home / "ssh" / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    text = "# comment\n\n" + "".join((served.private / f"{key}.pub").read_text() for key in keys)
    (folder / code).write_text(text)
    (folder / code).chmod(0o644)


@contextmanager
def serving(served: Served, environment: Mapping[str, str] | None = None, before: str = "") -> Iterator[Served]:
    """The real command in a process of its own, until the end of the `with`; `before` runs in it first."""
    command = [COMMAND, "serve-sftp", "--home", str(served.home), "--port", "0"]
    if before:
        code = f"{before}\nimport sys\nsys.argv = {command!r}\nfrom pipeline.cli import main\nmain()"
        command = [sys.executable, "-c", code]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | dict(environment or {})
    )
    served.process, served.lines, served.log = process, [], []
    assert process.stdout is not None
    assert process.stderr is not None
    listening = threading.Event()

    def read(stream: object, into: list[str]) -> None:
        for line in stream:  # type: ignore[attr-defined]
            into.append(line.rstrip("\n"))
            if line.startswith("un essai"):
                listening.set()
        listening.set()

    served._readers = [
        threading.Thread(target=read, args=(process.stdout, served.lines), daemon=True),
        threading.Thread(target=read, args=(process.stderr, served.log), daemon=True),
    ]
    for reader in served._readers:
        reader.start()
    try:
        assert listening.wait(READY_S), (served.lines, served.log)
        pinned = [line for line in served.lines if line.startswith("[127.0.0.1]:")]
        assert pinned, (served.lines, served.log)
        served.known_hosts.write_text(pinned[0] + "\n")
        served.port = int(pinned[0].partition("]:")[2].partition(" ")[0])
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for reader in served._readers:
            reader.join(10)


def wait_for(true: Callable[[], bool], what: str = "") -> None:
    """Until a condition holds; the test fails where it does not in time."""
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, what
        time.sleep(0.02)


# --- the three clients ------------------------------------------------------------------------------------------------


def ssh_options(served: Served, key: str, port: int = 0) -> list[str]:
    options = {
        "Port": port or served.port, "IdentityFile": served.key(key), "UserKnownHostsFile": served.known_hosts,
        "IdentitiesOnly": "yes", "StrictHostKeyChecking": "yes", "BatchMode": "yes", "GlobalKnownHostsFile": "/dev/null",
    }  # fmt: skip
    return ["-F", "/dev/null", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def openssh(
    served: Served, code: str, *batch: str, key: str = "", tool: str = "sftp"
) -> subprocess.CompletedProcess[str]:
    """The `sftp` of OpenSSH with a batch of commands."""
    return subprocess.run(
        [tool, *ssh_options(served, key or code), "-b", "-", f"{code}@127.0.0.1"],
        input="\n".join(batch) + "\n", capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@contextmanager
def paramiko_sftp(served: Served, code: str, *, key: str = "", port: int = 0) -> Iterator[paramiko.SFTPClient]:
    with paramiko_ssh(served, code, key=key, port=port) as client:
        sftp = client.open_sftp()
        sftp.get_channel().settimeout(30)  # type: ignore[union-attr]
        yield sftp


@contextmanager
def paramiko_ssh(served: Served, code: str, *, key: str = "", port: int = 0) -> Iterator[paramiko.SSHClient]:
    client = paramiko.SSHClient()
    pinned = served.known_hosts.read_text().split(maxsplit=1)[1].split()
    at = port or served.port
    client.get_host_keys().add(
        f"[127.0.0.1]:{at}", pinned[0], paramiko.PKey.from_type_string(pinned[0], base64.b64decode(pinned[1]))
    )
    private = paramiko.Ed25519Key.from_private_key_file(served.key(key or code))
    try:
        client.connect(
            "127.0.0.1", at, code, pkey=private, look_for_keys=False, allow_agent=False,
            timeout=20, banner_timeout=20, auth_timeout=20,
        )  # fmt: skip
        yield client
    finally:
        client.close()


@asynccontextmanager
async def asyncssh_ssh(served: Served, code: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
    keys = asyncssh.import_known_hosts(f"* {served.known_hosts.read_text().split(maxsplit=1)[1]}")
    async with asyncssh.connect(
        "127.0.0.1", served.port, username=code, client_keys=[served.key(code)], known_hosts=keys, config=None
    ) as connection:
        yield connection


@asynccontextmanager
async def asyncssh_sftp(served: Served, code: str) -> AsyncIterator[asyncssh.SFTPClient]:
    async with asyncssh_ssh(served, code) as connection, connection.start_sftp_client() as sftp:
        yield sftp


class Relay:
    """A TCP relay to a server: passes some bytes of the client on, then breaks the connection on both sides."""

    def __init__(self, port: int, after_bytes: int | None) -> None:
        self.target, self.after_bytes = port, after_bytes
        self.passed = 0
        self.is_cut = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """Reset: whoever is at either end learns it at once."""
        self.is_cut = True
        for end in self._ends:
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                end.shutdown(socket.SHUT_RD)  # whoever waits in `recv` lets go of it: only then is it closed
            end.close()
        self._ends.clear()

    def _accept(self) -> None:
        try:
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._ends += [client, server]
                threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        except OSError:
            return

    def _pass(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while part := source.recv(16384):
                target.sendall(part)
                if counts:
                    self.passed += len(part)
                    if self.after_bytes is not None and self.passed >= self.after_bytes:
                        self.cut()
                        return
            if not self.is_cut:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            return


def run(awaited: Coroutine[object, object, T]) -> T:
    """One asynchronous test, within a time."""

    async def within() -> T:
        return await asyncio.wait_for(awaited, 60)

    return asyncio.run(within())
