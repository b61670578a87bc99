"""What was decided on pending invoices after the backup, as the lifecycle return that told it says.

The return's name follows from the flow, the ranks and the steps that it tells: one that fits a pending flow is ours. An
integrated invoice must have its pivot in the store of its receiver too, where no issuer can put a file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pipeline import codes, judge, lifecycle
from pipeline.adapters.ledger import held, mapping, recovered
from pipeline.adapters.ledger.commits import DecidedLater, Transition
from pipeline.adapters.ledger.recovered import Pending
from pipeline.adapters.ledger.rows import Deposit, ToSend
from pipeline.codes import Severity
from pipeline.model import Finding, InvoiceOutcome, JudgedInvoice, ReadInvoice
from pipeline.returns import names
from pipeline.returns.told import ReturnTold, StatusTold
from pipeline.running.answer import LIFECYCLE, PIVOT, PLATFORM, Writer
from pipeline.running.lease import Lease
from pipeline.running.retell import Retelling, write_unit
from pipeline.values import Text

_CODES = re.compile(r"([A-Z]{3}-[0-9]{3}(?:, [A-Z]{3}-[0-9]{3})*) : ", re.ASCII)
_ENTERED = tuple(lifecycle.STATUSES[status].id for status in lifecycle.INTEGRATION)
_REFUSED = (lifecycle.STATUSES[lifecycle.Status.NON_COMPLIANT].id,)


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a return, on the pending invoice that it is about."""

    invoice: Pending
    sequence: int
    entry: StatusTold


def steps_of(told: ReturnTold, waiting: Sequence[Pending]) -> list[Step]:
    """The entries as steps of these pending invoices of one flow; none where the return is not about them."""
    by_key = {(one.supplier_type, one.supplier, one.number): one for one in waiting}
    steps: list[Step] = []
    reached: dict[int, int] = {}
    for entry in told.entries:
        invoice = by_key.get((entry.supplier_type, entry.supplier, entry.number))
        if invoice is None:
            return []
        reached[invoice.rank] = reached.get(invoice.rank, 0) + 1
        steps.append(Step(invoice, reached[invoice.rank], entry))
    flow = waiting[0].deposit
    first, last = (names.transition_id(flow.partner, flow.name, x.invoice.rank, x.sequence) for x in _ends(steps))
    ours = told.name[-25:][:6]
    return steps if told.name == names.later_lifecycle_name(flow.partner, first, last, ours) else []


def take(retelling: Retelling, told: ReturnTold, steps: Sequence[Step]) -> bool:
    """Write what was decided; False where something of it is missing, and nothing is written."""
    home, deposit = retelling.home, steps[0].invoice.deposit
    writer = Writer(home.store, home.settings.ours, retelling.receivers, home.settings.default_receiver)
    with home.ledger.reading() as db:
        mapped = mapping.settled(db, [deposit.id]).get(deposit.id, {})
    read = {invoice.rank: _as_mapped(invoice, mapped) for invoice in retelling.read(deposit).invoices}
    changed: list[JudgedInvoice] = []
    for rank, several in groupby(sorted(steps, key=lambda x: (x.invoice.rank, x.sequence)), lambda x: x.invoice.rank):
        theirs = list(several)
        statuses = tuple(step.entry.status for step in theirs)
        if rank not in read or statuses not in {_ENTERED, _REFUSED}:
            return False
        outcome = InvoiceOutcome.INTEGRATED if statuses == _ENTERED else InvoiceOutcome.REFUSED
        found = () if outcome is InvoiceOutcome.INTEGRATED else tuple(_findings(theirs[-1].entry.comment))
        changed.append(JudgedInvoice(read[rank], found, outcome, None))
    receivers = {i.read.rank: writer.receiver_of(i) for i in changed if i.outcome is InvoiceOutcome.INTEGRATED}
    files = _files(retelling, told, steps, deposit, sorted(set(receivers.values())))
    if files is None:
        return False
    with home.ledger.reading() as db:
        outcomes = recovered.outcomes(db, deposit.id) | {i.read.rank: i.outcome for i in changed}
        refused_files = held.members_refused(db, [deposit.id]).get(deposit.id, 0)
    transitions = tuple(
        Transition(deposit.id, x.invoice.rank, x.sequence, f"{x.entry.status:02d}", x.entry.when, x.entry.comment,
                   PLATFORM, told.name)
        for x in steps
    )  # fmt: skip
    judgement = {step.invoice.rank: step.invoice.judgement + 1 for step in steps}
    decided = DecidedLater(
        deposit, judge.state_of(outcomes.values(), has_refused_file=refused_files > 0), tuple(changed), judgement,
        receivers, transitions, files,
        is_wholly_refused=all(outcome is InvoiceOutcome.REFUSED for outcome in outcomes.values()),
    )  # fmt: skip
    try:
        with Lease(home, retelling.claimed(deposit)) as lease:
            write_unit(home, lease, writer, later=[decided])
    finally:
        writer.drop()
    return True


def _files(
    retelling: Retelling, told: ReturnTold, steps: Sequence[Step], deposit: Deposit, receivers: Sequence[str]
) -> tuple[ToSend, ...] | None:
    """The return and the pivots as they are stored; None where a receiver's pivot is not."""
    stored, partner = retelling.stored, deposit.partner
    first, last = (names.transition_id(partner, deposit.name, x.invoice.rank, x.sequence) for x in _ends(steps))
    ours = told.name[-25:][:6]
    found = [(f"drop/{partner}", told.name, LIFECYCLE, partner, stored.named(partner, told.name))]
    for receiver in receivers:
        part = 1
        while sha256 := stored.named(
            receiver, name := names.later_pivot_name(partner, receiver, first, last, ours, part)
        ):
            found.append((f"recipients/{receiver}", name, PIVOT, receiver, sha256))
            part += 1
        if part == 1:
            return None
    files = [
        ToSend(place, name, kind, owner, deposit.id, sha256 or "", stored.size_of(owner, sha256 or "") or 0)
        for place, name, kind, owner, sha256 in found
    ]
    return tuple(replace(file, state=retelling.whereabouts.state_of(file)) for file in files)


def _as_mapped(invoice: ReadInvoice, mapped: Mapping[int, tuple[str, str]]) -> ReadInvoice:
    """The invoice with the recipient and service that it was mapped to when it was judged first: who gets its pivot."""
    if invoice.rank not in mapped:
        return invoice
    siret, service = mapped[invoice.rank]
    return replace(invoice, recipient=Text(siret, "BT-47", "", 0), service=Text(service, "BT-10", "", 0))


def _findings(comment: str) -> list[Finding]:
    """The rules that a refusal names; an operator's own words name none, and then it is what held the invoice."""
    named = _CODES.match(comment)
    rules = [rule for rule in named[1].split(", ") if rule in codes.ALL] if named else []
    return [Finding(rule, rule, Severity.ERROR) for rule in rules or [codes.CMT_005.id]]


def _ends(steps: Sequence[Step]) -> tuple[Step, Step]:
    return steps[0], steps[-1]
