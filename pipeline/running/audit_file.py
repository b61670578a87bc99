"""A period of the audit chains written to a file, and such a file checked: no ledger, no store, no home is needed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from pipeline.adapters.ledger import audit
from pipeline.adapters.ledger.audit_records import groups
from pipeline.audit import anchors, export
from pipeline.audit.form import HEADS, RESULTS, parsed, room
from pipeline.audit.problem import UNCOVERED
from pipeline.model import PARIS
from pipeline.ports import Fault, Said
from pipeline.running.audit import Audit, Told, content, months
from pipeline.running.home import Home


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    chains: int
    rows: int
    objects: int
    lines: int


class _Writing:
    """Lines on their way out, counted."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self.lines = 0

    def add(self, text: str) -> None:
        self._write(text)
        self.lines += 1


def export_period(home: Home, first: date, last: date, write: Callable[[str], None], partner: str = "") -> Exported:
    """Every row of these days (in Paris, both included) with what it covers, and what the store attests of them.

    A record is written as it stands today: one that was changed since does not fit its row, and the check says so.
    """
    since, until = (datetime.combine(day, time(), PARIS) for day in (first, last + timedelta(days=1)))
    out = _Writing(write)
    rows = objects = 0
    with home.ledger.reading() as db:
        chains = audit.between(db, since, until, partner)
        out.add(export.head_line(since.isoformat(), until.isoformat(), home.clock.now().isoformat(), chains))
        for code, (begin, end) in chains.items():
            covering = groups(db, code, begin, end)
            group = next(covering, None)
            for row in audit.rows(db, code, begin, end):
                out.add(export.row_line(row))
                rows += 1
                while group is not None and group.sequence <= row.sequence:
                    out.add(export.records_line(group))
                    group = next(covering, None)
            for row in audit.rows(db, code, begin, end):
                objects += bool(row.result) and _add_object(home, out, room(code, RESULTS), row.result)
            for month in months(first, home.clock.now().astimezone(PARIS).date()):
                owner = room(code, f"{HEADS}{month:%Y-%m}")
                for sha256 in home.store.list(owner):
                    head = anchors.head_of(parsed(content(home, owner, sha256) or b""))
                    if head is not None and begin < head.rows <= end + 1:
                        objects += _add_object(home, out, owner, sha256)
    out.add(export.end_line(out.lines))
    return Exported(len(chains), rows, objects, out.lines)


def _add_object(home: Home, out: _Writing, owner: str, sha256: str) -> bool:
    found = content(home, owner, sha256)
    if found is not None:
        out.add(export.object_line(owner, sha256, found))
    return found is not None


def check_file(path: Path) -> Audit:
    """What a file tells of its chains, and what of it does not hold."""

    def lines() -> Iterable[str]:
        with path.open(encoding="utf-8") as file:
            yield from file

    try:
        found = export.check(lines)
    except (export.NoExport, UnicodeDecodeError) as error:
        raise Fault(_NO_EXPORT.at(str(path))) from error
    done = Audit(untold=found.examined.untold)
    for code, chain in sorted(found.examined.chains.items()):
        done.chains[code] = Told(
            code, chain.rows - chain.first, chain.records, chain.units, found.compared.get(code, 0),
            found.heads.get(code, 0), found.last_head.get(code, ""), len(chain.lost),
        )  # fmt: skip
    for problem in found.problems:
        (done.uncovered if problem.what == UNCOVERED else done.rows).append(problem)
        if problem.partner in done.chains:
            done.chains[problem.partner].is_sound = False
    return done


_NO_EXPORT = Said(
    "ce n'est pas un export du journal ; chorus-edi audit export en fait un",
    "this is no export of the audit chains; `chorus-edi audit export` makes one",
)
