"""SFTP on one channel: requests leave together and are answered by number, so that a file costs few round trips.

paramiko writes and reads the messages. What it does not do is done here: names stay bytes (one Latin-1 name makes its
own listing fail for the whole folder), several requests travel in one packet, a server's extensions are remembered, and
an answer that says less than it announces is an error, not zeros. Paths and names are bytes everywhere.

The server is a stranger's: what it answers is bounded in size and in time, and an answer to nothing ends the session.
"""

import errno
import math
import os
import stat
import struct
import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import BinaryIO

from paramiko import Channel, Message, SFTPAttributes, SFTPClient
from paramiko.sftp import (
    CMD_ATTRS,
    CMD_CLOSE,
    CMD_DATA,
    CMD_EXTENDED,
    CMD_FSTAT,
    CMD_HANDLE,
    CMD_INIT,
    CMD_LSTAT,
    CMD_MKDIR,
    CMD_NAME,
    CMD_OPEN,
    CMD_OPENDIR,
    CMD_READ,
    CMD_READDIR,
    CMD_REMOVE,
    CMD_RENAME,
    CMD_RMDIR,
    CMD_STATUS,
    CMD_VERSION,
    CMD_WRITE,
    SFTP_BAD_MESSAGE,
    SFTP_EOF,
    SFTP_FLAG_CREATE,
    SFTP_FLAG_READ,
    SFTP_FLAG_TRUNC,
    SFTP_FLAG_WRITE,
    SFTP_NO_SUCH_FILE,
    SFTP_OK,
    SFTP_OP_UNSUPPORTED,
    SFTP_PERMISSION_DENIED,
    SFTPError,
    int64,
)
from paramiko.ssh_exception import SSHException

from pipeline.adapters.system_errors import Failed
from pipeline.ports import Said

BLOCK_BYTES = 32 << 10  # what every server takes and gives in one message
SEND_BYTES = 64 << 10  # requests wait for company up to here
RECEIVE_BYTES = 256 << 10
LISTING_AHEAD = 4
ANSWER_BYTES_MAX = 1 << 20  # OpenSSH stops at 256 KiB
ANSWER_WAITS = 2  # time-outs from the first byte of an answer to its last: a drop every now and then is no answer
LISTING_WAITS = 4  # time-outs of a whole listing
VERSION = 3
REPLACE = b"posix-rename@openssh.com"
FLUSH = b"fsync@openssh.com"
EXTENSIONS_MAX = 64  # more than any server has

Number = int


@dataclass(frozen=True, slots=True)
class Stat:
    """What a name stands for; version 3 tells whole seconds and no number of links. `uid` is the server's, if told."""

    size_bytes: int
    mode: int
    mtime_s: int
    uid: int | None = None

    @property
    def is_plain(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


class Session(SFTPClient):  # type: ignore[misc]
    """One SFTP session, in the hands of one thread at a time. `lost` says how its end is told: an `OSError`."""

    def __init__(self, channel: Channel, lost: Callable[[Exception], OSError]) -> None:
        self.extensions: frozenset[bytes] = frozenset()
        self.timeout_s = channel.gettimeout() or math.inf
        self.is_lost = False
        self._lost = lost
        self._leaving = bytearray()
        self._come = bytearray()
        self._answers: dict[Number, tuple[int, Message]] = {}
        self._unheard: set[Number] = set()
        super().__init__(channel)

    @property
    def is_usable(self) -> bool:
        return not self.is_lost and not self.sock.closed

    # --- asking and hearing -------------------------------------------------------------------------------------------

    def ask(self, kind: int, *fields: bytes | int | SFTPAttributes) -> Number:
        """Put a request in line; it leaves at the next `answer` at the latest."""
        number: Number = self._async_request(self, kind, *fields)
        return number

    def answer(self, number: Number, expected: int = CMD_STATUS) -> Message:
        """The answer to a request; what the server refuses is an `OSError`, the end of a file an `EOFError`."""
        while number not in self._answers:
            self._read_response()
        kind, message = self._answers.pop(number)
        if kind == CMD_STATUS:
            _judge(message)
        if kind != expected:
            raise self._end(SFTPError(f"answer {kind} where {expected} was due"))
        return message

    def forget(self, number: Number) -> None:
        """Nobody waits for this answer."""
        if self._answers.pop(number, None) is None:
            self._unheard.add(number)

    def settle(self) -> None:
        """Nothing asked is left unanswered or unsent: the next one starts clean."""
        self._send()
        while len(self._expecting) > len(self._unheard):
            self._read_response()
        self._answers.clear()

    def _send_version(self) -> int:
        message = Message()
        message.add_int(VERSION)
        self._send_packet(CMD_INIT, message)
        kind, body = self._read_packet()
        if kind != CMD_VERSION:
            raise self._end(SFTPError("no version"))
        answer = Message(body)
        version = answer.get_int()
        pairs = ((answer.get_string(), answer.get_string()) for _ in range(EXTENSIONS_MAX) if _has_more(answer))
        self.extensions = frozenset(name for name, _ in pairs)
        return int(version)

    def _read_response(self, waitfor: object = None) -> None:
        """Take the next answer, whichever request it belongs to."""
        kind, body = self._read_packet()
        message = Message(body)
        number = message.get_int()
        if self._expecting.pop(number, None) is None:
            raise self._end(SFTPError("an answer to nothing that was asked"))
        if number in self._unheard:
            self._unheard.remove(number)
        else:
            self._answers[number] = kind, message

    def _send_packet(self, kind: int, message: Message) -> None:
        body = message.asbytes()
        self._leaving += struct.pack(">IB", len(body) + 1, kind) + body
        if len(self._leaving) >= SEND_BYTES:
            self._send()

    def _send(self) -> None:
        if self._leaving:
            leaving = bytes(self._leaving)
            self._leaving.clear()
            try:
                self.sock.sendall(leaving)
            except (OSError, EOFError, SSHException) as error:
                raise self._end(error) from error

    def _read_packet(self) -> tuple[int, bytes]:
        self._send()
        until = time.monotonic() + ANSWER_WAITS * self.timeout_s
        try:
            (size,) = struct.unpack(">I", self._take(4, until))
            if not 0 < size <= ANSWER_BYTES_MAX:
                raise SFTPError("an answer of a size that none has")
            body = self._take(size, until)
        except (OSError, EOFError, SSHException, SFTPError) as error:
            raise self._end(error) from error
        return body[0], body[1:]

    def _take(self, size: int, until: float) -> bytes:
        while len(self._come) < size:
            part = self.sock.recv(RECEIVE_BYTES)
            if not part:
                raise EOFError
            self._come += part
            if time.monotonic() > until:
                raise TimeoutError
        taken = bytes(self._come[:size])
        del self._come[:size]
        return taken

    def _end(self, error: Exception) -> OSError:
        self.is_lost = True
        return self._lost(error)

    # --- names --------------------------------------------------------------------------------------------------------

    def lstat(self, path: bytes) -> Stat:
        """What stands under a name, links not followed; `FileNotFoundError` where nothing does."""
        return self.told(self.ask_lstat(path))

    def ask_lstat(self, path: bytes) -> Number:
        return self.ask(CMD_LSTAT, path)

    def told(self, number: Number) -> Stat:
        """The answer to a request for attributes."""
        return self._stat(self.answer(number, CMD_ATTRS))

    def exists(self, path: bytes) -> bool:
        try:
            self.lstat(path)
        except FileNotFoundError:
            return False
        return True

    def listing(self, folder: bytes) -> Generator[tuple[bytes, Stat], None, None]:
        """(name, what it is) of all that lies in a folder, in the order of the server."""
        handle = self._handle(self.ask(CMD_OPENDIR, folder))
        ahead: deque[Number] = deque()
        until = time.monotonic() + LISTING_WAITS * self.timeout_s
        try:
            while True:
                if time.monotonic() > until:
                    raise self._end(TimeoutError())
                while len(ahead) < LISTING_AHEAD:
                    ahead.append(self.ask(CMD_READDIR, handle))
                try:
                    message = self.answer(ahead.popleft(), CMD_NAME)
                except EOFError:
                    return
                for _ in range(message.get_int()):
                    if not _has_more(message):
                        raise self._end(SFTPError("a listing of fewer names than announced"))
                    name = message.get_string()
                    message.get_string()  # as `ls -l` would show it
                    what = self._stat(message)
                    if not name or b"/" in name or b"\0" in name:
                        raise self._end(SFTPError("a name that is a path"))
                    if name not in {b".", b".."}:
                        yield name, what
        finally:
            if not self.is_lost:
                for number in (*ahead, self.ask(CMD_CLOSE, handle)):
                    self.forget(number)

    def make_folder(self, path: bytes) -> None:
        self.answer(self.ask(CMD_MKDIR, path, SFTPAttributes()))

    def remove(self, path: bytes) -> None:
        """Remove a file, or a link as such."""
        self.answer(self.ask_remove(path))

    def ask_remove(self, path: bytes) -> Number:
        return self.ask(CMD_REMOVE, path)

    def remove_folder(self, path: bytes) -> None:
        self.answer(self.ask_remove_folder(path))

    def ask_remove_folder(self, path: bytes) -> Number:
        return self.ask(CMD_RMDIR, path)

    def rename_new(self, source: bytes, target: bytes) -> None:
        """Rename, and fail where the target exists; OpenSSH links and unlinks a plain file for that."""
        self.answer(self.ask(CMD_RENAME, source, target))

    def ask_rename(self, source: bytes, target: bytes) -> Number:
        """Rename to a name that is known to be free: in one step where the server knows how, without a link."""
        if REPLACE in self.extensions:
            return self.ask(CMD_EXTENDED, REPLACE, source, target)
        return self.ask(CMD_RENAME, source, target)

    # --- bytes --------------------------------------------------------------------------------------------------------

    def read(self, path: bytes, size: int, ahead: int, write: Callable[[bytes], object]) -> Stat:
        """Give `write` a file of `size` bytes, with up to `ahead` requests in flight; what it is when all was read.

        A file that ends earlier gives less, one that grew gives `size` bytes: the caller compares.
        """
        handle = self._handle(self.ask(CMD_OPEN, path, SFTP_FLAG_READ, SFTPAttributes()))
        try:
            after: Number | None = None
            asked: deque[tuple[Number, int, int]] = deque()
            start = 0
            while True:
                while start < size and len(asked) < ahead:
                    length = min(BLOCK_BYTES, size - start)
                    asked.append((self.ask(CMD_READ, handle, int64(start), length), start, length))
                    start += length
                if start >= size and after is None:
                    after = self.ask(CMD_FSTAT, handle)  # it travels with the last blocks
                if not asked:
                    break
                number, position, length = asked.popleft()
                part = self._block(number, length)
                write(part)
                while part and len(part) < length:  # a server may give less than it was asked for
                    position, length = position + len(part), length - len(part)
                    part = self._block(self.ask(CMD_READ, handle, int64(position), length), length)
                    write(part)
                    after = None
            return self.told(after if after is not None else self.ask(CMD_FSTAT, handle))
        finally:
            if not self.is_lost:
                self.forget(self.ask(CMD_CLOSE, handle))

    def write(self, path: bytes, source: BinaryIO, ahead: int) -> tuple[int, int]:
        """Write all of `source` over what is there, flushed to the server's disk where it can be.

        Returns how much was written, and the size that the server then tells.
        """
        flags = SFTP_FLAG_WRITE | SFTP_FLAG_CREATE | SFTP_FLAG_TRUNC
        handle = self._handle(self.ask(CMD_OPEN, path, flags, SFTPAttributes()))
        asked: deque[Number] = deque()
        size = 0
        try:
            while block := source.read(BLOCK_BYTES):
                asked.append(self.ask(CMD_WRITE, handle, int64(size), block))
                size += len(block)
                if len(asked) >= ahead:
                    self.answer(asked.popleft())
            if FLUSH in self.extensions:
                asked.append(self.ask(CMD_EXTENDED, FLUSH, handle))
        finally:
            if not self.is_lost:
                asked.append(self.ask(CMD_CLOSE, handle))
        after = self.ask_lstat(path)
        for number in asked:
            self.answer(number)
        told = self.told(after).size_bytes
        return size, told if told == size else self.lstat(path).size_bytes

    def _handle(self, number: Number) -> bytes:
        return bytes(self.answer(number, CMD_HANDLE).get_string())

    def _block(self, number: Number, length: int) -> bytes:
        """One block of a file; empty at its end."""
        try:
            message = self.answer(number, CMD_DATA)
        except EOFError:
            return b""
        announced = message.get_int()
        block = bytes(message.get_remainder())
        if announced != len(block) or announced > length:
            raise self._end(SFTPError("a block of another size than announced"))
        return block

    def _stat(self, message: Message) -> Stat:
        """The attributes that come next in an answer. paramiko would take as many extended ones as are announced."""
        flags = message.get_int()
        size = message.get_int64() if flags & SFTPAttributes.FLAG_SIZE else None
        owner = (message.get_int(), message.get_int()) if flags & SFTPAttributes.FLAG_UIDGID else (None, None)
        mode = message.get_int() if flags & SFTPAttributes.FLAG_PERMISSIONS else None
        times = (message.get_int(), message.get_int()) if flags & SFTPAttributes.FLAG_AMTIME else (None, None)
        if flags & SFTPAttributes.FLAG_EXTENDED:
            for _ in range(message.get_int()):
                if not _has_more(message):
                    raise self._end(SFTPError("fewer attributes than announced"))
                message.get_string()
                message.get_string()
        if size is None or mode is None or times[1] is None:
            raise Failed(_TELLS_TOO_LITTLE)
        return Stat(size, mode, times[1], owner[0])


def _has_more(message: Message) -> bool:
    """Asked of each name of a listing: `get_remainder` would copy all that follows, each time."""
    return bool(message.packet.tell() < message.packet.getbuffer().nbytes)


def _judge(message: Message) -> None:
    """A status as an exception, in our words: a server's own text is not repeated."""
    code = message.get_int()
    if code == SFTP_OK:
        return
    if code == SFTP_EOF:
        raise EOFError
    if code == SFTP_NO_SUCH_FILE:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if code == SFTP_PERMISSION_DENIED:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    raise Failed(_REFUSED.get(code, _VAGUE))


_VAGUE = Said(
    "le serveur SFTP refuse sans dire pourquoi (disque plein, quota, nom déjà pris ou dossier d'un autre disque)",
    "the SFTP server refuses and does not say why (disk full, quota, name taken, or a folder of another disk)",
)
_REFUSED = {
    SFTP_BAD_MESSAGE: Said(
        "le serveur SFTP ne comprend pas la demande (nom trop long)",
        "the SFTP server does not understand the request (name too long)",
    ),
    SFTP_OP_UNSUPPORTED: Said(
        "le serveur SFTP ne sait pas faire ce qui lui est demandé",
        "the SFTP server cannot do what it was asked",
    ),
}
_TELLS_TOO_LITTLE = Said(
    "le serveur SFTP ne dit pas la taille, la nature ou la date des fichiers",
    "the SFTP server does not tell size, kind or date of files",
)
