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
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.adapters.local_store import COPY_BYTES, LocalStore, NewObject, flush_folder
from pipeline.ports import Said
from pipeline.terms import DropLimits

_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
_KEY = re.compile(r"[0-9a-f]{16}-[0-9]+-[0-9]+(-[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Seen:
    """One name of `in/`, as a scan saw it."""

    name: bytes
    size_bytes: int
    mtime_ns: int
    inode: int

    @property
    def order(self) -> tuple[int, bytes]:
        """Oldest first, then by name."""
        return self.mtime_ns, self.name

    @property
    def key(self) -> str:
        """The claim key, without the `-k` that tells repeated drops apart. It fits any file system."""
        since_1970 = max(self.mtime_ns, 0)  # a partner may set any time; a sign would not be read back from `work/`
        return f"{hashlib.sha256(self.name).hexdigest()[:16]}-{since_1970}-{self.size_bytes}"


@dataclass(frozen=True, slots=True)
class InWork:
    """One claimed file: `work/<claim>/<its own name>`."""

    claim: str
    name: bytes
    path: bytes
    order: tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of a claimed file: its digest and size, or why it was set apart."""

    sha256: str
    size_bytes: int
    is_kept: bool
    trouble: Said | None = None


class LocalDrop:
    """The folders of one partner: `in/` (theirs), `work/` (ours, same file system), `out/`."""

    def __init__(self, root: Path, limits: DropLimits) -> None:
        self.inbox, self.work, self.out = root / "in", root / "work", root / "out"
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
            if not self._is_temporary(entry.name):
                with contextlib.suppress(FileNotFoundError):
                    s = entry.stat(follow_symlinks=False)
                    found.append(Seen(entry.name, s.st_size, s.st_mtime_ns, s.st_ino))
        return sorted(found, key=lambda seen: seen.order)

    def is_quiet(self, seen: Seen, now_ns: int) -> bool:
        """Older than the quiet time: finished at first sight."""
        return seen.mtime_ns <= now_ns - self.limits.quiet_s * 1_000_000_000

    def claim(self, seen: Seen, taken: frozenset[str]) -> InWork | None:
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
        self, claimed: InWork, store: LocalStore, partner: str, size_max: int
    ) -> tuple[Archived, NewObject | None]:
        """Hash the claimed file while copying it; over `size_max` its bytes are hashed and not kept.

        The copy is to be kept in the store (`LocalStore.keep`) before the deposit gets its row.
        """
        try:
            descriptor = os.open(claimed.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.ENODEV}:
                return Archived("", 0, is_kept=False, trouble=_trouble(os.lstat(claimed.path))), None
            raise
        what = os.fstat(descriptor)
        if not stat.S_ISREG(what.st_mode) or what.st_nlink != 1:
            os.close(descriptor)
            return Archived("", 0, is_kept=False, trouble=_trouble(what)), None
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            if what.st_size > size_max:
                return Archived(hashlib.file_digest(file, "sha256").hexdigest(), what.st_size, is_kept=False), None
            new = store.begin(partner)
            try:
                while part := file.read(COPY_BYTES):
                    new.write(part)
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

    def _is_temporary(self, name: bytes) -> bool:
        suffixes = tuple(s.encode() for s in self.limits.temporary_suffixes)
        return name.startswith(b".") or name.lower().endswith(suffixes)


Scans = dict[Path, frozenset[Seen]]


def finished(drops: list[LocalDrop], sleep_s: float | None, before: Scans) -> dict[LocalDrop, list[Seen]]:
    """What is finished in each of these drop zones; young files are looked at twice, one wait for all.

    A watcher does not wait (None): what is equal to its scan before (`before`, kept up to date here) is finished too.
    """
    first = {drop: drop.scan() for drop in drops}
    now_ns = time.time_ns()
    quiet = {
        drop: [s for s in seen if drop.is_quiet(s, now_ns) or s in before.get(drop.inbox, ())]
        for drop, seen in first.items()
    }
    before.update({drop.inbox: frozenset(seen) for drop, seen in first.items()})
    young = [drop for drop in drops if len(quiet[drop]) < len(first[drop])]
    if young and sleep_s is not None:
        time.sleep(sleep_s)
        for drop in young:
            quiet[drop] = [s for s in drop.scan() if s in before[drop.inbox]]
    return quiet


class Outgoing:
    """One folder that gets our answers: written under a temporary name, then renamed, never over another file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def upload(self, name: str, source: Path) -> None:
        """Write the bytes under the temporary name of this row; an unfinished earlier try is written over."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as stored, self.temporary(name).open("wb") as file:
            shutil.copyfileobj(stored, file, COPY_BYTES)
            file.flush()
            os.fsync(file.fileno())

    def appear(self, name: str, sha256: str) -> bool:
        """Rename into place. False where another file has that name already; the same bytes there are our own."""
        temporary, final = self.temporary(name), self.folder / name
        try:
            rename_new(temporary, final)
        except FileNotFoundError:
            return True  # recorded as uploaded and not here: renamed before we could say so, maybe fetched since
        except FileExistsError:
            with final.open("rb") as there:
                if hashlib.file_digest(there, "sha256").hexdigest() != sha256:
                    return False
            temporary.unlink()
        return True

    def flush(self) -> None:
        flush_folder(self.folder)

    def temporary(self, name: str) -> Path:
        return self.folder / f".{name}.part"


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


def _trouble(what: os.stat_result) -> Said:
    kinds = {
        stat.S_IFLNK: ("un lien symbolique", "a symbolic link"), stat.S_IFIFO: ("un tube", "a pipe"),
        stat.S_IFDIR: ("un dossier", "a folder"), stat.S_IFSOCK: ("une prise réseau", "a socket"),
        stat.S_IFBLK: ("un périphérique", "a device"), stat.S_IFCHR: ("un périphérique", "a device"),
    }  # fmt: skip
    linked = (f"un fichier à {what.st_nlink} liens physiques", f"a file with {what.st_nlink} hard links")
    fr, en = kinds.get(stat.S_IFMT(what.st_mode), linked)
    return Said(f"{fr}, pas un fichier ordinaire", f"{en}, no plain file")
