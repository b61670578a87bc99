"""Random lives of invoices after integration, on a whole home, against a model: a few in `make test`.

`python -m bench.crash --part lives` tells hundreds of thirty steps.
"""

from collections.abc import Callable

import lifecycle_machine
import pytest
from integration import homes
from lifecycle_machine import Asked, LifecycleMachine
from services.postgres import PostgresServer

from pipeline import status_intake
from pipeline.adapters.ledger import changes
from pipeline.ports import Fault
from pipeline.running import lifecycle_returns

QUICK, QUICK_STEPS = 4, 12
ON_SERVER, ON_SERVER_STEPS = 1, 10
SLOW, SLOW_STEPS = 6, 25


def test_a_home_does_what_the_lifecycle_says() -> None:
    lifecycle_machine.run(QUICK, QUICK_STEPS)


def test_a_home_on_a_server_does_what_the_lifecycle_says(postgres: PostgresServer) -> None:
    lifecycle_machine.run(ON_SERVER, ON_SERVER_STEPS, server=postgres)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_home_does_what_the_lifecycle_says_in_long_lives() -> None:
    lifecycle_machine.run(SLOW, SLOW_STEPS, seed=20261123)


# --- that the model sees what is broken: a machine that finds nothing proves nothing ----------------------------------

TOWN = homes.RECEIVER


def overtaken(life: LifecycleMachine) -> None:
    life.is_overtaken(which=0, first=0, second=64)


def foreign(life: LifecycleMachine) -> None:
    life.tell("REC004", [Asked(0, "any", "07", "now", True)])


def told(life: LifecycleMachine) -> None:
    life.tell(TOWN, [Asked(0, "next", "07", "now", True)])


def out_of_order(life: LifecycleMachine) -> None:
    life.tick(60)
    life.tell(TOWN, [Asked(0, "own", "07", "now", True)])
    life.tell(TOWN, [Asked(0, "own", "08", "before the last", True)])


def overtaken_everywhere(life: LifecycleMachine) -> None:
    """A recycle by a recycle, a completion by a completion, a handled reject by another, a status by a status."""
    for status in ("04", "05", "06", "07"):
        life.tick(20)
        bill = next(b for b in life.bills.values() if b.status == "03" and b.receiver == TOWN)
        life.tell_one(bill, status)
        life.is_overtaken(which=[b.number for b in life._moving()].index(bill.number), first=0, second=1)
        life.agrees()


def test_who_is_overtaken_decides_again() -> None:
    lifecycle_machine.tell(overtaken_everywhere)


@pytest.mark.slow
@pytest.mark.parametrize("story", [overtaken, foreign, told, out_of_order])
def test_the_model_sees_what_is_broken_on_purpose(
    story: Callable[[LifecycleMachine], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle_machine.tell(story)
    if story is overtaken:
        monkeypatch.setattr(changes, "_lock", lambda *_: None)
    elif story is foreign:
        any_of_them = lambda self, held: next(iter(held.named(self.entry.invoice)), None)  # noqa: E731
        monkeypatch.setattr(status_intake._Entry, "_mine", any_of_them)
    elif story is told:
        body = lifecycle_returns.body
        monkeypatch.setattr(lifecycle_returns, "body", lambda who, name, told: body(who, name, (*told, told[-1])))
    else:
        monkeypatch.setattr(status_intake._Entry, "_in_order", lambda self, _: self.entry.when)
    with pytest.raises((AssertionError, Fault)):
        lifecycle_machine.tell(story)
