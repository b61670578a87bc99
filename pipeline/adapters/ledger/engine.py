"""Opens the ledger: connection settings, migration, transactions that retry.

SQLite runs in WAL with `synchronous=FULL`: a commit that was answered survives a power cut, and we answer issuers on
the strength of it. A transaction that writes takes the write lock at its start (`BEGIN IMMEDIATE`): it never fails half
way. On PostgreSQL writers are READ COMMITTED and lock what they decide on; readers see one moment (REPEATABLE READ).
"""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, FromClause, create_engine, event, text
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError

from pipeline.adapters.ledger import server
from pipeline.adapters.ledger.tables import HEAD
from pipeline.ports import Fault, Said

T = TypeVar("T")
BUSY_MS = 30_000
TRIES = 5
PATIENT_TRIES = 14  # while a server is away: about 25 s in all, and never more than
PATIENCE_S = 30.0  # this
FIRST_S = 5.0  # whoever starts is told sooner
PAUSE_MAX_S = 3.0

_NOT_OPENED = Said("le registre ne s'ouvre pas", "the ledger cannot be opened")
_NOT_MIGRATED = Said("le registre ne se met pas à jour", "the ledger cannot be migrated")
_REFUSED = Said("le registre refuse l'écriture", "the ledger refused to write")
_UNREAD = Said("le registre ne se lit pas", "the ledger cannot be read")
_RUN_AGAIN = Said("relancer chorus-edi run", "run again")
_RESTORE = Said(
    "vérifier le disque et les droits, sinon reprendre ensemble la sauvegarde du registre et de store/",
    "check the disk and the permissions, else restore the ledger and store/ together from the same backup",
)
_STRANGER = Said(
    "cette base est celle d'un autre logiciel ; donner au registre une base à lui",
    "this database belongs to another software; give the ledger one of its own",
)


class _WithHints(SQLiteCompiler):
    """Writes the hint of `Select.with_hint` after its table: SQLAlchemy leaves out the one of SQLite, INDEXED BY."""

    def get_from_hint_text(self, _table: FromClause, text: str | None) -> str | None:
        return text


class LostLease(Fault):
    """Another worker has taken this lot over: whatever this one still wanted to write is rolled back."""


def _unheard(_tries: int, _sqlstate: str) -> None:
    """Nobody asks how often it was tried."""


class Ledger:
    """The database of one installation. `writing()` and `reading()` give a connection inside one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = self._readers = engine
        self.on_retry: Callable[[int, str], None] = _unheard  # hears of each try in vain, and its SQLSTATE
        self.has_refused = False  # a unit of work was given up: a lot may still name whoever wanted to close it
        self.is_sqlite = engine.dialect.name == "sqlite"
        if not self.is_sqlite:
            self._readers = server.readers(engine)

    @classmethod
    def at(cls, path: Path) -> "Ledger":
        """The ledger in a SQLite file; a file that is no database, or a folder that cannot be written, is a fault."""
        engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        engine.dialect.statement_compiler = _WithHints
        return cls(engine)

    @classmethod
    def on_server(cls, url: str, password: str = "") -> "Ledger":
        """The ledger on PostgreSQL: `postgresql://user@host:port/database`, the password apart.

        Nothing is asked of the server yet: `migrate` is the first to hear that it is away, or lets nobody in.
        """
        return cls(server.engine_at(url, password))

    def migrate(self) -> None:
        """Bring a new or older ledger to the tables of this version; Alembic is loaded only when there is work."""
        try:
            with self._connect(self.engine, FIRST_S) as db:
                if not self.is_sqlite:
                    server.check(db)
                found = _version(db)
        except (DBAPIError, sqlite3.Error) as error:
            raise Fault(self._told(_NOT_OPENED, error)) from error
        if found == HEAD:
            return
        if found is not None and not (len(found) == len(HEAD) and found.isdecimal()):
            raise Fault(_STRANGER)
        if found is not None and found > HEAD:
            raise Fault(_newer(found))
        from pipeline.adapters.ledger import migrations

        try:
            migrations.upgrade(self.engine)
        except DBAPIError as error:
            raise Fault(self._told(_NOT_MIGRATED, error)) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that may write; all of it or nothing."""
        try:
            with self._connect(self.engine, PATIENCE_S) as db, db.execution_options(writes=True).begin():
                yield db
        except DatabaseError as error:
            if not _is_outside(error):
                raise
            raise Fault(self._broke(_REFUSED, error)) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view."""
        try:
            with self._connect(self._readers, PATIENCE_S) as db, db.begin():
                yield db
        except DatabaseError as error:
            if not _is_outside(error):
                raise
            raise Fault(self._broke(_UNREAD, error)) from error

    def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a whole unit of work in one transaction, again from its start where another writer or the link broke it.

        The unit must be repeatable: insert if absent, update where the state is as expected. Where a server did not
        answer the COMMIT it is asked what became of it, and a unit that got through is not run again.
        """
        until = time.monotonic() + PATIENCE_S
        attempt = 0
        while True:
            attempt += 1
            transaction = None
            try:
                with self.engine.connect() as db, db.execution_options(writes=True).begin():
                    done = unit(db)
                    if not self.is_sqlite:
                        transaction = server.transaction_of(db)
                return done
            except DBAPIError as error:
                if transaction is not None and self._went_through(transaction):
                    return done
                if not self._is_worth_another(error, attempt) or time.monotonic() > until:
                    self.has_refused = True
                    raise Fault(self._broke(_REFUSED, error)) from error
                self.on_retry(attempt, _sqlstate(error))
            _pause(attempt)

    def close(self) -> None:
        self.engine.dispose()

    def _connect(self, engine: Engine, patience_s: float) -> Connection:
        """A connection that answers; a server that is away is given some time to come back."""
        until = time.monotonic() + patience_s
        attempt = 0
        while True:
            attempt += 1
            try:
                return engine.connect()
            except DBAPIError as error:
                if self.is_sqlite or not server.is_away(error) or time.monotonic() > until:
                    raise
            _pause(attempt)

    def _went_through(self, transaction: str) -> bool:
        try:
            with self._connect(self.engine, PATIENCE_S) as db:
                return server.went_through(db, transaction)
        except DBAPIError as error:
            self.has_refused = True
            raise Fault(self._broke(_REFUSED, error)) from error

    def _is_worth_another(self, error: DBAPIError, attempt: int) -> bool:
        if isinstance(error, IntegrityError):  # another writer registered the same name, bytes or number first:
            return attempt < TRIES  # the unit reads it in its second try
        if self.is_sqlite:
            is_passing = isinstance(error, OperationalError) and "disk" not in str(error.orig)
            return is_passing and attempt < TRIES
        return server.is_passing(error) and attempt < (PATIENT_TRIES if server.is_away(error) else TRIES)

    def _told(self, what: Said, error: Exception) -> Said:
        if isinstance(error, DBAPIError) and not self.is_sqlite:
            return server.told(error)
        return what.because(_words(error)).at(str(self.engine.url.database)).then(_RESTORE)

    def _broke(self, what: Said, error: DBAPIError) -> Said:
        if not self.is_sqlite:
            return server.told(error)
        return what.because(_words(error)).then(_RESTORE if type(error) is DatabaseError else _RUN_AGAIN)


def now_ms(db: Connection) -> int:
    """Milliseconds, for leases only: the server's clock where several machines meet, else the machine's."""
    return time.time_ns() // 1_000_000 if db.dialect.name == "sqlite" else server.now_ms(db)


def _pause(attempt: int) -> None:
    """Longer each time, and never the same: what met once does not meet again."""
    time.sleep(min(0.05 * 2**attempt, PAUSE_MAX_S) * random.uniform(0.6, 1.0))  # noqa: S311


def _newer(found: str) -> Said:
    return Said(
        f"le registre est d'une version plus récente de chorus-edi ({found}, ici {HEAD}) ; installer cette version",
        f"the ledger is of a newer version of chorus-edi ({found}, here {HEAD}); install that version",
    )


def _is_outside(error: DatabaseError) -> bool:
    """The disk, the server or the link failed, not what we asked. SQLite says of pages that it cannot trust no more
    than that it is an error of the database."""
    return isinstance(error, OperationalError) or type(error) is DatabaseError


def _sqlstate(error: DBAPIError) -> str:
    """The SQLSTATE; on SQLite, and where a connection just broke, the name of the error."""
    return str(getattr(error.orig, "sqlstate", None) or type(error).__name__)


def _words(error: Exception) -> str:
    return str(error.orig) if isinstance(error, DBAPIError) else str(error)


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
