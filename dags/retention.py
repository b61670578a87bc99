"""# edi_retention: remove what is past its date

Once a week, on Monday: lists the stored objects that are past their legal duration (`[retention] years`, 10), asks,
and removes exactly those. Rows of the ledger stay for good. Beside it, Airflow's history older than 90 days is
cleaned.

**Waiting for you** (`ask`, *awaiting input*): *Required Actions* shows how many objects, how many bytes, the oldest
day. *Approve* removes them, for ever; *Reject* keeps them until next week. Agree only to numbers that you expect.
Three hours after its start people are told that it waits.

**Red means** that nothing, or not all of it, was removed:
- `plan`: the home or the ledger is away; mend it, clear the task;
- `ask`: nobody answered for five days; nothing was removed, next week asks again;
- `purge`: the list is no longer the one that was approved: trigger the DAG again;
- `clean`: its last lines are those of `airflow db clean`; no flow is touched by it.

**Safe**: `plan` only reads; `purge` may be cleared: it goes on with what was approved, or does nothing. `clean` is
skipped where this machine does not know Airflow's database: run `airflow db clean` where it does. What the bucket
keeps under a lock stays, and is asked again. Who agreed goes into the audit. Runbook: `docs/ops/airflow-dags.md`.
"""

from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, get_current_context
from airflow.sdk.exceptions import AirflowSkipException
from edi_airflow.assets import at
from edi_airflow.metadata import clean_history
from edi_airflow.policy import edi, edi_task
from edi_airflow.steps import Counts, step, today

KEPT = timedelta(days=90)


@dag(
    "edi_retention", schedule=at("0 6 * * 1"), doc_md=__doc__,
    **edi("retention", step=timedelta(hours=4), run=timedelta(days=6), active=1, late=timedelta(hours=3)),
)  # fmt: skip
def retention() -> None:
    @edi_task()
    def plan() -> dict[str, Any]:
        from pipeline.running import retention

        with step() as work:
            found = retention.plan(work.home, on := today())
        if not found.objects:
            raise AirflowSkipException("nothing is past its date")
        return {"on": str(on), "objects": found.objects, "bytes": found.bytes, "oldest": str(found.oldest),
                "before": str(found.before), "digest": found.digest}  # fmt: skip

    ask = ApprovalOperator(
        task_id="ask", subject="Effacer pour toujours ce qui a dépassé sa durée légale ?",
        body="{% set found = ti.xcom_pull('plan') %}{{ found.objects }} objets, {{ found.bytes }} octets, reçus entre "
        "le {{ found.oldest }} et le {{ found.before }}.", response_timeout=timedelta(days=5),
    )  # fmt: skip

    @edi_task()
    def purge(found: dict[str, Any]) -> Counts:
        from pipeline.running import retention

        context = get_current_context()
        answer = context["ti"].xcom_pull(task_ids="ask") or {}
        who = (answer.get("responded_by_user") or {}).get("name") or context["dag_run"].run_id
        with step() as work:
            done = retention.purge(work.home, found["digest"], date.fromisoformat(found["on"]), f"airflow:{who}")
        return {"objects": done.objects, "bytes": done.bytes, "locked": len(done.locked)}

    @edi_task()
    def clean() -> None:
        with step() as work:
            clean_history(work.home, KEPT)

    found = plan()
    found >> ask >> purge(found)
    clean()


retention()
