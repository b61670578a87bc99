"""What a campaign knows of itself: written after every batch, read again when it goes on."""

import json
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.fuzz.batch import COUNTED


@dataclass
class State:
    """Counters by family; `done` are the batches that are finished, each of `batch` mutants."""

    path: Path
    seed: int
    batch: int
    done: set[int] = field(default_factory=set)
    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    checked: Counter[str] = field(default_factory=Counter)
    saxon: Counter[str] = field(default_factory=Counter)
    silent: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)  # of the product: mutants that each one judged
    wrong: list[tuple[int, str, str]] = field(default_factory=list)  # number, family, what
    mended: set[int] = field(default_factory=set)  # wrong once, and no more when they were tried again
    slowest: tuple[float, int] = (0.0, 0)  # seconds, number
    seconds: float = 0.0  # of the workers

    @classmethod
    def opened(cls, path: Path, seed: int, batch: int) -> "State":
        """Where a campaign stands; it begins anew when the seed or the size of a batch is another one."""
        if path.is_file():
            held = json.loads(path.read_text("utf-8"))
            if (held["seed"], held["batch"]) == (seed, batch):
                return cls(
                    path, seed, batch, set(held["done"]), **{name: Counter(held[name]) for name in COUNTED},
                    wrong=[tuple(one) for one in held["wrong"]], mended=set(held.get("mended", ())),
                    slowest=tuple(held["slowest"]), seconds=held["seconds"],
                )  # fmt: skip
        return cls(path, seed, batch)

    def take(self, told: dict[str, Any]) -> None:
        """The answer of a worker."""
        for name in COUNTED:
            getattr(self, name).update(told[name])
        self.wrong += [tuple(one) for one in told["wrong"]]
        self.slowest = max(self.slowest, (told["slowest"][0], told["slowest"][1]))
        self.seconds += told["seconds"]

    def take_again(self, told: Sequence[dict[str, Any]], numbers: Set[int]) -> None:
        """What was wrong was tried again: nothing is counted twice, and what is right now is mended."""
        still = [(number, family, why) for one in told for number, family, why in one["wrong"]]
        self.wrong = [*(one for one in self.wrong if one[0] not in numbers), *still]
        self.mended |= numbers - {number for number, _, _ in still}

    def save(self) -> None:
        body: dict[str, Any] = {name: dict(getattr(self, name)) for name in COUNTED}
        body |= {"seed": self.seed, "batch": self.batch, "done": sorted(self.done), "wrong": self.wrong,
                 "mended": sorted(self.mended), "slowest": self.slowest, "seconds": round(self.seconds, 1)}  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".tmp")
        beside.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", "utf-8")
        beside.replace(self.path)

    def table(self) -> str:
        """By family: mutants tried, accepted, documents checked again, wrong."""
        wrong = Counter(family for _, family, _ in self.wrong)
        rows = [("family", "tried", "accepted", "checked again", "wrong")]
        for family in [*sorted(self.tried), ""]:
            counts = [
                sum(one.values()) if not family else one[family]
                for one in (self.tried, self.accepted, self.checked, wrong)
            ]
            rows.append((family or "all", *(f"{count:,}" for count in counts)))
        wide = [max(len(row[n]) for row in rows) for n in range(5)]
        lines = [
            f"{row[0]:<{wide[0]}}  "
            + "  ".join(f"{cell:>{width}}" for cell, width in zip(row[1:], wide[1:], strict=True))
            for row in rows
        ]
        documents, containers = sum(self.saxon.values()), sum(self.silent.values())
        asked = f"Saxon asked of {documents:,} documents; the other reader could not open {containers:,} containers"
        slow = f"slowest mutant {self.slowest[0]:.2f} s (number {self.slowest[1]}); {self.seconds:,.0f} s of work"
        judged = ", ".join(f"{name} ({count:,})" for name, count in self.versions.most_common())
        mended = [f"wrong once, mended since: {', '.join(map(str, sorted(self.mended)))}"] if self.mended else []
        return "\n".join([*lines, asked, slow, f"product: {judged or 'nothing judged yet'}", *mended])
