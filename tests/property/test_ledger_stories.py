"""Random stories of the whole ledger against a model: a few in `make test`, more in the slow lane.

`python -m bench.crash --part stories` tells two thousand of fifty steps.
"""

import ledger_machine
import pytest
from services.postgres import PostgresServer

QUICK, QUICK_STEPS = 20, 25
ON_SERVER = 3
SLOW, SLOW_STEPS = 60, 50


def test_the_ledger_does_what_its_model_says() -> None:
    ledger_machine.run(QUICK, QUICK_STEPS)


def test_the_ledger_on_a_server_does_what_its_model_says(postgres: PostgresServer) -> None:
    ledger_machine.run(ON_SERVER, QUICK_STEPS, server=postgres)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_ledger_does_what_its_model_says_in_long_stories() -> None:
    ledger_machine.run(SLOW, SLOW_STEPS, seed=20261120)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_ledger_on_a_server_does_what_its_model_says_in_long_stories(postgres: PostgresServer) -> None:
    ledger_machine.run(SLOW // 10, SLOW_STEPS, seed=20261120, server=postgres)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["a late worker that is let in", "a number that is given twice", "a lost reservation"])
def test_the_model_sees_what_is_broken_on_purpose(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that finds nothing proves nothing."""
    from pipeline.adapters.ledger import claims, commits

    if what == "a late worker that is let in":
        monkeypatch.setattr(claims, "guard", lambda *_: None)
    elif what == "a number that is given twice":
        monkeypatch.setattr(commits, "others_have", lambda *_: {})
    else:
        monkeypatch.setattr(commits, "reserve", lambda *_: {})
    with pytest.raises(AssertionError):
        ledger_machine.run(QUICK, 2 * QUICK_STEPS, is_shrunk=False)
