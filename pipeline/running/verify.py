"""`verify`: every invariant, one line each, over the whole ledger and store.

Rows pass by, never all of them in memory: the lines of a year of invoices take time, and no more room than those of a
day. What breaks a line is named up to a few, and counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline import reconcile
from pipeline.adapters import confinement, dependencies
from pipeline.adapters.ledger import Connection, deposits, now_ms, promises
from pipeline.adapters.ledger import invariants as ledger
from pipeline.ports import InWork
from pipeline.reconcile import Line
from pipeline.running.ages import ages_now
from pipeline.running.audit import inspect
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.retention import kept_since
from pipeline.running.status import antivirus

NIGHTS = 7  # in which the nightly check reads every stored object once


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the ledger, looked at before it: a file that is claimed meanwhile is missed by nobody."""

    partners: int
    strangers: tuple[str, ...]  # folders of the drop zone without a partner
    taken: Mapping[str, Sequence[InWork]]  # files in `work/`; of nobody while others are at work
    is_busy: bool
    outside: tuple[Line, ...]  # what we lean on and did not write


def verify(home: Home, night: date | None = None) -> tuple[Line, ...]:
    """Read one consistent view of the ledger, hash every stored object, compare.

    With a `night` every object is looked for, and those are read whose turn it is: years of bytes are read in a week.
    """
    seen = around(home)
    with home.ledger.reading() as db:
        return lines(home, db, seen, night)


def around(home: Home) -> Around:
    partners = home.partners()
    strangers = home.folders_without_partner(partners)
    is_busy = home.presence.others_at_work()
    folders = {code: home.folder(code) for code in partners}
    taken = {} if is_busy else {code: folder.in_work() for code, folder in folders.items() if folder.work.is_dir()}
    return Around(len(partners), strangers, taken, is_busy, (_readers(), _antivirus(home), _dependencies()))


def lines(home: Home, db: Connection, seen: Around, night: date | None = None) -> tuple[Line, ...]:
    """Every invariant over one view of the ledger, in the order of `LINES`."""
    found = (
        *of_rows(db),
        reconcile.archive(_objects(home, db, night), promises.answered_unkept(db), NIGHTS if night else 1),
        reconcile.retention(promises.purged_too_early(db, kept_since(home)), promises.count_purged(db)),
        reconcile.outbox(_to_send(home, db)),
        reconcile.doubts(promises.in_doubt(db), promises.count_files(db)),
        *_chains(home, db),
        reconcile.folders(seen.strangers, seen.partners),
        _claimed(db, seen.taken, is_busy=seen.is_busy),
        _ages(home, db),
        *seen.outside,
    )
    places = {name: place for place, name in enumerate(reconcile.LINES)}
    return tuple(sorted(found, key=lambda line: places.get(line.name, places["money"])))  # one for each currency


def of_rows(db: Connection) -> tuple[Line, ...]:
    """The lines that rows alone tell: they hold in every view of the ledger, whatever others are writing."""
    expired, open_lots = ledger.expired_leases(db, now_ms(db))
    states = ledger.states(db)
    return (
        reconcile.deposits(states, ledger.unanswered(db), ledger.answered_too_early(db), ledger.misstated(db)),
        reconcile.doubles(promises.unlinked_doubles(db), promises.nameless_flows(db), sum(states.values())),
        *reconcile.counted(ledger.read(db), ledger.booked(db)),
        reconcile.checks(promises.unchecked(db), promises.integrated_against(db), promises.count_integrated(db)),
        reconcile.reasons(
            promises.refused_without_reason(db), promises.rejected_without_reason(db), promises.count_refused(db)
        ),
        reconcile.reports(
            ledger.wrong_reports(db), ledger.reports_of_repeated(db), ledger.misnamed_reports(db),
            ledger.count_answered(db),
        ),
        reconcile.histories(ledger.steps(db)),
        reconcile.told_statuses(ledger.integrated_untold(db), ledger.others_told(db)),
        reconcile.numbers(
            ledger.holders_without_claim(db), ledger.claims_without_holder(db), ledger.count_claims(db)
        ),
        reconcile.holds(ledger.kept_for_nothing(db), ledger.given_away(db)),
        reconcile.isolation(
            promises.misplaced(db), promises.foreign_answers(db), promises.uncalled_pivots(db),
            promises.linked_across(db), promises.count_files(db),
        ),
        reconcile.leases(expired, open_lots),
    )  # fmt: skip


def _chains(home: Home, db: Connection) -> Iterator[Line]:
    found = inspect(home, db)
    records = sum(chain.records for chain in found.chains.values())
    objects = sum(chain.compared + chain.heads for chain in found.chains.values())
    yield reconcile.chain((one.said for one in found.rows), sum(chain.rows for chain in found.chains.values()))
    yield reconcile.unaudited((one.said for one in found.uncovered), records)
    yield reconcile.anchors((one.said for one in found.store), objects)


def _ages(home: Home, db: Connection) -> Line:
    found = ages_now(home, db)
    past = [one.said for one in found if one.is_broken]
    near = [one.said for one in found if one.step is not None and not one.is_broken]
    return reconcile.ages(past, near, len(found))


def _readers() -> Line:
    found = confinement.seen()
    return reconcile.readers(found.said, has_network=not found.has_no_network)


def _antivirus(home: Home) -> Line:
    found = antivirus(home)
    return reconcile.antivirus(found.said, found.trouble)


def _dependencies() -> Line:
    found = tuple(dependencies.every())
    return reconcile.dependencies(
        (one.said for one in found if not one.is_fit), (f"{one.name} {one.version}" for one in found)
    )


def _claimed(db: Connection, taken: Mapping[str, Sequence[InWork]], *, is_busy: bool) -> Line:
    without_row = []
    for code, files in taken.items():
        known = deposits.known_claims(db, code, [one.claim for one in files])
        without_row += [f"drop/{code}/work/{one.claim}" for one in files if one.claim not in known]
    return reconcile.claimed(without_row, sum(len(files) for files in taken.values()), is_busy=is_busy)


def _objects(home: Home, db: Connection, night: date | None) -> Iterator[tuple[str, str, str | None]]:
    """(owner, SHA-256, SHA-256 of what stands there) of every object that must be stored."""

    def digest(one: tuple[str, str]) -> str | None:
        owner, sha256 = one
        if night is None or _has_its_turn(sha256, night):
            return home.store.digest(owner, sha256)
        return sha256 if home.store.exists(owner, sha256) else None

    for (owner, sha256), found in each(home.store.lanes, digest, ledger.objects(db)):
        if isinstance(found, OSError):  # the store is away: nobody can say that anything is missing
            raise found
        yield owner, sha256, found


def _has_its_turn(sha256: str, night: date) -> bool:
    return int(sha256[:8], 16) % NIGHTS == night.toordinal() % NIGHTS


def _to_send(home: Home, db: Connection) -> Iterator[tuple[str, bool]]:
    """(file, whether its bytes are stored) of every row of the outbox."""

    def is_there(row: tuple[str, str, str]) -> bool:
        return home.store.exists(*row[1:])

    for (name, *_), found in each(home.store.lanes, is_there, ledger.to_send(db)):
        if isinstance(found, OSError):
            raise found
        yield name, found
