"""What one document costs, stage by stage, on one core: processor time of this process and of the Saxon server.

Rules of measuring: passes over the same documents, one block per stage, stages and documents shuffled, never two stages
interleaved per document (Saxon empties the caches); the median of the passes, with the smallest and the largest.
"""

import gc
import io
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from hashlib import sha256

from pydantic import TypeAdapter

from bench import processes
from bench.figures import Figure, print_figures
from bench.machine import digest_of, pinned
from bench.reference import RIGHTS, directory
from fixtures import cii, ubl
from fixtures.batch import PARTNER, RECIPIENTS, flow_name, invoice_pdf
from fixtures.content import Content, Series
from pipeline import codes, judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.identify import identify, open_member
from pipeline.model import Identified, Invoice, InvoiceOutcome, Kind, Known, Level, Read, Received, Snapshot
from pipeline.ports import RuleEngine, Tools
from pipeline.readers import cii as cii_reader
from pipeline.readers import ubl as ubl_reader
from pipeline.readers.safe_xml import Parsed
from pipeline.returns import pivot
from pipeline.returns.pivot_attachments import PivotAttachment
from pipeline.terms import Terms
from pipeline.validators import attachments, document, facturx, format, generic, xml, xsd
from pipeline.validators.official import claims, packs
from pipeline.validators.official.differences import COMPILED, SAXON
from pipeline.values import Text

DOCUMENTS = 100
PASSES = 9
WITHOUT_CLAIM_MS = 2.0
FACTURX_MS = 3.0
_READ = TypeAdapter(Read)


@dataclass(frozen=True)
class Sample:
    """Documents of one kind, as partners drop them."""

    title: str
    code: str
    kind: Kind
    schema: str
    level: Level
    write: Callable[[Content], bytes]
    guideline: str
    target_ms: float | None

    def documents(self, count: int) -> list[bytes]:
        series = Series(seed=7, recipients=RECIPIENTS, prefix="B-")
        return [self.write(series.next(guideline=self.guideline)) for _ in range(count)]


EN16931 = cii.GUIDELINES["en16931"]
SAMPLES = (
    Sample("CII, no claim (FSO1106A)", "FSO1106A", Kind.CII, "cii", Level.NONE, lambda c: cii.write(c, ""), "",
           WITHOUT_CLAIM_MS),
    Sample("UBL, no claim (FSO1100A)", "FSO1100A", Kind.UBL, "ubl-invoice", Level.NONE, ubl.write, "",
           WITHOUT_CLAIM_MS),
    Sample("Factur-X EN 16931, PDF (FSO1117A)", "FSO1117A", Kind.FACTURX, "cii", Level.EN16931, invoice_pdf, EN16931,
           FACTURX_MS),
    Sample("UBL that claims EN 16931 (FSO1100A)", "FSO1100A", Kind.UBL, "ubl-invoice", Level.NONE, ubl.write,
           ubl.EN16931, None),
)  # fmt: skip


@dataclass
class Case:
    """One document with all that its stages take, made before anything is measured."""

    content: bytes
    received: Received
    identified: Identified
    parsed: Parsed
    guideline: Text | None
    claim: claims.Claim
    container: facturx.Container | None
    invoice: Invoice
    opened: Sequence[attachments.Opened]
    read: Read


class Bench:
    """The stages of one sample, each a function of a case."""

    def __init__(self, sample: Sample, rules: RuleEngines, documents: Sequence[bytes]) -> None:
        self.sample, self.rules, self.terms = sample, rules, Terms()
        self.tools = Tools(InstalledSchemas(), rules, self.terms)
        self.known = Known(Snapshot("bench", date(2026, 11, 1)), structures=as_known(directory()), rights=RIGHTS)
        self.cases = [self._case(rank, content) for rank, content in enumerate(documents, start=1)]

    def stages(self) -> list[tuple[str, Callable[[Case], object], float | None]]:
        """(name, function, target) in the order of the report."""
        is_pdf, has_pack = self.sample.kind is Kind.FACTURX, bool(self.cases[0].claim.pack)
        found: list[tuple[str, Callable[[Case], object], float | None]] = [("identify", self.identify, None)]
        if is_pdf:
            found.append(("container (PDF)", self.container, None))
        found += [("parse", self.parse, None), ("XSD", self.xsd, None)]
        if is_pdf:
            found.append(("XSD of the profile", self.profile_xsd, None))
        if has_pack:
            pack = self.cases[0].claim.pack
            found += [
                (f"official rules, {COMPILED} ({pack})", self.compiled, None),
                (f"official rules, {SAXON} ({pack})", self.saxon, None),
            ]
        found += [
            ("read", self.read, None),
            ("Chorus rules (attachments, generic, format)", self.chorus, None),
            ("pivot unit", self.pivot, None),
            ("routing (decide, conclude)", self.route, None),
            ("records to the parent and back (JSON)", self.travel, None),
        ]
        if has_pack:
            found.append(("everything: judge.read, decide, conclude", self.everything, self.sample.target_ms))
        else:
            told = "parse + XSD + read + Chorus rules + routing"
            found.append((told, self.examine_and_route, self.sample.target_ms))
            found.append(("everything: judge.read, decide, conclude", self.everything, None))
        return found

    # --- the stages

    def identify(self, case: Case) -> Identified:
        return identify(case.received, io.BytesIO(case.content), io.BytesIO(), self.tools)

    def container(self, case: Case) -> facturx.Container:
        return facturx.open_container(case.content, case.received.name, self.terms)

    def parse(self, case: Case) -> Parsed:
        return xml.parse(case.parsed.document, case.received.name, self.terms)

    def xsd(self, case: Case) -> object:
        return xsd.check(case.parsed, self.sample.schema, case.received.name, self.tools)

    def profile_xsd(self, case: Case) -> object:
        return xsd.check(case.parsed, case.claim.profile_schema, "", self.tools, code=codes.XML_011)

    def compiled(self, case: Case) -> object:
        return self._official(case, self.rules.compiled)

    def saxon(self, case: Case) -> object:
        return self._official(case, self.rules.saxon)

    def _official(self, case: Case, engine: RuleEngine) -> object:
        # a new `Parsed`: the text that Saxon gets is made once per document, and paid here
        tools = replace(self.tools, rules=engine)
        return packs.judge(
            replace(case.parsed), case.claim, case.guideline, self.sample.kind, case.received.name, tools
        )  # fmt: skip

    def read(self, case: Case) -> Invoice:
        return self._invoice(case.parsed)

    def chorus(self, case: Case) -> object:
        name = case.received.name
        return (
            attachments.examine(case.invoice, len(case.content), self.sample.code, name, self.terms),
            generic.judge(case.invoice, case.received, self.sample.code, name, self.terms),
            format.judge(case.invoice, case.received, self.sample.code, name, self.terms),
        )

    def pivot(self, case: Case) -> None:
        opened = [PivotAttachment(o.name, o.content, o.mime, o.category, o.is_pdf, o.type) for o in case.opened]
        name = case.received.name
        pivot.unit(case.invoice, opened, case.received, self.sample.code, case.content, name, io.BytesIO())

    def route(self, case: Case) -> object:
        return judge.conclude(judge.decide(case.read, self.known, self.terms), {}, self.terms)

    def travel(self, case: Case) -> Read:
        return _READ.validate_json(_READ.dump_json(case.read))

    def examine_and_route(self, case: Case) -> object:
        seen = case.identified.members[0]
        examined = document.examine(
            case.content, seen, case.received, self.sample.code, ships_stylesheet=False, tools=self.tools
        )
        return examined, self.route(case)

    def everything(self, case: Case) -> object:
        read = judge.read(case.received, io.BytesIO(case.content), io.BytesIO(), io.BytesIO(), self.tools)
        return judge.conclude(judge.decide(read, self.known, self.terms), {}, self.terms)

    # --- what they take

    def _case(self, rank: int, content: bytes) -> Case:
        name = flow_name(self.sample.code, rank)
        digest = sha256(content).hexdigest()
        received = Received(PARTNER, name, digest, len(content), datetime(2026, 11, 20, 9, tzinfo=UTC))
        source, spool = io.BytesIO(content), io.BytesIO()
        identified = identify(received, source, spool, self.tools)
        text = open_member(identified, identified.members[0], source, spool)
        container = facturx.open_container(text, name, self.terms) if self.sample.kind is Kind.FACTURX else None
        parsed = xml.parse(container.xml or b"" if container else text, name, self.terms)
        invoice = self._invoice(parsed)
        claim = claims.claim(self.sample.guideline, self.sample.kind)
        opened = attachments.examine(invoice, len(content), self.sample.code, name, self.terms).opened
        read = judge.read(received, source, io.BytesIO(), io.BytesIO(), self.tools)
        verdict = judge.conclude(judge.decide(read, self.known, self.terms), {}, self.terms)
        if [i.outcome for i in verdict.invoices] != [InvoiceOutcome.INTEGRATED]:
            told = [(f.rule, f.value) for i in verdict.invoices for f in i.findings] + list(verdict.findings)
            raise SystemExit(f"{self.sample.title}: a document of the bench is not accepted: {told}")
        return Case(
            content, received, identified, parsed, invoice.guideline, claim, container, invoice, opened, read
        )  # fmt: skip

    def _invoice(self, parsed: Parsed) -> Invoice:
        assert parsed.tree is not None
        if self.sample.kind is Kind.UBL:
            return ubl_reader.read(parsed.tree, self.terms, interface=self.sample.code)[0]
        kind, level = self.sample.kind, self.sample.level
        return cii_reader.read(parsed.tree, self.terms, interface=self.sample.code, kind=kind, level=level)[0]


def run(count: int = DOCUMENTS, passes: int = PASSES) -> list[Figure]:
    """Measure every sample, print a table each; gives the figures that have a target."""
    shown: list[Figure] = []
    with pinned(1), RuleEngines() as rules:
        for sample in SAMPLES:
            documents = sample.documents(count)
            bench = Bench(sample, rules, documents)
            figures = measure(bench, passes)
            size = sum(map(len, documents)) / len(documents) / 1000
            title = (
                f"{sample.title}: {count} documents of {size:.1f} kB (digest {digest_of(documents)}), "
                f"{passes} passes, processor ms per document"
            )
            print_figures(title, figures)
            shown += figures
    return shown


def measure(bench: Bench, passes: int) -> list[Figure]:
    stages = bench.stages()
    spent: dict[str, list[float]] = {name: [] for name, _, _ in stages}
    order = random.Random(1)
    for _, stage, _ in stages:  # what has to be started is started before its processor time is asked for
        stage(bench.cases[0])
    pids = processes.descendants(os.getpid())
    for rank in range(passes + 1):  # the first one warms up
        for name, stage, _ in order.sample(stages, len(stages)):
            cases = order.sample(bench.cases, len(bench.cases))
            gc.collect()
            began = processes.cpu_s(pids)
            for case in cases:
                stage(case)
            if rank:
                spent[name].append((processes.cpu_s(pids) - began) * 1000 / len(cases))
    return [Figure(name, spent[name], "ms", target, digits=3) for name, _, target in stages]


if __name__ == "__main__":
    started = time.monotonic()
    run()
    print(f"\n{time.monotonic() - started:.0f} s")
