"""Log events for operations: JSON lines on standard error when `CHORUS_EDI_LOG=json` asks for them, else nothing.

The verb of the stage, the partner, the number of the deposit, digests and counts: never a name that an issuer chose,
never anything that stands in an invoice.
"""

import os
import sys
from typing import Protocol


class Log(Protocol):
    """Something that takes events."""

    def __call__(self, event: str, /, **facts: str | int) -> None: ...


def silent(_event: str, /, **_facts: str | int) -> None:
    """Nobody asked for a log."""


def opened() -> Log:
    """The log that the environment asks for."""
    if os.environ.get("CHORUS_EDI_LOG") != "json":
        return silent
    import structlog

    lines = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
    )

    def write(event: str, /, **facts: str | int) -> None:
        lines.info(event, **facts)

    return write
