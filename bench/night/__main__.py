"""The nightly reconciliation of a home that a bench left: `make bench-night`.

    python -m bench.night HOME [--day JOUR] [--plant]

HOME is best the one that `python -m bench.million --keep` leaves: a million invoices of one day, with its store. One
run in a process of its own, on two cores: wall, processor time and peak memory, step by step, and what it found. With
`--plant` twelve losses are planted in it (the home is spoilt by that) and each must be named once, and nothing else.
The last line is JSON.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from bench import machine, shell
from bench.figures import Check, Figure, print_checks, print_figures
from bench.machine import pinned
from bench.night import losses
from bench.shell import CORES
from pipeline import runner
from pipeline.adapters.ledger import Connection
from pipeline.reconcile.night import Reconciliation
from pipeline.running import night_answers, night_figures, night_folders, night_ledger, night_store, verify
from pipeline.running.home import Home
from pipeline.settings import load

WALL_S, PEAK_MB = 60.0, 1_000.0
_STEPS = (  # what is timed apart: where it lives, its name, what people call it
    (night_folders, "dropped", "drop folders"),
    (night_store, "look", "store and bytes"),
    (night_folders, "out", "out folders"),
    (night_figures, "counted", "figures of the day"),
    (night_answers, "reports", "reports"),
    (night_answers, "pivots", "pivots"),
    (night_figures, "ages", "ages and terms"),
    (night_figures, "rules", "rules"),
    (verify, "of_rows", "invariants of rows"),
    (verify, "inspect", "audit chains"),
)


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@contextmanager
def timed(spent: dict[str, float]) -> Iterator[None]:
    """Processor seconds by step, without touching what is measured: each function is called through another one."""
    before = []

    def wrapped(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return function(*given, **named)
            finally:
                spent[name] = spent.get(name, 0.0) + time.process_time() - began

        return call

    def rows(home: Home, db: Connection, day: str) -> Any:
        """It yields: the time of the differences themselves."""
        began = time.process_time()
        yield from of_rows(home, db, day)
        spent["differences of rows"] = time.process_time() - began

    of_rows = night_ledger.of_rows
    for place, name, said in _STEPS:
        before.append((place, name, getattr(place, name)))
        setattr(place, name, wrapped(getattr(place, name), said))
    night_ledger.of_rows = rows
    try:
        yield
    finally:
        night_ledger.of_rows = of_rows
        for place, name, function in before:
            setattr(place, name, function)


def night(home: Path, day: date | None, **given: Any) -> tuple[Reconciliation, dict[str, Any]]:
    """One night, and what it cost."""
    spent: dict[str, float] = {}
    with runner.open_home(home, load(home, ours=shell.OURS, **given), create=False) as opened, timed(spent):
        with opened.ledger.reading() as db:
            days = [row[0] for row in db.exec_driver_sql("SELECT max(received_day) FROM deposits")]
        began, cpu = time.monotonic(), time.process_time()
        found = runner.reconcile(opened, day or date.fromisoformat(days[0]))
        differences = sum(1 for _ in found.differences)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
    told = {"wall_s": wall, "cpu_s": cpu, "peak_mb": peak_mb(), "differences": differences, "steps": spent}
    return found, told


def plant(home: Path, day: date) -> list[losses.Named]:
    """Twelve losses, in flows that were answered on this day."""
    with runner.open_home(home, load(home, ours=shell.OURS), create=False) as opened:
        with opened.ledger.reading() as db:
            rows = db.exec_driver_sql(
                "SELECT d.partner, d.name FROM deposits d JOIN outbox o ON o.deposit_id = d.id WHERE o.kind = 'CSO' "
                f"AND d.received_day = '{day}' AND d.state IN ('IN_INTEGRE', 'IN_INTEGRE_PARTIEL') "
                f"ORDER BY d.id LIMIT {losses.OF_FLOWS}"
            ).all()
        partner = rows[0][0]
        inbox = opened.folder(partner).inbox

        def drop(name: str, content: bytes) -> None:
            (inbox / name).write_bytes(content)

        return losses.plant(losses.Field(opened, partner, [name for _, name in rows], drop))


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.night", description=__doc__)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("--day", type=date.fromisoformat, help="the youngest day by default")
    arguments.add_argument("--plant", action="store_true", help="plant twelve losses; the home is spoilt by that")
    chosen = arguments.parse_args()
    home = chosen.home.resolve()
    print(machine.description(), flush=True)
    with pinned(CORES):
        found, told = night(home, chosen.day)
        planted: list[losses.Named] = []
        if chosen.plant:
            planted = plant(home, found.day)
            again, _ = night(home, found.day, reconcile={"drop_minutes": 0})
    invoices = found.total.read.invoices
    print_figures(
        f"The night of {found.day}: {invoices} invoices in {found.figures['deposits_received']} flows",
        [
            Figure("wall", [told["wall_s"]], "s", WALL_S if invoices >= 1_000_000 else None),
            Figure("processor time", [told["cpu_s"]], "s"),
            Figure("peak memory", [told["peak_mb"]], "MB", PEAK_MB, digits=0),
            *(Figure(f"  {name}", [seconds], "s") for name, seconds in sorted(told["steps"].items())),
        ],
    )
    for one in found.against:
        print(f"{one.label.en:32} {one.said.en}")
    checks = [
        Check("differences", str(told["differences"]), not told["differences"], "0"),
        Check("red lines", ", ".join(line.name for line in found.lines if not line.ok) or "none",
              all(line.ok for line in found.lines), "none"),
    ]  # fmt: skip
    if planted:
        named = sorted((one.kind, one.flow) for one in again.differences)
        checks.append(Check("planted losses named", f"{len(named)}", named == planted, str(len(planted))))
        for loss in again.differences:
            print(f"  {loss.kind.value:24} {loss.partner}/{loss.flow} {loss.said.en}")
    print_checks("What it found", checks)
    print(f"\nload {machine.load()}")
    print(json.dumps({"day": str(found.day), "invoices": invoices, **told,
                      "missed": [one.name for one in checks if one.is_missed]}))  # fmt: skip
    sys.exit(any(one.is_missed for one in checks))


if __name__ == "__main__":
    main()
