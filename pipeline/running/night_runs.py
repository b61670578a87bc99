"""Airflow's runs of one business day, where the settings name its API and an account that may look."""

from collections import Counter
from datetime import date, datetime, time, timedelta

from pipeline.adapters.airflow_runs import Viewer
from pipeline.adapters.system_errors import why
from pipeline.model import PARIS
from pipeline.ports import Fault, Said
from pipeline.reconcile.night import Against, Difference, Kind, difference
from pipeline.running.home import Home

FAILED = "failed"


def runs(home: Home, day: date) -> tuple[Against, list[Difference]]:
    """What failed, and which DAG that the clock starts did not run. Not asked, or not answered: "non lu"."""
    given = home.settings.reconcile
    if not given.airflow_url:
        said = Said("non lu, [reconcile] airflow_url n'est pas réglé", "not read, [reconcile] airflow_url is not set")
        return Against("runs", said, was_read=False), []
    start = datetime.combine(day, time.min, PARIS)
    end = datetime.combine(day + timedelta(days=1), time.min, PARIS)
    try:
        found = Viewer(given.airflow_url, given.airflow_user, given.secret(home.path)).between(start, end)
    except OSError as error:
        return Against("runs", Said("non lu", "not read").because(why(error)), was_read=False), []
    except Fault as fault:
        return Against("runs", Said("non lu", "not read").because(fault.said), was_read=False), []
    counts = Counter(run.dag for run in found.runs)
    failed = [run for run in found.runs if run.state == FAILED]
    wrong = [
        difference(
            Kind.RUN_FAILED, f"{run.dag} : le run {run.run} a échoué", f"{run.dag}: the run {run.run} failed",
            flow=run.dag, file=run.run, since=run.at,
        )
        for run in failed
    ]  # fmt: skip
    wrong += [
        difference(Kind.RUN_MISSING, f"{dag} : aucun run ce jour-là", f"{dag}: no run on that day", flow=dag)
        for dag, is_daily in found.dags
        if is_daily and not counts[dag]
    ]
    said = Said(
        f"{len(found.runs)} runs de {len(found.dags)} DAG, {len(failed)} en échec",
        f"{len(found.runs)} runs of {len(found.dags)} DAGs, {len(failed)} failed",
    )
    return Against("runs", said, len(found.runs)), wrong
