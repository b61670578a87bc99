"""The lines of an integration report (spec 02 section 3.1): the XML, the JSON view and the CSV show the same ones."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from pipeline.codes import Severity
from pipeline.model import Finding, InvoiceOutcome, JudgedInvoice, ReadMember, Verdict
from pipeline.returns import message
from pipeline.returns.place import description
from pipeline.returns.spreadsheet import BOM, cell
from pipeline.terms import Terms

TECHNICAL, FUNCTIONAL, WARNING, PENDING = "TECHNIQUE", "FONCTIONNELLE", "AVERTISSEMENT", "ATTENTE"
OTHERS = "AUTRES"
CSV_COLUMNS = ("ligne", "nature", "code", "regle", "fichier", "numero_facture", "libelle", "description")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """Ligne d'erreur. `code` is the public code of the platform, the rule id where it has none."""

    nature: str
    code: str
    rule: str
    label: str
    description: str
    member: str = ""
    invoice: str = ""
    more: int = 0  # findings that this line stands for, where it says how many were left out


def lines(
    verdict: Verdict, terms: Terms, *, lang: str = message.FRENCH, report_warnings: bool = True
) -> tuple[ReportLine, ...]:
    """Every line of the report in its order, cut at `report_max` lines; the last one then says how many more."""
    found = tuple(_all(verdict, lang, report_warnings and terms.switches.report_warnings))
    most = terms.findings.report_max
    if len(found) <= most:
        return found
    kept, left = found[: most - 1], found[most - 1 :]
    return (*kept, _others(sum(line.more or 1 for line in left), left, lang))


def as_json(found: Iterable[ReportLine]) -> list[dict[str, str | int]]:
    """The lines as plain values."""
    written = ({key: value for key, value in asdict(line).items() if key != "more"} for line in found)
    return [{"line": rank, **line} for rank, line in enumerate(written, 1)]


def as_csv(found: Iterable[ReportLine]) -> bytes:
    """The lines as a table for a spreadsheet."""
    written = io.StringIO()
    table = csv.writer(written, delimiter=";", lineterminator="\r\n")
    table.writerow(CSV_COLUMNS)
    for rank, line in enumerate(found, 1):
        texts = (line.nature, line.code, line.rule, line.member, line.invoice, line.label, line.description)
        table.writerow([rank, *map(cell, texts)])
    return f"{BOM}{written.getvalue()}".encode()


def _all(verdict: Verdict, lang: str, report_warnings: bool) -> Iterator[ReportLine]:
    """The flow, then each member with its invoices, in file order."""
    members = {member.name for member in verdict.read.members}
    on_member: dict[str, list[Finding]] = defaultdict(list)
    of_member: dict[str, list[JudgedInvoice]] = defaultdict(list)
    for finding in verdict.findings:
        on_member[finding.member if finding.member in members else ""].append(finding)
    if not any(finding.severity is Severity.FATAL for finding in verdict.findings):  # irreceivable: no invoice line
        for invoice in verdict.invoices:
            of_member[invoice.read.member].append(invoice)
    yield from _said(on_member[""], TECHNICAL, None, lang, report_warnings)
    for member in verdict.read.members:
        told = list(_said(on_member[member.name], TECHNICAL, None, lang, report_warnings))
        for invoice in of_member[member.name]:
            told += _of_invoice(invoice, lang, report_warnings)
        yield from told
        if member.omitted:
            yield _others(member.omitted, told, lang, member)


def _of_invoice(invoice: JudgedInvoice, lang: str, report_warnings: bool) -> Iterator[ReportLine]:
    """A pending invoice has one line of its own; the holds of a refused one are no news."""
    holds = [f for f in invoice.findings if f.severity is Severity.HOLD]
    others = (f for f in invoice.findings if f.severity is not Severity.HOLD)
    if invoice.outcome is InvoiceOutcome.PENDING:
        yield from _said(holds[:1], FUNCTIONAL, invoice, lang, report_warnings)
    yield from _said(others, FUNCTIONAL, invoice, lang, report_warnings)


def _said(
    findings: Iterable[Finding], refusal: str, invoice: JudgedInvoice | None, lang: str, report_warnings: bool
) -> Iterator[ReportLine]:
    natures = {Severity.FATAL: refusal, Severity.ERROR: refusal, Severity.HOLD: PENDING}
    if report_warnings:
        natures[Severity.WARNING] = WARNING
    for finding in sorted(findings, key=lambda f: f.order):
        if finding.severity in natures:
            yield _line(finding, natures[finding.severity], invoice, lang)


def _line(finding: Finding, nature: str, invoice: JudgedInvoice | None, lang: str) -> ReportLine:
    number = invoice.read.number if invoice else None
    return ReportLine(
        nature=nature,
        code=finding.row.public_code or finding.rule,
        rule=finding.rule,
        label=label(finding, lang),
        description=description(finding, invoice, lang),
        member=finding.member or (invoice.read.member if invoice else ""),
        invoice=message.display(number.text) if number else "",
    )


def label(finding: Finding, lang: str = message.FRENCH) -> str:
    """`[RTG-021] recipient ...`: never cut."""
    return f"[{finding.rule}] {sentence(finding, lang)}"


def sentence(finding: Finding, lang: str = message.FRENCH) -> str:
    """The message without the rule id that an official rule repeats at its head."""
    said = message.text(finding, lang)
    for separator in (": ", " : "):
        said = said.removeprefix(f"{finding.rule}{separator}")
    return said


def _others(count: int, told: Sequence[ReportLine], lang: str, member: ReadMember | None = None) -> ReportLine:
    """The line that says what was left out; it has the nature of the gravest line around it."""
    natures = {line.nature for line in told}
    nature = next((n for n in (TECHNICAL, FUNCTIONAL, PENDING, WARNING) if n in natures), TECHNICAL)
    name = message.display(member.name) if member else ""
    if lang == message.ENGLISH:
        where = f" in file {name}" if member else " in this report"
        said = f"and {count} more{where}"
        remedy = "Correct what is listed and drop the file again: what remains will be shown."
    else:
        where = f" dans le fichier {name}" if member else " dans ce compte rendu"
        said = f"et {count} {'autre' if count == 1 else 'autres'}{where}"
        remedy = "Corrigez ce qui est listé puis redéposez : le reste apparaîtra."
    return ReportLine(nature, OTHERS, OTHERS, said, remedy, member.name if member else "", more=count)
