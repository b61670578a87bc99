"""`status`: what was started, and how it is."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.launcher import processes, record
from pipeline.launcher.components import EVERYTHING, KEEPER
from pipeline.launcher.keys import passwords
from pipeline.launcher.place import airflow_home, record_file
from pipeline.launcher.rest import Api

UP, SILENT, DEAD = "up", "silent", "dead"


@dataclass(frozen=True, slots=True)
class State:
    """A component, or the keeper. `state`: up, silent (it lives, and does not say that it is well), dead."""

    name: str
    state: str
    pid: int | None = None
    since: datetime | None = None  # aware, UTC
    processes: int = 0  # with those that it started
    memory_bytes: int = 0


def status(home: Path) -> tuple[str, list[State]]:
    """The address, empty where nothing was started, and one row for each component and the keeper."""
    folder = airflow_home(home)
    run = record.read(record_file(folder))
    if run is None:
        return "", [State(name, DEAD) for name in EVERYTHING]
    healthy = Api(run.port, passwords(folder)[0]["admin"]).healthy(run.since) | {
        KEEPER
    }  # it answers nobody: it lives, or it does not
    members = processes.sessions([one.process for one in run.components.values()], run.mark)
    rows = []
    for name in EVERYTHING:
        one = run.components.get(name)
        if one is None:
            rows.append(State(name, DEAD))
            continue
        state = DEAD if not one.process.is_alive else UP if name in healthy else SILENT
        all_of_it = members[one.process]
        memory = sum(process.memory_bytes() for process in all_of_it)
        rows.append(State(name, state, one.process.pid, one.since, len(all_of_it), memory))
    return run.url, rows
