"""The stateful property tests, far longer than the tests run them, by their seed: of the ledger, of the lifecycle."""

import importlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, ClassVar

from bench.crash.part import Part, Unavailable
from bench.crash.subject import RED, Outcome, Problem

STORIES, EACH, STEPS = 2_000, 40, 50
LIVES, LIVES_EACH, LIFE = 400, 10, 30
ON_SERVER = 5  # of a hundred: on PostgreSQL


class Stories(Part):
    """So many stories a step; one in twenty on PostgreSQL, where it can be started."""

    name, about = "stories", f"{STORIES} random stories of {STEPS} steps of the whole ledger against a model"
    stories, each, length = STORIES, EACH, STEPS
    machine_of: ClassVar[str] = "property.ledger_machine"

    def open(self) -> None:
        try:
            self.machine = importlib.import_module(self.machine_of)
        except ImportError as error:
            raise Unavailable(f"{error.name} is not installed") from error
        self.server: Any = None
        try:
            from services.postgres import NoServer, PostgresServer

            self.server = self._open.enter_context(PostgresServer.started())
        except (ImportError, NoServer):
            return

    def steps(self) -> Iterator[str]:
        for rank in range(self.stories // self.each):
            on_server = self.server is not None and rank % (100 // ON_SERVER) == 0
            yield f"{'postgresql' if on_server else 'sqlite'}:{rank}"

    def take(self, key: str) -> Outcome:
        engine, _, rank = key.partition(":")
        outcome = Outcome(True, Counter(stories=self.each))
        server = self.server if engine == "postgresql" else None
        try:
            self.machine.run(self.each, self.length, seed=int(rank), server=server)
        except Exception as error:
            notes = "; ".join(getattr(error, "__notes__", []))
            outcome.problems.append(Problem(RED, f"{type(error).__name__}: {error} {notes}"[:4000]))
        return outcome


class Lives(Stories):
    """Of whole homes: what becomes of invoices after integration."""

    name, about = "lives", f"{LIVES} random lives of {LIFE} steps of a whole home against the model of the lifecycle"
    stories, each, length = LIVES, LIVES_EACH, LIFE
    machine_of = "property.lifecycle_machine"
