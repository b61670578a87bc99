"""The audit chains of a home: examined beside the store, and their heads kept there once a day."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pipeline.adapters.ledger import Connection, audit
from pipeline.adapters.ledger.audit_records import groups
from pipeline.adapters.system_errors import Failed
from pipeline.audit import anchors
from pipeline.audit.examine import Chain, Examined, examine
from pipeline.audit.explain import attested, explain
from pipeline.audit.form import HEADS, NO_HEAD, RESTORED, RESULTS, Row, head_object, parsed, room
from pipeline.audit.problem import INSERTED, REMOVED, UNCOVERED, Problem
from pipeline.model import PARIS
from pipeline.ports import NewObject, Said
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.log import tell_fault
from pipeline.running.stored import only_in
from pipeline.running.summary import RunSummary

SAMPLE = 20  # objects of units that are read of each chain: the last ones, and as many along the whole of it
FIRST_MONTH = date(2026, 1, 1)  # no head is older: then they began


@dataclass(slots=True)
class Told:
    """What is told of one chain."""

    partner: str
    rows: int
    records: int  # that its rows cover
    units: int
    compared: int = 0  # objects of its units that were read
    heads: int = 0  # heads of days that were read
    last_head: str = ""  # the day of the newest of them
    forgotten: int = 0  # objects that attest what a restore took away, as a row of the chain says
    is_sound: bool = True
    is_locked: bool | None = None  # what attests it is under a lock; None: a file does not tell


@dataclass(slots=True)
class Audit:
    """All chains and all that does not hold: in the rows themselves, outside them, and against the store."""

    chains: dict[str, Told] = field(default_factory=dict)
    rows: list[Problem] = field(default_factory=list)
    uncovered: list[Problem] = field(default_factory=list)
    store: list[Problem] = field(default_factory=list)
    untold: Mapping[str, int] = field(default_factory=dict)
    astray: dict[str, list[str]] = field(default_factory=dict)  # partner -> objects that attest what is not there

    @property
    def problems(self) -> list[Problem]:
        return sorted(
            (*self.rows, *self.uncovered, *self.store), key=lambda one: (one.partner, one.sequence, one.said.en)
        )

    @property
    def is_sound(self) -> bool:
        return not (self.rows or self.uncovered or self.store)


def inspect(home: Home, db: Connection, partner: str = "", *, full: bool = False) -> Audit:
    """Every chain (or one) from its first row to its last, and beside the store: some of its objects, or all."""
    read = _Reading(home, db)
    examined = examine(audit.rows(db, partner), groups(db, partner), read.name_of)
    done = Audit(untold=examined.untold)
    heads = audit.heads(db)
    for code in {*heads, *home.store.partners()}:  # of a chain that was removed whole, the store still knows
        if code == partner or not partner:
            examined.chains.setdefault(code, Chain(code))
    for code, chain in sorted(examined.chains.items()):
        done.chains[code] = Told(
            code, chain.rows, chain.records, chain.units, forgotten=len(chain.lost), is_locked=home.store.is_locked
        )
        _add(done.store, anchors.end(chain, heads.get(code, NO_HEAD)))
    _doubts(read, examined, done)
    _purged(db, examined, done, partner)
    for chain in examined.chains.values():
        _results(read, chain, done, full=full)
        _heads(read, chain, done, full=full)
    for problem in done.problems:
        if problem.partner in done.chains:
            done.chains[problem.partner].is_sound = False
    done.chains = {code: told for code, told in done.chains.items() if told.rows or not told.is_sound}
    return done


@dataclass(slots=True)
class _Reading:
    """What is asked of the store and the ledger meanwhile."""

    home: Home
    db: Connection
    name_of: Callable[[int], str] = field(init=False)

    def __post_init__(self) -> None:
        self.name_of = audit.names(self.db)

    def contents(self, asked: Iterable[tuple[str, str]]) -> Iterator[tuple[str, bytes | None]]:
        """(SHA-256, bytes) of each (owner, SHA-256): None where nothing is, nothing where they are not its own."""
        for (_, sha256), found in each(self.home.store.lanes, lambda key: content(self.home, *key), asked):
            if isinstance(found, OSError):  # the store is away: nobody can say that anything is missing
                raise found
            yield sha256, found

    def stands_now(self, partner: str, found: bytes | None) -> bool:
        """An object says what the ledger says by now: it came after the view that we read."""
        told = parsed(found or b"")
        head = anchors.head_of(told.get("chain", told))
        if head is None or told.get("partner") != partner:
            return False
        flows = anchors.flows_of(told)
        with self.home.ledger.reading() as db:
            is_there = not head.rows or audit.hash_of(db, partner, head.rows - 1) == head.hash
            return is_there and audit.digests(db, partner, flows) == flows


def content(home: Home, owner: str, sha256: str) -> bytes | None:
    """The bytes of an object of the audit: None where nothing is, none where the store says they are not its own."""
    try:
        with home.store.open(owner, sha256) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except Failed:
        return b""


def _add(problems: list[Problem], problem: Problem | None) -> bool:
    if problem is not None:
        problems.append(problem)
    return problem is not None


def _doubts(read: _Reading, examined: Examined, done: Audit) -> None:
    """What of the records of a row changed: the object that a unit left tells what they were."""
    asked = [(room(one.row.partner, RESULTS), one.row.result) for one in examined.doubts if one.row.result]
    told = {sha256: parsed(found or b"") for sha256, found in read.contents(asked)}
    for problem in examined.problems:
        (done.uncovered if problem.what == UNCOVERED else done.rows).append(problem)
    for doubt in examined.doubts:
        done.rows += explain(doubt, attested(doubt.row, told.get(doubt.row.result, {})), read.name_of)


def _purged(db: Connection, examined: Examined, done: Audit, partner: str = "") -> None:
    """What the ledger says was purged is what the chains say."""
    said = {key for chain in examined.chains.values() for key in chain.purged}
    found = {key for key in audit.purged(db) if key[0] == partner or not partner}
    for owner, sha256 in sorted(said ^ found):
        chain = examined.chains.get(owner)
        last = chain.rows - 1 if chain is not None else 0
        name = f"{owner}/{sha256[:12]}"
        if (owner, sha256) in found:
            said_of = Said(
                f"{name} : dit effacé, et aucune ligne du journal ne le dit",
                f"{name}: said to be purged, and no row of the chain says so",
            )
            done.rows.append(Problem(owner, last, INSERTED, said_of))
        else:
            said_of = Said(f"{name} : son effacement n'est plus inscrit", f"{name}: its purge is written no more")
            done.rows.append(Problem(owner, last, REMOVED, said_of))


# --- against the store ------------------------------------------------------------------------------------------------


def _results(read: _Reading, chain: Chain, done: Audit, *, full: bool) -> None:
    """The objects that units left: some of them, or all; and those that no row names."""
    step = 1 if full else max(chain.rows // SAMPLE, 1)
    owner = room(chain.partner, RESULTS)
    some = audit.units(read.db, chain.partner, step, since=0 if full else chain.rows - SAMPLE)
    for rows in _parts(some):
        asked = [(owner, row.result) for row in rows if row.result]
        found = dict(read.contents(asked))
        for row in rows:
            problem, _ = anchors.result(chain, row, found.get(row.result))
            done.chains[chain.partner].compared += 1
            if row.result not in chain.lost:
                _add(done.store, problem)
    _left_over(read, chain, done)


def _left_over(read: _Reading, chain: Chain, done: Audit) -> None:
    """The names alone are compared, and what no row names is read: a ledger that is an older copy has forgotten it."""
    owner = room(chain.partner, RESULTS)
    nameless = only_in(read.home.store.list(owner), audit.results(read.db, chain.partner))
    for sha256, found in read.contents((owner, sha256) for sha256 in nameless if sha256 not in chain.lost):
        of = audit.digests(read.db, chain.partner, anchors.flows_of(parsed(found or b"")))
        problem = anchors.left_over(chain, sha256, found, of)
        if problem is not None and not read.stands_now(chain.partner, found):
            done.store.append(problem)
            done.astray.setdefault(chain.partner, []).append(sha256)


def _heads(read: _Reading, chain: Chain, done: Audit, *, full: bool) -> None:
    """The heads that were kept: of this month and the one before, or of all."""
    told = done.chains[chain.partner]
    now = read.home.clock.now().astimezone(PARIS).date()
    for month in months(date.min if full else _month_before(now), now):
        owner = room(chain.partner, f"{HEADS}{month:%Y-%m}")
        for sha256, found in read.contents((owner, sha256) for sha256 in read.home.store.list(owner)):
            told.heads += 1
            problem, day = anchors.daily(chain, sha256, found)
            told.last_head = max(told.last_head, day)
            if problem is not None and sha256 not in chain.lost and not read.stands_now(chain.partner, found):
                done.store.append(problem)
                done.astray.setdefault(chain.partner, []).append(sha256)


def _parts(rows: Iterable[Row], size: int = 200) -> Iterator[list[Row]]:
    part: list[Row] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _month_before(day: date) -> date:
    return day.replace(year=day.year - (day.month == 1), month=(day.month - 2) % 12 + 1, day=1)


def months(first: date, last: date) -> Iterator[date]:
    """The first day of every month from one day to another in which a head may have been kept."""
    month = max(first, min(FIRST_MONTH, last)).replace(day=1)
    while month <= last:
        yield month
        month = month.replace(year=month.year + (month.month == 12), month=month.month % 12 + 1)


# --- heads of days ----------------------------------------------------------------------------------------------------


def keep_heads(home: Home, summary: RunSummary) -> None:
    """Once a day (in Paris) the head of each chain that moved goes into the store, where nobody writes it over.

    A store that is away is a fault of ours: the head goes with the next run.
    """
    now = home.clock.now()
    day = now.astimezone(PARIS).date().isoformat()
    with home.ledger.reading() as db:
        due = audit.heads_due(db, day)
    if not due:
        return
    new: list[tuple[str, NewObject]] = []
    try:
        for one in due:
            owner = room(one.partner, f"{HEADS}{day[:7]}")
            begun = home.store.begin(owner)
            new.append((owner, begun))
            begun.write(head_object(one.partner, day, now.isoformat(), one.head))
            begun.close()
        home.store.keep(new)
    except OSError as error:
        tell_fault(home.log, summary, _not_kept(), "store", error)
        return
    finally:
        for _, begun in new:
            begun.drop()
    home.ledger.write(lambda db: audit.heads_kept(db, due, day))
    home.log("audit_heads", chains=len(due), day=day)


def _not_kept() -> Said:
    return Said(
        "les têtes du journal ne se gardent pas au magasin ; le prochain run les y met",
        "the heads of the audit chains cannot be kept in the store; the next run puts them there",
    )


# --- after a restore --------------------------------------------------------------------------------------------------


def acknowledge(home: Home, operator: str, reason: str) -> dict[str, int]:
    """Say that the store attests more than this ledger knows, because the ledger was restored from an older copy.

    One row for each chain names the objects; from then on they are counted, not red. Returns how many, by partner.
    """
    with home.ledger.reading() as db:
        astray = inspect(home, db, full=True).astray
    at = home.clock.now()

    def write(db: Connection) -> None:
        for partner, objects in sorted(astray.items()):
            detail = {"operator": operator, "reason": reason, "objects": sorted(objects)}
            audit.append(db, partner, RESTORED, at, detail=detail)

    if astray:
        home.ledger.write(write)
    return {partner: len(objects) for partner, objects in sorted(astray.items())}
