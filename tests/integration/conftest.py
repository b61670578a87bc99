"""A warm reader for tests of the shell: the real reading code, its schemas loaded once for a whole test file."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ...]]:
    """The command of a reading process that answers at once."""
    path = tmp_path_factory.mktemp("warm") / "readers"
    server = subprocess.Popen([sys.executable, str(HERE / "kill_driver.py"), "--serve", str(path)])
    try:
        while not path.exists():
            assert server.poll() is None, "the warm reader did not start"
            time.sleep(0.02)
        yield sys.executable, "-I", "-S", str(HERE / "kill_relay.py"), str(path)
    finally:
        server.kill()
        server.wait()
