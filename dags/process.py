"""# edi_process: judge, deliver, answer

`plan` counts the lots that are due; as many workers (`judge`, at most 32) claim lot after lot for ten minutes,
judge, deliver the pivots, publish the reports. Partners take turns. With nothing to do, one worker stays while another
machine has a lot in hand (`waited_milliseconds`), and takes it over should that machine die. `count` adds up. Nothing
due: `judge` is skipped, the run is green. A refused invoice is a normal day, and never red.

**Red means** a fault of ours, still there after three more tries. What it touched was answered to nobody and waits
for the next run; every other flow was answered.
- `plan`: the home or the ledger is away. Its last log line names the cause; `chorus-edi status` must answer again.
- `judge`, with lines `ERROR`: each says what is wrong (a missing directory, a full disk, a folder of a partner) and
  the next command. Do it; then clear the task, or wait five minutes for the next run.
- `judge`, without such a line: the worker was killed. Its lots were taken over after 45 s; when it comes back
  often, look for memory (`dmesg`), and take fewer `readers` or slots of the pool `edi_cpu`.

**Safe**: clear any task, kill any worker, at any moment: a lot is finished once, and no report is sent twice.
**Pausing it** stops the answers; files are still taken in.

Check: `chorus-edi status`, `chorus-edi verify`. Runbook: `docs/ops/airflow-dags.md`.
"""

from datetime import timedelta

from airflow.sdk import dag, get_current_context
from edi_airflow.assets import LOTS, STATUSES, on
from edi_airflow.policy import CPU, SECONDS, SLOTS_MAX, edi, edi_task
from edi_airflow.steps import Counts, added, emitted, seconds_left, step, turn

DRAIN_S = 600  # of a run: then no slot claims a further lot, the next run has slots of its own


@dag(
    "edi_process", schedule=on(LOTS), doc_md=__doc__,
    **edi("process", step=timedelta(minutes=30), run=timedelta(minutes=60), active=4, late=timedelta(minutes=45),
          wait=SECONDS),
)  # fmt: skip
def process() -> None:
    @edi_task()
    def plan() -> list[int]:
        from pipeline import runner

        with step() as work:
            return list(range(runner.slots(work.home, SLOTS_MAX)))

    @edi_task(**CPU, max_active_tis_per_dag=SLOTS_MAX, map_index_template="{{ lot_label }}")
    def judge(slot: int) -> Counts:
        context = get_current_context()
        context["lot_label"] = f"worker {slot + 1}"
        if (left := seconds_left(context, DRAIN_S)) <= 0:
            return {}
        from pipeline import runner

        with step() as work:
            return work.told(runner.process(work.home, turn=turn(context), seconds=left, on_fault=work.fault))

    @edi_task(outlets=[STATUSES])
    def count(done: list[Counts]) -> Counts:
        return emitted(added(done), STATUSES)

    count(judge.expand(slot=plan()))


process()
