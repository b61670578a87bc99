"""Saxon as the judge of what small sheets mean: one process of its own for a run of these tests."""

from collections.abc import Iterator

import pytest
from two_engines import Oracle


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    started = Oracle(tmp_path_factory.mktemp("sheets"))
    yield started
    started.close()
