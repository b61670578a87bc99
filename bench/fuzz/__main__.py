"""`python -m bench.fuzz`: mutants of valid flows; every accepted one is checked again. Exits 1 where one is wrong."""

import argparse
import os
import sys
from pathlib import Path

from bench.fuzz.campaign import BATCH, Campaign
from bench.fuzz.state import State

VAR = Path("var/fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000, help="in all: a run that goes on counts on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--state", type=Path, default=VAR / "state.json", help="what is done; the same file goes on")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="what is left goes on next time")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--wrong", type=Path, default=VAR / "wrong", help="where wrong mutants are written")
    parser.add_argument("--report", action="store_true", help="only the table")
    chosen = parser.parse_args()
    state = State.opened(chosen.state, chosen.seed, BATCH)
    if not chosen.report:
        os.nice(5)
        Campaign(state, chosen.jobs, chosen.wrong, _note).run(chosen.mutants, chosen.minutes * 60)
    print(state.table())
    for number, family, why in state.wrong:
        print(f"wrong: mutant {number} ({family}): {why}")
    return 1 if state.wrong else 0


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
