"""The drop zone in local directories: what is finished in `in/` is claimed by a rename, answers go out by a rename.

A name in `in/` is only ever used as one name of that folder, never as a path; the claim key that we make of it is what
we file it under. Completeness: design section 7. What is no plain file of the partner's own is set apart, not read:
a hard link, or a file that another account moved there, would put a stranger's bytes under the partner's name.
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
from collections.abc import Callable, Collection, Iterable, Iterator, Set
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from pipeline.adapters.local_store import COPY_BYTES, FEW, FLUSHED_AT_ONCE, flush_folder
from pipeline.adapters.system_errors import Failed
from pipeline.ports import Archived, InWork, Lying, NewObject, ObjectStore, Said, Seen
from pipeline.terms import DropLimits

T = TypeVar("T")
CHANGED = Said(
    "le fichier a changé pendant sa lecture ; il sera relu", "the file changed while it was read; it will be read again"
)
_RENAME_NOREPLACE = 1
_AT_FDCWD = -100
HASHED_MAX_BYTES = 64 << 30  # one request makes a sparse file of exabytes: reading it would never end
LOOK_MAX = 50_000  # names of one look: a folder of millions costs the others neither time nor memory
ENTRIES_MAX = 10 * LOOK_MAX  # temporary names included
UNFINISHED_S = 24 * 3600  # an upload that nobody went on with for so long never will be
EMBEDDED = re.compile(rb"\.sftp-[0-9a-f]{16}\.part")  # of our own server, which clears up after itself
# why a file is set apart, for the log
NO_FILE, TOO_BIG, STRANGER, NAME, UNFINISHED = "no_plain_file", "too_big", "owner", "name", "unfinished"
_KEY = re.compile(r"[0-9a-f]{16}-[0-9]+-[0-9]+(-[0-9]+)?", re.ASCII)


class LocalDrop:
    """Fulfils `ports.DropZone` in a directory: `in/` (theirs), `work/` (ours, same file system), `out/`."""

    lanes = 1  # one disk
    is_remote = False

    def __init__(self, root: Path, limits: DropLimits, owners: Collection[int] = ()) -> None:
        """`owners`: the accounts (uid) whose files are taken. Without them: see `_known_owners`."""
        self.inbox, self.work, self.out = root / "in", root / "work", root / "out"
        self.place = str(self.inbox)
        self.limits = limits
        self._owners = frozenset(owners) or None  # None: not looked at yet

    def make(self) -> None:
        for folder in (self.inbox, self.out):
            folder.mkdir(parents=True, exist_ok=True)
        self.work.mkdir(mode=0o700, parents=True, exist_ok=True)

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
        """Every name that is not a temporary one, whether finished or not; of a fuller folder the first `LOOK_MAX`.

        And uploads that nobody went on with for a day: they are set apart, and a person hears of them.
        """
        found = []
        long_ago_ns = time.time_ns() - UNFINISHED_S * 1_000_000_000
        with os.scandir(os.fsencode(self.inbox)) as entries:
            for entry in first(entries, lambda one: self._is_under_way(one, long_ago_ns)):
                with contextlib.suppress(FileNotFoundError):
                    s = entry.stat(follow_symlinks=False)
                    found.append(Seen(entry.name, s.st_size, s.st_mtime_ns, s.st_ino))
        return sorted(found, key=lambda seen: seen.order)

    def _is_under_way(self, entry: "os.DirEntry[bytes]", long_ago_ns: int) -> bool:
        """A temporary name, of what may still become a file. Its age is the system's (ctime): clients set the other."""
        if not is_temporary(entry.name, self.limits):
            return False
        with contextlib.suppress(OSError):
            what = entry.stat(follow_symlinks=False)
            is_ours = EMBEDDED.fullmatch(entry.name) is not None
            return is_ours or not stat.S_ISREG(what.st_mode) or what.st_ctime_ns > long_ago_ns
        return True

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
        apart = self._apart(os.lstat(claimed.path))  # to open a device may do something already
        if apart is not None:
            return apart, None
        descriptor = os.open(claimed.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        what = os.fstat(descriptor)
        apart = self._apart(what)
        if apart is not None:
            os.close(descriptor)
            return apart, None
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

    def _apart(self, what: os.stat_result) -> Archived | None:
        """Why a claimed file is not read; None where it is."""
        if not stat.S_ISREG(what.st_mode) or what.st_nlink != 1:
            return set_apart(no_plain_file(what.st_mode, what.st_nlink), NO_FILE)
        if self._owners is None:
            self._owners = self._known_owners()
        if self._owners and what.st_uid not in self._owners:
            return set_apart(stranger(what.st_uid), STRANGER)
        if what.st_size > HASHED_MAX_BYTES:
            return set_apart(too_big(what.st_size), TOO_BIG)
        return None

    def _known_owners(self) -> frozenset[int]:
        """The accounts whose files are taken, where they are not set; none where nobody can tell: then every file is.

        sshd gives each partner an account, and its `in/` to that account: an owner that is neither root nor we. Our own
        files are taken too, operators may put some there.
        """
        owner, ours = self.inbox.stat().st_uid, os.geteuid()
        return frozenset() if owner in {0, ours} else frozenset({owner, ours})

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

    lanes, few = FLUSHED_AT_ONCE, FEW

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

    def lying(self) -> Iterator[Lying]:
        """What stands there now; since when by the system's own time (ctime): clients set the other."""
        if not self.folder.is_dir():
            return
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if not is_hidden(entry.name):
                    with contextlib.suppress(FileNotFoundError):  # fetched meanwhile
                        what = entry.stat(follow_symlinks=False)
                        yield Lying(entry.name, what.st_size, what.st_ctime, stat.S_ISREG(what.st_mode))

    def digest(self, name: str) -> str | None:
        """The SHA-256 of the plain file of this name, None where there is none."""
        try:
            return _digest_of(self.folder / name)
        except FileNotFoundError:
            return None

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


def is_hidden(name: str) -> bool:
    """No answer has such a name, and every temporary one has."""
    return name.startswith(".")


def first(entries: Iterable[T], is_temporary: Callable[[T], bool]) -> Iterator[T]:
    """As many drops as one look takes; the others are for the next one, when these are gone."""
    return islice((one for one in islice(entries, ENTRIES_MAX) if not is_temporary(one)), LOOK_MAX)


def set_apart(trouble: Said, word: str) -> Archived:
    """What is not even hashed; `word` says why, for the log."""
    return Archived("", 0, is_kept=False, trouble=trouble, word=word)


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


def stranger(uid: int | None) -> Said:
    """`uid`: None where a server does not tell it."""
    if uid is None:
        return Said("un fichier dont le serveur ne dit pas le compte", "a file whose account the server does not tell")
    return Said(
        f"un fichier du compte {uid} de la machine, pas du compte du partenaire",
        f"a file of the account {uid} of the machine, not of the partner's account",
    )


def unfinished() -> Said:
    return Said(
        "un dépôt interrompu, que personne n'a repris depuis un jour",
        "an upload that was broken off and that nobody went on with for a day",
    )


def unreadable_name() -> Said:
    return Said("un nom qui n'est pas de l'UTF-8", "a name that is no UTF-8")


def too_big(size_bytes: int) -> Said:
    return Said(
        f"un fichier de {size_bytes >> 30} Gio, trop pour être lu",
        f"a file of {size_bytes >> 30} GiB, too much to read",
    )
