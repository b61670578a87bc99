"""What a campaign knows of itself: written after every batch, read again when it goes on."""

import json
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.fuzz.batch import Counts
from bench.fuzz.mutants import FAMILIES


@dataclass
class State(Counts):
    """Counters by family; `done` are the batches that are finished, each of `batch` mutants.

    `families`: how many of a hundred mutants each one gets. A number is the same mutant within one such table only.
    """

    path: Path = field(kw_only=True)
    seed: int = field(kw_only=True)
    batch: int = field(kw_only=True)
    families: list[tuple[str, int]] = field(default_factory=lambda: list(FAMILIES.items()))
    done: set[int] = field(default_factory=set)
    mended: set[int] = field(default_factory=set)  # wrong once, and no more when they were tried again

    @classmethod
    def opened(cls, path: Path, seed: int, batch: int) -> "State":
        """Where a campaign stands; it begins anew when the seed, the size of a batch or the families are others."""
        state = cls(path=path, seed=seed, batch=batch)
        held = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        if {name: held.get(name) for name in state._identity} == state._identity:
            state.take(held)
            state.done, state.mended = set(held["done"]), set(held["mended"])
        return state

    @property
    def _identity(self) -> dict[str, Any]:
        return {"seed": self.seed, "batch": self.batch, "families": [list(one) for one in self.families]}

    def take_again(self, told: Sequence[dict[str, Any]], numbers: Set[int]) -> None:
        """What was wrong was tried again: nothing is counted twice, and what is right now is mended."""
        still = [(number, family, why) for one in told for number, family, why in one["wrong"]]
        self.wrong = [*(one for one in self.wrong if one[0] not in numbers), *still]
        self.mended |= numbers - {number for number, _, _ in still}

    def save(self) -> None:
        body = self.told() | self._identity
        body |= {"done": sorted(self.done), "mended": sorted(self.mended), "seconds": round(self.seconds, 1)}
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
