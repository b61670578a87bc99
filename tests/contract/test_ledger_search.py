"""What is searched in the ledger is what a plain filter finds in the same rows, on both engines, however it is looked for.

The ledger is the synthetic one of the bench, small, with rows of every odd kind beside it.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from services.ledgers import _template
from sqlalchemy import Connection, event, select, text

from bench.search.ledger import Plan, fill, of_day
from pipeline.adapters.ledger import Ledger, bulk, search
from pipeline.adapters.ledger import tables as t
from pipeline.model import PARIS, InvoiceOutcome
from pipeline.search import Amounts, BadCriterion, Days, FoundInvoice, Position, Query, Words
from pipeline.search.query import folded

COUNT = 500
PLAN = Plan(invoices=COUNT, seed=11, days=30)
Key = tuple[int, int]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    if request.param == "sqlite":
        made = Ledger.at(tmp_path_factory.mktemp("search") / "ledger.sqlite")
    else:
        server = request.getfixturevalue("postgres")
        database = server.database(like=_template(server))
        made = Ledger.on_server(database.url)
    made.migrate()
    fill(made, PLAN)
    made.write(_oddities)
    yield made
    made.close()
    if request.param != "sqlite":
        server.drop(database.name)


def _oddities(db: Connection) -> None:
    """What the synthetic ledger does not hold."""
    last = db.execute(text("SELECT max(id) FROM deposits")).scalar_one()
    at = of_day(PLAN, 0.1)  # numbers that follow, a day that does not: two machines, a clock set back
    deposit = {
        "id": last + 1, "partner": "ODD001", "claim": "odd", "name_bytes": b"ODD\xff", "name": "ODD\\xff",
        "received_at": at.isoformat(timespec="microseconds"), "received_day": at.astimezone(PARIS).date().isoformat(),
        "state": "IN_INTEGRE_PARTIEL",
    }  # fmt: skip
    base: dict[str, Any] = {
        "deposit_id": last + 1, "partner": "ODD001", "received_day": deposit["received_day"], "number": "",
        "issued": None, "supplier": "", "supplier_name": "Sans numéro", "recipient": "", "service": "",
        "commitment": "", "total": "", "total_millionths": None, "outcome": "refused", "judgement": 1, "status": "",
        "status_at": "", "routing": 0,
    }  # fmt: skip
    near = {"supplier": "10000000000099", "recipient": "20000000000099", "outcome": "integrated", "status": "03",
            "status_at": deposit["received_at"]}  # fmt: skip
    late = moment(of_day(PLAN, 0.99))
    rows = [
        base,  # a document that says nothing
        base | {"total": "5", "total_millionths": 5_000_000},  # an amount without a day
        base | near | {"number": "F%_1", "issued": "0026-01-01", "total_millionths": -1, "supplier_name": "Éts Ça"},
        base | near | {"number": "F%_10", "supplier_name": "ETS CA et fils", "issued": "2026-11-01"},
        base | near | {"number": "f\u00e9\U0001f600", "judgement": 2, "service": "Sg", "commitment": "c"},
        base | near | {"number": "R-3", "routing": 3, "status": "04", "status_at": late, "service": "OLD"},
        base | near | {"number": "P-1", "outcome": "pending", "status": "", "status_at": ""},
        base | near | {"number": "H-1", "status": "05", "status_at": late, "supplier_name": "ETS CA & fils"},
    ]  # fmt: skip
    ranked = [row | {"rank": rank} for rank, row in enumerate(rows, 1)]
    key = {"deposit_id": last + 1}
    finding = {"judgement": 1, "position": 1, "rule": "GEN-002", "code": "GEN-002", "severity": "error", "facts": "{}"}
    found = [
        key | finding | {"rank": 1},
        key | finding | {"rank": 1, "position": 2},  # twice the same rule on one invoice
        key | finding | {"rank": 1, "position": 3, "rule": "RTG-001", "severity": "warning"},
        key | finding | {"rank": 5, "rule": "CMT-005", "severity": "hold"},  # of the judgement before
        key | finding | {"rank": 0, "rule": "FLW-014"},  # on the flow
        key | finding | {"rank": 900},  # of a row that is no invoice
    ]
    route = {"recipient": "20000000000099", "service": "NEW", "commitment": "new"}
    routes = [
        key | route | {"rank": 6, "ordinal": 1, "recipient": "30000000000001"},
        key | route | {"rank": 6, "ordinal": 2, "service": "MID"},
        key | route | {"rank": 6, "ordinal": 3},
    ]
    done = [key | {"rank": 8, "at": late}]
    for table, some in ((t.deposits, [deposit]), (t.invoices, ranked), (t.findings, found), (t.routings, routes),
                        (t.handled, done)):  # fmt: skip
        bulk.add(db, table, some)


def moment(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


# --- the plain filter -------------------------------------------------------------------------------------------------


@dataclass
class Rows:
    """The ledger as lists and dictionaries."""

    invoices: list[Any]
    rules: dict[tuple[int, int, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    routes: dict[tuple[int, int, int], Any] = field(default_factory=dict)
    handled: set[Key] = field(default_factory=set)
    names: dict[str, tuple[Key, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, ledger: Ledger) -> "Rows":
        with ledger.reading() as db:
            made = cls(list(db.execute(select(t.invoices)).all()))
            for f in db.execute(select(t.findings)):
                made.rules[f.deposit_id, f.rank, f.judgement].add(f.rule)
            made.routes = {(r.deposit_id, r.rank, r.ordinal): r for r in db.execute(select(t.routings))}
            made.handled = {(h.deposit_id, h.rank) for h in db.execute(select(t.handled))}
        for i in made.invoices:
            known = made.names.get(i.supplier)
            if known is None or known[0] < (i.deposit_id, i.rank):
                made.names[i.supplier] = ((i.deposit_id, i.rank), i.supplier_name)
        return made

    def answer(self, q: Query) -> list[Key]:
        keys = [(i.deposit_id, i.rank) for i in self.invoices if self.holds(q, i)]
        return sorted(keys, reverse=True)

    def holds(self, q: Query, i: Any) -> bool:
        key = (i.deposit_id, i.rank)
        goes = self.routes[(*key, i.routing)] if i.routing and not q.as_deposited else i
        name = folded(self.names[i.supplier][1])
        reached = datetime.fromisoformat(i.status_at).astimezone(PARIS).date().isoformat() if i.status_at else ""
        return (
            (
                not q.number
                or (i.number.startswith(q.number.text) if q.number.is_beginning else i.number == q.number.text)
            )
            and (not q.supplier or i.supplier == q.supplier)
            and (not q.supplier_name or (i.supplier != "" and name.startswith(q.supplier_name)))
            and (not q.recipient or goes.recipient == q.recipient)
            and (not q.service or goes.service == q.service)
            and (not q.commitment or goes.commitment == q.commitment)
            and (not q.statuses or i.status in q.statuses)
            and (q.outcome is None or i.outcome == q.outcome.value)
            and (not q.partner or i.partner == q.partner)
            and within(q.received, i.received_day)
            and within(q.issued, i.issued or "")
            and within(q.changed, reached)
            and (not q.amount or i.total_millionths is not None)
            and (q.amount.least is None or i.total_millionths >= q.amount.least)
            and (q.amount.most is None or i.total_millionths <= q.amount.most)
            and (not q.rule or q.rule in self.rules[(*key, i.judgement)])
            and (q.is_handled is not True or key in self.handled)
            and (q.is_handled is not False or (i.status == "05" and key not in self.handled))
        )


def within(days: Days, day: str) -> bool:
    if days and not day:
        return False
    return (days.first is None or day >= days.first.isoformat()) and (days.last is None or day <= days.last.isoformat())


@pytest.fixture(scope="module")
def rows(ledger: Ledger) -> Rows:
    return Rows.of(ledger)


# --- questions --------------------------------------------------------------------------------------------------------


def criteria(chance: random.Random, rows: Rows) -> dict[str, Callable[[], Any]]:
    """For each criterion a way to make a value that some invoice has, or nearly."""

    def one() -> Any:
        return chance.choice(rows.invoices)

    def route() -> Any:
        return chance.choice([*rows.routes.values(), *rows.invoices[-40:]])

    def days(text: str) -> Days:
        day = date.fromisoformat(text[:10] or "2026-11-02")
        return chance.choice((
            Days(day, day), Days(day, None), Days(None, day), Days(day - timedelta(days=4), day + timedelta(days=2)),
        ))  # fmt: skip

    def number() -> Words:
        found = one().number or "F"
        cut = chance.randint(1, len(found))
        return chance.choice((Words(found), Words(found[:cut], is_beginning=True)))

    def amount() -> Amounts:
        some = one().total_millionths or 0
        return chance.choice(
            (Amounts(some, some), Amounts(some, None), Amounts(None, some), Amounts(some, 2 * abs(some)))
        )

    return {
        "number": number,
        "supplier": lambda: one().supplier or "10000000000099",
        "supplier_name": lambda: folded(one().supplier_name)[: chance.randint(5, 20)],
        "recipient": lambda: route().recipient or "20000000000099",
        "service": lambda: route().service or "SG",
        "commitment": lambda: route().commitment or "c",
        "statuses": lambda: tuple(sorted(chance.sample(("03", "04", "05", "06", "08", "11", "12", "37"), chance.randint(1, 3)))),
        "outcome": lambda: chance.choice(list(InvoiceOutcome)),
        "partner": lambda: one().partner,
        "received": lambda: days(one().received_day),
        "issued": lambda: days(one().issued or ""),
        "changed": lambda: days(one().status_at),
        "rule": lambda: chance.choice(("RTG-021", "GEN-015", "GEN-002", "CMT-005", "RTG-001", "FLW-014")),
        "amount": amount,
        "is_handled": lambda: chance.random() < 0.5,
    }  # fmt: skip


def questions(chance: random.Random, rows: Rows, mixed: int) -> Iterator[Query]:
    """Nothing; each criterion by itself; then so many mixes of them."""
    yield Query()
    made = criteria(chance, rows)
    for name, value in made.items():
        for _ in range(2):
            yield Query(**{name: value()})
    for name in ("recipient", "service", "commitment"):
        yield Query(**{name: made[name](), "as_deposited": True})
    for _ in range(mixed):
        some = chance.sample(sorted(made), chance.randint(2, 4))
        like = chance.choice(rows.invoices)  # half of the mixes have an answer for sure
        given = {name: made[name]() for name in some}
        for name in ("supplier", "recipient", "service", "partner"):
            if name in given and chance.random() < 0.7 and getattr(like, name):
                given[name] = getattr(like, name)
        yield Query(**given, as_deposited=chance.random() < 0.2)


def _allow(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """So few invoices are looked at for one page, and no criterion is sure to be the best."""
    monkeypatch.setattr(search, "FEW", few)
    if few < search.FEW_OF_A_TIME:
        monkeypatch.setattr(search, "FEW_OF_A_TIME", 2 * few)
    monkeypatch.setattr(search, "SURE", min(few, search.SURE))


def read_all(ledger: Ledger, query: Query, size: int) -> list[FoundInvoice]:
    with ledger.reading() as db:
        return [found for page in search.pages(db, query, size) for found in page]


def keys(found: Sequence[FoundInvoice]) -> list[Key]:
    return [(f.deposit_id, f.rank) for f in found]


@pytest.mark.parametrize("few", [search.FEW, 25, 0], ids=["from few", "some of each", "in order"])
def test_every_question_is_answered_as_a_plain_filter_would(
    ledger: Ledger, rows: Rows, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, few)
    chance = random.Random(f"questions {few}")
    answered = 0
    for query in questions(chance, rows, 20):
        expected = rows.answer(query)
        size = max(2, -(-len(expected) // chance.choice((1, 2, 3))))
        try:
            found = keys(read_all(ledger, query, size))
        except BadCriterion:
            assert query.supplier_name
            continue
        assert found == expected, query
        answered += bool(expected)
    assert answered >= 25


def test_the_odd_ones_are_found_as_they_are(ledger: Ledger, rows: Rows) -> None:
    def numbers(**asked: Any) -> list[str]:
        return [f.number for f in read_all(ledger, Query(partner="ODD001", **asked), 100)]

    assert numbers(number=Words("F%_1")) == ["F%_1"]
    assert numbers(number=Words("F%_", is_beginning=True)) == ["F%_10", "F%_1"]
    assert numbers(number=Words("f\u00e9", is_beginning=True)) == ["f\u00e9\U0001f600"]
    assert numbers(service="SG") == []
    assert numbers(service="NEW") == ["R-3"]
    assert numbers(service="OLD") == numbers(service="MID") == numbers(recipient="30000000000001") == []
    assert numbers(service="OLD", as_deposited=True) == ["R-3"]
    assert numbers(rule="GEN-002") == [""]
    assert numbers(rule="CMT-005") == []
    assert numbers(supplier_name="ets ca") == numbers(supplier="10000000000099")  # all are told by the newest name
    assert numbers(supplier_name="sans numero") == []  # nobody's identifier is not one supplier
    assert numbers(amount=Amounts(5_000_000, 5_000_000)) == [""]
    assert numbers(is_handled=True) == ["H-1"]
    assert len(numbers(received=Days(of_day(PLAN, 0.1).date(), of_day(PLAN, 0.1).date()))) == 8


def test_an_invoice_is_shown_with_what_other_tables_know_of_it(ledger: Ledger) -> None:
    by_number = {f.number: f for f in read_all(ledger, Query(partner="ODD001"), 100)}
    recycled, blank, handled = by_number["R-3"], by_number[""], by_number["H-1"]
    assert (recycled.service, recycled.commitment, recycled.deposited) == ("NEW", "new", ("20000000000099", "OLD", ""))
    assert recycled.flow == "ODD\\xff"
    assert recycled.received_at.tzinfo is not None
    assert by_number["F%_1"].deposited is None
    assert blank.rules in {(), ("GEN-002",)}
    assert {f.rules for f in read_all(ledger, Query(partner="ODD001", rule="GEN-002"), 9)} == {("GEN-002",)}
    assert handled.is_handled
    assert not recycled.is_handled


def test_a_name_that_hundreds_have_is_asked_for_more_of_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "NAMES_MAX", 3)
    with pytest.raises(BadCriterion) as caught, ledger.reading() as db:
        search.plan(db, Query(supplier_name="s"))
    assert "fournisseurs commencent ainsi" in caught.value.said.fr


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_pages_hold_each_invoice_once_while_others_come_in(
    ledger: Ledger, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, few)
    query = Query(statuses=("03", "11"))
    before = keys(read_all(ledger, query, 10_000))
    found: list[Key] = []
    after: Position | None = None
    for turn in count():
        with ledger.reading() as db:
            page = search.page(db, search.plan(db, query), 61, after)
        found += keys(page.found)
        ledger.write(lambda db, turn=turn: _dropped(db, turn, before))
        if page.next is None:
            break
        after = page.next
    assert turn >= len(before) // 61
    assert [key for key in found if key in set(before)] == before
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    ledger.write(_undropped)


def _dropped(db: Connection, turn: int, before: Sequence[Key]) -> None:
    """A new deposit, and one that waited: an invoice in the middle of what is being read."""
    new = db.execute(text("SELECT max(id) FROM deposits")).scalar_one() + 1
    now = moment(datetime(2026, 11, 21, 9, tzinfo=UTC))
    bulk.add(db, t.deposits, [{
        "id": new, "partner": "NEW001", "claim": str(new), "name_bytes": b"n", "name": "n", "received_at": now,
        "received_day": "2026-11-21", "state": "IN_INTEGRE",
    }])  # fmt: skip
    row = {"partner": "NEW001", "received_day": "2026-11-21", "number": "NEW", "outcome": "integrated", "status": "03",
           "status_at": now}  # fmt: skip
    middle = before[len(before) // 2][0]
    bulk.add(db, t.invoices, [row | {"deposit_id": new, "rank": rank} for rank in range(1, 4)])
    bulk.add(db, t.invoices, [row | {"deposit_id": middle, "rank": 100_000 + turn}])


def _undropped(db: Connection) -> None:
    for table in ("invoices", "deposits"):
        db.execute(text(f"DELETE FROM {table} WHERE partner = 'NEW001'"))


def test_a_page_is_never_larger_than_its_limit(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "PAGE_MAX", 7)
    with ledger.reading() as db:
        page = search.page(db, search.plan(db, Query()), 10_000)
    assert len(page.found) == 7
    assert page.next == keys(page.found)[-1]


def test_a_position_beyond_the_end_has_nothing_after_it(ledger: Ledger) -> None:
    with ledger.reading() as db:
        planned = search.plan(db, Query())
        assert search.page(db, planned, 5, Position(0, 0)) == search.Page((), None)
        everything = search.page(db, planned, 5, Position(2**63 - 1, 2**31 - 1))
    assert len(everything.found) == 5


# --- how it is looked for ---------------------------------------------------------------------------------------------


def test_no_question_reads_the_table_from_end_to_end(ledger: Ledger, rows: Rows) -> None:
    chance = random.Random("plans")
    for query in questions(chance, rows, 15):
        if not query.given or query.given == ("as_deposited",):
            continue  # all of it is what was asked for
        for plan in plans(ledger, query):
            assert not any(one in plan for one in ("SCAN invoices", "SCAN i", "SCAN findings", "SCAN deposits",
                                                   "SCAN transitions", "AUTOMATIC")), (query, plan)  # fmt: skip
            assert not any(f"Seq Scan on {one}" in plan for one in ("invoices", "findings", "deposits")), (query, plan)


def test_all_of_it_is_read_in_the_order_of_the_primary_key(ledger: Ledger) -> None:
    told = next(plan for plan in plans(ledger, Query()) if "_invoices" in plan)
    assert "sqlite_autoindex_invoices_1" in told or "Index Scan Backward using pk_invoices" in told
    assert "TEMP B-TREE" not in told
    assert "Sort" not in told


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"recipient": "11000201100044"}, "ix_invoices_recipient"),
        ({"supplier": "?"}, "ix_invoices_supplier"),
        ({"statuses": ("03",)}, ""),
        ({"outcome": InvoiceOutcome.INTEGRATED}, ""),
    ],
)
def test_what_is_frequent_is_read_in_order_until_the_page_is_full(
    ledger: Ledger, rows: Rows, asked: dict[str, Any], index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _allow(monkeypatch, 0)
    query = Query(**asked)
    if query.supplier:
        query = replace(query, supplier=rows.invoices[0].supplier)
    last = next(plan for plan in reversed(plans(ledger, query, 5)) if "invoices" in plan and "LIMIT" in plan.upper())
    assert (index or "autoindex_invoices") in last or index or "pk_invoices" in last
    assert "TEMP B-TREE" not in last


def plans(ledger: Ledger, query: Query, size: int = 50) -> list[str]:
    """How each statement of a first page is carried out, after the statement itself."""
    asked: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, sql: str, given: object, *_: object) -> None:
        asked.append((sql, given))

    event.listen(ledger.engine, "before_cursor_execute", hear)
    try:
        with ledger.reading() as db:
            search.page(db, search.plan(db, query), size)
    except BadCriterion:
        return []
    finally:
        event.remove(ledger.engine, "before_cursor_execute", hear)
    explain = "EXPLAIN QUERY PLAN" if ledger.is_sqlite else "EXPLAIN (COSTS OFF)"
    with ledger.reading() as db:
        search._prepare(db)
        return [
            "\n".join([sql.split(" FROM ")[-1][:0] + f"LIMIT {'LIMIT' in sql}", *(
                row[-1] for row in db.exec_driver_sql(f"{explain} {sql}", given)
            )])
            for sql, given in asked
            if sql.lstrip().startswith(("SELECT", "WITH")) and "set_config" not in sql
        ]  # fmt: skip


def test_the_migration_makes_the_indexes_of_the_tables(ledger: Ledger) -> None:
    """One of them is on an expression, which Alembic's own comparison leaves out."""
    if ledger.is_sqlite:
        query = "SELECT sql FROM sqlite_master WHERE name = 'ix_invoices_status'"
    else:
        query = "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_invoices_status'"
    with ledger.reading() as db:
        told = db.execute(text(query)).scalar_one()
    assert told.endswith(("(status, substr(status_at, 1, 10))", '(status COLLATE "C", substr(status_at, 1, 10))'))
