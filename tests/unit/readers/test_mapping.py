"""Every row of the mapping is read, by each syntax that has a place for it, with its BT and its place."""

import csv
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from reader_documents import (
    LEGACY_TERMS,
    assert_every_place_holds,
    cii_document,
    mixed_document,
    tree_of,
    ubl_document,
)

from pipeline.model import Invoice, Kind, Level
from pipeline.readers import cii, mixed, ubl
from pipeline.values import Amount, Day, Text

Value = Text | Amount | Day | None
Row = tuple[Callable[[Invoice], Value], str, str]  # where in the model, its text, its BT (or our own word)

PIVOT_ONLY = {"issuer_mode", "reception_date", "moe_date", "resend", "cpro_id"}


def among(values: tuple[Text, ...] | tuple[Amount, ...] | tuple[Day, ...], bt: str) -> Value:
    return next((value for value in values if value.bt == bt), None)


# --- UBL


def ubl_party(n: int, id_: str) -> str:
    return f"""<cac:Party><cbc:EndpointID schemeID="0009">1100020110004{n}</cbc:EndpointID>
    <cac:PartyIdentification><cbc:ID schemeName="1">{id_}</cbc:ID></cac:PartyIdentification>
    <cac:PartyName><cbc:Name>Trading {n}</cbc:Name></cac:PartyName>
    <cac:PostalAddress><cbc:StreetName>Street {n}</cbc:StreetName>
      <cbc:AdditionalStreetName>Floor {n}</cbc:AdditionalStreetName><cbc:CityName>Town {n}</cbc:CityName>
      <cbc:PostalZone>7500{n}</cbc:PostalZone>
      <cac:Country><cbc:IdentificationCode>F{n}</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>FR0{n}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID>
      <cbc:TaxTypeCode>TVA DEBIT</cbc:TaxTypeCode></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>Name {n}</cbc:RegistrationName><cbc:CompanyID>RCS {n}</cbc:CompanyID>
      <cac:RegistrationAddress><cbc:CityName>Seat {n}</cbc:CityName></cac:RegistrationAddress>
      <cac:CorporateRegistrationScheme><cbc:ID>{n}000 EUR</cbc:ID></cac:CorporateRegistrationScheme>
    </cac:PartyLegalEntity>
    <cac:Contact><cbc:ID>Contact {n}</cbc:ID><cbc:Name>Desk {n}</cbc:Name><cbc:Note>Hours {n}</cbc:Note></cac:Contact>
    AGENT</cac:Party>"""


UBL = ubl_document(f"""
 <ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent><aife:FactureExtension>
   <aife:CategoryCode>A9</aife:CategoryCode></aife:FactureExtension></ext:ExtensionContent></ext:UBLExtension>
 </ext:UBLExtensions>
 <cbc:CustomizationID>urn:guideline</cbc:CustomizationID><cbc:ProfileID>A2</cbc:ProfileID><cbc:ID>F-1</cbc:ID>
 <cbc:IssueDate>2026-03-01</cbc:IssueDate><cbc:DueDate>2026-03-31</cbc:DueDate>
 <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:Note>#ADN#B2G</cbc:Note>
 <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode><cbc:TaxCurrencyCode>USD</cbc:TaxCurrencyCode>
 <cbc:BuyerReference>SERVICE-2</cbc:BuyerReference>
 <cac:InvoicePeriod><cbc:StartDate>2026-02-01</cbc:StartDate><cbc:EndDate>2026-02-28</cbc:EndDate>
   <cbc:DescriptionCode>35</cbc:DescriptionCode><cbc:Description>February</cbc:Description></cac:InvoicePeriod>
 <cac:OrderReference><cbc:ID>ORDER-1</cbc:ID><cbc:IssueDate>2026-01-05</cbc:IssueDate></cac:OrderReference>
 <cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>F-0</cbc:ID><cbc:IssueDate>2025-12-01</cbc:IssueDate>
   </cac:InvoiceDocumentReference></cac:BillingReference>
 <cac:DespatchDocumentReference><cbc:ID>DESPATCH-1</cbc:ID></cac:DespatchDocumentReference>
 <cac:ContractDocumentReference><cbc:ID>MARKET-1</cbc:ID><cbc:IssueDate>2025-01-06</cbc:IssueDate>
   <cbc:DocumentTypeCode>MARCHÉ PUBLIC</cbc:DocumentTypeCode></cac:ContractDocumentReference>
 <cac:AdditionalDocumentReference><cbc:ID>DOC-1</cbc:ID><cbc:DocumentType>Bon de commande</cbc:DocumentType>
   <cac:Attachment><cbc:EmbeddedDocumentBinaryObject filename="order.pdf" mimeCode="application/pdf">JVBERg==
   </cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>
 <cac:AccountingSupplierParty>{
    ubl_party(1, "11111111111111").replace(
        "AGENT",
        "<cac:AgentParty><cac:PartyIdentification><cbc:ID schemeName='1'>33333333333333</cbc:ID></cac:PartyIdentification>"
        "<cac:PartyLegalEntity><cbc:RegistrationName>Agent</cbc:RegistrationName></cac:PartyLegalEntity></cac:AgentParty>",
    )
}
   <cac:AccountingContact><cbc:Name>Anne</cbc:Name><cbc:Telephone>01</cbc:Telephone></cac:AccountingContact>
 </cac:AccountingSupplierParty>
 <cac:AccountingCustomerParty>{ubl_party(2, "22222222222222").replace("AGENT", "")}
   <cac:AccountingContact><cbc:ID>SERVICE-1</cbc:ID><cbc:Name>Works office</cbc:Name></cac:AccountingContact>
 </cac:AccountingCustomerParty>
 <cac:PayeeParty><cac:PartyIdentification><cbc:ID schemeName="1">44444444444444</cbc:ID></cac:PartyIdentification>
   <cac:PartyName><cbc:Name>Payee</cbc:Name></cac:PartyName></cac:PayeeParty>
 <cac:Delivery><cbc:ActualDeliveryDate>2026-02-27</cbc:ActualDeliveryDate>
   <cac:DeliveryLocation><cbc:ID>SITE-1</cbc:ID></cac:DeliveryLocation></cac:Delivery>
 <cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cbc:PaymentDueDate>2026-03-30</cbc:PaymentDueDate>
   <cbc:PaymentChannelCode>IBAN</cbc:PaymentChannelCode><cbc:InstructionNote>By transfer</cbc:InstructionNote>
   <cac:PayeeFinancialAccount><cbc:ID>FR7612345</cbc:ID><cac:FinancialInstitutionBranch><cbc:ID>BANKFRPP</cbc:ID>
   </cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>
 <cac:PaymentTerms><cbc:Note>30 days</cbc:Note></cac:PaymentTerms>
 <cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>
   <cbc:AllowanceChargeReason>Goodwill</cbc:AllowanceChargeReason><cbc:Amount currencyID="EUR">5.00</cbc:Amount>
 </cac:AllowanceCharge>
 <cac:TaxTotal><cbc:TaxAmount currencyID="EUR">19.00</cbc:TaxAmount><cac:TaxSubtotal>
   <cbc:TaxableAmount currencyID="EUR">95.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">19.01</cbc:TaxAmount>
   <cbc:Percent>20.0</cbc:Percent><cac:TaxCategory><cbc:ID>S</cbc:ID>
   <cbc:TaxExemptionReasonCode>VATEX-1</cbc:TaxExemptionReasonCode><cbc:TaxExemptionReason>None</cbc:TaxExemptionReason>
   </cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
 <cac:TaxTotal><cbc:TaxAmount currencyID="USD">21.00</cbc:TaxAmount></cac:TaxTotal>
 <cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
   <cbc:TaxExclusiveAmount currencyID="EUR">96.00</cbc:TaxExclusiveAmount>
   <cbc:TaxInclusiveAmount currencyID="EUR">115.00</cbc:TaxInclusiveAmount>
   <cbc:AllowanceTotalAmount currencyID="EUR">5.01</cbc:AllowanceTotalAmount>
   <cbc:ChargeTotalAmount currencyID="EUR">1.00</cbc:ChargeTotalAmount>
   <cbc:PrepaidAmount currencyID="EUR">15.00</cbc:PrepaidAmount>
   <cbc:PayableRoundingAmount currencyID="EUR">0.02</cbc:PayableRoundingAmount>
   <cbc:PayableAmount currencyID="EUR">100.02</cbc:PayableAmount></cac:LegalMonetaryTotal>
 <cac:InvoiceLine><cbc:ID>L1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity>
   <cbc:LineExtensionAmount currencyID="EUR">99.00</cbc:LineExtensionAmount>
   <cac:Delivery><cbc:ID>SITE-2</cbc:ID><cbc:ActualDeliveryDate>2026-02-26</cbc:ActualDeliveryDate>
     <cbc:TrackingID>T-1</cbc:TrackingID></cac:Delivery>
   <cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator>
     <cbc:AllowanceChargeReasonCode>95</cbc:AllowanceChargeReasonCode>
     <cbc:AllowanceChargeReason>Discount</cbc:AllowanceChargeReason>
     <cbc:MultiplierFactorNumeric>3</cbc:MultiplierFactorNumeric><cbc:Amount currencyID="EUR">3.00</cbc:Amount>
     <cbc:BaseAmount currencyID="EUR">100.10</cbc:BaseAmount></cac:AllowanceCharge>
   <cac:AllowanceCharge><cbc:ChargeIndicator>true</cbc:ChargeIndicator><cbc:Amount currencyID="EUR">2.00</cbc:Amount>
     <cbc:BaseAmount currencyID="EUR">100.20</cbc:BaseAmount></cac:AllowanceCharge>
   <cac:Item><cbc:Description>A long chair</cbc:Description><cbc:Name>Chair</cbc:Name>
     <cac:SellersItemIdentification><cbc:ID>ART-1</cbc:ID></cac:SellersItemIdentification>
     <cac:StandardItemIdentification><cbc:ID>3000000000001</cbc:ID></cac:StandardItemIdentification>
     <cac:ClassifiedTaxCategory><cbc:ID>Z</cbc:ID><cbc:Percent>10</cbc:Percent></cac:ClassifiedTaxCategory>
     <cac:AdditionalItemProperty><cbc:Name>COLOUR</cbc:Name><cbc:Value>RED</cbc:Value></cac:AdditionalItemProperty>
     <cac:AdditionalItemProperty><cbc:Name>TYPE_LIGNE</cbc:Name><cbc:Value>DETAIL</cbc:Value></cac:AdditionalItemProperty>
   </cac:Item>
   <cac:Price><cbc:PriceAmount currencyID="EUR">50.00</cbc:PriceAmount><cbc:BaseQuantity>1</cbc:BaseQuantity>
     <cac:AllowanceCharge><cbc:ChargeIndicator>false</cbc:ChargeIndicator><cbc:Amount currencyID="EUR">4.00</cbc:Amount>
     <cbc:BaseAmount currencyID="EUR">54.00</cbc:BaseAmount></cac:AllowanceCharge></cac:Price></cac:InvoiceLine>
""")

# What the places of the model are called in every syntax.
COMMON: dict[str, Callable[[Invoice], Value]] = {
    "framework": lambda i: i.framework,
    "guideline": lambda i: i.guideline,
    "number": lambda i: i.number,
    "type": lambda i: i.type,
    "issue_date": lambda i: i.issued,
    "due_date": lambda i: i.due,
    "currency": lambda i: i.currency,
    "vat_currency": lambda i: i.vat_currency,
    "note": lambda i: i.notes[0],
    "note_subject": lambda i: i.note_subjects[0],
    "origin_invoice": lambda i: i.origins[0],
    "origin_date": lambda i: i.origin_days[0],
    "period_start": lambda i: i.period_start,
    "period_end": lambda i: i.period_end,
    "period_label": lambda i: i.period_label,
    "delivery_date": lambda i: i.delivered,
    "supplier_id": lambda i: i.supplier.identifier,
    "supplier_id_type": lambda i: i.supplier.scheme,
    "supplier_name": lambda i: i.supplier.name,
    "supplier_trading": lambda i: i.supplier.trading_name,
    "supplier_vat": lambda i: i.supplier.vat,
    "supplier_country": lambda i: i.supplier.address.country,
    "supplier_line1": lambda i: i.supplier.address.line1,
    "supplier_line2": lambda i: i.supplier.address.line2,
    "supplier_city": lambda i: i.supplier.address.city,
    "supplier_service": lambda i: i.supplier.service_label,
    "supplier_contact": lambda i: i.supplier.contact,
    "supplier_legal": lambda i: i.supplier.legal,
    "validator": lambda i: i.validator.identifier if i.validator else None,
    "recipient_id": lambda i: i.recipient.identifier,
    "recipient_name": lambda i: i.recipient.name,
    "recipient_vat": lambda i: i.recipient.vat,
    "recipient_country": lambda i: i.recipient.address.country,
    "service": lambda i: i.service.value,
    "service_name": lambda i: i.service_name,
    "commitment": lambda i: i.commitment.value,
    "market": lambda i: i.market,
    "despatch": lambda i: i.despatch,
    "delivery_site": lambda i: i.sites[0],
    "payee": lambda i: i.payee.identifier if i.payee else None,
    "payee_name": lambda i: i.account.holder,
    "payment_code": lambda i: i.payment_code,
    "payment_note": lambda i: i.payment_note,
    "iban": lambda i: i.account.iban,
    "rib": lambda i: i.account.rib,
    "bic": lambda i: i.account.bic,
    "vat_regime": lambda i: i.vat_regimes[0],
    "vat_base": lambda i: i.vat_lines[0].base,
    "vat_amount": lambda i: i.vat_lines[0].amount,
    "vat_rate": lambda i: i.vat_lines[0].rate,
    "vat_category": lambda i: i.vat_lines[0].category,
    "vat_exemption": lambda i: i.vat_lines[0].exemption,
    "vat_exemption_code": lambda i: i.vat_lines[0].exemption_code,
    "total_lines": lambda i: i.total_lines,
    "total_allowances": lambda i: i.total_allowances,
    "total_charges": lambda i: i.total_charges,
    "total_net": lambda i: i.total_net,
    "total_vat": lambda i: i.total_vat,
    "total_vat_accounting": lambda i: i.total_vat_accounting,
    "total_gross": lambda i: i.total_gross,
    "prepaid": lambda i: i.prepaid,
    "rounding": lambda i: i.rounding,
    "payable": lambda i: i.payable,
    "header_allowance": lambda i: i.header_amounts[0],
    "line_id": lambda i: i.lines[0].id,
    "line_type": lambda i: i.lines[0].type,
    "quantity": lambda i: i.lines[0].quantity,
    "line_total": lambda i: i.lines[0].total,
    "line_allowance": lambda i: i.lines[0].allowances[0],
    "line_allowance_base": lambda i: i.lines[0].other_amounts[0],
    "line_allowance_rate": lambda i: i.lines[0].other_amounts[1],
    "line_allowance_reason": lambda i: among(i.texts, "BT-139"),
    "line_allowance_code": lambda i: among(i.identifiers, "BT-140"),
    "line_charge": lambda i: i.lines[0].charges[0],
    "line_charge_base": lambda i: i.lines[0].other_amounts[2],
    "price": lambda i: i.lines[0].price,
    "price_discount": lambda i: i.lines[0].price_discount,
    "gross_price": lambda i: i.lines[0].gross_price,
    "base_quantity": lambda i: i.lines[0].base_quantity,
    "line_vat_rate": lambda i: i.lines[0].vat_rate,
    "line_vat_category": lambda i: i.lines[0].vat_category,
    "item_name": lambda i: i.lines[0].name,
    "item_desc": lambda i: i.lines[0].description,
    "item_ids": lambda i: among(i.identifiers, "BT-155"),
    "line_site": lambda i: i.lines[0].site,
    "line_delivery": lambda i: i.lines[0].delivered,
    "attachment": lambda i: i.attachments[0].name if i.attachments[0].encoded else None,
    "attachment_name": lambda i: i.attachments[0].name,
    "attachment_type": lambda i: i.attachments[0].category,
    "attachment_mime": lambda i: i.attachments[0].name if i.attachments[0].mime == "application/pdf" else None,
    "endpoint": lambda i: i.endpoint,
}

UBL_VALUES: dict[str, tuple[str, str]] = {
    "framework": ("A9", "BT-23"),
    "guideline": ("urn:guideline", "BT-24"),
    "number": ("F-1", "BT-1"),
    "type": ("380", "BT-3"),
    "issue_date": ("2026-03-01", "BT-2"),
    "due_date": ("2026-03-30", "BT-9"),
    "currency": ("EUR", "BT-5"),
    "vat_currency": ("USD", "BT-6"),
    "note": ("#ADN#B2G", "BT-22"),
    "note_subject": ("ADN", "BT-21"),
    "origin_invoice": ("F-0", "BT-25"),
    "origin_date": ("2025-12-01", "BT-26"),
    "period_start": ("2026-02-01", "BT-73"),
    "period_end": ("2026-02-28", "BT-74"),
    "period_label": ("February", "period description"),
    "delivery_date": ("2026-02-27", "BT-72"),
    "supplier_id": ("11111111111111", "BT-30"),
    "supplier_id_type": ("1", "scheme"),
    "supplier_name": ("Name 1", "BT-27"),
    "supplier_trading": ("Trading 1", "BT-28"),
    "supplier_vat": ("FR01", "BT-31"),
    "supplier_country": ("F1", "BT-40"),
    "supplier_line1": ("Street 1", "BT-35"),
    "supplier_line2": ("Floor 1", "BT-36"),
    "supplier_city": ("Town 1", "BT-37"),
    "supplier_service": ("Contact 1", "supplier service"),
    "supplier_contact": ("Anne", "BG-6"),
    "supplier_legal": ("RCS 1", "BT-30"),
    "validator": ("33333333333333", "validator"),
    "recipient_id": ("22222222222222", "BT-47"),
    "recipient_name": ("Name 2", "BT-44"),
    "recipient_vat": ("FR02", "BT-48"),
    "recipient_country": ("F2", "BT-55"),
    "service": ("SERVICE-1", "BT-10"),
    "service_name": ("Works office", "BT-56"),
    "commitment": ("ORDER-1", "BT-13"),
    "market": ("MARKET-1", "BT-12"),
    "despatch": ("DESPATCH-1", "BT-16"),
    "delivery_site": ("SITE-1", "BT-71"),
    "payee": ("44444444444444", "BT-60"),
    "payee_name": ("Payee", "BT-59"),
    "payment_code": ("30", "BT-81"),
    "payment_note": ("By transfer", "BT-82"),
    "iban": ("FR7612345", "BT-84"),
    "rib": ("12345123451234567890112", "BT-84"),
    "bic": ("BANKFRPP", "BT-86"),
    "vat_regime": ("TVA DEBIT", "BT-8"),
    "vat_base": ("95.00", "BT-116"),
    "vat_amount": ("19.01", "BT-117"),
    "vat_rate": ("20.0", "BT-119"),
    "vat_category": ("S", "BT-118"),
    "vat_exemption": ("None", "BT-120"),
    "vat_exemption_code": ("VATEX-1", "BT-121"),
    "total_lines": ("100.00", "BT-106"),
    "total_allowances": ("5.01", "BT-107"),
    "total_charges": ("1.00", "BT-108"),
    "total_net": ("96.00", "BT-109"),
    "total_vat": ("19.00", "BT-110"),
    "total_vat_accounting": ("21.00", "BT-111"),
    "total_gross": ("115.00", "BT-112"),
    "prepaid": ("15.00", "BT-113"),
    "rounding": ("0.02", "BT-114"),
    "payable": ("100.02", "BT-115"),
    "header_allowance": ("5.00", "BT-92"),
    "line_id": ("L1", "BT-126"),
    "line_type": ("DETAIL", "TYPE_LIGNE"),
    "quantity": ("2", "BT-129"),
    "line_total": ("99.00", "BT-131"),
    "line_allowance": ("3.00", "BT-136"),
    "line_allowance_base": ("100.10", "BT-137"),
    "line_allowance_rate": ("3", "BT-138"),
    "line_allowance_reason": ("Discount", "BT-139"),
    "line_allowance_code": ("95", "BT-140"),
    "line_charge": ("2.00", "BT-141"),
    "line_charge_base": ("100.20", "BT-142"),
    "price": ("50.00", "BT-146"),
    "price_discount": ("4.00", "BT-147"),
    "gross_price": ("54.00", "BT-148"),
    "base_quantity": ("1", "BT-149"),
    "line_vat_rate": ("10", "BT-152"),
    "line_vat_category": ("Z", "BT-151"),
    "item_name": ("Chair", "BT-153"),
    "item_desc": ("A long chair", "BT-154"),
    "item_ids": ("ART-1", "BT-155"),
    "line_site": ("SITE-2", "line delivery site"),
    "line_delivery": ("2026-02-26", "line delivery date"),
    "attachment": ("order.pdf", "BT-125-2"),
    "attachment_name": ("order.pdf", "BT-125-2"),
    "attachment_type": ("Bon de commande", "attachment type"),
    "attachment_mime": ("order.pdf", "BT-125-2"),
    "endpoint": ("11000201100042", "BT-49"),
}
UBL_OWN: dict[str, Callable[[Invoice], Value]] = {"payee_name": lambda i: i.payee.name if i.payee else None}


def read_ubl_document(document: str = UBL) -> Invoice:
    (invoice,) = ubl.read(tree_of(document), LEGACY_TERMS, interface="FSO1100A")
    return invoice


# --- CII


def cii_party(name: str, n: int, id_: str, before: str = "", after: str = "") -> str:
    return f"""<ram:{name}>{before}<ram:Name>Name {n}</ram:Name>
    <ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">{id_}</ram:ID>
      <ram:TradingBusinessName>Trading {n}</ram:TradingBusinessName></ram:SpecifiedLegalOrganization>
    <ram:DefinedTradeContact><ram:PersonName>Anne {n}</ram:PersonName><ram:DepartmentName>Office {n}</ram:DepartmentName>
    </ram:DefinedTradeContact>
    <ram:PostalTradeAddress><ram:PostcodeCode>7500{n}</ram:PostcodeCode><ram:LineOne>Street {n}</ram:LineOne>
      <ram:LineTwo>Floor {n}</ram:LineTwo><ram:CityName>Town {n}</ram:CityName><ram:CountryID>F{n}</ram:CountryID>
    </ram:PostalTradeAddress>{after}
    <ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR0{n}</ram:ID></ram:SpecifiedTaxRegistration></ram:{name}>"""


def at(name: str, day: str) -> str:
    return f'<ram:{name}><udt:DateTimeString format="102">{day}</udt:DateTimeString></ram:{name}>'


def formatted(day: str) -> str:
    return (
        '<ram:FormattedIssueDateTime><qdt:DateTimeString format="102">'
        f"{day}</qdt:DateTimeString></ram:FormattedIssueDateTime>"
    )


def cii_allowance(indicator: str, amount: str, base: str, more: str = "") -> str:
    return f"""<ram:SpecifiedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>{indicator}</udt:Indicator>
    </ram:ChargeIndicator><ram:CalculationPercent>3</ram:CalculationPercent><ram:BasisAmount>{base}</ram:BasisAmount>
    <ram:ActualAmount>{amount}</ram:ActualAmount>{more}</ram:SpecifiedTradeAllowanceCharge>"""


CII = cii_document(
    context="""<ram:BusinessProcessSpecifiedDocumentContextParameter><ram:ID>A9</ram:ID>
      </ram:BusinessProcessSpecifiedDocumentContextParameter><ram:GuidelineSpecifiedDocumentContextParameter>
      <ram:ID>urn:guideline</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>""",
    document=f"""<ram:ID>F-1</ram:ID><ram:TypeCode>380</ram:TypeCode>{at("IssueDateTime", "20260301")}
      <ram:IncludedNote><ram:Content>A note</ram:Content><ram:SubjectCode>ADN</ram:SubjectCode></ram:IncludedNote>""",
    lines=f"""<ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument><ram:LineID>L1</ram:LineID>
      </ram:AssociatedDocumentLineDocument><ram:SpecifiedTradeProduct><ram:GlobalID schemeID="0160">3000000000001</ram:GlobalID>
      <ram:SellerAssignedID>ART-1</ram:SellerAssignedID><ram:Name>Chair</ram:Name>
      <ram:Description>A long chair</ram:Description></ram:SpecifiedTradeProduct>
      <ram:SpecifiedLineTradeAgreement><ram:GrossPriceProductTradePrice><ram:ChargeAmount>54.00</ram:ChargeAmount>
      <ram:AppliedTradeAllowanceCharge><ram:ChargeIndicator><udt:Indicator>false</udt:Indicator></ram:ChargeIndicator>
      <ram:ActualAmount>4.00</ram:ActualAmount></ram:AppliedTradeAllowanceCharge></ram:GrossPriceProductTradePrice>
      <ram:NetPriceProductTradePrice><ram:ChargeAmount>50.00</ram:ChargeAmount><ram:BasisQuantity>1</ram:BasisQuantity>
      </ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement>
      <ram:SpecifiedLineTradeDelivery><ram:BilledQuantity unitCode="C62">2</ram:BilledQuantity>
      <ram:ShipToTradeParty><ram:GlobalID>SITE-2</ram:GlobalID></ram:ShipToTradeParty>
      <ram:ActualDeliverySupplyChainEvent>{at("OccurrenceDateTime", "20260226")}</ram:ActualDeliverySupplyChainEvent>
      </ram:SpecifiedLineTradeDelivery><ram:SpecifiedLineTradeSettlement>
      <ram:ApplicableTradeTax><ram:TypeCode>VAT</ram:TypeCode><ram:CategoryCode>Z</ram:CategoryCode>
      <ram:RateApplicablePercent>10</ram:RateApplicablePercent></ram:ApplicableTradeTax>
      {cii_allowance("false", "3.00", "100.10", "<ram:ReasonCode>95</ram:ReasonCode><ram:Reason>Discount</ram:Reason>")}
      {cii_allowance("true", "2.00", "100.20")}
      <ram:SpecifiedTradeSettlementLineMonetarySummation><ram:LineTotalAmount>99.00</ram:LineTotalAmount>
      </ram:SpecifiedTradeSettlementLineMonetarySummation></ram:SpecifiedLineTradeSettlement>
      </ram:IncludedSupplyChainTradeLineItem>""",
    agreement=f"""<ram:BuyerReference>SERVICE-1</ram:BuyerReference>{cii_party("SellerTradeParty", 1, "11111111111111")}
      {
        cii_party(
            "BuyerTradeParty",
            2,
            "22222222222222",
            after="<ram:URIUniversalCommunication><ram:URIID schemeID='0009'>11000201100042</ram:URIID>"
            "</ram:URIUniversalCommunication>",
        )
    }
      <ram:BuyerOrderReferencedDocument><ram:IssuerAssignedID>ORDER-1</ram:IssuerAssignedID>{formatted("20260105")}
      </ram:BuyerOrderReferencedDocument><ram:ContractReferencedDocument><ram:IssuerAssignedID>MARKET-1</ram:IssuerAssignedID>
      {formatted("20250106")}</ram:ContractReferencedDocument>
      <ram:AdditionalReferencedDocument><ram:IssuerAssignedID>DOC-1</ram:IssuerAssignedID><ram:TypeCode>916</ram:TypeCode>
      <ram:Name>Bon de commande</ram:Name><ram:AttachmentBinaryObject filename="order.pdf" mimeCode="application/pdf"
      >JVBERg==</ram:AttachmentBinaryObject></ram:AdditionalReferencedDocument>""",
    delivery=f"""<ram:ShipToTradeParty><ram:ID>SITE-1</ram:ID></ram:ShipToTradeParty>
      <ram:ActualDeliverySupplyChainEvent>{at("OccurrenceDateTime", "20260227")}</ram:ActualDeliverySupplyChainEvent>
      <ram:DespatchAdviceReferencedDocument><ram:IssuerAssignedID>DESPATCH-1</ram:IssuerAssignedID>
      </ram:DespatchAdviceReferencedDocument>""",
    settlement=f"""<ram:TaxCurrencyCode>USD</ram:TaxCurrencyCode><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:InvoiceIssuerReference>Contact 1</ram:InvoiceIssuerReference>
      {cii_party("InvoiceeTradeParty", 3, "33333333333333")}{cii_party("PayeeTradeParty", 4, "44444444444444")}
      <ram:SpecifiedTradeSettlementPaymentMeans><ram:TypeCode>30</ram:TypeCode><ram:Information>By transfer</ram:Information>
      <ram:PayeePartyCreditorFinancialAccount><ram:IBANID>FR7612345</ram:IBANID><ram:AccountName>Payee</ram:AccountName>
      <ram:ProprietaryID>12345123451234567890112</ram:ProprietaryID></ram:PayeePartyCreditorFinancialAccount>
      <ram:PayeeSpecifiedCreditorFinancialInstitution><ram:BICID>BANKFRPP</ram:BICID>
      </ram:PayeeSpecifiedCreditorFinancialInstitution></ram:SpecifiedTradeSettlementPaymentMeans>
      <ram:ApplicableTradeTax><ram:CalculatedAmount>19.01</ram:CalculatedAmount><ram:TypeCode>VAT</ram:TypeCode>
      <ram:ExemptionReason>None</ram:ExemptionReason><ram:BasisAmount>95.00</ram:BasisAmount>
      <ram:CategoryCode>S</ram:CategoryCode><ram:ExemptionReasonCode>VATEX-1</ram:ExemptionReasonCode>
      <ram:DueDateTypeCode>5</ram:DueDateTypeCode><ram:RateApplicablePercent>20.0</ram:RateApplicablePercent>
      </ram:ApplicableTradeTax><ram:BillingSpecifiedPeriod><ram:Description>February</ram:Description>
      {at("StartDateTime", "20260201")}{at("EndDateTime", "20260228")}</ram:BillingSpecifiedPeriod>
      {cii_allowance("false", "5.00", "100.30", "<ram:Reason>Goodwill</ram:Reason>")}
      <ram:SpecifiedTradePaymentTerms>{at("DueDateDateTime", "20260330")}</ram:SpecifiedTradePaymentTerms>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:LineTotalAmount>100.00</ram:LineTotalAmount>
      <ram:ChargeTotalAmount>1.00</ram:ChargeTotalAmount><ram:AllowanceTotalAmount>5.01</ram:AllowanceTotalAmount>
      <ram:TaxBasisTotalAmount>96.00</ram:TaxBasisTotalAmount>
      <ram:TaxTotalAmount currencyID="USD">21.00</ram:TaxTotalAmount><ram:TaxTotalAmount currencyID="EUR">19.00</ram:TaxTotalAmount>
      <ram:RoundingAmount>0.02</ram:RoundingAmount><ram:GrandTotalAmount>115.00</ram:GrandTotalAmount>
      <ram:TotalPrepaidAmount>15.00</ram:TotalPrepaidAmount><ram:DuePayableAmount>100.02</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:InvoiceReferencedDocument>
      <ram:IssuerAssignedID>F-0</ram:IssuerAssignedID>{formatted("20251201")}</ram:InvoiceReferencedDocument>""",
)

NOT_IN_CII = {"line_type"}
CII_DAYS = {"issue_date", "due_date", "origin_date", "period_start", "period_end", "delivery_date", "line_delivery"}
CII_VALUES = {
    datum: (text.replace("-", "") if datum in CII_DAYS else text, bt)
    for datum, (text, bt) in UBL_VALUES.items()
    if datum not in NOT_IN_CII
} | {
    "note": ("A note", "BT-22"),
    "supplier_id_type": ("0002", "scheme"),
    "supplier_contact": ("Anne 1", "BG-6"),
    "supplier_legal": ("Street 1", "BT-35"),
    "service_name": ("Office 2", "BT-56"),
    "payee": ("44444444444444", "BT-61"),
    "vat_regime": ("5", "BT-8"),
    "price_ttc": ("50.00", "price including VAT"),
}
CII_OWN: dict[str, Callable[[Invoice], Value]] = {
    # the mapping names the whole postal address
    "supplier_legal": lambda i: i.supplier.address.line1,
    "price_ttc": lambda i: read_cii_document("FSO1116A").lines[0].price_ttc,
}


def read_cii_document(interface: str = "FSO1106A") -> Invoice:
    (invoice,) = cii.read(tree_of(CII), LEGACY_TERMS, interface=interface, kind=Kind.CII, level=Level.NONE)
    return invoice


# --- CPPFactureMixte

MIXED = mixed_document("""<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>11111111111111</Identifiant>
    <RaisonSociale>Name 1</RaisonSociale><CodePays>F1</CodePays><ReferenceBancaire Type="IBAN"><Compte>FR7612345</Compte>
    <Etablissement>BANKFRPP</Etablissement><RaisonSocialeEncaisseur>Payee</RaisonSocialeEncaisseur></ReferenceBancaire>
  </Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>22222222222222</Identifiant><Nom>Name 2</Nom>
    <CodeService>SERVICE-1</CodeService><NomService>Works office</NomService></Debiteur>
  <DonneesFacture><Id>F-1</Id><IdFactureOrigine>F-0</IdFactureOrigine><Type>380</Type><Cadre>A9</Cadre>
    <DateEmissionFacture>2026-03-01</DateEmissionFacture><DateLivraison>2026-02-27</DateLivraison>
    <ModePaiement><Code>30</Code><Libelle>By transfer</Libelle></ModePaiement><Devise>EUR</Devise>
    <Montants><MontantHT>96.00</MontantHT><MontantTTC>115.00</MontantTTC><MontantNetAPayer>100.02</MontantNetAPayer></Montants>
    <TVAS><TVA><Taux>20.0</Taux><BaseHt>95.00</BaseHt><MontantTVA>19.01</MontantTVA></TVA></TVAS>
    <Engagement><NumeroMarche>MARKET-1</NumeroMarche><NumeroEngagement>ORDER-1</NumeroEngagement></Engagement>
    <Lignes><Ligne NumOrdre="L1"><ReferenceProduit>Chair</ReferenceProduit><PrixUnitaire>50.00</PrixUnitaire>
      <Quantite>2</Quantite><MontantHT>99.00</MontantHT><TauxTVA>10</TauxTVA></Ligne></Lignes></DonneesFacture>
  <PJ NumOrdre="1"><Contenu>JVBERg==</Contenu><NomPJ>order.pdf</NomPJ><CategoriePJ>Bon de commande</CategoriePJ>
    <TypePJ>02</TypePJ><MimeTypePJ>application/pdf</MimeTypePJ></PJ>""")

MIXED_VALUES = {
    datum: UBL_VALUES[datum]
    for datum in (
        *("framework", "number", "type", "issue_date", "currency", "origin_invoice", "delivery_date", "supplier_id"),
        *("supplier_name", "supplier_country", "recipient_id", "recipient_name", "service", "service_name"),
        *("commitment", "market", "payee_name", "payment_code", "payment_note", "iban", "rib", "bic", "vat_base"),
        *("vat_amount", "vat_rate", "total_net", "total_gross", "payable", "line_id", "quantity", "line_total"),
        *("price", "line_vat_rate", "item_name", "attachment", "attachment_name", "attachment_mime"),
    )
} | {
    "supplier_id_type": ("1", "BT-30-1"),
    "payee": ("Payee", "BT-59"),
    "attachment_type": ("02", "attachment type"),
}
MIXED_OWN: dict[str, Callable[[Invoice], Value]] = {
    "payee": lambda i: i.account.holder,
    "attachment_type": lambda i: i.attachments[0].type,
}


def read_mixed_document(document: str = MIXED) -> Invoice:
    (invoice,) = mixed.read(tree_of(document), LEGACY_TERMS)
    return invoice


def as_rib(document: str) -> str:
    return document.replace("FR7612345", "12345123451234567890112").replace("IBAN", "RIB")


# --- the tests

SYNTAXES = {
    "ubl": (read_ubl_document(), UBL_VALUES, UBL_OWN | {"rib": lambda i: read_ubl_document(as_rib(UBL)).account.rib}),
    "cii": (read_cii_document(), CII_VALUES, CII_OWN),
    "mixte_pivot": (
        read_mixed_document(),
        MIXED_VALUES,
        MIXED_OWN | {"rib": lambda i: read_mixed_document(as_rib(MIXED)).account.rib},
    ),
}


@pytest.mark.parametrize(
    ("syntax", "datum"), [(syntax, datum) for syntax, (_, values, _) in SYNTAXES.items() for datum in values]
)
def test_a_datum_is_read_from_its_place_under_its_name(syntax: str, datum: str) -> None:
    invoice, values, own = SYNTAXES[syntax]
    value = own.get(datum, COMMON.get(datum))(invoice)  # type: ignore[misc]
    assert value is not None
    assert (value.text, value.bt) == values[datum]


@pytest.mark.parametrize(
    ("document", "invoice"),
    [(UBL, read_ubl_document()), (CII, read_cii_document()), (MIXED, read_mixed_document())],
    ids=["ubl", "cii", "mixed"],
)
def test_each_value_is_where_it_says_and_is_listed_once(document: str, invoice: Invoice) -> None:
    assert_every_place_holds(tree_of(document), invoice)
    assert all(day.value is not None for day in invoice.dates)
    assert all(amount.value is not None for amount in invoice.amounts)


def test_a_date_of_cii_and_a_date_of_ubl_are_the_same_day() -> None:
    for invoice in (read_ubl_document(), read_cii_document()):
        assert invoice.issued is not None
        assert invoice.issued.value == date(2026, 3, 1)


@pytest.mark.spec
@pytest.mark.parametrize("syntax", ["ubl", "cii", "mixte_pivot"])
def test_no_row_of_the_mapping_is_left_out(syntax: str) -> None:
    folder = os.environ.get("CHORUS_EDI_SPEC")
    if not folder:
        pytest.skip("CHORUS_EDI_SPEC does not name the folder of the specification")
    with (Path(folder) / "mapping.csv").open(encoding="utf-8", newline="") as rows:
        wanted = {row["id"] for row in csv.DictReader(rows) if row[syntax]} - PIVOT_ONLY
    assert wanted
    assert wanted == set(SYNTAXES[syntax][1])
