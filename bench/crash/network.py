"""A relay before the SFTP server, PostgreSQL and S3: at random bytes of one flow the link closes, is reset, stalls,
slows down or is left half open, or the run dies. The next run ends as an untouched one."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from bench.crash.consumer import Consumer
from bench.crash.forks import Fork, Hangs
from bench.crash.part import Part, Unavailable
from bench.crash.subject import BUG, Local, OnPostgres, OnS3, Outcome, OverSftp, Problem
from bench.crash.syscalls import recover_while_fetched

if TYPE_CHECKING:
    from services.relay import Relay

SEED = 20261120
OFFSETS = 20
PATIENCE_S = 3.0  # PostgreSQL has no time-out for an answer: a firewall, or whoever started the run, has one
RUN_S = 60.0


class CutLink(Part):
    """What every server has in common: a relay, and how many bytes pass it each way while nothing fails."""

    subject: Local
    relay: "Relay"
    hows: ClassVar[tuple[str, ...]] = ("close", "reset", "stall", "slow", "half-open")
    offsets = OFFSETS

    def open(self) -> None:
        try:
            self.start()
        except ImportError as error:
            raise Unavailable(f"{error.name} is not installed") from error
        self.subject.prepare()
        self.subject.learn(self.forks)
        self.whole = self.measure()

    def start(self) -> None:
        """The server, the relay and the subject behind it."""
        raise NotImplementedError

    def relayed(self, port: int) -> "Relay":
        from services.relay import Relay

        self.relay = self._open.enter_context(Relay(port))
        return self.relay

    def measure(self) -> dict[str, int]:
        """Bytes that pass each way in one untouched run."""
        home = self.subject.copy()
        before = dict(self.relay.passed)
        told = self.forks.call("run", **self.subject.given(home, self.forks.reader))
        self.subject.forget(home)
        if told["bug"] or told["faults"]:
            raise RuntimeError(f"the run that is measured does not end well: {told}")
        return {way: after - before[way] for way, after in self.relay.passed.items()}

    def steps(self) -> Iterator[str]:
        """As many offsets as asked for of each way to fail, half of them in each direction, over the whole run."""
        for how in self.hows:
            chance = random.Random(f"{SEED}/{self.name}/{how}")
            for rank in range(self.offsets):
                way = ("down", "up")[rank % 2]
                yield f"{how}:{way}:{chance.random():.4f}"

    def take(self, key: str) -> Outcome:
        how, way, share = key.split(":")
        home = self.subject.copy()
        fork = self.forks.start("run", waits=True, **self.subject.given(home, self.forks.reader))
        self.relay.cut(how, int(self.whole[way] * float(share)), way)
        fork.go()
        outcome = Outcome(counts=Counter(cuts=1))
        told = self.ended(fork, how, outcome)
        outcome.was_hit = self.relay.has_failed.is_set()
        outcome.counts["cuts"] = int(outcome.was_hit)
        self.relay.mend()
        self.relay.end()
        if told is not None:
            outcome.counts["faults"] += bool(told["faults"])
            outcome.problems += [Problem(BUG, told["bug"])] if told["bug"] else []
        elif not outcome.counts["kills"]:
            outcome.problems.append(Problem(BUG, "the run died"))
        outcome.problems += self.subject.torn(home)
        self.subject.recover(home, self.forks, outcome)
        self.subject.forget(home)
        return outcome

    def ended(self, fork: Fork, how: str, outcome: Outcome) -> dict[str, object] | None:
        """Wait for the run that was cut off; it has time-outs of its own."""
        return fork.end(RUN_S)


class SftpLink(CutLink):
    """Pull and push over one link: the flow comes down, the answers go up."""

    name, about = "sftp", "the link to a real sshd fails at random bytes, pull and push"

    def start(self) -> None:
        from services import sshd

        try:
            server = self._open.enter_context(sshd.SshServer())
        except sshd.Unavailable as error:
            raise Unavailable(str(error)) from error
        self.subject = OverSftp(self.folder(), server, self.relayed(server.port).port)


class PostgresLink(CutLink):
    """The ledger. A stall ends with a reset, a half-open link with the death of the run: nothing else ends them."""

    name, about = "postgres", "the link to PostgreSQL fails at random bytes"

    def start(self) -> None:
        from services.postgres import NoServer, PostgresServer

        try:
            server = self._open.enter_context(PostgresServer.started())
        except NoServer as error:
            raise Unavailable(str(error)) from error
        self.subject = OnPostgres(self.folder(), server, self.relayed(server.port).port)

    def ended(self, fork: Fork, how: str, outcome: Outcome) -> dict[str, object] | None:
        if how in {"stall", "half-open"} and not fork.is_done(PATIENCE_S):
            if how == "stall":
                self.relay.end("reset")
                self.relay.mend()
            else:
                fork.kill()
                outcome.counts["kills"] += 1
        return fork.end(RUN_S)


class S3Link(CutLink):
    """The store."""

    name, about = "s3", "the link to an S3 server fails at random bytes"

    def start(self) -> None:
        import boto3  # noqa: F401 - the driver, an extra
        from services.s3 import WEED, S3Server

        if not WEED.is_file():
            raise Unavailable("the S3 server (SeaweedFS) is not installed")
        server = self._open.enter_context(S3Server())
        relay = self.relayed(int(server.endpoint.rpartition(":")[2]))
        self.subject = OnS3(self.folder(), server, f"http://127.0.0.1:{relay.port}")


class KilledWhileFetchedOverSftp(SftpLink):
    """The run dies when so many bytes have passed; whoever fetches takes each answer from the server at once."""

    name, about = "sftp-fetched", "kill -9 at bytes of the exchange with sshd, each answer fetched and deleted at once"
    offsets = 120

    def steps(self) -> Iterator[str]:
        for rank in range(self.offsets):
            yield f"kill:{('down', 'up')[rank % 2]}:{(rank + 0.5) / self.offsets:.4f}"

    def take(self, key: str) -> Outcome:
        _, way, share = key.split(":")
        home = self.subject.copy()
        with Consumer(self.subject.roots(home)) as consumer:
            fork = self.forks.start("run", waits=True, **self.subject.given(home, self.forks.reader))
            self.relay.cut("close", int(self.whole[way] * float(share)), way, fork.kill)
            fork.go()
            try:
                died = fork.end(RUN_S) is None
            except Hangs as hangs:
                return Outcome(True, problems=[Problem(BUG, str(hangs))])
            self.relay.mend()
            self.relay.end()
            consumer.sweep()
            outcome = Outcome(died, Counter(kills=died))
            recover_while_fetched(self, self.subject, home, consumer, outcome)
        self.subject.forget(home)
        return outcome
