"""A slot that has nothing to do stays while another machine has a lot in hand: nobody else may be there if that one dies."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import both_ledgers
import homes
import pytest
from sqlalchemy import insert, select, update

from pipeline import runner
from pipeline.adapters.ledger import claims, now_ms
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.presence import Presence
from pipeline.running.drain import WAIT_S
from pipeline.running.home import Home

ELSEWHERE = "a worker of another machine"
FAR_MS = 3_600_000
Step = Callable[[], object]


class Meanwhile(Event):
    """A clock of its own: each wait is over at once, and the next of these things has happened in it."""

    def __init__(self, *steps: Step) -> None:
        super().__init__()
        self.steps = list(steps)
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        assert self.steps, "nothing more happens: the slot should have ended"
        self.steps.pop(0)()
        return self.is_set()


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def dropped(home: Home, number: int = 1) -> None:
    homes.drop(home, homes.flow_name(number), homes.ubl(f"A-{number}"))
    assert runner.intake(home).received == 1


def claimed(home: Home, who: str = ELSEWHERE) -> None:
    """Somebody has all that is due in hand, with a lease that runs."""
    lot = home.ledger.write(lambda db: claims.claim(db, who, "theirs", now_ms(db), home.settings.work))
    assert lot is not None


def in_hand(home: Home, kind: str = claims.JUDGE) -> None:
    """Somebody elsewhere has a lot in hand, and all of its flows are answered but for the last word."""
    with home.ledger.writing() as db:
        row = {"partner": homes.PARTNER, "kind": kind, "state": claims.CLAIMED, "attempt": 1, "claimed_by": ELSEWHERE}
        db.execute(insert(t.lots).values(lease_until=now_ms(db) + FAR_MS, **row))


def lease(home: Home, ms: int) -> Step:
    """The lease of every lot runs so long from then on."""

    def let() -> None:
        with home.ledger.writing() as db:
            db.execute(update(t.lots).values(lease_until=now_ms(db) + ms))

    return let


def closed(home: Home) -> Step:
    """Its worker finishes every lot."""

    def close() -> None:
        with home.ledger.writing() as db:
            db.execute(update(t.lots).values(state=claims.DONE))

    return close


def process(home: Home, stop: Event, seconds: float = 600) -> runner.RunSummary:
    return runner.process(home, turn="ours", seconds=seconds, stop=stop)


def test_a_slot_stays_while_a_lease_runs_elsewhere_and_takes_the_lot_at_its_end(home: Home) -> None:
    lines: list[tuple[str, dict[str, object]]] = []
    home.log = lambda event, /, **facts: lines.append((event, dict(facts)))
    dropped(home)
    claimed(home)
    meanwhile = Meanwhile(lease(home, FAR_MS), lambda: None, lease(home, -1))
    summary = process(home, meanwhile)
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    assert meanwhile.waits == [WAIT_S] * 3
    assert meanwhile.steps == []
    with home.ledger.reading() as db:
        ((attempt, state),) = db.execute(select(t.lots.c.attempt, t.lots.c.state).where(t.lots.c.kind == claims.JUDGE))
    assert (attempt, state) == (2, claims.DONE)
    told = [(event, facts) for event, facts in lines if event in {"standby", "takeover"}]
    assert [event for event, _ in told] == ["standby", "takeover"]
    assert told[0][1] == {"seconds": round(summary.waited_s, 3)}
    assert [line for line in runner.verify(home) if not line.ok] == []


def test_a_slot_stops_waiting_when_the_other_one_has_done(home: Home) -> None:
    in_hand(home)
    meanwhile = Meanwhile(lambda: None, closed(home))
    assert process(home, meanwhile).is_idle
    assert meanwhile.waits == [WAIT_S] * 2


def test_one_slot_of_a_machine_waits_and_no_more(home: Home) -> None:
    in_hand(home)
    neighbour = Presence(home.presence.root)
    try:
        with neighbour.standing_by() as is_alone:
            assert is_alone
            assert process(home, Meanwhile()).waited_s == 0.0
    finally:
        neighbour.leave()
    meanwhile = Meanwhile(closed(home))
    process(home, meanwhile)
    assert meanwhile.waits == [WAIT_S]


def test_what_comes_while_a_slot_waits_is_judged_by_it(home: Home) -> None:
    in_hand(home)
    meanwhile = Meanwhile(lambda: dropped(home), closed(home))
    assert dict(process(home, meanwhile).flows) == {"IN_INTEGRE": 1}
    assert len(meanwhile.waits) == 2  # once before the flow came, once after it


def test_nothing_is_waited_for_where_nobody_works(home: Home) -> None:
    dropped(home)
    meanwhile = Meanwhile()
    summary = process(home, meanwhile)
    assert (dict(summary.flows), summary.waited_s, meanwhile.waits) == ({"IN_INTEGRE": 1}, 0.0, [])


def test_a_worker_of_this_machine_is_not_waited_for(home: Home) -> None:
    """It is seen to be alive; when it dies its lots are due at once, to whoever is started in its place."""
    neighbour = Presence(home.presence.root)
    dropped(home)
    claimed(home, neighbour.token)
    try:
        assert process(home, Meanwhile()).waited_s == 0.0
    finally:
        neighbour.leave()


@pytest.mark.parametrize("kind", [claims.RECEIVE, claims.DELIVER, claims.DAILY])
def test_only_lots_that_are_judged_are_waited_for(home: Home, kind: str) -> None:
    in_hand(home, kind)
    assert process(home, Meanwhile()).waited_s == 0.0


def test_the_time_of_a_slot_bounds_its_waiting_and_is_told_apart_from_work(home: Home) -> None:
    in_hand(home)
    began = time.monotonic()
    summary = process(home, Event(), seconds=1.0)
    took = time.monotonic() - began
    assert 0.9 <= summary.waited_s <= took < WAIT_S + 60
    assert summary.seconds <= took - summary.waited_s + 0.1


def test_who_is_asked_to_stop_stops_waiting(home: Home) -> None:
    in_hand(home)
    stop = Event()
    stop.set()
    began = time.monotonic()
    assert process(home, stop).is_idle
    assert time.monotonic() - began < 60


def test_a_run_by_hand_waits_for_nobody(home: Home) -> None:
    dropped(home)
    claimed(home)
    summary = runner.run(home)
    assert (summary.waited_s, dict(summary.flows)) == (0.0, {})
