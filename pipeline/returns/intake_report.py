"""The report on a flow of changes: the shape of the integration report (CSO), a row in the place of an invoice.

Each refused row is a line with its rule, its place, its rank in the file and the invoice that it names. An invoice of
somebody else is reported as one that is not known: nobody learns that it exists.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pipeline import codes
from pipeline.model import (
    Finding,
    IntakeVerdict,
    InvoiceOutcome,
    JudgedInvoice,
    JudgedRow,
    Lane,
    ReadInvoice,
    RowOutcome,
    SupplierRead,
    Verdict,
)
from pipeline.plural import counted
from pipeline.returns import integration_report, message
from pipeline.terms import Terms
from pipeline.values import Text

# what the rows of a lane are called, and what became of them: (one, many); zero is singular in French
_ROWS: Mapping[str, Mapping[Lane, tuple[str, str]]] = MappingProxyType(
    {
        message.FRENCH: {
            Lane.STATUSES: ("statut", "statuts"), Lane.ACTIONS: ("action", "actions"), Lane.CONTROL: ("flux", "flux"),
        },
        message.ENGLISH: {
            Lane.STATUSES: ("status", "statuses"), Lane.ACTIONS: ("action", "actions"), Lane.CONTROL: ("flow", "flows"),
        },
    }
)  # fmt: skip
_BECAME: Mapping[str, Mapping[RowOutcome, tuple[str, str]]] = MappingProxyType(
    {
        message.FRENCH: {
            RowOutcome.APPLIED: ("appliqué(e)", "appliqué(e)s"), RowOutcome.REPEATED: ("répété(e)", "répété(e)s"),
            RowOutcome.KEPT: ("gardé(e) en historique", "gardé(e)s en historique"),
            RowOutcome.REFUSED: ("refusé(e)", "refusé(e)s"),
        },
        message.ENGLISH: {
            RowOutcome.APPLIED: ("applied", "applied"), RowOutcome.REPEATED: ("repeated", "repeated"),
            RowOutcome.KEPT: ("kept as history", "kept as history"), RowOutcome.REFUSED: ("refused", "refused"),
        },
    }
)  # fmt: skip
# of a row that `check` found nothing wrong with: only the platform knows where the invoice stands
_OFFLINE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {message.FRENCH: ("recevable", "recevables"), message.ENGLISH: ("admissible", "admissible")}
)
ADMISSIBLE = "admissible"
_GENDER: Mapping[Lane, str] = MappingProxyType({Lane.ACTIONS: "e"})


def render(
    verdict: IntakeVerdict, ours: str, terms: Terms, *, lang: str = message.FRENCH, report_warnings: bool = True
) -> bytes:
    """The bytes of the report; its name is `names.report_name`."""
    return integration_report.render(
        as_reported(verdict), ours, terms, lang=lang, report_warnings=report_warnings, said=comment(verdict, lang)
    )


def comment(verdict: IntakeVerdict, lang: str = message.FRENCH) -> str:
    """How many rows of the file became what, in one sentence."""
    lang = message.ENGLISH if lang == message.ENGLISH else message.FRENCH
    lane, count = verdict.read.lane, len(verdict.rows)
    said = [counted(count, _ROWS[lang][lane], lang)]
    if verdict.is_offline:
        sound = count - verdict.count(RowOutcome.REFUSED)
        said.append(counted(sound, _OFFLINE[lang], lang))
    for outcome in (RowOutcome.REFUSED,) if verdict.is_offline else RowOutcome:
        found = verdict.count(outcome)
        if found or outcome in {RowOutcome.APPLIED, RowOutcome.REFUSED}:
            one, many = (word.replace("(e)", _GENDER.get(lane, "")) for word in _BECAME[lang][outcome])
            said.append(counted(found, (one, many), lang))
    refused = sum(member.is_refused for member in verdict.read.members)
    if refused:
        said.append(integration_report.counted_files(refused, lang))
    return ", ".join(said)


def as_reported(verdict: IntakeVerdict) -> Verdict:
    """The verdict with a row where a report has an invoice: refused, or taken."""
    read = verdict.read
    recipients = {row.rank: row.recipient for row in read.statuses} | {row.rank: row.recipient for row in read.actions}
    rows = tuple(_reported(row, recipients.get(row.rank)) for row in verdict.rows)
    return Verdict(read, verdict.state, verdict.findings, rows, verdict.snapshot, verdict.not_judged)


def rows_as_json(verdict: IntakeVerdict) -> list[dict[str, Any]]:
    """What the JSON of a verdict says of each row, beside what it says of an invoice."""
    read = verdict.read
    asked = {row.rank: row.status.text if row.status is not None else "" for row in read.statuses}
    asked |= {row.rank: row.action.value if row.action is not None else "" for row in read.actions}
    return [
        {"row": row.rank, "asked": asked.get(row.rank, ""), "change": _became(row, is_offline=verdict.is_offline)}
        for row in verdict.rows
    ]


def _became(row: JudgedRow, *, is_offline: bool) -> str:
    """What became of a row; where no ledger was asked, whether it could be asked for at all."""
    return ADMISSIBLE if is_offline and row.outcome is not RowOutcome.REFUSED else row.outcome.value


def _reported(row: JudgedRow, recipient: Text | None) -> JudgedInvoice:
    key, standing = row.invoice, row.standing
    read = ReadInvoice(
        rank=row.rank, member=row.member, number=key.number, type=standing.type if standing is not None else "",
        issued=key.issued, framework=standing.framework if standing is not None else "", framework_at=None,
        supplier=SupplierRead(key.supplier_type, key.supplier), recipient=recipient, recipient_name="", service=None,
        service_name="", commitment=None, market=None, origins=(), has_validator=False,
        currency=standing.currency if standing is not None else "", total=row.total, findings=(), pivot=None,
    )  # fmt: skip
    outcome = InvoiceOutcome.REFUSED if row.outcome is RowOutcome.REFUSED else InvoiceOutcome.INTEGRATED
    return JudgedInvoice(read, tuple(_told(one, row.rank) for one in row.findings), outcome, None)


def _told(finding: Finding, rank: int) -> Finding:
    """A finding as its sender sees it: LFC-013 with the id and text of LFC-008, and the rank of the row."""
    facts = {**finding.facts, "row": rank}
    if finding.code == codes.LFC_013.id:
        return replace(finding, rule=codes.LFC_008.id, code=codes.LFC_008.id, facts=facts)
    return replace(finding, facts=facts)
