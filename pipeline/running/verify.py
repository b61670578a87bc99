"""`verify`: every invariant, one line each, over the whole ledger and store."""

from pipeline import reconcile
from pipeline.adapters.ledger import Connection, deposits, now_ms
from pipeline.adapters.ledger import invariants as ledger
from pipeline.ports import InWork
from pipeline.reconcile import Line
from pipeline.running.ages import ages_now
from pipeline.running.home import Home
from pipeline.running.lanes import each


def verify(home: Home) -> tuple[Line, ...]:
    """Read one consistent view of the ledger, hash every stored object, compare."""
    partners = home.partners()
    strangers = home.folders_without_partner(partners)
    is_busy = home.presence.others_at_work()
    folders = {code: home.folder(code) for code in partners}
    taken = {} if is_busy else {code: folder.in_work() for code, folder in folders.items() if folder.work.is_dir()}
    with home.ledger.reading() as db:
        read, booked = list(ledger.read(db)), list(ledger.booked(db))
        expired, open_lots = ledger.expired_leases(db, now_ms(db))
        return (
            reconcile.deposits(ledger.states(db), ledger.unanswered(db), ledger.answered_too_early(db)),
            reconcile.invoices(read, booked),
            *reconcile.money(read, booked),
            reconcile.reports(ledger.reports(db), ledger.reports_of_repeated(db)),
            _archive(home, db),
            reconcile.histories(ledger.steps(db)),
            reconcile.told_statuses(ledger.integrated_untold(db), ledger.others_told(db)),
            reconcile.numbers(
                ledger.holders_without_claim(db), ledger.claims_without_holder(db), ledger.count_claims(db)
            ),
            reconcile.holds(ledger.kept_for_nothing(db), ledger.given_away(db)),
            _outbox(home, db),
            reconcile.chain(ledger.links(db)),
            reconcile.unaudited(ledger.unaudited(db)),
            reconcile.folders(strangers, len(partners)),
            _claimed(db, taken, is_busy=is_busy),
            reconcile.leases(expired, open_lots),
            _ages(home, db),
        )


def _ages(home: Home, db: Connection) -> Line:
    found = ages_now(home, db)
    past = [one.said for one in found if one.is_broken]
    near = [one.said for one in found if one.step is not None and not one.is_broken]
    return reconcile.ages(past, near, len(found))


def _claimed(db: Connection, taken: dict[str, list[InWork]], *, is_busy: bool) -> Line:
    without_row = []
    for code, files in taken.items():
        known = deposits.known_claims(db, code, [one.claim for one in files])
        without_row += [f"drop/{code}/work/{one.claim}" for one in files if one.claim not in known]
    return reconcile.claimed(without_row, sum(len(files) for files in taken.values()), is_busy=is_busy)


def _archive(home: Home, db: Connection) -> Line:
    missing, altered = [], []
    count = 0

    def digest(one: tuple[str, str]) -> str | None:
        return home.store.digest(*one)

    for (owner, sha256), found in each(home.store.lanes, digest, ledger.objects(db)):
        count += 1
        if isinstance(found, OSError):  # the store is away: nobody can say that anything is missing
            raise found
        if found is None:
            missing.append(f"{owner}/{sha256}")
        elif found != sha256:
            altered.append(f"{owner}/{sha256}")
    return reconcile.archive(missing, altered, count)


def _outbox(home: Home, db: Connection) -> Line:
    missing, count = [], 0

    def is_there(row: tuple[str, str, str]) -> bool:
        return home.store.exists(*row[1:])

    for (name, *_), found in each(home.store.lanes, is_there, ledger.to_send(db)):
        count += 1
        if isinstance(found, OSError):
            raise found
        if not found:
            missing.append(name)
    return reconcile.outbox(missing, count)
