"""The stateful property test of the ledger, far longer than the tests run it: stories of fifty steps, by their seed."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from bench.crash.part import Part, Unavailable
from bench.crash.subject import RED, Outcome, Problem

STORIES, EACH, STEPS = 2_000, 40, 50
ON_SERVER = 5  # of a hundred: on PostgreSQL


class Stories(Part):
    """So many stories a step; one in twenty on PostgreSQL, where it can be started."""

    name, about = "stories", f"{STORIES} random stories of {STEPS} steps of the whole ledger against a model"
    stories = STORIES

    def open(self) -> None:
        try:
            from property import ledger_machine
        except ImportError as error:
            raise Unavailable(f"{error.name} is not installed") from error
        self.machine = ledger_machine
        self.server: Any = None
        try:
            from services.postgres import NoServer, PostgresServer

            self.server = self._open.enter_context(PostgresServer.started())
        except (ImportError, NoServer):
            return

    def steps(self) -> Iterator[str]:
        for rank in range(self.stories // EACH):
            on_server = self.server is not None and rank % (100 // ON_SERVER) == 0
            yield f"{'postgresql' if on_server else 'sqlite'}:{rank}"

    def take(self, key: str) -> Outcome:
        engine, _, rank = key.partition(":")
        outcome = Outcome(True, Counter(stories=EACH))
        server = self.server if engine == "postgresql" else None
        try:
            self.machine.run(EACH, STEPS, seed=int(rank), server=server)
        except Exception as error:
            notes = "; ".join(getattr(error, "__notes__", []))
            outcome.problems.append(Problem(RED, f"{type(error).__name__}: {error} {notes}"[:4000]))
        return outcome
