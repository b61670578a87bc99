"""The policy of all DAGs: defaults, pools, and which trouble is worth another try."""

from datetime import timedelta
from functools import partial
from typing import Any

import pendulum
from airflow.sdk import (
    AsyncCallback,
    DeadlineAlert,
    DeadlineReference,
    ExceptionRetryPolicy,
    RetryAction,
    RetryRule,
    task,
)

PARIS = "Europe/Paris"
START = pendulum.datetime(2025, 1, 1, tz=PARIS)  # no run is older, and a backfill goes no further back
IO = {"pool": "edi_io", "queue": "edi_io"}
CPU = {"pool": "edi_cpu", "queue": "edi_cpu"}  # judging only: it takes every core, and never the place of the others
SLOTS_MAX = 32  # mapped instances of one run: the scheduler pays for each, and a slot drains lots for minutes
SECONDS = timedelta(seconds=5)  # before a second try of what partners wait for: work of a dead worker within a minute

edi_task = partial(task, multiple_outputs=False)  # counters are one XCom: a dict would otherwise be one for each key


class Passing(RuntimeError):
    """A server away, a full disk, a flow that met a fault of ours: tried again."""


class Wrong(ValueError):
    """A setting, a parameter, a home that is not there: no second try mends it."""


class Slip(RuntimeError):
    """A bug of ours, by its class and its line."""


class Broken(RuntimeError):
    """Something does not add up. Trying again would only hide it."""


POLICY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=[ValueError, Broken], action=RetryAction.FAIL),  # `Wrong` too, and what a DAG was given
        RetryRule(exception=[Passing, OSError], action=RetryAction.RETRY),  # after the delay of the task
    ]
)


def edi(
    *tags: str, step: timedelta, run: timedelta, active: int, late: timedelta | None = None,
    wait: timedelta = timedelta(seconds=30),
) -> dict[str, Any]:  # fmt: skip
    """What every DAG is given: time-outs of a `step` (a task) and a `run`, runs at a time, the wait for a second try.

    `late`: how long after it was queued a run must have succeeded; one that failed, or still works, raises the alert.
    """
    return {
        "start_date": START,
        "catchup": False,
        "is_paused_upon_creation": False,
        "max_active_runs": active,
        "dagrun_timeout": run,
        "tags": ["edi", *tags],
        "deadline": _deadline(late),
        "default_args": {
            "owner": "chorus-edi",
            "retries": 3,  # never 0: a killed worker would leave a failed run
            "retry_delay": wait,
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": timedelta(minutes=10),
            "retry_policy": POLICY,
            "execution_timeout": step,
            **IO,
        },
    }


def _deadline(late: timedelta | None) -> DeadlineAlert | None:
    if late is None:
        return None
    tell = AsyncCallback("edi_airflow.alerts.late", kwargs={"minutes": int(late.total_seconds() // 60)})
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=late, callback=tell)
