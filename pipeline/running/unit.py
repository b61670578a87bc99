"""A commit unit: whole flows of one partner, read already. Decide, reserve numbers, conclude, store, commit, send."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from pipeline import judge
from pipeline.adapters.ledger import Connection, audit, claims, commits, held
from pipeline.adapters.ledger.commits import Answered, DecidedLater, UnitRows
from pipeline.adapters.ledger.held import Decision, InvoiceStands
from pipeline.adapters.ledger.rows import RECEIVED, Deposit, Partner, ToSend, moment
from pipeline.adapters.system_errors import as_fault
from pipeline.audit.form import NO_HEAD, QUARANTINE, Head, result_object
from pipeline.codes import Severity
from pipeline.model import (
    Decided,
    FlowState,
    InvoiceOutcome,
    JudgedInvoice,
    NumberKey,
    NumberOwner,
    Read,
    Verdict,
)
from pipeline.ports import Fault
from pipeline.routing import directory
from pipeline.running import deliver, known
from pipeline.running.answer import Writer
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.log import Fact, deposit_facts, fault_facts, lot_facts
from pipeline.running.summary import RunSummary, Told

Lost = Mapping[tuple[NumberKey, int, int], NumberOwner]
Operators = Mapping[int, Mapping[int, Decision]]  # deposit -> rank -> decision


@dataclass(slots=True)
class Worker:
    """What every unit of a lot shares."""

    home: Home
    lease: Lease
    partner: Partner
    receivers: Mapping[tuple[str, str], str]
    operators: Operators
    summary: RunSummary
    on_verdict: Callable[[Told], None]

    def wait(self, deposit: Deposit, error: Exception, *, is_killer: bool = False) -> None:
        """Nothing is answered on this flow: it waits for the next run, or is set apart; the others go on."""
        fault = as_fault(error)
        faults = {deposit.id: fault.said}
        at = self.home.clock.now()

        def give_back(db: Connection) -> None:
            claims.give_back(db, self.lease.lot, faults, self.home.turn, quarantine=is_killer)
            if is_killer:
                lot = self.lease.lot
                audit.append(db, lot.partner, QUARANTINE, at, detail={"deposits": [deposit.id]}, lot=lot.id,
                             attempt=lot.attempt)  # fmt: skip

        self.lease.write(give_back)
        if is_killer:
            self.summary.quarantined += 1
        else:
            self.summary.waiting += 1
        facts = deposit_facts(deposit) | lot_facts(self.lease.lot) | fault_facts(error)
        self.home.log("quarantine" if is_killer else "wait", **facts)
        self.summary.fault(fault.said.at(f"{deposit.partner}/{deposit.name}"))


@dataclass(slots=True)
class Unit:
    """The flows of one unit on their way to their answers."""

    worker: Worker
    flows: list[tuple[Deposit, Read]]
    spools: Mapping[int, Path]
    wait_s: float = 0.0  # for how long it was waited for the reading of these flows
    stands: Mapping[int, list[InvoiceStands]] = field(default_factory=dict)
    members_refused: Mapping[int, int] = field(default_factory=dict)
    table: tuple[str, str] = ("", "")  # the commitments as this unit was judged with them
    stands_on: Head = NO_HEAD  # the head of the audit chain before it
    first: list[Answered] = field(default_factory=list)
    later: list[DecidedLater] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    def settle(self) -> None:
        """All the way, in two transactions and the sending; whatever is killed on the way starts again from here."""
        worker, home = self.worker, self.worker.home
        times = [time.monotonic()]
        home.stage("judge")
        with home.ledger.reading() as db:
            rows = known.fetch(home, db, worker.partner, self.flows)
            self.table = rows.table
            self.stands_on = audit.head(db, worker.partner.code)
            self.stands = held.invoices_of(db, [d.id for d, _ in self.flows if d.state != RECEIVED])
            self.members_refused = held.members_refused(db, list(self.stands))
        decided = self._decide(rows)
        times.append(time.monotonic())
        home.stage("commit")
        lost = self._reserve(decided)
        self._commit(decided, lost)
        times.append(time.monotonic())
        deliver.send(home, worker.lease, worker.summary)
        times.append(time.monotonic())
        for one in self.told:
            _count(worker.summary, one)
            self._log(one)
            worker.on_verdict(one)
        home.log("unit", **lot_facts(worker.lease.lot), flows=len(self.flows), **_size(self.flows),
                 **_seconds(self.wait_s, times))  # fmt: skip

    def _log(self, told: Told) -> None:
        outcomes = Counter(i.outcome for i in told.verdict.invoices)
        self.worker.home.log(
            "judge", **lot_facts(self.worker.lease.lot), deposit=told.deposit_id,
            sha256=told.verdict.read.received.sha256, state=told.verdict.state.value, is_later=int(told.is_later),
            **{outcome.value: outcomes[outcome] for outcome in InvoiceOutcome},
        )  # fmt: skip

    # --- decide ---

    def _decide(self, rows: known.UnitKnown) -> list[tuple[Deposit, Decided]]:
        """Flow by flow, in the order of the deposits; what has no directory waits (RTG-006)."""
        terms = self.worker.home.terms_of[self.worker.partner.code]
        decided: list[tuple[Deposit, Decided]] = []
        for deposit, read in self.flows:
            facts = rows.of(deposit, read)
            try:
                if facts.snapshot is None and not judge.is_refused(read, terms):
                    raise Fault(directory.none_of(deposit.received.day))
                reasons = integrated_by_operator(self.worker.operators.get(deposit.id, {}))
                one = judge.decide(read, replace(facts, operator_reason=reasons), terms)
            except Exception as error:
                self.worker.wait(deposit, error)
                continue
            rows.learn(deposit, one)
            decided.append((deposit, one))
        return decided

    def _reserve(self, decided: list[tuple[Deposit, Decided]]) -> Lost:
        """Reserve the numbers of what is judged for the first time, or was pending; tells which ones others hold."""
        wanted = [
            (key, deposit, rank)
            for deposit, one in decided
            for rank, key in one.wanted
            if deposit.state == RECEIVED or self._was_pending(deposit, rank)
        ]
        return self.worker.lease.write(lambda db: commits.reserve(db, wanted)) if wanted else {}

    # --- answer ---

    def _commit(self, decided: list[tuple[Deposit, Decided]], lost: Lost) -> None:
        """Objects first, then all rows in one transaction."""
        worker, home = self.worker, self.worker.home
        settings = home.settings
        writer = Writer(home.store, settings.ours, worker.receivers, settings.default_receiver)
        now = home.clock.now()
        try:
            for deposit, one in decided:
                mark = writer.mark()
                try:
                    self._answer(writer, deposit, one, lost)
                except Exception as error:
                    writer.drop_since(mark)
                    worker.wait(deposit, error)
            unit = commits.rows_of(self.first, self.later)
            result = writer.result(worker.lease.lot.partner, self._result(unit, now)) if unit.ids else ""
            try:
                writer.keep()
            except OSError as error:  # the store is full or away: nothing of this unit is written, all of it waits
                self.told.clear()
                for deposit in [a.deposit for a in self.first] + [d.deposit for d in self.later]:
                    worker.wait(deposit, error)
                return

            def commit(db: Connection) -> None:
                if unit.ids:
                    commits.commit(db, worker.lease.lot, unit, now, result)
                judged = [d.id for d, _ in decided]
                held.due_again(db, judged, worker.operators, table_changed=known.table(home, db) != self.table)

            worker.lease.write(commit)
        finally:
            writer.drop()

    def _result(self, unit: UnitRows, now: datetime) -> bytes:
        """What this unit leaves in the store: digests, states and counts, nothing of an invoice."""
        lot = self.worker.lease.lot
        flows = [result_flow(a.deposit, a.verdict.state, a.verdict.invoices, a.files) for a in self.first]
        flows += [result_flow(d.deposit, d.state, d.changed, d.files) for d in self.later]
        return result_object(lot.partner, lot.id, lot.attempt, moment(now), self.stands_on, unit.cover, flows)

    def _answer(self, writer: Writer, deposit: Deposit, decided: Decided, lost: Lost) -> None:
        """Conclude on one flow and write what it sends."""
        terms = self.worker.home.terms_of[deposit.partner]
        held_by = {key: lost[key, deposit.id, r] for r, key in decided.wanted if (key, deposit.id, r) in lost}
        verdict = judge.conclude(decided, held_by, terms)
        if deposit.state != RECEIVED:
            self._answer_later(writer, deposit, verdict)
            return
        answer = writer.first_answer(deposit, verdict, self.worker.partner, terms, self.spools[deposit.id])
        self.first.append(Answered(deposit, verdict, *answer))
        self.told.append(Told(deposit.id, deposit.partner, verdict))

    def _answer_later(self, writer: Writer, deposit: Deposit, verdict: Verdict) -> None:
        """What changes for the invoices that were pending; every other one stays as it was told."""
        worker = self.worker
        decisions = worker.operators.get(deposit.id, {})
        judged = [
            refused_by_operator(invoice, decisions.get(invoice.read.rank))
            for invoice in verdict.invoices
            if self._was_pending(deposit, invoice.read.rank)
        ]
        changed = tuple(i for i in judged if i.outcome is not InvoiceOutcome.PENDING)
        stands = {s.rank: s for s in self.stands.get(deposit.id, [])}
        outcomes = [*({r: s.outcome for r, s in stands.items()} | {i.read.rank: i.outcome for i in changed}).values()]
        state = judge.state_of(outcomes, has_refused_file=self.members_refused.get(deposit.id, 0) > 0)
        if not changed:
            self.later.append(DecidedLater(deposit, state, (), {}, {}, (), ()))
            return
        now = worker.home.clock.now()
        terms, spool = worker.home.terms_of[deposit.partner], self.spools[deposit.id]
        answer = writer.later_answer(deposit, changed, worker.partner, terms, spool, now, decisions)
        judgement = {i.read.rank: stands[i.read.rank].judgement + 1 for i in changed}
        holds_nothing = all(outcome is InvoiceOutcome.REFUSED for outcome in outcomes)
        self.later.append(DecidedLater(deposit, state, changed, judgement, *answer, is_wholly_refused=holds_nothing))
        news = replace(verdict, state=state, invoices=changed)
        self.told.append(Told(deposit.id, deposit.partner, news, is_later=True))

    def _was_pending(self, deposit: Deposit, rank: int) -> bool:
        stands = self.stands.get(deposit.id, [])
        return any(s.rank == rank and s.outcome is InvoiceOutcome.PENDING for s in stands)


def result_flow(
    deposit: Deposit, state: FlowState, invoices: Iterable[JudgedInvoice], files: Iterable[ToSend]
) -> dict[str, object]:
    """One flow as the object of its unit tells it."""
    outcomes = Counter(invoice.outcome.value for invoice in invoices)
    return {"deposit": deposit.id, "sha256": deposit.sha256, "state": state.value, "invoices": dict(outcomes),
            "files": [file.sha256 for file in files]}  # fmt: skip


def integrated_by_operator(decisions: Mapping[int, Decision]) -> dict[int, str]:
    """rank -> the reason with which an operator let an invoice enter."""
    return {rank: decision.reason for rank, decision in decisions.items() if decision.choice == held.INTEGRATE}


def refused_by_operator(invoice: JudgedInvoice, decision: Decision | None) -> JudgedInvoice:
    """An operator's refusal: what held the invoice becomes the reason that refuses it."""
    if decision is None or decision.choice != held.REFUSE or invoice.outcome is InvoiceOutcome.REFUSED:
        return invoice
    found = tuple(replace(f, severity=Severity.ERROR) if f.severity is Severity.HOLD else f for f in invoice.findings)
    return replace(invoice, findings=found, outcome=InvoiceOutcome.REFUSED)


def _size(flows: list[tuple[Deposit, Read]]) -> dict[str, Fact]:
    return {
        "documents": sum(documents_of(read) for _, read in flows),
        "expanded_bytes": sum(read.expanded_bytes for _, read in flows),
    }


def _seconds(wait_s: float, times: list[float]) -> dict[str, Fact]:
    steps = [wait_s, *(after - before for before, after in pairwise(times))]
    return {f"{name}_s": round(s, 3) for name, s in zip(("wait", "decide", "commit", "send"), steps, strict=True)}


def documents_of(read: Read) -> int:
    """How much work a flow is: its invoices or rows, or the files in it that hold none."""
    return max(len(read.invoices), len(read.rows), len(read.members))


def _count(summary: RunSummary, told: Told) -> None:
    if told.is_later:
        summary.decided_later += len(told.verdict.invoices)
        return
    summary.flows[told.verdict.state.value] += 1
    for invoice in told.verdict.invoices:
        summary.invoices[invoice.outcome.value] += 1
