"""What was refused on a day that is over, and which daily file told it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from sqlalchemy import Connection, Select, and_, bindparam, insert, literal, select, update

from pipeline.adapters.ledger import audit, outbox
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import Lot, ToSend, chunks, column_finding
from pipeline.audit.form import REJECTS, covered
from pipeline.model import Finding, InvoiceOutcome

_REFUSING = ("fatal", "error")


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One refused invoice and its reasons; rank 0 stands for a refused flow or file, whose invoices are unknown."""

    deposit_id: int
    rank: int
    flow_name: str
    number: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class DailyFile:
    partner: str
    supplier: str
    day: date
    part: int
    file: ToSend
    told: tuple[tuple[int, int], ...]


def is_due(db: Connection, today: date) -> bool:
    """Something of a closed day was not told yet."""
    return any(db.execute(query.limit(1)).first() is not None for query in (_invoices(today), _flows(today)))


def due(db: Connection, today: date) -> dict[tuple[str, str, date], list[RejectedRow]]:
    """(partner, supplier identifier, day) -> what that file tells, in the order of deposits and ranks."""
    found: dict[tuple[str, str, date], list[RejectedRow]] = {}
    flows = db.execute(_flows(today)).all()
    invoices = db.execute(_invoices(today)).all()
    reasons = _reasons(db, [r.deposit_id for r in (*flows, *invoices)])
    rows = sorted([*flows, *invoices], key=lambda r: (r.deposit_id, r.rank))
    for r in rows:
        key = r.partner, r.supplier, date.fromisoformat(r.received_day)
        why = tuple(reasons.get((r.deposit_id, r.rank, r.judgement), ()))
        found.setdefault(key, []).append(RejectedRow(r.deposit_id, r.rank, r.name, r.number, why))
    return found


def next_part(db: Connection, partner: str, supplier: str, day: date) -> int:
    r = t.reject_days
    where = (r.c.partner == partner) & (r.c.supplier == supplier) & (r.c.day == day.isoformat())
    last = db.execute(select(r.c.ordinal).where(where).order_by(r.c.ordinal.desc()).limit(1)).scalar()
    return (last or 0) + 1


def record(db: Connection, lot: Lot, files: Sequence[DailyFile], at: datetime) -> None:
    """Say which file tells what, and put the files in line."""
    for partner, several in groupby(sorted(files, key=lambda one: one.partner), key=lambda one: one.partner):
        theirs = list(several)
        rows = [
            {"partner": partner, "supplier": one.supplier, "day": one.day.isoformat(), "ordinal": one.part,
             "name": one.file.name, "invoices": len(one.told)}
            for one in theirs
        ]  # fmt: skip
        sent = [outbox.columns(one.file) for one in theirs]
        cover = covered(
            [("outbox", 0, audit.records("outbox", sent)), ("reject_days", 0, audit.records("reject_days", rows))]
        )
        number = audit.append(
            db, partner, REJECTS, at, cover, detail={"marks": cover.marks}, lot=lot.id, attempt=lot.attempt
        )
        db.execute(insert(t.reject_days), [row | {"audited": number} for row in rows])
        outbox.add(db, [one.file for one in theirs], lot, number)
    for one in files:
        for table, ranked in ((t.invoices, True), (t.verdicts, False)):
            told = [(d, r) for d, r in one.told if (r > 0) is ranked]
            where = table.c.deposit_id == bindparam("b_id")
            if ranked:
                where = and_(where, t.invoices.c.rank == bindparam("b_rank"))
            rows = [{"b_id": d, "b_rank": r} if ranked else {"b_id": d} for d, r in told]
            if rows:
                db.execute(update(table).where(where).values(rejects_file=one.file.name), rows)


def _invoices(today: date) -> Select[tuple[object, ...]]:
    i, d = t.invoices, t.deposits
    return (
        select(
            i.c.deposit_id, i.c.rank, i.c.partner, i.c.supplier, i.c.received_day, i.c.number, i.c.judgement, d.c.name
        )
        .join(d, d.c.id == i.c.deposit_id)
        .where(
            i.c.outcome == InvoiceOutcome.REFUSED.value, i.c.received_day < today.isoformat(), i.c.rejects_file == ""
        )
        .order_by(i.c.deposit_id, i.c.rank)
    )


def _flows(today: date) -> Select[tuple[object, ...]]:
    v, d = t.verdicts, t.deposits
    return (
        select(
            v.c.deposit_id, literal(0).label("rank"), d.c.partner, literal("").label("supplier"), d.c.received_day,
            literal("").label("number"), literal(1).label("judgement"), d.c.name,
        )
        .join(d, d.c.id == v.c.deposit_id)
        .where(d.c.received_day < today.isoformat(), v.c.rejects_file == "")
        .order_by(v.c.deposit_id)
    )  # fmt: skip


def _reasons(db: Connection, ids: Sequence[int]) -> dict[tuple[int, int, int], list[Finding]]:
    f = t.findings
    found: dict[tuple[int, int, int], list[Finding]] = {}
    for part in chunks(sorted(set(ids))):
        query = select(f).where(f.c.deposit_id.in_(part), f.c.severity.in_(_REFUSING))
        for row in db.execute(query.order_by(f.c.deposit_id, f.c.rank, f.c.judgement, f.c.position)):
            found.setdefault((row.deposit_id, row.rank, row.judgement), []).append(column_finding(row._mapping))
    return found
