"""Two hundred different questions: each criterion by itself, and those that people put together; by a seed.

Values come from invoices that are there, taken at random, so that most questions have an answer; what is frequent and
what is rare comes as often as in the ledger. A third of the pages lie deep in the answer.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from bench.search.ledger import ERRORS, WARNINGS, Plan
from bench.search.world import PARTNERS
from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger import tables as t
from pipeline.model import InvoiceOutcome
from pipeline.search import Amounts, Days, Position, Query, Words
from pipeline.search.query import folded

SAMPLED = 600
SIZES = (50, 50, 50, 50, 1_000)
STATUSES = ("03", "04", "05", "06", "07", "08", "09", "10", "11", "12")


@dataclass(frozen=True)
class Question:
    kind: str
    query: Query
    size: int
    after: Position | None

    @property
    def is_deep(self) -> bool:
        return self.after is not None


def questions(db: Connection, plan: Plan, wanted: int) -> list[Question]:
    """So many, all different, each kind as often as every other."""
    chance = random.Random(f"questions {plan.seed}")
    kinds = _kinds(chance, _sample(db, chance), plan)
    deposits = db.execute(select(t.deposits.c.id).order_by(t.deposits.c.id.desc()).limit(1)).scalar_one()
    asked: dict[tuple[Query, int, Position | None], Question] = {}
    for turn in count():
        for kind, make in kinds.items():
            after = Position(chance.randint(1, deposits), 1) if turn % 3 == 2 else None
            one = Question(kind, make(), chance.choice(SIZES), after)
            asked.setdefault((one.query, one.size, one.after), one)
            if len(asked) == wanted:
                return list(asked.values())
        if turn > wanted * 10:
            break
    raise ValueError(f"{len(asked)} different questions, {wanted} wanted")


def _sample(db: Connection, chance: random.Random) -> list[Any]:
    i = t.invoices
    last = db.execute(select(i.c.deposit_id).order_by(i.c.deposit_id.desc()).limit(1)).scalar_one()
    ids = sorted(chance.randint(1, last) for _ in range(SAMPLED))
    rows = db.execute(select(i).where(i.c.deposit_id.in_(ids), i.c.rank <= 3).order_by(i.c.deposit_id, i.c.rank)).all()
    return list(rows)


def _kinds(chance: random.Random, rows: list[Any], plan: Plan) -> dict[str, Callable[[], Query]]:
    def one() -> Any:
        return chance.choice(rows)

    def having(name: str) -> Any:
        return chance.choice([row for row in rows if getattr(row, name)])

    def days(most: int) -> Days:
        first = plan.last_day - timedelta(days=chance.randrange(plan.days))
        return Days(first, first + timedelta(days=chance.randrange(most)))

    def since(most: int) -> Days:
        return Days(plan.last_day - timedelta(days=chance.randrange(most)), None)

    def partner() -> str:
        return chance.choice(PARTNERS).code

    def rule() -> str:
        return chance.choice((*ERRORS, *WARNINGS))

    def amount() -> Amounts:
        least = chance.choice((1, 50, 1_000, 20_000, 300_000)) * 1_000_000
        return Amounts(least, None if chance.random() < 0.3 else least * 11 // 10)

    def routed(*names: str, **more: Any) -> Query:
        row = having(names[-1])
        return Query(**{name: getattr(row, name) for name in names}, **more)

    def any_four() -> Query:
        row = having("status")
        every = {
            "supplier": row.supplier, "recipient": row.recipient, "service": row.service, "partner": row.partner,
            "statuses": (row.status,), "received": _around(row.received_day, 20), "issued": _around(row.issued, 9),
            "amount": Amounts(row.total_millionths // 2, None), "outcome": InvoiceOutcome.INTEGRATED,
        }  # fmt: skip
        return Query(**{name: every[name] for name in chance.sample(sorted(every), 4)})

    return {
        "everything": Query,
        "number": lambda: Query(number=Words(one().number)),
        "beginning of a number": lambda: Query(number=Words(one().number[: chance.randint(3, 8)], is_beginning=True)),
        "number, supplier": lambda: _of(one(), "supplier", number=True),
        "supplier": lambda: routed("supplier"),
        "supplier, status": lambda: routed("supplier", statuses=(chance.choice(STATUSES),)),
        "supplier, issued": lambda: routed("supplier", issued=days(30)),
        "name of a supplier": lambda: Query(supplier_name=folded(one().supplier_name)[: chance.randint(7, 20)]),
        "recipient": lambda: routed("recipient"),
        "recipient as deposited": lambda: routed("recipient", as_deposited=True),
        "recipient, service": lambda: routed("recipient", "service"),
        "recipient, status, received": lambda: routed(
            "recipient", statuses=(chance.choice(STATUSES),), received=days(90)
        ),
        "recipient, amount": lambda: routed("recipient", amount=amount()),
        "service": lambda: routed("service"),
        "commitment": lambda: routed("commitment"),
        "status": lambda: Query(statuses=tuple(sorted(chance.sample(STATUSES, chance.randint(1, 3))))),
        "status, partner": lambda: Query(statuses=(chance.choice(STATUSES),), partner=partner()),
        "changed": lambda: Query(changed=days(7)),
        "changed, status": lambda: Query(changed=days(30), statuses=(chance.choice(STATUSES),)),
        "outcome": lambda: Query(outcome=chance.choice(list(InvoiceOutcome)), received=since(365)),
        "outcome, partner": lambda: Query(outcome=InvoiceOutcome.REFUSED, partner=partner(), received=since(200)),
        "partner": lambda: Query(partner=partner()),
        "partner, received": lambda: Query(partner=partner(), received=days(60)),
        "received": lambda: Query(received=days(120)),
        "issued": lambda: Query(issued=days(20)),
        "rule": lambda: Query(rule=rule()),
        "rule, partner": lambda: Query(rule=rule(), partner=partner()),
        "rule, received": lambda: Query(rule=rule(), received=days(60)),
        "amount": lambda: Query(amount=amount()),
        "exact amount": lambda: _exact(one()),
        "handled": lambda: Query(is_handled=True, received=since(365)),
        "still to be handled": lambda: Query(is_handled=False, partner=partner()),
        "four of them": any_four,
    }


def _of(row: Any, *names: str, number: bool) -> Query:
    return Query(number=Words(row.number) if number else Words(), **{name: getattr(row, name) for name in names})


def _exact(row: Any) -> Query:
    return Query(amount=Amounts(row.total_millionths, row.total_millionths))


def _around(day: str, most: int) -> Days:
    middle = date.fromisoformat(day)
    return Days(middle - timedelta(days=most), middle + timedelta(days=most))


def kinds_of(asked: list[Question]) -> Iterator[str]:
    yield from dict.fromkeys(one.kind for one in asked)
