"""What a ledger that was restored from a backup is asked, and told, about what happened after that backup."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select, update

from pipeline.adapters.ledger import audit, claims, outbox
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.bulk import streamed
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED, Deposit, Lot, ToSend, chunks, deposit
from pipeline.audit.form import RESTORED, covered
from pipeline.model import InvoiceOutcome
from pipeline.terms import WorkLimits

_D, _I, _O = t.deposits, t.invoices, t.outbox
REPORT = "CSO"
ALL = "all"


@dataclass(frozen=True, slots=True)
class Pending:
    """An invoice that waits for a decision: what a lifecycle return would name it by."""

    deposit: Deposit
    rank: int
    supplier_type: str
    supplier: str
    number: str
    judgement: int


def unsent(db: Connection) -> Iterator[ToSend]:
    """Every file that is to leave."""
    query = select(_O).where(_O.c.state.in_((outbox.READY, outbox.UPLOADED))).order_by(_O.c.place, _O.c.name)
    for r in streamed(db, query):
        yield ToSend(r.place, r.name, r.kind, r.owner, r.deposit_id, r.sha256, r.size_bytes, r.state)


def stand(db: Connection, files: Iterable[ToSend]) -> None:
    """These files stand as they say now; no lot has them any more."""
    alike: dict[tuple[str, str], list[str]] = {}
    for file in files:
        alike.setdefault((file.state, file.place), []).append(file.name)
    for (state, place), names in alike.items():
        for part in chunks(names):
            named = (_O.c.place == place) & _O.c.name.in_(part)  # pairs in one list would read the whole table
            db.execute(update(_O).where(named).values(state=state, lot_id=None))


def has_report(db: Connection, deposit_id: int) -> bool:
    """A report of this deposit is in the outbox, whatever its state."""
    mine = (_O.c.deposit_id == deposit_id) & (_O.c.kind == REPORT)
    return db.execute(select(_O.c.name).where(mine).limit(1)).first() is not None


def in_doubt(db: Connection, what: str) -> list[ToSend]:
    """The files in doubt of this name, of this place, or of every place."""
    query = select(_O).where(_O.c.state == outbox.HELD)
    if what != ALL:
        query = query.where((_O.c.name == what) | (_O.c.place == what))
    return [
        ToSend(r.place, r.name, r.kind, r.owner, r.deposit_id, r.sha256, r.size_bytes, r.state)
        for r in db.execute(query.order_by(_O.c.place, _O.c.name))
    ]


def found(db: Connection, partner: str, name: bytes, sha256: str) -> Deposit | None:
    """The deposit of this name and these bytes, if the ledger has it."""
    mine = and_(_D.c.partner == partner, _D.c.name_bytes == name, _D.c.sha256 == sha256, _D.c.state != REPEATED)
    row = db.execute(select(_D).where(mine).order_by(_D.c.id).limit(1)).first()
    return deposit(row) if row is not None else None


def due(db: Connection) -> list[Deposit]:
    """Every deposit that waits for its first answer and could get one."""
    return [deposit(row) for row in db.execute(select(_D).where(_D.c.state == RECEIVED).order_by(_D.c.id))]


def set_apart_told(db: Connection) -> list[tuple[Deposit, str]]:
    """(deposit, SHA-256 of its report) of what is set apart because its report went out and cannot be made again."""
    mine = and_(_O.c.deposit_id == _D.c.id, _O.c.kind == REPORT)
    query = select(_D, _O.c.sha256.label("report")).join(_O, mine).where(_D.c.state == QUARANTINED).order_by(_D.c.id)
    return [(deposit(row), row.report) for row in db.execute(query)]


def pending(db: Connection) -> list[Pending]:
    """Every invoice that waits for a decision."""
    query = (
        select(_D, _I.c.rank, _I.c.supplier_type, _I.c.supplier, _I.c.number, _I.c.judgement)
        .join(_I, _I.c.deposit_id == _D.c.id)
        .where(_I.c.outcome == InvoiceOutcome.PENDING.value)
        .order_by(_D.c.id, _I.c.rank)
    )
    return [Pending(deposit(r), r.rank, r.supplier_type, r.supplier, r.number, r.judgement) for r in db.execute(query)]


def outcomes(db: Connection, deposit_id: int) -> dict[int, InvoiceOutcome]:
    """rank -> what became of it."""
    query = select(_I.c.rank, _I.c.outcome).where(_I.c.deposit_id == deposit_id)
    return {r.rank: InvoiceOutcome(r.outcome) for r in db.execute(query)}


def claim_these(db: Connection, partner: str, ids: Sequence[int], who: str, now_ms: int, limits: WorkLimits) -> Lot:
    """A lot of these deposits and of nothing else: what was set apart is due with it, and so is what is answered."""
    lot = claims.open_lot(db, partner, claims.JUDGE, who, now_ms, limits)
    for part in chunks(ids):
        mine = _D.c.id.in_(part)
        db.execute(update(_D).where(mine, _D.c.state == QUARANTINED).values(state=RECEIVED, fault="", faulted_by=""))
        db.execute(update(_D).where(mine, _D.c.state != RECEIVED).values(again=1))
        db.execute(update(_D).where(mine).values(lot_id=lot.id, attempt=_D.c.attempt + 1))
    return lot


def hold_bytes(db: Connection, one: Deposit) -> None:
    """The flow holds its bytes, unless another one does: their size was not known when it was written again."""
    f, other = t.flows, t.flows.alias()
    taken = select(other.c.deposit_id).where(
        other.c.partner == one.partner, other.c.sha256 == one.sha256, other.c.holds_bytes == 1
    )
    db.execute(update(f).where(f.c.deposit_id == one.id, ~taken.exists()).values(holds_bytes=1))


def remember(db: Connection, partner: str, at: datetime, detail: dict[str, Any], files: Sequence[ToSend] = ()) -> None:
    """Say in the audit chain of a partner what a restore found; files that it puts in line are covered by that row."""
    rows = [outbox.columns(file) | {"lot_id": None} for file in files]
    groups = [
        ("outbox", file.deposit_id or 0, audit.records("outbox", [row])) for file, row in zip(files, rows, strict=True)
    ]
    cover = covered(groups)
    number = audit.append(db, partner, RESTORED, at, cover, detail=detail | {"marks": cover.marks})
    for row in rows:
        db.execute(t.outbox.insert().values(**row, audited=number))
