"""The daily file of rejects of one issuer, for a person and a spreadsheet (spec 02 section 6)."""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from pipeline.model import Finding, InvoiceOutcome, Verdict
from pipeline.returns import message
from pipeline.returns.report_rows import sentence
from pipeline.returns.spreadsheet import BOM, cell

COLUMNS = ("numero_flux", "numero_facture", "date_depot", "motif", "code", "regle", "remede")
UNKNOWN_SUPPLIER = "INCONNU"
_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reject:
    """One reason why one invoice of an issuer did not enter. `supplier` is empty where it could not be read."""

    supplier: str
    flow_name: str
    number: str
    day: date
    reason: str
    code: str
    rule: str
    remedy: str


def reject(
    finding: Finding, flow_name: str, day: date, *, supplier: str = "", number: str = "", lang: str = message.FRENCH
) -> Reject:
    """One finding that refused something, as a line of the file; `day` is that of the deposit."""
    return Reject(
        supplier=supplier,
        flow_name=flow_name,
        number=number,
        day=day,
        reason=sentence(finding, lang),
        code=finding.row.public_code or finding.rule,
        rule=finding.rule,
        remedy=message.remedy(finding, lang),
    )


def of_verdict(verdict: Verdict, lang: str = message.FRENCH) -> Iterator[Reject]:
    """Every reason of every refused invoice; a refused flow or file, whose invoices are unknown, has no number."""
    received = verdict.read.received
    for finding in verdict.findings:
        if finding.refuses:
            yield reject(finding, received.name, received.day, lang=lang)
    for invoice in verdict.invoices:
        if invoice.outcome is not InvoiceOutcome.REFUSED:
            continue
        read = invoice.read
        supplier = read.supplier.identifier.text if read.supplier.identifier else ""
        number = read.number.text if read.number else ""
        for finding in invoice.findings:
            if finding.refuses:
                yield reject(finding, received.name, received.day, supplier=supplier, number=number, lang=lang)


def name(partner: str, supplier: str, day: date, part: int = 1) -> str:
    """The name of the file; `part` counts the files of a day that a later run added to.

    >>> name("ABC001", "12345678900011", date(2026, 11, 20), 2)
    'REJETS_ABC001_12345678900011_20261120-02.csv'
    """
    suffix = f"-{part:02d}" if part > 1 else ""
    return f"REJETS_{partner}_{issuer(supplier)}_{day:%Y%m%d}{suffix}.csv"


def issuer(supplier: str) -> str:
    """The issuer as the name of a file shows it. Identifiers that look alike here share one file: a name holds once.

    >>> issuer("CH 12"), issuer("CH.12"), issuer("")
    ('CH-12', 'CH-12', 'INCONNU')
    """
    return _NOT_ALPHANUMERIC.sub("-", supplier)[:80] or UNKNOWN_SUPPLIER


def render(rejects: Iterable[Reject]) -> bytes:
    """The bytes of the file: UTF-8 with BOM, `;`, one line per reason, in the order given."""
    written = io.StringIO()
    table = csv.writer(written, delimiter=";", lineterminator="\r\n")
    table.writerow(COLUMNS)
    for line in rejects:
        table.writerow(
            [
                cell(line.flow_name),
                cell(line.number),
                line.day.isoformat(),
                cell(line.reason),
                cell(line.code),
                cell(line.rule),
                cell(line.remedy),
            ]
        )
    return f"{BOM}{written.getvalue()}".encode()
