"""kill -9 at random moments: two workers at ten thousand flows of two partners, five hundred kills, each answer fetched
and deleted at once by somebody. The end is that of a home with the same flows that nobody disturbed.

Ten homes of a thousand flows, one a step: what is stopped goes on with the next home.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.crash.consumer import Consumer
from bench.crash.forks import Fork
from bench.crash.jobs import homes
from bench.crash.part import Part
from bench.crash.subject import BUG, RED, Local, Outcome, Problem, compared
from pipeline import runner

SEED = 20261121
HOMES, FLOWS, KILLS, WORKERS = 10, 1_000, 50, 2  # flows and kills of each home
WORK = {"lot_flows_max": 40, "unit_documents": 8}
FIRST_S, MOST_S = 0.1, 0.9  # how long a worker lives
SHORTER, SHORTEST = 0.8, 0.05  # of that, after a worker that found nothing to do
PORTIONS = 20  # the flows come in so many: the kills are spread over all of them
WHOLE_S = 600.0


class Drops(Local):
    """Small flows of two partners, all of the same moment, none a double; they come in portions."""

    def __init__(self, folder: Path, flows: int) -> None:
        super().__init__(folder)
        self.flows = flows
        self.settings = {"readers": 2, "work": WORK}

    def drop(self, home: Path, name: str, content: bytes) -> None:
        """They come later."""

    def furnish(self, home: runner.Home) -> None:
        super().furnish(home)
        runner.add_partner(home, homes.partner(homes.OTHER))

    def bring(self, home: Path, first: int, last: int) -> None:
        """Drop the flows of these ranks."""
        for rank in range(first, last + 1):
            code = homes.PARTNER if rank % 3 else homes.OTHER
            recipient = homes.NEEDS_BOTH if rank % 7 == 0 else homes.PLAIN
            inbox = home / "drop" / code / "in"
            inbox.mkdir(parents=True, exist_ok=True)
            part = inbox / f".{rank}.part"
            part.write_bytes(homes.ubl(f"K-{rank}", recipient=recipient))
            os.utime(part, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
            part.rename(inbox / homes.flow_name(rank, partner=code))


class RandomKills(Part):
    """A home a step: so many kills while so many flows go through it."""

    name, about = (
        "random",
        f"{HOMES * KILLS} kills at random moments, {HOMES * FLOWS} flows, {WORKERS} workers, answers fetched at once",
    )
    homes, flows, kills = HOMES, FLOWS, KILLS
    step_s = 120.0

    def open(self) -> None:
        self.portion = max(self.flows // PORTIONS, 1)
        self.subject = Drops(self.folder(), self.flows)
        self.subject.prepare()
        calm = self.subject.copy()
        self.subject.bring(calm, 1, self.flows)
        self.subject.expected = self._recovered(calm)
        self.subject.forget(calm)
        if self.subject.expected["bug"] or self.subject.expected["faults"] or self.subject.expected["red"]:
            raise RuntimeError(f"undisturbed runs do not end well: {self.subject.expected}")

    def steps(self) -> Iterator[str]:
        for rank in range(1, self.homes + 1):
            yield f"{self.kills}:{self.flows}:{rank}"

    def take(self, key: str) -> Outcome:
        home = self.subject.copy()
        outcome = Outcome(True, Counter(flows=self.flows))
        with Consumer(self.subject.roots(home)) as consumer:
            self._disturb(home, outcome, random.Random(f"{SEED}/{key}"))
            told = self._recovered(home)
            consumer.sweep()
            outcome.recovered_s = told.get("recovered_s", 0.0)
            told["files"] |= consumer.files
            outcome.problems += [*compared(self.subject.expected, told), *consumer.problems]
        if outcome.counts["kills"] < self.kills:
            outcome.problems.append(Problem(RED, f"only {outcome.counts['kills']} kills"))
        self.subject.forget(home)
        return outcome

    def _given(self, home: Path) -> dict[str, Any]:
        return self.subject.given(home, self.forks.reader)

    def _recovered(self, home: Path) -> dict[str, Any]:
        return self.forks.call("recover", WHOLE_S, **self._given(home), **self.subject.look(home))

    def _disturb(self, home: Path, outcome: Outcome, chance: random.Random) -> None:
        """Kill one of the workers at random moments and start another one in its place, until it was enough."""
        shorter = 1.0
        dropped = 0
        workers: list[Fork] = []
        until = time.monotonic() + WHOLE_S
        while (outcome.counts["kills"] < self.kills or dropped < self.flows) and time.monotonic() < until:
            due = min(
                self.flows, self.portion * (1 + outcome.counts["kills"] * self.flows // (self.portion * self.kills))
            )
            if dropped < due:
                self.subject.bring(home, dropped + 1, due)
                dropped = due
            while len(workers) < WORKERS:
                workers.append(self.forks.start("run", **self._given(home)))
            worker = workers.pop(0)
            life_s = chance.uniform(FIRST_S, MOST_S) * shorter
            if not worker.is_done(max(0.0, worker.began + life_s - time.monotonic())):
                worker.kill()
            told = worker.end()
            if told is None:
                outcome.counts["kills"] += 1
                continue
            outcome.counts["faults"] += bool(told["faults"])
            outcome.problems += [Problem(BUG, told["bug"])] if told["bug"] else []
            if told["is_idle"]:  # this machine is faster than the kills
                shorter = max(shorter * SHORTER, SHORTEST)
                self.subject.bring(home, dropped + 1, min(self.flows, dropped + self.portion))
                dropped = min(self.flows, dropped + self.portion)
        for worker in workers:
            worker.kill()
            outcome.counts["kills"] += worker.end() is None
