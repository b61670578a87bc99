"""The load run: 10,000 mixed invoices in 20 archives, from the drop folder to the answers, on two cores.

    python -m bench.load [--quick]

One home of its own, the installed shell in a process of its own, nothing warm but the disk cache. What came out is
counted and compared with what went in, `verify` reads the whole ledger and store again. A partner's upload is not
measured: the files lie in `in/` under temporary names and get their own when the clock starts.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Check, Figure, print_checks, print_figures
from bench.machine import digest_of, pinned
from bench.processes import Watch
from bench.reference import VAR, directory, partners
from fixtures import batch
from pipeline import runner
from pipeline.settings import load

CORES = 2
PER_FLOW = 500
WALL_S = 120.0
MEMORY_MB = 400.0
UNIT = b"<CPPFacturePivotUnitaire "
STATUS = b"<CPPFactureStatutUnitaire "
STATUSES = 3  # 01, 02 and 03 of each invoice that enters


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


def run(per_flow: int = PER_FLOW) -> list[Figure | Check]:
    """Make the flows, run them, print what it took and whether everything is there."""
    flows = batch.make(VAR / f"flows-{per_flow}-{_generator()}", per_flow)
    home = VAR / "home"
    _prepare(home)
    waiting = _upload(home, flows)
    done = _run(home, waiting)
    count = len(flows) * per_flow
    figures = _figures(done, count, sum(path.stat().st_size for path in flows))
    digest = digest_of(path.read_bytes() for path in flows)
    title = (
        f"Load run: {count} invoices in {len(flows)} archives (digest {digest}), {CORES} cores, a cold process, one run"
    )
    print_figures(title, figures)
    checks = _checks(home, done, len(flows), per_flow)
    print_checks("What came out, against what went in", checks)
    return [*figures, *checks]


def run_pinned(per_flow: int = PER_FLOW) -> list[Figure | Check]:
    """On the cores that the target is given for, whatever the machine has."""
    with pinned(CORES):
        return run(per_flow)


def _generator() -> str:
    """The digest of the generator: flows that another one made are not taken for its own."""
    folder = Path(batch.__file__).parent
    return digest_of(path.read_bytes() for path in sorted(folder.glob("*.py")))


def _prepare(home: Path) -> None:
    if home.exists():
        shutil.rmtree(home)
    with runner.open_home(home, load(home, ours="CPP001")) as opened:
        runner.import_directory(opened, directory())
        for partner in partners():
            runner.add_partner(opened, partner)


def _upload(home: Path, flows: list[Path]) -> list[Path]:
    inbox = home / "drop" / batch.PARTNER / "in"
    return [Path(shutil.copy(flow, inbox / f"{flow.name}.part")) for flow in flows]


def _run(home: Path, waiting: list[Path]) -> Done:
    """Drop the flows and run the shell once, in a process of its own."""
    command = [sys.executable, "-m", "bench.load", "--home", str(home)]
    began = time.monotonic()
    for path in waiting:
        path.rename(path.with_suffix(""))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        with Watch(process.pid) as watch:
            told, _ = process.communicate()
        wall_s = time.monotonic() - began
        if process.returncode:
            raise SystemExit(f"the load run ended with {process.returncode}")
    return Done(wall_s, **json.loads(told), watch=watch)


def work(home: Path) -> None:
    """The measured process: `runner.run` on a home, as `chorus-edi run` calls it."""
    spent: Counter[str] = Counter()
    at, stage = time.monotonic(), "start"

    def hear(name: str) -> None:
        nonlocal at, stage
        now = time.monotonic()
        spent[stage] += now - at
        at, stage = now, name

    refusals: Counter[str] = Counter()

    def count(told: runner.Told) -> None:
        for invoice in told.verdict.invoices:
            refusals.update({f.rule for f in invoice.findings if f.refuses})

    with runner.open_home(home, load(home, ours="CPP001", readers=CORES)) as opened:
        opened.stage = hear
        summary = runner.run(opened, on_verdict=count)
        hear("end")
    print(
        json.dumps(
            {"stages": spent, "flows": summary.flows, "invoices": summary.invoices, "refusals": refusals,
             "faults": [fault.en for fault in summary.faults]}
        )
    )  # fmt: skip


def _figures(done: Done, count: int, dropped_bytes: int) -> list[Figure]:
    is_whole = count == PER_FLOW * sum(one.flows for one in batch.BATCHES)
    kinds = done.watch.by_kind()
    cpu_s = sum(cpu for found in kinds.values() for _, cpu in found)
    figures = [
        Figure("wall, drop to reports", [done.wall_s], "s", WALL_S if is_whole else None),
        Figure("invoices per second", [count / done.wall_s], "/s", digits=0),
        Figure("processor time", [cpu_s], "s", note=f"{cpu_s * 1000 / count:.2f} ms per invoice"),
        Figure("cores busy", [cpu_s / done.wall_s], f"of {CORES}"),
        Figure("dropped", [dropped_bytes / 1e6], "MB", digits=1),
    ]
    figures += [
        Figure(f"stage {name} of the parent", [seconds], "s", note=_NOTES.get(name, ""))
        for name, seconds in done.stages.items()
    ]
    outside = done.wall_s - sum(done.stages.values())
    figures.append(Figure("start and end of the parent", [outside], "s", note="imports, the end of the readers"))
    for kind, found in sorted(kinds.items()):
        figures.append(Figure(f"processor time, {kind}", [cpu for _, cpu in found], "s", note=f"{len(found)} of them"))
        figures.append(Figure(f"peak memory, {kind}", [max(peak for peak, _ in found)], "MB", MEMORY_MB, digits=0))
    return figures


_NOTES = {"judge": "waiting for the readers included", "receive": "a second look at young files after one second"}


def _checks(home: Path, done: Done, flows: int, per_flow: int) -> list[Check]:
    refused = flows * (per_flow // batch.REFUSED_EVERY)
    integrated = flows * per_flow - refused
    answers = sorted((home / "drop" / batch.PARTNER / "out").iterdir())
    reports = [path for path in answers if path.name.startswith("CSO")]
    lifecycle = [path for path in answers if path.name.startswith("FEN1201A")]
    pivots = sorted((home / "recipients").glob("*/out/*"))
    receivers = len({path.parent.parent.name for path in pivots})
    with runner.open_home(home) as opened:
        began = time.monotonic()
        lines = runner.verify(opened)
        seconds = time.monotonic() - began
    broken = [line.name for line in lines if not line.ok]
    return [
        _equal("flows answered", sum(done.flows.values()), flows),
        _equal("invoices integrated", done.invoices.get("integrated", 0), integrated),
        _equal("invoices refused", done.invoices.get("refused", 0), refused),
        Check("why refused", ", ".join(f"{rule} {n}" for rule, n in sorted(done.refusals.items())),
              sum(done.refusals.values()) == refused, f"{refused} in all, one reason each"),
        _equal("integration reports", len(reports), flows),
        _equal("lifecycle returns", len(lifecycle), flows),
        _equal("statuses in them", _count(lifecycle, STATUS), STATUSES * integrated),
        _equal("invoices in pivots", _count(pivots, UNIT), integrated),
        Check("pivot files", f"{len(pivots)} for {receivers} receivers", bool(pivots)),
        Check("faults", "; ".join(done.faults[:3])[:200] or "none", not done.faults, "none"),
        Check("verify", f"{len(lines) - len(broken)} of {len(lines)} hold, in {seconds:.1f} s", not broken,
              ", ".join(broken)),
    ]  # fmt: skip


def _count(files: list[Path], tag: bytes) -> int:
    return sum(path.read_bytes().count(tag) for path in files)


def _equal(name: str, found: int, expected: int) -> Check:
    return Check(name, str(found), found == expected, str(expected))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a tenth of it")
    arguments.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.home is not None:
        work(chosen.home)
        return
    VAR.mkdir(parents=True, exist_ok=True)
    run_pinned(PER_FLOW // 10 if chosen.quick else PER_FLOW)


if __name__ == "__main__":
    main()
