"""`python -m bench.oracle`: the compiled engine against Saxon, on documents and on mutants; exits 1 on a difference."""

import argparse
import os
import sys
import time
from pathlib import Path

from bench.oracle import cases, report, rules
from bench.oracle.campaign import Campaign, to_stderr
from bench.oracle.state import State

VAR = Path("var/oracle")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.oracle", description=__doc__)
    parser.add_argument("--pack", action="append", choices=rules.packs(), help="one or more; every pack without it")
    parser.add_argument(
        "--mutants", type=int, default=2_000, help="for each pack, in all (a run that goes on counts on)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--installed", action="store_true", help="ask the installed sheet, untouched, instead of the tuned one"
    )
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="of the whole run: what is left goes on next time"
    )
    parser.add_argument("--state", type=Path, default=VAR / "state.json", help="what is done; the same file goes on")
    parser.add_argument("--jobs", type=int, default=1, help="Saxon processes at once")
    parser.add_argument(
        "--cases", type=Path, default=VAR / "differences", help="where minimised differences are written"
    )
    parser.add_argument("--report", action="store_true", help="only the table and the tests not seen both ways")
    chosen = parser.parse_args()
    os.environ["TZ"] = "UTC"
    time.tzset()
    state = State(chosen.state)
    if not chosen.report:
        os.nice(10)
        _run(chosen, state)
    shown = [(key, one) for key, one in state.packs.items() if not chosen.pack or one.pack in chosen.pack]
    print(report.table(shown))
    for key, one in shown:
        for signature, count in sorted(one.differences.items(), key=lambda item: -item[1]):
            print(f"{key}: {count} times {signature}; {one.cases.get(signature, '')}")
    if chosen.report:
        for _, one in shown:
            print(*report.missed(one), sep="\n")
    return 1 if any(one.differing for _, one in shown) else 0


def _run(chosen: argparse.Namespace, state: State) -> None:
    until = time.monotonic() + chosen.minutes * 60
    for pack in chosen.pack or rules.packs():
        left_s = until - time.monotonic()
        if left_s <= 0:
            return
        with Campaign(pack, chosen.seed, state, installed=chosen.installed, jobs=chosen.jobs, cases_in=chosen.cases,
                      note=to_stderr) as campaign:  # fmt: skip
            campaign.run(chosen.mutants, left_s)
        to_stderr(report.table([(pack, campaign.now)]))


if __name__ == "__main__":
    sys.exit(main())


__all__ = ["cases", "main"]
