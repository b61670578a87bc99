"""Every chain recomputed from the rows that stand in a ledger, or in a file of an export.

A digest tells that something changed; who reads the answer wants to know what: rows that were changed, removed,
inserted, moved or rewritten are told apart, by the hashes that they would have elsewhere.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from pipeline.audit.form import GENESIS, NO_HEAD, PURGE, RESTORED, RETURNED, UNIT, Cover, Group, Head, Mark, Row
from pipeline.audit.problem import (
    CHANGED,
    INSERTED,
    MOVED,
    REMOVED,
    REWRITTEN,
    UNCOVERED,
    NameOf,
    Problem,
    place_of,
    records,
)
from pipeline.plural import counted
from pipeline.ports import Said

NEAR = 200  # a row that was moved is looked for so many places around
MOST = 1_000  # problems of one chain that are told; the rest is counted
_BYTES = 32  # of a hash
_NONE = bytes(_BYTES)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(slots=True)
class Doubt:
    """A row whose records are not what it covered; `found`: the groups that stand there now."""

    row: Row
    records: int
    found: list[Mark]


@dataclass(slots=True)
class Chain:
    """One chain as it was read: its hashes, and what it says of the objects of its partner."""

    partner: str
    first: int = 0  # of its rows; 0 unless it is a part of a chain
    rows: int = 0  # up to its end, those before `first` counted
    records: int = 0  # that stand in them
    units: int = 0
    purged: set[tuple[str, str]] = field(default_factory=set)  # (owner, SHA-256) that its rows say are gone
    lost: set[str] = field(default_factory=set)  # objects that attest what a restored ledger has forgotten
    _hashes: bytearray = field(default_factory=bytearray)
    _runs: list[tuple[int, int]] = field(default_factory=list)  # first row of each run without a gap, its place above

    def hash_of(self, sequence: int) -> str:
        """The hash that a row has; zeros where the row is missing or has none."""
        run = bisect_right(self._runs, sequence, key=itemgetter(0)) - 1
        if run < 0:
            return _NONE.hex()
        first, place = self._runs[run]
        end = self._runs[run + 1][1] if run + 1 < len(self._runs) else len(self._hashes)
        place += (sequence - first) * _BYTES
        return bytes(self._hashes[place : place + _BYTES] if place < end else _NONE).hex()

    @property
    def head(self) -> Head:
        return Head(self.rows, self.hash_of(self.rows - 1)) if self._hashes else NO_HEAD

    def add(self, row: Row) -> None:
        """The next row, whatever stands between it and the one before."""
        if row.sequence != self.rows or not self._runs:
            self._runs.append((row.sequence, len(self._hashes)))
        self._hashes += bytes.fromhex(row.hash) if _HASH.fullmatch(row.hash) else _NONE
        self.rows = row.sequence + 1
        self.units += row.kind == UNIT
        if row.kind == RESTORED:
            self.lost.update(str(name) for name in row.told.get("objects", ()))
        elif row.kind in {GENESIS, PURGE, RETURNED}:
            objects = {(row.partner, str(sha256)) for sha256 in row.told.get("objects", ())}
            self.purged = self.purged - objects if row.kind == RETURNED else self.purged | objects


@dataclass(slots=True)
class Examined:
    """All chains, what is wrong with their rows, and the rows whose records changed."""

    chains: dict[str, Chain] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    untold: Counter[str] = field(default_factory=Counter)  # partner -> problems and doubts beyond `MOST`
    _told: Counter[str] = field(default_factory=Counter)

    def add(self, problem: Problem) -> None:
        if self._is_told(problem.partner):
            self.problems.append(problem)

    def doubt(self, doubt: Doubt) -> None:
        if self._is_told(doubt.row.partner):
            self.doubts.append(doubt)

    def _is_told(self, partner: str) -> bool:
        self._told[partner] += 1
        if self._told[partner] > MOST:
            self.untold[partner] += 1
        return self._told[partner] <= MOST


def examine(rows: Iterable[Row], groups: Iterable[Group], name_of: NameOf, *, is_part: bool = False) -> Examined:
    """Recompute every chain. Rows come by partner, in the order of code points, then by sequence; so do groups, then by
    deposit and as in `COVERED`. `is_part`: the chains may begin anywhere (a file of an export)."""
    found = Examined()
    covering = groupby(groups, key=lambda group: (group.partner, group.sequence))
    here = next(covering, None)
    for partner, several in groupby(rows, key=lambda row: row.partner):
        walk = _Walk(found, partner, is_part=is_part)
        for row in several:
            at = partner, row.sequence
            while here is not None and here[0] < at:
                _uncovered(found, name_of, *here)
                here = next(covering, None)
            walk.add(row)
            is_covering = here is not None and here[0] == at
            mine = here[1] if here is not None and is_covering else iter(())
            if row.kind == GENESIS and not row.records:  # nothing was there: what names it was put there since
                _uncovered(found, name_of, at, mine)
                mine = iter(())
            walk.chain.records += _compare(found, row, mine)
            if is_covering:
                here = next(covering, None)
        walk.end()
        found.chains[partner] = walk.chain
    while here is not None:
        _uncovered(found, name_of, *here)
        here = next(covering, None)
    return found


def _compare(found: Examined, row: Row, groups: Iterable[Group]) -> int:
    """What a row covers today against what it says that it covered; how many records that is."""
    cover = Cover()
    marks: list[Mark] = []
    tables: Counter[str] = Counter()
    for group in groups:
        mark = cover.add(group.table, group.deposit, group.records)
        if row.kind == GENESIS:  # it may cover millions, and its detail counts them by table
            tables[mark.table] += mark.records
        else:
            marks.append(mark)
    if (cover.digest, cover.records) != (row.digest, row.records):
        found.doubt(Doubt(row, cover.records, marks or [Mark(table, 0, n, "") for table, n in tables.items()]))
    return cover.records


def _uncovered(found: Examined, name_of: NameOf, key: tuple[str, int], groups: Iterator[Group]) -> None:
    """Records that name a row which is not there, or of a partner that has no chain."""
    partner, sequence = key
    for group in groups:
        count = records(len(group.records))
        place = place_of(group.table, group.deposit, name_of)
        said = Said(
            f"{partner} : {place.fr} : {count.fr} qu'aucune ligne ne couvre (ligne {sequence} nommée)",
            f"{partner}: {place.en}: {count.en} that no row covers (row {sequence} is named)",
        )
        found.add(Problem(partner, sequence, UNCOVERED, said))


# --- the rows themselves ----------------------------------------------------------------------------------------------


class _Walk:
    """Along one chain: each row has its own hash and holds that of the row before, and none is missing.

    What looks wrong is told at the end, when it is known which rows only stand in another place.
    """

    def __init__(self, found: Examined, partner: str, *, is_part: bool) -> None:
        self.found, self.chain, self.is_part = found, Chain(partner), is_part
        self.wrong: list[Row] = []  # whose hash is not theirs
        self.unlinked: list[tuple[int, Problem]] = []  # (row before, what is told of the row after)
        self.last: Row | None = None

    def add(self, row: Row) -> None:
        before, chain = self.last, self.chain
        if before is None and self.is_part:
            chain.first = chain.rows = row.sequence
        if row.sequence < 0:
            self.found.add(Problem.of(row, INSERTED, "porte un numéro qu'aucune ligne ne porte",
                                      "has a number that no row has"))  # fmt: skip
            return
        if row.sequence != chain.rows:
            self.found.add(_missing(row.partner, chain.rows, row.sequence - 1))
        elif before is None:
            if not self.is_part and (row.kind != GENESIS or row.previous):
                self.found.add(Problem.of(row, REWRITTEN, "n'est pas un début de journal", "begins no chain"))
        elif row.previous != before.hash and len(self.unlinked) < MOST:
            self.unlinked.append((before.sequence, Problem.of(
                row, REWRITTEN, "ne suit pas la ligne {} telle qu'elle est : l'une des deux a été récrite ou remplacée",
                "does not follow row {} as it stands: one of the two was rewritten or replaced", before.sequence,
            )))  # fmt: skip
        if row.hash != row.expected and len(self.wrong) < MOST:
            self.wrong.append(row)
        chain.add(row)
        self.last = row

    def end(self) -> None:
        told = self._told_moved()
        for before, problem in self.unlinked:
            if not told & {before, problem.sequence}:
                self.found.add(problem)
        for row in self.wrong:
            if row.sequence not in told:
                self.found.add(Problem.of(row, CHANGED, "a été modifiée", "was changed"))

    def _told_moved(self) -> set[int]:
        """Rows that stand in another place than the one they were written for; what moved them is told once for a run.

        A run up to the end of the chain was pushed by rows inserted before it, or closes the place of rows removed; any
        other row was put there.
        """
        moved = [(row, place) for row in self.wrong if (place := _place_before(row)) is not None]
        told = {row.sequence for row, _ in moved}
        for shift, several in groupby(moved, key=lambda one: one[0].sequence - one[1]):
            run = [row for row, _ in several]
            first, was = run[0], run[0].sequence - shift
            is_open = run[-1] is self.last or (len(self.wrong) == MOST and run[-1] is self.wrong[-1])
            if not is_open or {*range(was, first.sequence)} & {row.sequence for row, _ in moved}:
                for row in run:
                    self.found.add(Problem.of(row, MOVED, "a été déplacée : elle portait le numéro {}",
                                              "was moved: its number was {}", row.sequence - shift))  # fmt: skip
            elif shift > 0:
                told.update(range(was, first.sequence))
                self.found.add(Problem.of(
                    first, INSERTED, "portait le numéro {} : {} juste avant", "had the number {}: {} just before",
                    was, _put_in(shift),
                ))  # fmt: skip
            else:
                self.found.add(Problem.of(
                    first, REMOVED, "portait le numéro {} : {} juste avant, et les suivantes renumérotées",
                    "had the number {}: {} just before, and the next ones numbered anew", was, _taken_out(-shift),
                ))  # fmt: skip
        return told


def _put_in(rows: int) -> Said:
    english = "row was inserted", "rows were inserted"
    return Said(counted(rows, ("ligne insérée", "lignes insérées")), counted(rows, english, "en"))


def _taken_out(rows: int) -> Said:
    english = "row was removed", "rows were removed"
    return Said(counted(rows, ("ligne retirée", "lignes retirées")), counted(rows, english, "en"))


def _place_before(row: Row) -> int | None:
    """The number for which this row was written, where it is not far."""
    for distance in range(1, NEAR + 1):
        for place in (row.sequence - distance, row.sequence + distance):
            if place >= 0 and row.hash == row.hash_as(place):
                return place
    return None


def _missing(partner: str, first: int, last: int) -> Problem:
    if first == last:
        said = Said(f"{partner} ligne {first} : retirée", f"{partner} row {first}: removed")
    else:
        said = Said(f"{partner} lignes {first} à {last} : retirées", f"{partner} rows {first} to {last}: removed")
    return Problem(partner, first, REMOVED, said)
