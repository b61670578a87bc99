"""What the limited child costs: the same flows read by a worker with and without one, in turn, on one core.

    python -m bench.child [--quick]

Without: a worker that reads in its own process (`read_worker.serve`), as on a system that has nothing to confine with.
Everything else is the same: process, frames, schemas, compiled rules. Processor time of the worker and of all its
children, dead ones included, and of this process; blocks of each kind in turn, shuffled; the median of the differences
of neighbours. The clock on the wall stands beside it: on a machine that does nothing else the two agree.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from bench import processes
from bench.figures import Figure, print_figures
from bench.machine import description, pinned
from bench.stages import SAMPLES, Sample
from fixtures.batch import PARTNER, flow_name
from pipeline.adapters import confinement
from pipeline.adapters.read_pool import _ANSWER, _REQUEST, WORKER, _Lent, _Reader
from pipeline.model import Received
from pipeline.terms import Terms

FLOWS, PASSES, ALONE = 300, 15, 60
IN_A_LOT_MS, ALONE_MS = 0.2, 2.0
PLAIN = (sys.executable, "-m", "bench.child", "--plain")


class Spent(NamedTuple):
    """Milliseconds for each flow."""

    cpu: float
    wall: float


class Worker:
    """A read worker and what it is asked."""

    def __init__(self, command: Sequence[str], folder: Path) -> None:
        found = os.pathsep.join((str(Path.cwd()), os.environ.get("PYTHONPATH", "")))
        here = {"PYTHONPATH": found, "PYTHONSAFEPATH": ""}
        self._reader = _Reader(command, None, here)
        self._spool = str(folder / "spool")

    def read(self, flows: Sequence[tuple[Received, Path]], *, alone: bool = False) -> Spent:
        """What each of these flows took."""
        terms = Terms()
        frames = [_REQUEST.dump_json(_Lent(one, str(path), self._spool, terms, alone)) for one, path in flows]
        self._reader.ask(frames[0])  # it is up, and knows the schema
        began, cpu_began = time.perf_counter(), self._cpu_s()
        answers = [self._reader.ask(frame) for frame in frames]
        cpu_s, wall_s = self._cpu_s() - cpu_began, time.perf_counter() - began
        for answer in (answers[0], answers[-1]):
            if answer is None or _ANSWER.validate_json(answer).read is None:
                raise SystemExit(f"a flow of the bench was not read: {answer!r:.300}")
        return Spent(cpu_s * 1000 / len(flows), wall_s * 1000 / len(flows))

    def _cpu_s(self) -> float:
        """Of this process, of the worker, of its living child, and of those that it has waited for."""
        process = self._reader._process
        if process is None:
            raise SystemExit("the worker is gone")
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        dead_s = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime
        return dead_s + time.process_time() + processes.cpu_s(processes.descendants(process.pid))

    def stop(self) -> None:
        self._reader.stop()


def flows_of(sample: Sample, count: int, folder: Path) -> list[tuple[Received, Path]]:
    made = []
    for rank, content in enumerate(sample.documents(count), 1):
        path = folder / f"{sample.code}-{rank}"
        path.write_bytes(content)
        received = Received(
            PARTNER, flow_name(sample.code, rank), sha256(content).hexdigest(), len(content),
            datetime(2026, 11, 20, tzinfo=UTC),
        )  # fmt: skip
        made.append((received, path))
    return made


def run(flows: int = FLOWS, passes: int = PASSES, alone: int = ALONE) -> list[Figure]:
    shown: list[Figure] = []
    with pinned(1), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        confined, plain = Worker(WORKER, folder), Worker(PLAIN, folder)
        try:
            for sample in SAMPLES:
                figures = measure(confined, plain, flows_of(sample, flows, folder), passes, alone)
                size = sum(path.stat().st_size for path in folder.glob(f"{sample.code}-*")) / flows / 1000
                print_figures(
                    f"{sample.title}: {flows} flows of {size:.1f} kB, {passes} passes, processor ms each", figures
                )
                shown += figures
        finally:
            confined.stop()
            plain.stop()
    return shown


def measure(
    confined: Worker, plain: Worker, flows: list[tuple[Received, Path]], passes: int, alone: int
) -> list[Figure]:
    """Both kinds beside each other; the first pass warms up."""
    order = random.Random(1)
    spent: dict[str, list[Spent]] = {"with": [], "without": [], "alone": []}
    for rank in range(passes + 1):
        some = order.sample(flows, min(alone, len(flows)))
        blocks = {
            "with": lambda: confined.read(flows),
            "without": lambda: plain.read(flows),
            "alone": lambda some=some: confined.read(some, alone=True),  # type: ignore[misc]
        }
        for name in order.sample(sorted(blocks), len(blocks)):
            took = blocks[name]()
            if rank:
                spent[name].append(took)
    more = [a.cpu - b.cpu for a, b in zip(spent["with"], spent["without"], strict=True)]
    each = [a.cpu - b.cpu for a, b in zip(spent["alone"], spent["without"], strict=True)]
    titles = {"without": "without a child", "with": "with a child, in a lot", "alone": "a child for each flow"}
    return [
        *(
            Figure(title, [one.cpu for one in spent[name]], "ms", digits=3, note=f"wall {_wall(spent[name]):.3f}")
            for name, title in titles.items()
        ),
        Figure("cost of the child, in a lot", more, "ms", IN_A_LOT_MS, digits=3),
        Figure("cost of the child, for a flow alone", each, "ms", ALONE_MS, digits=3),
    ]


def _wall(spent: Sequence[Spent]) -> float:
    return statistics.median(one.wall for one in spent)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a fifth of the passes")
    arguments.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.plain:
        serve_plainly()
        return
    print(f"{description()}\nwalls           {confinement.seen().said.en}", flush=True)
    figures = run(passes=PASSES // 5 if chosen.quick else PASSES)
    costs = [one.median for one in figures if one.target == IN_A_LOT_MS]
    print(f"\ncost in a lot, median over the kinds of documents: {statistics.median(costs):.3f} ms (<= {IN_A_LOT_MS})")


def serve_plainly() -> None:
    """The same worker without children, as `read_worker.main` is where there is nothing to confine with."""
    from pipeline.workers import read_worker

    sys.platform = "without children"
    read_worker.main()


if __name__ == "__main__":
    main()
