"""The embedded SFTP server: two folders per partner, on loopback, a key for each partner, nothing but files.

Here is who may enter and how long they may stay; what they may do there is `sftp_visit`, and where, `sftp_folders`.
"""

import asyncio
import errno
import fcntl
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncssh
from asyncssh.stream import SSHServerStreamSession

from pipeline.adapters import sftp_folders, sftp_keys
from pipeline.adapters.sftp_folders import Folders
from pipeline.adapters.sftp_verbs import Verbs
from pipeline.adapters.sftp_visit import Happened, Visit
from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Said

HOST = "127.0.0.1"  # the folders are guarded by this process alone, not by the system: not for a network
CODE = re.compile(r"[A-Z0-9]{6}", re.ASCII)
SESSIONS_MAX = 10  # per connection, as with sshd
KEYS_TRIED_MAX = 12  # per connection; a client that holds many keys asks about each, then signs
SWEEP_S = 3600
_STOP_S = 10
_LOGIN_S = 30
_KEEPALIVE_S = 15


@dataclass(frozen=True, slots=True)
class Setup:
    """What is served, and within which limits."""

    drop: Path  # <drop>/<application code>/in and out
    keys: Path  # the host key, and the keys of the partners in `keys/`
    size_max: int  # a little above what a flow may have: what is too long is refused with a report, not here
    port: int = 2222  # 0: a free one
    connections: int = 64
    connections_per_partner: int = 8
    files_open: int = 64  # per session, folders included
    idle_s: float = 600
    refusal: Callable[[str], int] = lambda _partner: 0  # the errno with which uploads are refused now; 0: they are not


class SftpServer:
    """Listens from `start` to `stop`."""

    def __init__(self, setup: Setup, may_enter: Callable[[str], bool], tell: Callable[[Happened], None]) -> None:
        """`may_enter` says if an application code is one that may drop now; asked in a thread of its own."""
        self.setup, self.may_enter, self.tell = setup, may_enter, tell
        self.doors: set[_Door] = set()
        self.visits: set[Visit] = set()
        self.port = setup.port
        self.known_host = ""
        self.numbers = count(1)
        self._lock = -1
        self._listener: asyncssh.SSHAcceptor | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen; what an earlier server left unfinished is removed. A fault says why it cannot."""
        setup = self.setup
        sftp_keys.make_folder(setup.keys)
        self._alone()
        try:
            key = sftp_keys.host_key(setup.keys)
            sftp_folders.clean(setup.drop)
            self._listener = await self._listen(key)
        except BaseException:
            self._unlock()
            raise
        self.port = self._listener.get_port()
        self.known_host = sftp_keys.known_host(key, self.port)
        self._sweeping = asyncio.create_task(self._sweep())

    async def stop(self) -> tuple[int, int]:
        """Close every connection; what was not finished is not published. Tells (connections, uploads) cut."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        if self._listener is not None:
            self._listener.close()
            await self._listener.wait_closed()
        doors, visits = list(self.doors), list(self.visits)
        cut = sum(len(visit.uploads) for visit in visits)
        for door in doors:
            door.close("arrêt du serveur")
        ends = [*(door.is_closed() for door in doors), *(visit.over.wait() for visit in visits)]
        if ends:
            await asyncio.wait([asyncio.ensure_future(end) for end in ends], timeout=_STOP_S)
        self._unlock()
        return len(doors), cut

    async def _listen(self, key: asyncssh.SSHKey) -> asyncssh.SSHAcceptor:
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # it would name files; what matters is told by `tell`
        try:
            return await asyncssh.listen(
                HOST, self.setup.port, server_factory=lambda: _Door(self), server_host_keys=[key],
                server_version="chorus-edi", encoding=None, allow_pty=False, agent_forwarding=False,
                password_auth=False, kbdint_auth=False, host_based_auth=False,
                gss_host=None, gss_kex=False, gss_auth=False, x509_trusted_certs=None, x509_trusted_cert_paths=(),
                kex_algs="-*sha1*", mac_algs="-*sha1*,*umac-64*", signature_algs="-ssh-rsa", compression_algs=["none"],
                login_timeout=_LOGIN_S, keepalive_interval=_KEEPALIVE_S,
            )  # fmt: skip
        except OSError as error:
            raise Fault(_unheard(self.setup.port, error)) from error

    def _alone(self) -> None:
        """One server for one home: it may remove what it finds unfinished."""
        self._lock = os.open(self.setup.keys / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._unlock()
            raise Fault(
                Said(
                    "un serve-sftp tourne déjà dans ce dossier de travail ; l'arrêter d'abord",
                    "a serve-sftp runs in this home already; stop it first",
                )
            ) from error

    def _unlock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def _sweep(self) -> None:
        """Close who is idle, and remove old unfinished uploads."""
        loop = asyncio.get_running_loop()
        cleaned = loop.time()
        while True:
            await asyncio.sleep(min(5.0, self.setup.idle_s / 4))
            for door in list(self.doors):
                if loop.time() - door.touched > self.setup.idle_s:
                    door.close("connexion inactive")
            if loop.time() - cleaned > SWEEP_S:
                cleaned = loop.time()
                await asyncio.to_thread(sftp_folders.clean, self.setup.drop, older_than_s=sftp_folders.PARTIAL_AGE_S)


class _Door(asyncssh.SSHServer):
    """One connection: who knocks, and whether it may enter."""

    def __init__(self, server: SftpServer) -> None:
        self.server = server
        self.size_max, self.files_open = server.setup.size_max, server.setup.files_open
        self.number = next(server.numbers)
        self.partner = ""  # empty until it has entered
        self._at_the_door = ""  # a partner of ours, by what it says
        self.sessions = 0
        self.touched = asyncio.get_running_loop().time()
        self._keys_tried = 0
        self._trouble: Said | None = None
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        if len(self.server.doors) >= self.server.setup.connections:
            conn.abort()
            return
        self.server.doors.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.doors.discard(self)
        if self.partner:
            self.tell("leave")
        elif self._keys_tried:  # who only looked whether somebody listens is not worth a line
            self.server.tell(Happened("refuse", self._at_the_door, self.number, said=self._trouble))

    @property
    def is_alive(self) -> bool:
        return self._connection is not None and not self._connection.is_closed()

    def refusal(self) -> int:
        """Why nothing more may be uploaded now: an errno, 0 where it may. Blocking."""
        return self.server.setup.refusal(self.partner)

    def close(self, reason: str) -> None:
        if self._connection is not None:
            self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    async def is_closed(self) -> bool:
        """Wait until the connection is gone."""
        if self._connection is not None:
            await self._connection.wait_closed()
        return True

    def tell(self, verb: str, *, size_bytes: int = 0, name: bytes = b"", said: Said | None = None) -> None:
        self.server.tell(Happened(verb, self.partner, self.number, size_bytes, name, said))

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whose key is it? An unknown name is refused as a wrong key is: nobody learns who our partners are."""
        self._keys_tried += 1
        if self._keys_tried > KEYS_TRIED_MAX:
            self.close("trop de clés essayées")
            return False
        if CODE.fullmatch(username) is None:
            return False
        try:
            return await asyncio.to_thread(self._is_theirs, username, key)
        except (Fault, OSError) as error:  # the ledger is away: nobody enters, and that is no reason to stop
            self._trouble = error.said if isinstance(error, Fault) else why(error)
            return False

    def _is_theirs(self, partner: str, key: asyncssh.SSHKey) -> bool:
        if not self.server.may_enter(partner):
            return False
        self._at_the_door = partner
        known = sftp_keys.partner_keys(self.server.setup.keys, partner)
        self._trouble = known.trouble
        return known.open_to(key)

    def auth_completed(self) -> None:
        if self._connection is None:
            return
        partner = str(self._connection.get_extra_info("username"))
        if sum(door.partner == partner for door in self.server.doors) >= self.server.setup.connections_per_partner:
            self.close("trop de connexions")
            return
        self.partner = partner
        self.touched = asyncio.get_running_loop().time()
        self.tell("enter")

    def session_requested(self) -> asyncssh.SSHServerSession[bytes]:
        if not self.partner or self.sessions >= SESSIONS_MAX:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "trop de sessions")
        self.sessions += 1
        return _Session(self)


class _Session(SSHServerStreamSession[bytes]):
    """One channel: the sftp subsystem and nothing else, no shell, no command, no scp."""

    def __init__(self, door: _Door) -> None:
        super().__init__(None)
        self.door = door

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.sessions -= 1
        super().connection_lost(exc)

    def session_started(self) -> None:
        if self._chan is None or self._conn is None:
            return
        reader: asyncssh.SSHReader[bytes] = asyncssh.SSHReader(self, self._chan)
        writer: asyncssh.SSHWriter[bytes] = asyncssh.SSHWriter(self, self._chan)
        self._conn.create_task(self._serve(reader, writer), reader.logger)

    async def _serve(self, reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
        door = self.door
        try:
            folders = await asyncio.to_thread(Folders, door.server.setup.drop / door.partner)
        except OSError as error:  # no folder, or a link in its place
            door.tell("fault", said=why(error).at(f"drop/{door.partner}"))
            writer.close()
            return
        visit = Visit(self._chan, door, folders)
        door.server.visits.add(visit)
        try:
            await Verbs(visit, reader, writer).run()
        finally:
            await visit.end()
            door.server.visits.discard(visit)


def _unheard(port: int, error: OSError) -> Said:
    if error.errno == errno.EADDRINUSE:
        return Said(
            f"le port {port} est déjà pris sur {HOST} ; en choisir un autre avec --port",
            f"port {port} is in use on {HOST}; choose another one with --port",
        )
    another = Said("en choisir un autre avec --port", "choose another one with --port")
    return why(error).at(f"{HOST}:{port}").then(another)
