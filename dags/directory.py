"""# edi_directory: new reference data, once a day

Compares the directory at `[directory] source` and the State's orders at `[directory] commitments` (settings) with
what is in force, and takes over at one stroke what is new. A verdict stands on the data of its day. New orders make
held invoices due. Nothing configured, or nothing new: all is skipped, green.

**Waiting for you** (`ask`, *awaiting input*): the new file has lost more rows than `[directory] drop_share` (10 %).
*Required Actions* shows the numbers. A file cut short in transfer looks like this; so does a true reform: ask
whoever delivers it. *Approve* takes it over, *Reject* keeps what is in force. Two hours after its start people are
told that it waits.

**Red means** that the old data stays in force:
- `compare`: the file is missing or damaged; its last log line names the place and the remedy;
- `ask`: nobody answered for 20 hours; trigger the DAG again when somebody can;
- `refresh`: the file changed after it was compared, or the ledger is away; trigger the DAG again.

**Safe**: verdicts go on; after 8 days a notice says that the directory is old. By hand: *Trigger* with `path` and
`day`, or `chorus-edi directory import CHEMIN`. Runbook: `docs/ops/airflow-dags.md`.
"""

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from edi_airflow import reference
from edi_airflow.assets import LOTS, at
from edi_airflow.policy import edi, edi_task
from edi_airflow.steps import Counts, step


@dag(
    "edi_directory", schedule=at("30 5 * * *"), doc_md=__doc__,
    params={
        "path": Param(None, type=["null", "string"], description="of a directory; empty: what the settings name"),
        "day": Param(None, type=["null", "string"], format="date", description="valid from; empty: as it says itself"),
    },
    **edi("directory", step=timedelta(minutes=30), run=timedelta(hours=23), active=1, late=timedelta(hours=2)),
)  # fmt: skip
def directory() -> None:
    @edi_task()
    def compare() -> dict[str, Any]:
        given = get_current_context()["params"]
        with step() as work:
            found = reference.compare(work.home, given["path"], given["day"])
        if not found["new"]:
            raise AirflowSkipException("nothing new")
        return found

    @task.branch
    def choose(found: dict[str, Any]) -> str:
        return "ask" if found["asks"] else "refresh"

    ask = ApprovalOperator(
        task_id="ask", subject="Ces données de référence perdent beaucoup de lignes : les prendre quand même ?",
        body="{% for one in ti.xcom_pull('compare')['new'].values() %}- {{ one.name }} : {{ one.before }} lignes en "
        "vigueur, {{ one.after }} dans le fichier, {{ one.lost }} % perdues\n{% endfor %}",
        response_timeout=timedelta(hours=20),
    )  # fmt: skip

    @edi_task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS, outlets=[LOTS])
    def refresh(found: dict[str, Any]) -> Counts:
        given = get_current_context()["params"]
        with step() as work:
            return reference.take_over(work.home, found["new"], given["path"], given["day"])

    found = compare()
    last = refresh(found)
    choose(found) >> [ask, last]
    ask >> last


directory()
