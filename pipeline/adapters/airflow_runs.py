"""The runs of Airflow on one day, asked of its REST API with an account that may only look.

What it refuses or does not answer is an `OSError` (`Unreachable`): nobody may read it as "no run failed".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pipeline.adapters.airflow_rest import MOST, AirflowRest

PAGES = 50  # of one DAG and one day: more runs than that are counted up to there
TAG = "edi"
_CRON = 5  # fields


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a DAG: its state as Airflow says it, and when it was due."""

    dag: str
    run: str
    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Runs:
    """What ran between two moments."""

    dags: tuple[tuple[str, bool], ...]  # our DAGs that are not paused, and whether the clock starts them every day
    runs: tuple[Run, ...]


class Viewer:
    """Airflow's API server, as an account of the role Viewer sees it. `url`: http(s)://host:port, maybe with a path."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._rest = AirflowRest(url, user, password)

    def between(self, start: datetime, end: datetime) -> Runs:
        """The runs of our DAGs that were due from `start` to before `end`, both aware."""
        dags = sorted(
            (one["dag_id"], _is_daily(one.get("timetable_summary") or ""))
            for one in self._pages(f"/api/v2/dags?tags={TAG}&", "dags")
            if not one["is_paused"]
        )
        runs: list[Run] = []
        for dag, _ in dags:
            first, last = (quote(moment.isoformat()) for moment in (start, end))
            path = f"/api/v2/dags/{quote(dag)}/dagRuns?run_after_gte={first}&run_after_lt={last}&"
            for one in self._pages(path, "dag_runs"):
                at = datetime.fromisoformat(one["run_after"])
                runs.append(Run(dag, one["dag_run_id"], one["state"], at))
        return Runs(tuple(dags), tuple(runs))

    def _pages(self, path: str, key: str) -> Iterator[Any]:
        for page in range(PAGES):
            rows = self._rest.rows(f"{path}limit={MOST}&offset={page * MOST}", key)
            yield from rows
            if len(rows) < MOST:
                return


def _is_daily(summary: str) -> bool:
    """A cron expression stands at the end of the summary, and no day of it is left out.

    >>> _is_daily("0 2 * * *"), _is_daily("0 6 * * 1"), _is_daily("Asset")
    (True, False, False)
    """
    words = summary.split()
    return len(words) >= _CRON and words[-3:] == ["*", "*", "*"]
