"""The lifecycle return (flux de cycle de vie, FEN1201A): news of payment requests, one entry per change of status."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from pipeline import lifecycle
from pipeline.model import Finding, InvoiceOutcome, JudgedInvoice, ReadInvoice, Verdict
from pipeline.returns import message
from pipeline.returns.envelope import envelope, moment, paris_day
from pipeline.returns.markup import DECLARATION, leaf, node, optional
from pipeline.returns.report_rows import sentence

VERSION = "V1_18"  # the text that the schema of status files itself gives
COMPLEMENT_MAX = 40
COMMENT_MAX = 255  # receivers cut a comment there


@dataclass(frozen=True, slots=True)
class InvoiceNamed:
    """What a status file names an invoice by: supplier, number and day, never an internal id."""

    supplier_type: str
    supplier: str
    supplier_name: str
    supplier_country: str
    recipient: str
    recipient_name: str
    service: str
    service_name: str
    number: str
    issued: date | None


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One change of status. `reason` is a code of the list of reasons; `mandate` the number that goes with 08.

    `producer`: whose word it is, by the identifier that the issuer knows it by; empty: ours.
    """

    invoice: InvoiceNamed
    status: lifecycle.Status
    when: datetime
    comment: str = ""
    reason: str = ""
    mandate: str = ""
    producer: str = ""


def named(invoice: ReadInvoice) -> InvoiceNamed:
    """The name of an invoice as it was read."""
    supplier = invoice.supplier
    return InvoiceNamed(
        supplier_type=supplier.type,
        supplier=supplier.identifier.text if supplier.identifier else "",
        supplier_name=supplier.name,
        supplier_country=supplier.country,
        recipient=invoice.recipient.text if invoice.recipient else "",
        recipient_name=invoice.recipient_name,
        service=invoice.service.text if invoice.service else "",
        service_name=invoice.service_name,
        number=invoice.number.text if invoice.number else "",
        issued=invoice.issued,
    )


def of_flow(verdict: Verdict) -> tuple[StatusEntry, ...]:
    """01, 02 and 03 of every integrated invoice of a flow, in file order, at the moment of the deposit."""
    when = verdict.read.received.received_at
    return tuple(
        entry
        for invoice in verdict.invoices
        if invoice.outcome is InvoiceOutcome.INTEGRATED
        for entry in of_integration(invoice, when)
    )


def of_integration(invoice: JudgedInvoice, when: datetime) -> tuple[StatusEntry, ...]:
    """01, 02 and 03 of one invoice: at its deposit, or when a pending one is decided."""
    told_of = named(invoice.read)
    return tuple(StatusEntry(told_of, status, when) for status in lifecycle.INTEGRATION)


def of_refusal(
    invoice: JudgedInvoice, when: datetime, lang: str = message.FRENCH, *, operator_reason: str = ""
) -> StatusEntry:
    """37 of an invoice that a report listed as pending and the decision refused, with the reasons.

    An operator who refuses what waited too long gives a reason of his own; the rules may then say nothing.
    """
    refusing = [finding for finding in invoice.findings if finding.refuses]
    told = [reasons(refusing, lang), message.display(operator_reason, message.PROSE_MAX)]
    comment = " | ".join(part for part in told if part)
    return StatusEntry(named(invoice.read), lifecycle.Status.NON_COMPLIANT, when, comment)


def of_change(
    invoice: InvoiceNamed, status: lifecycle.Status, when: datetime, *, set_by: str, comment: str = "",
    reason: str = "", mandate: str = "",
) -> StatusEntry:  # fmt: skip
    """A change after integration: the recipient's word, the accountant's, or what the issuer did itself.

    Whoever set it is named by its identifier, as it stands in the invoice: the application code of another connection
    is nobody's business.
    """
    producer = {"recipient": invoice.recipient, "accountant": invoice.recipient, "supplier": invoice.supplier}
    return StatusEntry(
        invoice, status, when, _with_its_code(reason, comment), reason, mandate, producer.get(set_by, "")
    )


def _with_its_code(reason: str, comment: str) -> str:
    """The code first, whatever is cut.

    >>> _with_its_code("SE_ERR", "mauvais service"), _with_its_code("SE_ERR", "SE_ERR : service fermé")
    ('SE_ERR : mauvais service', 'SE_ERR : service fermé')
    """
    told = comment.strip()
    if reason and not told.startswith(reason):
        told = f"{reason} : {told}" if told else reason
    return told if len(told) <= COMMENT_MAX else f"{told[: COMMENT_MAX - 1]}…"


def reasons(findings: Iterable[Finding], lang: str = message.FRENCH) -> str:
    """Why, codes first: receivers cut a comment at 255 characters."""
    found = list(findings)
    codes = ", ".join(dict.fromkeys(finding.rule for finding in found))
    sentences = " | ".join(dict.fromkeys(sentence(finding, lang) for finding in found))
    return f"{codes} : {sentences}" if codes else ""


def render(entries: Sequence[StatusEntry], *, name: str, partner: str, ours: str, when: datetime) -> bytes:
    """The bytes of the file `name`, in the order of `entries`; `when` gives its production day."""
    units = (_unit(rank, entry, ours) for rank, entry in enumerate(entries, 1))
    statuses = node("CPPFactureStatuts", *units, compteur=str(len(entries)))
    written = node("CPPStatut", envelope(name, paris_day(when), partner, ours), statuses, Version=VERSION)
    return f"{DECLARATION}{written}".encode()


def _unit(rank: int, entry: StatusEntry, ours: str) -> str:
    invoice = entry.invoice
    return node(
        "CPPFactureStatutUnitaire",
        _parties(invoice),
        node(
            "DonneesStatut",
            leaf("IdStatut", f"{lifecycle.STATUSES[entry.status].id:02d}"),
            optional("ComplementStatut", entry.reason[:COMPLEMENT_MAX]),
            optional("Commentaire", entry.comment),
            leaf("Horodatage", moment(entry.when)),
            leaf("Producteur", "", Id=entry.producer or ours),
            leaf("IdFacture", invoice.number),
            optional("DateFacture", invoice.issued.isoformat() if invoice.issued else ""),
            optional("IdMandatDP", entry.mandate),
        ),
        NumOrdre=str(rank),
    )


@lru_cache(maxsize=1)  # the statuses of an invoice follow one another
def _parties(invoice: InvoiceNamed) -> str:
    return node(
        "Fournisseur",
        leaf("TypeIdentifiant", invoice.supplier_type),
        leaf("Identifiant", invoice.supplier),
        leaf("RaisonSociale", invoice.supplier_name),
        optional("CodePays", invoice.supplier_country if len(invoice.supplier_country) == 2 else ""),
    ) + node(
        "Debiteur",
        leaf("TypeIdentifiant", "1"),
        leaf("Identifiant", invoice.recipient),
        optional("Nom", invoice.recipient_name),
        optional("CodeService", invoice.service),
        optional("NomService", invoice.service_name),
    )
