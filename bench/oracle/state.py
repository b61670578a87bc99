"""What a campaign knows of itself: written after every batch, read again when it goes on."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class PackState:
    """One pack. `mutants` are counted from number 0 of the seed; the figures of `documents` are apart."""

    pack: str
    seed: int
    program: str  # digest of the compiled program, and `installed` where the untouched sheet answered
    mutants: int = 0
    documents: int = 0  # public invoices, fixtures and documents that hold all names
    valid: int = 0  # of the mutants, those that the uncoupled XSD takes
    both_stopped: int = 0
    ours_stopped: int = 0
    differing: int = 0
    seconds: float = 0.0
    saxon_seconds: float = 0.0  # waited for Saxon
    fired: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    aimed: dict[str, list[int]] = field(
        default_factory=dict
    )  # "+3" (test 3 is to fire), "-3": mutants, Saxon stopped on
    differences: dict[str, int] = field(default_factory=dict)  # signature -> how often
    cases: dict[str, str] = field(default_factory=dict)  # signature -> its smallest document
    why_stopped: dict[str, int] = field(default_factory=dict)  # of ours_stopped: the words of the compiled engine


class State:
    """The packs of one state file; the key is the pack, with a mark where the installed sheet was asked."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.packs: dict[str, PackState] = {}
        if path is not None and path.exists():
            for key, values in json.loads(path.read_text("utf-8")).items():
                self.packs[key] = _read(values)

    def of(self, pack: str, seed: int, program: str, *, installed: bool) -> PackState:
        """Where a pack stands; it begins anew when the seed or the compiled program is another one."""
        key = f"{pack} installed" if installed else pack
        known = self.packs.get(key)
        if known is None or (known.seed, known.program) != (seed, program):
            known = self.packs[key] = PackState(pack, seed, program)
        return known

    def save(self) -> None:
        if self._path is None:
            return
        body = {key: _written(one) for key, one in sorted(self.packs.items())}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".tmp")
        beside.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", "utf-8")
        beside.replace(self._path)


def _written(state: PackState) -> dict[str, Any]:
    return {name: sorted(value) if isinstance(value, set) else value for name, value in asdict(state).items()}


def _read(values: dict[str, Any]) -> PackState:
    values |= {name: set(values[name]) for name in ("fired", "held")}
    return PackState(**values)
