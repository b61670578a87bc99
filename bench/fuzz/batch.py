"""What a worker tells while it lives and when it is dead: which mutant is in work, what came of a batch."""

import json
import mmap
import struct
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

STARTING, ASKING_SAXON = -2, -1
PROGRESS_BYTES = 8
COUNTED = ("tried", "accepted", "checked", "saxon", "silent", "rules", "versions")


class Progress:
    """Which mutant is in work: eight bytes of a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            path.write_bytes(struct.pack("<q", STARTING))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), PROGRESS_BYTES)

    @property
    def number(self) -> int:
        found: int = struct.unpack_from("<q", self._map)[0]
        return found

    @number.setter
    def number(self, number: int) -> None:
        struct.pack_into("<q", self._map, 0, number)

    def close(self) -> None:
        self._map.close()


@dataclass
class Batch:
    """What came of a batch. `checked`: accepted documents that the others looked at; `silent`: containers that the
    other reader could not open at all; `versions`: the product that judged, by the digest of its sources.
    """

    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    saxon: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[int, str, str]] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, 0)

    def told(self, seconds: float) -> str:
        counted = {name: dict(getattr(self, name)) for name in COUNTED}
        return json.dumps({**counted, "wrong": self.wrong, "slowest": self.slowest, "seconds": seconds})
