"""The shell's door: what the command line and the DAGs call. Each function is safe to repeat and safe to kill.

`run` does everything that is due: receive, judge, commit, deliver, report; what is held and due again; the daily files.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event

from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, self_check
from pipeline.adapters.ledger import claims, queries, reference
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.read_pool import ReadPool
from pipeline.model import PARIS
from pipeline.ports import Said
from pipeline.routing.directory import is_too_old
from pipeline.running import daily, deliver
from pipeline.running.administer import (
    add_partner,
    commitments_available,
    commitments_unavailable,
    decide,
    import_commitments,
    import_directory,
    list_partners,
    show_commitments,
    show_directory,
    show_partner,
)
from pipeline.running.drain import Progress, drain, release_from_quarantine
from pipeline.running.home import Home, open_home
from pipeline.running.receive import receive
from pipeline.running.status import status
from pipeline.running.summary import RunSummary, Told, unheard
from pipeline.running.verify import verify

__all__ = [
    "Home",
    "Partner",
    "RunSummary",
    "Told",
    "add_partner",
    "commitments_available",
    "commitments_unavailable",
    "decide",
    "import_commitments",
    "import_directory",
    "list_partners",
    "open_home",
    "run",
    "show_commitments",
    "show_directory",
    "show_partner",
    "status",
    "verify",
]


TRY_AGAIN_S = 60  # a watcher tries again what met a fault


def _unheard(_told: Told) -> None:
    """Nobody listens to the verdicts."""


def _unseen(_done: int, _total: int) -> None:
    """Nobody watches the progress."""


def run(
    home: Home,
    *,
    watch: bool = False,
    on_verdict: Callable[[Told], None] = _unheard,
    on_progress: Progress = _unseen,
    on_fault: Callable[[Said], None] = unheard,
    on_notice: Callable[[Said], None] = unheard,
    stop: Event | None = None,
) -> RunSummary:
    """Do everything that is due; with `watch` again and again, until `stop` is set (or the process is interrupted).

    A fault never stops the others: it is a sentence of `RunSummary.faults`, and what it touched is due in the next run.
    `on_fault` and `on_notice` hear each sentence as it is said, once.
    """
    summary = RunSummary(on_fault=on_fault, on_notice=on_notice)
    began = time.monotonic()
    stop = stop or Event()
    settings = home.settings
    self_check(accepted=settings.artefacts.accepted)  # an official file that is not the listed one stops everything
    accepted = {ACCEPTED_DIGESTS: ",".join(settings.artefacts.accepted)}
    with ReadPool(settings.readers, home.reader, settings.reader_timeout_s, accepted) as pool:
        turned = began
        home.new_turn()
        while True:
            _once(home, pool, summary, on_verdict, on_progress, wait=not watch)
            if not watch or stop.wait(settings.watch_interval_s):
                break
            if time.monotonic() - turned >= TRY_AGAIN_S:
                turned = time.monotonic()
                home.new_turn()
    summary.seconds = time.monotonic() - began
    return summary


def _once(
    home: Home,
    pool: ReadPool,
    summary: RunSummary,
    on_verdict: Callable[[Told], None],
    on_progress: Progress,
    *,
    wait: bool,
) -> None:
    with home.ledger.reading() as db:
        for dead in home.presence.clear_the_dead(claims.workers(db)):
            home.store.clear(dead)
    partners = home.partners()
    release_from_quarantine(home)
    receive(home, partners, summary, wait=wait)
    drain(home, pool, partners, summary, on_verdict, on_progress)
    deliver.sweep(home, summary)
    daily.write_rejects(home, partners, summary)
    _look_at_what_waits(home, summary)


def _look_at_what_waits(home: Home, summary: RunSummary) -> None:
    """Say what is old: held invoices, the directory, files set apart."""
    now = home.clock.now()
    today = now.astimezone(PARIS).date()
    with home.ledger.reading() as db:
        waits = queries.waiting(db)
        directory = reference.last_snapshot(db, reference.DIRECTORY)
    summary.pending = waits.pending
    if directory is not None and is_too_old(directory, today, home.settings.terms()):
        summary.notice(
            Said(
                f"l'annuaire date du {directory.day} ; chorus-edi directory import CHEMIN en charge un plus récent",
                f"the directory is of {directory.day}; `chorus-edi directory import` brings a new one",
            )
        )
    if waits.pending_since is not None and now - waits.pending_since > timedelta(hours=24):
        age, limit = (now - waits.pending_since).days, home.settings.reference_data.hold_max_days
        summary.notice(
            Said(
                f"factures en attente des engagements de l'État : {waits.pending}, la plus ancienne depuis {age} j ; "
                f"chorus-edi commitments import ou available y met fin, chorus-edi decide tranche après {limit} j",
                f"{waits.pending} invoice(s) wait for the State's commitments, the oldest for {age} day(s); "
                "`chorus-edi commitments import` or `available` ends it, "
                f"`chorus-edi decide` settles it after {limit} day(s)",
            )
        )
    if waits.quarantined:
        summary.notice(
            Said(
                f"dépôts mis à part : {waits.quarantined} ; chorus-edi status les nomme",
                f"{waits.quarantined} deposit(s) are set apart; `chorus-edi status` names them",
            )
        )
