"""The room that is left on the disks we write to: asked before anything is taken in, for a full disk stops everything.

What the system would give to root alone does not count as free.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Room:
    """One disk, named by what we keep on it: how much is free, and below what nothing more is taken in."""

    name: str
    path: Path
    free_bytes: int
    least_bytes: int
    free_files: int = 0  # inodes: a disk that has none left is full, whatever its bytes
    least_files: int = 0  # 0 on a file system that does not count them

    def takes(self, size_bytes: int) -> bool:
        """A file of so many bytes more, and there is still enough."""
        return self.has_files and self.free_bytes - size_bytes >= self.least_bytes

    @property
    def has_files(self) -> bool:
        return self.free_files >= self.least_files

    @property
    def is_roomy(self) -> bool:
        """Well above the least: trouble that comes and goes around it is one trouble."""
        return self.free_bytes >= self.least_bytes * 3 // 2 and self.free_files >= self.least_files * 3 // 2


def rooms(places: Mapping[str, Path], free_bytes: int, free_files: int, free_share: Decimal) -> tuple[Room, ...]:
    """The disks under these folders, each once; a folder that is not there lies on the disk of the one above it.

    The least is `free_bytes` and `free_files`, or `free_share` of a disk for which that is less.
    """
    found: dict[int, Room] = {}
    for name, path in places.items():
        there = _existing(path)
        device = there.stat().st_dev
        if device not in found:
            told = os.statvfs(there)
            least = min(free_bytes, int(told.f_blocks * told.f_frsize * free_share))
            least_files = min(free_files, int(told.f_files * free_share))
            found[device] = Room(name, path, told.f_bavail * told.f_frsize, least, told.f_favail, least_files)
    return tuple(found.values())


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path
