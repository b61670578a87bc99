"""Log events for operations: JSON lines on standard error when `CHORUS_EDI_LOG=json` asks for them, else nothing.

The verb of the stage, the partner, the number of the deposit, the lot, digests, counts and seconds: never a name that
an issuer chose, never anything that stands in an invoice. `EVENTS` is the whole of it; `docs/ops/logs.md` says what
each one means.
"""

import errno
import os
import socket
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from pipeline.ports import Fault, Said

if TYPE_CHECKING:
    from pipeline.adapters.ledger.rows import Deposit, Lot
    from pipeline.running.summary import RunSummary

Fact = str | int | float


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of line: how serious it is, and the fields it may have besides those of every line."""

    level: str
    fields: tuple[str, ...]


ALWAYS = ("event", "level", "timestamp", "host", "pid")
_LOT = ("partner", "lot", "attempt")
_DEPOSIT = ("partner", "deposit", "sha256")

EVENTS: Mapping[str, Event] = MappingProxyType(
    {
        "sftp": Event("info", ("verb", "partner", "connection", "size_bytes", "name_sha256")),
        "receive": Event("info", (*_DEPOSIT, "size_bytes", "state", "name_sha256")),
        "register": Event("info", ("partner", "files", "size_bytes", "repeated", "quarantined", "seconds")),
        "claim": Event("info", (*_LOT, "kind")),
        "takeover": Event("warning", (*_LOT, "kind")),
        "unit": Event(
            "info", (*_LOT, "flows", "documents", "expanded_bytes", "wait_s", "decide_s", "commit_s", "send_s")
        ),
        "judge": Event("info", (*_DEPOSIT, "lot", "attempt", "state", "is_later", "integrated", "refused", "pending")),
        "intake": Event(
            "info",
            (*_DEPOSIT, "lot", "attempt", "lane", "state", "read", "applied", "repeated", "kept", "refused"),
        ),
        "stale": Event("info", (*_LOT, "tries")),
        "act": Event("info", ("partner", "deposit", "rank", "action")),
        "wait": Event("warning", (*_DEPOSIT, "lot", "attempt", "fault", "at")),
        "quarantine": Event("error", (*_DEPOSIT, "lot", "attempt", "fault", "at", "name_sha256")),
        "infected": Event("warning", (*_DEPOSIT, "signature")),
        "quota": Event("warning", ("partner", "limit", "most")),
        "release": Event("warning", ("deposit",)),
        "deliver": Event("info", ("place", "kind", "deposit", "lot", "attempt", "sha256", "size_bytes")),
        "tell": Event("info", (*_LOT, "changes", "sha256", "size_bytes")),
        "sweep": Event("info", ("lot", "attempt", "files")),
        "lot": Event("info", (*_LOT, "kind", "seconds", "fault")),
        "standby": Event("info", ("seconds",)),
        "lease_lost": Event("warning", (*_LOT, "kind", "seconds")),
        "retry": Event("warning", ("tries", "sqlstate")),
        "rule_cache": Event("warning", ("place", "fault")),
        "fault": Event("error", ("place", "fault", "at", "partner", "lot", "attempt", "sha256", "name_sha256")),
        "alert": Event("warning", ("name", "subject", "step", "told")),
        "alert untold": Event("error", ("name", "subject", "step")),
        "reconcile": Event("info", ("day", "red")),  # and the figures of the day, by their names
        "directory": Event("info", ("snapshot",)),  # and how many rows of each kind
        "commitments": Event("info", ("snapshot",)),
        "mapping": Event("info", ("partner", "rows", "added", "changed", "removed")),
        "submit": Event("info", _DEPOSIT),
        "reprocess": Event("info", ("again", "shadows", "untouched")),
        "retention": Event("info", ("objects", "size_bytes", "locked", "before")),
        "audit_heads": Event("info", ("chains", "day")),
        "backup": Event("info", ("rows", "revision", "objects", "copied", "missing")),
        "restore": Event("warning", ("proved", "as_told", "judged", "decided", "told", "apart", "named", "in_doubt")),
    }
)


class Log(Protocol):
    """Something that takes events."""

    def __call__(self, event: str, /, **facts: Fact) -> None: ...


def silent(_event: str, /, **_facts: Fact) -> None:
    """Nobody asked for a log."""


def opened() -> Log:
    """The log that the environment asks for."""
    if os.environ.get("CHORUS_EDI_LOG") != "json":
        return silent
    import structlog

    lines = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=True),
        ],
        cache_logger_on_first_use=True,
        host=socket.gethostname(),
        pid=os.getpid(),
    )

    def write(event: str, /, **facts: Fact) -> None:
        level = EVENTS[event].level if event in EVENTS else "info"
        with suppress(OSError, ValueError):  # nobody reads any more (`2>&1 | head`): the work goes on
            getattr(lines, level)(event, **facts)

    return write


# --- facts that several events share ----------------------------------------------------------------------------------


def lot_facts(lot: "Lot") -> dict[str, Fact]:
    return {"partner": lot.partner, "lot": lot.id, "attempt": lot.attempt}


def deposit_facts(deposit: "Deposit") -> dict[str, Fact]:
    return {"partner": deposit.partner, "deposit": deposit.id, "sha256": deposit.sha256}


def fault_facts(error: BaseException) -> dict[str, Fact]:
    """The class of an error, what the system or the database calls it, and the line of code that a bug came from.

    Not its text: a library may quote what it read, and our own sentences name the flow.
    """
    kind = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return {"fault": f"{kind} {errno.errorcode.get(error.errno, str(error.errno))}"}
    sqlstate = getattr(getattr(error, "orig", None), "sqlstate", None)
    if sqlstate:
        return {"fault": f"{kind} {sqlstate}"}
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, OSError | Fault) or not frames:
        return {"fault": kind}
    return {"fault": kind, "at": f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"}


def tell_fault(log: Log, summary: "RunSummary", said: Said, place: str, error: Exception | None, **facts: Fact) -> None:
    """Say a fault to people, and log it where it is new: `place` is a folder of ours, never a name of theirs."""
    if said not in summary.faults:
        log("fault", place=place, **(fault_facts(error) if error is not None else {}), **facts)
    summary.fault(said)
