"""Reference data in the ledger: whole snapshots, the one that counts on a day, and what a unit asks of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select

from pipeline.adapters.ledger import Connection, Ledger, reference, tables
from pipeline.adapters.ledger.reference import SupplierListed
from pipeline.model import Commitment, Service, Snapshot, Structure

AT = datetime(2026, 11, 20, tzinfo=UTC)
TOWN = Structure(
    "12345678200051", 1, "Ville", True, True, False, False, True, False, True, "12345678200044", date(2026, 12, 1),
    (Service("S1", "Un", True, date(2026, 1, 1), None, True), Service("S1", "Un encore", False, None, None, False)),
)  # fmt: skip


def snapshot(db: Connection, kind: str, name: str, day: date) -> int:
    return reference.new_snapshot(db, kind, Snapshot(name, day), AT)


def test_a_structure_comes_back_as_it_was_imported(ledger: Ledger) -> None:
    with ledger.writing() as db:
        row = snapshot(db, reference.DIRECTORY, "one", date(2026, 11, 1))
        assert reference.add_structures(db, row, [TOWN]) == (1, 2)
    with ledger.reading() as db:
        assert reference.structures(db, row, [TOWN.siret, "unknown"]) == {TOWN.siret: TOWN}


def test_the_latest_snapshot_at_or_before_the_day_counts(ledger: Ledger) -> None:
    with ledger.writing() as db:
        for name, day in (("early", 1), ("late", 10), ("late again", 10)):
            snapshot(db, reference.DIRECTORY, name, date(2026, 11, day))
    with ledger.reading() as db:
        told = {
            day: found[1].name
            if (found := reference.snapshot_of(db, reference.DIRECTORY, date(2026, 11, day)))
            else None
            for day in (1, 9, 10, 30)
        }
        assert told == {1: "early", 9: "early", 10: "late again", 30: "late again"}
        assert reference.snapshot_of(db, reference.DIRECTORY, date(2026, 10, 31)) is None
        assert reference.last_snapshot(db, reference.COMMITMENTS) is None


def test_the_same_import_twice_is_one_snapshot(ledger: Ledger) -> None:
    for _ in range(2):
        with ledger.writing() as db:
            row = snapshot(db, reference.DIRECTORY, "one", date(2026, 11, 1))
            reference.add_structures(db, row, [TOWN])
    with ledger.reading() as db:
        found = reference.snapshot_of(db, reference.DIRECTORY, date(2026, 11, 1))
        assert found is not None
        assert reference.structures(db, found[0], [TOWN.siret]) == {TOWN.siret: TOWN}


def test_suppliers_are_known_by_type_and_identifier_while_active(ledger: Ledger) -> None:
    listed = [
        SupplierListed("1", "A", "a", True),
        SupplierListed("2", "A", "a", False),
        SupplierListed("1", "B", "b", True),
    ]
    with ledger.writing() as db:
        row = snapshot(db, reference.DIRECTORY, "one", date(2026, 11, 1))
        assert reference.add_suppliers(db, row, listed) == 3
    with ledger.reading() as db:
        found = reference.snapshot_of(db, reference.DIRECTORY, date(2026, 11, 1))
        assert found is not None
        assert found[2]
        assert reference.suppliers(db, row, [("1", "A"), ("2", "A"), ("1", "C")]) == {("1", "A")}


def test_the_state_of_the_commitments_follows_imports_age_and_what_is_declared(ledger: Ledger) -> None:
    order = Commitment("E1", "S1", TOWN.siret, "A", "COMMANDE", date(2026, 1, 1), None)
    today = date(2026, 11, 20)

    def state(day: date = today) -> str:
        with ledger.reading() as db:
            return reference.commitment_table(db, day, 7, ["E1"]).state

    assert state() == "never-loaded"
    ledger.write(lambda db: reference.declare_commitments(db, available=False, at=AT))
    assert state() == "unavailable"
    ledger.write(lambda db: reference.declare_commitments(db, available=True, at=AT))
    with ledger.writing() as db:
        row = snapshot(db, reference.COMMITMENTS, "orders", today)
        assert reference.add_commitments(db, row, [order]) == 1
    with ledger.reading() as db:
        table = reference.commitment_table(db, today, 7, ["E1", "E2"])
        assert (table.state, table.day, table.name, table.rows) == ("fresh", today, "orders", {"E1": order})
    assert state(date(2026, 11, 27)) == "fresh"
    assert state(date(2026, 11, 28)) == "too-old"
    assert state(date(2026, 11, 19)) == "never-loaded"
    ledger.write(lambda db: reference.declare_commitments(db, available=False, at=AT))
    assert state() == "unavailable"


def test_what_is_imported_again_under_its_name_replaces_its_rows_and_no_other(ledger: Ledger) -> None:
    other = Structure("22222222200044", 1, "Autre", True, False, False, False, False, False, False)
    with ledger.writing() as db:
        kept = snapshot(db, reference.DIRECTORY, "two", date(2026, 11, 2))
        reference.add_structures(db, kept, [TOWN])
    for structure in (TOWN, other):
        with ledger.writing() as db:
            row = snapshot(db, reference.DIRECTORY, "one", date(2026, 11, 1))
            reference.add_structures(db, row, [structure])
    with ledger.reading() as db:
        assert reference.structures(db, row, [TOWN.siret, other.siret]) == {other.siret: other}
        assert reference.structures(db, kept, [TOWN.siret]) == {TOWN.siret: TOWN}


def test_an_import_that_fails_half_way_leaves_the_last_one(ledger: Ledger) -> None:
    def broken() -> Iterator[Structure]:
        yield from (replace(TOWN, siret=f"{n:014d}") for n in range(reference.BATCH + 10))
        raise ZeroDivisionError

    with ledger.writing() as db:
        snapshot(db, reference.DIRECTORY, "one", date(2026, 11, 1))
    with pytest.raises(ZeroDivisionError), ledger.writing() as db:
        row = snapshot(db, reference.DIRECTORY, "two", date(2026, 11, 2))
        reference.add_structures(db, row, broken())
    with ledger.reading() as db:
        last = reference.last_snapshot(db, reference.DIRECTORY)
        assert last is not None
        assert last.name == "one"
        assert db.execute(select(func.count()).select_from(tables.structures)).scalar() == 0
