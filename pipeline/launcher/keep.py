"""`python -m pipeline.launcher.keep`: the fifth process of `airflow up`. What ended is started again, until `down`.

A database that restarts ends scheduler, triggerer and DAG processor: Airflow leaves it to somebody else to start them.
A scheduler whose loop broke first waits for its tasks, for minutes, alive and deaf; it is replaced, its tasks go on.
Everything is known from the environment that `up` gave and from its record.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.adapters import airflow_metadata
from pipeline.launcher import record
from pipeline.launcher.components import COMPONENTS, start
from pipeline.launcher.keys import passwords
from pipeline.launcher.place import alone, record_file
from pipeline.launcher.processes import MARK, Process, end, idle_orphans
from pipeline.launcher.record import Run
from pipeline.launcher.rest import Api
from pipeline.ports import Fault

LOOK_S = 1.0
HEALTH_S = 5.0
DEAF_S = {"api-server": 90.0}  # it tells of itself: a busy machine may keep it from answering
DEAF_DEFAULT_S = 15.0  # ... of the others after the half minute in which it still calls them healthy
YOUNG_S = 90.0  # a start may take that long on a busy machine
PAUSE_S, PAUSE_MAX_S = 2.0, 60.0  # between two starts of one that ends again and again
ORPHANS_S = 30.0
END_S = 5.0


@dataclass(slots=True)
class Keeper:
    """Looks after one run. `database` is the URL of Airflow's metadata."""

    folder: Path
    mark: str
    database: str
    given: Mapping[str, str]
    deaf: dict[str, float] = field(default_factory=dict)  # component -> since when, by the monotonic clock
    due: dict[str, float] = field(default_factory=dict)  # ... -> when it may be started again
    pause: dict[str, float] = field(default_factory=dict)
    looked: float = 0.0
    swept: float = 0.0

    def look(self, now: float) -> bool:
        """Once, by the monotonic clock; False when there is nothing left to look after."""
        run = record.read(record_file(self.folder))
        if run is None or run.mark != self.mark:
            return False
        if now - self.looked >= HEALTH_S:
            self.looked = now
            self._end_the_deaf(run, now)
        is_tidy = now - self.swept < ORPHANS_S
        if (is_tidy and all(run.is_up(name) for name in COMPONENTS)) or not self._database_answers():
            return True
        try:
            with alone(self.folder, 0):
                run = record.read(record_file(self.folder))
                if run is None or run.mark != self.mark:
                    return False
                self._start_again(run, now)
                self._sweep(run, now)
        except Fault:  # `up` or `down` is at work: they know better
            pass
        return True

    def _start_again(self, run: Run, now: float) -> None:
        for name in COMPONENTS:
            if run.is_up(name) or now < self.due.get(name, now):
                continue
            before = run.components.get(name)
            if before is not None:
                run.former.append(before.process)
                lived = (datetime.now(UTC) - before.since).total_seconds()
                self.pause[name] = (
                    PAUSE_S if lived > YOUNG_S else min(self.pause.get(name, 0) * 2 or PAUSE_S, PAUSE_MAX_S)
                )
            start(self.folder, name, run, self.given)
            self.due[name] = now + self.pause.get(name, PAUSE_S)
            self.deaf.pop(name, None)
            told(f"{name} had ended: started again, pid {run.components[name].process.pid}")

    def _end_the_deaf(self, run: Run, now: float) -> None:
        """A component that lives and has not said for long that it is well, while its database answers, is replaced."""
        well = Api(run.port, passwords(self.folder)[0]["admin"]).healthy(run.since)
        for name, one in run.components.items():
            is_young = (datetime.now(UTC) - one.since).total_seconds() < YOUNG_S
            # without the API server nobody tells of the others
            is_unknown = name != "api-server" and "api-server" not in well
            if name in well or name not in COMPONENTS or is_young or is_unknown or not one.process.is_alive:
                self.deaf.pop(name, None)
            elif now - self.deaf.setdefault(name, now) >= DEAF_S.get(name, DEAF_DEFAULT_S) and self._database_answers():
                _end(one.process)
                told(f"{name} lives and does not say that it is well: ended, pid {one.process.pid}")

    def _sweep(self, run: Run, now: float) -> None:
        """Workers of a scheduler that is gone wait for its word for ever."""
        if now - self.swept < ORPHANS_S:
            return
        self.swept = now
        for worker in idle_orphans(run.former, run.mark):
            worker.send(signal.SIGKILL)
        left = run.remains()
        if left != run.former:
            run.former = left
            record.write(record_file(self.folder), run)

    def _database_answers(self) -> bool:
        try:
            return airflow_metadata.revision(self.database) is not None
        except ConnectionError:
            return False


def _end(process: Process) -> None:
    end([(lambda: [process], signal.SIGKILL, END_S)])


def told(what: str) -> None:
    print(datetime.now(UTC).isoformat(timespec="seconds"), what, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    keeper = Keeper(
        Path(os.environ["AIRFLOW_HOME"]), os.environ[MARK], os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"],
        dict(os.environ),
    )  # fmt: skip
    while keeper.look(time.monotonic()):
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
