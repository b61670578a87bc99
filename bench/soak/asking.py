"""The invariants, asked every second while others write: of rows by the queries of `verify`, of files by looking.

`verify` reads the whole ledger, which no one can do every second. What is final and was found right stays so, for rows
are only added: it is looked at again at the end. Between two looks the queries see the deposits that may have changed
since, through views that stand before the tables under their names, in this connection alone.
"""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, event, text

from bench.beside import Beside
from bench.soak.flows import Flow
from pipeline.reconcile import Line
from pipeline.running.home import open_ledger
from pipeline.running.verify import of_rows
from pipeline.settings import load

SHOWN = 20  # what is broken, in words
VIEWED = {
    "deposits": "id", "flows": "deposit_id", "verdicts": "deposit_id", "invoices": "deposit_id",
    "number_claims": "deposit_id", "findings": "deposit_id", "transitions": "deposit_id", "outbox": "deposit_id",
}  # fmt: skip
_FIRST_OPEN = text(
    "SELECT min(id) FROM (SELECT min(id) AS id FROM main.deposits WHERE state = 'received' OR again = 1"
    " UNION ALL SELECT min(deposit_id) FROM main.outbox WHERE state IN ('ready', 'uploaded', 'held'))"
)
_LAST = text("SELECT coalesce(max(id), 0) FROM main.deposits")
_MOVE = text("UPDATE temp.checked SET id = :id")
_NAMES = text("SELECT partner, name FROM deposits")


class Look(NamedTuple):
    """One look at everything."""

    at: float  # monotonic
    seconds: float
    deposits: int  # that may have changed since the last one
    broken: tuple[str, ...]


@dataclass
class Asking(Beside):
    """Looks every second until the `with` ends."""

    every_s = 1.0
    raises = False

    home: Path
    dropped: Sequence[Flow]  # grows while we look
    tell: Callable[[str], None] = print
    looks: list[Look] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    lines: int = 0
    registered: set[tuple[str, str]] = field(default_factory=set)
    _known: int = 0  # of what was dropped, as many as the ledger is known to have from the first on

    def __post_init__(self) -> None:
        self._ledger = open_ledger(self.home, load(self.home))
        event.listen(self._ledger.engine, "connect", stand_before)

    def end(self) -> None:
        self._ledger.close()

    @property
    def gap_s(self) -> float:
        """The longest time between two looks."""
        ends = [look.at for look in self.looks]
        return max((after - before for before, after in pairwise(ends)), default=0.0)

    def look(self) -> Look:
        """Ask everything once."""
        began = time.monotonic()
        outside = Outside(self.home, self.dropped, self._known)
        with self._ledger.reading() as db:
            lines, deposits = ask(db, self.registered)
        self.lines = len(lines)
        broken = [f"{line.name}: {line.detail.en}" for line in lines if not line.ok]
        self._known, lost = outside.missing(self.registered)
        broken += [f"lost: {name} is neither in in/, nor in work/, nor in the ledger" for name in lost]
        look = Look(time.monotonic(), time.monotonic() - began, deposits, tuple(broken))
        self.looks.append(look)
        for one in broken[: SHOWN - len(self.broken)]:
            self.broken.append(one)
            self.tell(f"BROKEN  {one}")
        return look


def ask(db: Connection, registered: set[tuple[str, str]]) -> tuple[tuple[Line, ...], int]:
    """(the lines over what is not known to be final, how many deposits that is); adds the names that the ledger has."""
    names = [tuple(row) for row in db.execute(_NAMES)]
    registered.update(names)  # type: ignore[arg-type]
    first_open = db.execute(_FIRST_OPEN).scalar()
    lines = of_rows(db)
    if all(line.ok for line in lines):
        db.execute(_MOVE, {"id": first_open - 1 if first_open is not None else db.execute(_LAST).scalar()})
    return lines, len(names)


def stand_before(connection: Any, _record: Any) -> None:
    """Views under the names of the tables: queries without a schema read them."""
    connection.execute("CREATE TEMP TABLE checked (id INTEGER NOT NULL)")
    connection.execute("INSERT INTO temp.checked VALUES (0)")
    for table, column in VIEWED.items():
        connection.execute(
            f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE {column} > (SELECT id FROM temp.checked)"
        )


class Outside:
    """Where the files are that the ledger may not have yet, looked at before it: they only ever move towards it."""

    def __init__(self, home: Path, dropped: Sequence[Flow], known: int) -> None:
        """`known`: as many of them are in the ledger, from the first on."""
        self._known = known
        self._asked = [(flow.partner, flow.name) for flow in dropped[known:]]
        partners = {partner for partner, _ in self._asked}
        self._seen: set[tuple[str, str]] = set()
        for look in (inbox, work):  # in this order: what leaves the first meanwhile is in the second
            for partner in partners:
                self._seen.update((partner, name) for name in look(home / "drop" / partner))

    def missing(self, registered: set[tuple[str, str]]) -> tuple[int, list[str]]:
        """(how many the ledger has now, from the first on; the names of those that are nowhere)."""
        lost = [f"{p}/{n}" for p, n in self._asked if (p, n) not in registered and (p, n) not in self._seen]
        known = next((rank for rank, one in enumerate(self._asked) if one not in registered), len(self._asked))
        return self._known + known, lost


def inbox(folder: Path) -> list[str]:
    return os.listdir(folder / "in")  # noqa: PTH208 - names only


def work(folder: Path) -> list[str]:
    """What is claimed: a file in a folder of its own, which may go while we look."""
    found: list[str] = []
    for claim in os.scandir(folder / "work"):
        if claim.is_dir():
            try:
                found += os.listdir(claim.path)  # noqa: PTH208 - names only
            except FileNotFoundError:
                continue
    return found
