"""Airflow on loopback: its four components as processes of this machine, started, watched and ended by their pids.

Airflow itself is never imported here. Its home is `<home>/airflow`: keys, passwords, the record of what runs, logs.
"""

from pipeline.launcher.start import Ready, up
from pipeline.launcher.status import State, status
from pipeline.launcher.stop import down

__all__ = ["Ready", "State", "down", "status", "up"]
