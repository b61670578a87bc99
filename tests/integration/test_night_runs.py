"""Airflow's runs in the night: asked of its API as it answers (version 3), by an account that may only look."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import homes
import pytest

from pipeline.reconcile.night import Kind
from pipeline.running.home import Home
from pipeline.running.night_runs import runs

DAY = homes.NOON.date()


@dataclass
class Airflow:
    """What the API of Airflow says, page by page."""

    dags: list[dict[str, Any]] = field(default_factory=list)
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    password: str = "viewer's own"
    status: int = 200
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> tuple[int, Any]:
        self.asked.append(f"{method} {path}")
        if self.status != 200:
            return self.status, {}
        if path == "/auth/token":
            given = json.loads(body)
            return (201, {"access_token": "T"}) if given["password"] == self.password else (401, {})
        if token != "Bearer T":
            return 401, {}
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        first, last = int(query["offset"]), int(query["offset"]) + int(query["limit"])
        if parts.path == "/api/v2/dags":
            assert query["tags"] == "edi"
            return 200, {"dags": self.dags[first:last]}
        assert (query["run_after_gte"], query["run_after_lt"]) == (
            "2026-11-20T00:00:00+01:00", "2026-11-21T00:00:00+01:00",
        )  # fmt: skip
        return 200, {"dag_runs": self.runs.get(parts.path.split("/")[4], [])[first:last]}


@contextmanager
def serving(airflow: Airflow) -> Iterator[Airflow]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, told = airflow.answer(method, self.path, self.headers.get("Authorization"), body)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing of it is ours to print."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    airflow.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield airflow
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def dag(name: str, summary: str | None, *, is_paused: bool = False) -> dict[str, Any]:
    return {"dag_id": name, "is_paused": is_paused, "timetable_summary": summary}


def run(name: str, state: str = "success") -> dict[str, Any]:
    return {"dag_run_id": name, "state": state, "run_after": "2026-11-20T01:00:00Z"}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with homes.open_home(tmp_path / "home") as opened:
        yield opened


def asking(home: Home, url: str, password: str = "viewer's own") -> Home:
    (home.path / "viewer").write_text(password + "\n", encoding="utf-8")
    night = home.settings.reconcile.model_copy(update={"airflow_url": url, "airflow_password_file": Path("viewer")})
    home.settings = home.settings.model_copy(update={"reconcile": night})
    return home


def test_runs_that_failed_and_dags_that_did_not_run_are_named(home: Home) -> None:
    airflow = Airflow(
        [
            dag("edi_reconcile", "0 2 * * *"), dag("edi_directory", "30 5 * * *"), dag("edi_retention", "0 6 * * 1"),
            dag("edi_intake", "Asset"), dag("edi_old", "0 3 * * *", is_paused=True),
        ],
        {"edi_reconcile": [run("r-1")], "edi_intake": [run(f"i-{n}", "failed" * (n == 130) or "success")
                                                       for n in range(250)]},
    )  # fmt: skip
    with serving(airflow):
        against, found = runs(asking(home, airflow.url), DAY)
    assert [(one.kind, one.flow, one.file) for one in found] == [
        (Kind.RUN_FAILED, "edi_intake", "i-130"), (Kind.RUN_MISSING, "edi_directory", ""),
    ]  # fmt: skip
    assert (against.was_read, against.count, against.said.en) == (True, 251, "251 runs of 4 DAGs, 1 failed")
    assert airflow.asked[0] == "POST /auth/token"
    assert {asked.partition(" ")[0] for asked in airflow.asked[1:]} == {"GET"}


def test_without_an_address_runs_are_not_read_and_the_night_says_so(home: Home) -> None:
    against, found = runs(home, DAY)
    assert (against.was_read, found) == (False, [])
    assert against.said.fr == "non lu, [reconcile] airflow_url n'est pas réglé"


@pytest.mark.parametrize(("status", "password"), [(500, "viewer's own"), (200, "wrong"), (403, "viewer's own")])
def test_an_airflow_that_refuses_is_not_read_and_never_a_pass(home: Home, status: int, password: str) -> None:
    with serving(Airflow(status=status)) as airflow:
        against, found = runs(asking(home, airflow.url, password), DAY)
    assert (against.was_read, found) == (False, [])
    assert against.said.fr.startswith("non lu : l'API d'Airflow répond ")
    assert password not in against.said.fr


def test_an_airflow_that_is_away_is_not_read(home: Home) -> None:
    with serving(Airflow()) as airflow:
        away = airflow.url
    against, found = runs(asking(home, away), DAY)
    assert (against.was_read, found) == (False, [])


def test_a_password_that_cannot_be_read_is_said(home: Home) -> None:
    asking(home, "http://127.0.0.1:1")
    (home.path / "viewer").unlink()
    against, _ = runs(home, DAY)
    assert not against.was_read
    assert "viewer" in against.said.fr
