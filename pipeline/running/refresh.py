"""The nightly refresh of reference data: compare a file with what is in force, and take it over once that is agreed.

A file is dated by the day it gives itself, else by the day it was last written (in Paris): one that nobody renews grows
old, and is said to be. The same bytes for the same day are taken once.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from pipeline.adapters import commitment_files, directory_files
from pipeline.adapters.ledger import reference
from pipeline.adapters.table_files import ReferenceFileError
from pipeline.model import PARIS, Snapshot
from pipeline.ports import Fault, Said
from pipeline.running.administer import import_commitments, import_directory, snapshot_of
from pipeline.running.home import Home


@dataclass(frozen=True, slots=True)
class TableChange:
    """The rows of one table, in force and in the file: structures, services, suppliers, commitments.

    Those that are active are counted apart, as `active structures`: a directory may lose them without losing a row.
    """

    what: str
    before: int
    after: int

    @property
    def share_lost(self) -> Decimal:
        """0 to 1, four digits; 0 where nothing was there before."""
        lost = max(self.before - self.after, 0)
        return (Decimal(lost) / self.before).quantize(Decimal("0.0001")) if lost else Decimal(0)


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """What a file would change. `before` and `after`: rows in all; `share_lost`: of the table that loses most."""

    before: int
    after: int
    share_lost: Decimal
    asks_approval: bool  # it loses more than `directory.drop_share`
    name: str  # of the snapshot it would make
    is_known: bool  # taken over already: the same bytes for the same day
    tables: tuple[TableChange, ...]


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What was taken over; `is_new` is False where it had been before. `newest`: the snapshot in force from now on."""

    name: str
    rows: Mapping[str, int]
    is_new: bool
    newest: str
    remarks: tuple[directory_files.Remark, ...] = ()


def directory_change(home: Home, path: Path, day: date | None = None) -> DirectoryChange:
    """Read a directory to its end and compare it with the newest one; nothing is written."""
    with _in_our_words():
        found = directory_files.read_directory(path)
        snapshot = snapshot_of(reference.DIRECTORY, path, day or found.day or _written(home, path))
        rows = {
            "structures": Counter(one.is_active for one in found.structures),
            "services": Counter(one.is_active for one in found.services),
            "suppliers": Counter(one.is_active for one in found.suppliers or ()),
        }
    after = {what: counts.total() for what, counts in rows.items()}
    after |= {f"active {what}": counts[True] for what, counts in rows.items()}
    return _change(home, reference.DIRECTORY, snapshot, after)


def commitments_change(home: Home, path: Path, day: date | None = None) -> DirectoryChange:
    """The same for the State's order file."""
    with _in_our_words():
        after = {"commitments": sum(1 for _ in commitment_files.read_commitments(path))}
        snapshot = snapshot_of(reference.COMMITMENTS, path, day or _written(home, path))
    return _change(home, reference.COMMITMENTS, snapshot, after)


def refresh_directory(home: Home, path: Path, day: date | None = None, agreed: str = "") -> Refreshed:
    """Take a directory over. `agreed`: the name that `directory_change` gave; other bytes than those are a fault."""
    with _in_our_words():
        day = day or directory_files.read_directory(path).day or _written(home, path)
        snapshot = snapshot_of(reference.DIRECTORY, path, day)
        known = _known(home, reference.DIRECTORY, snapshot, agreed)
        if known is not None:
            return _refreshed(home, reference.DIRECTORY, snapshot, known, is_new=False)
        done = import_directory(home, path, day)
    came = done.imported
    rows = {"structures": came.structures, "services": came.services, "suppliers": came.suppliers}
    home.log("directory", snapshot=snapshot.name, **rows)
    return _refreshed(home, reference.DIRECTORY, snapshot, rows, remarks=done.remarks)


def refresh_commitments(home: Home, path: Path, day: date | None = None, agreed: str = "") -> Refreshed:
    """Take the State's order file over: every held invoice is due again. What is there already makes nothing due."""
    with _in_our_words():
        day = day or _written(home, path)
        snapshot = snapshot_of(reference.COMMITMENTS, path, day)
        known = _known(home, reference.COMMITMENTS, snapshot, agreed)
        if known is not None:
            return _refreshed(home, reference.COMMITMENTS, snapshot, known, is_new=False)
        came = import_commitments(home, path, day)
    rows = {"commitments": came.commitments}
    home.log("commitments", snapshot=snapshot.name, **rows)
    return _refreshed(home, reference.COMMITMENTS, snapshot, rows)


def _refreshed(
    home: Home, kind: str, snapshot: Snapshot, rows: Mapping[str, int], *, is_new: bool = True,
    remarks: tuple[directory_files.Remark, ...] = (),
) -> Refreshed:  # fmt: skip
    with home.ledger.reading() as db:
        newest = reference.last_snapshot(db, kind)
    return Refreshed(snapshot.name, rows, is_new, newest.name if newest is not None else "", remarks)


def _change(home: Home, kind: str, snapshot: Snapshot, after: Mapping[str, int]) -> DirectoryChange:
    with home.ledger.reading() as db:
        newest = reference.snapshot_of(db, kind, date.max)
        before = reference.counts(db, newest[0]) if newest is not None else {}
        is_known = reference.snapshot_named(db, kind, snapshot.name) is not None
    tables = tuple(TableChange(what, before.get(what, 0), count) for what, count in after.items())
    whole = [one for one in tables if not one.what.startswith("active ")]
    lost = max(one.share_lost for one in tables)
    return DirectoryChange(
        sum(one.before for one in whole), sum(one.after for one in whole), lost,
        not is_known and lost > home.settings.directory.drop_share, snapshot.name, is_known, tables,
    )  # fmt: skip


def _known(home: Home, kind: str, snapshot: Snapshot, agreed: str) -> dict[str, int] | None:
    """The rows of a snapshot that is there already."""
    if agreed and agreed.rpartition("-")[2] != snapshot.name.rpartition("-")[2]:  # the digest of what was compared
        raise Fault(_CHANGED.at(snapshot.name))
    with home.ledger.reading() as db:
        row = reference.snapshot_named(db, kind, snapshot.name)
        return {what: count for what, count in reference.counts(db, row).items() if count} if row is not None else None


def _written(home: Home, path: Path) -> date:
    """The day on which a file, or the last one of a folder, was written; never a day to come."""
    files = [p for p in path.iterdir() if p.is_file()] if path.is_dir() else [path]
    now = home.clock.now()
    last = max((file.stat().st_mtime for file in files), default=now.timestamp())
    return min(datetime.fromtimestamp(last, UTC), now).astimezone(PARIS).date()


@contextmanager
def _in_our_words() -> Iterator[None]:
    """A file that cannot be taken is a fault here: nobody typed its name, it came from the settings."""
    try:
        yield
    except ReferenceFileError as error:
        raise Fault(Said(error.in_words("fr"), error.in_words("en"))) from error


_CHANGED = Said(
    "ce fichier a changé depuis qu'il a été comparé ; rien n'est chargé, relancer chorus-edi directory refresh",
    "this file has changed since it was compared; nothing was imported, run `chorus-edi directory refresh` again",
)
