import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pipeline.workers.collector import collect_seldom


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_a_document_makes_is_not_looked_through_and_a_circle_still_goes() -> None:
    collect_seldom()
    before = gc.get_stats()[0]["collections"]
    kept = [[number] for number in range(20_000)]
    assert gc.get_stats()[0]["collections"] == before
    assert gc.isenabled()
    kept.append(kept)
    del kept
    assert gc.collect() > 0


def test_the_readers_collect_seldom() -> None:
    """A reader without input ends well by itself, and says how it was set up on its way out."""
    told = (
        "import atexit, gc, runpy, sys;"
        "atexit.register(lambda: print(gc.get_threshold()[0], gc.get_freeze_count() > 1000, file=sys.stderr));"
        "runpy.run_module('pipeline.workers.read_worker', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", told], input=b"", capture_output=True, check=True)
    assert done.stderr.decode().split() == ["50000", "True"]
