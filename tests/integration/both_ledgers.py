"""A home ready to run on either ledger, for the tests of what the night does."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import homes
import pytest

from pipeline import runner
from pipeline.running.home import Home
from pipeline.settings import load

LEDGERS = ("sqlite", "postgres")


def ready(
    request: pytest.FixtureRequest, path: Path, reader: tuple[str, ...], at: datetime = homes.NOON, **given: Any
) -> Home:
    """Two partners and a directory; `request.param` names the ledger. A server that is missing skips, or fails."""
    if request.param == "postgres":
        given["ledger"] = {"url": request.getfixturevalue("database").url}
    path.mkdir(parents=True, exist_ok=True)
    home = homes.open_home(path, at, settings=load(path, ours="CPP001", readers=1, **given), reader=reader)
    runner.add_partner(home, homes.partner())
    runner.add_partner(home, homes.partner(homes.OTHER))
    runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
    return home
