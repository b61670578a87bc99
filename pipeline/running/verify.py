"""`verify`: every invariant, one line each, over the whole ledger and store.

Rows pass by, never all of them in memory: the lines of a year of invoices take time, and no more room than those of a
day. What breaks a line is named up to a few, and counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zlib import crc32

from pipeline import reconcile
from pipeline.adapters import confinement, dependencies
from pipeline.adapters.ledger import Connection, deposits, now_ms, promises
from pipeline.adapters.ledger import invariants as ledger
from pipeline.adapters.ledger.audit import heads
from pipeline.ports import InWork
from pipeline.reconcile import Line
from pipeline.running.ages import ages_now
from pipeline.running.audit import inspect
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.retention import kept_since
from pipeline.running.status import antivirus


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the ledger, looked at before it: a file that is claimed meanwhile is missed by nobody."""

    partners: int
    strangers: tuple[str, ...]  # folders of the drop zone without a partner
    taken: Mapping[str, Sequence[InWork]]  # files in `work/`; of nobody while others are at work
    is_busy: bool
    outside: tuple[Line, ...]  # what we lean on and did not write


def verify(home: Home) -> tuple[Line, ...]:
    """Read one consistent view of the ledger, hash every stored object, compare."""
    seen = around(home)
    with home.ledger.reading() as db:
        return lines(home, db, seen)


def around(home: Home) -> Around:
    partners = home.partners()
    strangers = home.folders_without_partner(partners)
    is_busy = home.presence.others_at_work()
    folders = {code: home.folder(code) for code in partners}
    taken = {} if is_busy else {code: folder.in_work() for code, folder in folders.items() if folder.work.is_dir()}
    return Around(len(partners), strangers, taken, is_busy, (_readers(), _antivirus(home), _dependencies()))


def lines(
    home: Home, db: Connection, seen: Around, of_store: tuple[Line, Line] | None = None, turn: int | None = None
) -> tuple[Line, ...]:
    """Every invariant over one view of the ledger, in the order of `LINES`.

    `of_store`: the lines of archive and outbox, where somebody has looked at the store already. `turn`: of the lines
    that pass every row ever written only those of this night, and the chains of those whose turn it is.
    """
    found = (
        *_of_deposits(db),
        *(line for part in IN_TURNS[turn : turn + 1 if turn is not None else None] for line in part(db)),
        *(of_store or (_archive(home, db), reconcile.outbox(_to_send(home, db)))),
        reconcile.retention(promises.purged_too_early(db, kept_since(home)), promises.count_purged(db)),
        reconcile.doubts(promises.in_doubt(db), promises.count_files(db)),
        _told(home, db),
        *_chains(home, db, turn),
        reconcile.folders(seen.strangers, seen.partners),
        _claimed(db, seen.taken, is_busy=seen.is_busy),
        _ages(home, db),
        *seen.outside,
    )
    places = {name: place for place, name in enumerate(reconcile.LINES)}
    return tuple(sorted(found, key=lambda line: places.get(line.name, places["money"])))  # one for each currency


def of_rows(db: Connection) -> tuple[Line, ...]:
    """The lines that rows alone tell: they hold in every view of the ledger, whatever others are writing."""
    return (*_of_deposits(db), *(line for part in IN_TURNS for line in part(db)))


def _of_deposits(db: Connection) -> Iterator[Line]:
    expired, open_lots = ledger.expired_leases(db, now_ms(db))
    states = ledger.states(db)
    yield reconcile.deposits(states, ledger.unanswered(db), ledger.answered_too_early(db), ledger.misstated(db))
    yield reconcile.doubles(promises.unlinked_doubles(db), promises.nameless_flows(db), sum(states.values()))
    yield reconcile.leases(expired, open_lots)


def _sums(db: Connection) -> Iterator[Line]:
    yield from reconcile.counted(ledger.read(db), ledger.booked(db))


def _checks(db: Connection) -> Iterator[Line]:
    yield reconcile.checks(promises.unchecked(db), promises.integrated_against(db), promises.count_integrated(db))
    yield reconcile.reasons(
        promises.refused_without_reason(db), promises.rejected_without_reason(db), promises.count_refused(db)
    )


def _reports(db: Connection) -> Iterator[Line]:
    yield reconcile.reports(
        ledger.wrong_reports(db), ledger.reports_of_repeated(db), ledger.misnamed_reports(db),
        ledger.count_answered(db),
    )  # fmt: skip


def _histories(db: Connection) -> Iterator[Line]:
    yield reconcile.histories(ledger.steps(db))


def _statuses(db: Connection) -> Iterator[Line]:
    yield reconcile.told_statuses(ledger.integrated_untold(db), ledger.others_told(db))
    yield reconcile.standings(
        ledger.standing_elsewhere(db), ledger.unasked(db), ledger.unbalanced_intakes(db), ledger.count_changed(db)
    )


def _numbers(db: Connection) -> Iterator[Line]:
    yield reconcile.numbers(
        ledger.holders_without_claim(db), ledger.claims_without_holder(db), ledger.count_claims(db)
    )  # fmt: skip


def _holdings(db: Connection) -> Iterator[Line]:
    yield reconcile.holds(ledger.kept_for_nothing(db), ledger.given_away(db))
    yield reconcile.isolation(
        promises.misplaced(db), promises.foreign_answers(db), promises.uncalled_pivots(db),
        promises.linked_across(db), promises.count_files(db),
    )  # fmt: skip


# what passes every row ever written, for the nights of a large ledger
IN_TURNS = (_sums, _checks, _reports, _histories, _statuses, _numbers, _holdings)


def _told(home: Home, db: Connection) -> Line:
    late = home.clock.now() - timedelta(minutes=home.settings.returns.late_minutes)
    return reconcile.told(
        promises.untold_since(db, late), promises.told_without_file(db), promises.told_to_others(db),
        promises.empty_tellings(db), promises.misnamed_tellings(db), promises.count_told(db),
    )  # fmt: skip


def _chains(home: Home, db: Connection, turn: int | None) -> Iterator[Line]:
    """The chains, or those of the partners whose turn it is."""
    if turn is None:
        several = [inspect(home, db)]
    else:
        codes = sorted({*heads(db), *home.store.partners()})
        several = [inspect(home, db, code) for code in codes if crc32(code.encode()) % len(IN_TURNS) == turn]
    chains = [chain for found in several for chain in found.chains.values()]
    rows, uncovered, store = (
        [one.said for found in several for one in getattr(found, name)] for name in ("rows", "uncovered", "store")
    )
    yield reconcile.chain(rows, sum(chain.rows for chain in chains))
    yield reconcile.unaudited(uncovered, sum(chain.records for chain in chains))
    yield reconcile.anchors(store, sum(chain.compared + chain.heads for chain in chains))


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


def _archive(home: Home, db: Connection) -> Line:
    return reconcile.archive(_objects(home, db), promises.answered_unkept(db))


def _objects(home: Home, db: Connection) -> Iterator[tuple[str, str, str | None]]:
    """(owner, SHA-256, SHA-256 of what stands there) of every object that must be stored."""

    def digest(one: tuple[str, str]) -> str | None:
        return home.store.digest(*one)

    for (owner, sha256), found in each(home.store.lanes, digest, ledger.objects(db)):
        if isinstance(found, OSError):  # the store is away: nobody can say that anything is missing
            raise found
        yield owner, sha256, found


def _to_send(home: Home, db: Connection) -> Iterator[tuple[str, bool]]:
    """(file, whether its bytes are stored) of every row of the outbox."""

    def is_there(row: tuple[str, str, str]) -> bool:
        return home.store.exists(*row[1:])

    for (name, *_), found in each(home.store.lanes, is_there, ledger.to_send(db)):
        if isinstance(found, OSError):
            raise found
        yield name, found
