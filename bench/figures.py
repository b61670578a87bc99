"""A measured figure beside its target, and the tables they are printed in."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.cli.layout import columns

OK, MISSED = "ok", "MISSED"


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured several times, or counted once. `target` is the most it may be; None where none is set."""

    name: str
    values: Sequence[float]
    unit: str
    target: float | None = None
    note: str = ""
    digits: int = 2

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def is_missed(self) -> bool:
        return self.target is not None and self.median > self.target

    def row(self) -> tuple[str, ...]:
        shown = [f"{value:.{self.digits}f}" for value in (self.median, min(self.values), max(self.values))]
        if len(self.values) == 1:
            shown[1:] = ["", ""]
        target = "" if self.target is None else f"<= {self.target:g}"
        verdict = "" if self.target is None else MISSED if self.is_missed else OK
        return (self.name, *shown, self.unit, target, verdict, self.note)


@dataclass(frozen=True, slots=True)
class Check:
    """Something that is so, or is not: counts that have to agree."""

    name: str
    found: str
    holds: bool
    expected: str = ""

    @property
    def is_missed(self) -> bool:
        return not self.holds

    def row(self) -> tuple[str, ...]:
        return (self.name, self.found, self.expected, OK if self.holds else MISSED)


def print_figures(title: str, figures: Iterable[Figure]) -> None:
    rows = [("", "median", "min", "max", "", "target", "", ""), *(figure.row() for figure in figures)]
    used = [rank for rank in range(len(rows[0])) if any(row[rank] for row in rows[1:])]
    right = frozenset(at for at, rank in enumerate(used) if rank in {1, 2, 3, 5})
    print(f"\n{title}\n{columns([[row[rank] for rank in used] for row in rows], right=right)}", flush=True)


def print_checks(title: str, checks: Iterable[Check]) -> None:
    rows = [("", "found", "expected", ""), *(check.row() for check in checks)]
    print(f"\n{title}\n{columns(rows)}", flush=True)
