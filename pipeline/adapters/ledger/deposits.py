"""Registration of deposits: one row per claimed file, always; who holds a name and its bytes.

A flow holds its name for good, and its bytes while it is in progress or has something in it: two partial unique indexes
decide the race. Whoever loses it reads the winner in the next try of the whole unit.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, literal, or_, select, text, update

from pipeline.adapters.ledger import audit, bulk
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import (
    QUARANTINED,
    RECEIVED,
    REPEATED,
    Deposit,
    chunks,
    compact,
    deposit,
    finding_columns,
    moment,
    said_column,
    shown,
)
from pipeline.audit.form import RECEIVED as IS_RECEIVED
from pipeline.audit.form import covered
from pipeline.codes import Severity
from pipeline.model import PARIS, Finding
from pipeline.ports import Said


@dataclass(frozen=True, slots=True)
class Claimed:
    """A file we have claimed and archived; `trouble` says why one that is no plain file is set apart."""

    partner: str
    claim: str
    name_bytes: bytes
    sha256: str
    size_bytes: int
    is_kept: bool
    received_at: datetime
    trouble: Said | None = None


@dataclass(frozen=True, slots=True)
class Doubles:
    """The earlier deposits that a new one meets."""

    same: Deposit | None = None  # same name and same bytes: FLW-006
    name: Deposit | None = None  # same name: FLW-005
    content: Deposit | None = None  # same bytes: FLW-007


Settle = Callable[[Claimed, Doubles], tuple[Finding, ...]]


def _nothing(_registered: list[Deposit]) -> None:
    """There is nothing to prepare."""


def known_claims(db: Connection, partner: str, keys: Iterable[str]) -> frozenset[str]:
    """Of these claim keys, those that a registered deposit has had."""
    known: set[str] = set()
    for part in chunks(keys):
        where = (t.deposits.c.partner == partner) & t.deposits.c.claim.in_(part)
        known.update(db.execute(select(t.deposits.c.claim).where(where)).scalars())
    return frozenset(known)


def claims_like(db: Connection, partner: str, keys: Iterable[str]) -> frozenset[str]:
    """Every claim key that a deposit has had of these files, their `-k` repetitions included."""
    c = t.deposits.c.claim
    known: set[str] = set()
    for part in chunks(keys):
        near = (and_(c >= key + "-", c <= key + "-~") for key in _filled_up(part))
        where = (t.deposits.c.partner == partner) & or_(c.in_(part), *near)
        known.update(db.execute(select(c).where(where)).scalars())
    return frozenset(known)


def _filled_up(keys: Sequence[str]) -> list[str]:
    """To the next power of two, with the last one again: each length is a statement of its own, and kept compiled."""
    more = (1 << (len(keys) - 1).bit_length()) - len(keys)
    return [*keys, *[keys[-1]] * more]


def set_apart(db: Connection, partner: str) -> frozenset[str]:
    """The claims whose file stays in `work/`: no plain file, nothing archived."""
    where = (t.deposits.c.partner == partner) & (t.deposits.c.state == QUARANTINED) & (t.deposits.c.is_kept == 0)
    return frozenset(db.execute(select(t.deposits.c.claim).where(where)).scalars())


def waiting(db: Connection, partner: str) -> tuple[int, int]:
    """(files, bytes) of a partner that wait to be judged."""
    size = func.coalesce(func.sum(t.deposits.c.size_bytes), 0)
    row = db.execute(select(func.count(), size).where(t.deposits.c.partner == partner, t.DUE)).one()
    return row[0], int(row[1])


def received_between(db: Connection, partner: str, since: datetime, until: datetime, most: int) -> int:
    """How many deposits of a partner came between two moments, counted up to `most`."""
    at = t.deposits.c.received_at
    here = (t.deposits.c.partner == partner) & (at > moment(since)) & (at <= moment(until))
    some = select(literal(1)).where(here).limit(most).subquery()
    return int(db.execute(select(func.count()).select_from(some)).scalar_one())


def doubles_of(db: Connection, file: Claimed) -> Doubles:
    """The earlier deposits that a file would meet, were it registered now."""
    return _Holders(db, file.partner, [file]).doubles(file)


def register(
    db: Connection, partner: str, claimed: Sequence[Claimed], settle: Settle,
    prepare: Callable[[list[Deposit]], None] = _nothing,
) -> list[Deposit]:  # fmt: skip
    """Write the rows of these files, in their order, unless they are there; returns the new ones.

    `prepare` hears of them before they are written: what takes long belongs there, for from the writing on others of
    this partner wait for the head of its audit chain.
    """
    done = known_claims(db, partner, [c.claim for c in claimed])
    fresh = [c for c in claimed if c.claim not in done]
    if not fresh:
        return []
    holders = _Holders(db, partner, fresh)
    numbers = _new_ids(db, len(fresh))
    deposits, flows = [], []
    registered: list[Deposit] = []
    for number, file in zip(numbers, fresh, strict=True):
        doubles = holders.doubles(file)
        settled = settle(file, doubles) if not file.trouble else ()
        is_refused = any(f.severity is Severity.FATAL for f in settled)
        first = doubles.same or doubles.name or doubles.content
        state = QUARANTINED if file.trouble else REPEATED if doubles.same else RECEIVED
        row = Deposit(
            number, partner, file.claim, file.name_bytes, shown(file.name_bytes), file.sha256, file.size_bytes,
            file.is_kept, file.received_at, state, settled,
            first.id if first is not None and not file.trouble else None, file.trouble,
        )  # fmt: skip
        registered.append(row)
        deposits.append(_columns(row))
        if state == RECEIVED and doubles.name is None:
            holds_bytes = doubles.content is None and not is_refused and file.is_kept and file.size_bytes > 0
            flows.append(
                {"deposit_id": number, "partner": partner, "name_bytes": file.name_bytes, "sha256": file.sha256,
                 "holds_name": 1, "holds_bytes": int(holds_bytes)}
            )  # fmt: skip
            holders.hold(row, holds_bytes=holds_bytes)
        elif state == RECEIVED:
            holders.hold(row, holds_bytes=False, holds_name=False)
    prepare(registered)
    cover = covered([("deposits", row["id"], audit.records("deposits", [_covered(row)])) for row in deposits])
    number = audit.append(db, partner, IS_RECEIVED, fresh[0].received_at, cover, detail={"marks": cover.marks})
    bulk.add(db, t.deposits, [row | {"audited": number} for row in deposits])
    bulk.add(db, t.flows, flows)
    return registered


def send_report_again(db: Connection, places: Iterable[tuple[str, str]]) -> None:
    """Put these sent reports back in line: the partner dropped the same flow again and has no report any more."""
    for place, name in places:
        where = (t.outbox.c.place == place) & (t.outbox.c.name == name) & t.outbox.c.state.in_(("sent", "held"))
        db.execute(update(t.outbox).where(where).values(state="ready", lot_id=None))


class _Holders:
    """Who holds the names and the bytes of a batch, in the ledger and in the batch itself."""

    def __init__(self, db: Connection, partner: str, files: Sequence[Claimed]) -> None:
        self.same: dict[tuple[bytes, str], Deposit] = {}
        self.names: dict[bytes, Deposit] = {}
        self.content: dict[str, Deposit] = {}
        d, f = t.deposits, t.flows
        mine = d.c.partner == partner
        for part in chunks({c.name_bytes for c in files}):
            told = mine & d.c.name_bytes.in_(part) & (d.c.state != REPEATED) & (d.c.sha256 != "")
            for row in db.execute(select(d).where(told).order_by(d.c.id.desc())):
                self.same[bytes(row.name_bytes), row.sha256] = deposit(row)
            held = (f.c.partner == partner) & f.c.name_bytes.in_(part) & t.HOLDS_NAME
            for row in db.execute(select(d).join(f, f.c.deposit_id == d.c.id).where(held)):
                self.names[bytes(row.name_bytes)] = deposit(row)
        for shas in chunks({c.sha256 for c in files if c.sha256}):
            held = (f.c.partner == partner) & f.c.sha256.in_(shas) & t.HOLDS_BYTES
            for row in db.execute(select(d).join(f, f.c.deposit_id == d.c.id).where(held)):
                self.content[row.sha256] = deposit(row)

    def doubles(self, file: Claimed) -> Doubles:
        same = self.same.get((file.name_bytes, file.sha256)) if file.sha256 else None
        if same is not None:
            return Doubles(same=same)
        return Doubles(None, self.names.get(file.name_bytes), self.content.get(file.sha256))

    def hold(self, row: Deposit, *, holds_bytes: bool, holds_name: bool = True) -> None:
        self.same[row.name_bytes, row.sha256] = row
        if holds_name:
            self.names[row.name_bytes] = row
        if holds_bytes:
            self.content[row.sha256] = row


def _new_ids(db: Connection, count: int) -> Sequence[int]:
    """Ids in the order of the files: of a sequence where several register at once, else (we hold the write lock) the
    next ones."""
    if db.dialect.name == "sqlite":
        last = db.execute(select(t.deposits.c.id).order_by(t.deposits.c.id.desc()).limit(1)).scalar() or 0
        return range(last + 1, last + 1 + count)
    drawn = text("SELECT nextval(pg_get_serial_sequence('deposits', 'id')) FROM generate_series(1, :count)")
    return sorted(db.execute(drawn, {"count": count}).scalars())


def _covered(row: dict[str, Any]) -> dict[str, Any]:
    """As the audit chain covers it: bytes in hexadecimal."""
    return row | {"name_bytes": row["name_bytes"].hex()}


def _columns(row: Deposit) -> dict[str, Any]:
    return {
        "id": row.id, "partner": row.partner, "claim": row.claim, "name_bytes": row.name_bytes, "name": row.name,
        "sha256": row.sha256, "size_bytes": row.size_bytes, "is_kept": int(row.is_kept),
        "received_at": moment(row.received_at), "received_day": row.received_at.astimezone(PARIS).date().isoformat(),
        "state": row.state, "settled": compact([finding_columns(f) for f in row.settled]) if row.settled else "",
        "first_id": row.first_id, "fault": said_column(row.fault),
    }  # fmt: skip
