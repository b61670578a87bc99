"""Who wakes whom. An event is a wake-up call, never the record of work: a sweep stands behind each of them."""

import os

from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

from edi_airflow.drops import DropTrigger, RemoteDropTrigger
from edi_airflow.policy import PARIS

SWEEP_MINUTES = int(os.environ.get("CHORUS_EDI_SWEEP_MINUTES") or 5)

DROP = Asset(
    name="edi_drop",
    watchers=[
        AssetWatcher(name="edi_folders", trigger=DropTrigger()),
        AssetWatcher(name="edi_remotes", trigger=RemoteDropTrigger()),
    ],
)
LOTS = Asset(name="edi_lots")
STATUSES = Asset(name="edi_statuses")


def on(asset: Asset, minutes: int = SWEEP_MINUTES) -> AssetOrTimeSchedule:
    """At each event, and every so many minutes."""
    return AssetOrTimeSchedule(timetable=CronTriggerTimetable(f"*/{minutes} * * * *", timezone=PARIS), assets=[asset])


def at(cron: str) -> CronTriggerTimetable:
    """By the clock of Paris; the logical date of a run is the moment it is due."""
    return CronTriggerTimetable(cron, timezone=PARIS)
