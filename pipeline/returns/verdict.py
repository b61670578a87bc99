"""A verdict as data for machines, and in one line for people.

The keys are the contract of `check` and `run` (design section 9): add one, never rename one.
"""

from typing import Any

from pipeline.model import Finding, IntakeVerdict, InvoiceOutcome, JudgedInvoice, Verdict
from pipeline.returns import intake_report, integration_report, message
from pipeline.terms import LEGACY


def as_json(
    verdict: Verdict | IntakeVerdict, file: str, lang: str = message.FRENCH, *, profile: str = LEGACY
) -> dict[str, Any]:
    """The verdict as plain values, keys in the order of the contract. What is unknown is an empty text, or null.

    A row of a flow of changes stands where an invoice would, and says what was asked and what became of it.
    """
    if isinstance(verdict, IntakeVerdict):
        told = as_json(intake_report.as_reported(verdict), file, lang, profile=profile)
        rows = intake_report.rows_as_json(verdict)
        told["invoices"] = [row | invoice for row, invoice in zip(rows, told["invoices"], strict=True)]
        return told | {"lane": verdict.read.lane.value}
    read = verdict.read
    return {
        "file": file,
        "flow": read.interface or read.announced,
        "flow_name": read.received.name,
        "profile": profile,
        "state": verdict.state.value,
        "directory": (
            {"snapshot": verdict.snapshot.name, "date": verdict.snapshot.day.isoformat()} if verdict.snapshot else None
        ),
        "packs": [
            {"name": pack.name, "engine": pack.engine, "version": pack.version, "sha256": pack.sha256}
            for pack in read.packs
        ],
        "not_judged": list(verdict.not_judged),
        "members": [
            {"name": m.name, "sha256": m.sha256, "size_bytes": m.size_bytes, "kind": m.kind.value} for m in read.members
        ],
        "findings": [finding_as_json(finding, lang) for finding in verdict.findings],
        "invoices": [_invoice(invoice, lang) for invoice in verdict.invoices],
    }


def finding_as_json(finding: Finding, lang: str = message.FRENCH) -> dict[str, Any]:
    """One finding, with its words."""
    return {
        "rule": finding.rule,
        "pack": finding.pack,
        "public_code": finding.row.public_code,
        "severity": finding.severity.value,
        "member": finding.member,
        "at": finding.at,
        "path": finding.path,
        "line": finding.line,
        "column": finding.column,
        "value": message.value(finding),
        "message": message.text(finding, lang),
        "remedy": message.remedy(finding, lang),
        "corresponds_to": finding.row.corresponds_to,
    }


def summary(verdict: Verdict | IntakeVerdict, lang: str = message.FRENCH) -> str:
    """One line: which flow, what became of it, how many invoices."""
    name = message.display(verdict.read.received.name)
    if isinstance(verdict, IntakeVerdict):
        said = intake_report.comment(verdict, lang)
    else:
        said = integration_report.comment(verdict, lang)
    return f"{name} {verdict.state.value} - {said}"


def _invoice(invoice: JudgedInvoice, lang: str) -> dict[str, Any]:
    read = invoice.read
    texts = {
        "number": read.number,
        "supplier": read.supplier.identifier,
        "recipient": read.recipient,
        "service": read.service,
        "commitment": read.commitment,
    }
    given = {name: text.text if text else "" for name, text in texts.items()}
    return {
        "number": given["number"],
        "member": read.member,
        "supplier": given["supplier"],
        "recipient": given["recipient"],
        "service": given["service"],
        "commitment": given["commitment"],
        "framework": read.framework,
        "total": read.total,
        "currency": read.currency,
        "outcome": invoice.outcome.value,
        "integrated": invoice.outcome is InvoiceOutcome.INTEGRATED,
        "findings": [finding_as_json(finding, lang) for finding in invoice.findings],
    }
