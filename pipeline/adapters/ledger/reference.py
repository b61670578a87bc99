"""Reference data: dated imports of the directory and of the State's commitments, and what one commit unit asks of them.

An import is one transaction: a snapshot is there whole or not at all, and an older one is never changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from pipeline.adapters.ledger import bulk, locks
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import chunks, day_text, moment, text_day
from pipeline.model import Commitment, CommitmentTable, InvoiceOutcome, Service, Snapshot, Structure

DIRECTORY, COMMITMENTS = "directory", "commitments"
BATCH = 5_000  # rows per statement: one streaming pass, memory stays flat


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought in."""

    snapshot: Snapshot
    structures: int = 0
    services: int = 0
    suppliers: int = 0
    commitments: int = 0


@dataclass(frozen=True, slots=True)
class SupplierListed:
    """One row of the optional supplier table."""

    type: str
    identifier: str
    name: str
    is_active: bool


# --- import -----------------------------------------------------------------------------------------------------------


def new_snapshot(db: Connection, kind: str, snapshot: Snapshot, at: datetime) -> int:
    """Announce a snapshot. The same name a second time replaces its rows: an import is safe to repeat."""
    locks.lock(db, "import", kind)
    table = t.snapshots
    old = db.execute(select(table.c.id).where(table.c.kind == kind, table.c.name == snapshot.name)).scalars().all()
    for rows in (t.services, t.structures, t.suppliers, t.commitments):
        db.execute(delete(rows).where(rows.c.snapshot_id.in_(old)))
    db.execute(delete(table).where(table.c.id.in_(old)))
    row = {"kind": kind, "name": snapshot.name, "day": snapshot.day.isoformat(), "imported_at": moment(at)}
    return int(db.execute(insert(table).values(**row).returning(table.c.id)).scalar_one())


def add_structures(db: Connection, snapshot_id: int, structures: Iterable[Structure]) -> tuple[int, int]:
    """Write structures and the services they carry, as they come; returns how many of each."""
    several, theirs = _Batches(db, t.structures), _Batches(db, t.services)
    for one in structures:
        several.add(_structure_columns(snapshot_id, one))
        for position, service in enumerate(one.services):
            theirs.add(_service_columns(snapshot_id, one.siret, service, position))
    return several.close(), theirs.close()


def add_services(db: Connection, snapshot_id: int, services: Iterable[tuple[str, Service]]) -> int:
    """Write services that come apart from their structures, as (SIRET, service)."""
    batches = _Batches(db, t.services)
    for position, (siret, service) in enumerate(services):
        batches.add(_service_columns(snapshot_id, siret, service, position))
    return batches.close()


def add_suppliers(db: Connection, snapshot_id: int, suppliers: Iterable[SupplierListed]) -> int:
    batches = _Batches(db, t.suppliers)
    for s in suppliers:
        batches.add({"snapshot_id": snapshot_id, "type": s.type, "identifier": s.identifier, "name": s.name,
                     "is_active": int(s.is_active)})  # fmt: skip
    db.execute(update(t.snapshots).where(t.snapshots.c.id == snapshot_id).values(has_suppliers=1))
    return batches.close()


def add_commitments(db: Connection, snapshot_id: int, rows: Iterable[Commitment]) -> int:
    batches = _Batches(db, t.commitments)
    for c in rows:
        batches.add({"snapshot_id": snapshot_id, "number": c.number, "service": c.service, "structure": c.structure,
                     "supplier": c.supplier, "state": c.state, "opened": day_text(c.opened),
                     "closed": day_text(c.closed)})  # fmt: skip
    return batches.close()


def declare_commitments(db: Connection, *, available: bool, at: datetime) -> None:
    """Say that the State's table can, or cannot, be asked."""
    locks.lock(db, locks.HELD)
    db.execute(delete(t.declared).where(t.declared.c.subject == COMMITMENTS))
    if not available:
        db.execute(insert(t.declared).values(subject=COMMITMENTS, value="unavailable", at=moment(at)))


def judge_held_again(db: Connection) -> int:
    """Make every deposit with a pending invoice due again; returns how many."""
    locks.lock(db, locks.HELD)  # a unit that leaves an invoice pending now is waited for
    pending = select(t.invoices.c.deposit_id).where(t.invoices.c.outcome == InvoiceOutcome.PENDING.value)
    d = t.deposits
    held = select(d.c.id).where(d.c.id.in_(pending), d.c.again == 0).order_by(d.c.id).with_for_update()
    return db.execute(update(d).where(d.c.id.in_(held)).values(again=1)).rowcount


class _Batches:
    """Rows on their way into one table, some thousands at a time."""

    def __init__(self, db: Connection, table: Table) -> None:
        self.db, self.table = db, table
        self.rows: list[dict[str, Any]] = []
        self.count = 0

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) == BATCH:
            self._write()

    def close(self) -> int:
        self._write()
        return self.count

    def _write(self) -> None:
        bulk.add(self.db, self.table, self.rows)
        self.count += len(self.rows)
        self.rows = []


# --- fetch ------------------------------------------------------------------------------------------------------------


def snapshot_of(db: Connection, kind: str, day: date) -> tuple[int, Snapshot, bool] | None:
    """The latest snapshot at or before a day: its row, itself, and whether it brought suppliers."""
    s = t.snapshots
    row = db.execute(
        select(s).where(s.c.kind == kind, s.c.day <= day.isoformat()).order_by(s.c.day.desc(), s.c.id.desc()).limit(1)
    ).first()
    return (row.id, Snapshot(row.name, date.fromisoformat(row.day)), bool(row.has_suppliers)) if row else None


def last_snapshot(db: Connection, kind: str) -> Snapshot | None:
    s = t.snapshots
    row = db.execute(select(s).where(s.c.kind == kind).order_by(s.c.day.desc(), s.c.id.desc()).limit(1)).first()
    return Snapshot(row.name, date.fromisoformat(row.day)) if row else None


def snapshot_named(db: Connection, kind: str, name: str) -> int | None:
    """The row of the snapshot of this name."""
    s = t.snapshots
    return db.execute(select(s.c.id).where(s.c.kind == kind, s.c.name == name)).scalar()


def counts(db: Connection, snapshot_id: int) -> dict[str, int]:
    """How many rows of each table a snapshot brought, and how many of them are in force."""
    told: dict[str, int] = {}
    for name, table in (
        ("structures", t.structures), ("services", t.services), ("suppliers", t.suppliers),
        ("commitments", t.commitments),
    ):  # fmt: skip
        here = select(func.count()).select_from(table).where(table.c.snapshot_id == snapshot_id)
        told[name] = int(db.execute(here).scalar_one())
        if "is_active" in table.c:
            told[f"active {name}"] = int(db.execute(here.where(table.c.is_active == 1)).scalar_one())
    return told


def structures(db: Connection, snapshot_id: int, sirets: Iterable[str]) -> dict[str, Structure]:
    """These structures with all their services."""
    found: dict[str, Any] = {}
    services: dict[str, list[Service]] = {}
    wanted = sorted(set(sirets))
    for part in chunks(wanted):
        s = t.structures
        for row in db.execute(select(s).where(s.c.snapshot_id == snapshot_id, s.c.siret.in_(part))):
            found[row.siret] = row
        v = t.services
        query = select(v).where(v.c.snapshot_id == snapshot_id, v.c.siret.in_(part)).order_by(v.c.siret, v.c.position)
        for row in db.execute(query):
            services.setdefault(row.siret, []).append(
                Service(row.code, row.label, bool(row.is_active), text_day(row.valid_from), text_day(row.valid_to),
                        bool(row.requires_commitment))
            )  # fmt: skip
    return {siret: _structure(row, tuple(services.get(siret, ()))) for siret, row in found.items()}


def suppliers(db: Connection, snapshot_id: int, keys: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Of these (type, identifier), those that the supplier table knows as active."""
    s = t.suppliers
    known: set[tuple[str, str]] = set()
    for part in chunks(sorted(set(keys))):
        identifiers = sorted({identifier for _, identifier in part})
        where = (s.c.snapshot_id == snapshot_id) & s.c.identifier.in_(identifiers) & (s.c.is_active == 1)
        rows = db.execute(select(s.c.type, s.c.identifier).where(where))
        known.update({(row.type, row.identifier) for row in rows}.intersection(part))
    return frozenset(known)


def commitment_table(db: Connection, today: date, max_age_days: int, numbers: Iterable[str]) -> CommitmentTable:
    """The rows of these commitments, and whether the table can be asked at all today."""
    declared = db.execute(select(t.declared.c.value).where(t.declared.c.subject == COMMITMENTS)).scalar()
    latest = snapshot_of(db, COMMITMENTS, today)
    if latest is None:
        return CommitmentTable("unavailable" if declared else "never-loaded")
    snapshot_id, snapshot, _ = latest
    state: Literal["fresh", "too-old", "unavailable"] = "fresh"
    if declared:
        state = "unavailable"
    elif (today - snapshot.day).days > max_age_days:
        state = "too-old"
    rows: dict[str, Commitment] = {}
    c = t.commitments
    for part in chunks(sorted(set(numbers))):
        for row in db.execute(select(c).where(c.c.snapshot_id == snapshot_id, c.c.number.in_(part))):
            rows[row.number] = _commitment(row)
    return CommitmentTable(state, snapshot.day, snapshot.name, rows)


def _commitment(row: Any) -> Commitment:
    opened, closed = text_day(row.opened), text_day(row.closed)
    return Commitment(row.number, row.service, row.structure, row.supplier, row.state, opened, closed)


def _structure_columns(snapshot_id: int, s: Structure) -> dict[str, Any]:
    return {
        "snapshot_id": snapshot_id, "siret": s.siret, "identifier_type": s.identifier_type, "name": s.name,
        "is_active": int(s.is_active), "requires_service": int(s.requires_service),
        "requires_commitment": int(s.requires_commitment),
        "requires_service_or_commitment": int(s.requires_service_or_commitment), "is_moa": int(s.is_moa),
        "is_moa_only": int(s.is_moa_only), "returns_payment_status": int(s.returns_payment_status),
        "successor": s.successor, "inactive_since": day_text(s.inactive_since),
    }  # fmt: skip


def _service_columns(snapshot_id: int, siret: str, s: Service, position: int) -> dict[str, Any]:
    return {
        "snapshot_id": snapshot_id, "siret": siret, "code": s.code, "label": s.label, "is_active": int(s.is_active),
        "valid_from": day_text(s.valid_from), "valid_to": day_text(s.valid_to),
        "requires_commitment": int(s.requires_commitment), "position": position,
    }  # fmt: skip


def _structure(row: Any, services: tuple[Service, ...]) -> Structure:
    return Structure(
        row.siret, row.identifier_type, row.name, bool(row.is_active), bool(row.requires_service),
        bool(row.requires_commitment), bool(row.requires_service_or_commitment), bool(row.is_moa),
        bool(row.is_moa_only), bool(row.returns_payment_status), row.successor, text_day(row.inactive_since), services,
    )  # fmt: skip
