"""`python -m bench.race`: the race on one core of this machine, tables, then one JSON object as the last line.

bin/race-peers installs the contenders. Exit code 1: two engines of the same scope gave different hits.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import machine
from bench.race import contenders, documents, growth, passes, report
from bench.race.contenders import RACES
from pipeline.adapters.artefacts import Artefacts

QUICK_EVERY = 4


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.race", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="one document in four, fewer tries: about a minute")
    arguments.add_argument("--passes", type=int, default=passes.PASSES_MIN, help=f"at least {passes.PASSES_MIN}")
    arguments.add_argument(
        "--peers", type=Path, default=contenders.peers_folder(), help="where bin/race-peers installed"
    )
    arguments.add_argument("--largest-kb", type=int, help="leave out larger documents: those with attachments")
    arguments.add_argument("--without", default="", help="keys of contenders to leave out, with commas")
    arguments.add_argument("--only", default="", help="one race: facturx_full, en16931_ubl or lines")
    chosen = arguments.parse_args()
    if chosen.passes < passes.PASSES_MIN:
        arguments.error(f"--passes {chosen.passes}: a median needs {passes.PASSES_MIN}")
    if chosen.only not in {"", "lines", *(race.key for race in RACES)}:
        arguments.error(f"no race is named {chosen.only}")
    began, load = time.monotonic(), os.getloadavg()[0]
    core = max(os.sched_getaffinity(0))
    print("\n".join((machine.description(), *_packs())), flush=True)
    outcomes = []
    for race in RACES:
        if chosen.only in {"", race.key}:
            with TemporaryDirectory(prefix="chorus-edi-race-") as scratch:
                outcomes.append(_race(race, chosen, core, Path(scratch)))
            print(report.tables(outcomes[-1]), flush=True)
    grown = growth.hold(core, _tell, is_quick=chosen.quick) if chosen.only in {"", "lines"} else []
    if grown:
        print(report.growth_table(grown), flush=True)
    seconds = time.monotonic() - began
    print(f"\n{seconds:.0f} s; load {machine.load()}")
    told = report.figures(outcomes, grown) | {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_quick": chosen.quick,
        "largest_kb": chosen.largest_kb,
        "passes": chosen.passes,
        "cores": machine.cores(),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "is_loaded": max(load, os.getloadavg()[0]) > machine.cores(),
        "seconds": round(seconds),
    }
    print(json.dumps(told, ensure_ascii=False))
    return int(any(outcome.differences for outcome in outcomes) or any(one.differences for one in grown))


def _race(race: contenders.Race, chosen: argparse.Namespace, core: int, scratch: Path) -> passes.Outcome:
    without = set(chosen.without.split(","))
    field = [one for one in contenders.field_of(race, chosen.peers, scratch) if one.key not in without]
    bytes_max = chosen.largest_kb * 1000 if chosen.largest_kb else None
    corpus = documents.corpus(race.schemas, QUICK_EVERY if chosen.quick else 1, bytes_max)
    return passes.hold(race, field, corpus, chosen.passes, core, _tell)


def _packs() -> Iterator[str]:
    artefacts = Artefacts()
    for pack in dict.fromkeys(pack for race in (*RACES, *contenders.GROWTH.values()) for pack in race.packs):
        files = artefacts.pack(pack).files
        yield f"{pack:<16}{', '.join(f'{Path(name).name} {artefacts.digest(name)[:12]}' for name in files)}"


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
