"""Warm reading processes: the real reading code, its schemas loaded once, behind a socket."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.crash.forks import READY_S, ROOT, started

DRIVER = ROOT / "tests" / "integration" / "kill_driver.py"
PIPE = ROOT / "tests" / "integration" / "kill_relay.py"


@contextmanager
def warm() -> Iterator[tuple[str, ...]]:
    """The command of a reader that answers at once."""
    with tempfile.TemporaryDirectory(prefix="readers-") as folder:
        path = Path(folder) / "socket"
        server = started(str(DRIVER), "--serve", str(path))
        try:
            until = time.monotonic() + READY_S
            while not path.exists():
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("the warm reader does not start")
                time.sleep(0.01)
            yield sys.executable, "-I", "-S", str(PIPE), str(path)
        finally:
            server.kill()
            server.wait()
