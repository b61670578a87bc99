"""The little of Airflow's REST API that the launcher asks, on loopback and through no proxy."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipeline.adapters.airflow_rest import HEALTH, MOST, AirflowRest

COMPONENTS = {  # name in the answer of /monitor/health -> our component
    "metadatabase": "api-server",
    "scheduler": "scheduler",
    "triggerer": "triggerer",
    "dag_processor": "dag-processor",
}


class Api:
    """Airflow's API server. What it refuses raises `Denied`; what else it fails to answer, another `OSError`."""

    def __init__(self, port: int, password: str) -> None:
        self.port = port
        self._rest = AirflowRest(f"http://127.0.0.1:{port}", "admin", password)

    def healthy(self, since: Mapping[str, datetime]) -> frozenset[str]:
        """The components that said they are well since their start; none of them while the server does not answer.

        A component that was killed is taken for healthy for half a minute more: its last word must be newer than that.
        """
        try:
            told = self._rest.ask("GET", HEALTH)
        except OSError:
            return frozenset()
        return frozenset(
            ours
            for theirs, ours in COMPONENTS.items()
            if ours in since and _is_well(told.get(theirs) or {}, f"latest_{theirs}_heartbeat", since[ours])
        )

    def make_pool(self, name: str, slots: int, description: str) -> None:
        """A pool, unless there is one of that name: its size is then the operators' own."""
        known = {pool["name"] for pool in self._listed("pools")}
        if name not in known:
            self._rest.ask("POST", "/api/v2/pools", {"name": name, "slots": slots, "description": description})

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
        return self._rest.rows(f"/api/v2/{path}?limit={MOST}", key or path)


def _is_well(told: Mapping[str, Any], heartbeat: str, since: datetime) -> bool:
    """The database has no heartbeat: it is well when it answers."""
    if told.get("status") != "healthy":
        return False
    return heartbeat not in told or datetime.fromisoformat(told[heartbeat]) >= since
