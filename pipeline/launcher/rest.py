"""The little of Airflow's REST API that the launcher asks, on loopback and through no proxy."""

import http.client
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.adapters.system_errors import Unreachable
from pipeline.ports import Said

FAILED = 500  # and above: the server's own trouble
TIMEOUT_S = 15  # it has one process, and a busy machine
HEALTH = {  # name in the answer of /monitor/health -> our component
    "metadatabase": "api-server",
    "scheduler": "scheduler",
    "triggerer": "triggerer",
    "dag_processor": "dag-processor",
}
MOST = 100  # rows a page


class Denied(Unreachable):
    """The server is well and refuses us: asking again changes nothing."""


class Api:
    """Airflow's API server. What it refuses raises `Denied`; what else it fails to answer, another `OSError`."""

    def __init__(self, port: int, password: str) -> None:
        self.port, self._password = port, password
        self._token = ""

    def healthy(self, since: Mapping[str, datetime]) -> frozenset[str]:
        """The components that said they are well since their start; none of them while the server does not answer.

        A component that was killed is taken for healthy for half a minute more: its last word must be newer than that.
        """
        try:
            told = self._ask("GET", "/api/v2/monitor/health")
        except OSError:
            return frozenset()
        return frozenset(
            ours
            for theirs, ours in HEALTH.items()
            if ours in since and _is_well(told.get(theirs) or {}, f"latest_{theirs}_heartbeat", since[ours])
        )

    def make_pool(self, name: str, slots: int, description: str) -> None:
        """A pool, unless there is one of that name: its size is then the operators' own."""
        known = {pool["name"] for pool in self._listed("pools")}
        if name not in known:
            self._ask("POST", "/api/v2/pools", {"name": name, "slots": slots, "description": description})

    def dags(self) -> dict[str, bool]:
        """dag_id -> whether it is paused, of all that were parsed."""
        return {one["dag_id"]: one["is_paused"] for one in self._listed("dags")}

    def import_errors(self, since: datetime) -> dict[str, str]:
        """File -> the last line of why it cannot be parsed, as found since then; an older one may be mended."""
        return {
            one["filename"]: (one["stack_trace"].strip().splitlines() or [""])[-1]
            for one in self._listed("importErrors", "import_errors")
            if datetime.fromisoformat(one["timestamp"]) >= since
        }

    def _listed(self, path: str, key: str = "") -> list[Any]:
        told = self._ask("GET", f"/api/v2/{path}?limit={MOST}")
        rows = told.get(key or path)
        return rows if isinstance(rows, list) else []

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        if not self._token and not path.endswith("/health"):
            login = {"username": "admin", "password": self._password}
            self._token = self._send("POST", "/auth/token", login)["access_token"]
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= http.client.BAD_REQUEST:
                said = _refused(path, str(answer.status))
                raise Unreachable(said) if answer.status >= FAILED else Denied(said)
            told = json.loads(content)
        except (http.client.HTTPException, ValueError) as error:
            raise Unreachable(_refused(path, type(error).__name__)) from error
        finally:
            connection.close()
        if not isinstance(told, dict):
            raise Unreachable(_refused(path, type(told).__name__))
        return told


def _is_well(told: Mapping[str, Any], heartbeat: str, since: datetime) -> bool:
    """The database has no heartbeat: it is well when it answers."""
    if told.get("status") != "healthy":
        return False
    return heartbeat not in told or datetime.fromisoformat(told[heartbeat]) >= since


def _refused(path: str, what: str) -> Said:
    path = path.partition("?")[0]
    return Said(f"l'API d'Airflow répond {what} à {path}", f"the API of Airflow answers {what} to {path}")
