"""`metrics`: the state of a home as Prometheus text, read anew each time in one consistent view of the ledger.

No label holds anything that an issuer chose: states, partners, rules of ours or of the official packs, names of the
settings. `docs/ops/metrics.md` lists every name; a test compares.
"""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pipeline.adapters.ledger import alerts, figures, now_ms, reference
from pipeline.adapters.ledger.alerts import Told
from pipeline.adapters.ledger.figures import Figures
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED
from pipeline.model import PARIS, FlowState, InvoiceOutcome, Lane, RowOutcome, Snapshot
from pipeline.running.ages import Age, ages_now
from pipeline.running.alert import ALERTS, STANDING, standing
from pipeline.running.answer import LIFECYCLE, PIVOT, REJECTS, REPORT
from pipeline.running.home import Home

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

PREFIX = "chorus_edi_"
STATES = (RECEIVED, REPEATED, QUARANTINED, *(state.value for state in FlowState))
OUTCOMES = tuple(outcome.value for outcome in InvoiceOutcome)


class Family(NamedTuple):
    """One name, without its prefix: its labels and its help."""

    labels: tuple[str, ...]
    help: str


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "build_info": Family(("version",), "The version of chorus-edi, always 1"),
        "deposits": Family(("state",), "Files ever received, by the state they are in"),
        "invoices": Family(("state",), "Invoices ever judged, by what became of them"),
        "due_deposits": Family(("partner",), "Deposits that wait for their report"),
        "faulted_deposits": Family(("partner",), "Of the due deposits, those that met a fault of ours"),
        "oldest_due_seconds": Family(("partner",), "Age of the oldest due deposit"),
        "unsent_files": Family(("kind",), "Files written and not sent yet, by kind"),
        "oldest_unsent_report_seconds": Family((), "Time since the oldest deposit whose report is not sent; 0: none"),
        "oldest_quarantined_seconds": Family((), "Time since the oldest deposit set apart; 0: none"),
        "oldest_pending_seconds": Family((), "Time since an invoice waits for the State's commitments; 0: none"),
        "change_rows": Family(
            ("lane", "outcome"), "Rows of status, action and control files ever judged, by what became of them"
        ),
        "untold_changes": Family(("partner",), "Changes of status that their issuer was not told yet"),
        "oldest_untold_change_seconds": Family(("partner",), "Time since the oldest of them was applied"),
        "leases": Family(("state",), "Lots in the hands of a worker: open, or expired because it is gone"),
        "rejects_24h": Family(("rule",), "Reasons of refusal on what came in the last 24 hours, by rule"),
        "last_deposit_timestamp_seconds": Family((), "When the last file came; 0: never"),
        "reference_age_days": Family(("kind",), "Age of the directory and of the State's commitments"),
        "age_days_left": Family(("kind", "subject"), "Days left of what is watched; negative: its last day is over"),
        "ages_unread": Family((), "Files of [ages] that cannot be read: their last day is not known"),
        "open_alerts": Family(("alert",), "Alerts that were told and still hold"),
        "alert_told_timestamp_seconds": Family(("alert",), "When this alert was told last; 0: not in memory"),
        "collect_seconds": Family((), "How long reading these figures took"),
    }
)
Sample = tuple[tuple[str, ...], float]  # the values of the labels, and the value


def metrics(home: Home) -> bytes:
    """The exposition: Prometheus text format, UTF-8."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(_Exposed(tuple(_families(_samples(home)))))
    return generate_latest(registry)


class _Exposed:
    """What the registry asks for its families."""

    def __init__(self, families: "tuple[GaugeMetricFamily, ...]") -> None:
        self._families = families

    def collect(self) -> "tuple[GaugeMetricFamily, ...]":
        return self._families


def _families(samples: Mapping[str, list[Sample]]) -> "Iterator[GaugeMetricFamily]":
    from prometheus_client.metrics_core import GaugeMetricFamily

    for name, (labels, text) in FAMILIES.items():
        family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
        for values, value in samples[name]:
            family.add_metric(values, value)
        yield family


def _samples(home: Home) -> dict[str, list[Sample]]:
    began, now = time.monotonic(), home.clock.now()
    with home.ledger.reading() as db:
        read = figures.figures(db, now, now_ms(db))
        snapshots = {kind: reference.last_snapshot(db, kind) for kind in (reference.DIRECTORY, reference.COMMITMENTS)}
        aged = ages_now(home, db)
        told = alerts.every(db, ALERTS)
    return {
        "build_info": [((version("chorus-edi"),), 1)],
        **_of_the_ledger(read, now),
        "reference_age_days": _reference_ages(snapshots, now),
        **_of_ages(aged),
        **_of_alerts(told),
        "collect_seconds": [((), time.monotonic() - began)],
    }


def _of_the_ledger(read: Figures, now: datetime) -> dict[str, list[Sample]]:
    def age(moment: datetime | None) -> list[Sample]:
        return [((), (now - moment).total_seconds() if moment is not None else 0)]

    return {
        "deposits": _counted(read.deposits, STATES),
        "invoices": _counted(read.invoices, OUTCOMES),
        "due_deposits": [((due.partner,), due.count) for due in read.due],
        "faulted_deposits": [((due.partner,), due.faulted) for due in read.due],
        "oldest_due_seconds": [((due.partner,), (now - due.oldest).total_seconds()) for due in read.due],
        "unsent_files": _counted(read.unsent, (REPORT, LIFECYCLE, PIVOT, REJECTS)),
        "oldest_unsent_report_seconds": age(read.oldest_unsent),
        "oldest_quarantined_seconds": age(read.oldest_quarantined),
        "oldest_pending_seconds": age(read.oldest_pending),
        "change_rows": [
            ((lane.value, outcome.value), read.change_rows.get((lane.value, outcome.value), 0))
            for lane in Lane
            if lane is not Lane.INVOICES
            for outcome in RowOutcome
        ],
        "untold_changes": [((one.issuer,), one.count) for one in read.untold],
        "oldest_untold_change_seconds": [((one.issuer,), (now - one.oldest).total_seconds()) for one in read.untold],
        "leases": _counted(read.leases, ()),
        "rejects_24h": _counted(read.rejects, ()),
        "last_deposit_timestamp_seconds": [((), read.last_received.timestamp() if read.last_received else 0)],
    }


def _counted(found: Mapping[str, int], known: tuple[str, ...]) -> list[Sample]:
    """What is known and did not happen is 0: a series that appears with the trouble comes too late."""
    return [((name,), found.get(name, 0)) for name in sorted({*known, *found})]


def _reference_ages(snapshots: Mapping[str, Snapshot | None], now: datetime) -> list[Sample]:
    today = now.astimezone(PARIS).date()
    return [((kind,), (today - snapshot.day).days) for kind, snapshot in snapshots.items() if snapshot is not None]


def _of_ages(aged: tuple[Age, ...]) -> dict[str, list[Sample]]:
    left: list[Sample] = [((age.name, age.subject), age.days_left) for age in aged if age.days_left is not None]
    return {"age_days_left": left, "ages_unread": [((), len(aged) - len(left))]}


def _of_alerts(told: tuple[Told, ...]) -> dict[str, list[Sample]]:
    held = standing(told)
    last = {one.key.name: one.at.timestamp() for one in told}  # oldest first
    return {
        "open_alerts": [((name,), sum(one.key.name == name for one in held)) for name in sorted(STANDING)],
        "alert_told_timestamp_seconds": [((name,), last.get(name, 0)) for name in sorted(ALERTS)],
    }
