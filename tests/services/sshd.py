"""An OpenSSH server of our own on loopback: one chroot per partner, and an account of ours beside each partner's.

Needs root and /usr/sbin/sshd. Accounts and their group are made for one run, under names that no other run has, and
removed at its end; what a killed run has left is removed by the next one. Usable without pytest:

    with SshServer(["ABC001"]) as server:
        subprocess.run(server.sftp_command("ABC001"), input=b"put flow in/flow\n", check=True)

Folders that sshd shuts somebody in must lie under folders of root that nobody else may write: not in /tmp. A home
whose `drop/` is served therefore goes to `server.new_folder("home")`.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services import free_port, missing

RUN = Path("/run")
SSHD = "/usr/sbin/sshd"
NAME = "edit"  # how every login, group and folder of the tests begins
LOCK = RUN / "chorus-edi-accounts.lock"
START_S = 20

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {base}/host_key
PidFile {base}/sshd.pid
AuthorizedKeysFile {base}/authorized/%u
StrictModes yes
UsePAM no
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowGroups {group}
MaxStartups 100:30:200
MaxSessions 10
LogLevel VERBOSE
Subsystem sftp internal-sftp
ChrootDirectory %h
ForceCommand internal-sftp -f AUTHPRIV -l INFO -u 0007 -P symlink,hardlink
AllowTcpForwarding no
AllowAgentForwarding no
AllowStreamLocalForwarding no
PermitTTY no
PermitTunnel no
X11Forwarding no
PrintMotd no
{more}
Match User {prefix}-us-*
    ForceCommand internal-sftp -f AUTHPRIV -l INFO -u 0027 -P symlink,hardlink
"""


class Unavailable(Exception):
    """Why no server can be started here."""


@dataclass(frozen=True, slots=True)
class Served:
    """One partner on the server: the tree it is shut in, its login, and the login of ours that sees the same tree."""

    root: Path
    login: str
    our_login: str
    key: Path
    our_key: Path

    def empty(self) -> None:
        """Nothing is in its folders."""
        for folder in ("in", "out", "work"):
            for path in (self.root / folder).iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()


class SshServer:
    """One sshd; `users` are application codes. A second `add_user` of a code gives it new logins and another tree."""

    def __init__(self, users: Sequence[str] = ()) -> None:
        self.users = tuple(users)
        self.prefix = f"{NAME}{secrets.token_hex(4)}"
        self.base = RUN / f"chorus-edi-{self.prefix}"
        self.served: dict[str, Served] = {}
        self.logins: list[str] = []
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    # --- life ---------------------------------------------------------------------------------------------------------

    def __enter__(self) -> "SshServer":
        if os.geteuid() != 0:
            raise Unavailable("a chroot and accounts for sshd need root")
        if not os.access(SSHD, os.X_OK):
            raise Unavailable("no OpenSSH server (Debian: openssh-server)")
        clear_remains()
        self.base.mkdir(mode=0o755)
        try:
            self._prepare()
            self.start()
            for code in self.users:
                self.add_user(code)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server, end what still runs for its accounts, remove accounts, group and files."""
        self.stop()
        _remove(self.prefix, self.base)

    def start(self) -> None:
        """Start, or start again on the same port."""
        assert self._process is None
        with (self.base / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [SSHD, "-D", "-e", "-f", str(self.base / "config")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            time.sleep(0.02)
        raise RuntimeError(f"sshd did not start: {self.log()[-2000:]}")

    def stop(self) -> None:
        """End the server and every session of it; `start` brings it back."""
        if self._process is not None:
            sessions = _descendants(self._process.pid)
            self._process.terminate()
            self._process.wait()
            self._process = None
            _kill(sessions)

    def cut(self) -> None:
        """End every session; the server goes on."""
        assert self._process is not None
        _kill(_descendants(self._process.pid))

    def log(self) -> str:
        return (self.base / "log").read_text(errors="replace")

    # --- partners -----------------------------------------------------------------------------------------------------

    def add_user(self, code: str, root: Path | None = None) -> Served:
        """A partner, shut in `root` (made if missing; owned by root all the way up) with `in/`, `out/` and our `work/`.

        `in/` is its own; `out/` it may read; `work/` it may not enter. Our login may rename out of `in/`.
        """
        n = len(self.logins) // 2
        root = root or self.base / "trees" / f"{code}-{n}"
        login, our_login = f"{self.prefix}-{n}-{code.lower()}", f"{self.prefix}-us-{n}"
        keys = [self._account(each, root) for each in (login, our_login)]
        root.mkdir(parents=True, exist_ok=True)
        os.chown(root, 0, 0)
        root.chmod(0o755)
        for name, owner, mode in (("in", login, 0o770), ("out", our_login, 0o750), ("work", our_login, 0o700)):
            folder = root / name
            folder.mkdir(exist_ok=True)
            shutil.chown(folder, owner, self.prefix)
            folder.chmod(mode)
        self.served[code] = Served(root, login, our_login, *keys)
        return self.served[code]

    def new_folder(self, name: str) -> Path:
        """A new folder of root under a path that sshd takes for a chroot; it goes with the server."""
        folder = self.base / "folders" / f"{len(list((self.base / 'folders').iterdir()))}-{name}"
        folder.mkdir()
        return folder

    def root(self, code: str) -> Path:
        return self.served[code].root

    def key(self, code: str) -> Path:
        return self.served[code].key

    def remote(self, code: str, **more: Any) -> dict[str, Any]:
        """The settings of `[remotes.CODE]` with our login; `more` stands above."""
        served = self.served[code]
        return {
            "host": "127.0.0.1", "port": self.port, "user": served.our_login, "key_file": str(served.our_key),
            "host_keys": [self.host_key], **more,
        }  # fmt: skip

    @property
    def host_key(self) -> str:
        """As settings pin it: "ssh-ed25519 AAAA..."."""
        return " ".join((self.base / "host_key.pub").read_text().split()[:2])

    # --- the OpenSSH client -------------------------------------------------------------------------------------------

    def sftp_command(self, code: str, *, key: Path | None = None, port: int | None = None) -> list[str]:
        """argv of `sftp` as the partner, host key pinned: commands on its standard input, the first failure ends it."""
        return ["sftp", "-q", "-b", "-", *self._options(key or self.key(code), port), f"{self.login(code)}@127.0.0.1"]

    def ssh_command(self, code: str, *words: str) -> list[str]:
        options = [w.replace("-P", "-p") if w.startswith("-P") else w for w in self._options(self.key(code), None)]
        return ["ssh", *options, f"{self.login(code)}@127.0.0.1", *words]

    def sftp(self, code: str, *commands: str) -> None:
        """Run commands of the OpenSSH client as the partner; `AssertionError` with its words where one fails."""
        done = subprocess.run(
            self.sftp_command(code), input="\n".join((*commands, "")).encode(), capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")

    def login(self, code: str) -> str:
        return self.served[code].login

    def _options(self, key: Path, port: int | None) -> list[str]:
        return [
            "-F", "none", "-P", str(port or self.port), "-i", str(key), "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.base}/known_hosts", "-o", "StrictHostKeyChecking=yes",
            "-o", "GlobalKnownHostsFile=none", "-o", "HostKeyAlias=drop.test",
        ]  # fmt: skip

    # --- making -------------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        Path("/run/sshd").mkdir(exist_ok=True)
        for name, mode in (("authorized", 0o755), ("keys", 0o700), ("trees", 0o755), ("folders", 0o755)):
            (self.base / name).mkdir(mode=mode)
        (self.base / "owner").write_text(f"{os.getpid()} {_started(os.getpid())}")
        _keygen(self.base / "host_key")
        (self.base / "known_hosts").write_text(f"drop.test {self.host_key}\n")
        _administer("groupadd", "-r", self.prefix)
        self.port = free_port()
        # 9.8 and later punish an address for refused keys: all of our tests come from one
        more = "PerSourcePenalties no" if _version() >= (9, 8) else ""
        config = self.base / "config"
        config.write_text(
            _CONFIG.format(port=self.port, base=self.base, group=self.prefix, prefix=self.prefix, more=more)
        )
        tried = subprocess.run([SSHD, "-t", "-f", str(config)], capture_output=True, text=True, check=False)
        if tried.returncode:
            raise RuntimeError(f"sshd refuses its configuration: {tried.stderr}")

    def _account(self, login: str, root: Path) -> Path:
        """A login with a key pair; the private key stays in a folder of root. `-p *`: no password, and not locked."""
        _administer(
            "useradd", "-r", "-M", "-p", "*", "-g", self.prefix, "-d", str(root), "-s", "/usr/sbin/nologin", login
        )
        self.logins.append(login)
        key = self.base / "keys" / login
        _keygen(key)
        (self.base / "authorized" / login).write_bytes(key.with_suffix(".pub").read_bytes())
        (self.base / "authorized" / login).chmod(0o644)
        return key


def clear_remains() -> None:
    """Remove what runs left that were killed: their process is gone, their folder names it."""
    for base in RUN.glob(f"chorus-edi-{NAME}*"):
        with contextlib.suppress(OSError, ValueError):
            pid, started = (base / "owner").read_text().split()
            if _started(int(pid)) != started:
                with contextlib.suppress(OSError, ValueError):
                    server = int((base / "sshd.pid").read_text())
                    if str(base).encode() in Path(f"/proc/{server}/cmdline").read_bytes():
                        _kill([server, *_descendants(server)])
                _remove(base.name.removeprefix("chorus-edi-"), base)


def _remove(prefix: str, base: Path) -> None:
    for line in Path("/etc/passwd").read_text().splitlines():
        if line.startswith(f"{prefix}-"):
            _administer("userdel", "-f", line.partition(":")[0])
    if any(line.startswith(f"{prefix}:") for line in Path("/etc/group").read_text().splitlines()):
        _administer("groupdel", prefix)
    shutil.rmtree(base, ignore_errors=True)


def _administer(*command: str) -> None:
    """Change accounts, one process at a time: the tools give up at once where another one holds their lock."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for _ in range(50):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if "lock" not in done.stderr:
                break
            time.sleep(0.1)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")


def _keygen(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)


def _version() -> tuple[int, int]:
    said = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _kill(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while time.monotonic() < until and any(_started(pid) for pid in pids):
        time.sleep(0.01)


def _started(pid: int) -> str:
    """When a process began, as the kernel counts: with its pid it names one process. Empty: it is over."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state == "Z" else rest[18]


@pytest.fixture(scope="session")
def sshd() -> Iterator[SshServer]:
    """A server without partners: each test adds its own."""
    try:
        server = SshServer().__enter__()
    except Unavailable as reason:
        missing(str(reason))
    with contextlib.closing(server):
        yield server
