"""Around one runner function: the home, the faults one line each, and what they mean to Airflow.

The pipeline is imported where a task runs, never where a DAG is parsed.
"""

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, get_current_context

from edi_airflow.policy import PARIS, Broken, Passing, Slip, Wrong

if TYPE_CHECKING:
    from pipeline.ports import Said
    from pipeline.runner import Home, RunSummary
    from pipeline.running.nightly import Reconciliation

SHOWN = 50  # differences in the log; the workbook has all of them
Counts = dict[str, int]  # what goes from task to task: counters, far below 1 KB
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Step:
    """One task at work in a home."""

    home: "Home"
    faults: list[str] = field(default_factory=list)

    def fault(self, said: "Said") -> None:
        """Hear a fault as it is said."""
        from pipeline.cli.layout import shown

        self.faults.append(shown(said.fr))  # it may name a file as its issuer did
        log.error("%s", self.faults[-1])

    def told(self, summary: "RunSummary", wakes: Asset | None = None) -> Counts:
        """What a run did, in numbers, told to whom it wakes too."""
        from pipeline.cli.layout import shown

        for said in summary.notices:
            log.warning("À noter : %s", shown(said.fr))
        counts = {
            "received": summary.received, "repeated": summary.repeated, "quarantined": summary.quarantined,
            "flows": summary.flows.total(), "invoices": summary.invoices.total(), "sent": summary.sent.total(),
            "decided_later": summary.decided_later, "waiting": summary.waiting, "faults": len(summary.faults),
            "milliseconds": round(summary.seconds * 1000), "waited_milliseconds": round(summary.waited_s * 1000),
        }  # fmt: skip
        log.info("%s", counts)
        return emitted(counts, wakes) if wakes is not None else counts

    def sound(self, found: "Reconciliation") -> Counts:
        """Every line and figure into the log, and the first of the differences; `Broken` where one is red."""
        for name, figure in found.figures.items():
            log.info("%s %s: %s", found.day, name, figure)
        from pipeline.cli.layout import shown
        from pipeline.reconcile.night import KINDS

        for against in found.against:
            log.info("%s: %s", against.label.fr, shown(against.said.fr))
        red = []
        for kind, count in found.by_kind.items():
            red += [f"{KINDS[kind].label.fr} ({count})"] if KINDS[kind].counts else []
        for one in islice((one for one in found.differences if one.counts), SHOWN):
            where = " ".join(filter(None, (one.partner, one.flow or one.file)))
            log.error("ROUGE %s : %s : %s ; %s", one.label.fr, shown(where), shown(one.said.fr), shown(one.next.fr))
        for line in found.lines:
            if line.ok:
                log.info("%s: %s", line.label.fr, shown(line.detail.fr))
            else:
                log.error("ROUGE %s : %s ; %s", line.label.fr, shown(line.detail.fr), line.remedy.fr)
        red += [line.label.fr for line in found.lines if not line.ok]
        if not found.is_sound:
            self._tell_red(str(found.day), red)
            raise Broken(f"{found.day}, {len(red)} red: {', '.join(red)}")
        return {"lines": len(found.lines), "deposits": int(found.figures["deposits_received"])}

    def _tell_red(self, day: str, red: list[str]) -> None:
        """Tell people now; the deadline of the run tells them again. A notifier that fails makes nothing less red."""
        from pipeline.ports import Fault, Said
        from pipeline.runner import alert

        names = ", ".join(red)
        said = Said(
            f"journée du {day}, en rouge : {names} ; chorus-edi reconcile --day {day} les détaille",
            f"business day {day}, red: {names}; `chorus-edi reconcile --day {day}` tells more",
        )
        try:
            alert(self.home, "reconcile-broken", day, said)
        except Fault as fault:
            log.error("%s", in_words(fault))


@contextmanager
def step(*, heed: bool = True) -> Iterator[Step]:
    """Open the home for one runner function; without `heed` the caller looks at the faults that it said.

    `Passing` where another try may help, `Wrong` where a person must mend something first, `Slip` for a bug. What
    stands behind them is not told: the texts of drivers and libraries may quote an invoice, and Airflow keeps them all.
    """
    from pipeline.plural import counted
    from pipeline.ports import Fault

    try:
        with opened() as home:
            work = Step(home)
            yield work
    except Fault as fault:
        raise (Passing if is_passing(fault) else Wrong)(in_words(fault)) from None
    except OSError as error:
        raise Passing(in_words(error)) from None
    except Exception as error:
        if _speaks_for_itself(error):
            raise
        raise Slip(in_words(error)).with_traceback(error.__traceback__) from None
    if heed and work.faults:
        faults = counted(len(work.faults), ("fault has its line", "faults have their lines"), "en")
        raise Passing(f"{faults} above; the first one: {work.faults[0]}")


def in_words(error: Exception) -> str:
    """An error for Airflow's log: ours in our words, of any other its class and place, since its text may quote."""
    from pipeline.adapters.system_errors import slip, where_and_why
    from pipeline.cli.layout import shown
    from pipeline.ports import Fault

    if isinstance(error, Fault):
        return shown(error.in_words())
    if isinstance(error, OSError):
        return shown(where_and_why(error).fr)
    return shown(str(error)) if _speaks_for_itself(error) else slip(error)


def _speaks_for_itself(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"pipeline", "edi_airflow", "airflow"}


def opened(path: Path | None = None) -> "Home":
    """The home of this machine. Slots are processes already: one reader in each, unless the settings say otherwise."""
    from pipeline import runner, settings

    path = path or home_path()
    given = settings.load(path)
    if "readers" not in given.model_fields_set:
        given = given.model_copy(update={"readers": 1})
    return runner.open_home(path, given, create=False)


def home_path() -> Path:
    path = os.environ.get("CHORUS_EDI_HOME")
    if not path:
        raise Wrong("CHORUS_EDI_HOME names no home: set it for every component of Airflow, workers and triggerer too")
    return Path(path)


def is_passing(fault: BaseException) -> bool:
    """What is behind a fault comes and goes by itself; a fault with nothing behind it is for a person to mend."""
    from sqlalchemy.exc import DBAPIError

    from pipeline.adapters.ledger import server
    from pipeline.adapters.system_errors import Unreachable

    cause: BaseException | None = fault
    while cause is not None:
        if isinstance(cause, DBAPIError):
            return server.is_passing(cause)
        if isinstance(cause, OSError):  # a fault made of `Unreachable`: it answers, and refuses what the settings say
            return type(cause) is not Unreachable and not isinstance(cause, FileNotFoundError | PermissionError)
        cause = cause.__cause__
    return False


def turn(context: Mapping[str, Any]) -> str:
    """One attempt at everything that is due, the same for all slots of a run; a second try is a new one."""
    run = f"{context['run_id']} {context['ti'].try_number}"
    return hashlib.sha256(run.encode()).hexdigest()[:32]


def seconds_left(context: Mapping[str, Any], seconds: float) -> float:
    """Of the time that a run may drain; a slot that starts late gives way to the next run. Not so after a kill or a
    fault: whoever comes back has all of it, since nobody else may be there to take the lot over."""
    if context["ti"].try_number > 1:
        return seconds
    return seconds - (datetime.now(UTC) - context["dag_run"].start_date).total_seconds()


def today() -> date:
    return datetime.now(ZoneInfo(PARIS)).date()


def business_day(given: str | None, logical_date: datetime | None) -> date:
    """The day to look at: the one that was given, else the day before the run was due, in Paris."""
    if given:
        return date.fromisoformat(given)
    if logical_date is None:
        raise Wrong("a run that was started by hand gives its business day: parameter `day`, as 2026-11-20")
    return logical_date.astimezone(ZoneInfo(PARIS)).date() - timedelta(days=1)


def emitted(counts: Counts, asset: Asset) -> Counts:
    """The same, and the event that a task emits when it ends well holds it."""
    get_current_context()["outlet_events"][asset].extra = dict(counts)
    return counts


def added(counts: Sequence[Counts]) -> Counts:
    """The sum of what several slots did."""
    total: Counts = {}
    for n in range(len(counts)):  # to iterate asks for one more than there is, and logs an error that is none
        for name, count in counts[n].items():
            total[name] = total.get(name, 0) + count
    return total
