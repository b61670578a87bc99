"""The shell's door: what the command line and the DAGs call. Each function is safe to repeat and safe to kill.

`run` does everything that is due: receive, judge, commit, deliver, report; what is held and due again; the daily files.
"""

import time
from collections.abc import Callable
from threading import Event

from pipeline.adapters.ledger import claims, queries, reference
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.read_pool import ReadPool
from pipeline.model import PARIS
from pipeline.ports import Said
from pipeline.routing.directory import is_too_old
from pipeline.running import audit, daily, deliver, lifecycle_returns
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
from pipeline.running.ages import ages
from pipeline.running.alert import alert
from pipeline.running.drain import Progress, drain, release_from_quarantine
from pipeline.running.home import Home, open_home
from pipeline.running.metrics import metrics
from pipeline.running.nightly import Reconciliation, business_day, reconcile
from pipeline.running.reading import readers
from pipeline.running.receive import receive
from pipeline.running.refresh import (
    DirectoryChange,
    Refreshed,
    commitments_change,
    directory_change,
    refresh_commitments,
    refresh_directory,
)
from pipeline.running.reprocess import Reprocessed, reprocess, shadow_verdicts
from pipeline.running.retention import Purged, RetentionPlan
from pipeline.running.retention import plan as retention_plan
from pipeline.running.retention import purge as retention_purge
from pipeline.running.status import status
from pipeline.running.submit import submit
from pipeline.running.summary import RunSummary, Told, unheard
from pipeline.running.verify import verify
from pipeline.running.watch import HELD, held, look, set_apart

__all__ = [
    "DirectoryChange",
    "Home",
    "Partner",
    "Purged",
    "Reconciliation",
    "Refreshed",
    "Reprocessed",
    "RetentionPlan",
    "RunSummary",
    "Told",
    "add_partner",
    "ages",
    "alert",
    "business_day",
    "commitments_available",
    "commitments_change",
    "commitments_unavailable",
    "decide",
    "directory_change",
    "import_commitments",
    "import_directory",
    "intake",
    "list_partners",
    "look",
    "metrics",
    "open_home",
    "process",
    "reconcile",
    "refresh_commitments",
    "refresh_directory",
    "reprocess",
    "retention_plan",
    "retention_purge",
    "run",
    "send_returns",
    "shadow_verdicts",
    "show_commitments",
    "show_directory",
    "show_partner",
    "slots",
    "status",
    "submit",
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
    with readers(home) as pool:
        turned = began
        home.new_turn()
        is_new = True
        while True:
            _receive(home, summary, wait=not watch)
            drain(home, pool, summary, on_verdict, on_progress)
            if not watch:
                _take_the_rest(home, pool, summary, on_verdict, on_progress)
            _outside(home, summary)
            _return(home, summary, is_last=not watch)
            if is_new:
                _call(home, summary)
            if not watch or stop.wait(home.settings.watch_interval_s):
                break
            is_new = time.monotonic() - turned >= TRY_AGAIN_S
            if is_new:
                turned = time.monotonic()
                home.new_turn()
    summary.seconds = time.monotonic() - began
    return summary


# --- the same, step by step: what the DAGs call -----------------------------------------------------------------------


def intake(home: Home, *, on_fault: Callable[[Said], None] = unheard) -> RunSummary:
    """Receive what is finished in every drop zone: archived, registered, due."""

    def work(summary: RunSummary) -> None:
        _receive(home, summary, wait=True)
        _outside(home, summary)

    return _timed(RunSummary(on_fault=on_fault), work)


def slots(home: Home, most: int) -> int:
    """How many workers, up to `most`, are worth starting for what is due now; 0 where nothing is."""
    with home.ledger.reading() as db:
        lots = claims.lots_due(db, home.settings.work)
    return min(most, lots)


def process(
    home: Home, *, turn: str, seconds: float,
    on_verdict: Callable[[Told], None] = _unheard, on_fault: Callable[[Said], None] = unheard,
    stop: Event | None = None,
) -> RunSummary:  # fmt: skip
    """Judge, deliver and report lot after lot, claiming none after `seconds`.

    `turn` names the attempt at everything that is due, shared by all that work side by side: what met a fault in it
    waits for the next one. While other machines have lots in hand it waits (until `stop` is set), and takes over those
    of a machine that died. `run` never does: whoever typed it wants the prompt back, and what is left to the next run.
    """
    home.turn = turn
    pause = (stop or Event()).wait

    def work(summary: RunSummary) -> None:
        with readers(home) as pool:
            _clear_the_dead(home)
            drain(home, pool, summary, on_verdict, _unseen, seconds, pause)

    return _timed(RunSummary(on_fault=on_fault), work)


def send_returns(home: Home, *, on_fault: Callable[[Said], None] = unheard) -> RunSummary:
    """Send what workers left unsent, tell changes of status whose window is over, and the rejects of the days that
    are; say what waits for too long."""

    def work(summary: RunSummary) -> None:
        _return(home, summary, is_last=False)
        _call(home, summary)

    return _timed(RunSummary(on_fault=on_fault), work)


def _timed(summary: RunSummary, work: Callable[[RunSummary], None]) -> RunSummary:
    began = time.monotonic()
    work(summary)
    summary.seconds = time.monotonic() - began - summary.waited_s
    return summary


def _receive(home: Home, summary: RunSummary, *, wait: bool) -> None:
    _clear_the_dead(home)
    partners = home.partners()
    release_from_quarantine(home)
    receive(home, partners, summary, wait=wait)


def _take_the_rest(
    home: Home, pool: ReadPool, summary: RunSummary, on_verdict: Callable[[Told], None], on_progress: Progress
) -> None:
    """What a quota, or a folder too full for one look, kept outside comes in as what is inside is answered."""
    before = -1
    while summary.has_more and summary.received > before:
        before = summary.received
        _receive(home, summary, wait=True)
        drain(home, pool, summary, on_verdict, on_progress)


def _outside(home: Home, summary: RunSummary) -> None:
    """Say whose files stay outside, once in a run."""
    for partner, held_back in summary.outside.items():
        if held_back.said not in summary.notices:
            home.log("quota", partner=partner, limit=held_back.limit, most=held_back.most)
        summary.notice(held_back.said)


def _return(home: Home, summary: RunSummary, *, is_last: bool) -> None:
    deliver.sweep(home, summary)
    lifecycle_returns.tell(home, summary, is_last=is_last)
    daily.write_rejects(home, home.partners(), summary)
    audit.keep_heads(home, summary)
    _look_at_what_waits(home, summary)


def _call(home: Home, summary: RunSummary) -> None:
    """Tell people what they should know of; a notifier that does not take it is a fault of ours."""
    for fault in look(home):
        summary.fault(fault)


def _clear_the_dead(home: Home) -> None:
    with home.ledger.reading() as db:
        named = claims.workers(db)
    for dead in home.presence.clear_the_dead(named):
        home.store.clear(dead)


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
    if waits.pending_since is not None and now - waits.pending_since > HELD:
        limit = home.settings.reference_data.hold_max_days
        summary.notice(held(waits.pending, waits.pending_since, now, limit))
    if waits.quarantined:
        summary.notice(set_apart(waits.quarantined))
