"""A flow whose report the store has and the restored ledger lacks is written into the ledger again, as it was told.

Same bytes, same terms, same reference data give the same report, byte for byte: a flow that is judged again to the
report that was stored is *proved*. Where they are no longer the same (another version, a directory that is gone) it is
written *as told*: what the stored report and lifecycle return say of each invoice counts. Where even that cannot be,
it is *set apart* with its report, and is answered no second time.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256 as digest
from pathlib import Path

from pipeline import codes, judge
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import (
    Connection,
    audit,
    changes,
    claims,
    commits,
    deposits,
    held,
    now_ms,
    recovered,
    standings,
)
from pipeline.adapters.ledger.changes import Asked
from pipeline.adapters.ledger.commits import Answered, DecidedLater
from pipeline.adapters.ledger.deposits import Claimed
from pipeline.adapters.ledger.rows import RECEIVED, Deposit, Lot, Partner, ToSend, moment
from pipeline.adapters.read_pool import ReadPool
from pipeline.adapters.system_errors import as_fault
from pipeline.audit.form import result_object
from pipeline.codes import Severity
from pipeline.model import Finding, FlowState, InvoiceOutcome, JudgedInvoice, Lane, NumberKey, Read, Verdict
from pipeline.ports import Fault, Said
from pipeline.reconcile import ANSWERED
from pipeline.returns import names
from pipeline.returns.report_rows import FUNCTIONAL, PENDING, TECHNICAL, WARNING
from pipeline.returns.told import LineTold, ReportTold
from pipeline.routing import directory
from pipeline.running import known
from pipeline.running.answer import LIFECYCLE, PIVOT, REPORT, Writer
from pipeline.running.home import Home
from pipeline.running.intake import Desk, keys_of
from pipeline.running.intake_unit import result_body
from pipeline.running.lease import Lease
from pipeline.running.reading import ask
from pipeline.running.receive import Settler
from pipeline.running.stored import Stored, Whereabouts
from pipeline.running.unit import integrated_by_operator, refused_by_operator, result_flow

_NOT_YET = 1 << 62  # the number of a deposit that has no row: after all others
_SEVERITIES = {TECHNICAL: Severity.ERROR, FUNCTIONAL: Severity.ERROR, WARNING: Severity.WARNING, PENDING: Severity.HOLD}


@dataclass(frozen=True, slots=True)
class Retold:
    """A flow to write again: its deposit where the ledger has one, and its reports in the store (digest, report).

    Without a report it is one that was due when the backup was made: who knows what became of it since.
    """

    deposit: Deposit
    reports: tuple[tuple[str, ReportTold], ...] = ()

    @property
    def is_new(self) -> bool:
        return self.deposit.id == _NOT_YET

    @property
    def shown(self) -> str:
        return f"{self.deposit.partner}/{self.deposit.name}"


class Retelling:
    """Writes flows again, one by one: every one is a transaction of its own, and safe to repeat."""

    def __init__(
        self, home: Home, pool: ReadPool, stored: Stored, whereabouts: Whereabouts,
        receivers: Mapping[tuple[str, str], str], partners: Mapping[str, Partner],
    ) -> None:  # fmt: skip
        self.home, self.pool, self.stored, self.whereabouts = home, pool, stored, whereabouts
        self.receivers, self.partners = receivers, partners
        self._spool: Path = home.presence.spool / "retold.pivot"

    def flow(self, reports: Sequence[tuple[str, ReportTold]]) -> Retold | None:
        """The flow that these reports tell; None where the ledger knows its answer."""
        told = reports[0][1]
        received = told.received
        raw = received.name.encode("utf-8", "surrogateescape")
        with self.home.ledger.reading() as db:
            row = recovered.found(db, received.partner, raw, received.sha256)
        if row is not None:
            return None if row.state in ANSWERED else Retold(row, tuple(reports))
        size_bytes = self.stored.size_of(received.partner, received.sha256)
        new = Claimed(
            received.partner, claim_key(raw, received.sha256), raw, received.sha256, size_bytes or 0,
            size_bytes is not None or not self._is_too_large(reports[0]), received.received_at,
        )  # fmt: skip
        deposit = Deposit(
            _NOT_YET, new.partner, new.claim, raw, received.name, new.sha256, new.size_bytes, new.is_kept,
            new.received_at, RECEIVED,
        )  # fmt: skip
        if received.partner in self.partners:
            with self.home.ledger.reading() as db:
                settled = self._settler(deposit).settle(new, deposits.doubles_of(db, new))
            deposit = replace(deposit, settled=settled)
        return Retold(deposit, tuple(reports))

    # --- three ways ---

    def prove(self, flow: Retold) -> Said | None:
        """Judge it again; written where the report is the stored one. Else the reason why not."""
        try:
            return self._answer(flow, lambda verdict: verdict)
        except Exception as error:
            return as_fault(error).said

    def take_as_told(self, flow: Retold) -> Said | None:
        """Write what the stored returns say of each invoice; the reason where they cannot say it."""
        try:
            if not flow.deposit.is_kept:
                return self._take_unread(flow)
            return self._answer(flow, lambda verdict: self._as_told(flow, verdict), is_told=True)
        except Exception as error:
            return as_fault(error).said

    def set_apart(self, flow: Retold, why: Said) -> None:
        """Keep it from being answered a second time: apart, with its report, until somebody has looked."""
        home = self.home
        deposit = self._registered(flow)
        with Lease(home, self.claimed(deposit)) as lease:
            faults = {deposit.id: _ANSWERED.because(why).then(_LOOK_AGAIN)}
            at = home.clock.now()
            files = [] if self._has_report(deposit) else [self._report_of(flow, deposit)]

            def write(db: Connection) -> None:
                claims.give_back(db, lease.lot, faults, home.turn, quarantine=True)
                if files:
                    recovered.remember(db, deposit.partner, at, {"apart": deposit.id}, files)

            lease.write(write)

    # --- judging it again ---

    def _answer(
        self, flow: Retold, conclude: Callable[[Verdict], Verdict | None], *, is_told: bool = False
    ) -> Said | None:
        deposit = flow.deposit
        if deposit.partner not in self.partners:
            return _no_sheet(deposit.partner)
        if not deposit.is_kept:
            return _NO_BYTES
        try:
            read = self._read(deposit)
            if read.lane is not Lane.INVOICES:
                return self._answer_changes(flow, read)
            verdict = conclude(self._judged(deposit, read))
            if verdict is None:
                return _OTHERWISE
            return self._write(flow, verdict, is_told=is_told)
        finally:
            self._spool.unlink(missing_ok=True)

    def _write(self, flow: Retold, verdict: Verdict, *, is_told: bool) -> Said | None:
        deposit, home = flow.deposit, self.home
        writer = Writer(home.store, home.settings.ours, self.receivers, home.settings.default_receiver)
        try:
            receivers, transitions, files = writer.first_answer(
                deposit, verdict, self.partners[deposit.partner], home.terms_of[deposit.partner], self._spool
            )
            if flow.reports and not self._is_mapped_as_it_was(verdict, files):
                return _OTHERWISE
            if is_told:
                files = self._stored_files(flow, writer, files)
            elif flow.reports and not any(
                file.kind == REPORT and file.sha256 == sha256 for file in files for sha256, _ in flow.reports
            ):
                return _OTHERWISE
            self._commit(flow, Answered(deposit, verdict, receivers, transitions, files), writer)
        finally:
            writer.drop()
        return None

    def read(self, deposit: Deposit) -> Read:
        """What stands in the stored bytes."""
        return ask(self.home, self.pool, deposit, self._spool).result()

    def _read(self, deposit: Deposit) -> Read:
        if not deposit.size_bytes:  # its bytes were missing when it was written again
            deposit = replace(deposit, size_bytes=self.stored.size_of(deposit.partner, deposit.sha256) or 0)
        return self.read(deposit)

    def _judged(self, deposit: Deposit, read: Read) -> Verdict:
        """As it was judged on its day: with the directory of that day, and with what was known of commitments then."""
        then = replace(self.home, clock=FixedClock(deposit.received_at))
        partner, terms = self.partners[deposit.partner], self.home.terms_of[deposit.partner]
        with self.home.ledger.reading() as db:
            facts = known.fetch(then, db, partner, [(deposit, read)]).of(deposit, read)
            operators = held.decisions_on(db, [deposit.id]).get(deposit.id, {})
            if facts.snapshot is None and not judge.is_refused(read, terms):
                raise Fault(directory.none_of(deposit.received.day))
            decided = judge.decide(read, replace(facts, operator_reason=integrated_by_operator(operators)), terms)
            lost = commits.others_have(db, [(key, deposit, rank) for rank, key in decided.wanted])
        verdict = judge.conclude(decided, {key: owner for (key, _, _), owner in lost.items()}, terms)
        invoices = tuple(refused_by_operator(i, operators.get(i.read.rank)) for i in verdict.invoices)
        return replace(verdict, invoices=invoices, state=judge.flow_state(read, invoices, terms))

    # --- changes after integration ---

    def _answer_changes(self, flow: Retold, read: Read) -> Said | None:
        """A flow of changes is decided again, where its invoices stand now; only to the very report that was stored.

        What it did cannot be taken from its report: a row that was applied is no line of it.
        """
        home, partner = self.home, self.partners[flow.deposit.partner]
        desk = Desk(replace(home, clock=FixedClock(flow.deposit.received_at)), partner, self.receivers)
        writer = Writer(home.store, home.settings.ours, self.receivers, home.settings.default_receiver)
        try:
            with home.ledger.reading() as db:
                held = standings.find(db, keys_of(read))
                decided = desk.decide(db, flow.deposit, read, held)
            asked = desk.answer(writer, flow.deposit, read, decided, self._spool)
            digests = {sha256 for sha256, _ in flow.reports}
            if digests and not any(file.kind == REPORT and file.sha256 in digests for file in asked.files):
                return _OTHERWISE
            self._commit_changes(flow, asked, writer)
        finally:
            writer.drop()
        return None

    def _commit_changes(self, flow: Retold, asked: Asked, writer: Writer) -> None:
        """The same of changes: nothing leaves, what may have left is in doubt."""
        home = self.home
        deposit = self._registered(flow)
        has_report = self._has_report(deposit)
        own = flow.deposit.id
        files = tuple(
            replace(
                file, deposit_id=deposit.id if file.deposit_id == own else file.deposit_id,
                state=self.whereabouts.state_of(file),
            )
            for file in asked.files
            if not (has_report and file.kind == REPORT)
        )  # fmt: skip
        unit = changes.rows_of([replace(asked, deposit=deposit, files=files)], home.clock.now())
        with Lease(home, self.claimed(deposit)) as lease:
            if deposit.is_kept and not deposit.size_bytes:
                lease.write(lambda db: recovered.hold_bytes(db, deposit))
            with home.ledger.reading() as db:
                stands_on = audit.head(db, deposit.partner)
            result = writer.result(deposit.partner, result_body(lease.lot, unit, unit.at, stands_on))
            writer.keep()
            lease.write(lambda db: changes.commit(db, unit, lease.lot, result))

    # --- as it was told ---

    def _as_told(self, flow: Retold, verdict: Verdict) -> Verdict | None:
        """The verdict with the outcomes that were told; None where the stored returns do not fit what was read."""
        if len(flow.reports) != 1:
            return None
        sha256, told = flow.reports[0]
        lines = self.stored.lines_of(flow.deposit.partner, sha256)
        entered = self._entered(flow, told)
        if told.state is FlowState.REJECTED and not entered and not any(_is_of_an_invoice(line) for line in lines):
            found = tuple(_finding(line, Severity.FATAL) for line in lines if line.nature == TECHNICAL)
            return replace(verdict, state=told.state, findings=found or verdict.findings, invoices=())
        invoices = tuple(self._invoice_as_told(invoice, lines, entered) for invoice in verdict.invoices)
        has_refused_file = any(member.is_refused for member in verdict.read.members)
        state = judge.state_of((i.outcome for i in invoices), has_refused_file=has_refused_file)
        if entered.total() or state is not told.state:
            return None
        if self.partners[flow.deposit.partner].maps_recipients and any(
            now.outcome is InvoiceOutcome.INTEGRATED and before.outcome is InvoiceOutcome.REFUSED
            for now, before in zip(invoices, verdict.invoices, strict=True)
        ):
            return None  # by names that are gone, perhaps: nobody knows any more where it went
        return replace(verdict, state=state, invoices=invoices)

    def _is_mapped_as_it_was(self, verdict: Verdict, files: Sequence[ToSend]) -> bool:
        """What was mapped went out under the same names as today: a report does not tell them, the pivot does."""
        if not any(i.is_mapped and i.outcome is InvoiceOutcome.INTEGRATED for i in verdict.invoices):
            return True
        return all(self.stored.named(f.owner, f.name) == f.sha256 for f in files if f.kind == PIVOT)

    def _take_unread(self, flow: Retold) -> Said | None:
        """A flow that was refused for its size: its bytes were never kept, and its report says all there is."""
        deposit = flow.deposit
        if deposit.partner not in self.partners:
            return _no_sheet(deposit.partner)
        sha256, told = flow.reports[0]
        lines = self.stored.lines_of(deposit.partner, sha256)
        if told.state is not FlowState.REJECTED or not any(line.rule == codes.FLW_009.id for line in lines):
            return _NO_BYTES
        found = tuple(_finding(line, Severity.FATAL) for line in lines if line.nature == TECHNICAL)
        read = Read(deposit.received, told.announced, told.announced, found, (), (), ())
        return self._write(flow, Verdict(read, told.state, found, (), None, ()), is_told=True)

    def _entered(self, flow: Retold, told: ReportTold) -> Counter[tuple[str, str, str]]:
        """The invoices that a lifecycle return said were integrated."""
        ours = told.name[-25:][:6]
        name = names.lifecycle_name(told.received, ours)
        found = self.stored.entries_of(flow.deposit.partner, name)
        return Counter((e.supplier_type, e.supplier, e.number) for e in found if e.status == 1)

    def _invoice_as_told(
        self, invoice: JudgedInvoice, lines: Sequence[LineTold], entered: Counter[tuple[str, str, str]]
    ) -> JudgedInvoice:
        read = invoice.read
        supplier = read.supplier.identifier.text if read.supplier.identifier else ""
        number, recipient = read.number.text if read.number else "", read.recipient.text if read.recipient else ""
        theirs = [line for line in lines if line.is_of(number, supplier, recipient)]
        key = (read.supplier.type, supplier, number)
        if entered[key] > 0:
            entered[key] -= 1
            outcome = InvoiceOutcome.INTEGRATED
        elif any(line.nature == PENDING for line in theirs):
            outcome = InvoiceOutcome.PENDING
        else:
            outcome = InvoiceOutcome.REFUSED
        if outcome is invoice.outcome:
            return invoice
        return replace(
            invoice, outcome=outcome, findings=tuple(_finding(line, _SEVERITIES[line.nature]) for line in theirs)
        )

    def _stored_files(self, flow: Retold, writer: Writer, files: Sequence[ToSend]) -> tuple[ToSend, ...]:
        """The files as they were stored, under the names that were told; what is made anew is kept where none was."""
        found = []
        for file in files:
            sha256, name = None, file.name
            if file.kind == REPORT:
                sha256, name = flow.reports[0][0], flow.reports[0][1].name
            elif file.kind in {LIFECYCLE, PIVOT}:
                sha256 = self.stored.named(file.owner, file.name)
            if sha256 is None or sha256 == file.sha256:
                found.append(replace(file, name=name))
                continue
            writer.forget(file.owner, file.sha256)
            size_bytes = self.stored.size_of(file.owner, sha256) or 0
            found.append(replace(file, name=name, sha256=sha256, size_bytes=size_bytes))
        return tuple(found)

    # --- writing ---

    def _commit(self, flow: Retold, answered: Answered, writer: Writer) -> None:
        """Bytes first, then all rows: nothing leaves, what may have left is in doubt."""
        home = self.home
        deposit = self._registered(flow)
        has_report = self._has_report(deposit)
        files = tuple(
            replace(file, deposit_id=deposit.id, state=self.whereabouts.state_of(file))
            for file in answered.files
            if not (has_report and file.kind == REPORT)
        )
        steps = tuple(replace(step, deposit_id=deposit.id) for step in answered.transitions)
        one = replace(answered, deposit=deposit, transitions=steps, files=files)
        numbers = [
            (invoice.claim, deposit, invoice.read.rank)
            for invoice in one.verdict.invoices
            if invoice.outcome is not InvoiceOutcome.REFUSED and invoice.claim is not None
        ]
        with Lease(home, self.claimed(deposit)) as lease:
            if deposit.is_kept and not deposit.size_bytes:
                lease.write(lambda db: recovered.hold_bytes(db, deposit))
            write_unit(home, lease, writer, [one], numbers=numbers)

    def _registered(self, flow: Retold) -> Deposit:
        """The row of the flow, written where there is none."""
        if not flow.is_new:
            return flow.deposit
        d = flow.deposit
        new = Claimed(d.partner, d.claim, d.name_bytes, d.sha256, d.size_bytes, d.is_kept, d.received_at)
        settler = self._settler(d)
        rows = self.home.ledger.write(lambda db: deposits.register(db, d.partner, [new], settler.settle))
        if rows:
            return rows[0]
        with self.home.ledger.reading() as db:
            found = recovered.found(db, d.partner, d.name_bytes, d.sha256)
        if found is None:
            raise AssertionError("it was registered just now")
        return found

    def claimed(self, deposit: Deposit) -> Lot:
        """A lot of this deposit alone, whatever else is due."""
        token, limits = self.home.presence.token, self.home.settings.work
        return self.home.ledger.write(
            lambda db: recovered.claim_these(db, deposit.partner, [deposit.id], token, now_ms(db), limits)
        )

    def _has_report(self, deposit: Deposit) -> bool:
        with self.home.ledger.reading() as db:
            return recovered.has_report(db, deposit.id)

    def _report_of(self, flow: Retold, deposit: Deposit) -> ToSend:
        sha256, told = flow.reports[0]
        size_bytes = self.stored.size_of(deposit.partner, sha256) or 0
        file = ToSend(f"drop/{deposit.partner}", told.name, REPORT, deposit.partner, deposit.id, sha256, size_bytes)
        return replace(file, state=self.whereabouts.state_of(file))

    def _is_too_large(self, report: tuple[str, ReportTold]) -> bool:
        """Its report refuses it for its size: its bytes were never kept."""
        lines = self.stored.lines_of(report[1].received.partner, report[0])
        return any(line.rule == codes.FLW_009.id for line in lines)

    def _settler(self, deposit: Deposit) -> Settler:
        return Settler(self.home, self.partners.get(deposit.partner) or Partner(deposit.partner))


def write_unit(
    home: Home, lease: Lease, writer: Writer, first: Sequence[Answered] = (), later: Sequence[DecidedLater] = (),
    numbers: Sequence[tuple[NumberKey, Deposit, int]] = (),
) -> None:  # fmt: skip
    """The objects of a unit, then all of its rows, as every unit writes them."""
    lot, at = lease.lot, home.clock.now()
    with home.ledger.reading() as db:
        stands_on = audit.head(db, lot.partner)
    unit = commits.rows_of(first, later)
    flows = [result_flow(a.deposit, a.verdict.state, a.verdict.invoices, a.files) for a in first]
    flows += [result_flow(d.deposit, d.state, d.changed, d.files) for d in later]
    body = result_object(lot.partner, lot.id, lot.attempt, moment(at), stands_on, unit.cover, flows)
    result = writer.result(lot.partner, body)
    writer.keep()

    def write(db: Connection) -> None:
        if commits.reserve(db, numbers):
            raise Fault(_NUMBER_TAKEN)
        commits.commit(db, lot, unit, at, result)

    lease.write(write)


def claim_key(name: bytes, sha256: str) -> str:
    """A natural key; those of dropped files begin with 16 hexadecimal digits."""
    return f"restored-{digest(name).hexdigest()[:16]}-{sha256}"


def _finding(line: LineTold, severity: Severity) -> Finding:
    """A line of a report as a finding: the rule it names; its facts are in the report alone."""
    code = line.rule if line.rule in codes.ALL else codes.OFF_002.id
    return Finding(line.rule, code, severity)


def _is_of_an_invoice(line: LineTold) -> bool:
    return line.nature in {FUNCTIONAL, PENDING}


def _no_sheet(code: str) -> Said:
    return Said(
        f"le partenaire {code} n'a plus de fiche ; chorus-edi partners add {code} --name NOM lui en rend une",
        f"partner {code} has no sheet; `chorus-edi partners add {code}` gives it one",
    )


_NO_BYTES = Said("ses octets ne sont pas gardés", "its bytes are not kept")
_OTHERWISE = Said("jugé à nouveau, il donne un autre compte rendu", "judged again, it gives another report")
_ANSWERED = Said(
    "répondu après la sauvegarde, il n'est pas répondu une seconde fois",
    "answered after the backup, it is not answered a second time",
)
_LOOK_AGAIN = Said(
    "remettre ce qui manque, puis chorus-edi restore sans SOURCE (docs/ops/backup.md)",
    "put back what is missing, then `chorus-edi restore` without SOURCE (docs/ops/backup.md)",
)
_NUMBER_TAKEN = Said("un autre flux tient un de ses numéros", "another flow holds one of its numbers")
