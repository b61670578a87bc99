"""The two folders that a partner sees over SFTP: `/in`, where it drops, and `/out`, where it fetches.

Nothing is opened by a path: a name is one name, looked up in a descriptor of its folder, and a link that somebody put
there is never followed. An upload lies under a hidden name until it is whole. What is refused raises an `OSError`.
"""

import ctypes
import errno
import os
import posixpath
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.local_drop import EMBEDDED

IN, OUT = b"in", b"out"
NAME_BYTES_MAX = 255
PARTIALS_KEPT = 8  # per partner: whoever breaks off for ever does not fill the disk
PARTIAL_AGE_S = 24 * 3600
_RENAME_NOREPLACE = 1
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Place:
    """A path as a partner writes it: a folder of the two (empty: the root), and the name in it (empty: the folder)."""

    folder: bytes = b""
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a partner is told of a folder or file."""

    is_folder: bool
    size_bytes: int
    mtime_s: int
    may_write: bool


def place_of(path: bytes) -> Place:
    """Where a path leads, `..` included: there are two folders and nothing else, above the root is the root."""
    parts = [part for part in posixpath.normpath(posixpath.join(b"/", path)).split(b"/") if part]
    if not parts:
        return Place()
    if parts[0] not in {IN, OUT} or len(parts) > 2 or b"\0" in path:
        raise _no_such_file()
    if len(parts) == 1:
        return Place(parts[0])
    if len(parts[1]) > NAME_BYTES_MAX:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
    if EMBEDDED.fullmatch(parts[1]) or (parts[0] == OUT and parts[1].startswith(b".")):
        raise _no_such_file()  # ours, and not whole yet
    return Place(parts[0], parts[1])


def virtual(place: Place) -> bytes:
    """The path of a place, as the partner knows it."""
    return b"/" + b"/".join(part for part in (place.folder, place.name) if part)


class Upload:
    """A file on its way into `/in`. After a write that failed, or past `size_max`, it is never published."""

    def __init__(self, folders: "Folders", name: bytes, *, size_max: int, is_new: bool, appends: bool) -> None:
        """`is_new`: no file of this name may be there when it is published. `appends`: offsets do not count."""
        self.name, self.size_max, self.is_new, self.appends = name, size_max, is_new, appends
        self.size_bytes = 0
        self.is_broken = False
        self._folder = folders.descriptor(IN)
        self._hidden = b".sftp-%s.part" % secrets.token_hex(8).encode()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.descriptor = os.open(self._hidden, flags, 0o640, dir_fd=self._folder)

    def write(self, offset: int, part: bytes) -> None:
        at = self.size_bytes if self.appends else offset
        if at + len(part) > self.size_max:
            self.is_broken = True
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            written = 0
            while written < len(part):  # a disk that fills up takes a part before it refuses
                written += os.pwrite(self.descriptor, part[written:], at + written)
        except OSError:
            self.is_broken = True
            raise
        self.size_bytes = max(self.size_bytes, at + len(part))

    def resize(self, size: int) -> None:
        if size > self.size_max:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        os.ftruncate(self.descriptor, size)
        self.size_bytes = size

    def flush(self) -> None:
        """Bring the bytes to the disk. The time is set as well: the quiet time of a drop counts from here."""
        os.utime(self.descriptor)
        os.fsync(self.descriptor)

    def publish(self) -> None:
        """Give it the name that was asked for; what stood there is replaced, unless it is to be new."""
        os.close(self.descriptor)
        try:
            if self.is_new:
                _rename_new(self._folder, self._hidden, self.name)
            else:
                os.rename(self._hidden, self.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError:
            self._remove()
            raise

    def leave(self) -> None:
        """Nobody said that it is whole: it keeps its hidden name."""
        os.close(self.descriptor)

    def drop(self) -> None:
        """It cannot become whole any more."""
        os.close(self.descriptor)
        self._remove()

    def _remove(self) -> None:
        with suppress(OSError):
            os.unlink(self._hidden, dir_fd=self._folder)


class Folders:
    """`in/` and `out/` of one partner, kept open for one session; made when they are missing."""

    def __init__(self, root: Path) -> None:
        self._open: dict[bytes, int] = {}
        try:
            with ExitStack() as closing:
                top = _folder(closing, root.name, _folder(closing, root.parent, None))
                for name in (IN, OUT):
                    self._open[name] = os.dup(_folder(closing, name, top))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        while self._open:
            os.close(self._open.popitem()[1])

    def descriptor(self, folder: bytes) -> int:
        return self._open[folder]

    def look(self, place: Place) -> Facts:
        """What is there: one of the folders, or a plain file; everything else is not there."""
        if not place.name:
            return Facts(True, 0, int(time.time()), place.folder == IN)
        return _facts(self._plain(place), place.folder)

    def names(self, folder: bytes) -> list[tuple[bytes, Facts]]:
        """The plain files of a folder, by name; the two folders themselves for the root."""
        if not folder:
            return [(name, self.look(Place(name))) for name in (IN, OUT)]
        found = []
        for name in sorted(os.fsencode(one) for one in os.listdir(self._open[folder])):  # noqa: PTH208 - a descriptor
            with suppress(FileNotFoundError):  # claimed since, or nothing that is shown
                place = place_of(posixpath.join(folder, name))
                found.append((name, _facts(self._plain(place), folder)))
        return found

    def read(self, place: Place) -> int:
        """A descriptor to read a plain file from."""
        if not place.name:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        self._plain(place)
        descriptor = os.open(
            place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._open[place.folder]
        )
        if not _is_plain(os.fstat(descriptor)):
            os.close(descriptor)
            raise _no_such_file()
        return descriptor

    def begin(
        self, place: Place, *, size_max: int, creates: bool, replaces: bool, is_new: bool, appends: bool
    ) -> Upload:
        """A new upload. A file is written whole: what is there is replaced, and is neither changed nor continued."""
        self._own(place)
        if self._exists(place):
            self._plain(place)
            if is_new:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            if not replaces:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        elif not creates:
            raise _no_such_file()
        return Upload(self, place.name, size_max=size_max, is_new=is_new, appends=appends)

    def rename(self, old: Place, new: Place, *, replace: bool) -> None:
        """Another name for an own file in `/in`."""
        self._own(old)
        self._own(new)
        self._plain(old)
        folder = self._open[IN]
        if replace:
            if self._exists(new):
                self._plain(new)
            os.rename(old.name, new.name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            _rename_new(folder, old.name, new.name)

    def remove(self, place: Place) -> None:
        self._own(place)
        self._plain(place)
        os.unlink(place.name, dir_fd=self._open[IN])

    def flush(self) -> None:
        """Make the names of `/in` survive a power cut."""
        os.fsync(self._open[IN])

    def prune(self) -> None:
        """Keep the youngest of what was broken off."""
        for _, name in sorted(_partials(self._open[IN]), reverse=True)[PARTIALS_KEPT:]:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._open[IN])

    def _own(self, place: Place) -> None:
        """Only `/in` is written to."""
        if place.folder != IN or not place.name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def _exists(self, place: Place) -> bool:
        try:
            os.stat(place.name, dir_fd=self._open[place.folder], follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _plain(self, place: Place) -> os.stat_result:
        what = os.stat(place.name, dir_fd=self._open[place.folder], follow_symlinks=False)
        if not _is_plain(what):
            raise _no_such_file()
        return what


def _folder(closing: ExitStack, name: Path | str | bytes, above: int | None) -> int:
    """A folder, opened until the end of the stack, made when it is missing; never a link, save above our own."""
    if above is not None:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=above)
    descriptor = os.open(name, _FOLDER if above is not None else _FOLDER & ~os.O_NOFOLLOW, dir_fd=above)
    closing.callback(os.close, descriptor)
    return descriptor


def clean(drop: Path, *, older_than_s: float = 0) -> int:
    """Remove what was broken off in any `in/`; says how many."""
    removed = 0
    for partner in drop.iterdir() if drop.is_dir() else ():
        with suppress(OSError):  # no folder of a partner: a link, a file
            top = os.open(partner, _FOLDER)
            try:
                inbox = os.open(IN, _FOLDER, dir_fd=top)
            finally:
                os.close(top)
            try:
                for mtime_s, name in list(_partials(inbox)):
                    if mtime_s <= time.time() - older_than_s:
                        os.unlink(name, dir_fd=inbox)
                        removed += 1
            finally:
                os.close(inbox)
    return removed


def _partials(folder: int) -> Iterator[tuple[float, bytes]]:
    """(time, name) of the hidden files in an `in/`."""
    for name in os.listdir(folder):
        raw = os.fsencode(name)
        if EMBEDDED.fullmatch(raw):
            with suppress(FileNotFoundError):
                yield os.stat(raw, dir_fd=folder, follow_symlinks=False).st_mtime, raw


def _is_plain(what: os.stat_result) -> bool:
    return stat.S_ISREG(what.st_mode) and what.st_nlink == 1


def _facts(what: os.stat_result, folder: bytes) -> Facts:
    return Facts(False, what.st_size, int(what.st_mtime), folder == IN)


def _no_such_file() -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


def _rename_new(folder: int, old: bytes, new: bytes) -> None:
    """Rename, and fail where the target exists. Never by a second link: whoever claims between two calls finds one."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        if renameat2(folder, old, folder, new, _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in {errno.ENOSYS, errno.EINVAL}:  # EINVAL: the file system does not know the flag
            raise OSError(code, os.strerror(code))
    try:
        os.stat(new, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
