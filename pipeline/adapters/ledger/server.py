"""The ledger on PostgreSQL: how we connect, what its errors mean, whether a COMMIT without an answer got through."""

import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError

from pipeline.ports import Fault, Said

NAME = "chorus-edi"  # what pg_stat_activity calls us
LOCK_S = 30  # as long as SQLite waits for its write lock
STATEMENT_S = 600
IDLE_S = 300  # a writer that says nothing holds its locks no longer
# The client and the server each notice within a minute that the other one is gone without a word (a cut cable).
CONNECT = {"connect_timeout": 10, "application_name": NAME, "keepalives_idle": 20, "keepalives_interval": 10,
           "keepalives_count": 3, "tcp_user_timeout": 50_000}  # fmt: skip
SESSION = (
    f"SET lock_timeout = '{LOCK_S}s'; SET statement_timeout = '{STATEMENT_S}s'; "
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'; SET client_connection_check_interval = '10s'; "
    "SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; "
    "SET cursor_tuple_fraction = 1"  # what we stream we read to its end
)
IN_DOUBT_S = 20  # a COMMIT under way ends within this time
_STATUS = "SELECT pg_xact_status(CAST(:number AS xid8))"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_xid = CAST(CAST(:number AS xid8) AS xid)"
# What another try of the whole unit can mend: serialization, deadlock, a lock held for long, a server that went away.
AWAY = ("57P", "08", "53300", "25P03")
PASSING = ("40001", "40P01", "55P03", *AWAY)

_UNREADABLE = Said(
    "l'URL du registre est illisible ; écrire postgresql://utilisateur@hôte:5432/base dans settings.toml, [ledger]",
    "the URL of the ledger cannot be read; write postgresql://user@host:5432/database in settings.toml, [ledger]",
)
_NO_DRIVER = Said(
    "le pilote de PostgreSQL n'est pas installé ; pip install 'chorus-edi[postgres]' l'apporte",
    "the PostgreSQL driver is not installed; `pip install 'chorus-edi[postgres]'` brings it",
)
_AWAY = Said("le serveur du registre ne répond pas", "the ledger's server does not answer")
_CHECK_SERVER = Said(
    "vérifier que PostgreSQL tourne, et l'URL dans settings.toml, [ledger]",
    "check that PostgreSQL runs, and the URL in settings.toml, [ledger]",
)
_WHO = Said(
    "le serveur du registre refuse cet utilisateur ou son mot de passe",
    "the ledger's server refuses this user or its password",
)
_CHECK_WHO = Said(
    "corriger l'URL ou password_file dans settings.toml, [ledger], ou CHORUS_EDI_LEDGER__PASSWORD",
    "correct the URL or password_file in settings.toml, [ledger], or CHORUS_EDI_LEDGER__PASSWORD",
)
_NO_DATABASE = Said("la base du registre n'existe pas sur ce serveur", "the ledger's database is not on this server")
_CREATE = Said("la créer (docs/ops/ledger.md) ou corriger l'URL", "create it (docs/ops/ledger.md) or correct the URL")
_NOT_ALLOWED = Said("le serveur du registre refuse la connexion", "the ledger's server refuses the connection")
_CHECK_ACCESS = Said("vérifier pg_hba.conf et l'URL", "check pg_hba.conf and the URL")
_NOT_OWNER = Said(
    "cet utilisateur n'a pas le droit de créer ou de changer les tables du registre",
    "this user may not create or change the tables of the ledger",
)
_MAKE_OWNER = Said("en faire le propriétaire de la base (docs/ops/ledger.md)", "let it own the database")
_NOT_UTF8 = Said(
    "la base du registre n'est pas en UTF-8 ; la recréer avec ENCODING 'UTF8'",
    "the ledger's database is not in UTF-8; create it again with ENCODING 'UTF8'",
)
_BUSY = Said("le registre est occupé par un autre processus", "the ledger is busy with another process")
_SLOW = Said("le registre met trop de temps à répondre", "the ledger takes too long to answer")
_LOOK = Said(
    "regarder pg_stat_activity et le disque du serveur", "look at pg_stat_activity and at the disk of the server"
)
_BROKEN = Said("le serveur du registre refuse une commande", "the ledger's server refuses a command")
# What a server, in English or in French, says to whom it will never let in; a connection that fails has no SQLSTATE.
# Whatever else it says (it starts, it stops, it is full) passes.
_NEVER = (
    (("password", "mot de passe", "role ", "rôle "), _WHO, _CHECK_WHO),
    (("does not exist", "n'existe pas"), _NO_DATABASE, _CREATE),
    (("pg_hba", "authentication", "authentification", "SSL", "certificate", "certificat", "permission denied",
      "droit refusé"), _NOT_ALLOWED, _CHECK_ACCESS),
)  # fmt: skip


def engine_at(url: str, password: str) -> Engine:
    """A pool of connections; the password apart, or in the URL. TLS is what the URL says (`?sslmode=verify-full`)."""
    given = _parsed(url)
    if given is None:
        raise Fault(_UNREADABLE)
    if given.get_backend_name() not in {"postgresql", "postgres"} or not given.database:
        raise Fault(_UNREADABLE)
    given = given.set(drivername="postgresql+psycopg")
    if password:
        given = given.set(password=password)
    # what the URL says itself, it means
    settings = {name: value for name, value in CONNECT.items() if name not in given.query}
    try:
        engine = create_engine(
            given, connect_args=settings, pool_pre_ping=True, isolation_level="READ COMMITTED", hide_parameters=True
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise Fault(_NO_DRIVER) from error
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _parsed(url: str) -> URL | None:
    """None where it cannot be read. What SQLAlchemy says then may hold a piece of the password: it goes nowhere."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return None


def readers(engine: Engine) -> Engine:
    """The same pool, for transactions that see one moment and write nothing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def check(db: Connection) -> None:
    """The database is one that the ledger can live in."""
    encoding = db.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise Fault(_NOT_UTF8)


def is_passing(error: DBAPIError) -> bool:
    """Another try of the whole unit may go through."""
    state = getattr(error.orig, "sqlstate", None)
    return is_away(error) if state is None else str(state).startswith(PASSING)


def is_away(error: DBAPIError) -> bool:
    """The server, or the way to it, is gone: for a moment, or for long."""
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(AWAY)
    return isinstance(error, OperationalError) and _never(_words(error)) is None


def told(error: DBAPIError) -> Said:
    """One sentence on what the server, or the way to it, refuses. It quotes the server, never a value of a row."""
    state, said = getattr(error.orig, "sqlstate", None), _words(error)
    if is_away(error):
        what, remedy = _AWAY, _CHECK_SERVER
    elif state is None:
        what, remedy = _never(said) or (_BROKEN, _LOOK)
    elif state == "42501":
        what, remedy = _NOT_OWNER, _MAKE_OWNER
    else:
        what, remedy = (_BUSY if is_passing(error) else _SLOW if state == "57014" else _BROKEN), _LOOK
    again = Said(f"{remedy.fr}, puis relancer la même commande", f"{remedy.en}, then run the same command again")
    return what.because(said).then(again)


def _never(said: str) -> tuple[Said, Said] | None:
    return next(((what, remedy) for marks, what, remedy in _NEVER if any(mark in said for mark in marks)), None)


def transaction_of(db: Connection) -> str | None:
    """The number of this transaction; None where it has written nothing."""
    number = db.execute(text("SELECT pg_current_xact_id_if_assigned()::text")).scalar()
    return str(number) if number is not None else None


def went_through(db: Connection, transaction: str) -> bool:
    """Whether a transaction whose COMMIT was not answered is committed.

    One that the server still has open, because nobody told it that we are gone, is ended; one that commits, waited for.
    """
    number = {"number": transaction}
    until = time.monotonic() + IN_DOUBT_S
    while True:
        status = db.execute(text(_STATUS), number).scalar()
        if status != "in progress" or time.monotonic() > until:
            return bool(status == "committed")
        time.sleep(0.2)
        db.execute(text(_END), number)
        db.rollback()


def now_ms(db: Connection) -> int:
    return int(db.execute(text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")).scalar_one())


def _words(error: DBAPIError) -> str:
    """The first line of what the server or its driver says: what follows are hints, and values of the row."""
    lines = str(error.orig).strip().splitlines()
    return lines[0].removeprefix("connection failed: ").strip() if lines else type(error.orig).__name__


def _prepare(connection: Any, _record: Any) -> None:
    was, connection.autocommit = connection.autocommit, True
    connection.execute(SESSION)
    connection.autocommit = was


def _begin(db: Connection) -> None:
    """`verify` reads the store between two queries, for as long as that takes: a reader holds no lock."""
    if db.get_execution_options().get("postgresql_readonly"):
        db.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
