"""What Airflow calls when a run is late: in the triggerer, and people are told through the notifier of the home."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from edi_airflow.policy import PARIS
from edi_airflow.steps import home_path, in_words, opened

if TYPE_CHECKING:
    from pipeline.ports import Said

NAME = "deadline-missed"
log = logging.getLogger(__name__)
_told_alone: set[tuple[str, str]] = set()  # (DAG, hour), by this process, while the ledger that remembers was away


async def late(minutes: int, context: Mapping[str, Any]) -> bool:
    """A run did not succeed in time: it failed, or works still. True where somebody was told: hourly for each DAG."""
    run = context["dag_run"]
    return await asyncio.to_thread(_tell, str(run["dag_id"]), str(run.get("state")), minutes)


def _tell(dag_id: str, state: str, minutes: int) -> bool:
    from pipeline.ports import Fault, Said
    from pipeline.runner import alert

    fr, en = ("a échoué", "failed") if state == "failed" else ("n'est pas fini", "is not done")
    said = Said(
        f"{dag_id} {fr}, {minutes} min après sa mise en file ; sa page dans Airflow dit quoi faire",
        f"{dag_id} {en}, {minutes} min after it was queued; its page in Airflow says what to do",
    )
    hour = datetime.now(ZoneInfo(PARIS)).strftime("%Y-%m-%dT%H")  # a DAG that fails all night is told once an hour
    try:
        with opened() as home:
            return alert(home, NAME, dag_id, said, hour)
    except Fault as fault:  # most of all when the ledger is away somebody must hear of it
        log.warning("%s", in_words(fault))
        return _tell_alone(dag_id, hour, said.because(fault.said))


def _tell_alone(dag_id: str, hour: str, said: "Said") -> bool:
    """The same message by the same notifier, without the ledger that remembers what was told."""
    from pipeline import settings
    from pipeline.adapters import notifier
    from pipeline.cli.layout import shown

    if (dag_id, hour) in _told_alone:
        return False
    home = home_path()
    given = settings.load(home).alerts
    message = {
        "alert": NAME, "subject": dag_id, "step": hour, "fr": said.fr, "en": said.en,
        "runbook": f"docs/ops/runbooks/{NAME}.md", "home": str(home),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    to = notifier.Notifier(given.command, given.address(home), given.timeout_s, home)
    reached = notifier.tell(to, message)
    for trouble in reached.troubles:
        log.error("%s", shown(trouble.fr))
    if reached.took:
        _told_alone.add((dag_id, hour))
    return reached.took > 0
