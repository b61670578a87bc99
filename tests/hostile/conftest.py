"""What hostile files try to reach: an address that listens, a secret, a folder outside."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.canary import Canary, listening
from hostile.case import Site


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with listening() as opened:
        yield opened


@pytest.fixture
def site(canary: Canary, tmp_path: Path) -> Site:
    (tmp_path / "outside").mkdir()
    (tmp_path / "secret").write_text("secret of the tests", "ascii")
    return Site(canary.url, tmp_path / "secret", tmp_path / "outside")
