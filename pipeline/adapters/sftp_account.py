"""One account on an SFTP server: connections with several channels each, opened when needed, host key pinned.

Only the keys of the settings let a server in, and only the key or password of the settings is shown to it: no agent, no
known_hosts, no keys of the user who runs us. Every wait has an end. A connection found dead is replaced once, at the
moment it is needed; nothing else is tried again here, the next look is.
"""

import contextlib
import hashlib
import logging
import socket
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paramiko import PKey, Transport
from paramiko.ssh_exception import AuthenticationException, ChannelException, SSHException

from pipeline.adapters.sftp_session import Session
from pipeline.adapters.system_errors import Unreachable, why
from pipeline.ports import Fault, Said

IN_FLIGHT = 64  # blocks of a file on the way at once: 2 MiB, as much as a channel takes unread
KEEPALIVE_S = 30
TRUSTED_S = 2  # a channel that was idle for longer is tried before it is used
LOG = "chorus_edi.sftp"
RSA = ("rsa-sha2-512", "rsa-sha2-256")  # what an ssh-rsa key signs with today

logging.getLogger(LOG).setLevel(logging.CRITICAL + 1)  # paramiko's own words and tracebacks: we say it in ours


@dataclass(frozen=True, slots=True)
class Server:
    """Where the account is and how we enter."""

    host: str
    port: int
    user: str
    key_file: Path | None
    password: Callable[[], str] = field(default=str, repr=False)  # of the key where there is one, else of the account
    host_keys: tuple[str, ...] = ()  # pinned: "ssh-ed25519 AAAA..."
    connections: int = 2
    channels: int = 4
    timeout_s: float = 30
    prefetch: int | None = None

    @property
    def place(self) -> str:
        return f"sftp://{self.user}@{self.host}:{self.port}"


class Account:
    """Connections to one account, opened when they are needed, for as many threads as `lanes` says."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.lanes = server.connections * server.channels
        self.in_flight = server.prefetch or IN_FLIGHT
        self._turn = threading.Condition()
        self._idle: list[_Idle] = []
        self._connections: list[_Connection] = []

    @contextlib.contextmanager
    def channel(self) -> Iterator[Session]:
        """An SFTP session for one thread; `Unreachable` where none can be had. It ends when its connection breaks."""
        connection, session = self._take()
        try:
            try:
                yield session
            finally:
                if not session.is_lost:
                    session.settle()
        finally:
            self._give_back(connection, session)

    def close(self) -> None:
        with self._turn:
            connections, self._connections = self._connections, []
            self._idle.clear()
        for connection in connections:
            connection.close()

    def _take(self) -> "tuple[_Connection, Session]":
        """An idle session, else a new one; waits while all that may be open are in use."""
        is_second = False
        while True:
            with self._turn:
                while not self._idle and not self._with_room():
                    self._turn.wait()
                idle = self._idle.pop() if self._idle else None
                connection = idle.connection if idle is not None else self._emptiest()
                was_open = connection.is_open
                connection.sessions += idle is None
            try:
                if idle is None:
                    return connection, connection.session()
                if idle.lives():
                    return connection, idle.session
                connection.close()
                self._without(connection)
            except BaseException as error:
                self._without(connection)
                if isinstance(error, ChannelException):
                    connection.room = connection.sessions
                    if connection.sessions:
                        continue  # the server allows no more on one connection: those that are there must do
                    raise Unreachable(_no_session(self.server)) from error
                if is_second or not was_open or not isinstance(error, Unreachable):
                    raise
                is_second = True  # it was dead and nobody had noticed

    def _give_back(self, connection: "_Connection", session: Session) -> None:
        if session.is_usable and connection.is_alive:
            with self._turn:
                if connection in self._connections:
                    self._idle.append(_Idle(connection, session, time.monotonic()))
                    self._turn.notify_all()
                    return
        connection.close()  # the others on it would each wait for their own time-out
        self._without(connection)

    def _with_room(self) -> bool:
        is_more_allowed = len(self._connections) < self.server.connections
        return is_more_allowed or any(c.sessions < c.room for c in self._connections)

    def _emptiest(self) -> "_Connection":
        """The connection with the fewest sessions; each is opened before any gets a second one."""
        if len(self._connections) < self.server.connections:
            self._connections.append(_Connection(self.server))
            return self._connections[-1]
        return min((c for c in self._connections if c.sessions < c.room), key=lambda c: c.sessions)

    def _without(self, connection: "_Connection") -> None:
        """One session less on a connection; a dead or empty one goes."""
        with self._turn:
            connection.sessions -= 1
            if not connection.sessions or not connection.is_alive:
                connection.close()
                with contextlib.suppress(ValueError):
                    self._connections.remove(connection)
            self._turn.notify_all()


@dataclass(frozen=True, slots=True)
class _Idle:
    """A session that waits for its next use."""

    connection: "_Connection"
    session: Session
    since_s: float

    def lives(self) -> bool:
        """It looks alive, and answers if it was left alone for a while: a wire may go without a word."""
        if self.connection.is_alive and self.session.is_usable and time.monotonic() - self.since_s >= TRUSTED_S:
            with contextlib.suppress(OSError):
                self.session.lstat(b".")
        return self.connection.is_alive and self.session.is_usable


class _Connection:
    """One SSH connection, opened by the first who needs it; the others wait for him and share what befalls him."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sessions = 0  # open, or being opened; in the hands of the account
        self.room = server.channels
        self._opening = threading.Lock()
        self._transport: Transport | None = None
        self._failed: Unreachable | None = None
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    @property
    def is_alive(self) -> bool:
        """Open, or not tried yet."""
        if self._transport is None:
            return self._failed is None and not self._is_closed
        return bool(self._transport.is_active())

    def session(self) -> Session:
        """A new session; `ChannelException` where the server allows no more of them."""
        transport = self._opened()
        try:
            with self._opening:  # paramiko keeps one reason for a refusal per connection
                channel = transport.open_session(timeout=self.server.timeout_s)
            channel.settimeout(self.server.timeout_s)
            with _ending(transport, self.server):
                channel.invoke_subsystem("sftp")
            return Session(channel, self._lost)
        except (ChannelException, Unreachable):
            raise
        except (SSHException, OSError, EOFError) as error:
            if transport.is_active():
                raise Unreachable(_no_session(self.server)) from error
            raise Unreachable(_cut(self.server)) from error

    def close(self) -> None:
        self._is_closed = True
        if self._transport is not None:
            self._transport.close()

    def _opened(self) -> Transport:
        with self._opening:
            if self._failed is not None:
                raise self._failed
            if self._transport is None:
                try:
                    self._transport = _connect(self.server)
                except Unreachable as failed:
                    self._failed = failed
                    raise
            return self._transport

    def _lost(self, error: Exception) -> Unreachable:
        """The end of a session in words."""
        if isinstance(error, TimeoutError):
            return Unreachable(_silent(self.server))
        if isinstance(error, EOFError | SSHException | OSError):
            return Unreachable(_cut(self.server))
        return Unreachable(_babble(self.server))


@contextlib.contextmanager
def _ending(transport: Transport, server: Server) -> Iterator[None]:
    """paramiko waits for some answers without end: after the time-out the connection ends, and with it the wait."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        transport.close()

    timer = threading.Timer(server.timeout_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (SSHException, OSError, EOFError) as error:
        if is_late.is_set():
            raise Unreachable(_silent(server)) from error
        raise
    finally:
        timer.cancel()


def _connect(server: Server) -> Transport:
    """Open a connection, see that the server is who it should be, and enter."""
    pinned = _pinned(server)
    password = _password(server)
    key = _private_key(server, password)
    try:
        link = socket.create_connection((server.host, server.port), server.timeout_s)
    except TimeoutError as error:
        raise Unreachable(_silent(server)) from error
    except OSError as error:
        raise Unreachable(_unreached(server).because(why(error))) from error
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = Transport(link)
    transport.set_log_channel(LOG)
    try:
        _greet(transport, server, pinned)
        _enter(transport, server, key, password)
    except BaseException:
        transport.close()
        link.close()
        raise
    transport.set_keepalive(KEEPALIVE_S)
    return transport


def _greet(transport: Transport, server: Server, pinned: Sequence[tuple[str, bytes]]) -> None:
    """Agree on keys, and look at the server's before anything of ours is shown."""
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = server.timeout_s
    options = transport.get_security_options()
    wanted = [sign for kind, _ in pinned for sign in (RSA if kind == "ssh-rsa" else (kind,))]
    known = tuple(options.key_types)
    options.key_types = (*(w for w in dict.fromkeys(wanted) if w in known), *(k for k in known if k not in wanted))
    began = time.monotonic()
    try:
        transport.start_client(timeout=server.timeout_s)
        shown = transport.get_remote_server_key()
    except (SSHException, OSError, EOFError) as error:
        is_late = time.monotonic() - began >= server.timeout_s * 0.9
        raise Unreachable(_silent(server) if is_late else _no_ssh(server)) from error
    if shown.asbytes() not in {body for _, body in pinned}:
        raise Unreachable(_impostor(server, shown.get_name(), shown.asbytes()))


def _enter(transport: Transport, server: Server, key: PKey | None, password: str) -> None:
    began = time.monotonic()
    try:
        if key is not None:
            asks_more = transport.auth_publickey(server.user, key)
        else:
            asks_more = transport.auth_password(server.user, password)
    except (SSHException, OSError, EOFError) as error:
        if time.monotonic() - began >= server.timeout_s * 0.9:
            raise Unreachable(_silent(server)) from error
        if not transport.is_active() or not isinstance(error, AuthenticationException):
            raise Unreachable(_shut_out(server)) from error
        asks_more = True
    if asks_more:
        raise Unreachable(_not_let_in(server))


def _pinned(server: Server) -> list[tuple[str, bytes]]:
    """(kind, key) of the host keys in the settings."""
    pinned = []
    for line in server.host_keys:
        try:
            kind, body, *_ = line.split()
            pinned.append((kind, b64decode(body, validate=True)))
        except ValueError as error:
            raise Unreachable(_UNREADABLE_PIN.at(server.place)) from error
    return pinned


def _password(server: Server) -> str:
    """Read for each connection: a new one needs no restart, and one that cannot be read stops this account alone."""
    try:
        return server.password()
    except Fault as fault:
        raise Unreachable(fault.said.at(server.place)) from fault


def _private_key(server: Server, password: str) -> PKey | None:
    if server.key_file is None:
        if not password:
            raise Unreachable(_NO_WAY_IN.at(server.place))
        return None
    try:
        try:
            return PKey.from_path(server.key_file, password.encode() or None)
        except TypeError:  # the key is not locked, or is and nobody gave a passphrase
            return PKey.from_path(server.key_file)
    except OSError as error:
        raise Unreachable(_unread_key(server).because(why(error))) from error
    except (SSHException, ValueError, TypeError) as error:
        raise Unreachable(_unread_key(server).because(_NO_KEY)) from error


# --- in words ---------------------------------------------------------------------------------------------------------


def _unreached(server: Server) -> Said:
    return Said(f"{server.place} est injoignable", f"{server.place} cannot be reached")


def _silent(server: Server) -> Said:
    return Said(
        f"{server.place} ne dit plus rien depuis {server.timeout_s:g} s",
        f"{server.place} has said nothing for {server.timeout_s:g} s",
    )


def _cut(server: Server) -> Said:
    return Said(f"la connexion à {server.place} a été coupée", f"the connection to {server.place} was cut")


def _shut_out(server: Server) -> Said:
    return Said(
        f"{server.place} a coupé au moment d'entrer (lien coupé, ou compte ou clé refusés)",
        f"{server.place} was cut while it was to let us in (the link, or the account or key refused)",
    )


def _babble(server: Server) -> Said:
    return Said(
        f"{server.place} répond hors du protocole SFTP version 3",
        f"{server.place} answers outside SFTP version 3",
    )


def _no_ssh(server: Server) -> Said:
    return Said(
        f"{server.place} n'ouvre pas de connexion SSH avec nous", f"{server.place} opens no SSH connection with us"
    )


def _no_session(server: Server) -> Said:
    return Said(f"{server.place} n'ouvre pas de session SFTP", f"{server.place} opens no SFTP session")


def _impostor(server: Server, kind: str, key: bytes) -> Said:
    print_of = "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return Said(
        f"DANGER : {server.place} présente une clé d'hôte qui n'est pas dans settings.toml ({kind} {print_of}) ; rien "
        "ne lui est envoyé : peut-être un autre serveur à sa place, faire confirmer cette empreinte par son "
        "exploitant, par téléphone, avant de changer host_keys",
        f"DANGER: {server.place} shows a host key that is not in settings.toml ({kind} {print_of}); nothing is sent to "
        "it: it may be another server in its place, have whoever runs it confirm this fingerprint by telephone before "
        "you change host_keys",
    )


def _not_let_in(server: Server) -> Said:
    if server.key_file is None:
        return Said(f"{server.place} refuse notre mot de passe", f"{server.place} refuses our password")
    return Said(f"{server.place} refuse notre clé", f"{server.place} refuses our key")


def _unread_key(server: Server) -> Said:
    return Said(
        f"{server.place} : la clé privée {server.key_file} ne se lit pas",
        f"{server.place}: the private key {server.key_file} cannot be read",
    )


_NO_KEY = Said(
    "ni une clé Ed25519, ECDSA ou RSA, ou une autre phrase de passe que celle de password_file",
    "no Ed25519, ECDSA or RSA key, or another passphrase than that of password_file",
)
_NO_WAY_IN = Said(
    "ni key_file ni password_file dans settings.toml", "neither key_file nor password_file in settings.toml"
)
_UNREADABLE_PIN = Said(
    "host_keys de settings.toml : une clé se donne comme dans known_hosts, sans le nom, ssh-ed25519 AAAA...",
    "host_keys in settings.toml: a key is given as in known_hosts without the name, ssh-ed25519 AAAA...",
)
