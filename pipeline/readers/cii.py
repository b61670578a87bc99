"""CII (D16B and D22B), alone or inside a Factur-X PDF -> `Invoice`.

One oddity: in FSO1116A the gross price is the price, and the net price may include VAT (FMT-001).
"""

from lxml import etree

from pipeline.flows import INTERFACES, Syntax
from pipeline.model import Attachment, Invoice, Kind, Level, Places
from pipeline.readers.cii_line import read_lines
from pipeline.readers.cii_party import read_party, routing_service
from pipeline.readers.cii_payment import (
    read_account,
    read_header_amounts,
    read_payment_note,
    read_tax_totals,
    read_vat_line,
)
from pipeline.readers.walk import Found, Group, read_attribute, source_line
from pipeline.terms import CTC, Terms
from pipeline.values import Day, Text

_ROOT = "rsm:CrossIndustryInvoice"
_NOT_SUPPORTING = {"50": "BT-17", "130": "BT-18"}  # tender or lot, invoiced object: references of another kind


def read(tree: etree._ElementTree, terms: Terms, *, interface: str, kind: Kind, level: Level) -> tuple[Invoice, ...]:
    """One invoice. `interface` says how unit prices are meant; `level` is only written down."""
    found = Found()
    root = Group(tree.getroot(), f"/{_ROOT}", found)
    context = root.group("rsm:ExchangedDocumentContext")
    document = root.group("rsm:ExchangedDocument")
    trade = root.group("rsm:SupplyChainTradeTransaction")
    agreement = trade.group("ram:ApplicableHeaderTradeAgreement")
    delivery = trade.group("ram:ApplicableHeaderTradeDelivery")
    settlement = trade.group("ram:ApplicableHeaderTradeSettlement")
    seller = agreement.group("ram:SellerTradeParty")
    buyer = agreement.group("ram:BuyerTradeParty")
    invoicee = settlement.group("ram:InvoiceeTradeParty")
    payee = settlement.group("ram:PayeeTradeParty")
    notes = document.groups("ram:IncludedNote")
    origins, origin_days = _origins(settlement)
    period = settlement.group("ram:BillingSpecifiedPeriod")
    means = settlement.groups("ram:SpecifiedTradeSettlementPaymentMeans")
    codes = tuple(code for one in means if (code := one.identifier("ram:TypeCode", "BT-81")) is not None)
    vat_lines = tuple(read_vat_line(tax) for tax in settlement.groups("ram:ApplicableTradeTax"))
    totals = settlement.group("ram:SpecifiedTradeSettlementHeaderMonetarySummation")
    currency = settlement.identifier("ram:InvoiceCurrencyCode", "BT-5")
    vat_currency = settlement.identifier("ram:TaxCurrencyCode", "BT-6")
    tax_totals = read_tax_totals(totals, currency, vat_currency)
    supporting, attachments = _supporting(agreement)
    ordered = agreement.group("ram:BuyerOrderReferencedDocument")
    ordered.cii_day("ram:FormattedIssueDateTime", "order date")
    commitment = ordered.identifier("ram:IssuerAssignedID", "BT-13")
    contract = agreement.group("ram:ContractReferencedDocument")
    contract.cii_day("ram:FormattedIssueDateTime", "contract date")
    return (
        Invoice(
            kind=kind,
            level=level,
            rank=1,
            root="CrossIndustryInvoice",
            path=root.path,
            number=document.identifier("ram:ID", "BT-1"),
            type=document.identifier("ram:TypeCode", "BT-3"),
            issued=document.cii_day("ram:IssueDateTime", "BT-2"),
            due=_due(settlement),
            currency=currency,
            vat_currency=vat_currency,
            guideline=context.group("ram:GuidelineSpecifiedDocumentContextParameter").identifier("ram:ID", "BT-24"),
            framework=context.group("ram:BusinessProcessSpecifiedDocumentContextParameter").identifier(
                "ram:ID", "BT-23"
            ),
            notes=tuple(text for note in notes for text in note.texts("ram:Content", "BT-22")),
            note_subjects=tuple(
                code for note in notes if (code := note.identifier("ram:SubjectCode", "BT-21")) is not None
            ),
            origins=origins,
            origin_days=origin_days,
            period_start=period.cii_day("ram:StartDateTime", "BT-73"),
            period_end=period.cii_day("ram:EndDateTime", "BT-74"),
            period_label=period.text("ram:Description", "period description"),
            delivered=delivery.group("ram:ActualDeliverySupplyChainEvent").cii_day("ram:OccurrenceDateTime", "BT-72"),
            supplier=read_party(
                seller, "supplier", service=settlement.text("ram:InvoiceIssuerReference", "supplier service")
            ),
            recipient=read_party(buyer, "recipient"),
            validator=read_party(invoicee, "validator") if invoicee else None,
            payee=read_party(payee, "payee") if payee else None,
            endpoint=buyer.group("ram:URIUniversalCommunication").identifier("ram:URIID", "BT-49"),
            service=_service(agreement, buyer if terms.profile == CTC else None),
            service_name=buyer.group("ram:DefinedTradeContact").text("ram:DepartmentName", "BT-56"),
            commitment=_places(commitment),
            market=contract.identifier("ram:IssuerAssignedID", "BT-12"),
            despatch=delivery.group("ram:DespatchAdviceReferencedDocument").identifier("ram:IssuerAssignedID", "BT-16"),
            supporting=supporting,
            sites=_sites(delivery),
            payment_code=codes[0] if codes else None,
            payment_codes=codes,
            payment_note=read_payment_note(means),
            account=read_account(means),
            vat_regimes=tuple(line.due for line in vat_lines if line.due is not None),
            vat_lines=vat_lines,
            total_lines=totals.amount("ram:LineTotalAmount", "BT-106"),
            total_allowances=totals.amount("ram:AllowanceTotalAmount", "BT-107"),
            total_charges=totals.amount("ram:ChargeTotalAmount", "BT-108"),
            total_net=totals.amount("ram:TaxBasisTotalAmount", "BT-109"),
            total_vat=tax_totals.total,
            total_vat_accounting=tax_totals.accounting,
            total_gross=totals.amount("ram:GrandTotalAmount", "BT-112"),
            prepaid=totals.amount("ram:TotalPrepaidAmount", "BT-113"),
            rounding=totals.amount("ram:RoundingAmount", "BT-114"),
            payable=totals.amount("ram:DuePayableAmount", "BT-115"),
            header_amounts=tuple(read_header_amounts(settlement)),
            lines=tuple(read_lines(trade, gross_is_price=_gross_is_price(interface))),
            dates=tuple(found.dates),
            amounts=tuple(found.amounts),
            identifiers=tuple(found.identifiers),
            texts=tuple(found.texts),
            attachments=attachments,
        ),
    )


def _gross_is_price(interface: str) -> bool:
    """The mixed flow in bare CII, FSO1116A: its official samples write the price including VAT as the net price."""
    row = INTERFACES.get(interface)
    return row is not None and row.type == "E2" and row.syntax is Syntax.CII


# --- header and references


def _origins(settlement: Group) -> tuple[tuple[Text, ...], tuple[Day, ...]]:
    numbers: list[Text] = []
    days: list[Day] = []
    for reference in settlement.groups("ram:InvoiceReferencedDocument"):
        number = reference.identifier("ram:IssuerAssignedID", "BT-25")
        day = reference.cii_day("ram:FormattedIssueDateTime", "BT-26")
        numbers += [] if number is None else [number]
        days += [] if day is None else [day]
    return tuple(numbers), tuple(days)


def _due(settlement: Group) -> Day | None:
    """Each block is read, so that each is a date of the document; the first counts."""
    blocks = settlement.groups("ram:SpecifiedTradePaymentTerms")
    days = [day for block in blocks if (day := block.cii_day("ram:DueDateDateTime", "BT-9")) is not None]
    return days[0] if days else None


def _places(*homes: Text | None) -> Places:
    given = tuple(home for home in homes if home is not None)
    return Places(given[0] if given else None, given)


def _service(agreement: Group, reform_buyer: Group | None) -> Places:
    """BT-10; on the new channel BT-46 with scheme 0224 before it."""
    routing = None if reform_buyer is None else routing_service(reform_buyer)
    return _places(routing, agreement.identifier("ram:BuyerReference", "BT-10"))


def _sites(delivery: Group) -> tuple[Text, ...]:
    place = delivery.group("ram:ShipToTradeParty")
    return (*place.identifiers("ram:ID", "BT-71"), *place.identifiers("ram:GlobalID", "BT-71"))


def _supporting(agreement: Group) -> tuple[tuple[Text, ...], tuple[Attachment, ...]]:
    """The supporting documents (BT-122), and the files among them: a reference without a binary is no attachment."""
    supporting: list[Text] = []
    attachments: list[Attachment] = []
    for reference in agreement.groups("ram:AdditionalReferencedDocument"):
        code = reference.identifier("ram:TypeCode", "document type")
        other = None if code is None else _NOT_SUPPORTING.get(code.text)
        number = reference.identifier("ram:IssuerAssignedID", other or "BT-122")
        if number is not None and other is None:
            supporting.append(number)
        category = reference.text("ram:Name", "attachment type")
        for binary, path in reference.children("ram:AttachmentBinaryObject"):
            attachments.append(
                Attachment(
                    rank=len(attachments) + 1,
                    name=read_attribute(binary, "filename", "BT-125-2", path, agreement.found.texts) or number,
                    encoded=binary.text or "",
                    mime=binary.get("mimeCode") or "",
                    category=category,
                    path=path,
                    line=source_line(binary),
                    reference=number,
                )
            )
    return tuple(supporting), tuple(attachments)
