"""Invoices that answer a `Query`, newest deposit first, page by page.

The order is (deposit, rank), both descending: deposits are numbered as they are received, and the primary key has that
order already. A page begins after the last invoice of the page before, so it costs the same however deep it is, and
nothing that was there at the start comes twice or never, whatever is inserted meanwhile.

How an answer is looked for is decided here and not left to two planners, one of which knows no statistics:

- each criterion that an index serves is asked how many invoices it would give, up to `FEW`. The one with the fewest
  gives them, and the rest of the criteria is held against these. The indexes of recipient and supplier give theirs in
  the order of the answer, and are left where the page is full; what the others give is sorted;
- where every one of them has more, all invoices are read in the order of the answer and held against the criteria,
  until the page is full. What is frequent fills a page soon.

Recycled invoices go elsewhere than their row of `invoices` says. A question about recipient, service or commitment is
asked twice, of those that were never recycled and of the last row of `routings`, and the two answers are merged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Table, func, literal_column, select, tuple_

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import chunks, moment
from pipeline.codes import Severity
from pipeline.lifecycle import LABELS
from pipeline.model import PARIS, InvoiceOutcome
from pipeline.ports import Said
from pipeline.search import BadCriterion, Days, FoundInvoice, Position, Query
from pipeline.search.query import folded

FEW = 20_000  # invoices that are looked at for one page although they come in no order
FEW_OF_A_TIME = 150_000  # the same of days, which lie together: to read up to them may take longer than to sort them
SURE = 200  # so few that no other criterion needs to be asked
PAGE_MAX = 5_000
NAMES_MAX = 200  # suppliers whose name may begin alike
DAYS_MAX = 5_000  # different days of issue, in a ledger without other criteria than an amount
_LAST = "\U0010ffff"  # sorts after every character of a number, in both engines
_KEPT_OUT = (Severity.FATAL.value, Severity.ERROR.value, Severity.HOLD.value)
_REJECTED = "05"
_PRIMARY = "sqlite_autoindex_{}_1"  # what SQLite calls the index of a primary key
# for the rest of the transaction: a page needs few rows, so no hash of a million, and no machine code made for it
_OFF = ("enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit")

I, D, F, R, H = t.invoices, t.deposits, t.findings, t.routings, t.handled  # noqa: E741
Where = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Few:
    """One criterion by itself: the keys of all invoices that it leaves; on SQLite `index` of `invoices` gives them."""

    name: str
    keys: Select[Any]  # deposit_id, rank
    index: str = ""
    where: tuple[Where, ...] = ()  # in the words of that index
    is_in_order: bool = False  # the index has them in the order of the answer
    is_of_a_time: bool = False

    @property
    def most(self) -> int:
        return FEW_OF_A_TIME if self.is_in_order or self.is_of_a_time else FEW

    @property
    def counted(self) -> Select[Any]:
        """A row for each; where an index has them all, no invoice is read."""
        return self.keys.with_only_columns(literal_column("1")) if self.index else self.keys


@dataclass(frozen=True, slots=True)
class Arm:
    """One half of an answer, and what gives its invoices; None: all are read in order."""

    is_recycled: bool
    few: Few | None

    @property
    def is_in_order(self) -> bool:
        return self.few is None or self.few.is_in_order


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question is looked for; made once for all pages of an answer. No arm: nothing answers it."""

    query: Query
    arms: tuple[Arm, ...] = ()
    suppliers: tuple[str, ...] = ()  # whose name begins as asked
    span: tuple[int, int] | None = None  # the deposits that may answer

    @property
    def told(self) -> str:
        """For figures: what gives the invoices of each arm."""
        return " + ".join(arm.few.name if arm.few else "all in order" for arm in self.arms) or "nothing"


@dataclass(frozen=True, slots=True)
class Page:
    found: tuple[FoundInvoice, ...]
    next: Position | None  # None: that was all


def plan(db: Connection, query: Query) -> Plan:
    """Ask each criterion how many it would leave, and choose. `BadCriterion`: a name that too many suppliers have."""
    _prepare(db)
    made = Plan(query)
    if query.supplier_name:
        made = replace(made, suppliers=_suppliers_named(db, query.supplier_name))
        if not made.suppliers:
            return made
    if query.received:
        span = _received_between(db, query.received)
        if span is None:
            return made
        made = replace(made, span=span)
    halves = (False, True) if query.by_route and not query.as_deposited else (False,)
    arms = [_arm(db, made, is_recycled=half) for half in halves]
    made = replace(made, arms=tuple(arm for arm in arms if arm is not None))
    return _narrowed(db, made) if any(arm.few is None for arm in made.arms) else made


def page(db: Connection, planned: Plan, size: int, after: Position | None = None) -> Page:
    """At most `size` invoices after this one."""
    _prepare(db)
    most = min(size, PAGE_MAX)
    arms = [db.execute(_select(db, planned, arm, most + 1, after)).all() for arm in planned.arms]
    rows = list(islice(merge(*arms, key=lambda r: (-r.deposit_id, -r.rank)), most + 1))
    found = _complete(db, rows[:most])
    return Page(found, Position(found[-1].deposit_id, found[-1].rank) if len(rows) > most else None)


def pages(
    db: Connection, query: Query, size: int = PAGE_MAX, after: Position | None = None
) -> Iterator[tuple[FoundInvoice, ...]]:
    """The whole answer, or what of it follows an invoice, page by page."""
    planned = plan(db, query)
    while True:
        one = page(db, planned, size, after)
        if one.found:
            yield one.found
        if one.next is None:
            return
        after = one.next


def _prepare(db: Connection) -> None:
    if db.dialect.name != "sqlite":
        db.execute(select(*(func.set_config(name, "off", True) for name in _OFF)))


# --- what is asked ----------------------------------------------------------------------------------------------------


def _arm(db: Connection, made: Plan, *, is_recycled: bool) -> Arm | None:
    """None where a criterion by itself leaves nothing."""
    least, chosen = FEW_OF_A_TIME + 1, None
    for one in _few(db, made, is_recycled=is_recycled):
        limited = one.counted.limit(min(least, one.most + 1)).subquery()
        count = int(db.execute(select(func.count()).select_from(limited)).scalar_one())
        if count == 0:
            return None
        if count < least and count <= one.most:
            least, chosen = count, one
        if count <= SURE:
            break
    return Arm(is_recycled, chosen or _frequent(made.query, is_recycled=is_recycled))


def _frequent(q: Query, *, is_recycled: bool) -> Few | None:
    """Every criterion leaves many: those of a recipient or a supplier are still fewer than all."""
    if q.recipient and not is_recycled:
        return _ordered("recipient", q.recipient)
    return _ordered("supplier", q.supplier) if q.supplier and not is_recycled else None


def _conditions(made: Plan, i: FromClause, *, is_recycled: bool) -> Iterator[Where]:
    """All that an invoice must be; `i` has the columns of `invoices`."""
    q = made.query
    if q.number:
        yield from _numbered(q, i)
    if q.supplier:
        yield i.c.supplier == q.supplier
    if q.supplier_name:
        yield i.c.supplier.in_(made.suppliers)
    if q.by_route:
        yield from _routed(q, R if is_recycled else i)
        if not q.as_deposited:
            yield i.c.routing > 0 if is_recycled else i.c.routing == 0
    if q.statuses:
        yield i.c.status.in_(q.statuses)
    if q.outcome is not None:
        yield i.c.outcome == q.outcome.value
    if q.partner:
        yield i.c.partner == q.partner
    for days, column in ((q.received, i.c.received_day), (q.issued, i.c.issued)):
        if days.first is not None:
            yield column >= days.first.isoformat()
        if days.last is not None:
            yield column <= days.last.isoformat()
    if q.changed:
        yield i.c.status_at != ""
        since, until = _moments(q.changed)
        if since:
            yield i.c.status_at >= since
        if until:
            yield i.c.status_at < until
    if q.amount:
        yield from _amounts(q, i)
    if q.rule:
        mine = (F.c.deposit_id == i.c.deposit_id) & (F.c.rank == i.c.rank) & (F.c.judgement == i.c.judgement)
        yield select(F.c.rule).where(mine, F.c.rule == q.rule).exists()
    if q.is_handled is not None:
        dealt_with = select(H.c.rank).where(H.c.deposit_id == i.c.deposit_id, H.c.rank == i.c.rank).exists()
        yield dealt_with if q.is_handled else ~dealt_with
        if not q.is_handled:
            yield i.c.status == _REJECTED


def _numbered(q: Query, i: FromClause) -> Iterator[Where]:
    if q.number.is_beginning:
        yield i.c.number >= q.number.text
        yield i.c.number < q.number.text + _LAST
    else:
        yield i.c.number == q.number.text


def _routed(q: Query, table: FromClause) -> Iterator[Where]:
    for name in ("recipient", "service", "commitment"):
        if getattr(q, name):
            yield table.c[name] == getattr(q, name)


def _amounts(q: Query, i: FromClause) -> Iterator[Where]:
    if q.amount.least is not None:
        yield i.c.total_millionths >= q.amount.least
    if q.amount.most is not None:
        yield i.c.total_millionths <= q.amount.most


def _moments(days: Days) -> tuple[str, str]:
    """Days in Paris as moments of the ledger, the second one excluded; empty: open."""

    def at(day: date) -> str:
        return moment(datetime.combine(day, time(), PARIS))

    since = at(days.first) if days.first is not None else ""
    until = at(days.last + timedelta(days=1)) if days.last is not None and days.last < date.max else ""
    return since, until


# --- criteria that an index serves ------------------------------------------------------------------------------------


def _few(db: Connection, made: Plan, *, is_recycled: bool) -> Iterator[Few]:
    """Each criterion by itself, the ones that leave least first."""
    q = made.query
    if q.number:
        yield _indexed("number", "ix_invoices_number", *_numbered(q, I))
    if q.by_route and is_recycled:
        yield Few("routings", select(R.c.deposit_id, R.c.rank).distinct().where(*_routed(q, R)))
    elif q.commitment:
        given = (I.c.commitment != literal_column("''"), I.c.commitment == q.commitment)
        yield _indexed("commitment", "ix_invoices_commitment", *given)
    if q.supplier:
        yield _ordered("supplier", q.supplier)
    if q.supplier_name:
        yield _indexed("supplier_name", "ix_invoices_supplier", I.c.supplier.in_(made.suppliers))
    if q.rule:
        yield Few("rule", select(F.c.deposit_id, F.c.rank).distinct().where(F.c.rule == q.rule))
    if q.is_handled:
        yield Few("handled", select(H.c.deposit_id, H.c.rank))
    if q.recipient and not is_recycled:
        yield _ordered("recipient", q.recipient)
    if q.service and not is_recycled:
        given = (I.c.service != literal_column("''"), I.c.service == q.service)
        yield _indexed("service", "ix_invoices_service", *given)
    if q.statuses or q.changed or q.is_handled is False:
        yield _indexed("status", "ix_invoices_status", *_stood(q), is_of_a_time=bool(q.changed))
    if q.issued or q.amount:
        yield from _issued(db, q)
    if q.outcome is not None:
        yield _indexed("outcome", "ix_invoices_outcome", I.c.outcome == q.outcome.value)
    if q.partner:
        keys = select(I.c.deposit_id, I.c.rank).where(D.c.id == I.c.deposit_id, D.c.partner == q.partner)
        yield Few("partner", _by("ix_deposits_received", keys, D))
    if made.span is not None:
        first, last = made.span
        yield Few("received", select(I.c.deposit_id, I.c.rank).where(I.c.deposit_id.between(first, last)))


def _indexed(name: str, index: str, *where: Where, is_in_order: bool = False, is_of_a_time: bool = False) -> Few:
    keys = _by(index, select(I.c.deposit_id, I.c.rank).where(*where))
    return Few(name, keys, index, where, is_in_order, is_of_a_time)


def _ordered(name: str, value: str) -> Few:
    return _indexed(name, f"ix_invoices_{name}", I.c[name] == value, is_in_order=True)


def _by(index: str, query: Select[Any], table: FromClause = I) -> Select[Any]:
    """SQLite is told the index: it keeps no statistics here, and would take any. The server has its own.

    Tables stand beside each other, joined by conditions: in a JOIN the hint is not written.
    """
    return query.with_hint(table, f"INDEXED BY {index}", "sqlite")


def _stood(q: Query) -> Iterator[Where]:
    """By status and the day, in UTC, on which it was reached: the columns of the index."""
    told = (_REJECTED,) if q.is_handled is False else q.statuses or tuple(LABELS)
    yield I.c.status.in_(told)
    since, until = _moments(q.changed)
    reached = func.substr(I.c.status_at, literal_column("1"), literal_column("10"))
    if since:
        yield reached >= since[:10]
    if until:
        yield reached <= until[:10]


def _issued(db: Connection, q: Query) -> Iterator[Few]:
    """By day of issue and amount; with an amount alone, each day of issue that there is is looked at."""
    amount = tuple(_amounts(q, I))
    if q.issued:
        first = (I.c.issued >= q.issued.first.isoformat(),) if q.issued.first is not None else ()
        last = (I.c.issued <= q.issued.last.isoformat(),) if q.issued.last is not None else ()
        yield _indexed("issued", "ix_invoices_issued", *first, *last, *amount, is_of_a_time=True)
        return
    found = _distinct(db, I.c.issued, DAYS_MAX)
    if found is None:
        return
    undated = select(I.c.deposit_id, I.c.rank).where(I.c.issued.is_(None), *amount)
    dated = select(I.c.deposit_id, I.c.rank).where(I.c.issued.in_(found), *amount)
    keys = _by("ix_invoices_issued", dated).union_all(_by("ix_invoices_issued", undated)).subquery("by_amount")
    yield Few("amount", select(keys.c.deposit_id, keys.c.rank))


def _distinct(db: Connection, column: Any, most: int) -> list[str] | None:
    """The different values of a column that an index begins with: looked up one after the other. None: too many."""
    first = select(func.min(column).label("value")).cte("distinct_values", recursive=True)
    following = select(func.min(column)).where(column > first.c.value).scalar_subquery()
    values = first.union_all(select(following).where(first.c.value.is_not(None)))
    found = db.execute(select(values.c.value).where(values.c.value.is_not(None)).limit(most + 1)).scalars().all()
    return None if len(found) > most else [str(value) for value in found]


def _suppliers_named(db: Connection, beginning: str) -> tuple[str, ...]:
    """The suppliers whose name, as their newest invoice writes it, begins so; not those without an identifier, who are
    many under one."""
    first = select(func.min(I.c.supplier).label("supplier")).cte("all_suppliers", recursive=True)
    following = select(func.min(I.c.supplier)).where(I.c.supplier > first.c.supplier).scalar_subquery()
    every = first.union_all(select(following).where(first.c.supplier.is_not(None)))
    newest = (
        select(I.c.supplier_name)
        .where(I.c.supplier == every.c.supplier)
        .order_by(I.c.deposit_id.desc(), I.c.rank.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = db.execute(select(every.c.supplier, newest).where(every.c.supplier > ""))
    found = tuple(supplier for supplier, name in rows if folded(name or "").startswith(beginning))
    if len(found) > NAMES_MAX:
        raise BadCriterion(
            Said(
                f"--supplier-name {beginning} : {len(found)} fournisseurs commencent ainsi ; en écrire davantage",
                f"--supplier-name {beginning}: {len(found)} suppliers begin so; write more of it",
            )
        )
    return found


def _received_between(db: Connection, days: Days) -> tuple[int, int] | None:
    """The first and the last deposit of these days; None: there is none. Day by day: numbers need not follow days."""
    here: list[Where] = []
    if days.first is not None:
        here.append(D.c.received_day >= days.first.isoformat())
    if days.last is not None:
        here.append(D.c.received_day <= days.last.isoformat())
    begin = select(func.min(D.c.received_day).label("day")).where(*here).cte("days", recursive=True)
    following = select(func.min(D.c.received_day)).where(D.c.received_day > begin.c.day, *here).scalar_subquery()
    every = begin.union_all(select(following).where(begin.c.day.is_not(None)))
    first = select(func.min(D.c.id)).where(D.c.received_day == every.c.day).scalar_subquery()
    last = select(func.max(D.c.id)).where(D.c.received_day == every.c.day).scalar_subquery()
    ends = select(first.label("first"), last.label("last")).where(every.c.day.is_not(None)).subquery("ends")
    low, high = db.execute(select(func.min(ends.c.first), func.max(ends.c.last))).one()
    return None if low is None else (low, high)


def _narrowed(db: Connection, made: Plan) -> Plan:
    """All are to be read: no more than the deposits of the partner, and of what had come before it could change."""
    first, last = made.span or (0, 2**63 - 1)
    if made.query.partner:
        row = db.execute(select(func.min(D.c.id), func.max(D.c.id)).where(D.c.partner == made.query.partner)).one()
        first, last = max(first, row[0] or 0), min(last, row[1] or 0)
    if made.query.changed.last is not None:  # no status is older than its deposit
        come = _received_between(db, Days(None, made.query.changed.last))
        last = min(last, come[1] if come is not None else 0)
    return replace(made, span=(first, last))


# --- one page ---------------------------------------------------------------------------------------------------------


def _select(db: Connection, planned: Plan, arm: Arm, size: int, after: Position | None) -> Select[Any]:
    """The invoices of one page. `lead` gives them: what is asked of keys is asked there, so that no engine turns
    about what gives and what is looked up."""
    lead: FromClause = I
    i: FromClause = I
    is_sqlite = db.dialect.name == "sqlite"
    if arm.few is None and arm.is_recycled:
        lead, found = R, _by(_PRIMARY.format("routings"), select(I).select_from(R), R)
    elif arm.few is None:
        found = _by(_PRIMARY.format("invoices"), select(I))
    elif arm.few.index and (is_sqlite or arm.few.is_in_order):
        found = _by(arm.few.index, select(I).where(*arm.few.where))
    elif is_sqlite:
        lead = arm.few.keys.cte("keys").prefix_with("MATERIALIZED")
        found = _looked_up(lead)
    else:  # OFFSET: what else is asked comes after it, and gives the server no other way to these rows
        few = select(I).where(*arm.few.where)
        if not arm.few.index:
            few = _looked_up(arm.few.keys.cte("keys").prefix_with("MATERIALIZED"))
        lead = i = few.offset(0).subquery("few")
        found = select(i)
    if arm.is_recycled:
        here = (R.c.deposit_id == i.c.deposit_id) & (R.c.rank == i.c.rank) & (R.c.ordinal == i.c.routing)
        found = found.select_from(i if lead is R else R).where(here)
    where = list(_conditions(planned, i, is_recycled=arm.is_recycled))
    if planned.span is not None:
        where.append(lead.c.deposit_id.between(*planned.span))
    if after is not None:
        where.append(tuple_(lead.c.deposit_id, lead.c.rank) < tuple_(*after))
    page = found.where(*where).order_by(*_newest_first(lead)).limit(size)
    if arm.is_in_order:
        return page
    of_page = page.with_only_columns(lead.c.deposit_id, lead.c.rank).subquery("page")  # few columns to sort
    return _looked_up(of_page).order_by(*_newest_first(of_page))


def _looked_up(keys: FromClause) -> Select[Any]:
    mine = (I.c.deposit_id == keys.c.deposit_id) & (I.c.rank == keys.c.rank)
    return _by(_PRIMARY.format("invoices"), select(I).select_from(keys, I).where(mine))


def _newest_first(table: FromClause) -> tuple[Any, Any]:
    return table.c.deposit_id.desc(), table.c.rank.desc()


# --- what is shown of an invoice --------------------------------------------------------------------------------------


def _complete(db: Connection, rows: Sequence[Any]) -> tuple[FoundInvoice, ...]:
    """The rows of a page with what other tables know of them: one query of each kind for many."""
    flows = {
        row.id: row
        for part in chunks(sorted({r.deposit_id for r in rows}))
        for row in db.execute(select(D.c.id, D.c.name, D.c.received_at).where(D.c.id.in_(part)))
    }
    recycled = [r for r in rows if r.routing]
    routes = {(one.deposit_id, one.rank, one.ordinal): one for one in _beside(db, R, recycled)}
    dealt_with = {(one.deposit_id, one.rank) for one in _beside(db, H, [r for r in rows if r.status == _REJECTED])}
    rules: dict[tuple[int, int, int], list[str]] = {}
    kept_out = [r for r in rows if r.outcome != InvoiceOutcome.INTEGRATED.value]
    for one in _beside(db, F, kept_out, F.c.severity.in_(_KEPT_OUT)):
        told = rules.setdefault((one.deposit_id, one.rank, one.judgement), [])
        if one.rule not in told:
            told.append(one.rule)
    return tuple(
        _found(r, flows[r.deposit_id], routes.get((r.deposit_id, r.rank, r.routing)),
               is_handled=(r.deposit_id, r.rank) in dealt_with,
               rules=tuple(rules.get((r.deposit_id, r.rank, r.judgement), ())))
        for r in rows
    )  # fmt: skip


def _beside(db: Connection, table: Table, rows: Sequence[Any], *where: Where) -> Iterator[Any]:
    """What a table with the key of invoices has beside these, in the order of its own key; and of some between them."""
    if not rows:
        return
    c = table.c
    for part in chunks(sorted({r.deposit_id for r in rows})):
        ranks = [r.rank for r in rows if part[0] <= r.deposit_id <= part[-1]]
        here = (c.deposit_id.in_(part), c.rank.between(min(ranks), max(ranks)))
        yield from db.execute(select(table).where(*here, *where).order_by(*table.primary_key.columns))


def _found(r: Any, flow: Any, route: Any, *, is_handled: bool, rules: tuple[str, ...]) -> FoundInvoice:
    goes = r if route is None else route
    return FoundInvoice(
        r.deposit_id, r.rank, r.partner, flow.name, datetime.fromisoformat(flow.received_at),
        date.fromisoformat(r.received_day), r.member, r.number, r.type, r.issued or "", r.framework, r.supplier_type,
        r.supplier, r.supplier_name, goes.recipient, goes.recipient_name, goes.service, goes.commitment, r.currency,
        r.total, r.total_millionths, r.outcome, r.status,
        datetime.fromisoformat(r.status_at) if r.status_at else None, is_handled, rules,
        None if route is None else (r.recipient, r.service, r.commitment),
    )  # fmt: skip
