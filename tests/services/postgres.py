"""A real PostgreSQL server: on a unix socket and on 127.0.0.1, with data of its own, stopped by its pid.

`PostgresServer` works without pytest as well: `with PostgresServer.started() as server: server.database("ledger")`.
"""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest
from sqlalchemy import make_url

from services import free_port, missing

if TYPE_CHECKING:
    import psycopg

GIVEN = "TEST_DATABASE_URL"  # a server that runs already; its user must be able to create databases
BINARIES = Path("/usr/lib/postgresql")
READY_S = 60.0
COLLATION = "fr-FR"  # never the byte order that the ledger asks for by itself


class NoServer(Exception):
    """No PostgreSQL can be started here; the text says why."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of its own: by unix socket (no password), and by TCP (the password is in the URL)."""

    name: str
    url: str
    tcp_url: str
    server: "PostgresServer"


class PostgresServer:
    """One server. `stop()` and `start()` may follow each other: the data, the socket and the port stay."""

    def __init__(self, binaries: Path | None, *, durable: bool = False, given: str = "") -> None:
        """`durable`: with fsync, for figures; `given`: the URL of a server that is not ours to stop."""
        self.binaries, self.durable, self.given = binaries, durable, given
        self.user = make_url(given).username or "postgres" if given else "postgres"
        self.password = secrets.token_urlsafe(12)
        self.port = 0
        self.folder = Path()
        self.process: subprocess.Popen[bytes] | None = None

    @classmethod
    def started(cls, *, durable: bool = False) -> Self:
        """The server that TEST_DATABASE_URL names, else one started from the Debian binaries; raises `NoServer`."""
        if importlib.util.find_spec("psycopg") is None:
            raise NoServer("psycopg is not installed")
        given = os.environ.get(GIVEN, "")
        if given:
            return cls(None, given=given)
        found = sorted(BINARIES.glob("*/bin/postgres"), key=lambda p: int(p.parent.parent.name))
        if not found:
            raise NoServer(f"no PostgreSQL in {BINARIES}, and {GIVEN} is not set")
        server = cls(found[-1].parent, durable=durable)
        try:
            server._make()
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
    def is_ours(self) -> bool:
        """We may stop it."""
        return not self.given

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def url(self, name: str = "postgres", user: str = "") -> str:
        """By unix socket."""
        if self.given:
            return make_url(self.given).set(database=name).render_as_string(hide_password=False)
        return f"postgresql://{user or self.user}@/{name}?host={self.folder}&port={self.port}"

    def tcp_url(self, name: str = "postgres", user: str = "") -> str:
        """By TCP on 127.0.0.1, the password in it."""
        if self.given:
            return self.url(name)
        return f"postgresql://{user or self.user}:{self.password}@127.0.0.1:{self.port}/{name}"

    def database(self, name: str = "", *, like: str = "", encoding: str = "", owner: str = "") -> Database:
        """A new database, empty or a copy of the database `like` (which nobody may have open).

        `owner`: a plain role that is made for it and that the URLs name; else, and on a server that is not ours, it is
        the superuser's.
        """
        name = name or f"test_{uuid.uuid4().hex[:12]}"
        made = f"CREATE DATABASE {_plain(name)}"
        owner = owner if self.is_ours else ""
        if owner:
            if not self.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{owner}'"):
                self.execute(f"CREATE ROLE {_plain(owner)} LOGIN PASSWORD '{self.password}'")
            made += f" OWNER {_plain(owner)}"
        if like:
            made += f" TEMPLATE {_plain(like)}"
        if encoding:
            made += f" ENCODING {_plain(encoding)} LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        self.execute(made)
        return Database(name, self.url(name, owner), self.tcp_url(name, owner), self)

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {_plain(name)} WITH (FORCE)")

    def execute(self, statement: str, name: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement on its own connection, outside any transaction."""
        with _connect(self.url(name)) as db:
            cursor = db.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start, or start again; returns when it answers."""
        assert self.binaries is not None and self.process is None
        assert threading.current_thread() is threading.main_thread(), "it would end with the thread that started it"
        options = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder,
            "max_connections": 200, "fsync": "on" if self.durable else "off", "log_min_messages": "warning",
        }  # fmt: skip
        # it ends with us, even where we are killed: INT is its quick and clean stop
        command = ["setpriv", "--pdeathsig", "INT", *_as_postgres(), str(self.binaries / "postgres")]
        command += ["-D", str(self.folder / "data")]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait()

    def stop(self, *, now: bool = False) -> None:
        """Stop cleanly; `now`: as a crash would (`-m immediate`), nothing is flushed and nobody is told."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT if now else signal.SIGINT)
            process.wait(60)

    def restart(self, *, now: bool = False) -> None:
        self.stop(now=now)
        self.start()

    def close(self) -> None:
        self.stop(now=not self.durable)
        if self.is_ours:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        assert self.binaries is not None
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: the path of a socket has at most 107 bytes
        self.port = free_port()
        secret = self.folder / "secret"
        secret.touch(0o600)
        secret.write_text(self.password)
        if os.geteuid() == 0:
            for path in (self.folder, secret):
                shutil.chown(path, "postgres", "postgres")
        command = [
            *(["setpriv", *_as_postgres()] if _as_postgres() else ()), str(self.binaries / "initdb"),
            "-D", str(self.folder / "data"), "-U", self.user, "--auth-local=trust", "--auth-host=scram-sha-256",
            f"--pwfile={secret}", "--no-sync", "-E", "UTF8", "--locale=C", "--locale-provider=icu",
            f"--icu-locale={COLLATION}",
        ]  # fmt: skip
        done = subprocess.run(command, cwd="/", capture_output=True, text=True)
        secret.unlink()
        if done.returncode:
            raise NoServer(f"initdb failed: {done.stderr.strip()[-300:]}")

    def _wait(self) -> None:
        from psycopg import OperationalError

        assert self.process is not None
        until = time.monotonic() + READY_S
        while True:
            try:
                _connect(self.url()).close()
                return
            except OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > until:
                    said = (self.folder / "log").read_text(errors="replace")[-500:]
                    raise NoServer(f"PostgreSQL does not start: {error}: {said}") from error
                time.sleep(0.02)


def _connect(url: str) -> "psycopg.Connection[tuple[Any, ...]]":
    from psycopg import connect  # an extra: tests of the core run without it

    return connect(url, autocommit=True, connect_timeout=10)


def _plain(name: str) -> str:
    assert re.fullmatch("[A-Za-z0-9_]+", name), name
    return f'"{name}"'


def _as_postgres() -> list[str]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["--reuid=postgres", "--regid=postgres", "--clear-groups"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests of this run; a test that stops it starts it again."""
    try:
        server = PostgresServer.started()
    except NoServer as error:
        missing(str(error))
    with server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    """A new, empty database."""
    made = postgres.database()
    yield made
    if postgres.is_ours and postgres.process is None:
        postgres.start()
    postgres.drop(made.name)


@pytest.fixture
def stoppable(postgres: PostgresServer) -> PostgresServer:
    """The server, where it is ours to stop."""
    if not postgres.is_ours:
        pytest.skip(f"the server of {GIVEN} is not ours to stop")
    return postgres
