"""`down`: every process of a run ends, those that their component left behind too."""

import signal
from pathlib import Path

from pipeline.launcher import processes, record
from pipeline.launcher.components import KEEPER
from pipeline.launcher.place import airflow_home, alone, record_file
from pipeline.launcher.record import Run
from pipeline.ports import Fault, Said

ASK_S, ASK_TASKS_S, ASK_API_S, KILL_S = 4.0, 2.0, 2.0, 5.0
KEEPER_S = 1.0
API, KEEPERS = frozenset({"api-server"}), frozenset({KEEPER})


def down(home: Path) -> int:
    """End what runs; returns how many processes that were. 0: nothing ran."""
    folder = airflow_home(home)
    if not folder.is_dir():
        return 0
    with alone(folder):
        run = record.read(record_file(folder))
        ended = end(run) if run is not None else 0
        record_file(folder).unlink(missing_ok=True)
        return ended


def end(run: Run) -> int:
    """The keeper first. Then components: they let their own children end. Then the tasks. The API server hears of all
    that, and is last.

    A process that starts children while it is being ended is met by the round after.
    """
    before = run.processes()

    def leaders() -> list[processes.Process]:
        return [c.process for name, c in run.components.items() if name not in API and c.process.is_alive]

    def but_api() -> list[processes.Process]:
        api = set(run.processes(API))
        return [process for process in run.processes() if process not in api]

    processes.end(
        [
            (lambda: run.processes(KEEPERS), signal.SIGTERM, KEEPER_S),
            (leaders, signal.SIGTERM, ASK_S),
            (but_api, signal.SIGTERM, ASK_TASKS_S),
            (run.processes, signal.SIGTERM, ASK_API_S),
            (run.processes, signal.SIGKILL, KILL_S),
            (run.processes, signal.SIGKILL, KILL_S),
        ]
    )
    if left := run.processes():
        pids = ", ".join(str(process.pid) for process in left)
        raise Fault(_left(pids))
    return len(before)


def _left(pids: str) -> Said:
    return Said(
        f"ces processus d'Airflow ne se terminent pas : {pids} ; attendre le disque, puis chorus-edi airflow down",
        f"these processes of Airflow do not end: {pids}; wait for the disk, then `chorus-edi airflow down`",
    )
