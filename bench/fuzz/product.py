"""Our side of the campaign: a mutant judged as `check` judges a file, in this process, and what it read of it."""

import hashlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import BinaryIO, cast

from bench.fuzz.mutants import Mutant
from fixtures.make import ROOT
from pipeline import judge
from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.identify import identify, open_member
from pipeline.model import Finding, InvoiceOutcome, Kind, Known, ReadInvoice, Received, Snapshot, Verdict
from pipeline.ports import Tools
from pipeline.returns import integration_report, message
from pipeline.terms import Terms
from pipeline.validators.facturx import open_container

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
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
    """What the product said of a mutant. `members`: (name, SHA-256) of each file of an archive."""

    state: str
    refused_by: tuple[str, ...]
    accepted: tuple[Accepted, ...]
    members: tuple[tuple[str, str], ...]
    report: bytes


class Product:
    """The judging core with its real tools. Use it as a context manager."""

    def __init__(self) -> None:
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
        received = Received("XXX999", mutant.name, digest, len(mutant.document), NOON)
        with tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as spooled:
            spool = cast(BinaryIO, spooled)
            source = io.BytesIO(mutant.document)
            read = judge.read(received, source, spool, io.BytesIO(), self._tools)
            verdict = judge.conclude(judge.decide(read, self._known, terms), {}, terms)
            report = integration_report.render(verdict, "CPP001", terms)
            found = tuple(_found(verdict))
            for one in found[:_FINDINGS_TOLD]:
                message.text(one)
                message.remedy(one)
            accepted: tuple[Accepted, ...] = ()
            if any(invoice.outcome is not InvoiceOutcome.REFUSED for invoice in verdict.invoices):
                accepted = tuple(self._accepted(received, verdict, mutant.document))
        return Judged(
            verdict.state.value, tuple(sorted({one.rule for one in found if one.refuses})), accepted,
            tuple((member.name, member.sha256) for member in read.members), report,
        )  # fmt: skip

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


def _found(verdict: Verdict) -> Iterator[Finding]:
    yield from verdict.findings
    for invoice in verdict.invoices:
        yield from invoice.findings
