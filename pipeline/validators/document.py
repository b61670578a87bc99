"""The way of one document through validate: parse, schema, container, model, attachments, rules, official packs.

What stops early: a document that the parse or the uncoupled XSD refuses goes no further (its values would mislead);
a PDF without a usable XML has nothing to read. Everything else is judged in full, so that an issuer corrects once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from lxml import etree

from pipeline import codes
from pipeline.codes import Severity
from pipeline.model import Attachment, Finding, Invoice, Kind, Level, MemberSeen, PackRun, Received
from pipeline.ports import Tools
from pipeline.readers import cii, mixed, ubl
from pipeline.readers.walk import source_line
from pipeline.validators import attachments, facturx, format, generic, xml, xsd
from pipeline.validators.official import claims, packs
from pipeline.values import XML_BLANKS, Text

_CII_GUIDELINE = (
    "{*}ExchangedDocumentContext/{*}GuidelineSpecifiedDocumentContextParameter/{*}ID",
    "/rsm:CrossIndustryInvoice/rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID",
)
_UBL_GUIDELINE = "{*}CustomizationID"
_UBL_ROOTS = {"Invoice": "/ubl:Invoice", "CreditNote": "/cn:CreditNote"}
_UBL_SCHEMAS = {"Invoice": "ubl-invoice", "CreditNote": "ubl-creditnote"}


@dataclass(frozen=True, slots=True)
class JudgedDocument:
    """One invoice of a document, what was found on it, and its opened attachments."""

    invoice: Invoice
    findings: tuple[Finding, ...]
    opened: tuple[attachments.Opened, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What one file of a flow gave: findings on the file, its invoices, the packs that ran.

    `taken`: (name, bytes) of what was taken out of it, for the antivirus; nothing where there is none.
    """

    findings: tuple[Finding, ...]
    invoices: tuple[JudgedDocument, ...] = ()
    packs: tuple[PackRun, ...] = ()
    taken: tuple[tuple[str, bytes], ...] = ()


def examine(
    document: bytes, seen: MemberSeen, received: Received, interface: str, *, ships_stylesheet: bool, tools: Tools
) -> Examined:
    """Judge one file of a flow in full, save for routing. The member's own findings of `identify` are not repeated."""
    terms = tools.terms
    container = None
    text = document
    taken: tuple[tuple[str, bytes], ...] = ()
    on_file: list[Finding] = []
    on_invoice: list[Finding] = []
    if seen.kind is Kind.FACTURX:
        container = facturx.open_container(document, seen.name, terms)
        taken = container.files
        if container.xml is None:
            return Examined(container.findings, taken=taken)
        on_invoice += container.findings
        text = container.xml
    parsed = xml.parse(text, seen.name, terms, attachments=True)
    on_file += parsed.findings
    if parsed.tree is None:
        return Examined((*on_file, *on_invoice), taken=taken)
    root = etree.QName(parsed.tree.getroot()).localname
    refused = xsd.check(parsed, _schema(seen.kind, root), seen.name, tools)
    if refused:
        return Examined((*on_file, *refused, *on_invoice), taken=taken)
    on_file += xsd.stylesheet(parsed, interface, ships_stylesheet, seen.name, terms)
    if any(f.refuses for f in on_file):  # a warning made an error by a switch or the settings: XML-012, FIL-005
        return Examined((*on_file, *on_invoice), taken=taken)

    guideline = _guideline(parsed.tree, seen.kind)
    claim = claims.claim(guideline.text if guideline else None, seen.kind)
    if container is not None:
        on_invoice += facturx.coherence(container, claim.xmp_level, guideline, seen.name, terms)
        if claim.profile_schema:
            on_invoice += xsd.check(
                parsed, claim.profile_schema, seen.name, tools, code=codes.XML_011, level=claim.name
            )
    ran: tuple[PackRun, ...] = ()
    if seen.kind is not Kind.MIXED:
        official, ran = packs.judge(parsed, claim, guideline, seen.kind, seen.name, tools)
        on_invoice += official

    judged = []
    invoices = _read(parsed.tree, seen.kind, claim.level, interface, tools)
    shared_bytes = (container.own_bytes if container else len(document)) - sum(_encoded_bytes(i) for i in invoices)
    for invoice in invoices:
        own_bytes = shared_bytes // len(invoices) + _encoded_bytes(invoice)
        if container is not None:
            invoice = _with_embedded(invoice, container.embedded)
        examined = attachments.examine(invoice, own_bytes, interface, seen.name, terms)
        found = [
            *on_invoice,
            *examined.findings,
            *generic.judge(invoice, received, interface, seen.name, terms),
            *format.judge(invoice, received, interface, seen.name, terms),
        ]
        judged.append(JudgedDocument(invoice, in_report_order(found), examined.opened))
        taken += examined.decoded
        on_file += (f for f in found if f.severity is Severity.FATAL)  # refuses the flow, whose invoices are not told
    return Examined(tuple(on_file), tuple(judged), ran, taken)


def in_report_order(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Stage, then rule id; findings of one rule stay in file order."""
    return tuple(sorted(found, key=lambda f: f.order))


def _schema(kind: Kind, root: str) -> str:
    if kind is Kind.UBL:
        return _UBL_SCHEMAS[root]
    return "mixed" if kind is Kind.MIXED else "cii"


def _guideline(tree: etree._ElementTree, kind: Kind) -> Text | None:
    if kind is Kind.MIXED:
        return None
    where, path = _CII_GUIDELINE
    if kind is Kind.UBL:
        where = _UBL_GUIDELINE
        path = f"{_UBL_ROOTS[etree.QName(tree.getroot()).localname]}/cbc:CustomizationID"
    element = tree.getroot().find(where)
    text = (element.text or "").strip(XML_BLANKS) if element is not None else ""
    return Text(text, "BT-24", path, source_line(element)) if element is not None and text else None


def _read(tree: etree._ElementTree, kind: Kind, level: Level, interface: str, tools: Tools) -> tuple[Invoice, ...]:
    if kind is Kind.UBL:
        return ubl.read(tree, tools.terms, interface=interface)
    if kind is Kind.MIXED:
        return mixed.read(tree, tools.terms)
    return cii.read(tree, tools.terms, interface=interface, kind=kind, level=level)


def _encoded_bytes(invoice: Invoice) -> int:
    """What its attachments take in the file: of a file of many, an invoice weighs these and a share of the rest."""
    return sum(len(attachment.encoded) for attachment in invoice.attachments)


def _with_embedded(invoice: Invoice, embedded: Iterable[Attachment]) -> Invoice:
    """The files embedded in the PDF come after the attachments of the XML, ranks going on."""
    more = tuple(
        replace(attachment, rank=rank) for rank, attachment in enumerate(embedded, start=len(invoice.attachments) + 1)
    )
    return replace(invoice, attachments=invoice.attachments + more) if more else invoice
