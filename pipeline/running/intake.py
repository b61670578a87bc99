"""What becomes of one flow of changes, and the files that tell it. Nothing is written in the ledger here.

The moment of a decision is that of the deposit, never that of the work: decided again, a file says the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import actions, judge, status_intake
from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger.changes import Asked
from pipeline.adapters.ledger.rows import Deposit, Partner
from pipeline.model import InvoiceKey, JudgedRow, Known, Lane, Read, Snapshot, Standing
from pipeline.ports import Fault
from pipeline.reconcile import control
from pipeline.returns import intake_report, names
from pipeline.routing import directory, recipient
from pipeline.running import known, pivots_again
from pipeline.running.answer import REPORT, Writer
from pipeline.running.home import Home


@dataclass(frozen=True, slots=True)
class Decided:
    """The rows of a flow, and who gets what is routed again (by the rank of its row)."""

    rows: tuple[JudgedRow, ...] = ()
    receivers: Mapping[int, str] = field(default_factory=dict)
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Decides on the files of one partner."""

    home: Home
    partner: Partner
    receivers: Mapping[tuple[str, str], str]

    def decide(self, db: Connection, deposit: Deposit, read: Read, held: Sequence[Standing]) -> Decided:
        """What becomes of each row; `held`: the invoices that the flow names, as they stand before it."""
        home, code, now = self.home, self.partner.code, deposit.received_at
        terms = home.terms_of[code]
        if judge.is_refused(read, terms):
            return Decided()
        if read.lane is Lane.STATUSES:
            return Decided(status_intake.decide(read, frozenset(self.partner.roles), code, held, now, terms))
        if read.lane is Lane.CONTROL:
            return Decided(control.decide(read, terms))
        facts = self._known(db, deposit, read, held)
        rows = actions.decide(read, code, held, facts, now, terms)
        default = home.settings.default_receiver
        receivers = {
            row.rank: recipient.receiver(row.rerouted.recipient, row.rerouted.service, self.receivers, default)
            for row in rows
            if row.rerouted is not None
        }
        return Decided(rows, receivers, facts.snapshot)

    def _known(self, db: Connection, deposit: Deposit, read: Read, held: Sequence[Standing]) -> Known:
        """The reference rows for what is to be routed again, of the day of the deposit."""
        again = actions.routed(read, self.partner.code, held)
        if not again:
            return Known(None)
        asked = replace(read, invoices=again)
        facts = known.fetch(self.home, db, self.partner, [(deposit, asked)]).of(deposit, asked)
        if facts.snapshot is None:
            raise Fault(directory.none_of(deposit.received.day))
        return facts

    def answer(self, writer: Writer, deposit: Deposit, read: Read, decided: Decided, spool: Path | None) -> Asked:
        """The verdict, and the files that tell it on their way into the store: the report, and pivots made again."""
        home, partner = self.home, self.partner
        terms, ours = home.terms_of[partner.code], home.settings.ours
        verdict = judge.conclude_changes(read, decided.rows, terms, decided.snapshot)
        report = intake_report.render(verdict, ours, terms, lang=partner.lang, report_warnings=partner.report_warnings)
        name = names.report_name(deposit.received, read.announced, ours)
        files = [writer.answer(partner.code, deposit.id, REPORT, name, report)]
        files += pivots_again.written(
            home, writer, verdict.rows, decided.receivers, spool, deposit.received_at, terms, deposit.id
        )
        return Asked(verdict.rows, tuple(files), decided.receivers, deposit, verdict)


def keys_of(read: Read) -> tuple[InvoiceKey, ...]:
    """Every invoice that a flow of changes names."""
    if read.lane is Lane.ACTIONS:
        return actions.named(read)
    return tuple(row.invoice for row in read.statuses)
