"""What the components are given: Airflow is configured by the environment alone, so that nothing secret is in argv.

What is set here stands above what the shell had; everything else of Airflow's (StatsD, OTel, mail) stays as the
operators set it, in their environment or in `airflow.cfg`.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from pipeline.launcher.keys import USERS, passwords_file
from pipeline.launcher.processes import MARK
from pipeline.settings import Settings

LOOPBACK = "127.0.0.1"
IO_SLOTS = 2  # never taken by judging: intake and returns go on beside it


def cpu_slots(settings: Settings) -> int:
    """How many workers judge side by side: one for each core, and room for the others."""
    return max(1, min(len(os.sched_getaffinity(0)), settings.airflow.parallelism - IO_SLOTS))


def readers(settings: Settings) -> int:
    """Reading processes of one worker: with those of the others they take every core, once."""
    if "readers" in settings.model_fields_set:
        return settings.readers
    return max(1, len(os.sched_getaffinity(0)) // cpu_slots(settings))


def database_url(folder: Path, settings: Settings) -> str:
    """Of Airflow's metadata, with the driver that Airflow needs; without a setting a SQLite file."""
    given = settings.airflow.database
    if not given:
        return f"sqlite:///{folder / 'airflow.db'}"
    scheme, separator, rest = given.partition("://")
    return f"postgresql+psycopg2://{rest}" if separator and scheme in {"postgresql", "postgres"} else given


def environment(
    home: Path, folder: Path, dags: Path, settings: Settings, keys: Mapping[str, str], port: int, mark: str
) -> dict[str, str]:
    """The environment of every component, and so of every task. `folder` is AIRFLOW_HOME."""
    url = f"http://{LOOPBACK}:{port}"
    inherited = {name: value for name, value in os.environ.items() if name != "AIRFLOW_CONFIG"}
    if inherited.pop("PYTHONDONTWRITEBYTECODE", ""):  # every process, every reader would compile Airflow and us anew
        inherited.setdefault("PYTHONPYCACHEPREFIX", str(folder / "bytecode"))
    direct = ",".join(filter(None, (inherited.get("no_proxy") or inherited.get("NO_PROXY"), LOOPBACK, "localhost")))
    return inherited | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(settings.airflow.parallelism),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(dags / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{login}:{role}" for login, role in USERS.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(folder)),
        "AIRFLOW__API__HOST": LOOPBACK,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": keys["secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(folder, settings),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",  # by default each hop between two tasks costs a second
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",  # by default a dead task waits for five minutes
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",  # ... and so does what a dead scheduler had queued
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",  # it would listen on every interface
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
        # the readers of a killed task hold its output open until they have done: its supervisor is not to wait for them
        "AIRFLOW__WORKERS__SOCKET_CLEANUP_TIMEOUT": "5",
        "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "6",  # an API server that is started again ends no task
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",  # they change with an upgrade only
        # ... and one that a busy machine could not import in time would be no DAG for as long: not after half a minute
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "90",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "120",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "CHORUS_EDI_HOME": str(home),
        "CHORUS_EDI_SWEEP_MINUTES": str(settings.airflow.sweep_minutes),
        "CHORUS_EDI_READERS": str(readers(settings)),
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONSAFEPATH": "1",  # no module is to come from the folder we stand in
        "SPT_NOENV": "1",  # setproctitle writes over the environment otherwise, and with it over the mark
        MARK: mark,
    }
