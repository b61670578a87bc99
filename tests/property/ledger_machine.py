"""The whole ledger against a model: random stories of partners, workers that die, late ones, operators.

The model is what the ledger promises, in dictionaries. After each step everything that the ledger holds must be what
the model says, and what `verify` compares must add up. Workers are as in the shell: each has at most one lot, whoever
is taken over may still come back with its old attempt and must not change anything.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from contract import ledger_samples as samples
from contract.ledger_samples import AT, INTEGRATED, PENDING, REFUSED
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

from pipeline import judge, reconcile
from pipeline import model as m
from pipeline.adapters.ledger import (
    Connection,
    Ledger,
    LostLease,
    claims,
    commits,
    deposits,
    held,
    invariants,
    outbox,
    promises,
    queries,
    shadows,
)
from pipeline.adapters.ledger.commits import DecidedLater, Transition
from pipeline.adapters.ledger.deposits import Claimed, Doubles
from pipeline.adapters.ledger.held import Decision
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED, Deposit, Lot, ToSend
from pipeline.codes import Severity
from pipeline.ports import Fault, Said
from pipeline.terms import WorkLimits

T = TypeVar("T")
PARTNERS = {"AAA001": "", "BBB002": "", "CCC003": "CCC003"}  # and the scope of their numbers: the last has no rights
NAMES = ("n1", "n2", "n3", "n4")
CONTENTS = {"a": 40, "b": 70, "c": 120}  # and their sizes in bytes
NUMBERS = ("F-1", "F-2", "F-3", "F-4", "F-5")
TOTALS = ("0.10", "1200.00", "99999999999999999.99", "")
LIMITS = WorkLimits(lot_flows_max=2, lot_bytes_max=100, lease_s=45)
OUTCOMES = (INTEGRATED, INTEGRATED, REFUSED, PENDING)
WORKERS = 3
OUT_OF_QUARANTINE = Decision(held.REFUSE, "chorus-edi", "quarantine is over")
Drawn = tuple[str, m.InvoiceOutcome, str, bool]  # number, outcome, total, whether it is a credit note
some = st.integers(0, 1_000_000)  # picks one of a list, whatever its length


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass
class Invoice:
    """One invoice of an answered flow."""

    rank: int
    number: str
    outcome: m.InvoiceOutcome
    total: str
    type_code: str
    judgement: int = 1


@dataclass
class Flow:
    """One deposit."""

    id: int
    partner: str
    claim: str
    name: str
    content: str
    state: str
    is_refused: bool  # at its registration: a double
    lot: int | None = None
    again: bool = False
    turns: list[str] = field(default_factory=list)  # that met a fault
    is_faulted: bool = False
    holds_bytes: bool = False
    invoices: dict[int, Invoice] = field(default_factory=dict)
    decided: dict[int, Decision] = field(default_factory=dict)
    drawn: list["Drawn"] = field(default_factory=list)  # what its document says, whoever reads it

    @property
    def is_due(self) -> bool:
        return self.state == RECEIVED or self.again

    @property
    def size(self) -> int:
        return CONTENTS[self.content]

    @property
    def pending(self) -> list[Invoice]:
        return [i for i in self.invoices.values() if i.outcome is PENDING]


@dataclass
class Work:
    """A lot."""

    lot: Lot
    worker: str
    until_ms: int
    is_open: bool = True


@dataclass
class Worker:
    """A process: its lot, and the decisions of operators that it read when it began with it."""

    token: str
    lot: Lot | None = None
    heard: dict[int, dict[int, Decision]] = field(default_factory=dict)


@dataclass
class File:
    """A row of the outbox, and what stands in the folder: its temporary name, how often it got its own name."""

    state: str = outbox.READY
    lot: int | None = None
    has_temporary: bool = False
    appeared: int = 0
    may_appear: int = 1


class Dies(Exception):
    """The process is killed here: what it has not committed is rolled back."""


# --- the machine ------------------------------------------------------------------------------------------------------


class LedgerMachine(RuleBasedStateMachine):
    """On SQLite; `make` gives it a new, empty ledger."""

    make: ClassVar[Callable[[], tuple[Ledger, Callable[[], None]]]]

    @initialize()
    def begin(self) -> None:
        self.ledger, self.remove = type(self).make()
        self.now_ms = 1_000_000
        self.turn = "t00000"
        self.turns = 0
        self.flows: dict[int, Flow] = {}
        self.names: dict[tuple[str, str], int] = {}
        self.contents: dict[tuple[str, str], int] = {}
        self.numbers: dict[tuple[str, str], tuple[int, int]] = {}  # (scope, number) -> (deposit, rank)
        self.lots: dict[int, Work] = {}
        self.files: dict[tuple[str, str], File] = {}
        self.workers = [Worker(f"w{rank}") for rank in range(WORKERS)]
        self.born = WORKERS
        self.dead: set[str] = set()
        self.late: list[Worker] = []  # alive or not, somebody has taken their lot, or may
        self.registered: list[tuple[str, list[Claimed]]] = []
        self.is_written = True  # more than lots and leases, since it was last compared

    def teardown(self) -> None:
        if hasattr(self, "remove"):
            self.remove()

    # --- deposits -----------------------------------------------------------------------------------------------------

    @rule(
        partner=st.sampled_from(tuple(PARTNERS)),
        files=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(tuple(CONTENTS))), min_size=1, max_size=3),
    )
    def deposit(self, partner: str, files: list[tuple[str, str]]) -> None:
        """A batch of files, archived already; names and bytes come again and again."""
        self.is_written = True
        batch = []
        for name, content in files:
            claim = f"{partner}-{len(self.flows) + len(batch)}"
            sha256 = content.rjust(64, "0")
            batch.append(Claimed(partner, claim, name.encode(), sha256, CONTENTS[content], True, AT))
        rows = self.ledger.write(lambda db: deposits.register(db, partner, batch, settled))
        assert [row.claim for row in rows] == [one.claim for one in batch]
        for row, (name, content) in zip(rows, files, strict=True):
            self._received(row, name, content)
        self.registered.append((partner, batch))

    def _received(self, row: Deposit, name: str, content: str) -> None:
        flow = Flow(row.id, row.partner, row.claim, name, content, RECEIVED, is_refused=False)
        same = [
            f for f in self.flows.values()
            if (f.partner, f.name, f.content) == (flow.partner, name, content) and f.state != REPEATED
        ]  # fmt: skip
        named, held_by = self.names.get((row.partner, name)), self.contents.get((row.partner, content))
        if same:
            flow.state = REPEATED
            assert row.first_id == same[0].id
        else:
            flow.is_refused = named is not None or held_by is not None
            assert row.first_id == (named if named is not None else held_by)
            if named is None:
                self.names[row.partner, name] = row.id
                flow.holds_bytes = held_by is None
                if flow.holds_bytes:
                    self.contents[row.partner, content] = row.id
        assert row.state == flow.state
        self.flows[row.id] = flow

    @precondition(lambda self: self.registered)
    @rule(which=some)
    def register_again(self, which: int) -> None:
        """Killed between the commit and the removal of the file: the same claims come again."""
        self.is_written = True
        partner, batch = pick(self.registered, which)
        assert self.ledger.write(lambda db: deposits.register(db, partner, batch, settled)) == []

    # --- time and turns -----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((5, 30, 60)))
    def tick(self, seconds: int) -> None:
        self.now_ms += seconds * 1000

    @rule()
    def next_turn(self) -> None:
        """A new attempt at everything: what met a fault is due again."""
        self.turns += 1
        self.turn = f"t{self.turns:05d}"

    # --- claims -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._free())
    @rule(which=some)
    def claim(self, which: int) -> None:
        """The partner served longest ago, its oldest deposits first, as many as a lot takes."""
        worker = pick(self._free(), which)
        lot = self.ledger.write(lambda db: claims.claim(db, worker.token, self.turn, self.now_ms, LIMITS))
        due = [f for f in self.flows.values() if f.is_due and f.lot is None and self.turn not in f.turns]
        if not due:
            assert lot is None
            return
        assert lot is not None
        served = {partner: self._served(partner) for partner in {f.partner for f in due}}
        partner = min(served, key=lambda p: (served[p], min(f.id for f in due if f.partner == p)))
        assert (lot.partner, lot.kind, lot.attempt) == (partner, claims.JUDGE, 1)
        size = 0
        for rank, flow in enumerate(sorted((f for f in due if f.partner == partner), key=lambda f: f.id)):
            size += flow.size
            if rank == LIMITS.lot_flows_max or (rank and size > LIMITS.lot_bytes_max):
                break
            flow.lot = lot.id
        self._opened(worker, lot)

    @precondition(lambda self: self._free())
    @rule(which=some)
    def take_over(self, which: int) -> None:
        """The oldest lot of a worker that is dead, or whose lease ran out."""
        worker = pick(self._free(), which)
        lot = self.ledger.write(
            lambda db: claims.take_over(db, worker.token, self.now_ms, LIMITS, lambda who: who in self.dead)
        )
        left = [
            w for _, w in sorted(self.lots.items())
            if w.is_open and (w.until_ms < self.now_ms or (w.worker != worker.token and w.worker in self.dead))
        ]  # fmt: skip
        if not left:
            assert lot is None
            return
        before = left[0]
        assert lot == Lot(before.lot.id, before.lot.partner, before.lot.kind, before.lot.attempt + 1)
        self._lost(before)
        self._opened(worker, lot)

    @precondition(lambda self: self._free())
    @rule(which=some)
    def sweep(self, which: int) -> None:
        """What closed lots left unsent goes into a lot of its own."""
        worker = pick(self._free(), which)
        lot = self.ledger.write(lambda db: claims.claim_unsent(db, worker.token, self.now_ms, LIMITS))
        free = [
            w for _, w in sorted(self.lots.items())
            if w.is_open and w.lot.kind == claims.DELIVER and (w.until_ms < self.now_ms or w.worker == worker.token)
        ]  # fmt: skip
        open_lots = {number for number, work in self.lots.items() if work.is_open}
        stray = [f for f in self.files.values() if f.state != outbox.SENT and f.lot not in open_lots]
        if free:
            assert lot is not None
            assert (lot.id, lot.attempt) == (free[0].lot.id, free[0].lot.attempt + 1)
            self._lost(free[0])
        elif not stray:
            assert lot is None
            return
        assert lot is not None
        for file in stray:
            file.lot = lot.id
        self._opened(worker, lot)

    @precondition(lambda self: self._busy())
    @rule(which=some)
    def die(self, which: int) -> None:
        """A worker is killed; another process starts in its place."""
        worker = pick(self._busy(), which)
        self.dead.add(worker.token)
        self.late.append(worker)
        self.workers.remove(worker)
        self.workers.append(Worker(f"w{self.born}"))
        self.born += 1

    @precondition(lambda self: self._busy())
    @rule(which=some)
    def finish(self, which: int) -> None:
        """What a lot still holds unjudged is due again."""
        worker = pick(self._busy(), which)
        lot = self._lot(worker)
        self.ledger.write(lambda db: claims.finish(db, lot))
        self._closed(lot)
        worker.lot = None

    @precondition(lambda self: self._late())
    @rule(which=some, what=st.sampled_from(("renew", "reserve", "commit", "give back", "send", "finish")))
    def come_late(self, which: int, what: str) -> None:
        """Somebody whose lot was taken over writes with its old attempt: nothing of it stays."""
        self.is_written = True
        worker = pick(self._late(), which)
        lot = self._lot(worker)
        members = [self._deposit(f) for f in self.flows.values() if f.lot == lot.id and f.is_due]
        if what == "finish":
            self.ledger.write(lambda db: claims.finish(db, lot))
            return
        wanted = [(samples.key(NUMBERS[0]), one, 1) for one in members]
        told = [samples.answered(one, [samples.invoice(1, "LATE")]) for one in members]
        files = [ToSend(*key, "CSO", lot.partner, None, "", 0) for key in self.files]
        units: dict[str, Callable[[Connection], object]] = {
            "renew": lambda db: None,
            "reserve": lambda db: commits.reserve(db, wanted),
            "commit": lambda db: commits.commit(db, lot, commits.rows_of(told), AT),
            "give back": lambda db: claims.give_back(db, lot, {one.id: Said("x", "x") for one in members}, self.turn),
            "send": lambda db: outbox.advance(db, lot, files, outbox.READY, outbox.SENT),
        }
        with suppress(LostLease):
            self._write(lot, units[what])
            raise AssertionError("a late worker was let in")

    # --- judging ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._judging())
    @rule(
        which=some, count=st.integers(1, 2), how=st.sampled_from(("whole", "whole", "whole", "dies", "twice")),
        drawn=st.lists(
            st.tuples(st.sampled_from(NUMBERS), st.sampled_from(OUTCOMES), st.sampled_from(TOTALS), st.booleans()),
            min_size=1, max_size=4,
        ),
    )  # fmt: skip
    def settle(self, which: int, count: int, how: str, drawn: list[Drawn]) -> None:
        """A commit unit of the first deposits of a lot: numbers, then everything at once; killed in between, or the
        answer to its COMMIT lost and all of it written again."""
        self.is_written = True
        worker = pick(self._judging(), which)
        lot = self._lot(worker)
        with self.ledger.reading() as db:
            members = claims.members(db, lot)[:count]
        assert [one.id for one in members] == [f.id for f in self._members(lot)][:count]
        read = {one.id: self._read(self.flows[one.id], drawn[rank:] + drawn[:rank]) for rank, one in enumerate(members)}
        wanted = [
            (self._key(one.partner, i.number), one, i.rank)
            for one in members
            for i in read[one.id]
            if i.outcome is not REFUSED
        ]
        lost = self._write(lot, lambda db: commits.reserve(db, wanted))
        self._reserved(wanted, lost)
        if how == "dies":
            return
        judged = {one.id: self._concluded(one, read[one.id], lost) for one in members}
        first = [one for one in members if one.state == RECEIVED]
        answers = [self._answer(one, judged[one.id]) for one in first]
        later = [self._later(one, judged[one.id]) for one in members if one.state != RECEIVED]

        def unit(db: Connection) -> bool:
            done = commits.commit(db, lot, commits.rows_of(answers, later), AT)
            held.due_again(db, [one.id for one in members], worker.heard, table_changed=False)
            return done

        assert self._write(lot, unit) is True
        for one in members:
            self._settled(one, judged[one.id], lot, worker)
        if how == "twice":
            again = commits.rows_of(answers, later)
            assert self._write(lot, lambda db: commits.commit(db, lot, again, AT)) is False

    def _read(self, flow: Flow, drawn: list[Drawn]) -> list[Invoice]:
        """What its invoices are decided to be, before their numbers are asked for. What waits may be decided anew."""
        if flow.state == RECEIVED:
            if flow.is_refused or 0 in flow.decided:
                return []
            flow.drawn = flow.drawn or drawn[:3]
            return [
                Invoice(rank, number, outcome, total, "381" if is_credit else "380")
                for rank, (number, outcome, total, is_credit) in enumerate(flow.drawn, 1)
            ]
        worker = next(w for w in self.workers if w.lot is not None and w.lot.id == flow.lot)
        told = worker.heard.get(flow.id, {})
        found = []
        for rank, invoice in enumerate(flow.pending):
            outcome = drawn[rank % len(drawn)][1]
            if invoice.rank in told:
                outcome = INTEGRATED if told[invoice.rank].choice == held.INTEGRATE else REFUSED
            found.append(Invoice(invoice.rank, invoice.number, outcome, invoice.total, invoice.type_code))
        return found

    def _reserved(
        self, wanted: Sequence[tuple[m.NumberKey, Deposit, int]],
        lost: dict[tuple[m.NumberKey, int, int], m.NumberOwner],
    ) -> None:  # fmt: skip
        """Who has each number now: the first that asked, in its scope."""
        for key, one, rank in wanted:
            self.numbers.setdefault((key.scope, key.number), (one.id, rank))
        for key, one, rank in wanted:
            others = [
                owner for (scope, number), owner in self.numbers.items()
                if number == key.number and owner != (one.id, rank)
                and (scope == key.scope or self.flows[owner[0]].partner == one.partner)
            ]  # fmt: skip
            owner = lost.get((key, one.id, rank))
            assert (owner is not None) == bool(others)
            if owner is not None:
                assert (owner.deposit_id, owner.rank) in others

    def _concluded(
        self, one: Deposit, read: list[Invoice], lost: dict[tuple[m.NumberKey, int, int], m.NumberOwner]
    ) -> list[Invoice]:
        """A number that another invoice holds refuses this one."""
        for invoice in read:
            if (
                invoice.outcome is not REFUSED
                and (self._key(one.partner, invoice.number), one.id, invoice.rank) in lost
            ):
                invoice.outcome = REFUSED
        return read

    def _answer(self, one: Deposit, judged: list[Invoice]) -> commits.Answered:
        return samples.answered(one, [as_judged(i) for i in judged], state_of(judged).value)

    def _later(self, one: Deposit, judged: list[Invoice]) -> DecidedLater:
        changed = [i for i in judged if i.outcome is not PENDING]
        flow = self.flows[one.id]
        after = list((flow.invoices | {i.rank: i for i in judged}).values())
        steps = tuple(
            Transition(one.id, i.rank, sequence, f"{sequence:02d}", samples.later(1), batch=f"FEN-{one.id}")
            for i in changed
            if i.outcome is INTEGRATED
            for sequence in (1, 2, 3)
        )
        return DecidedLater(
            one, state_of(after), tuple(as_judged(i) for i in changed),
            {i.rank: flow.invoices[i.rank].judgement + 1 for i in changed},
            {i.rank: "PORTAL" for i in changed if i.outcome is INTEGRATED}, steps, (),
            is_wholly_refused=all(i.outcome is REFUSED for i in after),
        )  # fmt: skip

    def _settled(self, one: Deposit, judged: list[Invoice], lot: Lot, worker: Worker) -> None:
        flow = self.flows[one.id]
        if one.state == RECEIVED:
            flow.invoices = {i.rank: i for i in judged}
            self.files[f"drop/{one.partner}", report_of(one)] = File(lot=lot.id)
        else:
            for invoice in judged:
                if invoice.outcome is not PENDING:
                    invoice.judgement = flow.invoices[invoice.rank].judgement + 1
                    flow.invoices[invoice.rank] = invoice
        flow.state = state_of(flow.invoices.values()).value
        unheard = flow.decided.keys() - worker.heard.get(flow.id, {}).keys()
        flow.again = bool(unheard and flow.pending)
        flow.lot, flow.turns, flow.is_faulted = None, [], False
        holders = {(flow.id, i.rank) for i in flow.invoices.values() if i.outcome is not REFUSED}
        self.numbers = {
            key: owner for key, owner in self.numbers.items() if owner[0] != flow.id or owner in holders
        }  # fmt: skip
        if not holders and flow.holds_bytes:
            flow.holds_bytes = False
            del self.contents[flow.partner, flow.content]

    @precondition(lambda self: self._judging())
    @rule(which=some, member=some, kills=st.booleans())
    def fail(self, which: int, member: int, kills: bool) -> None:
        """A fault: the deposit waits for the next turn. Or it killed its reader, and is set apart."""
        self.is_written = True
        lot = self._lot(pick(self._judging(), which))
        flow = pick(self._members(lot), member)
        kills = kills and flow.state == RECEIVED and 0 not in flow.decided
        said = {flow.id: Said("fr", "en")}
        self._write(lot, lambda db: claims.give_back(db, lot, said, self.turn, quarantine=kills))
        flow.lot, flow.is_faulted = None, True
        flow.turns.insert(0, self.turn)
        if kills:
            flow.state = QUARANTINED

    # --- sending ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._busy())
    @rule(which=some, dies_at=st.integers(0, 4))
    def send(self, which: int, dies_at: int) -> None:
        """Upload, say so, rename, say so; killed before one of the four, or not (0). Nothing gets its name twice."""
        self.is_written = True
        lot = self._lot(pick(self._busy(), which))
        with self.ledger.reading() as db:
            files = outbox.unsent(db, lot)
        assert {(f.place, f.name): f.state for f in files} == {
            key: f.state for key, f in self.files.items() if f.lot == lot.id and f.state != outbox.SENT
        }
        mine = {(f.place, f.name): self.files[f.place, f.name] for f in files}
        with suppress(Dies):
            dies(dies_at == 1)
            fresh = [f for f in files if f.state == outbox.READY]
            for one in fresh:
                mine[one.place, one.name].has_temporary = True
            dies(dies_at == 2)
            self._write(lot, lambda db: outbox.advance(db, lot, fresh, outbox.READY, outbox.UPLOADED))
            for one in fresh:
                mine[one.place, one.name].state = outbox.UPLOADED
            dies(dies_at == 3)
            for file in mine.values():
                file.appeared += file.has_temporary  # without it: it got its name before somebody was killed
                file.has_temporary = False
            dies(dies_at == 4)
            self._write(lot, lambda db: outbox.advance(db, lot, files, outbox.UPLOADED, outbox.SENT))
            for file in mine.values():
                file.state = outbox.SENT

    @precondition(lambda self: any(f.state == outbox.SENT for f in self.files.values()))
    @rule(which=some)
    def put_back(self, which: int) -> None:
        """The same flow was dropped again and its partner has no report any more: the same file goes once more."""
        self.is_written = True
        key = pick([key for key, f in self.files.items() if f.state == outbox.SENT], which)
        self.ledger.write(lambda db: deposits.send_report_again(db, [key]))
        file = self.files[key]
        file.state, file.lot = outbox.READY, None
        file.may_appear += 1

    # --- operators ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._pending())
    @rule(which=some, rank=some, choice=st.sampled_from((held.INTEGRATE, held.REFUSE)))
    def decide(self, which: int, rank: int, choice: str) -> None:
        """On a pending invoice, once."""
        self.is_written = True
        flow = pick(self._pending(), which)
        invoice = pick(flow.pending, rank)
        decision = Decision(choice, "op", "why")
        try:
            self.ledger.write(lambda db: held.decide(db, flow.id, [invoice.rank], decision, AT))
        except Fault:
            assert invoice.rank in flow.decided
            return
        assert invoice.rank not in flow.decided
        flow.decided[invoice.rank] = decision
        flow.again = True

    @precondition(lambda self: any(f.state == QUARANTINED for f in self.flows.values()))
    @rule(which=some)
    def end_quarantine(self, which: int) -> None:
        """Its time is over: it is due, and will be refused."""
        self.is_written = True
        flow = pick([f for f in self.flows.values() if f.state == QUARANTINED], which)
        if 0 in flow.decided:
            return
        self.ledger.write(lambda db: held.release(db, flow.id, OUT_OF_QUARANTINE, AT))
        flow.state, flow.lot = RECEIVED, None
        flow.decided[0] = OUT_OF_QUARANTINE

    @precondition(lambda self: self.flows)
    @rule(which=some)
    def replay(self, which: int) -> None:
        """An operator sends a deposit back to the start of the line, unless somebody works on it."""
        self.is_written = True
        flow = pick(list(self.flows.values()), which)
        may = flow.state in (RECEIVED, QUARANTINED) or flow.pending
        if flow.state == REPEATED or not may:
            return
        one = self._deposit(flow)
        done = self.ledger.write(lambda db: shadows.again(db, one, "op", AT))
        assert done is (flow.lot is None)
        if done:
            flow.turns, flow.is_faulted = [], False
            if flow.state == QUARANTINED:
                flow.state = RECEIVED
            elif flow.state != RECEIVED:
                flow.again = True

    # --- what is so after each step -----------------------------------------------------------------------------------

    @invariant()
    def agrees(self) -> None:
        """Every table that the model knows says what the model says."""
        with self.ledger.reading() as db:
            self._deposits_agree(db)
            self._lots_agree(db)
            self._outbox_agrees(db)
            rows = db.execute(text("SELECT scope, number, deposit_id, rank FROM number_claims"))
            assert {(r.scope, r.number): (r.deposit_id, r.rank) for r in rows} == self.numbers

    def _deposits_agree(self, db: Connection) -> None:
        rows = db.execute(text("SELECT id, state, again, lot_id FROM deposits"))
        assert {r.id: (r.state, bool(r.again), r.lot_id) for r in rows} == {
            f.id: (f.state, f.again, f.lot) for f in self.flows.values()
        }
        rows = db.execute(text("SELECT deposit_id, rank, outcome, judgement, total FROM invoices"))
        assert {(r.deposit_id, r.rank): (r.outcome, r.judgement, r.total) for r in rows} == {
            (f.id, i.rank): (i.outcome.value, i.judgement, i.total)
            for f in self.flows.values()
            for i in f.invoices.values()
        }
        rows = db.execute(text("SELECT deposit_id, holds_name, holds_bytes FROM flows"))
        assert {r.deposit_id: (bool(r.holds_name), bool(r.holds_bytes)) for r in rows} == {
            number: (True, self.flows[number].holds_bytes) for number in self.names.values()
        }

    def _lots_agree(self, db: Connection) -> None:
        rows = db.execute(text("SELECT id, attempt, claimed_by FROM lots WHERE state = 'claimed'"))
        assert {r.id: (r.attempt, r.claimed_by) for r in rows} == {
            number: (work.lot.attempt, work.worker) for number, work in self.lots.items() if work.is_open
        }

    def _outbox_agrees(self, db: Connection) -> None:
        rows = db.execute(text("SELECT place, name, state FROM outbox WHERE kind = 'CSO'"))
        assert {(r.place, r.name): r.state for r in rows} == {key: f.state for key, f in self.files.items()}
        assert not [key for key, f in self.files.items() if f.appeared > f.may_appear]
        assert not [key for key, f in self.files.items() if f.state == outbox.SENT and f.appeared != f.may_appear]

    @precondition(lambda self: self.is_written)
    @invariant()
    def adds_up(self) -> None:
        """What `verify` compares: counts, one report each, money, the audit chain."""
        self.is_written = False
        assert samples.broken_rules(self.ledger) == {}
        with self.ledger.reading() as db:
            read, booked = list(invariants.read(db)), list(invariants.booked(db))
            states = invariants.states(db)
            lines = [
                reconcile.deposits(
                    states, invariants.unanswered(db), invariants.answered_too_early(db), invariants.misstated(db)
                ),
                reconcile.doubles(promises.unlinked_doubles(db), promises.nameless_flows(db), sum(states.values())),
                reconcile.checks(
                    promises.unchecked(db), promises.integrated_against(db), promises.count_integrated(db)
                ),
                reconcile.histories(invariants.steps(db)),
                *reconcile.counted(read, booked),
            ]
        assert [line for line in lines if not line.ok] == []
        assert states == dict(Counter(f.state for f in self.flows.values()))
        sums: Counter[str] = Counter()
        for flow in self.flows.values():
            for invoice in flow.invoices.values():
                sums[invoice.outcome.value] += signed(invoice)
        assert Counter({o: n for o, n in sums.items() if n}) == total_of(booked)

    @precondition(lambda self: self.flows)
    @rule(which=some)
    def status(self, which: int) -> None:
        """What people ask: every deposit of a name, its invoices, its files."""
        flow = pick(list(self.flows.values()), which)
        with self.ledger.reading() as db:
            found = queries.flows_named(db, flow.name)
        assert [one.deposit.id for one in found] == [f.id for f in self.flows.values() if f.name == flow.name]
        for one in found:
            known = self.flows[one.deposit.id]
            assert one.deposit.state == known.state
            assert [i.outcome for i in one.invoices] == [i.outcome.value for _, i in sorted(known.invoices.items())]
            assert all(self.files[f.place, f.name].state == f.state for f in one.files if f.kind == "CSO")

    # --- small things -------------------------------------------------------------------------------------------------

    def _write(self, lot: Lot, unit: Callable[[Connection], T]) -> T:
        """As the shell writes: the guarded update of the lot first."""

        def guarded(db: Connection) -> T:
            claims.guard(db, lot, self.now_ms, LIMITS)
            return unit(db)

        done = self.ledger.write(guarded)
        self.lots[lot.id].until_ms = self.now_ms + LIMITS.lease_s * 1000
        return done

    def _opened(self, worker: Worker, lot: Lot) -> None:
        self.lots[lot.id] = Work(lot, worker.token, self.now_ms + LIMITS.lease_s * 1000)
        worker.lot = lot
        with self.ledger.reading() as db:
            worker.heard = held.decisions_on(db, [f.id for f in self._members(lot)])

    def _lost(self, before: Work) -> None:
        """Its worker may still be alive, and not know."""
        for worker in [w for w in self.workers if w.lot is not None and w.lot.id == before.lot.id]:
            self.late.append(Worker(worker.token, worker.lot, worker.heard))
            worker.lot = None

    def _closed(self, lot: Lot) -> None:
        self.lots[lot.id].is_open = False
        for flow in self.flows.values():
            if flow.lot == lot.id and flow.is_due:
                flow.lot = None

    def _free(self) -> list[Worker]:
        return [w for w in self.workers if w.lot is None]

    def _busy(self) -> list[Worker]:
        return [w for w in self.workers if w.lot is not None]

    def _judging(self) -> list[Worker]:
        return [w for w in self._busy() if self._members(self._lot(w))]

    def _late(self) -> list[Worker]:
        """Those whose lot has another attempt, or is closed."""
        found = []
        for worker in self.late:
            lot = self._lot(worker)
            now = self.lots[lot.id]
            if not now.is_open or now.lot.attempt != lot.attempt:
                found.append(worker)
        return found

    def _lot(self, worker: Worker) -> Lot:
        assert worker.lot is not None
        return worker.lot

    def _members(self, lot: Lot) -> list[Flow]:
        return sorted((f for f in self.flows.values() if f.lot == lot.id and f.is_due), key=lambda f: f.id)

    def _pending(self) -> list[Flow]:
        return [f for f in self.flows.values() if f.pending]

    def _served(self, partner: str) -> int:
        return max(
            (n for n, w in self.lots.items() if (w.lot.partner, w.lot.kind) == (partner, claims.JUDGE)), default=0
        )

    def _key(self, partner: str, number: str) -> m.NumberKey:
        return samples.key(number, PARTNERS[partner])

    def _deposit(self, flow: Flow) -> Deposit:
        with self.ledger.reading() as db:
            return next(one.deposit for one in queries.flows_named(db, flow.name) if one.deposit.id == flow.id)


def settled(file: Claimed, doubles: Doubles) -> tuple[m.Finding, ...]:
    """What registration says of doubles: repeated, or refused."""
    if doubles.same is not None:
        return (samples.found(severity=Severity.WARNING),)
    return (samples.found(severity=Severity.FATAL),) if doubles.name or doubles.content else ()


def as_judged(invoice: Invoice) -> m.JudgedInvoice:
    return samples.invoice(
        invoice.rank, invoice.number, invoice.outcome, total=invoice.total, type_code=invoice.type_code
    )


def state_of(invoices: Iterable[Invoice]) -> m.FlowState:
    return judge.state_of([i.outcome for i in invoices], has_refused_file=False)


def report_of(one: Deposit) -> str:
    """The name of its report, as the samples write it."""
    return samples.answered(one, []).files[0].name


def signed(invoice: Invoice) -> int:
    amount = m.millionths(invoice.total) or 0
    return -abs(amount) if invoice.type_code == "381" else amount


def total_of(booked: Iterable[reconcile.Booked]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for one in booked:
        sums[one.outcome] += one.millionths
    return Counter({o: n for o, n in sums.items() if n})


def pick(several: Sequence[T], which: int) -> T:
    return several[which % len(several)]


def dies(now: bool) -> None:
    if now:
        raise Dies


# --- where it runs ----------------------------------------------------------------------------------------------------


class OnSqlite:
    """New ledgers, each a copy of one that was migrated once; in memory where there is a file system in it."""

    def __init__(self) -> None:
        shm = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(prefix="stories-", dir=shm if shm.is_dir() else None)
        self._template = Path(self._folder.name) / "template.sqlite"
        self._made = 0
        made = Ledger.at(self._template)
        made.migrate()
        made.close()

    def __call__(self) -> tuple[Ledger, Callable[[], None]]:
        self._made += 1
        folder = Path(self._folder.name) / str(self._made)
        folder.mkdir()
        shutil.copy(self._template, folder / "ledger.sqlite")
        ledger = Ledger.at(folder / "ledger.sqlite")

        def remove() -> None:
            ledger.close()
            shutil.rmtree(folder)

        return ledger, remove

    def close(self) -> None:
        self._folder.cleanup()


class OnServer:
    """New ledgers on PostgreSQL, each a copy of a database that was migrated once."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._template = server.database()
        made = Ledger.on_server(self._template.url)
        made.migrate()
        made.close()

    def __call__(self) -> tuple[Ledger, Callable[[], None]]:
        database = self._server.database(like=self._template.name)
        ledger = Ledger.on_server(database.url)

        def remove() -> None:
            ledger.close()
            self._server.drop(database.name)

        return ledger, remove

    def close(self) -> None:
        self._server.drop(self._template.name)


def run(
    stories: int, steps: int, *, seed: int | None = None, server: Any = None, is_shrunk: bool = True
) -> None:  # fmt: skip
    """So many random stories of so many steps; raises what breaks one, with the steps that lead there."""
    place = OnServer(server) if server is not None else OnSqlite()
    try:
        machine = type("Stories", (LedgerMachine,), {"make": staticmethod(place)})
        chosen = settings(
            max_examples=stories, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
            derandomize=seed is None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,),
        )  # fmt: skip
        run_state_machine_as_test(with_seed(machine, seed), settings=chosen)
    finally:
        place.close()


def with_seed(machine: type[LedgerMachine], given: int | None) -> type[LedgerMachine]:
    return machine if given is None else seed(given)(machine)
