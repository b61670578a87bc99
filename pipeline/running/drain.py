"""Judge whatever is due: claim a lot, work it off, until none is left."""

import math
import time
from collections.abc import Callable
from datetime import timedelta

from pipeline.adapters.ledger import Connection, LostLease, claims, held, now_ms, partners
from pipeline.adapters.ledger.held import QUARANTINE_OVER
from pipeline.adapters.ledger.rows import Lot
from pipeline.adapters.read_pool import ReadPool
from pipeline.ports import Said
from pipeline.running import deliver
from pipeline.running.home import Home
from pipeline.running.judging import LotAtWork
from pipeline.running.lease import Lease
from pipeline.running.log import tell_fault
from pipeline.running.summary import RunSummary, Told

WAIT_S = 2.0  # between two looks at lots of other machines: a claim is a short transaction
Progress = Callable[[int, int], None]  # deposits judged in this run, and how many there are in all
Pause = Callable[[float], bool]  # sleeps so many seconds; True as soon as somebody wants us to stop


def drain(
    home: Home,
    pool: ReadPool,
    summary: RunSummary,
    on_verdict: Callable[[Told], None],
    on_progress: Progress,
    seconds: float = math.inf,
    pause: Pause | None = None,
) -> None:
    """Work off lots until nothing is due, or no longer than some seconds before the next one is claimed.

    A lot that another worker took over is theirs, and no trouble. Each lot is judged by the sheets as they are then.
    With a `pause` it does not end while another machine has a lot in hand, unless somebody here waits already: should
    that machine die, its lot is due when its lease runs out, and with nobody here it would lie until the next sweep.
    """
    until = time.monotonic() + seconds
    done = 0

    def told(one: Told) -> None:
        nonlocal done
        done += 1
        on_verdict(one)
        if done % 50 == 0:
            on_progress(done, done + _due(home))

    on_progress(0, _due(home))
    while (lot := _next_before(home, until, pause, summary)) is not None:
        try:
            with Lease(home, lot) as lease:
                known = home.partners()
                receivers = partners.receivers(known.values())
                partner = known.get(lot.partner)
                if lot.kind == claims.JUDGE and partner is not None:
                    LotAtWork(home, pool, lease, partner, receivers, summary, told).run()
                    continue
                deliver.send(home, lease, summary)
                if lot.kind == claims.JUDGE:
                    _without_partner(home, lease, summary)
        except LostLease as lost:
            summary.notice(lost.said)
    on_progress(done, done)


def _without_partner(home: Home, lease: Lease, summary: RunSummary) -> None:
    """Deposits of a partner whose sheet is gone wait for it: nobody can say on what terms they are judged."""
    code = lease.lot.partner
    why = Said(
        f"le partenaire {code} n'a plus de fiche ; chorus-edi partners add {code} --name NOM lui en rend une",
        f"partner {code} has no sheet; `chorus-edi partners add {code}` gives it one",
    )
    with home.ledger.reading() as db:
        faults = {deposit.id: why for deposit in claims.members(db, lease.lot)}
    lease.write(lambda db: claims.give_back(db, lease.lot, faults, home.turn))
    tell_fault(home.log, summary, why, f"partners/{code}", None, fault="no_sheet")


def release_from_quarantine(home: Home) -> None:
    """Quarantine ends: the files that still kill their reader are refused by FIL-007, and the report goes."""
    before = home.clock.now() - timedelta(hours=home.settings.watch.quarantine_max_hours)
    with home.ledger.reading() as db:
        overdue = held.overdue_in_quarantine(db, before)
    at = home.clock.now()
    for deposit_id in overdue:
        home.ledger.write(lambda db, deposit_id=deposit_id: held.release(db, deposit_id, QUARANTINE_OVER, at))  # type: ignore[misc]
        home.log("release", deposit=deposit_id)


def _next_before(home: Home, until: float, pause: Pause | None, summary: RunSummary) -> Lot | None:
    """The next lot, None where nothing is due or the time is up. With a `pause`, one that others may yet leave, too."""
    lot = _next(home) if time.monotonic() < until else None
    if lot is not None or pause is None:
        return lot
    with home.presence.standing_by() as is_alone:  # one of a machine is enough: the others' places are for other work
        return _left_by_others(home, until, pause, summary) if is_alone and _is_elsewhere(home) else None


def _left_by_others(home: Home, until: float, pause: Pause, summary: RunSummary) -> Lot | None:
    """The next lot that comes while other machines have lots in hand. Between two looks no transaction is open."""
    lot: Lot | None = None
    began = time.monotonic()
    while not pause(min(WAIT_S, max(until - time.monotonic(), 0.0))) and time.monotonic() < until:
        lot = _next(home)
        if lot is not None or not _is_elsewhere(home):
            break
    waited_s = time.monotonic() - began
    summary.waited_s += waited_s
    home.log("standby", seconds=round(waited_s, 3))
    return lot


def _is_elsewhere(home: Home) -> bool:
    """A lot is in hands that we cannot see: a worker of another machine, alive or not.

    One whose lease ran out counts too: whoever asks next takes it.
    """
    with home.ledger.reading() as db:
        named = claims.workers(db, claims.JUDGE)
    return not all(home.presence.is_here(token) for token in named)


def _next(home: Home) -> Lot | None:
    token, limits, presence = home.presence.token, home.settings.work, home.presence

    def claim(db: Connection) -> Lot | None:
        now = now_ms(db)
        return claims.take_over(db, token, now, limits, presence.is_dead) or claims.claim(
            db, token, home.turn, now, limits
        )

    return home.ledger.write(claim)


def _due(home: Home) -> int:
    with home.ledger.reading() as db:
        return claims.count_due(db, home.turn)
