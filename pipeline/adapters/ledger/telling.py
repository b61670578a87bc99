"""Which lifecycle return tells which change of status after integration.

Three steps, each safe to lose: the changes of an issuer that no return tells get the name of theirs (`fix`); its bytes
are made of these rows and stored; the file is put in line, and the chain covers that it tells them (`record`). From the
name on its bytes follow from rows that stand: whoever makes them, and how often, they are the same.

The order inside is that of the field: when it happened, when the flow came, its name, the rank of the invoice there.
The number of a deposit is none of it: it may differ between two runs of the same drops.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, and_, func, select, tuple_, update
from sqlalchemy.sql import ColumnElement, Select

from pipeline.adapters.ledger import audit, outbox
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import Lot, ToSend, chunks, moment, text_day
from pipeline.audit.form import TOLD, Records, covered
from pipeline.ports import Fault, Said
from pipeline.returns import names

_A, _C, _D, _I, _R, _X = t.audit, t.changes, t.deposits, t.invoices, t.routings, t.transitions
OF_TRANSITION = and_(_X.c.deposit_id == _C.c.deposit_id, _X.c.rank == _C.c.rank, _X.c.sequence == _C.c.sequence)
_OF_INVOICE = and_(_I.c.deposit_id == _C.c.deposit_id, _I.c.rank == _C.c.rank)
APPLIED = and_(_A.c.partner == _C.c.issuer, _A.c.sequence == _C.c.audited)
IN_ORDER = (_X.c.at, _D.c.received_at, _D.c.name, _C.c.rank, _C.c.sequence)
LIFECYCLE = names.LIFECYCLE
_TOGETHER = 64  # changes of one invoice at one moment stay in one file: looked for so far behind its end


@dataclass(frozen=True, slots=True)
class Untold:
    """The changes of one issuer that no return tells yet, and when the first of them was applied."""

    issuer: str
    count: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class ToldChange:
    """One change as its return tells it; the recipient is the one that it had then."""

    deposit_id: int
    flow_name: str
    rank: int
    sequence: int
    status: str
    at: datetime
    comment: str
    set_by: str
    reason: str
    mandate: str
    supplier_type: str
    supplier: str
    supplier_name: str
    number: str
    issued: date | None
    recipient: str
    recipient_name: str
    service: str


@dataclass(frozen=True, slots=True)
class Telling:
    """A return that is to be put in line, and what it tells."""

    issuer: str
    file: ToSend
    changes: tuple[ToldChange, ...]


def due(db: Connection, before: datetime | None = None) -> list[str]:
    """The issuers of changes that are in no return, the first of them applied up to a moment (or whenever)."""
    query = _applied().where(_C.c.batch == "").group_by(_C.c.issuer).order_by(_C.c.issuer)
    if before is not None:
        query = query.having(func.min(_A.c.at) <= moment(before))
    return [row.issuer for row in db.execute(query)]


def untold(db: Connection) -> list[Untold]:
    """Issuer by issuer; what a return tells whose file is not in line yet counts too."""
    query = _applied().group_by(_C.c.issuer).order_by(_C.c.issuer)
    return [Untold(r.issuer, r.several, datetime.fromisoformat(r.oldest)) for r in db.execute(query)]


def unfinished(db: Connection) -> list[tuple[str, str]]:
    """(issuer, name) of every return that has its name and whose file is not in line yet."""
    query = select(_C.c.issuer, _C.c.batch).where(t.UNTOLD, _C.c.batch != "").distinct()
    return [(issuer, name) for issuer, name in db.execute(query.order_by(_C.c.issuer, _C.c.batch))]


def fix(db: Connection, issuer: str, ours: str, most: int) -> int:
    """Give the changes of an issuer that are in no return the names of theirs; how many returns that makes."""
    made = 0
    while rows := _next(db, issuer, most):
        first, last = (names.transition_id(issuer, r.name, r.rank, r.sequence) for r in (rows[0], rows[-1]))
        name = names.later_lifecycle_name(issuer, first, last, ours)
        if give(db, issuer, [(r.deposit_id, r.rank, r.sequence) for r in rows], name) != len(rows):
            raise Fault(_NOT_ALONE)
        made += 1
    return made


def give(db: Connection, issuer: str, keys: Iterable[tuple[int, int, int]], name: str) -> int:
    """The changes of these that are in no return are in this one from here on; how many they are."""
    given = 0
    in_none = t.UNTOLD & (_C.c.issuer == issuer) & (_C.c.batch == "")
    for part in chunks(keys):
        mine = tuple_(_C.c.deposit_id, _C.c.rank, _C.c.sequence).in_(part)
        given += db.execute(update(_C).where(in_none, mine).values(batch=name)).rowcount
    return given


def changes_in(db: Connection, issuer: str, name: str) -> tuple[ToldChange, ...]:
    """What a return tells, in its order."""
    return tuple(_told(db, (_C.c.issuer == issuer) & (_C.c.batch == name)))


def in_no_return(db: Connection, issuer: str) -> Iterator[ToldChange]:
    """The changes of an issuer that no return has, in the order in which they will be told."""
    return _told(db, t.UNTOLD & (_C.c.issuer == issuer) & (_C.c.batch == ""))


def record(db: Connection, lot: Lot | None, tellings: Sequence[Telling], at: datetime) -> None:
    """Put returns in line, and cover by the chain of each issuer what they tell."""
    for issuer, several in groupby(sorted(tellings, key=lambda one: one.issuer), key=lambda one: one.issuer):
        theirs = list(several)
        groups: list[tuple[str, int, Records]] = [
            ("outbox", 0, audit.records("outbox", [outbox.columns(one.file) for one in theirs]))
        ]
        told: dict[int, list[dict[str, object]]] = {}
        for one in theirs:
            for change in one.changes:
                row = {"deposit_id": change.deposit_id, "rank": change.rank, "sequence": change.sequence}
                told.setdefault(change.deposit_id, []).append(row | {"batch": one.file.name})
        groups += [("told", deposit, audit.records("told", rows)) for deposit, rows in told.items()]
        cover = covered(groups)
        number = audit.append(
            db, issuer, TOLD, at, cover, detail={"marks": cover.marks}, lot=lot.id if lot else 0,
            attempt=lot.attempt if lot else 0,
        )  # fmt: skip
        for one in theirs:
            mine = t.UNTOLD & (_C.c.issuer == issuer) & (_C.c.batch == one.file.name)
            if db.execute(update(_C).where(mine).values(told=number)).rowcount != len(one.changes):
                raise Fault(_NOT_ALONE)
        _put_in_line(db, theirs, lot, number)


def _put_in_line(db: Connection, tellings: Sequence[Telling], lot: Lot | None, number: int) -> None:
    """A file that a restore saw in its place stands as sent from the beginning."""
    for state, several in groupby(sorted(tellings, key=lambda one: one.file.state), key=lambda one: one.file.state):
        files = [one.file for one in several]
        if state == outbox.READY:
            outbox.add(db, files, lot, number)
            continue
        rows = [outbox.columns(file) | {"lot_id": None, "audited": number} for file in files]
        db.execute(t.outbox.insert(), rows)


def _applied() -> Select[Any]:
    """Untold changes, and when they were applied: the chain knows."""
    query = select(_C.c.issuer, func.count().label("several"), func.min(_A.c.at).label("oldest"))
    return query.join(_A, APPLIED).where(t.UNTOLD)


def _next(db: Connection, issuer: str, most: int) -> Sequence[Any]:
    """The first changes that are in no return, so many at most: what one invoice met at one moment stays together."""
    query = (
        select(_C.c.deposit_id, _C.c.rank, _C.c.sequence, _X.c.at, _D.c.name)
        .join(_X, OF_TRANSITION)
        .join(_D, _D.c.id == _C.c.deposit_id)
        .where(t.UNTOLD, _C.c.issuer == issuer, _C.c.batch == "")
        .order_by(*IN_ORDER)
        .limit(most + _TOGETHER)
    )
    rows = db.execute(query).all()
    if len(rows) <= most:
        return rows
    ends = [end for end in range(1, len(rows)) if _moment_of(rows[end]) != _moment_of(rows[end - 1])]
    return rows[: max((end for end in ends if end <= most), default=min(ends, default=len(rows)))]


def _moment_of(row: Any) -> tuple[str, int, int]:
    return row.at, row.deposit_id, row.rank


def _told(db: Connection, which: ColumnElement[bool]) -> Iterator[ToldChange]:
    earlier = _R.alias()
    up_to_it = and_(
        earlier.c.deposit_id == _C.c.deposit_id, earlier.c.rank == _C.c.rank, earlier.c.sequence <= _C.c.sequence
    )  # fmt: skip
    last = select(func.max(earlier.c.ordinal)).where(up_to_it).scalar_subquery()
    then = and_(_R.c.deposit_id == _C.c.deposit_id, _R.c.rank == _C.c.rank, _R.c.ordinal == last)
    query: Select[Any] = (
        select(
            _C.c.deposit_id, _D.c.name, _C.c.rank, _C.c.sequence, _X.c.status, _X.c.at, _X.c.comment, _X.c.set_by,
            _C.c.reason, _C.c.mandate, _I.c.supplier_type, _I.c.supplier, _I.c.supplier_name, _I.c.number, _I.c.issued,
            func.coalesce(_R.c.recipient, _I.c.recipient).label("recipient"),
            func.coalesce(_R.c.recipient_name, _I.c.recipient_name).label("recipient_name"),
            func.coalesce(_R.c.service, _I.c.service).label("service"),
        )
        .join(_X, OF_TRANSITION)
        .join(_D, _D.c.id == _C.c.deposit_id)
        .join(_I, _OF_INVOICE)
        .outerjoin(_R, then)
        .where(which)
        .order_by(*IN_ORDER)
    )  # fmt: skip
    for r in db.execute(query):
        yield ToldChange(
            r.deposit_id, r.name, r.rank, r.sequence, r.status, datetime.fromisoformat(r.at), r.comment, r.set_by,
            r.reason, r.mandate, r.supplier_type, r.supplier, r.supplier_name, r.number, text_day(r.issued),
            r.recipient, r.recipient_name, r.service,
        )  # fmt: skip


_NOT_ALONE = Said(
    "des changements de statut viennent d'être annoncés par un autre processus ; rien n'est écrit, relancer chorus-edi "
    "run",
    "changes of status were just told by another process; nothing is written, run again",
)
