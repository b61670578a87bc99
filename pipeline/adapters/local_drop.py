"""The drop zone in local directories: what is finished in `in/` is claimed by a rename, answers go out by a rename.

A name in `in/` is only ever used as one name of that folder, never as a path; the claim key that we make of it is what
we file it under. Completeness: design section 7. What is no plain file is set apart at opening, not read.
"""

import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator, Set
from pathlib import Path
from typing import BinaryIO

from pipeline.adapters.local_store import COPY_BYTES, flush_folder
from pipeline.adapters.system_errors import Failed
from pipeline.ports import Archived, InWork, NewObject, ObjectStore, Said, Seen
from pipeline.terms import DropLimits

CHANGED = Said(
    "le fichier a changé pendant sa lecture ; il sera relu", "the file changed while it was read; it will be read again"
)
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
HASHED_MAX_BYTES = 64 << 30  # one request makes a sparse file of exabytes: reading it would never end
_KEY = re.compile(r"[0-9a-f]{16}-[0-9]+-[0-9]+(-[0-9]+)?", re.ASCII)


class LocalDrop:
    """Fulfils `ports.DropZone` in a directory: `in/` (theirs), `work/` (ours, same file system), `out/`."""

    lanes = 1  # one disk
    is_remote = False

    def __init__(self, root: Path, limits: DropLimits) -> None:
        self.inbox, self.work, self.out = root / "in", root / "work", root / "out"
        self.place = str(self.inbox)
        self.limits = limits

    def make(self) -> None:
        for folder in (self.inbox, self.work, self.out):
            folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Receive for this partner alone on this machine; False where another process is at it."""
        descriptor = os.open(self.work / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def scan(self) -> list[Seen]:
        """Every name that is not a temporary one, whether finished or not."""
        found = []
        for entry in os.scandir(os.fsencode(self.inbox)):
            if not is_temporary(entry.name, self.limits):
                with contextlib.suppress(FileNotFoundError):
                    s = entry.stat(follow_symlinks=False)
                    found.append(Seen(entry.name, s.st_size, s.st_mtime_ns, s.st_ino))
        return sorted(found, key=lambda seen: seen.order)

    def is_quiet(self, seen: Seen, now_ns: int) -> bool:
        """Older than the quiet time: finished at first sight."""
        return seen.mtime_ns <= now_ns - self.limits.quiet_s * 1_000_000_000

    def claim(self, seen: Seen, taken: Set[str]) -> InWork | None:
        """Move a finished file into `work/` under a key that no deposit has had; None when someone else took it."""
        for k in range(1, 10_000):
            key = seen.key if k == 1 else f"{seen.key}-{k}"
            if key in taken:
                continue
            folder = self.work / key
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            target = os.path.join(os.fsencode(folder), seen.name)  # noqa: PTH118 - bytes: pathlib takes none
            try:
                os.rename(os.path.join(os.fsencode(self.inbox), seen.name), target)  # noqa: PTH104, PTH118
            except FileNotFoundError:
                folder.rmdir()
                return None
            except OSError:
                folder.rmdir()
                raise
            return InWork(key, seen.name, target, seen.order)
        return None

    def in_work(self) -> list[InWork]:
        """What was claimed and is not deleted yet, oldest drop first; an empty folder is the rest of a claim."""
        found = []
        for folder in self.work.iterdir():
            if _KEY.fullmatch(folder.name) is None or not folder.is_dir():
                continue
            names = os.listdir(os.fsencode(folder))  # noqa: PTH208 - bytes
            if not names:
                with contextlib.suppress(OSError):
                    folder.rmdir()
                continue
            mtime_ns = int(folder.name.split("-")[1])
            path = os.path.join(os.fsencode(folder), names[0])  # noqa: PTH118
            found.append(InWork(folder.name, names[0], path, (mtime_ns, names[0])))
        return sorted(found, key=lambda claimed: (claimed.order, claimed.claim))

    def archive(
        self, claimed: InWork, store: ObjectStore, partner: str, size_max: int
    ) -> tuple[Archived, NewObject | None]:
        """Hash the claimed file while copying it; over `size_max` its bytes are hashed and not kept.

        The copy is to be kept in the store (`LocalStore.keep`) before the deposit gets its row. A file that somebody
        writes to meanwhile is an error: it waits in `work/`.
        """
        try:
            descriptor = os.open(claimed.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENODEV}:
                return set_apart(no_plain_file(os.lstat(claimed.path).st_mode)), None
            raise
        what = os.fstat(descriptor)
        if not stat.S_ISREG(what.st_mode) or what.st_nlink != 1:
            os.close(descriptor)
            return set_apart(no_plain_file(what.st_mode, what.st_nlink)), None
        if what.st_size > HASHED_MAX_BYTES:
            os.close(descriptor)
            return set_apart(too_big(what.st_size)), None
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if what.st_size > size_max:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                _same(what, os.fstat(descriptor), what.st_size)
                return Archived(digest, what.st_size, is_kept=False), None
            new = store.begin(partner)
            try:
                while part := file.read(COPY_BYTES):
                    new.write(part)
                _same(what, os.fstat(descriptor), new.size_bytes)
                new.close()
            except BaseException:
                new.drop()
                raise
        return Archived(new.sha256, new.size_bytes, is_kept=True), new

    def delete(self, claimed: InWork) -> None:
        """Forget a claimed file: its row is committed. Deleting twice is deleting once."""
        folder = self.work / claimed.claim
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.lstat(claimed.path).st_mode):
                shutil.rmtree(folder)
                return
            os.unlink(claimed.path)  # noqa: PTH108 - bytes
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()


class LocalOutgoing:
    """Fulfils `ports.Outgoing` in a directory."""

    lanes = 1

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = str(folder)

    def upload(self, name: str, source: BinaryIO) -> None:
        """Write the bytes under the temporary name of this row; an unfinished earlier try is written over."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.temporary(name).open("wb") as file:
            shutil.copyfileobj(source, file, COPY_BYTES)
            file.flush()
            os.fsync(file.fileno())

    def appear(self, name: str, sha256: str) -> bool:
        """Rename into place. False where another file has that name already; the same bytes there are our own."""
        temporary, final = self.temporary(name), self.folder / name
        try:
            rename_new(temporary, final)
        except FileNotFoundError:
            if not self.folder.is_dir():
                raise
            return True  # recorded as uploaded and not here: renamed before we could say so, maybe fetched since
        except FileExistsError:
            if _digest_of(final) != sha256:
                return False
            temporary.unlink()
        return True

    def holds(self, name: str) -> bool:
        return (self.folder / name).exists()

    def flush(self) -> None:
        flush_folder(self.folder)

    def temporary(self, name: str) -> Path:
        return self.folder / temporary_name(name)


def rename_new(source: Path, target: Path) -> None:
    """Rename, and fail where the target exists: `renameat2` where the system has it, else link and unlink."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is not None:
        done = renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE)
        if done == 0:
            return
        code = ctypes.get_errno()
        if code not in {errno.ENOSYS, errno.EINVAL}:  # EINVAL: the file system does not know the flag
            raise OSError(code, os.strerror(code), str(target))
    os.link(source, target)
    source.unlink()


def _digest_of(path: Path) -> str | None:
    """The SHA-256 of a plain file; None of anything else, which is not opened."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_temporary(name: bytes, limits: DropLimits) -> bool:
    """Not a drop yet: `spec/01-flows.md` section 7."""
    suffixes = tuple(s.encode() for s in limits.temporary_suffixes)
    return name.startswith(b".") or name.lower().endswith(suffixes)


def temporary_name(name: str) -> str:
    """Under which an answer is written, before it gets its name."""
    return f".{name}.part"


def set_apart(trouble: Said) -> Archived:
    """What is not even hashed."""
    return Archived("", 0, is_kept=False, trouble=trouble)


def _same(before: os.stat_result, after: os.stat_result, read_bytes: int) -> None:
    if (after.st_size, after.st_mtime_ns, read_bytes) != (before.st_size, before.st_mtime_ns, before.st_size):
        raise Failed(CHANGED)


def no_plain_file(mode: int, links: int = 1) -> Said:
    kinds = {
        stat.S_IFLNK: ("un lien symbolique", "a symbolic link"), stat.S_IFIFO: ("un tube", "a pipe"),
        stat.S_IFDIR: ("un dossier", "a folder"), stat.S_IFSOCK: ("une prise réseau", "a socket"),
        stat.S_IFBLK: ("un périphérique", "a device"), stat.S_IFCHR: ("un périphérique", "a device"),
    }  # fmt: skip
    linked = (f"un fichier à {links} liens physiques", f"a file with {links} hard links")
    fr, en = kinds.get(stat.S_IFMT(mode), linked)
    return Said(f"{fr}, pas un fichier ordinaire", f"{en}, no plain file")


def too_big(size_bytes: int) -> Said:
    return Said(
        f"un fichier de {size_bytes >> 30} Gio, trop pour être lu",
        f"a file of {size_bytes >> 30} GiB, too much to read",
    )
