"""The runs of Airflow on one day, asked of its REST API with an account that may only look.

What it refuses or does not answer is an `OSError` (`Unreachable`): nobody may read it as "no run failed".
"""

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from pipeline.adapters.system_errors import Unreachable
from pipeline.ports import Said

TIMEOUT_S = 15
MOST = 100  # rows a page
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
        self._parts, self._user, self._password = urlsplit(url), user, password
        self._token = ""

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
            rows = self._ask(f"{path}limit={MOST}&offset={page * MOST}").get(key)
            if not isinstance(rows, list):
                raise Unreachable(_refused(path, key))
            yield from rows
            if len(rows) < MOST:
                return

    def _ask(self, path: str) -> dict[str, Any]:
        if not self._token:
            body = json.dumps({"username": self._user, "password": self._password})
            self._token = str(self._send("POST", "/auth/token", body).get("access_token", ""))
        return self._send("GET", path)

    def _send(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        host, port = self._parts.hostname or "", self._parts.port
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(host, port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, f"{self._parts.path.rstrip('/')}{path}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= http.client.BAD_REQUEST:
                raise Unreachable(_refused(path, str(answer.status)))
            told = json.loads(content)
        except (http.client.HTTPException, ValueError) as error:
            raise Unreachable(_refused(path, type(error).__name__)) from error
        finally:
            connection.close()
        if not isinstance(told, dict):
            raise Unreachable(_refused(path, type(told).__name__))
        return told


def _is_daily(summary: str) -> bool:
    """A cron expression stands at the end of the summary, and no day of it is left out.

    >>> _is_daily("0 2 * * *"), _is_daily("0 6 * * 1"), _is_daily("Asset")
    (True, False, False)
    """
    words = summary.split()
    return len(words) >= _CRON and words[-3:] == ["*", "*", "*"]


def _refused(path: str, what: str) -> Said:
    path = path.partition("?")[0]
    return Said(f"l'API d'Airflow répond {what} à {path}", f"the API of Airflow answers {what} to {path}")
