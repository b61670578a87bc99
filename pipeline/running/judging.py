"""One lot: its flows are read in other processes while this one decides, commits and sends, unit by unit."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import codes, judge
from pipeline.adapters.ledger import Connection, claims, commits, held
from pipeline.adapters.ledger.commits import Answered, DecidedLater
from pipeline.adapters.ledger.held import Decision, InvoiceStands
from pipeline.adapters.ledger.rows import RECEIVED, Deposit, Partner
from pipeline.adapters.read_pool import ReaderKilled, ReadPool, ReadRequest
from pipeline.codes import Severity
from pipeline.model import (
    Decided,
    Finding,
    FlowState,
    InvoiceOutcome,
    JudgedInvoice,
    Kind,
    NumberKey,
    NumberOwner,
    Read,
    ReadMember,
    Verdict,
    finding,
)
from pipeline.ports import Fault
from pipeline.running import deliver, known
from pipeline.running.answer import Writer
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.receive import announced
from pipeline.running.summary import RunSummary, Told

AHEAD_FLOWS = 64  # read ahead of the unit being committed: enough to keep the readers busy ...
AHEAD_BYTES = 8 << 20  # ... and little enough that their records stay small


@dataclass(frozen=True, slots=True)
class Ready:
    """A flow that was read: its records, or the fault that stopped it."""

    deposit: Deposit
    read: Read | None
    spool: Path
    fault: Fault | None = None


class LotAtWork:
    """Judges the deposits of one lot, oldest first."""

    def __init__(
        self,
        home: Home,
        pool: ReadPool,
        lease: Lease,
        partner: Partner,
        receivers: Mapping[tuple[str, str], str],
        summary: RunSummary,
        on_verdict: Callable[[Told], None],
    ) -> None:
        self.home, self.pool, self.lease, self.partner = home, pool, lease, partner
        self.terms = home.terms_of[partner.code]
        self.receivers, self.summary, self.on_verdict = receivers, summary, on_verdict
        self.faults: dict[int, str] = {}

    def run(self) -> None:
        """Send what a dead worker left, then judge what is left to judge."""
        deliver.send(self.home, self.lease, self.summary)
        with self.home.ledger.reading() as db:
            deposits = claims.members(db, self.lease.lot)
            operators = held.decisions_on(db, [d.id for d in deposits])
        self.home.stage("judge")
        for unit in self._units(self._read_ahead(deposits, operators)):
            try:
                self._unit(unit, operators)
            finally:
                for ready in unit:
                    ready.spool.unlink(missing_ok=True)
            self.home.stage("judge")

    # --- reading ---

    def _read_ahead(self, deposits: list[Deposit], operators: Mapping[int, Mapping[int, Decision]]) -> Iterator[Ready]:
        """Read in the pool, hand over in the order of the deposits."""
        ahead: deque[tuple[Deposit, Path, Future[Read] | None]] = deque()
        waiting = deque(deposits)
        size = 0
        try:
            while waiting or ahead:
                while waiting and (len(ahead) <= self.pool.size or (len(ahead) < AHEAD_FLOWS and size < AHEAD_BYTES)):
                    deposit = waiting.popleft()
                    spool = self.home.presence.spool / f"{deposit.id}.pivot"
                    is_given_up = 0 in operators.get(deposit.id, {})
                    ahead.append((deposit, spool, None if is_given_up else self._ask(deposit, spool)))
                    size += deposit.size_bytes
                deposit, spool, asked = ahead.popleft()
                size -= deposit.size_bytes
                yield self._result(deposit, spool, asked)
        finally:
            for _, spool, asked in ahead:
                if asked is not None and not asked.cancel():
                    with suppress(Exception):
                        asked.result()
                spool.unlink(missing_ok=True)

    def _ask(self, deposit: Deposit, spool: Path) -> "Future[Read]":
        kept = self.home.object_path(deposit.partner, deposit.sha256) if deposit.is_kept else Path(os.devnull)
        return self.pool.submit(ReadRequest(deposit.received, str(kept), str(spool), self.terms))

    def _result(self, deposit: Deposit, spool: Path, asked: "Future[Read] | None") -> Ready:
        if asked is None:
            return Ready(deposit, self._unreadable(deposit), spool)
        try:
            return Ready(deposit, asked.result(), spool)
        except Fault as fault:
            return Ready(deposit, None, spool, fault)

    def _unreadable(self, deposit: Deposit) -> Read:
        """The records of a flow that nobody can read: FIL-007 refuses it, after quarantine or by an operator."""
        limit = f"{self.home.settings.watch.quarantine_max_hours} h"
        found = finding(self.terms, codes.FIL_007, member=deposit.name, value=deposit.name, limit=limit)
        if found is None:
            raise Fault("FIL-007 is switched off: a flow in quarantine can only be refused by it")
        found = replace(found, facts={"member": deposit.name, "limit": limit})
        member = ReadMember(deposit.name, deposit.sha256, deposit.size_bytes, Kind.UNKNOWN, (found,))
        name = announced(deposit.name, self.terms)
        return Read(deposit.received, name, name, deposit.settled, (member,), (), (), deposit.size_bytes)

    def _units(self, flows: Iterator[Ready]) -> Iterator[list[Ready]]:
        """Whole flows up to some documents, bytes or seconds."""
        limits = self.home.settings.work
        unit: list[Ready] = []
        documents = size = 0
        began = time.monotonic()
        for ready in flows:
            if ready.read is None:
                self._set_aside(ready)
                continue
            if not unit:
                began = time.monotonic()
            unit.append(ready)
            documents += max(len(ready.read.invoices), len(ready.read.members))
            size += ready.read.expanded_bytes
            is_full = documents >= limits.unit_documents or size >= limits.unit_expanded_bytes
            if is_full or time.monotonic() - began >= limits.unit_s:
                yield unit
                unit, documents, size = [], 0, 0
        if unit:
            yield unit

    def _set_aside(self, ready: Ready) -> None:
        """A flow that could not be read waits, or is set apart; the others of the lot go on."""
        why = str(ready.fault)
        is_killer = isinstance(ready.fault, ReaderKilled)
        self._give_back({ready.deposit.id: why}, is_killer=is_killer)
        self.summary.fault(f"{ready.deposit.partner}/{ready.deposit.name}: {why}")
        ready.spool.unlink(missing_ok=True)

    def _give_back(self, faults: dict[int, str], *, is_killer: bool = False) -> None:
        token = self.home.presence.token
        self.lease.write(lambda db: claims.give_back(db, self.lease.lot, faults, token, quarantine=is_killer))
        if is_killer:
            self.summary.quarantined += len(faults)
        else:
            self.summary.waiting += len(faults)

    # --- one commit unit ---

    def _unit(self, unit: list[Ready], operators: Mapping[int, Mapping[int, Decision]]) -> None:
        flows = [(r.deposit, r.read) for r in unit if r.read is not None]
        self.home.stage("judge")
        with self.home.ledger.reading() as db:
            rows = known.fetch(self.home, db, self.partner, flows)
            stands = held.invoices_of(db, [d.id for d, _ in flows if d.state != RECEIVED])
            refused_members = held.members_refused(db, list(stands))
        decided = self._decide(flows, rows, operators)
        wanted = [
            (key, deposit, rank)
            for deposit, one in decided
            for rank, key in one.wanted
            if _is_open(deposit, rank, stands)
        ]
        self.home.stage("commit")
        lost = self.lease.write(lambda db: commits.reserve(db, wanted)) if wanted else {}
        spools = {r.deposit.id: r.spool for r in unit}
        writer = Writer(self.home.store, self.home.settings.ours, self.receivers, self.home.settings.default_receiver)
        first: list[Answered] = []
        later: list[DecidedLater] = []
        told: list[Told] = []
        now = self.home.clock.now()
        try:
            for deposit, one in decided:
                verdict = judge.conclude(one, _held_by(deposit, one, lost), self.terms)
                spool = spools[deposit.id]
                if deposit.state == RECEIVED:
                    receivers, transitions, files = writer.first_answer(
                        deposit, verdict, self.partner, self.terms, spool
                    )
                    first.append(Answered(deposit, verdict, receivers, transitions, files))
                    told.append(Told(deposit.id, deposit.partner, verdict))
                else:
                    ranks = {s.rank: s for s in stands.get(deposit.id, [])}
                    decision = self._decide_later(
                        writer, deposit, verdict, ranks, refused_members.get(deposit.id, 0), spool, operators
                    )
                    later.append(decision)
                    if decision.changed:
                        news = replace(verdict, state=decision.state, invoices=decision.changed)
                        told.append(Told(deposit.id, deposit.partner, news, is_later=True))
            writer.keep()

            def commit(db: Connection) -> None:
                if first:
                    commits.commit(db, self.lease.lot, first, now)
                if later:
                    commits.commit_later(db, self.lease.lot, later, now)

            self.lease.write(commit)
        finally:
            writer.drop()
        deliver.send(self.home, self.lease, self.summary)
        for one_told in told:
            self._count(one_told)
            self.on_verdict(one_told)

    def _decide(
        self,
        flows: list[tuple[Deposit, Read]],
        rows: known.UnitKnown,
        operators: Mapping[int, Mapping[int, Decision]],
    ) -> list[tuple[Deposit, Decided]]:
        """Decide flow by flow, in the order of the deposits; what has no directory waits (RTG-006)."""
        decided: list[tuple[Deposit, Decided]] = []
        for deposit, read in flows:
            facts = rows.of(deposit, read)
            if facts.snapshot is None and not judge.is_refused(read, self.terms):
                day = read.received.day
                why = f"RTG-006: no directory snapshot at or before {day}; run `chorus-edi directory import`"
                self._give_back({deposit.id: why})
                self.summary.fault(f"{deposit.partner}: {why}")
                continue
            reasons = {
                rank: decision.reason
                for rank, decision in operators.get(deposit.id, {}).items()
                if decision.choice == held.INTEGRATE
            }
            one = judge.decide(read, replace(facts, operator_reason=reasons), self.terms)
            rows.learn(deposit, one)
            decided.append((deposit, one))
        return decided

    def _decide_later(
        self,
        writer: Writer,
        deposit: Deposit,
        verdict: Verdict,
        stands: Mapping[int, InvoiceStands],
        members_refused: int,
        spool: Path,
        operators: Mapping[int, Mapping[int, Decision]],
    ) -> DecidedLater:
        """What changes for the invoices that were pending; every other one stays as it was told."""
        decisions = operators.get(deposit.id, {})
        now = self.home.clock.now()
        changed = []
        for invoice in verdict.invoices:
            rank = invoice.read.rank
            if rank not in stands or stands[rank].outcome is not InvoiceOutcome.PENDING:
                continue
            judged = _refused_by_operator(invoice, decisions.get(rank))
            if judged.outcome is not InvoiceOutcome.PENDING:
                changed.append(judged)
        comments = {rank: f"{d.operator}: {d.reason}" for rank, d in decisions.items()}
        outcomes = {rank: s.outcome for rank, s in stands.items()} | {i.read.rank: i.outcome for i in changed}
        state = later_state(list(outcomes.values()), members_refused)
        if not changed:
            return DecidedLater(deposit, state, (), {}, {}, (), ())
        receivers, transitions, files = writer.later_answer(
            deposit, changed, self.partner, self.terms, spool, now, comments
        )
        judgement = {i.read.rank: stands[i.read.rank].judgement + 1 for i in changed}
        holds_nothing = all(o is InvoiceOutcome.REFUSED for o in outcomes.values())
        return DecidedLater(
            deposit, state, tuple(changed), judgement, receivers, transitions, files, is_wholly_refused=holds_nothing
        )

    def _count(self, told: Told) -> None:
        if told.is_later:
            self.summary.decided_later += len(told.verdict.invoices)
            return
        self.summary.flows[told.verdict.state.value] += 1
        for invoice in told.verdict.invoices:
            self.summary.invoices[invoice.outcome.value] += 1


def later_state(outcomes: list[InvoiceOutcome], members_refused: int) -> FlowState:
    """The state of a flow after a decision on its pending invoices (spec 02 section 3.1, recomputed)."""
    is_short = members_refused > 0 or InvoiceOutcome.REFUSED in outcomes
    if InvoiceOutcome.PENDING in outcomes:
        return FlowState.PARTIAL if is_short or InvoiceOutcome.INTEGRATED in outcomes else FlowState.WAITING
    if InvoiceOutcome.INTEGRATED in outcomes:
        return FlowState.PARTIAL if is_short else FlowState.INTEGRATED
    return FlowState.REJECTED


def _is_open(deposit: Deposit, rank: int, stands: Mapping[int, list[InvoiceStands]]) -> bool:
    """Only what is judged for the first time, or was pending, may want a number."""
    if deposit.state == RECEIVED:
        return True
    return any(s.rank == rank and s.outcome is InvoiceOutcome.PENDING for s in stands.get(deposit.id, []))


def _held_by(
    deposit: Deposit, decided: Decided, lost: Mapping[tuple[NumberKey, int, int], NumberOwner]
) -> dict[NumberKey, NumberOwner]:
    return {key: lost[key, deposit.id, rank] for rank, key in decided.wanted if (key, deposit.id, rank) in lost}


def _refused_by_operator(invoice: JudgedInvoice, decision: Decision | None) -> JudgedInvoice:
    """An operator's refusal: what held the invoice becomes the reason that refuses it."""
    if decision is None or decision.choice != held.REFUSE or invoice.outcome is InvoiceOutcome.REFUSED:
        return invoice
    found: tuple[Finding, ...] = tuple(
        replace(f, severity=Severity.ERROR) if f.severity is Severity.HOLD else f for f in invoice.findings
    )
    return replace(invoice, findings=found, outcome=InvoiceOutcome.REFUSED)
