"""Killed at any moment and run again, the shell ends in the same ledger and the same files as when nobody disturbs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import homes
import pytest
from ledger_dump import canonical

from pipeline import runner

pytestmark = pytest.mark.campaign
FLOWS, KILLS, SEED = 500, 50, 20261120
DRIVER = Path(__file__).with_name("kill_driver.py")


def prepared(path: Path) -> Path:
    """A home with 500 small flows of two partners in its drop zone, all of the same moment, none a double."""
    with homes.ready_home(path) as home:
        for rank in range(1, FLOWS + 1):
            code = homes.PARTNER if rank % 3 else homes.OTHER
            document = homes.ubl(f"K-{rank}", recipient=homes.NEEDS_BOTH if rank % 7 == 0 else homes.PLAIN)
            dropped = homes.drop(home, homes.flow_name(rank, partner=code), document, code)
            os.utime(dropped, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
    return path


def driven(path: Path, kills: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, str(DRIVER), str(path), str(kills), str(SEED)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(done.stderr)
    return json.loads(done.stdout)


def folders(path: Path) -> dict[str, bytes]:
    """Every file that partners fetched, and of the folders that they see, `work/` included."""
    roots = [path / "drop", path / "recipients", path / "fetched"]
    return {
        str(p.relative_to(path)): p.read_bytes()
        for root in roots
        for p in sorted(root.rglob("*"))
        if p.is_file() and p.name != ".lock"
    }


@pytest.mark.timeout(280)
def test_a_shell_killed_fifty_times_ends_like_one_that_nobody_disturbed(tmp_path: Path) -> None:
    calm, rough = prepared(tmp_path / "calm"), prepared(tmp_path / "rough")
    quiet, killed = driven(calm, 0), driven(rough, KILLS)
    print(json.dumps(killed))
    assert quiet["ending"] == killed["ending"] == "done"
    assert sum(killed["kills"].values()) >= KILLS
    assert killed["twice"] == []
    assert min(killed["kills"].values()) >= 5, killed["kills"]

    expected, found = folders(calm), folders(rough)
    assert sorted(found) == sorted(expected)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert len(expected) >= FLOWS * 2

    assert not list((rough / "store").rglob(".new-*"))
    with homes.open_home(calm) as one, homes.open_home(rough) as other:
        assert canonical(other.ledger) == canonical(one.ledger)
        assert [line for line in runner.verify(other) if not line.ok] == []
        summary = runner.run(other)
        assert summary.is_idle
        assert not summary.faults
