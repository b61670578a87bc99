"""# edi_intake: take what partners dropped

Every finished file of every drop zone (folders of the home, accounts on SFTP servers) is moved out of `in/`,
archived, registered. A file wakes it within seconds; every 5 minutes it looks by itself, whatever happens.

**Red means** that something could not be taken, several times in a row. What could be taken was, and goes on to
`edi_process`. Nothing is lost: what is in `in/` stays there, what is in `work/` is taken up by the next run.
- `receive`: the home, the ledger or the store is away: **nothing at all comes in**. Its last log line names the
  cause; `chorus-edi status` on that machine must answer again. Then trigger the DAG.
- `again`: one folder, server or file. Each has a line `ERROR` in the log: do what it says. A server that does not
  answer, or does not let us in, is the partner's: call them. The others do not wait for it.

**Safe**: clear any task, trigger the DAG, `chorus-edi run` by hand beside it. **Pausing it** stops all intake:
files wait in `in/`, nobody is answered. After a pause trigger it once: what woke it meanwhile is forgotten.

Check: `chorus-edi status`, and what lies in `drop/*/in` of the home. Runbook: `docs/ops/airflow-dags.md`.
"""

from datetime import timedelta

from airflow.sdk import dag
from airflow.sdk.exceptions import AirflowSkipException
from edi_airflow.assets import DROP, LOTS, on
from edi_airflow.policy import SECONDS, edi, edi_task
from edi_airflow.steps import Counts, step


@dag(
    "edi_intake", schedule=on(DROP), doc_md=__doc__,
    # two: while one run waits before it tries a broken server again, the next one takes what the others dropped
    **edi("intake", step=timedelta(minutes=20), run=timedelta(minutes=45), active=2, late=timedelta(minutes=15),
          wait=SECONDS),
)  # fmt: skip
def intake() -> None:
    @edi_task(outlets=[LOTS])
    def receive() -> list[int]:
        """Never red for one partner: whoever could be taken is judged now. Returns how many faults, where there are."""
        from pipeline import runner

        with step(heed=False) as work:
            counts = work.told(runner.intake(work.home, on_fault=work.fault), LOTS)
            if not counts["faults"] and not runner.slots(work.home, 1):
                raise AirflowSkipException("nothing came, nothing is due")
        return [counts["faults"]] if counts["faults"] else []

    @edi_task(outlets=[LOTS])
    def again(faults: int) -> Counts:
        """What failed once is tried again, with pauses; mapped, so that it costs nothing where nothing failed."""
        from pipeline import runner

        with step() as work:
            return work.told(runner.intake(work.home, on_fault=work.fault), LOTS)

    again.expand(faults=receive())


intake()
