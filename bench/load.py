"""The load run: 10,000 mixed invoices in 20 archives, from the drop folder to the answers, on two cores.

    python -m bench.load [--quick]

One home of its own, the installed shell in a process of its own, nothing warm but the disk cache. What came out is
counted and compared with what went in, `verify` reads the whole ledger and store again. A partner's upload is not
measured: the files lie in `in/` under temporary names and get their own when the clock starts.
"""

import argparse
import shutil
import time
from pathlib import Path

from bench import floor, shell
from bench.figures import Check, Figure, print_checks, print_figures
from bench.machine import digest_of, pinned
from bench.processes import READER
from bench.reference import VAR, directory, partners
from bench.shell import CORES, Done
from fixtures import batch
from pipeline import runner
from pipeline.settings import load

PER_FLOW = 500
WALL_S = 20.0
WORKER_MB = 150.0  # a read worker, which runs the compiled rules as well
MEMORY_MB = 400.0  # the parent, a Saxon server
UNIT = b"<CPPFacturePivotUnitaire "
STATUS = b"<CPPFactureStatutUnitaire "
STATUSES = 3  # 01, 02 and 03 of each invoice that enters


def run(per_flow: int = PER_FLOW) -> list[Figure | Check]:
    """Make the flows, run them, print what it took and whether everything is there."""
    flows = batch.make(VAR / f"flows-{per_flow}-{_generator()}", per_flow)
    home = VAR / "home"
    _prepare(home)
    waiting = _upload(home, flows)
    done = shell.run(home, waiting)
    count = len(flows) * per_flow
    figures = _figures(done, count, flows)
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
    with runner.open_home(home, load(home, ours=shell.OURS)) as opened:
        runner.import_directory(opened, directory())
        for partner in partners():
            runner.add_partner(opened, partner)


def _upload(home: Path, flows: list[Path]) -> list[Path]:
    inbox = home / "drop" / batch.PARTNER / "in"
    return [Path(shutil.copy(flow, inbox / f"{flow.name}.part")) for flow in flows]


def _figures(done: Done, count: int, flows: list[Path]) -> list[Figure]:
    is_whole = count == PER_FLOW * sum(one.flows for one in batch.BATCHES)
    floor_ms = floor.per_invoice_ms(flows)
    dropped_bytes = sum(path.stat().st_size for path in flows)
    figures = [
        Figure("wall, drop to reports", [done.wall_s], "s", WALL_S if is_whole else None),
        Figure("floor: parse and XSD of these documents", [floor_ms * count / 1000 / CORES], "s",
               note=f"{floor_ms:.3f} ms per invoice, on {CORES} cores"),
        Figure("invoices per second", [count / done.wall_s], "/s", digits=0),
        Figure("processor time", [done.cpu_s], "s", note=f"{done.cpu_s * 1000 / count:.2f} ms per invoice"),
        Figure("cores busy", [done.cpu_s / done.wall_s], f"of {CORES}"),
        Figure("dropped", [dropped_bytes / 1e6], "MB", digits=1),
    ]  # fmt: skip
    figures += [
        Figure(f"stage {name} of the parent", [seconds], "s", note=_NOTES.get(name, ""))
        for name, seconds in done.stages.items()
    ]
    outside = done.wall_s - sum(done.stages.values())
    figures.append(Figure("start and end of the parent", [outside], "s", note="imports, the end of the readers"))
    for kind, found in sorted(done.watch.by_kind().items()):
        most = WORKER_MB if kind == READER else MEMORY_MB
        figures.append(Figure(f"processor time, {kind}", [cpu for _, cpu in found], "s", note=f"{len(found)} of them"))
        figures.append(Figure(f"peak memory, {kind}", [done.peak_mb(kind)], "MB", most, digits=0))
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
    chosen = arguments.parse_args()
    VAR.mkdir(parents=True, exist_ok=True)
    run_pinned(PER_FLOW // 10 if chosen.quick else PER_FLOW)


if __name__ == "__main__":
    main()
