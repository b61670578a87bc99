"""# edi_reconcile: does everything add up?

Every night at 02:00, for the business day before: the figures of that day (received = refused + integrated + pending +
repeated, in files, invoices and money), the ledger beside everything that lies around it (drop and answer folders,
stored bytes, reports, pivots, statuses, control files, runs), and each invariant of `chorus-edi verify`. It reads; it
changes nothing, and leaves a workbook, a page and a CSV of the day in the home's `reconcile/`
(`[reconcile] folder`).

**Red means** that something is lost, doubled or altered, or could not be looked at. People are told at once
(`reconcile-broken`), and again by the deadline of the run. A difference is never tried again: it would only hide.
- `reconcile`, with lines `ROUGE`: each names what differs, or what breaks an invariant, and the next step. Copy the
  home before anything else. Once mended, clear the task: it must become green by itself, never by hand.
- `reconcile`, without such a line: the home, the ledger or the store is away; mend it, then clear the task.

**Safe**: at any time, as often as you like. By hand: *Trigger* with `day` = 2026-11-20, or `chorus-edi reconcile`.
Many days: *Backfill*, or `airflow backfill create --dag-id edi_reconcile --from-date 2026-11-02 --to-date
2026-11-08` (a run that is due on the 2nd looks at the 1st). Runbook: `docs/ops/airflow-dags.md`.
"""

from datetime import timedelta

from airflow.sdk import Param, dag, get_current_context
from edi_airflow.assets import at
from edi_airflow.policy import edi, edi_task
from edi_airflow.steps import Counts, business_day, step


@dag(
    "edi_reconcile", schedule=at("0 2 * * *"), doc_md=__doc__,
    params={
        "day": Param(None, type=["null", "string"], format="date",
                     description="business day; empty: the day before the run was due"),
    },
    **edi("reconcile", step=timedelta(hours=2), run=timedelta(hours=6), active=1, late=timedelta(hours=2)),
)  # fmt: skip
def reconcile() -> None:
    @edi_task(task_id="reconcile")
    def compare() -> Counts:
        from pipeline.adapters.night import files
        from pipeline.running import nightly

        context = get_current_context()
        day = business_day(context["params"]["day"], context["dag_run"].logical_date)
        with step() as work:
            found = nightly.reconcile(work.home, day)
            files.write(found, work.home.path / work.home.settings.reconcile.folder, "fr")
            return work.sound(found)

    compare()


reconcile()
