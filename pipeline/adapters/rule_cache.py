"""Compiled rules kept between processes, in the cache directory of the user.

What is read back runs as code. So the folder and every entry must be ours and writable by nobody else, no link is
followed below the place that the user named, and an entry is taken only whole, under the key it was written for. In all
other cases the cache is told to be unusable, once, and its owner builds in memory: slower, never another verdict.
"""

import errno
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from pipeline.adapters.system_errors import why
from pipeline.ports import Said

CACHE = "CHORUS_EDI_CACHE"  # the folder to use instead of ~/.cache/chorus-edi
FOLDER = "rules"
ENTRIES_PER_PACK_MAX = 4  # an upgrade beside its predecessor, two versions of Python: more are not alive at once
ENTRY_BYTES_MAX = 64 << 20
_UNFINISHED_S = 3_600  # no build takes an hour: whoever began to write this is gone
_MAGIC = b"chorus-edi rules 1\n"
_HEX_CHARS = 64
_ENTRY = re.compile(r"(?P<pack>[a-z0-9-]+)-[0-9a-f]{64}\.rules")
_UNFINISHED = re.compile(r"\..+\.tmp")
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in the place of an entry must not block
_BUILD = Said(
    "les règles sont compilées en mémoire pour cette fois, sans effet sur les verdicts",
    "rules are compiled in memory for this time, verdicts are the same",
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the cache is not used: the place, one word for the log, a sentence for people."""

    place: str
    word: str
    said: Said


Warn = Callable[[Trouble], None]


class _Unusable(Exception):
    """Carries the reason out of the checks below; it never leaves this module."""

    def __init__(self, place: Path, word: str, said: Said) -> None:
        super().__init__(word)
        self.trouble = Trouble(str(place), word, said.at(str(place)).then(_BUILD))


def base_folder() -> Path | None:
    """Where caches of ours lie: as the environment says, else as XDG says; None for a user without a home."""
    if given := os.environ.get(CACHE):
        return Path(given).absolute()
    xdg = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if xdg.is_absolute():  # a relative one is to be ignored: XDG Base Directory Specification
        return xdg / "chorus-edi"
    try:
        return Path.home() / ".cache" / "chorus-edi"
    except RuntimeError:
        return None


class RuleCache:
    """Entries by (pack, key), read and written whole. `warn` hears of the first trouble, and of no other.

    `owner`: the user whose files may be run; ourselves.
    """

    def __init__(self, base: Path | None = None, warn: Warn = lambda _: None, *, owner: int | None = None) -> None:
        self.base = base or base_folder()
        self._warn = warn
        self._owner = os.geteuid() if owner is None else owner
        self._is_told = False
        self._is_off = False

    def place(self, pack: str, key: str) -> Path | None:
        """Where an entry lies, or would lie."""
        return self.base / FOLDER / _name(pack, key) if self.base else None

    def read(self, pack: str, key: str) -> bytes | None:
        """What was kept under a key; None where nothing was, or where it may not be used."""
        if self._is_off:
            return None
        if self.base is None:
            self._is_off = True
            self._tell(_homeless())
            return None
        try:
            with self._opened(self.base) as folder:
                return self._entry(folder, _name(pack, key), key)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._is_off = True
            self._tell(_failed(self.base, error))
        except _Unusable as found:
            self._tell(found.trouble)
        return None

    def keep(self, pack: str, key: str, content: bytes) -> Path | None:
        """Keep something under a key: when this returns, all of it is there. None where it could not be kept.

        Of several processes that keep the same at once the last one wins; none ever sees half of it.
        """
        if self._is_off or self.base is None:
            return None
        name = _name(pack, key)
        try:
            self.base.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                (self.base / FOLDER).mkdir(0o700)
            with self._opened(self.base) as folder:
                _write(folder, name, _MAGIC + f"{key}\n{sha256(content).hexdigest()}\n".encode() + content)
                _forget_the_old(folder, pack)
        except OSError as error:
            self._is_off = True
            self._tell(_failed(self.base, error))
            return None
        except _Unusable as found:
            self._tell(found.trouble)
            return None
        return self.base / FOLDER / name

    def reject(self, pack: str, key: str, reason: str) -> None:
        """Tell that an entry was whole, and of no use all the same."""
        path = (self.base or Path()) / FOLDER / _name(pack, key)
        self._tell(_Unusable(path, "damaged", _damaged(reason)).trouble)

    @contextmanager
    def _opened(self, base: Path) -> Iterator[int]:
        above = os.open(base, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            folder = os.open(FOLDER, _READ | os.O_DIRECTORY, dir_fd=above)
        finally:
            os.close(above)
        try:
            try:
                self._refuse_what_others_write(os.fstat(folder), base / FOLDER)
            except _Unusable:
                self._is_off = True
                raise
            yield folder
        finally:
            os.close(folder)

    def _entry(self, folder: int, name: str, key: str) -> bytes:
        path = (self.base or Path()) / FOLDER / name
        try:
            descriptor = os.open(name, _READ, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise _Unusable(path, "link", Said("un lien n'est pas suivi", "a link is not followed")) from error
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise _Unusable(path, "no_plain_file", Said("ce n'est pas un fichier", "this is no plain file"))
            self._refuse_what_others_write(found, path)
            content = file.read(ENTRY_BYTES_MAX + 1)
        head = _MAGIC + f"{key}\n".encode()
        start = len(head) + _HEX_CHARS + 1
        if not content.startswith(head) or len(content) > ENTRY_BYTES_MAX:
            raise _Unusable(path, "damaged", _damaged("head"))
        kept = content[start:]
        if content[len(head) : start] != f"{sha256(kept).hexdigest()}\n".encode():
            raise _Unusable(path, "damaged", _damaged("SHA-256"))
        return kept

    def _refuse_what_others_write(self, found: os.stat_result, path: Path) -> None:
        if found.st_uid != self._owner:
            raise _Unusable(
                path,
                "foreign",
                Said(
                    f"appartient à l'utilisateur {found.st_uid}, attendu {self._owner}",
                    f"belongs to user {found.st_uid}, expected {self._owner}",
                ),
            )
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise _Unusable(
                path,
                "writable",
                Said("d'autres peuvent y écrire ; chmod go-w y remédie", "others may write to it; chmod go-w mends it"),
            )

    def _tell(self, trouble: Trouble) -> None:
        if not self._is_told:
            self._is_told = True
            self._warn(trouble)


def _name(pack: str, key: str) -> str:
    return f"{pack}-{key}.rules"


def _write(folder: int, name: str, content: bytes) -> None:
    unfinished = f".{name}.{os.getpid()}-{secrets.token_hex(8)}.tmp"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=folder)
        raise


def _forget_the_old(folder: int, pack: str) -> None:
    """Of each pack the newest entries stay; what nobody will ever finish goes."""
    ours: list[tuple[float, str]] = []
    for name in os.listdir(folder):
        entry = _ENTRY.fullmatch(name)
        if not (entry and entry["pack"] == pack) and not _UNFINISHED.fullmatch(name):
            continue
        try:
            written = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
        except FileNotFoundError:  # another process has been faster
            continue
        if entry:
            ours.append((written, name))
        elif written < time.time() - _UNFINISHED_S:
            _remove(folder, name)
    for _, name in sorted(ours, reverse=True)[ENTRIES_PER_PACK_MAX:]:
        _remove(folder, name)


def _remove(folder: int, name: str) -> None:
    with suppress(FileNotFoundError, IsADirectoryError):
        os.unlink(name, dir_fd=folder)


def _failed(base: Path, error: OSError) -> Trouble:
    word = errno.errorcode.get(error.errno or 0, type(error).__name__)
    mend = Said(f"donner un dossier à nous par {CACHE}", f"name a folder of ours in {CACHE}")
    return _Unusable(base / FOLDER, word, why(error).then(mend)).trouble


def _homeless() -> Trouble:
    return _Unusable(
        Path("~"),
        "no_home",
        Said(
            f"cet utilisateur n'a pas de dossier personnel ; en donner un par {CACHE}",
            f"this user has no home; name a folder in {CACHE}",
        ),
    ).trouble


def _damaged(reason: str) -> Said:
    return Said(f"entrée endommagée ({reason})", f"damaged entry ({reason})")
