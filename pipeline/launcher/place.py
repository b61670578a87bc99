"""Where things of Airflow lie in a home, and who may change what runs."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.ports import Fault, Said

PATIENCE_S = 10.0  # the keeper holds the lock for moments
LOOK_S = 0.1


def airflow_home(home: Path) -> Path:
    """Nobody but its owner looks into it: logs, keys, passwords."""
    return home.resolve() / "airflow"


def record_file(folder: Path) -> Path:
    return folder / "run.json"


def log_file(folder: Path, component: str) -> Path:
    return folder / "logs" / f"{component}.log"


def dags_folder() -> Path:
    """The DAGs: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    in_wheel = package / "_data" / "dags"
    return in_wheel if in_wheel.is_dir() else package.parent / "dags"


@contextmanager
def alone(folder: Path, patience_s: float | None = None) -> Iterator[None]:
    """One `up`, `down` or step of the keeper at a time; whoever waits for too long gets a fault."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + (PATIENCE_S if patience_s is None else patience_s)
    try:
        while not _is_taken(descriptor):
            if time.monotonic() >= until:
                raise Fault(_BUSY)
            time.sleep(LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_BUSY = Said(
    "un autre chorus-edi airflow up ou down est en cours ; attendre sa fin, puis chorus-edi airflow status",
    "another `chorus-edi airflow up` or `down` is at work; wait for it, then `chorus-edi airflow status`",
)
