"""`verify`: every invariant, one line each, over the whole ledger and store."""

from pipeline import reconcile
from pipeline.adapters.clock import machine_ms
from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger import invariants as ledger
from pipeline.reconcile import Line
from pipeline.running.home import Home


def verify(home: Home) -> tuple[Line, ...]:
    """Read one consistent view of the ledger, hash every stored object, compare."""
    partners = home.partners()
    strangers = home.folders_without_partner(partners)
    with home.ledger.reading() as db:
        read, booked = list(ledger.read(db)), list(ledger.booked(db))
        expired, open_lots = ledger.expired_leases(db, machine_ms())
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
            reconcile.leases(expired, open_lots),
        )


def _archive(home: Home, db: Connection) -> Line:
    missing, altered = [], []
    count = 0
    for owner, sha256 in ledger.objects(db):
        count += 1
        found = home.store.digest(owner, sha256)
        if found is None:
            missing.append(f"{owner}/{sha256}")
        elif found != sha256:
            altered.append(f"{owner}/{sha256}")
    return reconcile.archive(missing, altered, count)


def _outbox(home: Home, db: Connection) -> Line:
    rows = list(ledger.to_send(db))
    return reconcile.outbox([name for name, owner, sha256 in rows if not home.store.exists(owner, sha256)], len(rows))
