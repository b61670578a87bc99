"""`python -m pipeline.launcher.warm scheduler ...`: Airflow's own command, with the pipeline in memory already.

LocalExecutor forks each task from the scheduler: what is imported here is imported once, and not for a second of
processor time at the head of every task. Named, not imported: the launcher stands beside the runner, and Airflow is no
import of ours. Nothing that is loaded starts a thread or a process.
"""

import runpy
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

PIPELINE = ("pipeline.runner",)
# Drivers and the adapters above them: extras that may be missing, and then are not used.
EXTRAS = (
    "psycopg",
    "sqlalchemy.dialects.postgresql.psycopg",
    "pipeline.adapters.s3_store",
    "pipeline.adapters.remote_drop",
)


def load(names: Iterable[str] = PIPELINE, extras: Iterable[str] = EXTRAS) -> None:
    for name in names:
        import_module(name)
    for name in extras:
        with suppress(ImportError):
            import_module(name)


if __name__ == "__main__":
    load()
    sys.argv[0] = "airflow"
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
