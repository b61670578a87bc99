"""Copies of stored objects in a private folder of this process: what was just kept is at hand when it is fetched.

A copy that is lent stays until everybody gave it back; the others go when there is no room, the oldest first.
"""

import os
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

BYTES_MAX = 256 << 20
FILES_MAX = 8192


@dataclass(slots=True)
class _Copy:
    size_bytes: int
    lent: int = 0


class Copies:
    """Files of `folder`, by name; safe for threads. Only files that it was given are ever removed."""

    def __init__(self, folder: Path, bytes_max: int = BYTES_MAX, files_max: int = FILES_MAX) -> None:
        self.folder, self.bytes_max, self.files_max = folder, bytes_max, files_max
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._files: OrderedDict[str, _Copy] = OrderedDict()
        self._size_bytes = 0
        self._lock = Lock()

    def new(self) -> tuple[int, Path]:
        """An empty file to write: (open descriptor, path); `add` it or remove it."""
        descriptor, name = tempfile.mkstemp(prefix=".new-", dir=self.folder)
        return descriptor, Path(name)

    def add(self, name: str, written: Path, size_bytes: int) -> None:
        """Keep a written file as the copy of this name, while there is room for it."""
        with self._lock:
            self._take(name, written, size_bytes)
            self._make_room()

    def add_and_lend(self, name: str, written: Path, size_bytes: int) -> Path:
        """The same, and lend it: whoever was quicker with the same name has the same bytes."""
        with self._lock:
            self._take(name, written, size_bytes).lent += 1
            self._make_room()
        return self.folder / name

    def lend(self, name: str) -> Path | None:
        """The copy of this name, to be given back; None where there is none."""
        with self._lock:
            found = self._files.get(name)
            if found is None:
                return None
            found.lent += 1
        return self.folder / name

    def give_back(self, copy: Path) -> None:
        """Once the last one gave it back it is removed; a file that is not one of ours is left alone."""
        with self._lock:
            found = self._files.get(copy.name)
            if copy.parent != self.folder or found is None or not found.lent:
                return
            found.lent -= 1
            if not found.lent:
                self._remove(copy.name)

    def forget(self, name: str) -> None:
        """Lend this name no more; who has it keeps it."""
        with self._lock:
            found = self._files.get(name)
            if found is not None and not found.lent:
                self._remove(name)

    def _take(self, name: str, written: Path, size_bytes: int) -> _Copy:
        found = self._files.get(name)
        if found is not None:
            written.unlink(missing_ok=True)
            return found
        os.replace(written, self.folder / name)  # noqa: PTH105 - one call, no second Path
        self._size_bytes += size_bytes
        self._files[name] = _Copy(size_bytes)
        return self._files[name]

    def _make_room(self) -> None:
        while self._size_bytes > self.bytes_max or len(self._files) > self.files_max:
            free = next((name for name, copy in self._files.items() if not copy.lent), None)
            if free is None:
                return
            self._remove(free)

    def _remove(self, name: str) -> None:
        self._size_bytes -= self._files.pop(name).size_bytes
        (self.folder / name).unlink(missing_ok=True)
