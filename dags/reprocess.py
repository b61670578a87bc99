"""# edi_reprocess: judge again

By hand only. Deposits that met a fault, are held or set apart go back to the start with a new attempt, and
`edi_process` takes them up at once. One that was answered gets a **shadow verdict**: what we would say today, and
how it differs. Its partner hears nothing: a second report never leaves. To send archived bytes again is `chorus-edi
submit`.

*Trigger* with at least one of `flow` (its name), `partner` (its code), `day` (when it came, 2026-11-20). Your name
in Airflow goes into the audit.

**Red means** that nothing more was done than the log says:
- `reprocess`, `rien n'est désigné` or `aucun dépôt ne correspond`: trigger it again with the right parameters;
- `reprocess`, another error: the home, the ledger or the store is away; mend it, then clear the task.

The result says how many went back (`again`), got a shadow (`shadows`), were left alone (`untouched`; the log says
why).

**Safe**: twice is once. By hand: `chorus-edi reprocess`. Check: `chorus-edi status`. Runbook:
`docs/ops/airflow-dags.md`.
"""

import logging
from datetime import date, timedelta

from airflow.sdk import Param, dag, get_current_context
from edi_airflow.assets import LOTS
from edi_airflow.policy import edi, edi_task
from edi_airflow.steps import Counts, step


def text(description: str, **more: str) -> Param:
    return Param(None, type=["null", "string"], description=description, **more)


@dag(
    "edi_reprocess", schedule=None, doc_md=__doc__,
    params={
        "flow": text("the name of a flow"), "partner": text("the application code of a partner"),
        "day": text("the day on which they came", format="date"),
    },
    **edi("reprocess", step=timedelta(hours=2), run=timedelta(hours=4), active=1),
)  # fmt: skip
def reprocess() -> None:
    @edi_task(task_id="reprocess", outlets=[LOTS])
    def again() -> Counts:
        from pipeline.running.reprocess import reprocess

        context = get_current_context()
        given, run = context["params"], context["dag_run"]
        day = date.fromisoformat(given["day"]) if given["day"] else None
        operator = f"airflow:{run.triggering_user_name or run.run_id}"
        with step() as work:
            done = reprocess(work.home, given["flow"] or "", given["partner"] or "", day, operator)
        for deposit, reason in done.reasons.items():
            logging.getLogger(__name__).info("deposit %s: %s", deposit, reason.fr)
        return {"again": len(done.again), "shadows": len(done.shadows), "untouched": len(done.untouched)}

    again()


reprocess()
