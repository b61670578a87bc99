"""Our side of files of changes: a mutant read, decided and answered as the runner does it, over a table of stands."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from bench.fuzz.stands import Control, Done, Handled, Lane, Stand, Step
from pipeline import actions, judge, status_intake
from pipeline import model as m
from pipeline.reconcile import control
from pipeline.returns import intake_report
from pipeline.terms import Terms

ROLES = frozenset({"recipient", "accountant"})
LANES = {m.Lane.STATUSES: Lane.STATUSES, m.Lane.ACTIONS: Lane.ACTIONS, m.Lane.CONTROL: Lane.CONTROL}


def answered(
    read: m.Read, stands: Mapping[Lane, Sequence[Stand]], known: m.Known, terms: Terms
) -> tuple[m.IntakeVerdict, bytes]:
    """The verdict and the bytes of the report."""
    rows = () if judge.is_refused(read, terms) else _decided(read, stands, known, terms)
    verdict = judge.conclude_changes(read, rows, terms, known.snapshot)
    return verdict, intake_report.render(verdict, "CPP001", terms)


def _decided(
    read: m.Read, stands: Mapping[Lane, Sequence[Stand]], known: m.Known, terms: Terms
) -> tuple[m.JudgedRow, ...]:
    partner, now = read.received.partner, read.received.received_at
    held = [_standing(rank, one) for rank, one in enumerate(stands[LANES[read.lane]], 1)]
    match read.lane:
        case m.Lane.STATUSES:
            return status_intake.decide(read, ROLES, partner, held, now, terms)
        case m.Lane.ACTIONS:
            return actions.decide(read, partner, held, known, now, terms)
        case m.Lane.CONTROL:
            return control.decide(read, terms)
        case m.Lane.INVOICES:
            raise AssertionError("a flow of invoices changes none")


def _standing(rank: int, one: Stand) -> m.Standing:
    total = int(one.total.replace(".", "")) * 10_000
    return m.Standing(
        deposit_id=1, rank=rank, issuer=one.issuer, flow_name="F",
        received_day=one.status_at.date() - timedelta(days=1), supplier_type=one.supplier_type, supplier=one.supplier,
        supplier_name="Fournisseur", number=one.number, issued=one.issued, type=one.type, framework="A1",
        currency=one.currency, total=one.total, total_millionths=total, recipient=one.recipient,
        recipient_name="Collectivité", service=one.service, commitment=one.commitment,
        receiver=one.receiver, status=f"{one.status:02d}", status_at=one.status_at, sequence=3, routing=0,
        is_handled=one.is_handled, past=frozenset((f"{status:02d}", at) for status, at in one.past),
    )  # fmt: skip


# --- what it would do -------------------------------------------------------------------------------------------------


def done(verdict: m.IntakeVerdict) -> Iterator[Done]:
    """Each row in the words that the other readers are told."""
    controls = {(one.member, one.rank): one for one in verdict.read.controls}
    for row in verdict.rows:
        yield Done(
            row.rank, row.member, row.outcome.value, None if row.standing is None else _key(row.standing),
            tuple(_step(change) for change in row.changes),
            None if row.event is None else (int(row.event[0]), row.event[1], row.event[2]),
            None if row.rerouted is None else (row.rerouted.recipient, row.rerouted.service, row.rerouted.commitment),
            tuple((file.name, file.sha256) for file in row.attachments),
            None if row.handling is None else _handled(row.handling),
            _control(controls.get((row.member, row.rank))),
        )  # fmt: skip


def _key(one: m.Standing) -> tuple[str, str, str, str]:
    return one.supplier_type, one.supplier, one.number, one.issued.isoformat() if one.issued is not None else ""


def _step(change: m.Change) -> Step:
    return Step(
        int(change.to), change.at, change.comment, change.reason, change.mandate, change.set_by, change.producer
    )


def _handled(one: m.Handling) -> Handled:
    credit = one.credit_note.number if one.credit_note is not None else ""
    return Handled(one.reason, one.comment, credit, one.corrective.number if one.corrective is not None else "")


def _control(read: m.ReadControl | None) -> Control | None:
    if read is None or read.flow is None or read.sha256 is None or read.invoices is None:
        return None
    if read.total is None or read.currency is None:
        return None
    return Control(read.flow.text, read.sha256.text, read.invoices, read.total.text, read.currency.text)
