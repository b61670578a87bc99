"""The rows of a control file: what was read of each is kept, and the night compares it with what came."""

from pipeline.model import InvoiceKey, JudgedRow, Read, ReadControl, RowOutcome
from pipeline.terms import Terms


def decide(read: Read, _terms: Terms) -> tuple[JudgedRow, ...]:
    """Each row that can be read applies: it says what its issuer dropped, and changes nothing.

    Nothing is compared here: the flow may come after the file that announces it. A report tells a refused row as it
    tells an invoice, with the name of its flow in the place of a number.
    """
    return tuple(_decide(row) for row in read.controls)


def _decide(row: ReadControl) -> JudgedRow:
    outcome = RowOutcome.REFUSED if row.is_refused else RowOutcome.APPLIED
    named = InvoiceKey("", None, row.flow)
    return JudgedRow(
        row.rank, row.member, named, row.findings, outcome, total=row.total.text if row.total is not None else ""
    )
