"""A commit unit of flows that change what was integrated: statuses of a recipient, actions or control of an issuer.

Where the invoices stand, what becomes of each row, the report, one transaction, the sending. An invoice that somebody
else changed in between sends the unit back to its beginning: nothing was written.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pipeline.adapters.ledger import Connection, Unanswered, audit, changes, standings
from pipeline.adapters.ledger.changes import Asked, ChangeRows, Stale
from pipeline.adapters.ledger.rows import Deposit, Lot, moment
from pipeline.audit.form import Head, result_object
from pipeline.model import Read, RowOutcome, Verdict
from pipeline.ports import Fault, Said
from pipeline.returns import intake_report
from pipeline.running import deliver
from pipeline.running.answer import Writer
from pipeline.running.intake import Decided, Desk, keys_of
from pipeline.running.log import lot_facts
from pipeline.running.summary import Told
from pipeline.running.unit import Worker, documents_of
from pipeline.standings import Standings

TRIES = 5  # of a unit whose invoices others change at the same time
_CONTENDED = Said(
    "d'autres changent sans cesse les mêmes factures ; rien n'est écrit, relancer chorus-edi run",
    "others keep changing the same invoices; nothing is written, run again",
)


@dataclass(slots=True)
class IntakeUnit:
    """Flows of one lane on their way to their answers."""

    worker: Worker
    flows: list[tuple[Deposit, Read]]
    spools: Mapping[int, Path]
    wait_s: float = 0.0  # for how long it was waited for the reading of these flows
    told: list[Told] = field(default_factory=list)

    @property
    def _desk(self) -> Desk:
        return Desk(self.worker.home, self.worker.partner, self.worker.receivers)

    def settle(self) -> None:
        """All the way; whatever is killed on the way starts again from here."""
        worker, home = self.worker, self.worker.home
        times = [time.monotonic()]
        flows = [*self.flows]
        tries = 0
        while flows and tries < TRIES:
            home.stage("judge")
            left = len(flows)
            try:
                self._settle(flows, times)
                break
            except Stale:
                if len(flows) == left:
                    tries += 1
                    home.log("stale", **lot_facts(worker.lease.lot), tries=tries)
        else:
            self.told.clear()
            self._leave(flows, [(deposit, Fault(_CONTENDED)) for deposit, _ in flows])
        del times[1:-2]
        deliver.send(home, worker.lease, worker.summary)
        times.append(time.monotonic())
        for one in self.told:
            self._count(one)
            worker.on_verdict(one)
        steps = zip(("decide", "commit", "send"), pairwise(times), strict=False)
        home.log(
            "unit", **lot_facts(worker.lease.lot), flows=len(self.flows),
            documents=sum(documents_of(read) for _, read in self.flows),
            expanded_bytes=sum(read.expanded_bytes for _, read in self.flows), wait_s=round(self.wait_s, 3),
            **{f"{name}_s": round(after - before, 3) for name, (before, after) in steps},
        )  # fmt: skip

    # --- decide and write ---

    def _settle(self, flows: list[tuple[Deposit, Read]], times: list[float]) -> None:
        """Decide and write; a flow that meets a fault leaves the list, and waits. `Stale`: all of it again."""
        worker, home = self.worker, self.worker.home
        self.told.clear()
        failed: list[tuple[Deposit, Exception]] = []
        with home.ledger.reading() as db:
            stands_on = audit.head(db, worker.partner.code)
            decided = list(self._decided(db, flows, failed))
        times.append(time.monotonic())
        home.stage("commit")
        writer = Writer(home.store, home.settings.ours, worker.receivers, home.settings.default_receiver)
        asked: list[Asked] = []
        try:
            for deposit, read, one in decided:
                mark = writer.mark()
                try:
                    asked.append(self._desk.answer(writer, deposit, read, one, self.spools.get(deposit.id)))
                except Exception as error:
                    writer.drop_since(mark)
                    failed.append((deposit, error))
            if failed:  # what a flow before them was to change may have decided on others
                self._leave(flows, failed)
                raise Stale
            if asked:
                self._commit(flows, writer, asked, stands_on)
                self.told += [Told(*_told(one), intake=one.verdict) for one in asked if one.verdict is not None]
        finally:
            writer.drop()
        times.append(time.monotonic())

    def _decided(
        self, db: Connection, flows: Sequence[tuple[Deposit, Read]], failed: list[tuple[Deposit, Exception]]
    ) -> Iterator[tuple[Deposit, Read, Decided]]:
        """Flow by flow, in the order of the deposits: each sees what the ones before it do."""
        desk = self._desk
        held = Standings(standings.find(db, [key for _, read in flows for key in keys_of(read)]))
        for deposit, read in flows:
            try:
                one = desk.decide(db, deposit, read, held.among(keys_of(read)))
            except Unanswered:
                raise
            except Exception as error:
                failed.append((deposit, error))
                continue
            for row in one.rows:
                held.learn(row, one.receivers.get(row.rank, ""))
            yield deposit, read, one

    def _commit(self, flows: list[tuple[Deposit, Read]], writer: Writer, asked: list[Asked], stands_on: Head) -> None:
        """Objects first, then all rows in one transaction."""
        worker, home = self.worker, self.worker.home
        lot, now = worker.lease.lot, home.clock.now()
        unit = changes.rows_of(asked, now)
        result = writer.result(lot.partner, result_body(lot, unit, now, stands_on))
        try:
            writer.keep()
        except OSError as error:  # the store is full or away: nothing of this unit is written, all of it waits
            self._leave(flows, [(one.deposit, error) for one in asked if one.deposit is not None])
            asked.clear()
            return
        worker.lease.write(lambda db: changes.commit(db, unit, lot, result))

    def _leave(self, flows: list[tuple[Deposit, Read]], failed: Sequence[tuple[Deposit, Exception]]) -> None:
        """These flows wait for the next run; the others go on."""
        gone = {deposit.id for deposit, _ in failed}
        flows[:] = [one for one in flows if one[0].id not in gone]
        for deposit, error in failed:
            self.worker.wait(deposit, error)

    def _count(self, told: Told) -> None:
        worker, verdict = self.worker, told.intake
        worker.summary.flows[told.verdict.state.value] += 1
        if verdict is None:
            return
        outcomes = Counter(row.outcome.value for row in verdict.rows)
        worker.summary.changes.update(outcomes)
        worker.home.log(
            "intake", **lot_facts(worker.lease.lot), deposit=told.deposit_id, sha256=verdict.read.received.sha256,
            lane=verdict.read.lane.value, state=verdict.state.value, read=len(verdict.rows),
            **{outcome.value: outcomes[outcome.value] for outcome in RowOutcome},
        )  # fmt: skip


def result_body(lot: Lot, unit: ChangeRows, at: datetime, stands_on: Head) -> bytes:
    """What a unit leaves in the store under the partner that dropped its files: digests, states and counts."""
    told = [_result_flow(one) for one in unit.asked]
    return result_object(lot.partner, lot.id, lot.attempt, moment(at), stands_on, unit.covers[lot.partner], told)


def _told(asked: Asked) -> tuple[int, str, Verdict]:
    if asked.deposit is None or asked.verdict is None:
        raise AssertionError("a unit is made of files")
    return asked.deposit.id, asked.deposit.partner, intake_report.as_reported(asked.verdict)


def _result_flow(asked: Asked) -> dict[str, object]:
    """One flow as the object of its unit tells it."""
    deposit, verdict = asked.deposit, asked.verdict
    rows = Counter(row.outcome.value for row in asked.rows)
    return {
        "deposit": deposit.id if deposit is not None else 0, "sha256": deposit.sha256 if deposit is not None else "",
        "state": verdict.state.value if verdict is not None else "", "rows": dict(sorted(rows.items())),
        "files": [file.sha256 for file in asked.files],
    }  # fmt: skip
