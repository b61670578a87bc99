"""Opening the ledger: it migrates by itself, its tables are those of the migrations, its settings those we promise."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from pipeline.adapters.ledger import Connection, Ledger
from pipeline.adapters.ledger.engine import TRIES
from pipeline.adapters.ledger.migrations import script_folder
from pipeline.adapters.ledger.tables import HEAD, metadata
from pipeline.ports import Fault


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    opened = Ledger.at(tmp_path / "a strange ? name%20.sqlite")
    opened.migrate()
    return opened


def test_the_migrations_end_in_the_tables_of_the_code(ledger: Ledger) -> None:
    with ledger.reading() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
    assert ScriptDirectory(str(script_folder())).get_current_head() == HEAD


def test_migrating_twice_changes_nothing(ledger: Ledger) -> None:
    with ledger.writing() as db:
        db.execute(text("INSERT INTO partners (code) VALUES ('ABC001')"))
    ledger.migrate()
    with ledger.reading() as db:
        assert db.execute(text("SELECT code FROM partners")).scalars().all() == ["ABC001"]


def test_a_commit_that_was_answered_survives_a_power_cut(ledger: Ledger) -> None:
    with ledger.reading() as db:
        told = {
            name: db.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_writer_takes_the_lock_at_its_start(ledger: Ledger) -> None:
    with ledger.writing():
        other = sqlite3.connect(str(ledger.engine.url.database), timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_half_a_unit_is_nothing(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.writing() as db:
        db.execute(text("INSERT INTO partners (code) VALUES ('ABC001')"))
        _ = 1 / 0
    with ledger.reading() as db:
        assert db.execute(text("SELECT count(*) FROM partners")).scalar() == 0


def test_a_unit_that_another_writer_broke_runs_again_from_its_start(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.adapters.ledger.engine.time.sleep", lambda _s: None)
    tried = []

    def unit(db: Connection) -> str:
        tried.append(db)
        if len(tried) < 3:
            raise IntegrityError("INSERT", {}, sqlite3.IntegrityError("UNIQUE constraint failed"))
        return "done"

    assert ledger.write(unit) == "done"
    assert len(tried) == 3


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (sqlite3.OperationalError("database is locked"), TRIES),
        (sqlite3.OperationalError("database or disk is full"), 1),
    ],
)
def test_a_unit_that_cannot_be_written_is_a_fault(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: sqlite3.Error, tries: int
) -> None:
    monkeypatch.setattr("pipeline.adapters.ledger.engine.time.sleep", lambda _s: None)
    tried = []

    def unit(db: Connection) -> None:
        tried.append(db)
        raise OperationalError("INSERT", {}, error)

    with pytest.raises(Fault, match="refused to write"):
        ledger.write(unit)
    assert len(tried) == tries


def test_a_ledger_of_a_newer_version_is_not_touched(ledger: Ledger) -> None:
    with ledger.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Fault, match=f"newer version of chorus-edi \\(9999, here {HEAD}\\)"):
        ledger.migrate()


def test_a_read_that_the_disk_refuses_is_one_sentence(ledger: Ledger) -> None:
    with pytest.raises(Fault, match="cannot be read"), ledger.reading():
        raise OperationalError("SELECT", {}, sqlite3.OperationalError("disk I/O error"))


def test_a_file_that_is_no_ledger_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(Fault, match="cannot be opened"):
        Ledger.at(tmp_path / "ledger.sqlite").migrate()
    with pytest.raises(Fault, match="cannot be opened"):
        Ledger.at(tmp_path / "nowhere" / "ledger.sqlite").migrate()


def test_pages_that_cannot_be_trusted_are_one_sentence(ledger: Ledger) -> None:
    path = Path(str(ledger.engine.url.database))
    ledger.close()
    pages = path.read_bytes()
    path.write_bytes(pages[:4096] + b"\xff" * (len(pages) - 4096))
    with pytest.raises(Fault, match="cannot be read: database disk image is malformed"), ledger.reading() as db:
        db.execute(text("SELECT count(*) FROM deposits"))
    with pytest.raises(Fault, match="refused to write"), ledger.writing() as db:
        db.execute(text("DELETE FROM deposits"))
