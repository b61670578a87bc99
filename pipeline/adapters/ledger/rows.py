"""The rows that the shell reads from the ledger, as frozen types, and findings to and from their columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from pipeline.codes import Severity
from pipeline.model import DepositRight, Finding, Received
from pipeline.ports import Said
from pipeline.terms import LEGACY

T = TypeVar("T")
CHUNK = 500  # values in one IN list: far below the bind limits of both engines
RECEIVED, REPEATED, QUARANTINED = "received", "repeated", "quarantined"


@dataclass(frozen=True, slots=True)
class Partner:
    """A connection (raccordement): who may drop what for whom, and what it receives for whom."""

    code: str
    name: str = ""
    profile: str = LEGACY
    flows: tuple[str, ...] = ()  # empty: every open code
    rights: tuple[DepositRight, ...] = ()
    receives: tuple[tuple[str, str], ...] = ()  # (SIRET, service or empty)
    policies: Mapping[str, str] = field(default_factory=dict)
    report_warnings: bool = True
    roles: tuple[str, ...] = ("recipient", "accountant")
    lang: str = "fr"
    until: date | None = None  # the last day on which it may drop
    quota: Mapping[str, int] = field(default_factory=dict)  # what stands above `[quota]` of the settings
    maps_recipients: bool = False  # its labels and aliases are applied before routing


@dataclass(frozen=True, slots=True)
class Deposit:
    """One row of `deposits`."""

    id: int
    partner: str
    claim: str
    name_bytes: bytes
    name: str
    sha256: str
    size_bytes: int
    is_kept: bool
    received_at: datetime
    state: str
    settled: tuple[Finding, ...] = ()
    first_id: int | None = None
    fault: Said | None = None  # why it waits or is set apart
    again: bool = False

    @property
    def received(self) -> Received:
        return Received(self.partner, self.name, self.sha256, self.size_bytes, self.received_at, self.settled)


@dataclass(frozen=True, slots=True)
class Lot:
    """Whole flows of one partner, claimed by one worker; `attempt` is the fencing token."""

    id: int
    partner: str
    kind: str
    attempt: int


@dataclass(frozen=True, slots=True)
class ToSend:
    """One row of the outbox: bytes already stored, and the name under which they leave."""

    place: str
    name: str
    kind: str
    owner: str
    deposit_id: int | None
    sha256: str
    size_bytes: int
    state: str = "ready"


def moment(at: datetime) -> str:
    """An aware moment as text that sorts: UTC, microseconds always written."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def day_text(day: date | None) -> str | None:
    return day.isoformat() if day is not None else None


def text_day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def shown(name: bytes) -> str:
    """A file name as people see it: bytes that are no UTF-8 as `\\xNN`."""
    return name.decode("utf-8", "backslashreplace")


def chunks(values: Iterable[T]) -> Iterable[Sequence[T]]:
    """Parts of at most `CHUNK` values, in order."""
    part: list[T] = []
    for value in values:
        part.append(value)
        if len(part) == CHUNK:
            yield part
            part = []
    if part:
        yield part


def compact(value: object) -> str:
    """JSON without blanks, keys sorted: equal values give equal bytes."""
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return told.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair: as JSON escapes it


def storable(text: str) -> str:
    """A text that both engines take: no NUL, no half of a surrogate pair."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def finding_columns(found: Finding) -> dict[str, Any]:
    """The columns of a finding; what a stranger wrote, and no text column takes, is shown by its number."""
    return {
        "rule": found.rule, "code": found.code, "severity": found.severity.value, "pack": found.pack,
        "member": storable(found.member), "at": found.at, "path": found.path,
        "line": found.line, "column": found.column,
        "value": storable(found.value), "facts": compact(dict(found.facts)),
    }  # fmt: skip


def column_finding(row: Any) -> Finding:
    """`row`: a mapping by column name, of the ledger or of JSON."""
    return Finding(
        row["rule"], row["code"], Severity(row["severity"]), row["pack"], row["member"], row["at"], row["path"],
        row["line"], row["column"], row["value"], json.loads(row["facts"]),
    )  # fmt: skip


def said_column(said: Said | None) -> str:
    """Both languages in one text column; empty where there is nothing to say."""
    return compact({"fr": said.fr, "en": said.en}) if said is not None else ""


def column_said(text: str) -> Said | None:
    return Said(**json.loads(text)) if text else None


def deposit(row: Any) -> Deposit:
    return Deposit(
        row.id, row.partner, row.claim, bytes(row.name_bytes), row.name, row.sha256, row.size_bytes, bool(row.is_kept),
        datetime.fromisoformat(row.received_at), row.state,
        tuple(column_finding(f) for f in json.loads(row.settled)) if row.settled else (),
        row.first_id, column_said(row.fault), bool(row.again),
    )  # fmt: skip
