"""Airflow in a temporary home of its own, for the files `inside_*.py`: they run in processes of their own.

Nothing here imports Airflow before a fixture is asked for.
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag

DAGS = Path(__file__).parents[2] / "dags"


def environment(folder: Path) -> dict[str, str]:
    """What Airflow must find before it is imported."""
    return {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(DAGS / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "ops:op",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test run, and of no other one at all",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment, before the first import of Airflow in this process."""
    assert "airflow" not in sys.modules, "Airflow is imported already: tests/dags/test_dags.py starts these files"
    folder = tmp_path_factory.mktemp("airflow")
    for name in [name for name in os.environ if name.startswith(("AIRFLOW", "CHORUS_EDI_SWEEP"))]:
        del os.environ[name]
    os.environ.update(environment(folder))
    return folder


@pytest.fixture(scope="session")
def bag(airflow_home: Path) -> "DagBag":
    """Every DAG, parsed once."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag()


@pytest.fixture(scope="session")
def metadata(airflow_home: Path) -> Path:
    """A migrated database of Airflow's."""
    from airflow.utils.db import initdb

    initdb()
    return airflow_home / "airflow.db"


Run = Callable[..., Any]


@pytest.fixture
def run(metadata: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(name, home, **params)`: `dag.test()` of one DAG in a home; returns its DagRun.

    Each run parses anew, as Airflow does: in one process a run leaves its parameters behind in the DAG.
    """
    from airflow.dag_processing.dagbag import DagBag

    def start(name: str, home: Path, *, retries: int = 0, logical_date: Any = ..., **params: Any) -> Any:
        monkeypatch.setenv("CHORUS_EDI_HOME", str(home))
        dag = DagBag(DAGS / f"{name}.py").dags[f"edi_{name}"]
        dag.deadline = None  # `dag.test()` itself fails when a run with a deadline succeeds
        for task in dag.tasks:
            task.retries = retries
            task.retry_delay = timedelta(seconds=0.2)
            task.retry_exponential_backoff = 0
        when = {} if logical_date is ... else {"logical_date": logical_date}
        return dag.test(run_conf=params, **when)

    return start


@pytest.fixture
def states() -> Callable[[Any], dict[str, str]]:
    """Task -> its state; a mapped one as `judge[0]`."""

    def read(dag_run: Any) -> dict[str, str]:
        return {
            task.task_id if task.map_index < 0 else f"{task.task_id}[{task.map_index}]": str(task.state)
            for task in dag_run.get_task_instances()
        }

    return read
