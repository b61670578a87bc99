"""Airflow's own database, from outside: is it there, and how far is it migrated? Nothing else of it is ours to know."""

import sqlite3
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from pipeline.adapters.system_errors import Unreachable
from pipeline.ports import Said

CONNECT_S = 5


def revision(url: str) -> str | None:
    """The revision that its migrations reached, None in a database that is new (a SQLite file may not exist yet).

    `Unreachable` where nobody answers, or the URL is none.
    """
    address = _parsed(url)
    if address is None:
        raise Unreachable(_NO_URL)
    is_file = address.get_backend_name() == "sqlite"
    if is_file and not (address.database and Path(address.database).exists()):
        return None
    try:
        engine = create_engine(
            address, poolclass=NullPool, connect_args={} if is_file else {"connect_timeout": CONNECT_S}
        )
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise Unreachable(_NO_URL) from error
    try:
        with engine.connect() as db:
            if not db.dialect.has_table(db, "alembic_version"):
                return None
            return db.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except (SQLAlchemyError, sqlite3.Error) as error:
        words = str(error.orig if isinstance(error, DBAPIError) else error)
        raise Unreachable(_AWAY.because(" ".join(words.split()))) from error


def _parsed(url: str) -> URL | None:
    """None where it cannot be read. What SQLAlchemy says then may hold a piece of the password: it goes nowhere."""
    try:
        address = make_url(url)
        address.get_backend_name()
    except (ArgumentError, ValueError, NoSuchModuleError):  # ValueError: a port that is no number
        return None
    return address


_NO_URL = Said(
    "ce n'est pas l'adresse d'une base que ce poste sait ouvrir : attendu postgresql://COMPTE@HÔTE/BASE",
    "this is not the address of a database that can be opened here: expected postgresql://USER@HOST/DATABASE",
)
_AWAY = Said("la base d'Airflow ne répond pas", "the database of Airflow does not answer")
