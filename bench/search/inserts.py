"""What the indexes of the search cost: commit units of a thousand invoices, with them and without, and their size."""

import random
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count

from sqlalchemy import Connection, Index, text

from bench.search.world import PARTNERS, World
from pipeline import model as m
from pipeline.adapters.ledger import Ledger, claims, commits, deposits
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.commits import Answered, Transition
from pipeline.adapters.ledger.deposits import Claimed
from pipeline.adapters.ledger.rows import Deposit, ToSend
from pipeline.codes import Severity
from pipeline.terms import WorkLimits
from pipeline.values import Text

NAMES = ("supplier", "recipient", "service", "commitment", "status", "issued")
INDEXES: tuple[Index, ...] = tuple(
    index
    for table in (t.invoices, t.findings)
    for index in sorted(table.indexes, key=lambda one: str(one.name))
    if index.name in {"ix_findings_rule", *(f"ix_invoices_{name}" for name in NAMES)}
)
UNIT, FLOWS = 1_000, 2
LIMITS = WorkLimits(lot_flows_max=FLOWS, lot_bytes_max=1 << 30, lease_s=3600)
PARTNER = PARTNERS[0].code
_AT = datetime(2026, 11, 21, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Cost:
    """Milliseconds of each unit: on the clock, and of our own processor time (on SQLite the ledger's as well)."""

    with_them: list[tuple[float, float]]
    without: list[tuple[float, float]]

    def median(self, *, has_them: bool, own: bool = False) -> float:
        return statistics.median(one[own] for one in (self.with_them if has_them else self.without))

    @property
    def ratio(self) -> float:
        return self.median(has_them=True) / self.median(has_them=False)


def cost(ledger: Ledger, bare: Ledger, world: World, units: int) -> Cost:
    """Units in the ledger and in its copy, which loses the indexes, in turns: a busy machine is busy for both.

    Both are changed. An index is never made anew here: one that has just been made has no room, and costs more.
    """
    for index in INDEXES:
        bare.write(lambda db, index=index: index.drop(db))
    numbers = count(1)
    found = Cost([], [])
    for turn in range(units):
        for one, taken in ((ledger, found.with_them), (bare, found.without)):
            taken.append(_unit(one, world, random.Random(f"unit {turn}"), numbers))
    return found


def sizes_mb(ledger: Ledger) -> dict[str, float]:
    """What each of them takes, and the whole ledger."""
    names = [str(index.name) for index in INDEXES]
    with ledger.reading() as db:
        if ledger.is_sqlite:
            size = text("SELECT sum(pgsize) FROM dbstat WHERE name = :name AND aggregate = 1")
            whole = text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        else:
            size = text("SELECT pg_relation_size(CAST(:name AS regclass))")
            whole = text("SELECT pg_database_size(current_database())")
        told = {name: float(db.execute(size, {"name": name}).scalar_one() or 0) / 1e6 for name in names}
        return told | {"ledger": float(db.execute(whole).scalar_one()) / 1e6}


def _unit(ledger: Ledger, world: World, chance: random.Random, numbers: Iterator[int]) -> tuple[float, float]:
    files = [_file(next(numbers)) for _ in range(FLOWS)]
    began, own = time.perf_counter(), time.process_time()
    flows = ledger.write(lambda db: deposits.register(db, PARTNER, files, lambda *_: ()))
    lot = ledger.write(lambda db: claims.claim(db, "bench", "1", 0, LIMITS))
    spent, own_spent = time.perf_counter() - began, time.process_time() - own
    assert lot is not None
    told = [_answered(world, chance, numbers, flow) for flow in flows]
    wanted = [(i.claim, a.deposit, i.read.rank) for a in told for i in a.verdict.invoices if i.claim is not None]
    rows = commits.rows_of(told)

    def unit(db: Connection) -> bool:
        claims.guard(db, lot, 0, LIMITS)
        return commits.commit(db, lot, rows, _AT)

    began, own = time.perf_counter(), time.process_time()
    ledger.write(lambda db: commits.reserve(db, wanted))
    assert ledger.write(unit)
    ledger.write(lambda db: claims.finish(db, lot))
    own_spent += time.process_time() - own
    return (spent + time.perf_counter() - began) * 1000, own_spent * 1000


def _file(number: int) -> Claimed:
    name = f"FSO1100A_{PARTNER}_UNIT{number:012d}".encode()
    return Claimed(PARTNER, f"unit-{number}", name, sha256(name).hexdigest(), 1, True, _AT)


def _answered(world: World, chance: random.Random, numbers: Iterator[int], flow: Deposit) -> Answered:
    invoices = tuple(_invoice(world, chance, rank, next(numbers)) for rank in range(1, UNIT // FLOWS + 1))
    member = m.ReadMember("a.xml", "ab" * 32, 10, m.Kind.UBL)
    read = m.Read(flow.received, "FSO1100A", "FSO1100A", (), (member,), tuple(i.read for i in invoices), (), 10)
    verdict = m.Verdict(read, m.FlowState.PARTIAL, (), invoices, m.Snapshot("annuaire", date(2026, 11, 1)), ())
    good = [i.read.rank for i in invoices if i.outcome is m.InvoiceOutcome.INTEGRATED]
    steps = tuple(
        Transition(flow.id, rank, sequence, f"{sequence:02d}", _AT, set_by="platform", batch="FEN1201A")
        for rank in good
        for sequence in (1, 2, 3)
    )
    report = ToSend(f"drop/{PARTNER}", f"CSO-{flow.claim}", "CSO", PARTNER, flow.id, "cd" * 32, 100)
    return Answered(flow, verdict, dict.fromkeys(good, "PORTAL"), steps, (report,))


def _invoice(world: World, chance: random.Random, rank: int, number: int) -> m.JudgedInvoice:
    supplier, recipient = world.supplier(chance, PARTNER), world.recipient(chance)
    is_refused = chance.random() < 0.02
    warned = chance.random() < 0.15

    def at(value: str, bt: str) -> Text | None:
        return Text(value, bt, "/x", 1) if value else None

    service = chance.choice(recipient.services) if recipient.services else ""
    order = f"14{chance.randrange(10**8):08d}" if chance.random() < recipient.wants_commitment else ""
    issued = _AT.date() - timedelta(days=min(int(chance.expovariate(0.25)), 90))
    total = f"{chance.lognormvariate(6.5, 1.4):.2f}"
    read = m.ReadInvoice(
        rank, "a.xml", at(f"U{number:012d}", "BT-1"), "380", issued, "A1", None,
        m.SupplierRead("1", at(supplier.siret, "BT-30"), supplier.name, "FR"), at(recipient.siret, "BT-47"),
        recipient.name, at(service, "BT-10"), "", at(order, "BT-13"), None, (), False, "EUR", total, (), None,
    )  # fmt: skip
    findings = tuple(
        m.Finding(rule, rule, severity, at="BT-10", path="/Invoice", facts={})
        for rule, severity, holds in (
            ("RTG-021", Severity.ERROR, is_refused), ("GEN-015", Severity.WARNING, warned),
        )
        if holds
    )  # fmt: skip
    outcome = m.InvoiceOutcome.REFUSED if is_refused else m.InvoiceOutcome.INTEGRATED
    key = m.NumberKey("", "1", supplier.siret, f"U{number:012d}", issued.year)
    return m.JudgedInvoice(read, findings, outcome, None if is_refused else key)
