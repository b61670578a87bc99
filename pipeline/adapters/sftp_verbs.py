"""Which requests of the SFTP protocol exist here, and how each is answered when the system refuses it.

asyncssh reads and writes the packets. Its handler is subclassed for what its public hooks do not tell: whether a file
is closed by its client or for it, and how many are open.
"""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import asyncssh
from asyncssh import constants, sftp
from asyncssh.packet import PacketDecodeError, SSHPacket

from pipeline.adapters.sftp_visit import Visit
from pipeline.adapters.system_errors import why
from pipeline.ports import Said

Verb = Callable[["Verbs", SSHPacket], Awaitable[Any]]


def _served(verb: Verb) -> Verb:
    """A request of a living client; what the system refuses is answered in our words, and told."""

    @wraps(verb)
    async def serve(self: "Verbs", packet: SSHPacket) -> Any:
        visit = self.visit
        visit.door.touched = asyncio.get_running_loop().time()
        try:
            return await verb(self, packet)
        except OSError as error:
            visit.refused(error)
            raise OSError(error.errno, why(error).fr) from error
        except (asyncssh.Error, PacketDecodeError):
            raise
        except Exception as error:  # a bug of ours: its text may name what is none of the partner's business
            what = type(error).__name__
            bug = Said(f"{what} ; erreur interne, à signaler", f"{what}; a bug, report it")
            visit.door.tell("fault", said=bug)
            raise asyncssh.SFTPFailure("erreur interne du serveur") from error

    return serve


def _opening(verb: Verb) -> Verb:
    """A request that leaves something open."""

    @wraps(verb)
    async def serve(self: "Verbs", packet: SSHPacket) -> Any:
        most = self.visit.door.files_open
        if len(self._file_handles) + len(self._dir_handles) + self.opening >= most:
            raise asyncssh.SFTPFailure(f"trop de fichiers ouverts à la fois : au plus {most}")
        self.opening += 1
        try:
            return await verb(self, packet)
        finally:
            self.opening -= 1

    return serve


async def _refuse(_self: "Verbs", _packet: SSHPacket) -> Any:
    """No folders but the two, and no links."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


_ALL: dict[int | bytes, Any] = sftp.SFTPServerHandler._packet_handlers
_OPENING = (constants.FXP_OPEN, constants.FXP_OPENDIR)
_AS_THEY_ARE = (
    constants.FXP_CLOSE, constants.FXP_READ, constants.FXP_WRITE, constants.FXP_LSTAT, constants.FXP_FSTAT,
    constants.FXP_SETSTAT, constants.FXP_FSETSTAT, constants.FXP_READDIR, constants.FXP_REMOVE, constants.FXP_REALPATH,
    constants.FXP_STAT, constants.FXP_RENAME,
    b"posix-rename@openssh.com", b"fsync@openssh.com", b"lsetstat@openssh.com",
)  # fmt: skip
_REFUSED = (
    constants.FXP_MKDIR, constants.FXP_RMDIR, constants.FXP_READLINK, constants.FXP_SYMLINK, b"hardlink@openssh.com"
)  # fmt: skip


class Verbs(sftp.SFTPServerHandler):
    """The requests of a session. What is not in the table does not exist here."""

    _extensions = [
        (name, b"1")
        for name in (b"posix-rename@openssh.com", b"fsync@openssh.com", b"lsetstat@openssh.com", b"limits@openssh.com")
    ]

    def __init__(self, visit: Visit, reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
        super().__init__(visit, reader, writer, sftp.MIN_SFTP_VERSION)
        self.visit = visit
        self.opening = 0  # requests under way that will leave something open

    async def _cleanup(self, exc: Exception | None) -> None:
        """The session is over: what asyncssh closes now, the client did not."""
        self.visit.is_over = True
        channel = self.visit.channel
        if exc is None and not channel.is_closing():
            channel.exit(0)  # scp takes a session without one for a failure
        await super()._cleanup(exc)

    async def _limits(self, packet: SSHPacket) -> sftp.SFTPLimits:
        limits = await super()._process_limits(packet)
        limits.max_open_handles = self.visit.door.files_open
        return limits

    _packet_handlers: dict[int | bytes, Any] = {
        **{verb: _served(_ALL[verb]) for verb in _AS_THEY_ARE},
        **{verb: _served(_opening(_ALL[verb])) for verb in _OPENING},
        **{verb: _served(_refuse) for verb in _REFUSED},
        b"limits@openssh.com": _served(_limits),
    }
