"""The object store in a directory: `<partner>/<SHA-256>`, create-only.

Written under a temporary name, flushed to disk, linked to its digest, and the folder flushed: an object is there whole
or not at all, and nothing is ever written over. Metadata lives in the ledger, not here.
"""

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

COPY_BYTES = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARTNER = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


class NewObject:
    """Bytes on their way into the store; they get their name when all are written (`LocalStore.keep`)."""

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

    def begin(self, partner: str) -> NewObject:
        """A new object of unknown digest: write it, then `keep` it, then `drop` what is left of it in any case."""
        folder = self._folder(partner)
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".new-{self.writer}-", dir=folder)
        return NewObject(os.fdopen(descriptor, "wb", buffering=COPY_BYTES), Path(name))

    def keep(self, written: Iterable[tuple[str, NewObject]]) -> None:
        """Give each its place under its digest: all flushed first, then linked, then each folder flushed once."""
        new = list(written)
        for _, one in new:
            one.flush()
        for partner, one in new:
            with contextlib.suppress(FileExistsError):  # the same bytes are there
                os.link(one.path, self.path(partner, one.sha256))
            one.path.unlink()
        for partner in sorted({partner for partner, _ in new}):
            flush_folder(self._folder(partner))

    def clear(self, writer: str) -> None:
        """Remove what a dead process began and did not keep."""
        for left in self.root.glob(f"*/.new-{writer}-*"):
            left.unlink(missing_ok=True)

    def open(self, partner: str, sha256: str) -> BufferedReader:
        return self.path(partner, sha256).open("rb")

    def exists(self, partner: str, sha256: str) -> bool:
        return self.path(partner, sha256).is_file()

    def list(self, partner: str) -> Iterator[str]:
        """The digests kept for a partner."""
        folder = self._folder(partner)
        if folder.is_dir():
            yield from sorted(p.name for p in folder.iterdir() if _DIGEST.fullmatch(p.name))

    def path(self, partner: str, sha256: str) -> Path:
        if _DIGEST.fullmatch(sha256) is None:
            raise ValueError("an object is named by 64 hexadecimal digits")
        return self._folder(partner) / sha256

    def digest(self, partner: str, sha256: str) -> str | None:
        """The SHA-256 of what really stands under this name, None where nothing does."""
        try:
            with self.open(partner, sha256) as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def _folder(self, partner: str) -> Path:
        if _PARTNER.fullmatch(partner) is None:
            raise ValueError("a partner is named by letters, digits, - and _")
        return self.root / partner


def flush_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
