"""The installed shell in a process of its own, on a home where everything is dropped already: what it took.

    python -m bench.shell HOME [--progress]

Its last line is JSON: seconds by stage of the parent, flows by state, invoices by outcome, why refused, faults.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Watch
from pipeline import runner
from pipeline.settings import load

CORES = 2
OURS = "CPP001"


@dataclass(frozen=True)
class Done:
    """What one run left behind, and what it took."""

    wall_s: float
    stages: dict[str, float]
    flows: dict[str, int]
    invoices: dict[str, int]
    refusals: dict[str, int]
    faults: list[str]
    watch: Watch

    @property
    def cpu_s(self) -> float:
        return sum(cpu for found in self.watch.by_kind().values() for _, cpu in found)

    def peak_mb(self, kind: str) -> float:
        """The most memory that a process of this kind held; 0 where there was none."""
        return max((peak for peak, _ in self.watch.by_kind().get(kind, [])), default=0.0)


def run(home: Path, waiting: Iterable[Path], *, progress: bool = False) -> Done:
    """Give the uploads of `in/` their names (without `.part`) and run the shell once; the clock starts before that."""
    command = [sys.executable, "-m", "bench.shell", str(home), *(["--progress"] if progress else [])]
    began = time.monotonic()
    for path in waiting:
        path.rename(path.with_suffix(""))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        with Watch(process.pid) as watch:
            told, _ = process.communicate()
        wall_s = time.monotonic() - began
        if process.returncode:
            raise SystemExit(f"the run on {home} ended with {process.returncode}")
    return Done(wall_s, **json.loads(told), watch=watch)


def work(home: Path, *, progress: bool) -> dict[str, object]:
    """The measured process: `runner.run` on a home, as `chorus-edi run` calls it."""
    spent: dict[str, float] = defaultdict(float)
    began = at = time.monotonic()
    stage = "start"

    def hear(name: str) -> None:
        nonlocal at, stage
        now = time.monotonic()
        spent[stage] += now - at
        at, stage = now, name

    refusals: Counter[str] = Counter()

    def count(told: runner.Told) -> None:
        for invoice in told.verdict.invoices:
            refusals.update({f.rule for f in invoice.findings if f.refuses})

    def show(done: int, total: int) -> None:
        if progress:
            print(f"{time.monotonic() - began:8.0f} s  {done} of {total} flows", file=sys.stderr, flush=True)

    with runner.open_home(home, load(home, ours=OURS, readers=CORES)) as opened:
        opened.stage = hear
        summary = runner.run(opened, on_verdict=count, on_progress=show)
        hear("end")
    return {"stages": spent, "flows": summary.flows, "invoices": summary.invoices, "refusals": refusals,
            "faults": [fault.en for fault in summary.faults]}  # fmt: skip


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="python -m bench.shell", description=__doc__)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--progress", action="store_true")
    chosen = arguments.parse_args()
    print(json.dumps(work(chosen.home, progress=chosen.progress)))
