"""Whatever is run again later changes nothing: not the ledger, not the store, not what partners see."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import both_ledgers
import homes
import pytest
from ledger_dump import canonical

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.running.home import Home
from pipeline.running.nightly import reconcile


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def everything(home: Home) -> tuple[dict[str, Any], dict[str, str]]:
    """Every row but those of the machinery, and the digest of every file."""
    folders = (home.path / name for name in ("store", "drop", "recipients"))
    files = {
        str(path.relative_to(home.path)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
    return canonical(home.ledger), files


def test_every_task_run_again_changes_nothing(home: Home) -> None:
    runner.commitments_unavailable(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("R-1"))
    mixed = [("a.xml", homes.ubl("R-2")), ("b.xml", homes.ubl("R-3", recipient=homes.NEEDS_BOTH)), ("c.xml", b"<no")]
    homes.drop(home, homes.flow_name(2), homes.archive(mixed))
    held = homes.ubl("R-4", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    homes.drop(home, homes.flow_name(3), held)
    homes.drop(home, homes.flow_name(4), b"\x1f\x8b no archive")
    runner.run(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("R-1"))
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    runner.run(home)  # the same again, and the rejects of the day
    before = everything(home)
    assert len(before[1]) > 10
    for _ in range(2):
        runner.intake(home)
        runner.process(home, turn="again", seconds=60)
        runner.send_returns(home)
        runner.run(home)
        reconcile(home, date(2026, 11, 20))
        assert everything(home) == before
