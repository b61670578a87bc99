"""What a campaign knows of itself: one file for each part, written after every step, read again when it goes on."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.crash.subject import Outcome

ROOT = Path(__file__).parents[2]
SHOWN = 200  # problems that are kept in words


@dataclass
class PartState:
    """One part. It begins anew when the code under it is another one."""

    part: str
    code: str
    done: list[str] = field(default_factory=list)
    hits: int = 0  # steps that met what they aimed at
    counts: dict[str, int] = field(default_factory=dict)  # calls, kills, errors, cuts, faults, flows
    wrong: dict[str, int] = field(default_factory=dict)  # lost, doubled, torn, red, bug
    problems: list[str] = field(default_factory=list)
    worst_s: float = 0.0
    seconds: float = 0.0
    is_over: bool = False
    why_not: str = ""  # it cannot run here
    broke: str = ""  # the campaign itself failed, the product was not asked

    def add(self, key: str, outcome: Outcome, seconds: float) -> None:
        self.done.append(key)
        self.hits += outcome.was_hit
        self.seconds += seconds
        self.worst_s = max(self.worst_s, outcome.recovered_s)
        for name, count in outcome.counts.items():
            self.counts[name] = self.counts.get(name, 0) + int(count)
        for kind, what in outcome.problems:
            self.wrong[kind] = self.wrong.get(kind, 0) + 1
            if len(self.problems) < SHOWN:
                self.problems.append(f"{key}: {kind}: {what}")


class State:
    """The parts of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = digest()

    def of(self, part: str) -> PartState:
        """Where a part stands."""
        path = self._path(part)
        if path.exists():
            known = PartState(**json.loads(path.read_text("utf-8")))
            if known.code == self.code:
                return known
        return PartState(part, self.code)

    def save(self, state: PartState) -> None:
        path = self._path(state.part)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(asdict(state), ensure_ascii=False, indent=1) + "\n", "utf-8")
        beside.replace(path)

    def _path(self, part: str) -> Path:
        return self.folder / f"{part}.json"


def digest() -> str:
    """Of the product and of this campaign: figures of other code are not added to these."""
    told = hashlib.sha256()
    for path in sorted([*(ROOT / "pipeline").rglob("*.py"), *Path(__file__).parent.glob("*.py")]):
        told.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return told.hexdigest()[:16]
