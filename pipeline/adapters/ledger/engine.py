"""Opens the ledger: connection settings, migration, transactions that retry.

SQLite runs in WAL with `synchronous=FULL`: a commit that was answered survives a power cut, and we answer issuers on
the strength of it. A transaction that writes takes the write lock at its start (`BEGIN IMMEDIATE`): it never fails half
way.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from pipeline.adapters.ledger.tables import HEAD
from pipeline.ports import Fault, Said

T = TypeVar("T")
BUSY_MS = 30_000
TRIES = 5
# What a second try of the whole unit can mend: serialization, deadlock, a server that went away (57P0x, 08xxx).
_PASSING_STATES = ("40001", "40P01", "57P", "08")


_NOT_OPENED = Said("le registre ne s'ouvre pas", "the ledger cannot be opened")
_NOT_MIGRATED = Said("le registre ne se met pas à jour", "the ledger cannot be migrated")
_REFUSED = Said("le registre refuse l'écriture", "the ledger refused to write")
_RUN_AGAIN = Said("relancer chorus-edi run", "run again")
_RESTORE = Said(
    "vérifier le disque et les droits, sinon reprendre ensemble la sauvegarde du registre et de store/",
    "check the disk and the permissions, else restore the ledger and store/ together from the same backup",
)


class LostLease(Fault):
    """Another worker has taken this lot over: whatever this one still wanted to write is rolled back."""


class Ledger:
    """The database of one installation. `writing()` and `reading()` give a connection inside one transaction."""

    def __init__(self, url: str | URL) -> None:
        self.engine: Engine = create_engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @classmethod
    def at(cls, path: Path) -> "Ledger":
        """The ledger in a SQLite file; a file that is no database, or a folder that cannot be written, is a fault."""
        return cls(URL.create("sqlite", database=str(path)))

    def migrate(self) -> None:
        """Bring a new or older ledger to the tables of this version; Alembic is loaded only when there is work."""
        try:
            with self.reading() as db:
                found = _version(db)
        except (DBAPIError, sqlite3.Error) as error:
            raise Fault(_told(_NOT_OPENED, self.engine, error)) from error
        if found == HEAD:
            return
        from pipeline.adapters.ledger import migrations

        try:
            migrations.upgrade(self.engine)
        except DBAPIError as error:
            raise Fault(_told(_NOT_MIGRATED, self.engine, error)) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write; all of it or nothing."""
        with self.engine.connect() as db, db.execution_options(writes=True).begin():
            yield db

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        with self.engine.connect() as db, db.begin():
            yield db

    def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a whole unit of work in one transaction, again from its start where another writer or the link broke it.

        The unit must be repeatable: insert if absent, update where the state is as expected. A COMMIT may have
        succeeded although we saw an error (a link cut right after it).
        """
        for attempt in range(1, TRIES + 1):
            try:
                with self.writing() as db:
                    return unit(db)
            except DBAPIError as error:
                if attempt == TRIES or not _is_passing(error):
                    raise Fault(_REFUSED.because(_words(error)).then(_RUN_AGAIN)) from error
                time.sleep(0.05 * 2**attempt)
        raise AssertionError("unreachable")

    def close(self) -> None:
        self.engine.dispose()


def _told(what: Said, engine: Engine, error: Exception) -> Said:
    return what.because(_words(error)).at(str(engine.url.database)).then(_RESTORE)


def _words(error: Exception) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


def _is_passing(error: DBAPIError) -> bool:
    if isinstance(error, IntegrityError):
        return True  # another writer registered the same name, bytes or number first: the unit reads it the second time
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return isinstance(error, OperationalError) and "disk" not in str(error.orig)
    return str(state).startswith(_PASSING_STATES)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(db: Connection) -> None:
    db.exec_driver_sql("BEGIN IMMEDIATE" if db.get_execution_options().get("writes") else "BEGIN")


def _version(db: Connection) -> str | None:
    if not db.dialect.has_table(db, "alembic_version"):
        return None
    return db.execute(text("SELECT version_num FROM alembic_version")).scalar()
