"""Rows by deposit and rank, each pair looked up in the key.

`(deposit_id, rank) IN ((1, 2), ...)` makes SQLite read the whole table, and two lists of ids give what is in neither:
the pairs are a small table of their own that is joined.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import CTE, BigInteger, Table, and_, column, text
from sqlalchemy.sql import ColumnElement

from pipeline.adapters.ledger.rows import chunks

Here = tuple[int, int]  # deposit and rank of an invoice


def parts(pairs: Iterable[Here]) -> Iterable[Sequence[Here]]:
    """These pairs once each, in order, in parts that one query takes."""
    return chunks(sorted(set(pairs)))


def wanted(pairs: Sequence[Here]) -> CTE:
    """One part as a table: `select(...).join(some, holds(t.invoices, some))`.

    The numbers stand in the text of the statement: as a thousand parameters they take longer to write than to look up.
    """
    listed = ", ".join(f"({deposit_id:d}, {rank:d})" for deposit_id, rank in pairs)
    rows = f"SELECT column1 AS deposit_id, column2 AS rank FROM (VALUES {listed}) AS v"  # noqa: S608
    return text(rows).columns(column("deposit_id", BigInteger), column("rank", BigInteger)).cte("wanted")


def holds(table: Table, some: CTE, deposit_id: str = "deposit_id", rank: str = "rank") -> ColumnElement[Any]:
    """The rows of a table that are about one of the pairs."""
    return and_(table.c[deposit_id] == some.c.deposit_id, table.c[rank] == some.c.rank)
