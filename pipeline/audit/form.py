"""The bytes of the audit chain: what a row covers, how it is hashed, and what of it stands in the store.

All of it is JSON in ASCII without blanks, so that twenty lines in any language recompute it (`docs/ops/audit.md`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

FORMAT, RESULT_FORMAT, HEAD_FORMAT = "chorus-edi audit 1", "chorus-edi audit result 1", "chorus-edi audit head 1"
# kinds of rows
GENESIS, RECEIVED, UNIT, REJECTS = "genesis", "received", "unit", "rejects"
DECISION, OPERATION, SHADOW = "decision", "operation", "shadow"
QUARANTINE, PURGE, RETURNED, RESTORED = "quarantine", "purge", "returned", "restored"
CHANGE, TOLD = "change", "told"  # of invoices of this partner: by whom ever; and the lifecycle return that told them
# the rooms of a partner in the store, beside the bytes received and sent; heads have one for each month
RESULTS, HEADS = "results", "heads-"
# What a row covers: table -> columns, in the order of the bytes that are hashed. Never changed: another order, another
# column is another format. Columns that move on with the work (states, lots) are not among them.
COVERED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "deposits": (
            "id", "partner", "claim", "name_bytes", "name", "sha256", "size_bytes", "is_kept", "received_at",
            "received_day", "first_id", "settled",
        ),
        "verdicts": (
            "deposit_id", "interface", "announced", "state", "snapshot", "snapshot_day", "packs", "not_judged",
            "members", "members_refused", "declared", "expanded_bytes",
        ),
        # as first answered: what was pending then is `pending`, without a receiver, whatever was decided later
        "invoices": (
            "deposit_id", "rank", "partner", "received_day", "member", "number", "type", "issued", "framework",
            "supplier_type", "supplier", "supplier_name", "recipient", "recipient_name", "service", "commitment",
            "currency", "total", "total_millionths", "outcome", "receiver",
        ),
        "decided": ("deposit_id", "rank", "judgement", "outcome", "receiver"),  # invoices that were pending
        "findings": (
            "deposit_id", "rank", "judgement", "position", "rule", "code", "severity", "pack", "member", "at", "path",
            "line", "column", "value", "facts",
        ),
        "transitions": ("deposit_id", "rank", "sequence", "status", "at", "comment", "set_by", "batch"),
        "outbox": ("place", "name", "kind", "owner", "deposit_id", "sha256", "size_bytes"),
        "decisions": ("deposit_id", "rank", "choice", "operator", "reason", "at"),
        "operations": ("deposit_id", "ordinal", "what", "operator", "at", "detail"),
        "shadows": ("deposit_id", "ordinal", "at", "operator", "verdict", "difference"),
        "reject_days": ("partner", "supplier", "day", "ordinal", "name", "invoices"),
        "changes": (
            "deposit_id", "rank", "sequence", "issuer", "source_id", "source_rank", "reason", "mandate", "producer",
            "operator",
        ),
        "told": ("deposit_id", "rank", "sequence", "batch"),  # changes, once a lifecycle return has told them
        "routings": (
            "deposit_id", "rank", "ordinal", "sequence", "recipient", "recipient_name", "service", "commitment",
            "receiver", "snapshot",
        ),
        "events": (
            "deposit_id", "rank", "ordinal", "code", "at", "comment", "source_id", "source_rank", "producer",
        ),
        "additions": ("deposit_id", "rank", "sequence", "position", "name", "mime", "sha256", "size_bytes"),
        "handled": (
            "deposit_id", "rank", "at", "reason", "comment", "credit_id", "credit_rank", "corrective_id",
            "corrective_rank", "source_id", "source_rank", "operator",
        ),
        "intakes": ("deposit_id", "lane", "read", "applied", "repeated", "kept", "refused"),
        "controls": (
            "deposit_id", "position", "flow", "sha256", "invoices", "total", "total_millionths", "currency",
        ),
    }
)  # fmt: skip
ORDER = {table: rank for rank, table in enumerate(COVERED)}
SHORT = 16  # hexadecimal digits of the digest of one group: they tell where to look, the digest of the row proves
Records = Sequence[Sequence[Any]]
_encode = json.JSONEncoder(separators=(",", ":")).encode


class Group(NamedTuple):
    """Records of one table and one deposit (0: of none) that one row covers, in the order of their keys."""

    partner: str
    sequence: int
    deposit: int
    table: str
    records: Records


class Mark(NamedTuple):
    """A group as it was when it was covered: how many records, and the first digits of the SHA-256 of its line."""

    table: str
    deposit: int
    records: int
    digest: str


class Head(NamedTuple):
    """How far a chain has come: how many rows, and the hash of the last one. No row yet: (0, "")."""

    rows: int
    hash: str


NO_HEAD = Head(0, "")


def line(table: str, deposit: int, records: Records) -> str:
    r"""One group in the bytes that are hashed.

    >>> line("transitions", 7, [[7, 1, 1, "01", "2026-11-20T11:00:00.000000+00:00", "é", "platform", ""]])
    '["transitions",7,[[7,1,1,"01","2026-11-20T11:00:00.000000+00:00","\\u00e9","platform",""]]]'
    """
    return _encode([table, deposit, records])


class Cover:
    """The digest of groups, given in their order: by deposit, then as in `COVERED`. Every line ends with a newline."""

    def __init__(self) -> None:
        self._told = hashlib.sha256()
        self.records = 0

    def add(self, table: str, deposit: int, records: Records) -> Mark:
        told = line(table, deposit, records).encode()
        self._told.update(told + b"\n")
        self.records += len(records)
        return Mark(table, deposit, len(records), hashlib.sha256(told).hexdigest()[:SHORT])

    @property
    def digest(self) -> str:
        return self._told.hexdigest()


@dataclass(frozen=True, slots=True)
class Covered:
    """What one row is to cover."""

    records: int
    digest: str
    marks: tuple[Mark, ...]


def covered(groups: Iterable[tuple[str, int, Records]]) -> Covered:
    """(table, deposit, records) of one row, in any order; what has no records is left out.

    Records are ordered by their first columns, which are the key of their table.
    """
    cover = Cover()
    ordered = sorted((group for group in groups if group[2]), key=lambda group: (group[1], ORDER[group[0]]))
    marks = tuple([cover.add(table, deposit, sorted(records, key=tuple)) for table, deposit, records in ordered])
    return Covered(cover.records, cover.digest, marks)


NOTHING = covered(())


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a chain, as it stands in the ledger."""

    partner: str
    sequence: int  # from 0 without a gap
    kind: str
    at: str
    lot: int  # 0: not the work of a lot
    attempt: int
    records: int
    digest: str
    detail: str  # JSON; empty where there is nothing to tell
    result: str  # SHA-256 of the object of a unit, in the room `results`
    previous: str
    hash: str = ""

    @property
    def expected(self) -> str:
        """The hash that this row must have."""
        return self.hash_as(self.sequence)

    def hash_as(self, sequence: int) -> str:
        """The hash that it would have in another place."""
        told = [
            FORMAT, self.partner, sequence, self.kind, self.at, self.lot, self.attempt, self.records, self.digest,
            self.detail, self.result, self.previous,
        ]  # fmt: skip
        return hashlib.sha256(_encode(told).encode()).hexdigest()

    @property
    def told(self) -> Mapping[str, Any]:
        """Its detail; empty where nobody can read it."""
        return parsed(self.detail)


def parsed(text: str | bytes) -> Mapping[str, Any]:
    """A JSON object; empty where it is none."""
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def told(detail: Mapping[str, Any]) -> str:
    """A JSON object, keys sorted; empty where there is nothing to tell."""
    return json.dumps(detail, separators=(",", ":"), sort_keys=True) if detail else ""


# --- in the store -----------------------------------------------------------------------------------------------------


def room(partner: str, name: str) -> str:
    """The owner under which the store keeps these objects of a partner."""
    return f"{partner}/{name}"


def result_object(
    partner: str, lot: int, attempt: int, at: str, stands_on: Head, cover: Covered, flows: Sequence[Mapping[str, Any]]
) -> bytes:
    """What a commit unit leaves in the store: what it decided, in digests, and the head of the chain before it."""
    return told(
        {"format": RESULT_FORMAT, "partner": partner, "lot": lot, "attempt": attempt, "at": at,
         "chain": {"rows": stands_on.rows, "head": stands_on.hash}, "records": cover.records, "digest": cover.digest,
         "flows": flows, "marks": cover.marks}
    ).encode()  # fmt: skip


def head_object(partner: str, day: str, at: str, head: Head) -> bytes:
    """The head of a chain, kept on a day in Paris."""
    return told(
        {"format": HEAD_FORMAT, "partner": partner, "day": day, "at": at, "rows": head.rows, "head": head.hash}
    ).encode()


def is_named(sha256: str, content: bytes) -> bool:
    """These are the bytes of this name."""
    return hashlib.sha256(content).hexdigest() == sha256
