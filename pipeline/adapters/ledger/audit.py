"""The audit chain in the ledger: whoever appends a row holds the head of its chain until the transaction ends.

`pipeline.audit` says what a row covers and in which bytes. A row is appended late in its transaction: others of the
same partner wait from there on. Who appends to several chains takes them in the order of their partners.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, insert, select, update

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.audit_records import groups
from pipeline.adapters.ledger.bulk import if_absent, streamed
from pipeline.adapters.ledger.rows import chunks, moment
from pipeline.audit.form import COVERED, GENESIS, NO_HEAD, NOTHING, UNIT, Cover, Covered, Head, Records, Row, told
from pipeline.ports import Fault, Said

_A, _H, _D = t.audit, t.audit_heads, t.deposits
_FIELDS = (
    "partner", "sequence", "kind", "at", "lot", "attempt", "records", "digest", "detail", "result", "previous", "hash",
)  # fmt: skip
_VALUES = {table: itemgetter(*columns) for table, columns in COVERED.items()}


def records(table: str, rows: Iterable[Mapping[str, Any]]) -> Records:
    """Rows that are about to be written, as a row of the chain covers them."""
    return [_VALUES[table](row) for row in rows]


def append(
    db: Connection, partner: str, kind: str, at: datetime, cover: Covered = NOTHING, *,
    detail: Mapping[str, Any] | None = None, result: str = "", lot: int = 0, attempt: int = 0,
) -> int:  # fmt: skip
    """Add a row to the chain of a partner; returns its number, which what it covers is to hold (`audited`)."""
    head = _locked(db, partner, at)
    row = Row(
        partner, head.sequence + 1, kind, moment(at), lot, attempt, cover.records, cover.digest, told(detail or {}),
        result, head.hash,
    )  # fmt: skip
    _insert(db, row)
    as_seen = (_H.c.partner == partner) & (_H.c.sequence == head.sequence) & (_H.c.hash == head.hash)
    moved = db.execute(update(_H).where(as_seen).values(sequence=row.sequence, hash=row.expected))
    if moved.rowcount != 1:
        raise Fault(_NOT_ALONE)
    return row.sequence


def head(db: Connection, partner: str) -> Head:
    """How far the chain of a partner has come."""
    found = db.execute(select(_H.c.sequence, _H.c.hash).where(_H.c.partner == partner)).first()
    return Head(found.sequence + 1, found.hash) if found is not None else NO_HEAD


def hash_of(db: Connection, partner: str, sequence: int) -> str:
    """The hash of a row; empty where there is none."""
    where = (_A.c.partner == partner) & (_A.c.sequence == sequence)
    return db.execute(select(_A.c.hash).where(where)).scalar() or ""


def heads(db: Connection) -> dict[str, Head]:
    """How far every chain has come, as its head says."""
    found = db.execute(select(_H.c.partner, _H.c.sequence, _H.c.hash).order_by(_H.c.partner))
    return {r.partner: Head(r.sequence + 1, r.hash) for r in found}


def _locked(db: Connection, partner: str, at: datetime) -> Any:
    """The head of a chain, ours until the transaction ends; a chain that is not there begins."""
    mine = select(_H.c.sequence, _H.c.hash).where(_H.c.partner == partner).with_for_update()
    found = db.execute(mine).first()
    if found is None:
        first = Row(partner, 0, GENESIS, moment(at), 0, 0, 0, NOTHING.digest, "", "", "")
        begun = if_absent(db, _H).values(partner=partner, sequence=0, hash=first.expected).returning(_H.c.partner)
        if db.execute(begun).first() is not None:
            _insert(db, first)
        found = db.execute(mine).one()
    return found


def _insert(db: Connection, row: Row) -> None:
    values = {name: getattr(row, name) for name in _FIELDS}
    db.execute(insert(_A).values(**{**values, "hash": row.expected}))


_NOT_ALONE = Said(
    "la tête du journal a changé pendant qu'on la tenait ; relancer la même commande, puis chorus-edi audit verify",
    "the head of the audit chain changed while it was held; run the same command again, then `chorus-edi audit verify`",
)


# --- the beginning of a chain -----------------------------------------------------------------------------------------


def begin(
    db: Connection, at: datetime, earlier: Mapping[str, Mapping[str, Any]], covers: Collection[str] = COVERED
) -> None:
    """Begin the chain of every partner with a row that covers all that is there; `earlier` goes into its detail.

    `covers`: the tables that there are.
    """
    partners = {
        *earlier,
        *db.execute(select(_D.c.partner).distinct()).scalars(),
        *db.execute(select(t.outbox.c.owner).where(t.outbox.c.deposit_id.is_(None)).distinct()).scalars(),
        *db.execute(select(t.reject_days.c.partner).distinct()).scalars(),
        *db.execute(select(t.purged.c.owner).distinct()).scalars(),
    }
    for partner in sorted(partners):
        cover = Cover()
        tables: dict[str, int] = {}
        for group in groups(db, partner, tables=covers):
            cover.add(group.table, group.deposit, group.records)
            tables[group.table] = tables.get(group.table, 0) + len(group.records)
        detail: dict[str, Any] = {"records": tables}
        if partner in earlier:
            detail["earlier"] = earlier[partner]
        gone = db.execute(select(t.purged.c.sha256).where(t.purged.c.owner == partner).order_by(t.purged.c.sha256))
        if objects := list(gone.scalars()):
            detail["objects"] = objects
        row = Row(partner, 0, GENESIS, moment(at), 0, 0, cover.records, cover.digest, told(detail), "", "")
        _insert(db, row)
        db.execute(insert(_H).values(partner=partner, sequence=0, hash=row.expected))


# --- reading ----------------------------------------------------------------------------------------------------------


def rows(db: Connection, partner: str = "", first: int = 0, last: int | None = None) -> Iterator[Row]:
    """The rows of every chain (or of one, between two numbers), in their order."""
    query = select(*(_A.c[name] for name in _FIELDS)).order_by(_A.c.partner, _A.c.sequence)
    if partner:
        query = query.where(_A.c.partner == partner, _A.c.sequence >= first)
    if last is not None:
        query = query.where(_A.c.sequence <= last)
    for r in streamed(db, query):
        yield Row(*r)


def units(db: Connection, partner: str, step: int, *, since: int) -> Iterator[Row]:
    """The rows of commit units of a chain: every one from a row on, and before it one of so many."""
    query = select(*(_A.c[name] for name in _FIELDS)).where(_A.c.partner == partner, _A.c.kind == UNIT)
    some = (_A.c.sequence >= since) | (_A.c.sequence % step == 0)
    for r in streamed(db, query.where(some).order_by(_A.c.sequence)):
        yield Row(*r)


def results(db: Connection, partner: str) -> Iterator[str]:
    """The objects that the rows of a chain name, in the order of their digests."""
    query = select(_A.c.result).where(_A.c.partner == partner, _A.c.result != "").order_by(_A.c.result)
    for row in streamed(db, query):
        yield row.result


def between(db: Connection, since: datetime, until: datetime, partner: str = "") -> dict[str, tuple[int, int]]:
    """Partner -> first and last row of a period: what stands between them belongs to it, whatever its moment."""
    query = select(_A.c.partner, _A.c.sequence).where(_A.c.at >= moment(since), _A.c.at < moment(until))
    found: dict[str, tuple[int, int]] = {}
    for r in db.execute(query.where(_A.c.partner == partner) if partner else query):
        first, last = found.get(r.partner, (r.sequence, r.sequence))
        found[r.partner] = min(first, r.sequence), max(last, r.sequence)
    return dict(sorted(found.items()))


def purged(db: Connection) -> set[tuple[str, str]]:
    """(owner, SHA-256) of all that the ledger says was purged."""
    return {(r.owner, r.sha256) for r in db.execute(select(t.purged.c.owner, t.purged.c.sha256))}


def names(db: Connection) -> Callable[[int], str]:
    """Deposit -> the name of its flow; empty where the ledger has no such deposit."""
    known: dict[int, str] = {}

    def name_of(deposit: int) -> str:
        if deposit not in known:
            known[deposit] = db.execute(select(_D.c.name).where(_D.c.id == deposit)).scalar() or ""
        return known[deposit]

    return name_of


def digests(db: Connection, partner: str, ids: Iterable[int]) -> dict[int, str]:
    """Deposit -> SHA-256 of what came, of those that this partner has."""
    found: dict[int, str] = {}
    for part in chunks(ids):
        where = (_D.c.partner == partner) & _D.c.id.in_(part)
        found |= {r.id: r.sha256 for r in db.execute(select(_D.c.id, _D.c.sha256).where(where))}
    return found


# --- heads that go into the store -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A chain whose head is to be kept."""

    partner: str
    head: Head


def heads_due(db: Connection, day: str) -> Sequence[Due]:
    """The chains that moved since their head was kept, and not on this day (ISO, in Paris)."""
    moved = (_H.c.kept_day == "") | (_H.c.sequence > _H.c.kept_sequence)
    query = select(_H.c.partner, _H.c.sequence, _H.c.hash).where(_H.c.kept_day < day, moved).order_by(_H.c.partner)
    return [Due(r.partner, Head(r.sequence + 1, r.hash)) for r in db.execute(query)]


def heads_kept(db: Connection, kept: Iterable[Due], day: str) -> None:
    """These are in the store; a later one of another process stays."""
    for one in kept:
        sequence = one.head.rows - 1
        older = (_H.c.partner == one.partner) & (_H.c.kept_sequence <= sequence) & (_H.c.kept_day < day)
        db.execute(update(_H).where(older).values(kept_day=day, kept_sequence=sequence))
