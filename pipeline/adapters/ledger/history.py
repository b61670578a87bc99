"""What became of invoices, invoice by invoice: every status with whose word it was, what it brought, who was told.

A query a table for all the invoices that are asked for, never one for each of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, and_, select

from pipeline.adapters.ledger import pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import chunks, column_finding
from pipeline.lifecycle import INTEGRATION
from pipeline.model import Finding, RowOutcome
from pipeline.returns import names

Here = tuple[int, int]  # deposit and rank of an invoice
LIFECYCLE, PIVOT = "FEN1201A", "FEN0036A"
_DEPOSITED = "01"  # where a recycled invoice begins again
_COMPLETED = "12"


@dataclass(frozen=True, slots=True)
class Source:
    """The row of a file that asked for something."""

    deposit_id: int
    partner: str
    flow_name: str
    sha256: str
    received_at: datetime
    row: int


@dataclass(frozen=True, slots=True)
class Step:
    """One status of an invoice's history: who set it, why, who asked, and which lifecycle return told it."""

    sequence: int
    status: str
    at: datetime
    comment: str
    set_by: str
    told_in: str
    reason: str = ""  # a code of the list of reasons
    mandate: str = ""  # of 08
    producer: str = ""  # application code of who asked
    operator: str = ""  # of a command
    source: Source | None = None  # None: integration, or a command


@dataclass(frozen=True, slots=True)
class Rerouting:
    """Where a recycled invoice goes from a status (01) on, and where it went before."""

    ordinal: int
    sequence: int
    from_recipient: str
    from_service: str
    from_commitment: str
    from_receiver: str
    recipient: str
    recipient_name: str
    service: str
    commitment: str
    receiver: str
    snapshot: str


@dataclass(frozen=True, slots=True)
class RawStatus:
    """A status without a published label: kept as it came, never where the invoice stands."""

    ordinal: int
    code: str
    at: datetime
    comment: str
    producer: str
    source: Source | None


@dataclass(frozen=True, slots=True)
class AddedFile:
    """What an issuer added to a suspended invoice, with the status (12) it came with."""

    sequence: int
    position: int
    name: str
    mime: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Linked:
    """Another invoice of the same chain: original, credit note, corrective."""

    deposit_id: int
    rank: int
    flow_name: str
    supplier: str
    number: str
    total: str
    currency: str
    status: str


@dataclass(frozen=True, slots=True)
class HandledReject:
    """A rejected invoice that its issuer has dealt with, and what took its place."""

    at: datetime
    reason: str
    comment: str
    credit_note: Linked | None
    corrective: Linked | None
    operator: str
    source: Source | None


@dataclass(frozen=True, slots=True)
class Replaced:
    """What this invoice took the place of: it is the credit note, or the corrective, of a rejected one."""

    role: str  # credit_note, corrective
    original: Linked


@dataclass(frozen=True, slots=True)
class Decided:
    """An operator's word on an invoice that was held."""

    choice: str
    operator: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file of the outbox."""

    place: str
    name: str
    kind: str
    state: str
    sha256: str
    size_bytes: int


@dataclass(slots=True)
class Story:
    """What became of one invoice."""

    findings: list[Finding] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    reroutings: list[Rerouting] = field(default_factory=list)
    raw: list[RawStatus] = field(default_factory=list)
    added: list[AddedFile] = field(default_factory=list)
    handled: HandledReject | None = None
    replaces: list[Replaced] = field(default_factory=list)
    decided: Decided | None = None
    files: list[SentFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TakenRow:
    """One row of a file of changes, and what became of it."""

    row: int
    outcome: str  # applied, repeated, kept, refused
    invoice: Linked | None  # None where it named nothing that its sender may know
    statuses: tuple[str, ...]  # that it set, or kept
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Intake:
    """How many rows of a file of changes became what."""

    lane: str
    read: int
    applied: int
    repeated: int
    kept: int
    refused: int


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A flow as its issuer dropped it, says its control file."""

    position: int
    flow: str
    sha256: str
    invoices: int
    total: str
    currency: str


# --- of invoices ------------------------------------------------------------------------------------------------------


def stories(db: Connection, invoices: Sequence[Any]) -> dict[Here, Story]:
    """What became of these invoices; `invoices`: rows of that table."""
    told = {(r.deposit_id, r.rank): Story() for r in invoices}
    row_of = {(r.deposit_id, r.rank): r for r in invoices}
    for r in _of(db, t.findings, told, "judgement", "position"):
        if r.judgement == row_of[r.deposit_id, r.rank].judgement:
            told[r.deposit_id, r.rank].findings.append(column_finding(r._mapping))
    changes = {(r.deposit_id, r.rank, r.sequence): r for r in _of(db, t.changes, told, "sequence")}
    raw = list(_of(db, t.events, told, "ordinal"))
    dealt = list(_of(db, t.handled, told))
    sources = _sources(db, {r.source_id for r in (*changes.values(), *raw, *dealt) if r.source_id})
    for r in _of(db, t.transitions, told, "sequence"):
        told[r.deposit_id, r.rank].steps.append(_step(r, changes.get((r.deposit_id, r.rank, r.sequence)), sources))
    for r in raw:
        told[r.deposit_id, r.rank].raw.append(
            RawStatus(r.ordinal, r.code, _at(r.at), r.comment, r.producer, _source(r, sources))
        )
    for here, several in _grouped(_of(db, t.routings, told, "ordinal")).items():
        told[here].reroutings += _reroutings(row_of[here], several)
    for r in _of(db, t.additions, told, "sequence", "position"):
        told[r.deposit_id, r.rank].added.append(
            AddedFile(r.sequence, r.position, r.name, r.mime, r.sha256, r.size_bytes)
        )
    for r in _of(db, t.decisions, told):
        told[r.deposit_id, r.rank].decided = Decided(r.choice, r.operator, r.reason, _at(r.at))
    _chains(db, told, dealt, sources)
    _files(db, told, row_of, changes.values())
    return told


def _of(db: Connection, table: Table, which: Iterable[Here], *order: str) -> Iterator[Any]:
    """The rows of a table that belong to these invoices, in their order."""
    for part in pairs.parts(which):
        some = pairs.wanted(part)
        query = select(table).join(some, pairs.holds(table, some))
        yield from db.execute(query.order_by(table.c.deposit_id, table.c.rank, *(table.c[name] for name in order)))


def _grouped(rows: Iterable[Any]) -> dict[Here, list[Any]]:
    found: dict[Here, list[Any]] = {}
    for r in rows:
        found.setdefault((r.deposit_id, r.rank), []).append(r)
    return found


def _sources(db: Connection, ids: Iterable[int]) -> dict[int, Any]:
    d = t.deposits
    columns = d.c.id, d.c.partner, d.c.name, d.c.sha256, d.c.received_at
    return {r.id: r for part in chunks(sorted(ids)) for r in db.execute(select(*columns).where(d.c.id.in_(part)))}


def _source(row: Any, sources: Mapping[int, Any]) -> Source | None:
    found = sources.get(row.source_id)
    if found is None:
        return None
    return Source(found.id, found.partner, found.name, found.sha256, _at(found.received_at), row.source_rank)


def _step(r: Any, change: Any, sources: Mapping[int, Any]) -> Step:
    step = Step(r.sequence, r.status, _at(r.at), r.comment, r.set_by, r.batch)
    if change is None:
        return step
    return replace(
        step, told_in=r.batch or change.batch, reason=change.reason, mandate=change.mandate, producer=change.producer,
        operator=change.operator, source=_source(change, sources),
    )  # fmt: skip


def _reroutings(invoice: Any, rows: Iterable[Any]) -> Iterator[Rerouting]:
    before = invoice
    for r in rows:
        yield Rerouting(
            r.ordinal, r.sequence, before.recipient, before.service, before.commitment, before.receiver, r.recipient,
            r.recipient_name, r.service, r.commitment, r.receiver, r.snapshot,
        )  # fmt: skip
        before = r


def _chains(db: Connection, told: Mapping[Here, Story], dealt: Sequence[Any], sources: Mapping[int, Any]) -> None:
    """Rejects that were dealt with, from both ends."""
    h = t.handled
    replacing: list[tuple[Here, str, Here]] = []  # (this invoice, its role, the one that was rejected)
    for part in pairs.parts(told):
        some = pairs.wanted(part)
        for role, columns in (
            ("credit_note", ("credit_id", "credit_rank")),
            ("corrective", ("corrective_id", "corrective_rank")),
        ):
            query = select(h).join(some, pairs.holds(h, some, *columns))
            for r in db.execute(query.order_by(h.c.deposit_id, h.c.rank)):
                here = r._mapping[columns[0]], r._mapping[columns[1]]
                replacing.append((here, role, (r.deposit_id, r.rank)))
    named = {(r.credit_id, r.credit_rank) for r in dealt} | {(r.corrective_id, r.corrective_rank) for r in dealt}
    others = linked(db, named | {original for _, _, original in replacing})
    for r in dealt:
        told[r.deposit_id, r.rank].handled = HandledReject(
            _at(r.at), r.reason, r.comment, others.get((r.credit_id, r.credit_rank)),
            others.get((r.corrective_id, r.corrective_rank)), r.operator, _source(r, sources),
        )  # fmt: skip
    for here, role, original in replacing:
        if original in others:
            told[here].replaces.append(Replaced(role, others[original]))


def linked(db: Connection, which: Iterable[Here]) -> dict[Here, Linked]:
    """Invoices as another one, or a row of a file, names them."""
    i, d = t.invoices, t.deposits
    found: dict[Here, Linked] = {}
    for part in pairs.parts(which):
        some = pairs.wanted(part)
        query = select(i, d.c.name).join(d, d.c.id == i.c.deposit_id).join(some, pairs.holds(i, some))
        for r in db.execute(query):
            found[r.deposit_id, r.rank] = Linked(
                r.deposit_id, r.rank, r.name, r.supplier, r.number, r.total, r.currency, r.status
            )
    return found


def _files(db: Connection, told: Mapping[Here, Story], row_of: Mapping[Here, Any], changes: Iterable[Any]) -> None:
    """What was sent about each invoice: the answers to its flow that tell of it, its later pivots and returns."""
    o = t.outbox
    asked = _grouped(changes)
    flows = {deposit for deposit, _ in told} | {r.source_id for several in asked.values() for r in several}
    by_flow: dict[int, list[Any]] = {}
    for part in chunks(sorted(flows - {0})):
        for r in db.execute(select(o).where(o.c.deposit_id.in_(part)).order_by(o.c.place, o.c.name)):
            by_flow.setdefault(r.deposit_id, []).append(r)
    by_command = {here: sorted(_by_command(row_of[here], story)) for here, story in told.items()}
    others = {r.batch for several in asked.values() for r in several} - {""}
    named: dict[str, Any] = {}
    for part in chunks(sorted(others.union(*by_command.values()))):
        of_none = o.c.deposit_id.is_(None) & o.c.kind.in_((LIFECYCLE, PIVOT)) & o.c.name.in_(part)
        named |= {r.name: r for r in db.execute(select(o).where(of_none))}
    for here, story in told.items():
        invoice, mine = row_of[here], asked.get(here, [])
        receivers = {invoice.receiver, *(r.receiver for r in story.reroutings)}
        files = [r for r in by_flow.get(here[0], ()) if r.kind != PIVOT or r.owner in receivers]
        for source in sorted({r.source_id for r in mine if _brings_a_pivot(r, story)}):
            files += [r for r in by_flow.get(source, ()) if r.kind == PIVOT and r.owner in receivers]
        files += [named[name] for name in (*by_command[here], *dict.fromkeys(r.batch for r in mine)) if name in named]
        story.files += [SentFile(r.place, r.name, r.kind, r.state, r.sha256, r.size_bytes) for r in files]


def _by_command(invoice: Any, story: Story) -> Iterator[str]:
    """The names of the pivots that commands on this invoice brought about: no file asked for them."""
    brought = _brought(story)
    receivers = {invoice.receiver, *(one.receiver for one in story.reroutings)}
    ours = {names.ours_of(step.told_in) for step in story.steps if step.told_in}
    for first in story.steps:
        if first.sequence in brought and first.source is None and first.operator:
            last = first.sequence + (len(INTEGRATION) - 1 if first.status == _DEPOSITED else 0)
            issuer, steps = invoice.partner, (first.sequence, last)
            begin, end = (names.transition_id(issuer, invoice.name, invoice.rank, step) for step in steps)
            for receiver in receivers:
                yield from (names.later_pivot_name(issuer, receiver, begin, end, code) for code in ours)


def _brings_a_pivot(change: Any, story: Story) -> bool:
    return change.sequence in _brought(story)


def _brought(story: Story) -> set[int]:
    """The changes that sent the invoice out once more: each recycle, and each completion, with or without files."""
    completed = {step.sequence for step in story.steps if step.status == _COMPLETED}
    return {one.sequence for one in story.reroutings} | completed


# --- of a file of changes ---------------------------------------------------------------------------------------------


def intake_of(db: Connection, deposit_id: int) -> Intake | None:
    """How many of its rows became what; None where it holds invoices."""
    i = t.intakes
    r = db.execute(select(i).where(i.c.deposit_id == deposit_id)).first()
    return Intake(r.lane, r.read, r.applied, r.repeated, r.kept, r.refused) if r is not None else None


def rows_of(db: Connection, deposit_id: int, intake: Intake) -> Iterator[TakenRow]:
    """Row by row."""
    x = t.transitions
    of: dict[int, Here] = {}
    statuses: dict[int, list[str]] = {}
    outcome: dict[int, RowOutcome] = {}
    c, e, h = t.changes, t.events, t.handled
    same = and_(x.c.deposit_id == c.c.deposit_id, x.c.rank == c.c.rank, x.c.sequence == c.c.sequence)
    for query, kept in (
        (select(c.c.deposit_id, c.c.rank, c.c.source_rank, x.c.status).join(x, same).where(c.c.source_id == deposit_id)
         .order_by(c.c.source_rank, c.c.deposit_id, c.c.rank, c.c.sequence), RowOutcome.APPLIED),
        (select(e.c.deposit_id, e.c.rank, e.c.source_rank, e.c.code.label("status")).where(e.c.source_id == deposit_id),
         RowOutcome.KEPT),
        (select(h.c.deposit_id, h.c.rank, h.c.source_rank).where(h.c.source_id == deposit_id), RowOutcome.APPLIED),
    ):  # fmt: skip
        for r in db.execute(query):
            of[r.source_rank], outcome[r.source_rank] = (r.deposit_id, r.rank), kept
            if (status := r._mapping.get("status")) is not None:
                statuses.setdefault(r.source_rank, []).append(status)
    said = findings_by_rank(db, deposit_id)
    invoices = linked(db, of.values())
    controls = {r.position for r in controls_of(db, deposit_id)}
    for row in range(1, intake.read + 1):
        found = tuple(said.get(row, ()))
        became = outcome.get(row) or (RowOutcome.APPLIED if row in controls else None)
        if became is None:
            became = RowOutcome.REFUSED if any(one.refuses for one in found) else RowOutcome.REPEATED
        yield TakenRow(row, became.value, invoices.get(of.get(row, (0, 0))), tuple(statuses.get(row, ())), found)


def findings_by_rank(db: Connection, deposit_id: int) -> dict[int, list[Finding]]:
    f = t.findings
    query = select(f).where(f.c.deposit_id == deposit_id, f.c.rank > 0).order_by(f.c.rank, f.c.position)
    found: dict[int, list[Finding]] = {}
    for r in db.execute(query):
        found.setdefault(r.rank, []).append(column_finding(r._mapping))
    return found


def controls_of(db: Connection, deposit_id: int) -> list[ControlRow]:
    """What a control file says, in its order."""
    c = t.controls
    rows = db.execute(select(c).where(c.c.deposit_id == deposit_id).order_by(c.c.position))
    return [ControlRow(r.position, r.flow, r.sha256, r.invoices, r.total, r.currency) for r in rows]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
