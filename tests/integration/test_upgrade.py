"""A home of every earlier version opens with this one: its ledger is migrated, every invariant holds, work goes on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import homes
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from upgrade.thaw import CASES, rows_of, thaw

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import Ledger, audit, migrations
from pipeline.adapters.ledger.tables import HEAD
from pipeline.running.home import Home
from pipeline.settings import load

NEVER_ALONE = {"0003"}  # released together with the one after it: no ledger ever stopped there


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(migrations.script_folder()))
    return sorted(one.revision for one in ScriptDirectory.from_config(config).walk_revisions())


def test_every_version_of_the_tables_has_the_home_that_it_wrote() -> None:
    """A migration brings its own: `PYTHONPATH=tests:tests/integration python -m upgrade.freeze`."""
    assert revisions()[-1] == HEAD
    assert {*CASES, *NEVER_ALONE} == {*revisions()}
    assert HEAD not in NEVER_ALONE


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.getfixturevalue("database").url if request.param == "postgresql" else ""


@pytest.mark.parametrize("revision", CASES)
def test_the_home_of_a_version_migrates_and_goes_on(
    revision: str, url: str, tmp_path: Path, reader: tuple[str, ...]
) -> None:
    path = tmp_path / "home"
    path.mkdir()
    thaw(revision, path, url)
    settings = load(path, ours="CPP001", readers=1, ledger={"url": url})
    with homes.open_home(path, homes.NOON + timedelta(days=9), settings=settings, reader=reader) as home:
        with home.ledger.reading() as db:
            assert db.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
            for table, rows in rows_of(revision).items():
                if not table.startswith("audit"):
                    count = db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
                    assert (table, count) == (table, len(rows))
        assert reds(home) == {}
        assert runner.run(home).is_idle  # what was answered is answered
        again_and_new(home)
        assert reds(home) == {}


def test_an_upgrade_that_dies_leaves_the_version_before_and_goes_through_the_next_time(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thaw("0002", tmp_path, url)
    ledger = Ledger.on_server(url) if url else Ledger.at(tmp_path / "ledger.sqlite")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    def stands() -> tuple[str, bool, int]:
        with ledger.reading() as db:
            revision = db.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            count = db.execute(text("SELECT count(*) FROM deposits")).scalar_one()
            return revision, inspect(db).has_table("audit_heads"), count

    before = stands()
    monkeypatch.setattr(audit, "begin", die)  # tables are dropped and made by then
    with pytest.raises(KeyboardInterrupt):
        ledger.migrate()
    assert stands() == before == ("0002", False, before[2])
    monkeypatch.undo()
    ledger.migrate()
    assert stands() == (HEAD, True, before[2])
    ledger.close()


def again_and_new(home: Home) -> None:
    """What came before is remembered, what is new comes in, and what was held is decided."""
    homes.drop(home, homes.flow_name(1), homes.ubl("U-1"))
    homes.drop(home, homes.flow_name(8), homes.ubl("U-1", net="7.00"))
    homes.drop(home, homes.flow_name(9), homes.ubl("U-9"))
    runner.commitments_available(home)
    runner.import_commitments(home, homes.orders(home.path / "o.csv", "2234567890"), (homes.NOON + timedelta(9)).date())
    home.clock = FixedClock(homes.NOON + timedelta(days=9, hours=1))
    done = runner.run(home)
    assert done.faults == []
    assert (done.received, done.repeated, dict(done.invoices)) == (3, 1, {"integrated": 1, "refused": 1})
    assert done.decided_later == 1


def reds(home: Home) -> dict[str, str]:
    return {line.name: line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"}
