"""The object store in a directory: `<partner>/<SHA-256>`, create-only.

Written under a temporary name, flushed to disk, linked to its digest, and the folder flushed: an object is there whole
or not at all, and nothing is ever written over. Metadata lives in the ledger, not here.
"""

import contextlib
import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.ports import NewObject

COPY_BYTES = 1 << 20
# A disk with a journal takes what is flushed side by side in one turn: eight at once take a sixth of the time of one by
# one. A few are not worth the threads.
FLUSHED_AT_ONCE, FEW = 8, 16
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARTNER = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_OWNER = re.compile(rf"{_PARTNER.pattern}(/results|/heads-[0-9]{{4}}-[0-9]{{2}})?", re.ASCII)
_ROOMS = ("*", "*/results", "*/heads-*")


def is_digest(name: str) -> bool:
    return _DIGEST.fullmatch(name) is not None


def is_partner(name: str) -> bool:
    return _PARTNER.fullmatch(name) is not None


def partner_named(partner: str) -> str:
    """The partner, or one of its rooms for the audit (`pipeline.audit.form`), if it may stand in a path."""
    if _OWNER.fullmatch(partner) is None:
        raise ValueError("a partner is named by letters, digits, - and _")
    return partner


def named(partner: str, sha256: str) -> str:
    """The name of an object in any store: `<partner>/<SHA-256>`."""
    if not is_digest(sha256):
        raise ValueError("an object is named by 64 hexadecimal digits")
    return f"{partner_named(partner)}/{sha256}"


class LocalObject:
    """Fulfils `ports.NewObject` in a temporary file of this machine."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self.path = path
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, part: bytes) -> int:
        self._digest.update(part)
        self.size_bytes += len(part)
        return self._file.write(part)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        """All is written. A unit keeps thousands of objects together, and a process may open about a thousand files."""
        self._file.close()

    def flush(self) -> None:
        self.close()
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def drop(self) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take is not wanted any more
            self._file.close()
        self.path.unlink(missing_ok=True)


class LocalStore:
    """Fulfils `ports.ObjectStore`."""

    lanes = 1  # one disk
    is_locked = False  # whoever may write here may rewrite

    def __init__(self, root: Path, writer: str = "one") -> None:
        """`writer` names the process in the temporary names: what a dead one left can be told apart."""
        self.root, self.writer = root, writer

    def put_new(self, partner: str, source: BinaryIO) -> tuple[str, int]:
        """Store all of `source` unless it is there already; returns (SHA-256, size in bytes)."""
        new = self.begin(partner)
        try:
            while part := source.read(COPY_BYTES):
                new.write(part)
            self.keep([(partner, new)])
        finally:
            new.drop()
        return new.sha256, new.size_bytes

    def begin(self, partner: str) -> LocalObject:
        """A new object of unknown digest: write it, then `keep` it, then `drop` what is left of it in any case."""
        folder = self._folder(partner)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".new-{self.writer}-", dir=folder)
        return LocalObject(os.fdopen(descriptor, "wb", buffering=COPY_BYTES), Path(name))

    def keep(self, written: Iterable[tuple[str, NewObject]]) -> None:
        """Give each its place under its digest: all flushed first, then linked, then each folder flushed once."""
        new = [(partner, cast(LocalObject, one)) for partner, one in written]
        _flush_all([one for _, one in new])
        for partner, one in new:
            with contextlib.suppress(FileExistsError):  # the same bytes are there
                os.link(one.path, self.path(partner, one.sha256))
            one.path.unlink()
        for folder in sorted({folder for owner in {owner for owner, _ in new} for folder in self._folders(owner)}):
            flush_folder(folder)

    def clear(self, writer: str) -> None:
        """Remove what a dead process began and did not keep."""
        for room in _ROOMS:
            for left in self.root.glob(f"{room}/.new-{writer}-*"):
                left.unlink(missing_ok=True)

    def open(self, partner: str, sha256: str) -> BufferedReader:
        return self.path(partner, sha256).open("rb")

    def fetch(self, partner: str, sha256: str) -> Path:
        """The object itself."""
        path = self.path(partner, sha256)
        if not path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return path

    def forget(self, fetched: Path) -> None:
        """Nothing was copied."""

    def remove(self, partner: str, sha256: str) -> None:
        self.path(partner, sha256).unlink(missing_ok=True)

    def exists(self, partner: str, sha256: str) -> bool:
        return self.path(partner, sha256).is_file()

    def list(self, partner: str) -> Iterator[str]:
        """The digests kept for a partner."""
        folder = self._folder(partner)
        if folder.is_dir():
            yield from sorted(p.name for p in folder.iterdir() if is_digest(p.name))

    def sized(self, partner: str) -> Iterator[tuple[str, int]]:
        """The digests kept for a partner, and their sizes."""
        folder = self._folder(partner)
        if folder.is_dir():
            with os.scandir(folder) as entries:
                yield from sorted((one.name, one.stat().st_size) for one in entries if is_digest(one.name))

    def partners(self) -> Iterator[str]:
        """The folders of the store."""
        if self.root.is_dir():
            yield from sorted(p.name for p in self.root.iterdir() if is_partner(p.name) and p.is_dir())

    def path(self, partner: str, sha256: str) -> Path:
        return self.root / named(partner, sha256)

    def digest(self, partner: str, sha256: str) -> str | None:
        """The SHA-256 of what really stands under this name, None where nothing does."""
        try:
            with self.open(partner, sha256) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def _folders(self, owner: str) -> Sequence[Path]:
        """The folder of an owner, and those around a room, which may be new in them."""
        parts = partner_named(owner).split("/")
        return [self.root.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]

    def _folder(self, partner: str) -> Path:
        return self.root / partner_named(partner)


def _flush_all(new: Sequence[LocalObject]) -> None:
    """All of them are on the disk, or the first failure is raised."""
    if len(new) <= FEW:
        for one in new:
            one.flush()
        return
    with ThreadPoolExecutor(FLUSHED_AT_ONCE, thread_name_prefix="flush") as threads:
        for _ in threads.map(LocalObject.flush, new):
            pass


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
