"""What a worker tells while it lives and when it is dead: which mutant is in work, what came of a batch."""

import json
import mmap
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
class Counts:
    """What came of mutants, by family, rule or reader.

    `checked`: accepted documents, and rows of changes in force, that the others looked at; `silent`: containers that
    the other reader could not open at all; `versions`: the product that judged, by the digest of its sources; `wrong`:
    number, family, what; `slowest`: seconds, number; `seconds`: of work.
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
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """As JSON holds it; `take` of another one adds it."""
        counted = {name: dict(getattr(self, name)) for name in COUNTED}
        return {**counted, "wrong": self.wrong, "slowest": self.slowest, "seconds": self.seconds}

    def take(self, told: Mapping[str, Any]) -> None:
        for name in COUNTED:
            getattr(self, name).update(told[name])
        self.wrong += [(number, family, why) for number, family, why in told["wrong"]]
        self.slowest = max(self.slowest, (told["slowest"][0], told["slowest"][1]))
        self.seconds += told["seconds"]


class Batch(Counts):
    """What came of a batch: the answer of a worker."""

    def as_line(self) -> str:
        return json.dumps(self.told())
