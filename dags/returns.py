"""# edi_returns: send what is left

Workers answer by themselves. This is the sweep behind them: files that a killed worker left unsent, answers for a
partner whose folder or server was away, reports that are put back, the daily list of rejects. It tells issuers what
became of their invoices after integration (lifecycle returns, once their window is over), and says what waits too long.

**Red means** that a folder or a server takes nothing, after three more tries over some minutes. Verdicts stand;
only the sending waits, and nothing is sent twice. Every other folder got what it was due. Lines `ERROR` in the log
of `send`:
- `... ; ce qui est dû à ce dossier attend`: mend the folder; for a server (`[remotes.CODE]`) call the partner;
- `... existe avec un autre contenu`: move that file away, we never write over one;
- `... ses octets manquent dans store/`: restore that object from the backup, then `chorus-edi verify`.

A warning `À noter : ...` is not red: see *Notices* in `docs/ops/README.md`.

**Safe**: clear, trigger, `chorus-edi run` by hand, at any moment. **Pausing it** hides only what failed before.

Check: `chorus-edi status` (what is not sent), `chorus-edi verify` (line *envois*). Runbook:
`docs/ops/airflow-dags.md`.
"""

from datetime import timedelta

from airflow.sdk import dag
from edi_airflow.assets import STATUSES, on
from edi_airflow.policy import edi, edi_task
from edi_airflow.steps import Counts, step


@dag(
    "edi_returns", schedule=on(STATUSES, minutes=10), doc_md=__doc__,
    **edi("returns", step=timedelta(minutes=20), run=timedelta(minutes=60), active=1, late=timedelta(minutes=30)),
)  # fmt: skip
def returns() -> None:
    @edi_task()
    def send() -> Counts:
        from pipeline import runner

        with step() as work:
            return work.told(runner.send_returns(work.home, on_fault=work.fault))

    send()


returns()
