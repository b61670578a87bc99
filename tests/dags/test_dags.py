"""Everything that imports Airflow runs in processes of its own: no other test is to meet what it does to a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
DAGS = HERE.parents[1] / "dags"
NAMES = ("directory", "intake", "process", "reconcile", "reprocess", "retention", "returns")
LINES_MAX = 79
PARSE_S = 0.5
HEAVY = (
    "pipeline", "lxml", "facturx", "saxonche", "xmlschema", "pikepdf", "boto3", "botocore", "paramiko", "asyncssh", "psycopg",
    "openpyxl", "xlsxwriter", "pydantic_settings", "rapidfuzz", "stdnum", "celery", "redis", "kubernetes",
)  # fmt: skip

PARSE = """
import json, sys, time
from airflow.dag_processing.dagbag import DagBag
from airflow.plugins_manager import _get_plugins
import airflow.sdk.definitions.dag, airflow.triggers.base
before, wall, cpu = set(sys.modules), time.monotonic(), time.process_time()
bag = DagBag()
wall, cpu = time.monotonic() - wall, time.process_time() - cpu
plugins, errors = _get_plugins()
print(json.dumps({
    "dags": sorted(bag.dag_ids), "errors": bag.import_errors, "wall_s": wall, "cpu_s": cpu,
    "modules": sorted(sys.modules), "new": len(set(sys.modules) - before),
    "plugin_errors": errors, "path": [p for p in sys.path if "dags" in p],
}))
"""


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return kept | {
        "AIRFLOW_HOME": str(folder), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(DAGS / "plugins"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db", "PYTHONSAFEPATH": "1",
    }  # fmt: skip


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a new process tells of the folder, from a working folder that helps it with nothing."""
    folder = tmp_path_factory.mktemp("parse")
    done = subprocess.run(
        [sys.executable, "-c", PARSE], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_a_fresh_process_parses_the_folder_without_the_pipeline_and_in_no_time(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert parsed["dags"] == [f"edi_{name}" for name in NAMES]
    assert [module for module in parsed["modules"] if module.partition(".")[0] in HEAVY] == []
    assert parsed["cpu_s"] <= PARSE_S, parsed["wall_s"]


def test_the_plugins_folder_is_importable_and_no_module_of_it_is_loaded_twice(parsed: dict[str, Any]) -> None:
    assert parsed["plugin_errors"] == {}
    ours = {module for module in parsed["modules"] if module.startswith("edi_airflow")}
    assert {"edi_airflow.policy", "edi_airflow.drops", "edi_airflow.alerts"} <= ours
    bare = {module.partition(".")[2] for module in ours} - {""}
    assert bare & set(parsed["modules"]) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_dag_file_is_short(name: str) -> None:
    assert len((DAGS / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= LINES_MAX


@pytest.mark.parametrize(
    "files",
    [
        ("definitions",),
        *(pytest.param((name,), marks=pytest.mark.slow) for name in ("runs", "watchers", "gates", "services")),
    ],
    ids="-".join,
)  # fmt: skip
def test_inside_airflow(files: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-rsfE", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore"]
    command += [f"--basetemp={tmp_path / 'inside'}", *(str(HERE / f"inside_{file}.py") for file in files)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "AIRFLOW"))}
    done = subprocess.run(command, env=kept, cwd=HERE.parents[1], capture_output=True, text=True, timeout=280)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    if " passed" not in done.stdout:
        pytest.skip(done.stdout[-500:])
