"""`airflow db clean`, where this machine knows Airflow's database: Airflow 3 hides it from tasks."""

import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from edi_airflow.policy import Passing

if TYPE_CHECKING:
    from pipeline.runner import Home

HIDDEN = ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__SQL_ALCHEMY_CONN")  # what a task finds is no address
CLEAN_S = 3600
log = logging.getLogger(__name__)


def clean_history(home: "Home", kept: timedelta) -> None:
    """Remove the history of runs that ended longer ago; skipped where the database is not the one of this home.

    `[airflow] database` of the settings names it, else it is the SQLite file of `chorus-edi airflow up`.
    """
    from pipeline.adapters.airflow_metadata import revision
    from pipeline.launcher.environment import database_url
    from pipeline.launcher.place import airflow_home

    folder = airflow_home(home.path)
    url = database_url(folder, home.settings)
    if revision(url) is None:
        raise AirflowSkipException("this machine does not know Airflow's database: run airflow db clean where it does")
    before = (datetime.now(UTC) - kept).isoformat(timespec="seconds")
    command = [sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp", before]
    command += ["--skip-archive", "-y"]
    given = {name: value for name, value in os.environ.items() if name not in HIDDEN} | {HIDDEN[0]: url}
    done = subprocess.run(
        command, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=CLEAN_S, check=False,
    )  # fmt: skip
    for line in done.stdout.splitlines()[-40:]:
        log.info("%s", line)
    if done.returncode:
        raise Passing(f"airflow db clean ended with {done.returncode}; its last lines are above")
