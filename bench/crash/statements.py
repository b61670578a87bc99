"""The ledger on PostgreSQL: the link is cut, or the run is killed, before and after each statement of one flow."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from bench.crash.part import Part, Unavailable
from bench.crash.subject import BUG, OnPostgres, Outcome, Problem

if TYPE_CHECKING:
    from services.statements import Cut

HOWS: dict[str, tuple["Cut", bool]] = {  # how the link is cut, and whether the run dies of it
    "cut-before": ("before", False), "cut-after": ("after", False), "kill-before": ("before", True),
    "kill-after": ("after", True), "silent": ("silent", False),
}  # fmt: skip


class Statements(Part):
    """One statement after the other. A link that is cut is mended at once: the run that is alive may go on."""

    name, about = "statements", "PostgreSQL: a cut or a kill before and after each statement and COMMIT"
    subject_of: ClassVar[type[OnPostgres]] = OnPostgres

    def open(self) -> None:
        try:
            from services.postgres import NoServer, PostgresServer
            from services.statements import StatementRelay
        except ImportError as error:
            raise Unavailable(f"{error.name} is not installed") from error
        try:
            server = self._open.enter_context(PostgresServer.started())
        except NoServer as error:
            raise Unavailable(str(error)) from error
        self.relay = self._open.enter_context(StatementRelay("127.0.0.1", server.port))
        self.subject = self.subject_of(self.folder(), server, self.relay.port)
        self.subject.prepare()
        self.subject.learn(self.forks)
        self.statements = self.record()

    def record(self) -> list[bytes]:
        """The statements of one untouched run."""
        home = self.subject.copy()
        self.relay.count()
        told = self.forks.call("run", **self.subject.given(home, self.forks.reader))
        statements = list(self.relay.statements)
        self.subject.forget(home)
        if told["bug"] or told["faults"] or not statements:
            raise RuntimeError(f"the run that is recorded does not end well: {told}")
        return statements

    def steps(self) -> Iterator[str]:
        for how in HOWS:
            number = 0
            while number < len(self.statements) or (self.was_hit and how != "silent"):
                number += 1
                if how == "silent" and self.statements[number - 1] != b"COMMIT":
                    continue
                yield f"{how}:{number}"

    def take(self, key: str) -> Outcome:
        how, _, number = key.partition(":")
        cut, dies = HOWS[how]
        home = self.subject.copy()
        fork = self.forks.start("run", waits=True, **self.subject.given(home, self.forks.reader))
        self.relay.cut_at(int(number), cut, fork.kill if dies else lambda: None)
        fork.go()
        told = fork.end()
        was_hit = bool(self.relay.cuts)
        self.relay.count()
        outcome = Outcome(was_hit, Counter(kills=was_hit and dies, cuts=was_hit and not dies))
        if told is not None:
            outcome.counts["faults"] += bool(told["faults"])
            outcome.problems += [Problem(BUG, told["bug"])] if told["bug"] else []
        elif not dies:
            outcome.problems.append(Problem(BUG, "the run died"))
        outcome.problems += self.subject.torn(home)
        self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome
