"""Our side of the campaign: a mutant judged as `check` judges a file, in this process, and what it read of it."""

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import BinaryIO, cast

from bench.fuzz import intake
from bench.fuzz.mutants import Mutant
from bench.fuzz.stands import NOON, STANDS, Done, Lane, Stand
from fixtures.make import ROOT
from pipeline import judge
from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.identify import identify, open_member
from pipeline.model import (
    Finding,
    IntakeVerdict,
    InvoiceOutcome,
    Kind,
    Known,
    Read,
    ReadInvoice,
    Received,
    Snapshot,
    Verdict,
)
from pipeline.ports import Tools
from pipeline.returns import integration_report, message
from pipeline.terms import Terms
from pipeline.validators.facturx import open_container

SPOOL_IN_MEMORY_BYTES = 8 << 20
_FINDINGS_TOLD = 20  # of a mutant, those whose sentences are made


@dataclass(frozen=True)
class Accepted:
    """One document of a mutant with at least one invoice that would be integrated, as the product read it."""

    member: str
    kind: str
    document: bytes  # as it came
    xml: bytes  # the invoice itself: of a PDF, what the product took out of it
    invoices: tuple[ReadInvoice, ...]


@dataclass(frozen=True)
class Judged:
    """What the product said of a mutant. `members`: (name, SHA-256) of each file of an archive; of a file of changes
    `rows`, what it would do about each row.
    """

    state: str
    refused_by: tuple[str, ...]
    accepted: tuple[Accepted, ...]
    members: tuple[tuple[str, str], ...]
    report: bytes
    lane: Lane | None = None
    rows: tuple[Done, ...] = ()

    @property
    def is_accepted(self) -> bool:
        """Something of it would be in force."""
        return bool(self.accepted) or any(row.is_in_force for row in self.rows)


class Product:
    """The judging core with its real tools. Use it as a context manager. `stands`: the invoices that it knows."""

    def __init__(self, stands: Mapping[Lane, Sequence[Stand]] = STANDS) -> None:
        self._stands = stands
        artefacts = Artefacts()
        self._rules = RuleEngines(artefacts)
        self._tools = Tools(InstalledSchemas(artefacts), self._rules, Terms())
        self._known = Known(Snapshot("directory", date(2026, 11, 15)), as_known(ROOT / "directory"), has_ledger=False)

    def __enter__(self) -> "Product":
        return self

    def __exit__(self, *_: object) -> None:
        self._rules.close()

    def judge(self, mutant: Mutant) -> Judged:
        """Read, decide, conclude and put into words; any exception is a failure of ours."""
        terms = self._tools.terms
        digest = hashlib.sha256(mutant.document).hexdigest()
        received = Received(mutant.partner, mutant.name, digest, len(mutant.document), NOON)
        with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as spooled:
            spool = cast(BinaryIO, spooled)
            source = io.BytesIO(mutant.document)
            read = judge.read(received, source, spool, io.BytesIO(), self._tools)
            if read.lane in intake.LANES:
                return self._changes(read)
            verdict = judge.conclude(judge.decide(read, self._known, terms), {}, terms)
            report = integration_report.render(verdict, "CPP001", terms)
            found = _told(_found(verdict))
            accepted: tuple[Accepted, ...] = ()
            if any(invoice.outcome is not InvoiceOutcome.REFUSED for invoice in verdict.invoices):
                accepted = tuple(self._accepted(received, verdict, mutant.document))
        return Judged(verdict.state.value, _refused_by(found), accepted, _members(read), report)

    def _changes(self, read: Read) -> Judged:
        """The same of a file of changes; its directory is that of a run, which knows a ledger."""
        known = replace(self._known, has_ledger=True)
        verdict, report = intake.answered(read, self._stands, known, self._tools.terms)
        found = _told(_found(verdict))
        lane, rows = intake.LANES[read.lane], tuple(intake.done(verdict))
        return Judged(verdict.state.value, _refused_by(found), (), _members(read), report, lane, rows)

    def _accepted(self, received: Received, verdict: Verdict, document: bytes) -> Iterator[Accepted]:
        by_member: dict[str, list[ReadInvoice]] = {}
        for invoice in verdict.invoices:
            if invoice.outcome is not InvoiceOutcome.REFUSED:
                by_member.setdefault(invoice.read.member, []).append(invoice.read)
        source, spool = io.BytesIO(document), io.BytesIO()
        identified = identify(received, source, spool, self._tools)
        for seen in identified.members:
            if seen.name in by_member:
                content = open_member(identified, seen, source, spool)
                xml = content
                if seen.kind is Kind.FACTURX:
                    xml = open_container(content, seen.name, self._tools.terms).xml or b""
                yield Accepted(seen.name, seen.kind.value, content, xml, tuple(by_member[seen.name]))


def _found(verdict: Verdict | IntakeVerdict) -> Iterator[Finding]:
    yield from verdict.findings
    for one in verdict.rows if isinstance(verdict, IntakeVerdict) else verdict.invoices:
        yield from one.findings


def _told(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, the first of them put into words as `check` does."""
    told = tuple(found)
    for one in told[:_FINDINGS_TOLD]:
        message.text(one)
        message.remedy(one)
    return told


def _refused_by(found: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(sorted({one.rule for one in found if one.refuses}))


def _members(read: Read) -> tuple[tuple[str, str], ...]:
    return tuple((member.name, member.sha256) for member in read.members)
