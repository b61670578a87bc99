"""The two writes of a commit unit: the numbers it reserves, then all that was decided, in bulk.

Both begin with the guarded update of the lot (`claims.guard`): a worker that was taken over writes nothing. Both may be
repeated: what is there already is left alone.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_, update

from pipeline.adapters.ledger import bulk, locks
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
from pipeline.model import (
    Finding,
    FlowState,
    InvoiceOutcome,
    JudgedInvoice,
    NumberKey,
    NumberOwner,
    Verdict,
    millionths,
)

NOTHING_TO_TELL = "-"  # no daily file of rejects has to name this flow
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
class _Rows:
    """What one unit inserts, table by table."""

    verdicts: list[dict[str, Any]] = field(default_factory=list)
    invoices: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    outbox: list[dict[str, Any]] = field(default_factory=list)


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
    return lost


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


def commit(db: Connection, lot: Lot, answered: Sequence[Answered], at: datetime) -> bool:
    """Write all of a unit of first answers; False when it is written already (a COMMIT whose answer was lost)."""
    locks.share(db, locks.HELD)
    ids = _still_due(db, lot, [a.deposit.id for a in answered])
    rows = _Rows()
    for one in answered:
        if one.deposit.id in ids:
            _first_answer(rows, one)
    if not ids:
        return False
    _insert(db, rows, lot, at)
    _settle_deposits(db, [(a.deposit.id, a.verdict.state) for a in answered])
    _give_bytes_back(db, [a.deposit.id for a in answered if _holds_nothing(a.verdict)])
    _free_numbers(db, ids)
    return True


def commit_later(db: Connection, lot: Lot, decided: Sequence[DecidedLater], at: datetime) -> bool:
    """Write what was decided on pending invoices; their first answer stays as it was told."""
    locks.share(db, locks.HELD)
    ids = _still_due(db, lot, [d.deposit.id for d in decided])
    if not ids:
        return False
    rows = _Rows()
    for one in decided:
        for invoice in one.changed:
            rank = invoice.read.rank
            rows.findings += _findings(one.deposit.id, rank, one.judgement[rank], invoice.findings)
            db.execute(
                update(t.invoices)
                .where(t.invoices.c.deposit_id == one.deposit.id, t.invoices.c.rank == rank)
                .values(outcome=invoice.outcome.value, receiver=one.receivers.get(rank, ""),
                        judgement=one.judgement[rank], pending_since=None)
            )  # fmt: skip
        rows.transitions += [_transition(x) for x in one.transitions]
        rows.outbox += [_to_send(x) for x in one.files]
    _insert(db, rows, lot, at)
    _settle_deposits(db, [(d.deposit.id, d.state) for d in decided])
    _give_bytes_back(db, [d.deposit.id for d in decided if d.is_wholly_refused])
    _free_numbers(db, ids)
    return True


def _still_due(db: Connection, lot: Lot, ids: Sequence[int]) -> set[int]:
    d = t.deposits
    due: set[int] = set()
    for part in chunks(ids):
        where = d.c.id.in_(part) & (d.c.lot_id == lot.id) & t.DUE
        due.update(db.execute(select(d.c.id).where(where)).scalars())
    return due


def _first_answer(rows: _Rows, one: Answered) -> None:
    deposit, verdict = one.deposit, one.verdict
    read, snapshot = verdict.read, verdict.snapshot
    members = [
        {"name": m.name, "sha256": m.sha256, "size_bytes": m.size_bytes, "kind": m.kind.value, "refused": m.is_refused}
        for m in read.members
    ]
    rows.verdicts.append({
        "deposit_id": deposit.id, "interface": read.interface, "announced": read.announced,
        "state": verdict.state.value,
        "snapshot": snapshot.name if snapshot else "", "snapshot_day": day_text(snapshot.day) if snapshot else None,
        "packs": compact(
            [{"name": p.name, "engine": p.engine, "version": p.version, "sha256": p.sha256} for p in read.packs]
        ),
        "not_judged": compact(list(verdict.not_judged)), "members": compact(members),
        "members_refused": sum(m["refused"] is True for m in members), "declared": compact(declared(verdict)),
        "expanded_bytes": read.expanded_bytes,
        "rejects_file": "" if any(f.refuses for f in verdict.findings) else NOTHING_TO_TELL,
    })  # fmt: skip
    rows.findings += _findings(deposit.id, 0, 1, verdict.findings)
    day = deposit.received.day.isoformat()
    for invoice in verdict.invoices:
        rows.invoices.append(_invoice(deposit, day, invoice, one.receivers.get(invoice.read.rank, "")))
        rows.findings += _findings(deposit.id, invoice.read.rank, 1, invoice.findings)
    rows.transitions += [_transition(x) for x in one.transitions]
    rows.outbox += [_to_send(x) for x in one.files]


def declared(verdict: Verdict) -> dict[str, list[int]]:
    """Per currency: invoices read, those without a total that can be summed, and the sum in millionths."""
    told: dict[str, list[int]] = {}
    for invoice in verdict.invoices:
        count = told.setdefault(invoice.read.currency, [0, 0, 0])
        amount = signed_millionths(invoice)
        count[0] += 1
        count[1] += amount is None
        count[2] += amount or 0
    return told


def signed_millionths(invoice: JudgedInvoice) -> int | None:
    """The total with VAT in millionths; a credit note is subtracted, whatever sign it was written with."""
    amount = millionths(invoice.read.total)
    return -abs(amount) if amount is not None and invoice.read.type == "381" else amount


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
        "total_millionths": signed_millionths(invoice), "outcome": invoice.outcome.value, "receiver": receiver,
        "judgement": 1, "pending_since": moment(deposit.received_at) if pending else None,
    }  # fmt: skip


def _findings(deposit_id: int, rank: int, judgement: int, found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [
        {"deposit_id": deposit_id, "rank": rank, "judgement": judgement, "position": position, **finding_columns(f)}
        for position, f in enumerate(found, start=1)
    ]


def _transition(x: Transition) -> dict[str, Any]:
    return {"deposit_id": x.deposit_id, "rank": x.rank, "sequence": x.sequence, "status": x.status, "at": moment(x.at),
            "comment": x.comment, "set_by": x.set_by, "batch": x.batch}  # fmt: skip


def _to_send(x: ToSend) -> dict[str, Any]:
    return {"place": x.place, "name": x.name, "kind": x.kind, "owner": x.owner, "deposit_id": x.deposit_id,
            "sha256": x.sha256, "size_bytes": x.size_bytes, "state": x.state}  # fmt: skip


def _insert(db: Connection, rows: _Rows, lot: Lot, at: datetime) -> None:
    bulk.add(db, t.verdicts, rows.verdicts)
    bulk.add(db, t.invoices, rows.invoices)
    bulk.add(db, t.findings, rows.findings)
    unit = _audit(db, lot.partner, rows.transitions, at)  # late: other units of this partner wait from here on
    bulk.add(db, t.transitions, [row | {"audited": unit} for row in rows.transitions])
    bulk.add(db, t.outbox, [row | {"lot_id": lot.id} for row in rows.outbox])


def _settle_deposits(db: Connection, states: Iterable[tuple[int, FlowState]]) -> None:
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


def _give_bytes_back(db: Connection, ids: Sequence[int]) -> None:
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


# --- audit ------------------------------------------------------------------------------------------------------------


def _audit(db: Connection, partner: str, transitions: Sequence[Mapping[str, Any]], at: datetime) -> int:
    """Chain one row per unit: an edit or a gap in the transitions of a partner shows in every later hash."""
    if not transitions:
        return 0
    locks.lock(db, "audit", partner)
    a = t.audit
    last = db.execute(
        select(a.c.sequence, a.c.hash).where(a.c.partner == partner).order_by(a.c.sequence.desc()).limit(1)
    ).first()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, "")
    digest = digest_of(transitions)
    row = {"partner": partner, "sequence": sequence, "transitions": len(transitions), "digest": digest,
           "previous": previous, "hash": chained(partner, sequence, len(transitions), digest, previous),
           "at": moment(at)}  # fmt: skip
    db.execute(insert(a).values(**row))
    return sequence


def digest_of(transitions: Iterable[Any]) -> str:
    """SHA-256 of what the transitions say, in the order of deposit, rank and sequence."""
    told = sorted([x["deposit_id"], x["rank"], x["sequence"], x["status"], x["at"], x["comment"]] for x in transitions)
    return hashlib.sha256(compact(told).encode()).hexdigest()


def chained(partner: str, sequence: int, count: int, digest: str, previous: str) -> str:
    return hashlib.sha256(f"{partner}|{sequence}|{count}|{digest}|{previous}".encode()).hexdigest()
