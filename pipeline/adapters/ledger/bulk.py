"""Many rows at once, in and out: on PostgreSQL thousands of INSERTs are slow, and a result comes whole unless asked.

The statements are our own: SQLAlchemy prepares the values of each row by itself, at the price of the insert.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Insert, Select, Table, text
from sqlalchemy.dialects import postgresql, sqlite

STREAM_ROWS = 5_000  # in memory at a time

Rows = Sequence[Mapping[str, Any]]  # by column name, all with the same names


def add(db: Connection, table: Table, rows: Rows) -> None:
    """Insert these rows."""
    _insert(db, table, rows, leave=False)


def add_absent(db: Connection, table: Table, rows: Rows) -> None:
    """Insert these rows one after the other; what is there already is left alone.

    A row that another transaction has inserted and not committed is waited for.
    """
    _insert(db, table, rows, leave=True)


def if_absent(db: Connection, table: Table) -> Insert:
    """INSERT that leaves a row alone that is there."""
    dialect = sqlite if db.dialect.name == "sqlite" else postgresql
    leaving: Insert = dialect.insert(table).on_conflict_do_nothing()
    return leaving


def streamed(db: Connection, query: Select[Any]) -> Iterable[Any]:
    """The rows of a long answer as they are read, never all of them in memory."""
    return db.execute(query.execution_options(yield_per=STREAM_ROWS))


def _insert(db: Connection, table: Table, rows: Rows, *, leave: bool) -> None:
    if not rows:
        return
    names = list(rows[0])
    columns = ", ".join(f'"{name}"' for name in names)
    leaving = " ON CONFLICT DO NOTHING" if leave else ""
    if db.dialect.name == "sqlite":
        told = f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join('?' * len(names))}){leaving}"  # noqa: S608
        db.exec_driver_sql(told, [tuple([row[name] for name in names]) for row in rows])
        return
    arrays = ", ".join(f"CAST(:{name} AS {_kind(db, table, name)}[])" for name in names)
    told = f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({arrays}){leaving}"  # noqa: S608
    db.execute(text(told), {name: [row[name] for row in rows] for name in names})


def _kind(db: Connection, table: Table, name: str) -> str:
    return table.c[name].type.compile(db.dialect).partition(" COLLATE")[0]
