"""A small partner does not wait for a big one: neither at the door nor in the line."""

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import homes
import pytest

from pipeline import runner
from pipeline.adapters.read_pool import ReadPool
from pipeline.model import Read
from pipeline.running import receive as receiving
from pipeline.running.home import Home
from pipeline.running.summary import RunSummary
from pipeline.terms import WorkLimits

FLOWS, READERS = 12, 2


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path, reader=reader) as made:
        yield made


def test_partners_take_turns_at_the_door(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "BATCH_FILES", 2)
    for rank in range(1, 7):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"A-{rank}"))
    homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
    told: list[str] = []
    home.log = lambda event, **facts: told.append(str(facts["partner"])) if event == "receive" else None
    receiving.receive(home, home.partners(), RunSummary())
    assert told.index(homes.OTHER) <= 2
    assert told.count(homes.PARTNER) == 6


@pytest.mark.parametrize(("others_wait", "between"), [(True, True), (False, False)])
def test_a_long_lot_gives_way_to_a_partner_that_waits(home: Home, *, others_wait: bool, between: bool) -> None:
    home.settings = home.settings.model_copy(update={"lot_s": 0, "work": WorkLimits(unit_documents=1)})
    for rank in range(1, FLOWS + 1):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"A-{rank}"))
    if others_wait:
        homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
    order: list[str] = []
    summary = runner.run(home, on_verdict=lambda told: order.append(told.partner))
    assert not summary.faults
    assert order.count(homes.PARTNER) == FLOWS
    if others_wait:  # behind one unit of the big one and what was read ahead of it, not behind its whole lot
        assert 1 <= order.index(homes.OTHER) <= 1 + 2 * READERS
    with home.ledger.reading() as db:
        from sqlalchemy import text

        lots = db.execute(text("SELECT count(*) FROM lots WHERE kind = 'judge'")).scalar_one()
    assert (lots > 1) is between
    assert all(line.ok for line in runner.verify(home))


def test_what_a_lot_gave_back_is_read_and_judged_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Future[Read]] = []

    def submit(*given: Any) -> "Future[Read]":
        asked.append(submitted(*given))
        return asked[-1]

    submitted = ReadPool.submit
    monkeypatch.setattr(ReadPool, "submit", submit)
    home.settings = home.settings.model_copy(update={"lot_s": 0, "work": WorkLimits(unit_documents=2)})
    for rank in range(1, 10):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"A-{rank}"))
        code = homes.OTHER
        homes.drop(home, homes.flow_name(rank, partner=code), homes.ubl(f"B-{rank}"), code)
    summary = runner.run(home)
    assert summary.flows == {"IN_INTEGRE": 18}
    assert sum(not one.cancelled() for one in asked) == 18
    assert len(homes.out(home)) == len(homes.out(home, homes.OTHER)) == 18
    assert all(line.ok for line in runner.verify(home))
