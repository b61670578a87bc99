"""From the rename of a flow to its report in the partner's hands: real sshd, PostgreSQL, S3, `chorus-edi airflow up`.

    python -m bench.latency [--quick]

Partners drop and fetch with the OpenSSH client; nobody tells Airflow that something is there. Then one partner drops
50,000 invoices, and another one, again and again while they drain, a single one. Needs root (a chroot for each partner)
and the servers of the tests. The stages are those that Airflow wrote down, read from its database.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench import machine
from bench.figures import Check, Figure, print_checks, print_figures

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the servers are those of the tests

if TYPE_CHECKING:
    from slow.airflow_stack import Stack

DROPS, FLOWS, PER_FLOW = 20, 100, 500
READY_S, REPORT_S, FAIR_S = 20.0, 15.0, 60.0
PAUSE_S = (0.5, 6.0)  # between two drops
EACH_S = 15.0  # between two drops of the small partner while the big one drains
DRAINED_S = 3600
STAGES = (  # (what, from, to): moments of one drop, see `_moments`
    ("rename to event (watcher, triggerer)", "rename", "event"),
    ("event to task `receive` (scheduler)", "event", "receive.start"),
    ("task `receive`", "receive.start", "receive.end"),
    ("to task `plan`", "receive.end", "plan.start"),
    ("task `plan`", "plan.start", "plan.end"),
    ("to task `judge`", "plan.end", "judge.start"),
    ("`judge` to the report fetched", "judge.start", "fetched"),
)
EVENT = (
    "SELECT min(e.timestamp) FROM asset_event e JOIN asset a ON a.id = e.asset_id "
    "WHERE a.name = 'edi_drop' AND e.timestamp > "
)
FIRST_RUNS = "SELECT 1 FROM dag_run WHERE state IN ('queued', 'running') AND dag_id <> 'edi_retention'"  # that one asks


def run(drops: int = DROPS, flows: int = FLOWS) -> list[Figure | Check]:
    """Start everything, drop, measure; prints what it found."""
    from slow.airflow_stack import BIG, SMALL, running

    random.seed(1)
    with tempfile.TemporaryDirectory() as folder, running((BIG, SMALL)) as stack:
        starts = [stack.up_s]
        _quiet(stack)
        measured: list[Figure | Check] = list(_latency(stack, Path(folder), drops))
        measured += _fairness(stack, Path(folder), flows)
        broken = stack.broken()
        stack.command("airflow", "down")
        stack.up()
        starts.append(stack.up_s)
        started = [
            Figure("`airflow up`, new home, migration included", starts[:1], "s", READY_S, digits=1),
            Figure("`airflow up` again", starts[1:], "s", READY_S, digits=1),
        ]
        print_figures("Airflow on loopback, PostgreSQL", started)
        checks = [Check("verify", ", ".join(broken) or "every line holds", not broken)]
        print_checks("What the ledger says", checks)
    return [*started, *measured, *checks]


def _quiet(stack: "Stack") -> None:
    """The runs that are due at a first start are over."""
    stack.wait(lambda: not stack.metadata(FIRST_RUNS), 180, "the first runs do not end")


def _latency(stack: "Stack", folder: Path, drops: int) -> list[Figure]:
    """One drop after another; every second one claims EN 16931, so that the official rules run."""
    from slow.airflow_stack import SMALL, Issuer, flow

    took: dict[bool, list[float]] = {True: [], False: []}
    stages: dict[str, list[float]] = {name: [] for name, _, _ in STAGES}
    with Issuer(stack.sshd, SMALL) as issuer:
        for sequence in range(2001, 2001 + drops):
            claims = sequence % 2 == 0
            path = flow(folder, SMALL, sequence, claims=claims)
            issuer.upload(path)
            clock = datetime.now(UTC)
            _, seconds = issuer.await_report(folder, issuer.rename(path.name), 300)
            took[claims].append(seconds)
            moments = _moments(stack, clock) | {"rename": 0.0, "fetched": seconds}
            for name, start, end in STAGES:
                if start in moments and end in moments:
                    stages[name].append(moments[end] - moments[start])
            time.sleep(random.uniform(*PAUSE_S))
    every = [*took[True], *took[False]]
    figures = [
        Figure("rename to report", every, "s", REPORT_S, note=f"{len(every)} drops", digits=1),
        Figure("... one that claims nothing", took[False], "s", digits=1),
        Figure("... one that claims EN 16931", took[True], "s", digits=1),
    ]
    print_figures("One invoice by SFTP, LocalExecutor", figures)
    print_figures("Where the time goes", [Figure(name, values, "s") for name, values in stages.items() if values])
    return figures


def _moments(stack: "Stack", since: datetime) -> dict[str, float]:
    """Seconds from a moment to what Airflow wrote down after it, the first of each kind."""
    queries = {"event": EVENT} | {
        f"{task}.{moment}": f"SELECT min({moment}_date) FROM task_instance WHERE task_id = '{task}' AND start_date > "
        for task in ("receive", "plan", "judge")
        for moment in ("start", "end")
    }
    moments = {name: stack.metadata(f"{query}'{since.isoformat()}'")[0][0] for name, query in queries.items()}
    return {name: (at - since).total_seconds() for name, at in moments.items() if at is not None}


def _fairness(stack: "Stack", folder: Path, flows: int) -> list[Figure | Check]:
    """A big partner drops everything at once; a small one drops single invoices until that is drained."""
    from slow.airflow_stack import BIG, SMALL, Issuer, flow

    big = [flow(folder / "big", BIG, sequence, PER_FLOW) for sequence in range(1, flows + 1)]
    before, small = stack.answered(), 0
    answers: list[float] = []
    with Issuer(stack.sshd, BIG) as first, Issuer(stack.sshd, SMALL) as second:
        second.fetched.update(dict.fromkeys(second.reports(), 0.0))
        for path in big:
            first.upload(path)
        began = time.monotonic()
        for path in big:
            first.rename(path.name)
        stack.wait(lambda: bool(stack.open_lots()), 300, "nobody judges the big partner's flows")
        while stack.answered() < before + flows + small and time.monotonic() - began < DRAINED_S:
            small += 1
            path = flow(folder, SMALL, 3000 + small, claims=small % 2 == 0)
            _, seconds = second.await_report(folder, second.drop(path), 600)
            if stack.answered() < before + flows + small:  # the others are still at it
                answers.append(seconds)
            time.sleep(EACH_S * random.random())
        drained = time.monotonic() - began
    figures: list[Figure | Check] = [
        Figure(f"one invoice, while {flows * PER_FLOW} of another partner drain", answers, "s", FAIR_S,
               note=f"{len(answers)} drops", digits=1),
        Figure("... the worst of them", [max(answers, default=0.0)], "s", FAIR_S, digits=1),
        Figure("all of the big partner answered", [drained], "s", note=f"{flows * PER_FLOW / drained:.0f} invoices/s",
               digits=0),
    ]  # fmt: skip
    print_figures("Fairness", [figure for figure in figures if isinstance(figure, Figure)])
    return figures


def main(given: Sequence[str] | None = None) -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a quarter of the drops, 5,000 invoices")
    chosen = arguments.parse_args(given)
    print(machine.description(), flush=True)
    measured = run(DROPS // 4, FLOWS // 10) if chosen.quick else run()
    missed = [one.name for one in measured if one.is_missed]
    print(f"\nload {machine.load()}. Missed: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
