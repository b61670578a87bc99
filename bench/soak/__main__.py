"""Load: so many small flows a second on two cores, then a backlog, with every promise watched: `python -m bench.soak`.

Partners upload bare invoices into drop folders (nine UBL, nine CII, two Factur-X of twenty; two in a hundred are
refused), and fetch and delete every answer at once; one of them drops a file of just under 8 MB now and then. Several
`chorus-edi run --watch` work on them beside each other. Every second the invariants are asked: of the ledger's rows by
the queries of `verify`, of each file by looking whether it is in `in/`, in `work/` or in the ledger. Twice a second all
processes are weighed. Then a backlog is dropped at once and drained, and at the end `verify` reads everything. It ends
by itself, with tables and a line of JSON; exit 1 where a promise broke.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from bench import machine
from bench.figures import Check, Figure, print_checks, print_figures
from bench.machine import pinned
from bench.million import prepare, verified
from bench.reference import VAR
from bench.shell import CORES
from bench.soak import memory, reckoning, steps
from bench.soak.asking import Asking
from bench.soak.flows import HEAVY, TURN, Flow, codes, make_all
from bench.soak.memory import KINDS, Memory
from bench.soak.partners import Dropped, Fetcher
from bench.soak.reckoning import Phase
from bench.soak.workers import Workers, settings
from pipeline.adapters.ledger import tables as t
from pipeline.running.home import open_ledger
from pipeline.settings import load

SECONDS, RATE, BACKLOG, PARTNERS, WORKERS = 300.0, 50.0, 10_000, 5, 2
HEAVY_EVERY_S = 20.0
SAID_S = 10.0
READY_S = 300.0  # the first process compiles the rules
BEHIND_S = 120.0  # after the last drop of a phase nobody waits longer than this ...
SLOWEST = 15.0  # ... and of a backlog as long as so many flows a second take
GAP_S = 5.0


class Soak:
    """Everything at work, and how far it is."""

    def __init__(
        self, workers: Workers, dropped: Dropped, fetched: Fetcher, asked: Asking, held: Memory
    ) -> None:  # fmt: skip
        self.workers, self.dropped, self.fetched, self.asked, self.held = workers, dropped, fetched, asked, held
        self.began = self.said = time.monotonic()
        self.heard = 0

    @property
    def waiting(self) -> int:
        return len(self.dropped.flows) - len(self.fetched.reported)

    def say(self, *, now: bool = False) -> None:
        """How it goes, now and then."""
        if not now and time.monotonic() - self.said < SAID_S:
            return
        self.said = time.monotonic()
        late = list(self.fetched.reported.copy().items())[self.heard :]  # a copy is one step: the fetcher goes on
        self.heard += len(late)
        waits = sorted(at - self.dropped.at[report] for report, at in late if report in self.dropped.at)
        kinds = {kind: max((s.held_mb for s in self.held.samples[-40:] if s.kind == kind), default=0) for kind in KINDS}
        print(
            f"{self.said - self.began:7.0f} s  dropped {len(self.dropped.flows)}, waiting {self.waiting}; answered "
            f"{len(waits)}: p50 {reckoning.share(waits, 0.5):.1f} s, max {waits[-1] if waits else 0:.1f} s; "
            f"{', '.join(f'{kind} {mb:.0f}' for kind, mb in kinds.items() if mb)} MB; "
            f"asked {len(self.asked.looks)} times, {len(self.asked.broken)} broken",
            flush=True,
        )

    def settle(self, seconds: float) -> bool:
        """Wait until all is answered, no longer than so many seconds; whether it is."""
        until = time.monotonic() + seconds
        while self.waiting and time.monotonic() < until and not self.workers.dead():
            time.sleep(0.05)
            self.say()
        return not self.waiting

    @contextmanager
    def phase(self, name: str, flows: Sequence[Flow], patience_s: float) -> Iterator[Phase]:
        """Drop inside the `with`; then wait for the answers."""
        phase = Phase(name, flows, began=time.time(), began_at=time.monotonic())
        before = self.held.cpu_by_kind()
        yield phase
        phase.over, phase.over_at = time.time(), time.monotonic()
        self.settle(patience_s)
        phase.done_at = time.monotonic()
        phase.cpu_s = {kind: spent - before.get(kind, 0.0) for kind, spent in self.held.cpu_by_kind().items()}
        self.say(now=True)


def run(chosen: argparse.Namespace) -> dict[str, object]:
    """All of it; prints the tables and gives the line of JSON."""
    home: Path = chosen.home.resolve()
    partners = codes(chosen.partners)
    waiting = home.with_name(f"{home.name}-waiting")
    prepare(home, (*partners, HEAVY))
    settings(home, chosen.workers, CORES)
    shutil.rmtree(waiting, ignore_errors=True)
    paced = round(chosen.seconds * chosen.rate)
    heavies = round(chosen.seconds / chosen.heavy_every) if chosen.heavy_every else 0
    small, heavy = make_all(len(TURN) + paced + chosen.backlog, heavies, partners, waiting)
    first, steady, backlog = small[: len(TURN)], small[len(TURN) :][:paced], small[len(TURN) + paced :]
    flows = [*small, *heavy]
    dropped = Dropped(home)
    with (
        Fetcher(home, {flow.report: flow for flow in flows}) as fetched,
        Workers(home, chosen.workers, chosen.steps) as workers,
        Memory(workers.pids) as held,
        Asking(home, dropped.flows) as asked,
    ):
        soak = Soak(workers, dropped, fetched, asked, held)
        with soak.phase("first", first, READY_S):
            for flow in first:
                dropped.drop(flow)
        phases = [_steady(soak, steady, heavy, chosen.rate), _backlog(soak, backlog)]
        time.sleep(2 * memory.EVERY_S)  # what is held when all is done
    sent, verdict = _sent(home), verified(home)
    shutil.rmtree(waiting, ignore_errors=True)
    return told(chosen, flows, phases, soak, sent, verdict)


def _steady(soak: Soak, flows: Sequence[Flow], heavy: Sequence[Flow], rate: float) -> Phase:
    """So many a second; the heavy ones spread among them."""
    every = len(flows) / (len(heavy) + 1)
    with soak.phase("steady", [*flows, *heavy], BEHIND_S) as phase:
        left = list(heavy)
        for rank, _ in enumerate(soak.dropped.paced(flows, rate), 1):
            if left and rank >= every * (len(heavy) - len(left) + 1):
                soak.dropped.drop(left.pop(0))
            soak.say()
            if soak.workers.dead():
                break
    return phase


def _backlog(soak: Soak, flows: Sequence[Flow]) -> Phase:
    with soak.phase("backlog", flows, BEHIND_S + len(flows) / SLOWEST) as phase:
        for flow in flows:
            soak.dropped.drop(flow)
            soak.say()
    return phase


def _sent(home: Path) -> dict[tuple[str, str], str]:
    """What the outbox says was sent: (place, name) -> SHA-256."""
    ledger = open_ledger(home, load(home))
    try:
        with ledger.reading() as db:
            query = select(t.outbox.c.place, t.outbox.c.name, t.outbox.c.sha256).where(t.outbox.c.state == "sent")
            return {(row.place, row.name): row.sha256 for row in db.execute(query)}
    finally:
        ledger.close()


def told(
    chosen: argparse.Namespace, flows: Sequence[Flow], phases: Sequence[Phase], soak: Soak,
    sent: dict[tuple[str, str], str], verdict: reckoning.Verified,
) -> dict[str, object]:  # fmt: skip
    """Print the tables; the line of JSON."""
    steady, backlog = phases
    dropped, reported, samples = soak.dropped.at, soak.fetched.reported, soak.held.samples
    fetched = {key: answer.sha256 for key, answer in soak.fetched.files.items()}
    asked, late_s = soak.asked, soak.dropped.late_s
    checks: list[Check] = [
        Check("the bench kept its pace", f"{late_s:.1f} s late", late_s < GAP_S, f"< {GAP_S:g} s"),
        *reckoning.answer_checks(
            soak.dropped.flows, reported, soak.fetched.units, soak.fetched.problems,
            reckoning.differences(fetched, sent),
        ),
        *reckoning.asked_checks(len(asked.looks), asked.lines, asked.gap_s, asked.broken, GAP_S),
        Check("every look could be had", str(asked.failed or "yes"), asked.failed is None, "yes"),
        *reckoning.end_checks(verdict, [*soak.workers.troubles, *soak.workers.said()]),
    ]  # fmt: skip
    parts: list[tuple[str, list[Figure | Check]]] = [
        (
            f"{chosen.rate:g} small flows a second for {steady.seconds:.0f} s: "
            f"{chosen.workers} x chorus-edi run --watch, {chosen.partners} partners, {CORES} cores",
            list(reckoning.steady_figures(steady, chosen.rate, dropped, reported)),
        ),
        (f"A backlog of {len(backlog.flows)} flows", list(reckoning.backlog_figures(backlog, dropped, reported))),
        ("Memory", list(reckoning.memory_figures(samples, steady))),
    ]
    measured: list[Figure | Check] = list(checks)
    for title, some in parts:
        measured += some
        print_figures(title, [one for one in some if isinstance(one, Figure)])
        checks[:0] = [one for one in some if isinstance(one, Check)]
    if chosen.steps:
        print_figures("Where the time of the workers goes", steps.figures(soak.workers.events()))
    print_checks("What came out, against what went in and what was promised", checks)
    look_s = sorted(look.seconds for look in asked.looks)
    return {
        "seconds": round(steady.seconds, 1), "rate": chosen.rate, "flows": len(flows), "workers": chosen.workers,
        "answered_per_s": round(steady.per_second(reported), 2),
        "steady_s": _waits(steady.waits(dropped, reported)),
        "heavy_s": _waits(steady.waits(dropped, reported, heavy=True)),
        "backlog": len(backlog.flows), "drained_s": round(backlog.done_at - backlog.began_at, 1),
        "backlog_s": _waits(backlog.waits(dropped, reported)),
        "peak_mb": {k: round(max(s.peak_mb for s in samples if s.kind == k)) for k in KINDS if _has(samples, k)},
        "growth_mb_per_minute": {k: round(h.per_minute_mb, 2) for k in KINDS if (h := steady.held(samples, k))},
        "together_mb": round(memory.together_mb(samples)),
        "cpu_ms_per_flow": round(sum(steady.cpu_s.values()) * 1000 / max(len(steady.flows), 1), 2),
        "looks": len(asked.looks), "look_p95_s": round(reckoning.share(look_s, 0.95), 2),
        "gap_s": round(asked.gap_s, 2),
        "broken": asked.broken, "invariants": verdict.lines, "verify_broken": verdict.broken,
        "missed": [one.name for one in measured if one.is_missed],
    }  # fmt: skip


def _has(samples: Sequence[memory.Sample], kind: str) -> bool:
    return any(one.kind == kind for one in samples)


def _waits(waits: Sequence[float]) -> dict[str, float]:
    parts: dict[str, Callable[[], float]] = {
        "p50": lambda: reckoning.share(waits, 0.5), "p95": lambda: reckoning.share(waits, 0.95),
        "max": lambda: waits[-1] if waits else 0.0,
    }  # fmt: skip
    return {name: round(value(), 2) for name, value in parts.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the steady rate")
    parser.add_argument("--rate", type=float, default=RATE, help="small flows a second")
    parser.add_argument("--backlog", type=int, default=BACKLOG, help="small flows dropped at once after that")
    parser.add_argument("--partners", type=int, default=PARTNERS, help="who drop them in turn")
    parser.add_argument("--workers", type=int, default=WORKERS, help="processes beside each other")
    parser.add_argument("--heavy-every", type=float, default=HEAVY_EVERY_S, help="seconds; 0: no file of 8 MB")
    parser.add_argument("--steps", action="store_true", help="the workers write their log: where their time goes")
    parser.add_argument("--home", type=Path, default=VAR / "soak", help="made again, and left there")
    chosen = parser.parse_args()
    VAR.mkdir(parents=True, exist_ok=True)
    print(machine.description(), flush=True)
    with pinned(CORES):
        told_ = run(chosen)
    print(f"\nload {machine.load()}")
    print(json.dumps(told_))
    return 1 if told_["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
