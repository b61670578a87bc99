"""Telling issuers what became of their invoices after integration: one lifecycle return per partner and window.

A window opens with the first change of an issuer that is untold, and closes some seconds later (`[returns]
window_s`); the next sweep then tells all that stands untold, in files of some entries at most. One worker at a time
does it; whoever takes over from one that died finds the names fixed, and makes the same bytes.
"""

from collections.abc import Sequence
from datetime import timedelta

from pipeline import lifecycle
from pipeline.adapters.ledger import Connection, LostLease, claims, now_ms, telling
from pipeline.adapters.ledger.rows import Lot
from pipeline.adapters.ledger.telling import Telling, ToldChange
from pipeline.ports import Said
from pipeline.returns import lifecycle_return, names
from pipeline.returns.lifecycle_return import InvoiceNamed, StatusEntry
from pipeline.running import deliver
from pipeline.running.answer import LIFECYCLE, Writer
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.log import lot_facts, tell_fault
from pipeline.running.summary import RunSummary

TOGETHER = 20  # files that are stored, and put in line, at a time


def tell(home: Home, summary: RunSummary, *, is_last: bool = False, send: bool = True) -> None:
    """Tell what is due; with `is_last` whatever is untold, for nobody says when somebody comes by the next time.

    A store that is away is a fault of ours: the same files go with the next run.
    """
    if not _is_due(home, is_last=is_last):
        return
    token, limits = home.presence.token, home.settings.work
    lot = home.ledger.write(lambda db: claims.claim_alone(db, claims.TELL, token, now_ms(db), limits))
    if lot is None:
        return
    try:
        with Lease(home, lot) as lease:
            _fix(home, lease, is_last=is_last)
            with home.ledger.reading() as db:
                left = telling.unfinished(db)
            for first in range(0, len(left), TOGETHER):
                _put_in_line(home, lease, left[first : first + TOGETHER], summary)
            if send:
                deliver.send(home, lease, summary)
    except LostLease as lost:  # who took it over finishes it
        summary.notice(lost.said)
    except OSError as error:
        tell_fault(home.log, summary, _NOT_STORED, "store", error)


def _is_due(home: Home, *, is_last: bool) -> bool:
    with home.ledger.reading() as db:
        return bool(telling.unfinished(db) or _issuers(home, db, is_last=is_last))


def _issuers(home: Home, db: Connection, *, is_last: bool) -> list[str]:
    closed = home.clock.now() - timedelta(seconds=home.settings.returns.window_s)
    return telling.due(db, None if is_last else closed)


def _fix(home: Home, lease: Lease, *, is_last: bool) -> None:
    ours, most = home.settings.ours, home.settings.returns.entries_max

    def fix(db: Connection) -> None:
        for issuer in _issuers(home, db, is_last=is_last):
            telling.fix(db, issuer, ours, most)

    lease.write(fix)


def _put_in_line(home: Home, lease: Lease, returns: Sequence[tuple[str, str]], summary: RunSummary) -> None:
    """Store the bytes of these, then say so: a return whose bytes are not stored is in no line."""
    writer = Writer(home.store, home.settings.ours, {}, home.settings.default_receiver)
    try:
        tellings = [written(home, writer, issuer, name) for issuer, name in returns]
        writer.keep()
        at = home.clock.now()
        lease.write(lambda db: telling.record(db, lease.lot, tellings, at))
    finally:
        writer.drop()
    for one in tellings:
        summary.told += len(one.changes)
        home.log("tell", **_facts(lease.lot, one.issuer), changes=len(one.changes), sha256=one.file.sha256,
                 size_bytes=one.file.size_bytes)  # fmt: skip


def _facts(lot: Lot, issuer: str) -> dict[str, str | int | float]:
    return lot_facts(lot) | {"partner": issuer}


def written(home: Home, writer: Writer, issuer: str, name: str) -> Telling:
    """A return on its way into the store: all that it says follows from its name and the rows that have it."""
    with home.ledger.reading() as db:
        changes = telling.changes_in(db, issuer, name)
    return Telling(issuer, writer.answer(issuer, None, LIFECYCLE, name, body(issuer, name, changes)), changes)


def body(issuer: str, name: str, changes: Sequence[ToldChange]) -> bytes:
    """The bytes of a return; our application code is the one of its name, whatever the settings say since."""
    entries = [_entry(change) for change in changes]
    return lifecycle_return.render(entries, name=name, partner=issuer, ours=names.ours_of(name), when=changes[-1].at)


def _entry(change: ToldChange) -> StatusEntry:
    invoice = InvoiceNamed(
        change.supplier_type, change.supplier, change.supplier_name, "", change.recipient, change.recipient_name,
        change.service, "", change.number, change.issued,
    )  # fmt: skip
    return lifecycle_return.of_change(
        invoice, _status(change), change.at, set_by=change.set_by, comment=change.comment, reason=change.reason,
        mandate=change.mandate,
    )  # fmt: skip


def _status(change: ToldChange) -> lifecycle.Status:
    status = lifecycle.by_id(int(change.status))
    if status is None:  # `verify` (line `transitions`) says where
        raise AssertionError(f"a transition to {change.status}, which has no label")
    return status


_NOT_STORED = Said(
    "des changements de statut ne sont pas annoncés : le magasin ne prend rien ; le prochain run les annonce",
    "changes of status are not told: the store takes nothing; the next run tells them",
)
