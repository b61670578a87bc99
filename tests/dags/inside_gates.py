"""`dag.test()` of what asks a person, or is started by one. The answers go through Airflow's own REST API."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from integration import homes

from pipeline import runner

Run = Callable[..., Any]
States = Callable[[Any], dict[str, str]]
Answer = Callable[[str, str], dict[str, Any]]
WAIT_S = 120


@pytest.fixture(scope="session")
def api(metadata: Path) -> Iterator[Any]:
    """Airflow's API in this process, logged in as an operator."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    app = create_app("core")
    with TestClient(app, base_url="http://testserver") as client:
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="ops", role="op"))
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
def answer(api: Any) -> Iterator[Answer]:
    """`answer(dag_id, option)`: waits until the DAG asks, and answers; the question is in what it returns, in the end."""
    threads: list[threading.Thread] = []

    def start(dag_id: str, option: str) -> dict[str, Any]:
        asked: dict[str, Any] = {}

        def respond() -> None:
            until = time.monotonic() + WAIT_S
            while time.monotonic() < until:
                found = api.get(f"/api/v2/dags/{dag_id}/dagRuns/~/hitlDetails?response_received=false").json()
                waiting = [h for h in found["hitl_details"] if h["task_instance"]["state"] == "awaiting_input"]
                if waiting:
                    asked.update(waiting[0])
                    run_id = waiting[0]["task_instance"]["dag_run_id"]
                    path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"
                    done = api.patch(path, json={"chosen_options": [option]})
                    asked["status"] = done.status_code
                    return
                time.sleep(0.1)

        thread = threading.Thread(target=respond)
        thread.start()
        threads.append(thread)
        return asked

    yield start
    for thread in threads:
        thread.join()


# --- directory --------------------------------------------------------------------------------------------------------


def snapshots(home: Path) -> list[str]:
    """Those in the ledger, oldest first."""
    from pipeline.adapters.ledger.tables import metadata

    with homes.open_home(home) as place, place.ledger.reading() as db:
        from sqlalchemy import select

        table = metadata.tables["snapshots"]
        return [row.name for row in db.execute(select(table).order_by(table.c.id))]


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A home that refreshes its directory from `new/`."""
    home = tmp_path / "home"
    homes.ready_home(home).close()
    (home / "settings.toml").write_text('[directory]\nsource = "new"\n')
    return home


def test_nothing_configured_is_skipped(tmp_path: Path, run: Run, states: States) -> None:
    homes.ready_home(tmp_path).close()
    done = run("directory", tmp_path)
    assert (done.state, set(states(done).values())) == ("success", {"skipped"})


def test_a_directory_as_big_as_before_is_taken_over_without_asking_and_once(
    watched: Path, run: Run, states: States
) -> None:
    new = homes.directory(watched / "new")
    structures = new / "structures.csv"
    structures.write_text(structures.read_text().replace("Commune exigeante", "Commune moins exigeante"))
    before = snapshots(watched)
    done = run("directory", watched)
    assert states(done) == {"compare": "success", "choose": "success", "ask": "skipped", "refresh": "success"}
    after = snapshots(watched)
    assert (after[: len(before)], len(after)) == (before, len(before) + 1)
    again = run("directory", watched)
    assert (again.state, states(again)["refresh"]) == ("success", "skipped")
    assert snapshots(watched) == after


@pytest.mark.parametrize(("option", "taken"), [("Approve", 1), ("Reject", 0)])
def test_a_directory_that_loses_rows_waits_for_a_person(
    watched: Path, run: Run, states: States, answer: Answer, option: str, taken: int
) -> None:
    new = homes.directory(watched / "new")
    structures = new / "structures.csv"
    lines = structures.read_text().splitlines()
    structures.write_text("\n".join([*lines[:-1], ""]))
    before = snapshots(watched)
    asked = answer("edi_directory", option)
    done = run("directory", watched)
    assert (done.state, asked["status"]) == ("success", 200)
    assert "5 lignes en vigueur, 3 dans le fichier, 50.0 % perdues" in asked["body"]
    assert states(done) == {
        "compare": "success", "choose": "success", "ask": "success", "refresh": "success" if taken else "skipped"
    }  # fmt: skip
    assert len(snapshots(watched)) == len(before) + taken


def test_a_damaged_directory_is_red_and_the_old_one_stays(watched: Path, run: Run, states: States) -> None:
    new = homes.directory(watched / "new")
    (new / "structures.csv").write_text("no;such;columns\n1;2;3\n")
    before = snapshots(watched)
    done = run("directory", watched)
    assert (done.state, states(done)["compare"], states(done)["refresh"]) == ("failed", "failed", "upstream_failed")
    assert snapshots(watched) == before


# --- retention --------------------------------------------------------------------------------------------------------


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A home with a flow of two years ago and one of now; bytes are kept for one year."""
    home = tmp_path / "home"
    long_ago = homes.NOON - timedelta(days=730)
    homes.ready_home(home, long_ago, day=long_ago.date()).close()
    for rank, at in enumerate((long_ago, datetime.now(UTC)), 1):
        with homes.open_home(home, at) as place:
            homes.drop(place, homes.flow_name(rank), homes.archive([("a.xml", homes.ubl(f"F-{rank}"))]))
            runner.run(place)
    (home / "settings.toml").write_text("[retention]\nyears = 1\n")
    return home


def stored(home: Path) -> set[str]:
    return {path.name for path in (home / "store").rglob("*") if path.is_file()}


@pytest.mark.parametrize(("option", "is_purged"), [("Reject", False), ("Approve", True)])
def test_nothing_is_removed_before_a_person_agrees(
    old: Path, run: Run, states: States, answer: Answer, option: str, is_purged: bool
) -> None:
    from pipeline.adapters.ledger import audit

    before = stored(old)
    asked = answer("edi_retention", option)
    done = run("retention", old)
    assert (done.state, asked["status"]) == ("success", 200)
    assert states(done) == {
        "plan": "success", "ask": "success", "purge": "success" if is_purged else "skipped", "clean": "skipped"
    }  # fmt: skip
    after = stored(old)
    if not is_purged:
        assert after == before
        return
    assert after < before
    assert f"{len(before - after)} objets" in asked["body"]
    with homes.open_home(old) as home:
        assert all(line.ok for line in runner.verify(home))
        with home.ledger.reading() as db:
            assert {row.told["operator"] for row in audit.rows(db) if row.kind == "purge"} == {"airflow:ops"}
    assert states(run("retention", old))["plan"] == "skipped"  # nothing is past its date any more


def test_airflows_history_is_cleaned_where_its_database_is_that_of_the_home(
    tmp_path: Path, run: Run, states: States, metadata: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    homes.ready_home(tmp_path).close()
    (tmp_path / "settings.toml").write_text(f'[airflow]\ndatabase = "sqlite:///{metadata}"\n')
    for name in ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN"):
        monkeypatch.setenv(name, "airflow-db-not-allowed:///")  # as a task finds it
    long_ago = datetime.now(UTC) - timedelta(days=200)
    old, new = (run("returns", tmp_path, logical_date=when) for when in (long_ago, datetime.now(UTC)))
    with create_session() as db:
        db.execute(update(DagRun).where(DagRun.run_id == old.run_id).values(start_date=long_ago, run_after=long_ago))
    done = run("retention", tmp_path)
    assert states(done) == {"plan": "skipped", "ask": "skipped", "purge": "skipped", "clean": "success"}
    with create_session() as db:
        kept = set(db.scalars(select(DagRun.run_id).where(DagRun.dag_id == "edi_returns")))
    assert old.run_id not in kept
    assert new.run_id in kept


# --- reprocess --------------------------------------------------------------------------------------------------------


def test_reprocess_sends_back_what_met_a_fault_and_shadows_what_was_answered(
    tmp_path: Path, run: Run, states: States
) -> None:
    with homes.ready_home(tmp_path) as home:
        homes.drop(home, homes.flow_name(1), homes.archive([("a.xml", homes.ubl("F-1"))]))
        runner.run(home)
        reports = homes.out(home)
    done = run("reprocess", tmp_path, flow=homes.flow_name(1))
    assert (done.state, states(done)) == ("success", {"reprocess": "success"})
    (task,) = done.get_task_instances()
    assert task.xcom_pull(task_ids="reprocess") == {"again": 0, "shadows": 1, "untouched": 0}
    run("process", tmp_path)
    with homes.open_home(tmp_path) as home:
        assert set(homes.out(home)) == set(reports)  # nothing was answered a second time


def test_reprocess_takes_up_what_met_a_fault(tmp_path: Path, run: Run) -> None:
    with homes.open_home(tmp_path) as home:  # no directory: nothing can be judged
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.archive([("a.xml", homes.ubl("F-1"))]))
        runner.intake(home)
        assert runner.process(home, turn="first", seconds=60).faults
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 1))
    done = run("reprocess", tmp_path, partner=homes.PARTNER, day=homes.NOON.date().isoformat())
    (task,) = done.get_task_instances()
    assert task.xcom_pull(task_ids="reprocess") == {"again": 1, "shadows": 0, "untouched": 0}
    assert run("process", tmp_path).state == "success"
    with homes.open_home(tmp_path) as home:
        assert any(name.startswith("FEN1201A") for name in homes.out(home))


@pytest.mark.parametrize("given", [{}, {"flow": "no such flow"}, {"partner": "ZZZ999"}], ids=str)
def test_reprocess_without_a_deposit_to_act_on_is_red_at_once(tmp_path: Path, run: Run, given: dict[str, str]) -> None:
    homes.ready_home(tmp_path).close()
    done = run("reprocess", tmp_path, retries=3, **given)
    (task,) = done.get_task_instances()
    assert (done.state, task.try_number) == ("failed", 1)
