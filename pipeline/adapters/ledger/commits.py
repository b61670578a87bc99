"""The two writes of a commit unit: the numbers it reserves, then all that was decided, in bulk.

Both begin with the guarded update of the lot (`claims.guard`): a worker that was taken over writes nothing. Both may be
repeated: what is there already is left alone. What is decided is made into rows before (`rows_of`), so that the object
that the unit leaves in the store tells their digest.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update

from pipeline.adapters.ledger import audit, bulk, locks, outbox, pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import (
    Deposit,
    Lot,
    ToSend,
    chunks,
    compact,
    day_text,
    finding_columns,
    moment,
)
from pipeline.audit.form import UNIT, Covered, Records, covered
from pipeline.model import (
    Finding,
    FlowState,
    IntakeVerdict,
    InvoiceOutcome,
    JudgedInvoice,
    NumberKey,
    NumberOwner,
    Verdict,
    signed_millionths,
)
from pipeline.ports import Fault, Said

NOTHING_TO_TELL = "-"  # no daily file of rejects has to name this flow
_REJECTED = "05"
HOLDS_NUMBER = (InvoiceOutcome.INTEGRATED.value, InvoiceOutcome.PENDING.value)


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of status of one invoice; `batch` names the lifecycle return that tells it."""

    deposit_id: int
    rank: int
    sequence: int
    status: str
    at: datetime
    comment: str = ""
    set_by: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """A deposit judged for the first time, and the files that tell it."""

    deposit: Deposit
    verdict: Verdict
    receivers: Mapping[int, str]  # rank -> who gets the pivot
    transitions: tuple[Transition, ...]
    files: tuple[ToSend, ...]


@dataclass(frozen=True, slots=True)
class DecidedLater:
    """A deposit with pending invoices judged again: only those ranks change."""

    deposit: Deposit
    state: FlowState
    changed: tuple[JudgedInvoice, ...]
    judgement: Mapping[int, int]  # rank -> number of this judgement
    receivers: Mapping[int, str]
    transitions: tuple[Transition, ...]
    files: tuple[ToSend, ...]
    is_wholly_refused: bool = False


@dataclass(slots=True)
class UnitRows:
    """What one unit inserts, table by table, and what of it the audit chain covers."""

    first: Sequence[Answered] = ()
    later: Sequence[DecidedLater] = ()
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    decided: list[dict[str, Any]] = field(default_factory=list)  # changes of invoices that were pending
    findings: list[dict[str, Any]] = field(default_factory=list)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)
    groups: list[tuple[str, int, Records]] = field(default_factory=list)
    cover: Covered = field(init=False)

    @property
    def ids(self) -> list[int]:
        return [*(one.deposit.id for one in self.first), *(one.deposit.id for one in self.later)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def reserve(
    db: Connection, wanted: Sequence[tuple[NumberKey, Deposit, int]]
) -> dict[tuple[NumberKey, int, int], NumberOwner]:
    """Reserve numbers, the first of the unit first; tells for each (key, deposit, rank) that has it not, who has.

    Keys are inserted sorted, so that two workers never wait for each other in a ring; a key that another one has just
    inserted is waited for, and the query after it sees who won. A claim of the same partner in another scope (its
    rights were not yet, or are no longer, proved) is met as well.
    """
    first: dict[NumberKey, tuple[Deposit, int]] = {}
    for key, deposit, rank in wanted:
        first.setdefault(key, (deposit, rank))
    rows = [
        {"scope": k.scope, "supplier_type": k.supplier_type, "supplier": k.supplier, "number": k.number, "year": k.year,
         "deposit_id": first[k][0].id, "rank": first[k][1]}
        for k in sorted(first, key=_key_order)
    ]  # fmt: skip
    bulk.add_absent(db, t.number_claims, rows)
    return others_have(db, wanted)


def others_have(
    db: Connection, wanted: Sequence[tuple[NumberKey, Deposit, int]]
) -> dict[tuple[NumberKey, int, int], NumberOwner]:
    """For each (key, deposit, rank) whose number another invoice holds: which one. Nothing is reserved."""
    claims = _claims_of(db, {key for key, _, _ in wanted})
    lost: dict[tuple[NumberKey, int, int], NumberOwner] = {}
    for key, deposit, rank in wanted:
        for claim in claims.get((key.supplier_type, key.supplier, key.number, key.year), ()):
            meets = claim.scope == key.scope or claim.partner == deposit.partner
            if meets and (claim.deposit_id, claim.rank) != (deposit.id, rank):
                lost[key, deposit.id, rank] = NumberOwner(
                    claim.partner, claim.name, claim.deposit_id, claim.rank, datetime.fromisoformat(claim.received_at)
                )
                break
    return _with_rejects(db, lost)


def _with_rejects(
    db: Connection, lost: dict[tuple[NumberKey, int, int], NumberOwner]
) -> dict[tuple[NumberKey, int, int], NumberOwner]:
    """Which of the owners were rejected by their recipients: asked only where a number is taken at all."""
    i = t.invoices
    rejected: set[tuple[int, int]] = set()
    for part in pairs.parts((owner.deposit_id, owner.rank) for owner in lost.values()):
        some = pairs.wanted(part)
        query = select(i.c.deposit_id, i.c.rank).join(some, pairs.holds(i, some)).where(i.c.status == _REJECTED)
        rejected.update((r.deposit_id, r.rank) for r in db.execute(query))
    return {
        wanted: replace(owner, status=_REJECTED) if (owner.deposit_id, owner.rank) in rejected else owner
        for wanted, owner in lost.items()
    }


def _claims_of(db: Connection, keys: Collection[NumberKey]) -> dict[tuple[str, str, str, int], list[Any]]:
    """The claims on these numbers of these suppliers, by (supplier type, supplier, number, year), oldest first.

    By two lists, not by one of triples: SQLite looks each pair up in the primary key, and reads every claim otherwise.
    """
    n, d = t.number_claims, t.deposits
    found: dict[tuple[str, str, str, int], list[Any]] = {}
    suppliers = sorted({key.supplier for key in keys})
    for numbers in chunks(sorted({key.number for key in keys})):
        for some in chunks(suppliers):
            query = (
                select(n, d.c.partner, d.c.name, d.c.received_at)
                .join(d, d.c.id == n.c.deposit_id)
                .where(n.c.supplier.in_(some), n.c.number.in_(numbers))
                .order_by(n.c.deposit_id, n.c.rank)
            )
            for row in db.execute(query):
                found.setdefault((row.supplier_type, row.supplier, row.number, row.year), []).append(row)
    return found


def _key_order(key: NumberKey) -> tuple[str, str, int, str, str]:
    return key.supplier, key.number, key.year, key.supplier_type, key.scope


# --- what was decided -------------------------------------------------------------------------------------------------


def rows_of(first: Sequence[Answered], later: Sequence[DecidedLater] = ()) -> UnitRows:
    """All that a unit writes: first answers, and what was decided on pending invoices, whose first answer stays."""
    unit = UnitRows(first, later)
    for answered in first:
        _first_answer(unit, answered)
    for decided in later:
        _later_answer(unit, decided)
    unit.cover = covered(unit.groups)
    unit.groups.clear()
    return unit


def commit(db: Connection, lot: Lot, unit: UnitRows, at: datetime, result: str = "") -> bool:
    """Write all of a unit; False when it is written already (a COMMIT whose answer was lost).

    `result`: the SHA-256 of the object that it left in the store.
    """
    locks.share(db, locks.HELD)
    ids = unit.ids
    due = still_due(db, lot, ids)
    if not due:
        return False
    if len(due) != len(ids):  # this cannot be: the lot is ours, and a unit is written in one piece
        raise Fault(IN_PIECES)
    bulk.add(db, t.invoices, unit.invoices)
    bulk.add(db, t.findings, unit.findings)
    # late: other units of this partner wait from here on
    row = audit.append(db, lot.partner, UNIT, at, unit.cover, result=result, lot=lot.id, attempt=lot.attempt)
    bulk.add(db, t.verdicts, [verdict | {"audited": row} for verdict in unit.verdicts])
    for change in unit.decided:
        mine = (t.invoices.c.deposit_id == change["deposit_id"]) & (t.invoices.c.rank == change["rank"])
        db.execute(update(t.invoices).where(mine).values(**change, pending_since=None, decided=row))
    bulk.add(db, t.transitions, [transition | {"audited": row} for transition in unit.transitions])
    bulk.add(db, t.outbox, [file | {"lot_id": lot.id, "audited": row} for file in unit.outbox])
    states = [(a.deposit.id, a.verdict.state) for a in unit.first] + [(d.deposit.id, d.state) for d in unit.later]
    settle_deposits(db, states)
    give_bytes_back(db, [a.deposit.id for a in unit.first if _holds_nothing(a.verdict)])
    give_bytes_back(db, [d.deposit.id for d in unit.later if d.is_wholly_refused])
    _free_numbers(db, due)
    return True


def still_due(db: Connection, lot: Lot, ids: Sequence[int]) -> set[int]:
    """Which of these deposits nobody has answered yet."""
    d = t.deposits
    due: set[int] = set()
    for part in chunks(ids):
        where = d.c.id.in_(part) & (d.c.lot_id == lot.id) & t.DUE
        due.update(db.execute(select(d.c.id).where(where)).scalars())
    return due


def _first_answer(unit: UnitRows, one: Answered) -> None:
    deposit, verdict = one.deposit, one.verdict
    told = verdict_row(deposit, verdict, declared(verdict))
    found = finding_rows(deposit.id, 0, 1, verdict.findings)
    invoices = []
    day = deposit.received.day.isoformat()
    stand = _where_they_stand(one.transitions)
    for invoice in verdict.invoices:
        receiver = one.receivers.get(invoice.read.rank, "")
        invoices.append(_invoice(deposit, day, invoice, receiver) | stand.get(invoice.read.rank, _NOWHERE))
        found += finding_rows(deposit.id, invoice.read.rank, 1, invoice.findings)
    unit.verdicts.append(told)
    unit.invoices += invoices
    _add(unit, deposit.id, ("verdicts", [told]), ("invoices", invoices))
    _add_told(unit, deposit.id, found, one.transitions, one.files)


def _later_answer(unit: UnitRows, one: DecidedLater) -> None:
    number = one.deposit.id
    changes, found = [], []
    stand = _where_they_stand(one.transitions)
    for invoice in one.changed:
        rank = invoice.read.rank
        found += finding_rows(number, rank, one.judgement[rank], invoice.findings)
        changes.append({"deposit_id": number, "rank": rank, "judgement": one.judgement[rank],
                        "outcome": invoice.outcome.value, "receiver": one.receivers.get(rank, ""),
                        **stand.get(rank, _NOWHERE)})  # fmt: skip
    unit.decided += changes
    _add(unit, number, ("decided", changes))
    _add_told(unit, number, found, one.transitions, one.files)


def _where_they_stand(steps: Iterable[Transition]) -> dict[int, dict[str, Any]]:
    """Rank -> where an invoice stands after these statuses, given in their order."""
    return {x.rank: {"status": x.status, "status_at": moment(x.at)} for x in steps}


_NOWHERE = {"status": "", "status_at": ""}


def _add_told(
    unit: UnitRows, deposit_id: int, found: list[dict[str, Any]], steps: Iterable[Transition], files: Iterable[ToSend]
) -> None:
    transitions, sent = [transition_row(x) for x in steps], [outbox.columns(file) for file in files]
    unit.findings += found
    unit.transitions += transitions
    unit.outbox += sent
    _add(unit, deposit_id, ("findings", found), ("transitions", transitions), ("outbox", sent))


def _add(unit: UnitRows, deposit_id: int, *tables: tuple[str, list[dict[str, Any]]]) -> None:
    unit.groups += [(table, deposit_id, audit.records(table, rows)) for table, rows in tables if rows]


def verdict_row(
    deposit: Deposit, verdict: Verdict | IntakeVerdict, declared: Mapping[str, list[int]]
) -> dict[str, Any]:
    """The row of a verdict; `declared`: per currency, what was read before anything was decided."""
    read, snapshot = verdict.read, verdict.snapshot
    members = [
        {"name": m.name, "sha256": m.sha256, "size_bytes": m.size_bytes, "kind": m.kind.value, "refused": m.is_refused}
        for m in read.members
    ]
    return {
        "deposit_id": deposit.id, "interface": read.interface, "announced": read.announced,
        "state": verdict.state.value,
        "snapshot": snapshot.name if snapshot else "", "snapshot_day": day_text(snapshot.day) if snapshot else None,
        "packs": compact(
            [{"name": p.name, "engine": p.engine, "version": p.version, "sha256": p.sha256} for p in read.packs]
        ),
        "not_judged": compact(list(verdict.not_judged)), "members": compact(members),
        "members_refused": sum(m["refused"] is True for m in members), "declared": compact(declared),
        "expanded_bytes": read.expanded_bytes,
        "rejects_file": "" if any(f.refuses for f in verdict.findings) else NOTHING_TO_TELL,
    }  # fmt: skip


def declared(verdict: Verdict) -> dict[str, list[int]]:
    """Per currency: invoices read, those without a total that can be summed, and the sum in millionths."""
    told: dict[str, list[int]] = {}
    for invoice in verdict.invoices:
        count = told.setdefault(invoice.read.currency, [0, 0, 0])
        amount = signed_millionths(invoice.read)
        count[0] += 1
        count[1] += amount is None
        count[2] += amount or 0
    return told


def _invoice(deposit: Deposit, day: str, invoice: JudgedInvoice, receiver: str) -> dict[str, Any]:
    read, pending = invoice.read, invoice.outcome is InvoiceOutcome.PENDING
    return {
        "deposit_id": deposit.id, "rank": read.rank, "partner": deposit.partner, "received_day": day,
        "member": read.member, "number": read.number.text if read.number else "", "type": read.type,
        "issued": day_text(read.issued), "framework": read.framework, "supplier_type": read.supplier.type,
        "supplier": read.supplier.identifier.text if read.supplier.identifier else "",
        "supplier_name": read.supplier.name, "recipient": read.recipient.text if read.recipient else "",
        "recipient_name": read.recipient_name or invoice.structure_name,
        "service": read.service.text if read.service else "",
        "commitment": read.commitment.text if read.commitment else "", "currency": read.currency, "total": read.total,
        "total_millionths": signed_millionths(invoice.read), "outcome": invoice.outcome.value, "receiver": receiver,
        "judgement": 1, "pending_since": moment(deposit.received_at) if pending else None,
    }  # fmt: skip


def finding_rows(deposit_id: int, rank: int, judgement: int, found: Iterable[Finding]) -> list[dict[str, Any]]:
    """The rows of what was found on an invoice, on a row of a file (by its rank), or on the flow (0)."""
    return [
        {"deposit_id": deposit_id, "rank": rank, "judgement": judgement, "position": position, **finding_columns(f)}
        for position, f in enumerate(found, start=1)
    ]


def transition_row(x: Transition) -> dict[str, Any]:
    """One status of a history, without the row of the audit chain."""
    return {"deposit_id": x.deposit_id, "rank": x.rank, "sequence": x.sequence, "status": x.status, "at": moment(x.at),
            "comment": x.comment, "set_by": x.set_by, "batch": x.batch}  # fmt: skip


def settle_deposits(db: Connection, states: Iterable[tuple[int, FlowState]]) -> None:
    """The deposits leave the lot's list of things to do."""
    by_state: dict[FlowState, list[int]] = {}
    for deposit_id, state in states:
        by_state.setdefault(state, []).append(deposit_id)
    settled = {"again": 0, "fault": "", "faulted_by": "", "lot_id": None}
    for state, ids in by_state.items():
        for part in chunks(ids):
            db.execute(update(t.deposits).where(t.deposits.c.id.in_(part)).values(state=state.value, **settled))


def _holds_nothing(verdict: Verdict) -> bool:
    return all(i.outcome is InvoiceOutcome.REFUSED for i in verdict.invoices)


def give_bytes_back(db: Connection, ids: Sequence[int]) -> None:
    """A wholly refused flow gives its bytes back: renamed and dropped again they are no double."""
    for part in chunks(ids):
        db.execute(update(t.flows).where(t.flows.c.deposit_id.in_(part)).values(holds_bytes=0))


def _free_numbers(db: Connection, ids: Iterable[int]) -> None:
    """Numbers belong to what is integrated or pending; a reservation whose invoice was refused goes."""
    n, i = t.number_claims, t.invoices
    for part in chunks(sorted(ids)):
        holders = select(i.c.deposit_id, i.c.rank).where(i.c.deposit_id.in_(part), i.c.outcome.in_(HOLDS_NUMBER))
        gone = n.c.deposit_id.in_(part) & tuple_(n.c.deposit_id, n.c.rank).not_in(holders)
        db.execute(delete(n).where(gone))


IN_PIECES = Said(
    "une partie de ce qui était à écrire est déjà répondue ; rien n'est écrit, relancer chorus-edi run",
    "a part of what was to be written is answered already; nothing is written, run again",
)
