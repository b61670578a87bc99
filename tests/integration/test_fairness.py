"""A small partner does not wait for a big one: neither at the door nor in the line."""

from collections.abc import Iterator
from pathlib import Path

import homes
import pytest

from pipeline import runner
from pipeline.running import receive as receiving
from pipeline.running.home import Home
from pipeline.running.summary import RunSummary
from pipeline.terms import WorkLimits


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
    for rank in range(1, 5):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"A-{rank}"))
    if others_wait:
        homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
    order: list[str] = []
    summary = runner.run(home, on_verdict=lambda told: order.append(told.partner))
    assert not summary.faults
    assert order.count(homes.PARTNER) == 4
    if others_wait:
        assert order.index(homes.OTHER) == 1  # behind one unit of the big one, not behind its whole lot
    with home.ledger.reading() as db:
        from sqlalchemy import text

        lots = db.execute(text("SELECT count(*) FROM lots WHERE kind = 'judge'")).scalar_one()
    assert (lots > 1) is between
    assert all(line.ok for line in runner.verify(home))


def test_what_a_lot_gave_back_is_judged_once(home: Home) -> None:
    home.settings = home.settings.model_copy(update={"lot_s": 0, "work": WorkLimits(unit_documents=2)})
    for rank in range(1, 10):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"A-{rank}"))
        code = homes.OTHER
        homes.drop(home, homes.flow_name(rank, partner=code), homes.ubl(f"B-{rank}"), code)
    summary = runner.run(home)
    assert summary.flows == {"IN_INTEGRE": 18}
    assert len(homes.out(home)) == len(homes.out(home, homes.OTHER)) == 18
    assert all(line.ok for line in runner.verify(home))
