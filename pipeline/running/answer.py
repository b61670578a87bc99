"""The answers to one flow: pivots, integration report, lifecycle return, as objects of the store and outbox rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pipeline import lifecycle
from pipeline.adapters.ledger.commits import Transition
from pipeline.adapters.ledger.held import REFUSE, Decision
from pipeline.adapters.ledger.rows import Deposit, Partner, ToSend
from pipeline.adapters.local_store import COPY_BYTES
from pipeline.audit.form import RESULTS, room
from pipeline.model import InvoiceOutcome, JudgedInvoice, Received, Slice, Verdict
from pipeline.ports import Fault, NewObject, ObjectStore, Said
from pipeline.returns import integration_report, lifecycle_return, names, pivot, pivot_invoice
from pipeline.returns.lifecycle_return import StatusEntry
from pipeline.routing import recipient
from pipeline.terms import Terms

REPORT, LIFECYCLE, PIVOT, REJECTS = "CSO", "FEN1201A", "FEN0036A", "REJETS"
PLATFORM = "platform"
_HEAD_BYTES = 4_096  # supplier and recipient of most invoices stand in them


@dataclass(slots=True)
class Writer:
    """Writes the answers of one commit unit into the store; they are kept together, before the rows are written."""

    store: ObjectStore
    ours: str
    receivers: Mapping[tuple[str, str], str]
    default_receiver: str
    new: list[tuple[str, NewObject]] = field(default_factory=list)

    def keep(self) -> None:
        self.store.keep(self.new)

    def result(self, partner: str, body: bytes) -> str:
        """The object that the unit leaves for the audit; its SHA-256."""
        new = self.begin(room(partner, RESULTS))
        new.write(body)
        new.close()
        return new.sha256

    def mark(self) -> int:
        return len(self.new)

    def drop_since(self, mark: int) -> None:
        """Forget the objects of a flow that could not be answered."""
        for _, one in self.new[mark:]:
            one.drop()
        del self.new[mark:]

    def forget(self, owner: str, sha256: str) -> None:
        """What was written under this digest is not wanted after all."""
        for key in [key for key in self.new if key[0] == owner and key[1].sha256 == sha256]:
            key[1].drop()
            self.new.remove(key)

    def drop(self) -> None:
        for _, one in self.new:
            one.drop()
        self.new.clear()

    def receiver_of(self, invoice: JudgedInvoice) -> str:
        """The partner that receives for this recipient, the longest match first; else the portal."""
        siret = invoice.read.recipient.text if invoice.read.recipient else ""
        service = invoice.read.service.text if invoice.read.service else ""
        return recipient.receiver(siret, service, self.receivers, self.default_receiver)

    def first_answer(
        self, deposit: Deposit, verdict: Verdict, partner: Partner, terms: Terms, spool: Path
    ) -> tuple[dict[int, str], tuple[Transition, ...], tuple[ToSend, ...]]:
        """Everything the first verdict on a flow sends: (receiver by rank, transitions, files)."""
        received = deposit.received
        integrated = [i for i in verdict.invoices if i.outcome is InvoiceOutcome.INTEGRATED]
        receivers = {i.read.rank: self.receiver_of(i) for i in integrated}
        files = []
        for receiver in sorted(set(receivers.values())):
            theirs = [i for i in integrated if receivers[i.read.rank] == receiver]
            for part, units in enumerate(self._parts(theirs, terms, spool), 1):
                name = names.pivot_name(received, receiver, self.ours, part)
                files.append(self._pivot(deposit, name, receiver, units, spool, received.received_at))
        report = integration_report.render(
            verdict, self.ours, terms, lang=partner.lang, report_warnings=partner.report_warnings
        )
        report_name = names.report_name(received, verdict.read.announced, self.ours)
        files.append(self._answer(deposit, REPORT, report_name, report))
        if not integrated:
            return receivers, (), tuple(files)
        name = names.lifecycle_name(received, self.ours)
        entries = lifecycle_return.of_flow(verdict)
        files.append(self._lifecycle(deposit, name, entries, received.received_at))
        return receivers, _integration(deposit, integrated, received.received_at, name), tuple(files)

    def later_answer(
        self, deposit: Deposit, decided: Sequence[JudgedInvoice], partner: Partner, terms: Terms, spool: Path,
        when: datetime, decisions: Mapping[int, Decision],
    ) -> tuple[dict[int, str], tuple[Transition, ...], tuple[ToSend, ...]]:  # fmt: skip
        """What the decision on pending invoices sends: one lifecycle return, and the pivots of those that entered."""
        entries: list[StatusEntry] = []
        transitions: list[Transition] = []
        comments = {rank: f"{d.operator}: {d.reason}" for rank, d in decisions.items()}
        for invoice in decided:
            if invoice.outcome is InvoiceOutcome.INTEGRATED:
                entries += lifecycle_return.of_integration(invoice, when)
                transitions += _integration(deposit, [invoice], when, "", comments)
            else:
                decision = decisions.get(invoice.read.rank)
                reason = decision.reason if decision is not None and decision.choice == REFUSE else ""
                entry = lifecycle_return.of_refusal(invoice, when, partner.lang, operator_reason=reason)
                by_rule = lifecycle_return.of_refusal(invoice, when, partner.lang).comment
                comment = " | ".join(filter(None, (by_rule, comments.get(invoice.read.rank, ""))))
                entries.append(entry)
                status = lifecycle.STATUSES[entry.status].id
                rank = invoice.read.rank
                transitions.append(Transition(deposit.id, rank, 1, f"{status:02d}", when, comment, PLATFORM))
        first, last = (
            names.transition_id(deposit.partner, deposit.name, x.rank, x.sequence)
            for x in (transitions[0], transitions[-1])
        )
        integrated = [i for i in decided if i.outcome is InvoiceOutcome.INTEGRATED]
        receivers = {i.read.rank: self.receiver_of(i) for i in integrated}
        files = []
        for receiver in sorted(set(receivers.values())):
            theirs = [i for i in integrated if receivers[i.read.rank] == receiver]
            for part, units in enumerate(self._parts(theirs, terms, spool), 1):
                name = names.later_pivot_name(deposit.partner, receiver, first, last, self.ours, part)
                files.append(self._pivot(deposit, name, receiver, units, spool, when))
        name = names.later_lifecycle_name(deposit.partner, first, last, self.ours)
        files.append(self._lifecycle(deposit, name, entries, when))
        told = tuple(
            Transition(x.deposit_id, x.rank, x.sequence, x.status, x.at, x.comment, x.set_by, name) for x in transitions
        )
        return receivers, told, tuple(files)

    def _parts(self, invoices: Sequence[JudgedInvoice], terms: Terms, spool: Path) -> Iterable[list["_PivotUnit"]]:
        units = _units_of(invoices, spool)
        return [units[r.start : r.stop] for r in pivot.parts([unit.length for unit in units], terms.pivot)]

    def _pivot(
        self, deposit: Deposit, name: str, receiver: str, units: list["_PivotUnit"], spool: Path, when: datetime
    ) -> ToSend:
        """Copy the units that `read` spooled between the head and the end of one file, never all of them in memory."""
        new = self.begin(receiver)
        day = Received(deposit.partner, "", "", 0, when).day
        new.write(pivot.begin(name, day, receiver, self.ours, len(units)))
        with spool.open("rb") as source:
            for rank, unit in enumerate(units, 1):
                new.write(pivot.open_unit(rank))
                new.write(unit.head)
                source.seek(unit.rest.offset)
                left = unit.rest.length
                while left:
                    part = source.read(min(left, COPY_BYTES))
                    if not part:
                        raise Fault(_short(deposit.name))
                    new.write(part)
                    left -= len(part)
                new.write(pivot.CLOSE_UNIT)
        new.write(pivot.END)
        new.close()
        return ToSend(f"recipients/{receiver}", name, PIVOT, receiver, deposit.id, new.sha256, new.size_bytes)

    def _lifecycle(self, deposit: Deposit, name: str, entries: Sequence[StatusEntry], when: datetime) -> ToSend:
        body = lifecycle_return.render(entries, name=name, partner=deposit.partner, ours=self.ours, when=when)
        return self._answer(deposit, LIFECYCLE, name, body)

    def _answer(self, deposit: Deposit, kind: str, name: str, body: bytes) -> ToSend:
        return self.answer(deposit.partner, deposit.id, kind, name, body)

    def answer(self, partner: str, deposit_id: int | None, kind: str, name: str, body: bytes) -> ToSend:
        """Bytes for a partner's own `out/`."""
        new = self.begin(partner)
        new.write(body)
        new.close()
        return ToSend(f"drop/{partner}", name, kind, partner, deposit_id, new.sha256, new.size_bytes)

    def begin(self, owner: str) -> NewObject:
        new = self.store.begin(owner)
        self.new.append((owner, new))
        return new


def _short(name: str) -> Said:
    return Said(
        f"le fichier de travail de {name} est plus court que prévu ; relancer chorus-edi run",
        f"the spool of {name} is shorter than its records say; run again",
    )


def _slice_of(invoice: JudgedInvoice) -> Slice:
    if invoice.read.pivot is None:
        raise Fault(
            Said(
                f"la facture {invoice.read.rank} du flux est intégrée sans pivot ; erreur interne, à signaler",
                f"invoice {invoice.read.rank} of the flow entered without a pivot unit; this is a bug, report it",
            )
        )
    return invoice.read.pivot


@dataclass(frozen=True, slots=True)
class _PivotUnit:
    """One invoice of a pivot: bytes of the spool, and before them what was written anew of one that was mapped."""

    rest: Slice
    head: bytes = b""

    @property
    def length(self) -> int:
        return len(self.head) + self.rest.length


def _units_of(invoices: Sequence[JudgedInvoice], spool: Path) -> list[_PivotUnit]:
    """What the reader spooled; with the recipient and service that an invoice was mapped to (RTG-013)."""
    if not any(invoice.is_mapped for invoice in invoices):
        return [_PivotUnit(_slice_of(invoice)) for invoice in invoices]
    with spool.open("rb") as source:
        return [_unit_of(invoice, source) for invoice in invoices]


def _unit_of(invoice: JudgedInvoice, source: BinaryIO) -> _PivotUnit:
    whole, head = _slice_of(invoice), b""
    if not invoice.is_mapped:
        return _PivotUnit(whole)
    source.seek(whole.offset)
    while pivot_invoice.DEBTOR_END not in head and len(head) < whole.length:
        part = source.read(min(_HEAD_BYTES, whole.length - len(head)))
        if not part:
            raise Fault(_short(invoice.read.member))
        head += part
    recipient, service = invoice.read.recipient, invoice.read.service
    made = pivot_invoice.mapped(head, recipient.text if recipient else "", service.text if service else "")
    return _PivotUnit(Slice(whole.offset + len(head), whole.length - len(head)), made)


def _integration(
    deposit: Deposit, invoices: Iterable[JudgedInvoice], when: datetime, batch: str,
    comments: Mapping[int, str] | None = None,
) -> tuple[Transition, ...]:  # fmt: skip
    """01, 02 and 03 of each invoice."""
    return tuple(
        Transition(deposit.id, i.read.rank, sequence, f"{lifecycle.STATUSES[status].id:02d}", when,
                   (comments or {}).get(i.read.rank, "") if sequence == 1 else "", PLATFORM, batch)
        for i in invoices
        for sequence, status in enumerate(lifecycle.INTEGRATION, 1)
    )  # fmt: skip
