"""What a partner does with its files in one SFTP session: the hooks that asyncssh calls, made into work on its folders.

An upload is published when its client closes it over a living connection. asyncssh closes what a broken client left
open by the same hook: `is_over` tells the two apart, set by `sftp_verbs`.
"""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any, Protocol

import asyncssh

from pipeline.adapters import sftp_folders
from pipeline.adapters.sftp_folders import Facts, Folders, Upload, place_of, virtual
from pipeline.adapters.system_errors import why
from pipeline.ports import Said

REFUSALS_TOLD = 5  # per session: a client that tries the same for ever does not fill the log
_ORDINARY = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}  # a client looks before it writes
_FORBIDDEN = {errno.EACCES, errno.ENAMETOOLONG, errno.EFBIG, errno.EINVAL, errno.EDQUOT}
CHECK_BYTES = 64 << 20  # of uploads of a session: then it is asked again whether there is room


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing to tell: who did what, on which connection, how many bytes. A name is a digest, never itself."""

    verb: str  # enter, refuse, leave, put, cut, get, rename, remove, deny, fault
    partner: str
    connection: int
    size_bytes: int = 0
    name: bytes = b""
    said: Said | None = None


class Door(Protocol):
    """The connection that a session runs on."""

    size_max: int
    files_open: int
    touched: float  # the time of the loop at the last request

    @property
    def is_alive(self) -> bool: ...

    def refusal(self) -> int: ...

    def tell(self, verb: str, *, size_bytes: int = 0, name: bytes = b"", said: Said | None = None) -> None: ...


class Visit(asyncssh.SFTPServer):
    """One session of one partner."""

    def __init__(self, channel: Any, door: Door, folders: Folders) -> None:
        super().__init__(channel)
        self.door, self.folders = door, folders
        self.uploads: set[Upload] = set()
        self.is_over = False  # the client says no more: what is open now it has not closed
        self.over = asyncio.Event()
        self.refusals = 0
        self._unchecked_bytes = 0
        self._read_bytes: dict[int, tuple[bytes, int]] = {}  # descriptor -> name, bytes sent

    async def end(self) -> None:
        """However the session ended, nothing stays open."""
        self.is_over = True
        for upload in list(self.uploads):
            await self.close(upload)
        for descriptor in list(self._read_bytes):
            await self.close(descriptor)
        self.folders.close()
        self.over.set()

    def refused(self, error: OSError) -> None:
        """Tell what is worth a line: what a partner must not do, and what this machine cannot."""
        if error.errno not in _ORDINARY and self.refusals < REFUSALS_TOLD:
            self.refusals += 1
            self.door.tell("deny" if error.errno in _FORBIDDEN else "fault", said=why(error))

    # --- files ---

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        is_written = pflags & (asyncssh.FXF_WRITE | asyncssh.FXF_APPEND | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC)
        try:
            place = place_of(path)
        except FileNotFoundError as error:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) if is_written else error from error
        if not is_written:
            descriptor = self.folders.read(place)
            self._read_bytes[descriptor] = place.name, 0
            return descriptor
        await self._check()
        try:
            upload = self.folders.begin(
                place,
                size_max=self.door.size_max,
                creates=bool(pflags & asyncssh.FXF_CREAT),
                replaces=bool(pflags & asyncssh.FXF_TRUNC),
                is_new=bool(pflags & asyncssh.FXF_EXCL),
                appends=bool(pflags & asyncssh.FXF_APPEND),
            )
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise asyncssh.SFTPOpUnsupported("un fichier déjà déposé ne se continue pas : le redéposer") from error
            raise
        self.uploads.add(upload)
        return upload

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if isinstance(file_obj, Upload):
            return os.pread(file_obj.descriptor, size, offset)
        descriptor = _number(file_obj)
        part = os.pread(descriptor, size, offset)
        name, sent = self._read_bytes[descriptor]
        self._read_bytes[descriptor] = name, sent + len(part)
        return part

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if not isinstance(file_obj, Upload):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        try:
            file_obj.write(offset, data)
        except OSError as error:
            if error.errno == errno.EFBIG:
                raise asyncssh.SFTPFailure(f"fichier trop grand : au plus {file_obj.size_max} octets") from error
            raise
        self._unchecked_bytes += len(data)
        if self._unchecked_bytes >= CHECK_BYTES:
            try:
                await self._check()
            except OSError:
                file_obj.is_broken = True
                raise
        return len(data)

    async def _check(self) -> None:
        """There is room for more, on the disk and in the quota of this partner."""
        self._unchecked_bytes = 0
        refused = await asyncio.to_thread(self.door.refusal)
        if refused:
            raise OSError(refused, os.strerror(refused))

    async def close(self, file_obj: object) -> None:
        """Publish what the client closes itself; what is closed for it was broken off, and stays hidden."""
        if isinstance(file_obj, Upload):
            self.uploads.discard(file_obj)
            await self._finish(file_obj)
            return
        descriptor = _number(file_obj)
        os.close(descriptor)
        name, sent = self._read_bytes.pop(descriptor)
        self.door.tell("get", size_bytes=sent, name=name)

    async def _finish(self, upload: Upload) -> None:
        """Its client was told of a write that failed, and may not have listened."""
        if upload.is_broken:
            upload.drop()
            self.door.tell("cut", size_bytes=upload.size_bytes, name=upload.name)
            if not self.is_over:
                raise asyncssh.SFTPFailure("fichier incomplet : rien n'est déposé, le redéposer")
            return
        if self._is_cut():
            self._leave(upload)
            return
        try:
            await asyncio.to_thread(upload.flush)
        except Exception:
            upload.drop()
            raise
        if self._is_cut():  # while it was brought to the disk
            self._leave(upload)
            return
        upload.publish()
        await asyncio.to_thread(self.folders.flush)
        self.door.tell("put", size_bytes=upload.size_bytes, name=upload.name)

    def _is_cut(self) -> bool:
        return self.is_over or not self.door.is_alive or self.channel.is_closing()

    def _leave(self, upload: Upload) -> None:
        upload.leave()
        self.folders.prune()
        self.door.tell("cut", size_bytes=upload.size_bytes, name=upload.name)

    async def fsync(self, file_obj: object) -> None:
        if isinstance(file_obj, Upload):
            await asyncio.to_thread(os.fsync, file_obj.descriptor)

    # --- names ---

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        place = place_of(path)
        try:
            return _attributes(self.folders.look(place))
        except FileNotFoundError:
            for upload in self.uploads:  # a client may look at what it is writing
                if place.name == upload.name and place.folder == sftp_folders.IN:
                    return self.fstat(upload)
            raise

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        return self.lstat(path)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        what = os.fstat(file_obj.descriptor if isinstance(file_obj, Upload) else _number(file_obj))
        return _attributes(
            sftp_folders.Facts(False, what.st_size, int(what.st_mtime), may_write=isinstance(file_obj, Upload))
        )

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Times, owner and permissions are ours: a client that wants to keep its own is let believe so."""
        self.lstat(path)
        if attrs.size is not None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self.setstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        if attrs.size is not None:
            if not isinstance(file_obj, Upload):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            file_obj.resize(attrs.size)

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        place = place_of(path)
        if place.name:
            self.folders.look(place)
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return self._names(place.folder)

    async def _names(self, folder: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in (b".", b".."):
            yield asyncssh.SFTPName(name, attrs=_attributes(self.folders.look(sftp_folders.Place(folder))))
        for name, facts in await asyncio.to_thread(self.folders.names, folder):
            yield asyncssh.SFTPName(name, attrs=_attributes(facts))

    def realpath(self, path: bytes) -> bytes:
        return virtual(place_of(path))

    def rename(self, oldpath: bytes, newpath: bytes) -> Awaitable[None]:
        return self._rename(oldpath, newpath, replace=False)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Awaitable[None]:
        return self._rename(oldpath, newpath, replace=True)

    async def _rename(self, oldpath: bytes, newpath: bytes, *, replace: bool) -> None:
        old, new = place_of(oldpath), place_of(newpath)
        self.folders.rename(old, new, replace=replace)
        await asyncio.to_thread(self.folders.flush)
        self.door.tell("rename", name=new.name)

    def remove(self, path: bytes) -> None:
        place = place_of(path)
        self.folders.remove(place)
        self.door.tell("remove", name=place.name)

    def format_user(self, uid: int | None) -> str:
        """No account of this machine is named."""
        return "-"

    def format_group(self, gid: int | None) -> str:
        return "-"


def _attributes(facts: Facts) -> asyncssh.SFTPAttrs:
    """What a listing shows: size, time, and the rights that a partner has; no owner."""
    kind = stat.S_IFDIR | 0o555 if facts.is_folder else stat.S_IFREG | 0o440
    if facts.may_write:
        kind |= 0o200
    return asyncssh.SFTPAttrs(
        size=facts.size_bytes, permissions=kind, atime=facts.mtime_s, mtime=facts.mtime_s, nlink=1
    )


def _number(file_obj: object) -> int:
    if not isinstance(file_obj, int):
        raise TypeError(f"{type(file_obj).__name__} is no descriptor")
    return file_obj
