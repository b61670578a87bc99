"""The names that issuers give their recipients and services, and what they used last: read in lots, replaced whole."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, union_all

from pipeline import codes
from pipeline.adapters.ledger import bulk, locks
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.commits import HOLDS_NUMBER
from pipeline.adapters.ledger.rows import chunks, moment
from pipeline.model import PARIS, Alias, InvoiceOutcome, Label
from pipeline.routing import mapping

ASKED_MAX = 200  # recipients of one unit that are asked for what was used last
LOOKED_AT_MAX = 2_000  # newest invoices of such a recipient, whoever dropped them
_TOGETHER = 25  # of them in one query
_ROUTING = "is_recycled"  # 0, or the ordinal of its last row of `routings`
_DAY_CHARS = 10
_TO_RECYCLE = "04"  # what its recipient sent back is no example


@dataclass(frozen=True, slots=True)
class LastUsed:
    """What an issuer used last for a recipient, on which day."""

    service: str
    commitment: str
    day: date


@dataclass(frozen=True, slots=True)
class Replaced:
    """What an import did to the names of an issuer."""

    added: int
    changed: int
    kept: int
    removed: int


@dataclass(frozen=True, slots=True)
class RefusedByName:
    """A refused invoice whose recipient or service was not understood; nothing since has taken its number."""

    deposit_id: int
    flow_name: str
    flow_state: str
    sha256: str
    supplier: str
    number: str
    recipient: str
    recipient_name: str
    service: str


# --- write ------------------------------------------------------------------------------------------------------------


def put(
    db: Connection, partner: str, labels: Iterable[Label], aliases: Iterable[Alias], *, replace: bool = True
) -> Replaced:
    """Write the names of an issuer in the place of those it had, or beside them; of the same name the new one counts.

    The last one of two that write at the same time wins whole.
    """
    locks.lock(db, "mapping", partner)
    given = {("label", one.siret, mapping.key(one.written)): (one.written, one.code) for one in labels}
    given |= {("alias", "", mapping.key(one.written)): (one.written, one.siret) for one in aliases}
    theirs = every(db, partner)
    before = {("label", one.siret, mapping.key(one.written)): (one.written, one.code) for one in theirs[0]}
    before |= {("alias", "", mapping.key(one.written)): (one.written, one.siret) for one in theirs[1]}
    after = given if replace else before | given
    for table in (t.labels, t.aliases):
        db.execute(delete(table).where(table.c.partner == partner))
    bulk.add(db, t.labels, [
        {"partner": partner, "siret": siret, "label": plain, "written": written, "code": code}
        for (kind, siret, plain), (written, code) in sorted(after.items()) if kind == "label"
    ])  # fmt: skip
    bulk.add(db, t.aliases, [
        {"partner": partner, "alias": plain, "written": written, "siret": siret}
        for (kind, _, plain), (written, siret) in sorted(after.items()) if kind == "alias"
    ])  # fmt: skip
    both = before.keys() & given.keys()
    changed = sum(before[name][1] != given[name][1] for name in both)
    return Replaced(
        len(given) - len(both), changed, len(both) - changed, len(before.keys() - given.keys()) if replace else 0
    )


# --- read -------------------------------------------------------------------------------------------------------------


def every(db: Connection, partner: str) -> tuple[list[Label], list[Alias]]:
    """All the names of an issuer, in the order of their recipients and then as they are written."""
    a, b = t.labels, t.aliases
    labels = db.execute(select(a).where(a.c.partner == partner).order_by(a.c.siret, a.c.label))
    aliases = db.execute(select(b).where(b.c.partner == partner).order_by(b.c.siret, b.c.alias))
    return [Label(r.siret, r.written, r.code) for r in labels], [Alias(r.written, r.siret) for r in aliases]


def counts(db: Connection, partner: str) -> tuple[int, int]:
    """How many labels and aliases an issuer has."""
    labels, aliases = every(db, partner)
    return len(labels), len(aliases)


def aliases_of(db: Connection, partner: str, names: Iterable[str]) -> dict[str, Alias]:
    """Of these plain names, those that are aliases of this issuer."""
    a = t.aliases
    found: dict[str, Alias] = {}
    for part in chunks(sorted(set(names) - {""})):
        for row in db.execute(select(a).where(a.c.partner == partner, a.c.alias.in_(part))):
            found[row.alias] = Alias(row.written, row.siret)
    return found


def labels_of(db: Connection, partner: str, sirets: Iterable[str]) -> dict[str, dict[str, Label]]:
    """What this issuer calls the services of these recipients, by SIRET and plain label."""
    a = t.labels
    found: dict[str, dict[str, Label]] = {}
    for part in chunks(sorted(set(sirets))):
        for row in db.execute(select(a).where(a.c.partner == partner, a.c.siret.in_(part))):
            found.setdefault(row.siret, {})[row.label] = Label(row.siret, row.written, row.code)
    return found


def settled(db: Connection, ids: Iterable[int]) -> dict[int, dict[int, tuple[str, str]]]:
    """deposit -> rank -> (SIRET, service) of invoices that wait and were mapped when they were judged first."""
    i, f = t.invoices, t.findings
    found: dict[int, dict[int, tuple[str, str]]] = {}
    said = select(f.c.position).where(
        f.c.deposit_id == i.c.deposit_id, f.c.rank == i.c.rank, f.c.judgement == 1, f.c.rule == codes.RTG_013.id
    )
    waits = i.c.outcome == InvoiceOutcome.PENDING.value
    for part in chunks(ids):
        query = select(i.c.deposit_id, i.c.rank, i.c.recipient, i.c.service)
        for row in db.execute(query.where(i.c.deposit_id.in_(part), waits, said.exists())):
            found.setdefault(row.deposit_id, {})[row.rank] = (row.recipient, row.service)
    return found


def last_used(db: Connection, partner: str, sirets: Iterable[str], before: date | None = None) -> dict[str, LastUsed]:
    """SIRET -> the service that this issuer used last for it, of what was integrated and not sent back.

    `before`: of earlier days only, so that the order in which the flows of a day are judged changes nothing. At most
    `ASKED_MAX` recipients are looked up, the first ones in their order, and `LOOKED_AT_MAX` invoices of each.
    """
    found: dict[str, LastUsed] = {}
    first: int | None = None  # deposit of the day from which on nothing counts
    if before is not None:
        d = t.deposits
        first = db.execute(select(func.min(d.c.id)).where(d.c.received_day >= before.isoformat())).scalar()
    asked = sorted(set(sirets))[:ASKED_MAX]
    for start in range(0, len(asked), _TOGETHER):
        part = asked[start : start + _TOGETHER]
        as_deposited = [_last_deposited(partner, siret, first) for siret in part]
        recycled = [_last_recycled(partner, siret, before) for siret in part]
        for row in db.execute(union_all(*as_deposited, *recycled)):
            one = LastUsed(row.service, row.commitment, _day(row.day))
            known = found.get(row.recipient)
            if known is None or (one.day, row.is_recycled) > (known.day, 0):
                found[row.recipient] = one
    return found


def _last_deposited(partner: str, siret: str, first: int | None) -> Select[Any]:
    """Of the newest invoices of the recipient, in the order of its index: a State with a million is no dearer."""
    i = t.invoices
    theirs = select(i).where(i.c.recipient == siret)
    if first is not None:
        theirs = theirs.where(i.c.deposit_id < first)
    n = theirs.order_by(i.c.deposit_id.desc(), i.c.rank.desc()).limit(LOOKED_AT_MAX).subquery()
    query = (
        select(n.c.recipient, n.c.service, n.c.commitment, n.c.received_day.label("day"), n.c.routing.label(_ROUTING))
        .where(
            n.c.partner == partner, n.c.outcome == InvoiceOutcome.INTEGRATED.value, n.c.service != "",
            n.c.routing == 0, n.c.status != _TO_RECYCLE,
        )
        .order_by(n.c.deposit_id.desc(), n.c.rank.desc())
        .limit(1)
    )  # fmt: skip
    return select(query.subquery())


def _last_recycled(partner: str, siret: str, before: date | None) -> Select[Any]:
    """The routing that a recycle gave counts, while it is the last one of its invoice."""
    i, r, x = t.invoices, t.routings, t.transitions
    query = (
        select(r.c.recipient, r.c.service, r.c.commitment, x.c.at.label("day"), i.c.routing.label(_ROUTING))
        .join(i, (i.c.deposit_id == r.c.deposit_id) & (i.c.rank == r.c.rank) & (i.c.routing == r.c.ordinal))
        .join(x, (x.c.deposit_id == r.c.deposit_id) & (x.c.rank == r.c.rank) & (x.c.sequence == r.c.sequence))
        .where(r.c.recipient == siret, i.c.partner == partner, r.c.service != "", i.c.status != _TO_RECYCLE)
        .order_by(x.c.at.desc(), r.c.deposit_id.desc(), r.c.rank.desc())
        .limit(1)
    )
    if before is not None:
        query = query.where(x.c.at < moment(datetime.combine(before, time(), PARIS)))
    return select(query.subquery())


def _day(text: str) -> date:
    """A day in Paris, of a day or of a moment."""
    if len(text) == _DAY_CHARS:
        return date.fromisoformat(text)
    return datetime.fromisoformat(text).astimezone(PARIS).date()


def refused_by_name(db: Connection, partner: str) -> list[RefusedByName]:
    """The refused invoices of an issuer whose recipient or service was not understood, newest deposit first.

    What was corrected since (its number is held) is no longer asked about.
    """
    i, d, f = t.invoices, t.deposits, t.findings
    later = i.alias("later")
    held = select(later.c.rank).where(
        later.c.number == i.c.number, later.c.supplier == i.c.supplier, later.c.partner == i.c.partner,
        later.c.outcome.in_(HOLDS_NUMBER),
    )  # fmt: skip
    named = select(f.c.position).where(
        f.c.deposit_id == i.c.deposit_id, f.c.rank == i.c.rank, f.c.judgement == i.c.judgement, f.c.rule.in_(_BY_NAME)
    )
    query = (
        select(i, d.c.name, d.c.state, d.c.sha256)
        .join(d, d.c.id == i.c.deposit_id)
        .where(
            i.c.outcome == InvoiceOutcome.REFUSED.value, i.c.partner == partner, d.c.is_kept == 1,
            named.exists(), ~held.exists(),
        )
        .order_by(i.c.deposit_id.desc(), i.c.rank)
    )  # fmt: skip
    return [
        RefusedByName(r.deposit_id, r.name, r.state, r.sha256, r.supplier, r.number, r.recipient, r.recipient_name,
                      r.service)
        for r in bulk.streamed(db, query)
    ]  # fmt: skip


_BY_NAME = (
    codes.RTG_001.id, codes.RTG_002.id, codes.RTG_010.id, codes.RTG_011.id, codes.RTG_014.id, codes.RTG_026.id,
    *sorted(mapping.MENDED_BY_ALIAS | mapping.MENDED_BY_LABEL),
)  # fmt: skip
