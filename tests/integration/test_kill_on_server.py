"""The shell killed again and again with its ledger on PostgreSQL: it ends like one on SQLite that nobody disturbed."""

import json
from pathlib import Path

import homes
import pytest
import test_kill
from ledger_dump import canonical
from services.postgres import Database

from pipeline import runner
from pipeline.settings import load

pytestmark = pytest.mark.campaign
FLOWS, KILLS = 150, 15  # and at least five in each stage


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_shell_killed_on_a_server_ends_like_one_that_nobody_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr(test_kill, "FLOWS", FLOWS)
    rough = tmp_path / "rough"
    rough.mkdir()
    (rough / "settings.toml").write_text(f'[ledger]\nurl = "{database.url}"\n', encoding="utf-8")
    test_kill.prepared(rough)
    calm = test_kill.prepared(tmp_path / "calm")
    quiet, killed = test_kill.driven(calm, 0), test_kill.driven(rough, KILLS)
    print(json.dumps(killed))
    assert quiet["ending"] == killed["ending"] == "done"
    assert killed["twice"] == []
    assert min(killed["kills"].values()) >= 3, killed["kills"]  # type: ignore[attr-defined]
    assert test_kill.folders(rough) == test_kill.folders(calm)
    with homes.open_home(calm) as one, homes.open_home(rough, settings=load(rough, ours="CPP001")) as other:
        assert not other.ledger.is_sqlite
        assert canonical(other.ledger) == canonical(one.ledger)
        assert [line for line in runner.verify(other) if not line.ok] == []
        assert runner.run(other).is_idle
