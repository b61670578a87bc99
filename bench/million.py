"""One million invoices, from the drop folders to the answers, on two cores: `make bench-million`.

    python -m bench.million [--invoices N] [--keep]

Eight partners drop archives of up to 500 invoices each, ten in a hundred Factur-X PDFs, the others half UBL half CII,
no two invoices of the same number; two in a hundred are refused. The flows are made before the clock starts, and their
cost is told apart. While the shell runs, the bench plays those who fetch: what lies in an `out/` is counted and
removed, so that an answer takes disk once, in the store. Then everything is compared with what went in, and `verify`
reads the whole ledger and store. The last line is JSON.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from sqlalchemy import func, select

from bench import floor, machine, shell
from bench.beside import Beside
from bench.figures import Check, Figure, print_checks, print_figures
from bench.machine import pinned
from bench.processes import PARENT, READER, SAXON
from bench.reference import RIGHTS, VAR, directory, partners
from bench.shell import CORES, Done
from fixtures import batch
from pipeline import runner
from pipeline.adapters.ledger import tables as t
from pipeline.runner import Partner
from pipeline.running.answer import LIFECYCLE, PIVOT, REPORT
from pipeline.settings import load

INVOICES = 1_000_000
PER_FLOW = 500
DROPPERS = tuple(f"MIL{rank:03d}" for rank in range(1, 9))
WALL_S = 1800.0
WORKER_MB = 150.0
UNIT = b"<CPPFacturePivotUnitaire "
STORED_BYTES = 25_000  # of an invoice in the store, with some room: its pivot, which holds the document, and its flow
_UBL, _CII, _PDF = batch.BATCHES
_TURN = (_UBL, _CII, _PDF, *(_UBL, _CII) * 4, _PDF, *(_UBL, _CII) * 4)  # twenty flows: nine, nine, two


@dataclass(frozen=True)
class Flow:
    """One archive to make. No two have the same rank, whoever drops them: it stands in the numbers of the invoices."""

    rank: int
    count: int

    @property
    def kind(self) -> batch.Batch:
        return _TURN[(self.rank - 1) % len(_TURN)]

    @property
    def partner(self) -> str:
        return DROPPERS[(self.rank - 1) % len(DROPPERS)]

    @property
    def refused(self) -> int:
        return self.count // batch.REFUSED_EVERY


def flows(invoices: int, per_flow: int = PER_FLOW) -> tuple[Flow, ...]:
    """As many flows as it takes; the last one holds what is left."""
    counts = [per_flow] * (invoices // per_flow) + [invoices % per_flow] * (invoices % per_flow > 0)
    return tuple(Flow(rank, count) for rank, count in enumerate(counts, start=1))


def make(flow: Flow, home: Path) -> Path:
    """Write a flow as an upload that is not finished."""
    name = batch.flow_name(flow.kind.code, flow.rank, flow.partner)
    path = home / "drop" / flow.partner / "in" / f"{name}.part"
    path.write_bytes(batch.archive(batch.invoices(flow.kind, flow.rank, flow.count, flow.partner)))
    return path


def make_all(planned: Sequence[Flow], home: Path) -> list[Path]:
    """Make the flows on all cores; the receiver sees none of them yet."""
    began = time.monotonic()
    made: list[Path] = []
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        for path in pool.map(make, planned, [home] * len(planned)):
            made.append(path)
            if len(made) % 100 == 0:
                print(f"{time.monotonic() - began:8.0f} s  {len(made)} of {len(planned)} flows made", file=sys.stderr)
    return made


def prepare(home: Path, droppers: Sequence[str] = DROPPERS) -> None:
    """An empty home: directory, those who drop, those who receive."""
    if home.exists():
        shutil.rmtree(home)
    with runner.open_home(home, load(home, ours=shell.OURS)) as opened:
        runner.import_directory(opened, directory())
        for code in droppers:
            runner.add_partner(opened, Partner(code, f"Opérateur {code[3:]}", rights=RIGHTS))
        for partner in partners()[1:]:
            runner.add_partner(opened, partner)
        for code in droppers:
            opened.folder(code).make()


@dataclass
class Fetching(Beside):
    """Plays every partner, until the `with` ends: what has its name in an `out/` is counted by kind and removed."""

    every_s = 0.5
    home: Path
    files: Counter[str] = field(default_factory=Counter)
    size_bytes: int = 0

    def look(self) -> None:
        self.fetch()

    def end(self) -> None:
        self.fetch()

    def fetch(self) -> None:
        for folder in (*self.home.glob("drop/*/out"), *self.home.glob("recipients/*/out")):
            for path in folder.iterdir():
                if not path.name.startswith("."):
                    self.files[path.name.partition("_")[0]] += 1
                    self.size_bytes += path.stat().st_size
                    path.unlink()


@dataclass(frozen=True)
class Verified:
    """What `verify` said of the home, in a process of its own."""

    lines: int
    broken: list[str]
    seconds: float
    peak_mb: float


def verified(home: Path) -> Verified:
    command = [sys.executable, "-m", "bench.million", "--verify", str(home)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Verified(**json.loads(done.stdout))


def verify(home: Path) -> dict[str, object]:
    began = time.monotonic()
    with runner.open_home(home, load(home, ours=shell.OURS), create=False) as opened:
        lines = runner.verify(opened)
    return {
        "lines": len(lines), "broken": [line.name for line in lines if not line.ok],
        "seconds": time.monotonic() - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }  # fmt: skip


@dataclass(frozen=True)
class Left:
    """What the run left in ledger and store."""

    invoices: dict[str, int]  # by outcome
    numbers: int  # claimed
    sent: dict[str, int]  # by kind
    units: int  # invoices in the pivots of the store
    engines: dict[str, str]  # official pack -> engine
    ledger_bytes: int
    store_bytes: int


def left_in(home: Path) -> Left:
    """Count it, pivot by pivot."""
    with runner.open_home(home, load(home, ours=shell.OURS), create=False) as opened, opened.ledger.reading() as db:
        outcomes = select(t.invoices.c.outcome, func.count()).group_by(t.invoices.c.outcome)
        sent = select(t.outbox.c.kind, func.count()).where(t.outbox.c.state == "sent").group_by(t.outbox.c.kind)
        pivots = select(t.outbox.c.owner, t.outbox.c.sha256).where(t.outbox.c.kind == PIVOT)
        units = sum(opened.store.fetch(*row).read_bytes().count(UNIT) for row in db.execute(pivots).all())
        ran = [json.loads(packs) for packs in db.execute(select(t.verdicts.c.packs).distinct()).scalars()]
        return Left(
            dict(db.execute(outcomes).all()),
            int(db.execute(select(func.count()).select_from(t.number_claims)).scalar_one()),
            dict(db.execute(sent).all()),
            units,
            {pack["name"]: pack["engine"] for packs in ran for pack in packs},
            sum(path.stat().st_size for path in home.glob("ledger.sqlite*")),
            sum(path.stat().st_size for path in (home / "store").glob("*/*")),
        )


def room_for(invoices: int, folder: Path) -> None:
    """Say so before anything is written, if the disk is too small."""
    needed, free = invoices * STORED_BYTES, shutil.disk_usage(folder).free
    if needed > free:
        raise SystemExit(f"{invoices} invoices take about {needed / 1e9:.0f} GB, and {free / 1e9:.0f} GB are free")


def run(invoices: int, home: Path, *, per_flow: int = PER_FLOW, keep: bool = False) -> dict[str, object]:
    """Make, drop, run, count, verify; prints the tables and gives the line of JSON."""
    home.parent.mkdir(parents=True, exist_ok=True)
    prepare(home)
    room_for(invoices, home)
    planned = flows(invoices, per_flow)
    began = time.monotonic()
    waiting = make_all(planned, home)
    drop_s, dropped_bytes = time.monotonic() - began, sum(path.stat().st_size for path in waiting)
    floor_ms = floor.per_invoice_ms(waiting[:: max(1, len(waiting) // 40)])
    with Fetching(home) as fetched:
        done = shell.run(home, waiting, progress=True)
    left, verdict = left_in(home), verified(home)
    figures = list(_figures(invoices, done, floor_ms, left, verdict))
    print_figures(f"{invoices} invoices in {len(planned)} archives, {CORES} cores, a cold process, one run", figures)
    checks = list(_checks(planned, done, left, fetched, verdict))
    print_checks("What came out, against what went in", checks)
    measured: list[Figure | Check] = [*figures, *checks]
    if not keep:
        shutil.rmtree(home)
    return {
        "invoices": invoices, "flows": len(planned), "drop_s": round(drop_s, 1), "dropped_bytes": dropped_bytes,
        "wall_s": round(done.wall_s, 2), "invoices_per_s": round(invoices / done.wall_s),
        "cpu_s": round(done.cpu_s, 1), "cpu_ms_per_invoice": round(done.cpu_s * 1000 / invoices, 3),
        "floor_ms_per_invoice": round(floor_ms, 4), "stages_s": {k: round(v, 1) for k, v in done.stages.items()},
        "worker_mb": round(done.peak_mb(READER)), "parent_mb": round(done.peak_mb(PARENT)),
        "saxon_mb": round(done.peak_mb(SAXON)), "largest_process_mb": round(_largest_mb(done)),
        "ledger_bytes": left.ledger_bytes, "store_bytes": left.store_bytes, "fetched_bytes": fetched.size_bytes,
        "engines": left.engines, "verify_s": round(verdict.seconds, 1), "verify_mb": round(verdict.peak_mb),
        "invariants": verdict.lines, "broken": verdict.broken,
        "missed": [one.name for one in measured if one.is_missed],
    }  # fmt: skip


def _largest_mb(done: Done) -> float:
    return max(done.peak_mb(kind) for kind in (READER, PARENT, SAXON))


def _figures(invoices: int, done: Done, floor_ms: float, left: Left, verdict: Verified) -> Iterator[Figure]:
    yield Figure("wall, drop to reports", [done.wall_s], "s", WALL_S if invoices == INVOICES else None)
    yield Figure("floor: parse and XSD of these documents", [floor_ms * invoices / 1000 / CORES], "s",
                 note=f"{floor_ms:.3f} ms per invoice, on {CORES} cores")  # fmt: skip
    yield Figure("invoices per second", [invoices / done.wall_s], "/s", digits=0)
    yield Figure("processor time", [done.cpu_s], "s", note=f"{done.cpu_s * 1000 / invoices:.2f} ms per invoice")
    yield Figure("cores busy", [done.cpu_s / done.wall_s], f"of {CORES}")
    for kind, found in sorted(done.watch.by_kind().items()):
        yield Figure(f"processor time, {kind}", [cpu for _, cpu in found], "s", note=f"{len(found)} of them")
    yield Figure("peak memory, a read worker", [done.peak_mb(READER)], "MB", WORKER_MB, digits=0)
    yield Figure("peak memory, the largest process", [_largest_mb(done)], "MB", digits=0)
    yield Figure("ledger", [left.ledger_bytes / 1e6], "MB", digits=0)
    yield Figure("store", [left.store_bytes / 1e6], "MB", digits=0)
    yield Figure("verify", [verdict.seconds], "s", note=f"peak memory {verdict.peak_mb:.0f} MB")


def _checks(planned: Sequence[Flow], done: Done, left: Left, fetched: Fetching, verdict: Verified) -> Iterator[Check]:
    refused = sum(flow.refused for flow in planned)
    integrated = sum(flow.count for flow in planned) - refused
    yield _equal("flows answered", sum(done.flows.values()), len(planned))
    yield _equal("invoices integrated", left.invoices.get("integrated", 0), integrated)
    yield _equal("invoices refused", left.invoices.get("refused", 0), refused)
    yield Check("why refused", ", ".join(f"{rule} {n}" for rule, n in sorted(done.refusals.items())),
                sum(done.refusals.values()) == refused, f"{refused} in all, one reason each")  # fmt: skip
    yield _equal("numbers claimed", left.numbers, integrated)
    yield _equal("invoices in pivots", left.units, integrated)
    for kind, expected in ((REPORT, len(planned)), (LIFECYCLE, len(planned)), (PIVOT, left.sent.get(PIVOT, 0))):
        yield _equal(f"files {kind} sent", left.sent.get(kind, 0), expected)
        yield _equal(f"files {kind} fetched", _fetched(fetched, kind), expected)
    yield Check("faults", "; ".join(done.faults[:3])[:200] or "none", not done.faults, "none")
    yield Check("verify", f"{verdict.lines - len(verdict.broken)} of {verdict.lines} hold", not verdict.broken,
                ", ".join(verdict.broken))  # fmt: skip


def _fetched(fetched: Fetching, kind: str) -> int:
    return sum(count for name, count in fetched.files.items() if name.startswith(kind))


def _equal(name: str, found: int, expected: int) -> Check:
    return Check(name, str(found), found == expected, str(expected))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__)
    arguments.add_argument("--invoices", type=int, default=INVOICES)
    arguments.add_argument("--home", type=Path, default=VAR / "million", help="made again, and removed at the end")
    arguments.add_argument("--keep", action="store_true", help="leave the home there")
    arguments.add_argument("--verify", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.verify is not None:
        print(json.dumps(verify(chosen.verify)))
        return
    print(machine.description(), flush=True)
    with pinned(CORES):
        told = run(chosen.invoices, chosen.home.resolve(), keep=chosen.keep)
    print(f"\nload {machine.load()}")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
