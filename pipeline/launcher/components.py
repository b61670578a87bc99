"""The processes of one Airflow: its four components, and the keeper that starts them again."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pipeline.launcher import processes, record
from pipeline.launcher.place import log_file, record_file
from pipeline.launcher.record import Component, Run

AIRFLOW = (sys.executable, "-m", "airflow")
WARM = (sys.executable, "-m", "pipeline.launcher.warm")  # Airflow too; tasks are forked from the scheduler
KEEP = (sys.executable, "-m", "pipeline.launcher.keep")
KEEPER = "keeper"
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    # the log servers of scheduler and triggerer would listen on every interface; on one machine the logs are files
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
EVERYTHING = (*COMPONENTS, KEEPER)


def command(name: str) -> tuple[str, ...]:
    """argv of a component, or of the keeper: nothing secret is in it."""
    if name == KEEPER:
        return KEEP
    return (*(WARM if name == "scheduler" else AIRFLOW), *COMPONENTS[name])


def start(folder: Path, name: str, run: Run, given: Mapping[str, str]) -> None:
    """Start one in a session of its own, written down at once: if we are killed now, `down` still finds it."""
    with log_file(folder, name).open("ab") as log:
        process = subprocess.Popen(
            command(name), env=given, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    run.components[name] = Component(processes.born(process.pid), datetime.now(UTC))
    record.write(record_file(folder), run)
