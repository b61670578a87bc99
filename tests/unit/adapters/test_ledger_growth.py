"""What a commit unit asks of the ledger is looked up, never searched for: its cost does not grow with the years."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from pipeline.adapters.ledger import Ledger, commits, deposits, numbers, outbox, reference, retention
from pipeline.adapters.ledger.rows import CHUNK, Deposit, Lot, ToSend
from pipeline.model import NumberKey

COUNT = CHUNK + 1  # two lists, one of them as long as lists get: SQLite chooses by their length
NUMBERS = [f"F-{rank:04d}" for rank in range(COUNT)]
DEPOSIT = Deposit(1, "AAA001", "c", b"x", "x", "0" * 64, 1, True, datetime(2026, 11, 20, tzinfo=UTC), "received")
LOT = Lot(1, "AAA001", "judge", 1)
WANTED = [
    (NumberKey("", "1", f"{99999000000000 + rank % 40}", number, 2026), DEPOSIT, rank)
    for rank, number in enumerate(NUMBERS, start=1)
]
FILES = [ToSend(f"recipients/R{n % 30:03d}", f"P{n:04d}", "FEN0036A", "R", 1, "0" * 64, 1) for n in range(COUNT)]
ASKED: dict[str, Callable[[Connection], object]] = {
    "earlier invoices with one of these numbers": lambda db: numbers.lookalikes(db, "AAA001", NUMBERS),
    "numbers that credit notes name": lambda db: numbers.known_numbers(db, "AAA001", NUMBERS),
    "numbers that others hold": lambda db: commits.others_have(db, WANTED),
    "suppliers that are known": lambda db: reference.suppliers(db, 1, [("1", f"{n:014d}") for n in range(COUNT)]),
    "bytes that were purged": lambda db: retention.among(db, [("AAA001", f"{n:064x}") for n in range(COUNT)]),
    "files that are sent": lambda db: outbox.advance(db, LOT, FILES, outbox.READY, outbox.UPLOADED),
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    ledger = Ledger.at(Path(tmp_path_factory.mktemp("growth")) / "ledger.sqlite")
    ledger.migrate()
    return ledger


@pytest.mark.parametrize("what", ASKED)
def test_a_unit_never_reads_a_table_from_end_to_end(ledger: Ledger, what: str) -> None:
    asked: list[tuple[str, Any]] = []

    def hear(_connection: object, _cursor: object, sql: str, given: object, *_: object) -> None:
        if sql.startswith(("SELECT", "UPDATE")):
            asked.append((sql, given))

    event.listen(ledger.engine, "before_cursor_execute", hear)
    try:
        ledger.write(ASKED[what])
    finally:
        event.remove(ledger.engine, "before_cursor_execute", hear)
    with ledger.reading() as db:
        steps = [row[3] for sql, given in asked for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)]
    tables = [step for step in steps if step.startswith(("SCAN", "SEARCH")) and "CONSTANT ROW" not in step]
    assert len(asked) >= 2
    assert tables
    assert [step for step in tables if step.startswith("SCAN") or "ix_invoices_outcome" in step] == []
    # a snapshot holds every supplier, an owner all its bytes: the key has to be looked up as far as it goes
    assert [step for step in tables if "(snapshot_id=?)" in step or "(owner=?)" in step] == []


def test_what_is_kept_of_statements_does_not_grow_with_the_sizes_of_batches(ledger: Ledger) -> None:
    """SQLAlchemy keeps hundreds of statements compiled, and one with a condition for each of 200 files is large."""
    kept = len(ledger.engine._compiled_cache)  # type: ignore[arg-type]
    with ledger.reading() as db:
        for count in range(1, 65):
            deposits.claims_like(db, "AAA001", [f"k{rank}" for rank in range(count)])
    assert len(ledger.engine._compiled_cache) - kept <= 7  # type: ignore[arg-type]
