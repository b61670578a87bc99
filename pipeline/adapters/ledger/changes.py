"""What changes after integration, in one transaction: statuses of recipients, actions of issuers, by file or command.

An invoice belongs to its issuer, whoever asked: its transitions are covered by the issuer's audit chain, the file that
asked by the chain of the partner that dropped it. The transaction locks the invoices that it touches in their order and
looks whether they stand where they stood when it was decided; where they do not, nothing is written (`Stale`) and the
decision is made again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, text

from pipeline.adapters.ledger import audit, bulk, outbox, pairs
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.commits import (
    IN_PIECES,
    NOTHING_TO_TELL,
    Transition,
    finding_rows,
    give_bytes_back,
    settle_deposits,
    still_due,
    transition_row,
    verdict_row,
)
from pipeline.adapters.ledger.rows import Deposit, Lot, ToSend, moment, storable
from pipeline.audit.form import CHANGE, UNIT, Covered, Records, covered
from pipeline.model import IntakeVerdict, JudgedRow, ReadControl, RowOutcome, Standing, millionths
from pipeline.ports import Fault
from pipeline.standings import after

MARKS_MAX = 2_000  # in the detail of one row of a chain: they say where to look, the digest proves without them
Here = tuple[int, int]
_Row = dict[str, Any]


class Stale(Exception):
    """Somebody has changed one of these invoices since it was looked at: nothing was written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file of changes that was judged, or a command, and the files that tell what came of it.

    `receivers`: rank of a row that reroutes -> who gets the invoice from now on. The bytes of attachments and files
    are in the store already.
    """

    rows: tuple[JudgedRow, ...]
    files: tuple[ToSend, ...] = ()
    receivers: Mapping[int, str] = field(default_factory=dict)
    deposit: Deposit | None = None  # None: a command
    verdict: IntakeVerdict | None = None  # of the deposit
    operator: str = ""  # who gave the command


@dataclass(slots=True)
class ChangeRows:
    """What one transaction inserts, table by table; what each chain covers of it, by partner."""

    asked: Sequence[Asked]
    at: datetime
    tables: dict[str, list[_Row]] = field(default_factory=dict)
    partner_of: dict[tuple[str, int], str] = field(default_factory=dict)  # (table, place of the row) -> its chain
    before: dict[Here, Standing] = field(default_factory=dict)  # as each invoice was looked at
    now: dict[Here, Standing] = field(default_factory=dict)  # as it stands afterwards
    covers: dict[str, Covered] = field(default_factory=dict)

    @property
    def deposits(self) -> list[Deposit]:
        return [one.deposit for one in self.asked if one.deposit is not None]

    def add(self, table: str, partner: str, row: _Row) -> None:
        rows = self.tables.setdefault(table, [])
        self.partner_of[table, len(rows)] = partner
        rows.append(row)

    def of(self, table: str) -> list[tuple[str, _Row]]:
        return [(self.partner_of[table, place], row) for place, row in enumerate(self.tables.get(table, ()))]


# --- rows -------------------------------------------------------------------------------------------------------------


def rows_of(asked: Sequence[Asked], at: datetime) -> ChangeRows:
    """All that these files and commands write, decided at this moment.

    Several may touch one invoice, each where the one before left it.
    """
    unit = ChangeRows(asked, at)
    for one in asked:
        if one.deposit is not None and one.verdict is not None:
            _file(unit, one.deposit, one.verdict)
        for row in one.rows:
            _apply(unit, one, row)
    issuers = {here[0]: standing.issuer for here, standing in unit.before.items()}
    issuers |= {deposit.id: deposit.partner for deposit in unit.deposits}
    for one in asked:
        for file in one.files:
            partner = issuers[file.deposit_id] if file.deposit_id is not None else file.owner
            unit.add("outbox", partner, outbox.columns(file))
    _cover(unit)
    return unit


def _file(unit: ChangeRows, deposit: Deposit, verdict: IntakeVerdict) -> None:
    """The file itself: verdict, findings, and how many of its rows became what."""
    partner = deposit.partner
    unit.add("verdicts", partner, verdict_row(deposit, verdict, {}) | {"rejects_file": NOTHING_TO_TELL})
    for rank, found in ((0, verdict.findings), *((row.rank, row.findings) for row in verdict.rows)):
        for finding in finding_rows(deposit.id, rank, 1, found):
            unit.add("findings", partner, finding)
    counts = {outcome.value: verdict.count(outcome) for outcome in RowOutcome}
    unit.add(
        "intakes", partner,
        {"deposit_id": deposit.id, "lane": verdict.read.lane.value, "read": len(verdict.rows), **counts},
    )  # fmt: skip
    kept = {row.rank for row in verdict.rows if row.outcome is not RowOutcome.REFUSED}
    for control in verdict.read.controls:
        if control.rank in kept:
            unit.add("controls", partner, _control(deposit.id, control))


def _control(deposit_id: int, row: ReadControl) -> _Row:
    total = row.total.text if row.total is not None else ""
    return {
        "deposit_id": deposit_id, "position": row.rank, "flow": storable(row.flow.text) if row.flow else "",
        "sha256": row.sha256.text if row.sha256 else "", "invoices": row.invoices or 0, "total": total,
        "total_millionths": millionths(total), "currency": row.currency.text if row.currency else "",
    }  # fmt: skip


def _apply(unit: ChangeRows, asked: Asked, row: JudgedRow) -> None:
    """What one row does to its invoice."""
    standing = row.standing
    if standing is None or row.outcome not in {RowOutcome.APPLIED, RowOutcome.KEPT}:
        return
    here = standing.deposit_id, standing.rank
    unit.before.setdefault(here, standing)
    source = asked.deposit.id if asked.deposit is not None else 0
    source_rank = row.rank if asked.deposit is not None else 0
    key = {"deposit_id": standing.deposit_id, "rank": standing.rank}
    by = {"source_id": source, "source_rank": source_rank}
    sequence = standing.sequence
    for sequence, change in enumerate(row.changes, standing.sequence + 1):
        step = Transition(
            standing.deposit_id, standing.rank, sequence, change.to, change.at, storable(change.comment), change.set_by
        )
        unit.add("transitions", standing.issuer, transition_row(step))
        unit.add(
            "changes", standing.issuer,
            key | {"sequence": sequence, "issuer": standing.issuer, **by, "reason": storable(change.reason),
                   "mandate": storable(change.mandate), "producer": change.producer,
                   "operator": storable(change.operator or asked.operator)},
        )  # fmt: skip
    if row.rerouted is not None:
        to = row.rerouted
        unit.add(
            "routings", standing.issuer,
            key | {"ordinal": standing.routing + 1, "sequence": standing.sequence + 1,
                   "recipient": storable(to.recipient), "recipient_name": storable(to.recipient_name),
                   "service": storable(to.service), "commitment": storable(to.commitment),
                   "receiver": asked.receivers[row.rank], "snapshot": to.snapshot},
        )  # fmt: skip
    if row.event is not None:
        code, at, comment = row.event
        unit.add(
            "events", standing.issuer,
            key | {"ordinal": standing.events + 1, "code": code, "at": moment(at), "comment": storable(comment), **by,
                   "producer": asked.deposit.partner if asked.deposit is not None else ""},
        )  # fmt: skip
    for position, file in enumerate(row.attachments, 1):
        unit.add(
            "additions", standing.issuer,
            key | {"sequence": sequence, "position": position, "name": storable(file.name),
                   "mime": storable(file.mime), "sha256": file.sha256, "size_bytes": file.content.length},
        )  # fmt: skip
    if row.handling is not None:
        given = row.handling
        credit, corrective = given.credit_note, given.corrective
        if credit is not None:  # held too: it cancels one reject only
            unit.before.setdefault((credit.deposit_id, credit.rank), credit)
        unit.add(
            "handled", standing.issuer,
            key | {"at": moment(unit.at), "reason": storable(given.reason), "comment": storable(given.comment),
                   "credit_id": credit.deposit_id if credit else 0, "credit_rank": credit.rank if credit else 0,
                   "corrective_id": corrective.deposit_id if corrective else 0,
                   "corrective_rank": corrective.rank if corrective else 0, **by,
                   "operator": storable(asked.operator)},
        )  # fmt: skip
    unit.now[here] = after(standing, row, asked.receivers.get(row.rank, ""))


def _cover(unit: ChangeRows) -> None:
    """What the chain of each partner is to cover, grouped as the audit groups it."""
    groups: dict[str, dict[tuple[str, int], list[_Row]]] = {}
    for table in unit.tables:
        for partner, row in unit.of(table):
            mine = groups.setdefault(partner, {})
            mine.setdefault((table, row["deposit_id"] or 0), []).append(row)
    for partner, mine in groups.items():
        told: list[tuple[str, int, Records]] = [
            (table, deposit, audit.records(table, rows)) for (table, deposit), rows in mine.items()
        ]
        unit.covers[partner] = covered(told)


# --- the transaction --------------------------------------------------------------------------------------------------


def commit(db: Connection, unit: ChangeRows, lot: Lot | None = None, result: str = "") -> bool:
    """Write all of it; False when it is written already (a COMMIT whose answer was lost). `Stale`: nothing is written.

    `result`: the SHA-256 of the object that the unit left in the store, under the partner of the lot.
    """
    ids = [deposit.id for deposit in unit.deposits]
    if lot is not None:
        due = still_due(db, lot, ids)
        if not due:
            return False
        if len(due) != len(ids):  # this cannot be: the lot is ours, and a unit is written in one piece
            raise Fault(IN_PIECES)
    _lock(db, unit)
    bulk.add(db, t.findings, unit.tables.get("findings", ()))
    # late, in the order of the partners: other units of theirs wait from here on
    rows = {partner: _append(db, unit, partner, lot, result) for partner in sorted(unit.covers)}
    for name in (
        "verdicts", "intakes", "controls", "transitions", "changes", "routings", "events", "additions", "handled",
    ):  # fmt: skip
        found = [row | {"audited": rows[partner]} for partner, row in unit.of(name)]
        bulk.add(db, t.metadata.tables[name], found)
    sent = [row | {"lot_id": lot.id if lot else None, "audited": rows[p]} for p, row in unit.of("outbox")]
    bulk.add(db, t.outbox, sent)
    _move(db, unit)
    settled = [one for one in unit.asked if one.deposit is not None and one.verdict is not None]
    settle_deposits(db, [(one.deposit.id, one.verdict.state) for one in settled if one.deposit and one.verdict])
    give_bytes_back(db, [one.deposit.id for one in settled if one.deposit and not _holds_something(one)])
    return True


def _holds_something(asked: Asked) -> bool:
    return any(row.outcome is not RowOutcome.REFUSED for row in asked.rows)


def _append(db: Connection, unit: ChangeRows, partner: str, lot: Lot | None, result: str) -> int:
    """One row of the chain of a partner; that of whoever dropped the file names the object of the unit."""
    cover = unit.covers[partner]
    if lot is not None and lot.partner == partner:
        return audit.append(db, partner, UNIT, unit.at, cover, result=result, lot=lot.id, attempt=lot.attempt)
    detail: dict[str, Any] = {"marks": cover.marks} if len(cover.marks) <= MARKS_MAX else {}
    if sources := [deposit.id for deposit in unit.deposits]:
        detail["sources"] = sources
    number, attempt = (lot.id, lot.attempt) if lot is not None else (0, 0)
    return audit.append(db, partner, CHANGE, unit.at, cover, detail=detail, lot=number, attempt=attempt)


def _lock(db: Connection, unit: ChangeRows) -> None:
    """Hold the invoices in their order, so that two writers never wait for each other in a ring; compare them."""
    i, e, h = t.invoices, t.events, t.handled
    expected = {here: (one.status, moment(one.status_at), one.routing) for here, one in unit.before.items()}
    kept: dict[Here, int] = {}
    for part in pairs.parts(expected):
        some = pairs.wanted(part)
        columns = i.c.deposit_id, i.c.rank, i.c.status, i.c.status_at, i.c.routing
        query = select(*columns).join(some, pairs.holds(i, some))
        found = {
            (r.deposit_id, r.rank): (r.status, r.status_at, r.routing)
            for r in db.execute(query.order_by(i.c.deposit_id, i.c.rank).with_for_update(of=i))
        }
        if any(found.get(here) != expected[here] for here in part):
            raise Stale
        for r in db.execute(select(e.c.deposit_id, e.c.rank).join(some, pairs.holds(e, some))):
            kept[r.deposit_id, r.rank] = kept.get((r.deposit_id, r.rank), 0) + 1
        dealt = {
            (r.deposit_id, r.rank)
            for r in db.execute(select(h.c.deposit_id, h.c.rank).join(some, pairs.holds(h, some)))
        }
        credits = select(h.c.deposit_id, h.c.rank, h.c.credit_id, h.c.credit_rank)
        cancels = {
            (r.credit_id, r.credit_rank): (r.deposit_id, r.rank)
            for r in db.execute(credits.join(some, pairs.holds(h, some, "credit_id", "credit_rank")))
        }
        if any((here in dealt) is not unit.before[here].is_handled for here in part):
            raise Stale
        if any(cancels.get(here, (0, 0)) != unit.before[here].cancels for here in part):
            raise Stale
    if any(kept.get(here, 0) != one.events for here, one in unit.before.items()):
        raise Stale


def _move(db: Connection, unit: ChangeRows) -> None:
    """Where each invoice stands now."""
    changed = [
        {"deposit_id": here[0], "rank": here[1], "status": now.status, "status_at": moment(now.status_at),
         "routing": now.routing}
        for here, now in sorted(unit.now.items())
        if (now.status, now.status_at, now.routing)
        != (unit.before[here].status, unit.before[here].status_at, unit.before[here].routing)
    ]  # fmt: skip
    if not changed:
        return
    names = ("deposit_id", "rank", "status", "status_at", "routing")
    if db.dialect.name == "sqlite":
        told = "UPDATE invoices SET status = ?, status_at = ?, routing = ? WHERE deposit_id = ? AND rank = ?"
        moved = db.exec_driver_sql(
            told, [(r["status"], r["status_at"], r["routing"], r["deposit_id"], r["rank"]) for r in changed]
        ).rowcount
    else:
        arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in zip(names, _KINDS, strict=True))
        told = (
            f"UPDATE invoices SET status = v.status, status_at = v.status_at, routing = v.routing "  # noqa: S608
            f"FROM unnest({arrays}) AS v({', '.join(names)}) "
            "WHERE invoices.deposit_id = v.deposit_id AND invoices.rank = v.rank"
        )
        moved = db.execute(text(told), {name: [row[name] for row in changed] for name in names}).rowcount
    if moved != len(changed):  # they are held: nobody can have taken them away
        raise Stale


_KINDS = ("bigint", "integer", "text", "text", "integer")
