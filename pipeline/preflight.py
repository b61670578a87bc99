"""The same checks before the drop: no ledger, no partner, nothing written. What `chorus-edi check` calls.

A bare file is judged as its content says; its base name counts only when all of it follows the grammar of flow names.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from pipeline import judge, status_intake
from pipeline.identify import flow_name
from pipeline.model import (
    Decided,
    IntakeVerdict,
    JudgedRow,
    Known,
    Lane,
    NumberKey,
    Read,
    Received,
    RecipientMapping,
    RowOutcome,
    Snapshot,
    Structure,
    Verdict,
)
from pipeline.ports import Scanner, Tools
from pipeline.reconcile import control
from pipeline.routing import duplicates
from pipeline.terms import Terms
from pipeline.validators import antivirus

SUFFIXES = (".xml", ".pdf", ".tar.gz")
SPOOL_IN_MEMORY_BYTES = 8 * 1024 * 1024


@dataclass
class Preflight:
    """One call of `check`: its terms, its directory, and the numbers seen in the files given so far.

    With a `scanner` the terms must say so (`is_scanned`), else what is taken out of a file is not scanned.
    """

    tools: Tools
    now: datetime
    interface: str = ""
    snapshot: Snapshot | None = None
    structures: Mapping[str, Structure] = field(default_factory=dict)
    seen: dict[NumberKey, str] = field(default_factory=dict)
    scanner: Scanner | None = None
    mapping: RecipientMapping | None = None  # the terms must say that there is one (`maps_recipients`)

    def judge(self, path: Path) -> Verdict | IntakeVerdict:
        """Judge one file in full, but for what only a partner's sheet or a ledger can tell."""
        terms = self.tools.terms
        with (
            path.open("rb") as source,
            tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as unpacked,
            tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as sink,
        ):
            size = source.seek(0, 2)
            source.seek(0)
            is_too_big = size > terms.flow.bytes_max  # FLW-009: its bytes are not looked at
            digest = "" if is_too_big else hashlib.file_digest(source, "sha256").hexdigest()
            source.seek(0)
            received = Received("", path.name, digest, size, self.now, interface=self.interface)
            read = self._read(received, source, cast(BinaryIO, unpacked), cast(BinaryIO, sink))
        if read.lane is not Lane.INVOICES:
            return judge.conclude_changes(read, _rows(read, self.now, terms), terms, has_ledger=False)
        known = Known(self.snapshot, self.structures, has_ledger=False, mapping=self.mapping)
        return judge.conclude(self._without_repeats(judge.decide(read, known, terms), terms), {}, terms)

    def _read(self, received: Received, source: BinaryIO, unpacked: BinaryIO, sink: BinaryIO) -> Read:
        """Read it, and scan it before and after where there is a scanner, as a run does."""
        scanner, terms = self.scanner, self.tools.terms
        if scanner is None or not received.sha256:
            return judge.read(received, source, unpacked, sink, self.tools)
        found = antivirus.scan_file(received, source, scanner)
        if found is not None:
            parts, _ = flow_name(received.name, terms)
            announced = self.interface or (parts.code if parts is not None else "")
            return antivirus.unread(received, announced, found, scanner, terms)
        read = judge.read(received, source, unpacked, sink, self.tools)
        return antivirus.with_findings(read, antivirus.scan_extracts(read, sink, scanner), scanner, terms)

    def _without_repeats(self, decided: Decided, terms: Terms) -> Decided:
        """A number that an earlier file of this call carries is a double too (DUP-002)."""
        decided = duplicates.within_files(decided, self.seen, terms)
        for rank, key in decided.wanted:
            self.seen.setdefault(key, f"{decided.read.received.name} ({rank})")
        return decided


def _rows(read: Read, now: datetime, terms: Terms) -> tuple[JudgedRow, ...]:
    """The rows of a flow of changes, as far as they can be judged without the invoices that they name."""
    if read.lane is Lane.STATUSES:
        return status_intake.preview(read, now, terms)
    if read.lane is Lane.CONTROL:
        return control.decide(read, terms)
    return tuple(
        JudgedRow(
            row.rank, row.member, row.invoice, row.findings,
            RowOutcome.REFUSED if row.is_refused else RowOutcome.APPLIED,
        )
        for row in read.actions
    )  # fmt: skip


def files(paths: Iterable[Path], terms: Terms) -> Iterator[Path]:
    """The files named, and those of the folders named that look like flows or invoices, in the order of their names."""
    for path in paths:
        if path.is_dir():
            yield from (p for p in sorted(path.rglob("*")) if p.is_file() and _is_candidate(p, terms))
        else:
            yield path


def _is_candidate(path: Path, terms: Terms) -> bool:
    return path.name.lower().endswith(SUFFIXES) or flow_name(path.name, terms)[0] is not None
