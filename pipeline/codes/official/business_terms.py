"""The business terms of EN 16931 that the sentences speak of: their names, and their elements in the two syntaxes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Term(NamedTuple):
    """A term (BT) or group (BG) as a supplier's accountant calls it, with its article."""

    fr: str
    en: str
    cii: str
    ubl: str


_SELLER, _BUYER = "cac:AccountingSupplierParty/cac:Party", "cac:AccountingCustomerParty/cac:Party"
_TOTALS, _TOTALS_UBL = "ram:SpecifiedTradeSettlementHeaderMonetarySummation", "cac:LegalMonetaryTotal"
_BREAKDOWN, _BREAKDOWN_UBL = (
    "ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax",
    "cac:TaxTotal/cac:TaxSubtotal",
)
_HEADER, _HEADER_UBL = "ram:ApplicableHeaderTradeSettlement/ram:SpecifiedTradeAllowanceCharge", "cac:AllowanceCharge"
_ON_LINE = "ram:SpecifiedLineTradeSettlement/ram:SpecifiedTradeAllowanceCharge"
_ON_LINE_UBL = "cac:InvoiceLine/cac:AllowanceCharge"
_LINE_VAT = "ram:SpecifiedLineTradeSettlement/ram:ApplicableTradeTax"
_REPRESENTATIVE, _REPRESENTATIVE_UBL = "ram:SellerTaxRepresentativeTradeParty", "cac:TaxRepresentativeParty"
_PERIOD, _LINE_PERIOD = (
    "ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod",
    "ram:SpecifiedLineTradeSettlement/ram:BillingSpecifiedPeriod",
)

TERMS: Mapping[str, Term] = MappingProxyType(
    {
        "BT-1": Term("le numéro de la facture", "the invoice number", "rsm:ExchangedDocument/ram:ID", "cbc:ID"),
        "BT-2": Term("la date de la facture", "the invoice date", "rsm:ExchangedDocument/ram:IssueDateTime", "cbc:IssueDate"),
        "BT-3": Term("le type de la facture", "the invoice type", "rsm:ExchangedDocument/ram:TypeCode", "cbc:InvoiceTypeCode"),
        "BT-5": Term("la devise de la facture", "the invoice currency", "ram:InvoiceCurrencyCode", "cbc:DocumentCurrencyCode"),
        "BT-7": Term("la date d'exigibilité de la TVA", "the VAT point date", f"{_BREAKDOWN}/ram:TaxPointDate", "cbc:TaxPointDate"),
        "BT-9": Term("la date d'échéance", "the due date", "ram:SpecifiedTradePaymentTerms/ram:DueDateDateTime", "cbc:DueDate"),
        "BT-24": Term("la spécification suivie par la facture", "the specification that the invoice follows", "ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", "cbc:CustomizationID"),
        "BT-25": Term("le numéro de la facture antérieure", "the number of the preceding invoice", "ram:InvoiceReferencedDocument/ram:IssuerAssignedID", "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"),
        "BT-26": Term("la date de la facture antérieure", "the date of the preceding invoice", "ram:InvoiceReferencedDocument/ram:FormattedIssueDateTime", "cac:BillingReference/cac:InvoiceDocumentReference/cbc:IssueDate"),
        "BT-27": Term("le nom du fournisseur", "the name of the seller", "ram:SellerTradeParty/ram:Name", f"{_SELLER}/cac:PartyLegalEntity/cbc:RegistrationName"),
        "BG-5": Term("l'adresse postale du fournisseur", "the postal address of the seller", "ram:SellerTradeParty/ram:PostalTradeAddress", f"{_SELLER}/cac:PostalAddress"),
        "BT-40": Term("le code pays du fournisseur", "the country code of the seller", "ram:SellerTradeParty/ram:PostalTradeAddress/ram:CountryID", f"{_SELLER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
        "BT-44": Term("le nom de l'acheteur", "the name of the buyer", "ram:BuyerTradeParty/ram:Name", f"{_BUYER}/cac:PartyLegalEntity/cbc:RegistrationName"),
        "BG-8": Term("l'adresse postale de l'acheteur", "the postal address of the buyer", "ram:BuyerTradeParty/ram:PostalTradeAddress", f"{_BUYER}/cac:PostalAddress"),
        "BT-55": Term("le code pays de l'acheteur", "the country code of the buyer", "ram:BuyerTradeParty/ram:PostalTradeAddress/ram:CountryID", f"{_BUYER}/cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
        "BT-62": Term("le nom du représentant fiscal", "the name of the tax representative", f"{_REPRESENTATIVE}/ram:Name", f"{_REPRESENTATIVE_UBL}/cac:PartyName/cbc:Name"),
        "BG-12": Term("l'adresse postale du représentant fiscal", "the postal address of the tax representative", f"{_REPRESENTATIVE}/ram:PostalTradeAddress", f"{_REPRESENTATIVE_UBL}/cac:PostalAddress"),
        "BT-63": Term("le numéro de TVA du représentant fiscal", "the VAT identifier of the tax representative", f"{_REPRESENTATIVE}/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']", f"{_REPRESENTATIVE_UBL}/cac:PartyTaxScheme/cbc:CompanyID"),
        "BT-69": Term("le code pays du représentant fiscal", "the country code of the tax representative", f"{_REPRESENTATIVE}/ram:PostalTradeAddress/ram:CountryID", f"{_REPRESENTATIVE_UBL}/cac:PostalAddress/cac:Country/cbc:IdentificationCode"),
        "BT-72": Term("la date de livraison", "the delivery date", "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime", "cac:Delivery/cbc:ActualDeliveryDate"),
        "BT-73": Term("la date de début de la période de facturation", "the start of the invoicing period", f"{_PERIOD}/ram:StartDateTime", "cac:InvoicePeriod/cbc:StartDate"),
        "BT-74": Term("la date de fin de la période de facturation", "the end of the invoicing period", f"{_PERIOD}/ram:EndDateTime", "cac:InvoicePeriod/cbc:EndDate"),
        "BT-80": Term("le code pays de l'adresse de livraison", "the country code of the delivery address", "ram:ShipToTradeParty/ram:PostalTradeAddress/ram:CountryID", "cac:Delivery/cac:DeliveryLocation/cac:Address/cac:Country/cbc:IdentificationCode"),
        "BT-81": Term("le code du moyen de paiement", "the payment means code", "ram:SpecifiedTradeSettlementPaymentMeans/ram:TypeCode", "cac:PaymentMeans/cbc:PaymentMeansCode"),
        "BT-92": Term("le montant de la remise de pied de facture", "the amount of the document level allowance", f"{_HEADER}/ram:ActualAmount", f"{_HEADER_UBL}/cbc:Amount"),
        "BT-93": Term("l'assiette de la remise de pied de facture", "the base of the document level allowance", f"{_HEADER}/ram:BasisAmount", f"{_HEADER_UBL}/cbc:BaseAmount"),
        "BT-95": Term("la catégorie de TVA de la remise de pied de facture", "the VAT category of the document level allowance", f"{_HEADER}/ram:CategoryTradeTax/ram:CategoryCode", f"{_HEADER_UBL}/cac:TaxCategory/cbc:ID"),
        "BT-96": Term("le taux de TVA de la remise de pied de facture", "the VAT rate of the document level allowance", f"{_HEADER}/ram:CategoryTradeTax/ram:RateApplicablePercent", f"{_HEADER_UBL}/cac:TaxCategory/cbc:Percent"),
        "BT-97": Term("le motif de la remise de pied de facture", "the reason of the document level allowance", f"{_HEADER}/ram:Reason", f"{_HEADER_UBL}/cbc:AllowanceChargeReason"),
        "BT-99": Term("le montant des frais de pied de facture", "the amount of the document level charge", f"{_HEADER}/ram:ActualAmount", f"{_HEADER_UBL}/cbc:Amount"),
        "BT-100": Term("l'assiette des frais de pied de facture", "the base of the document level charge", f"{_HEADER}/ram:BasisAmount", f"{_HEADER_UBL}/cbc:BaseAmount"),
        "BT-102": Term("la catégorie de TVA des frais de pied de facture", "the VAT category of the document level charge", f"{_HEADER}/ram:CategoryTradeTax/ram:CategoryCode", f"{_HEADER_UBL}/cac:TaxCategory/cbc:ID"),
        "BT-103": Term("le taux de TVA des frais de pied de facture", "the VAT rate of the document level charge", f"{_HEADER}/ram:CategoryTradeTax/ram:RateApplicablePercent", f"{_HEADER_UBL}/cac:TaxCategory/cbc:Percent"),
        "BT-104": Term("le motif des frais de pied de facture", "the reason of the document level charge", f"{_HEADER}/ram:Reason", f"{_HEADER_UBL}/cbc:AllowanceChargeReason"),
        "BT-106": Term("le total HT des lignes", "the sum of the line net amounts", f"{_TOTALS}/ram:LineTotalAmount", f"{_TOTALS_UBL}/cbc:LineExtensionAmount"),
        "BT-107": Term("le total des remises de pied de facture", "the sum of the document level allowances", f"{_TOTALS}/ram:AllowanceTotalAmount", f"{_TOTALS_UBL}/cbc:AllowanceTotalAmount"),
        "BT-108": Term("le total des frais de pied de facture", "the sum of the document level charges", f"{_TOTALS}/ram:ChargeTotalAmount", f"{_TOTALS_UBL}/cbc:ChargeTotalAmount"),
        "BT-109": Term("le total HT de la facture", "the invoice total without VAT", f"{_TOTALS}/ram:TaxBasisTotalAmount", f"{_TOTALS_UBL}/cbc:TaxExclusiveAmount"),
        "BT-110": Term("le total de TVA", "the total VAT amount", f"{_TOTALS}/ram:TaxTotalAmount", "cac:TaxTotal/cbc:TaxAmount"),
        "BT-111": Term("le total de TVA en devise de comptabilisation", "the total VAT amount in accounting currency", f"{_TOTALS}/ram:TaxTotalAmount", "cac:TaxTotal/cbc:TaxAmount"),
        "BT-112": Term("le total TTC de la facture", "the invoice total with VAT", f"{_TOTALS}/ram:GrandTotalAmount", f"{_TOTALS_UBL}/cbc:TaxInclusiveAmount"),
        "BT-113": Term("le montant déjà payé", "the amount already paid", f"{_TOTALS}/ram:TotalPrepaidAmount", f"{_TOTALS_UBL}/cbc:PrepaidAmount"),
        "BT-114": Term("le montant d'arrondi", "the rounding amount", f"{_TOTALS}/ram:RoundingAmount", f"{_TOTALS_UBL}/cbc:PayableRoundingAmount"),
        "BT-115": Term("le net à payer", "the amount due for payment", f"{_TOTALS}/ram:DuePayableAmount", f"{_TOTALS_UBL}/cbc:PayableAmount"),
        "BT-116": Term("la base HT de la ligne de ventilation de TVA", "the taxable amount of the VAT breakdown line", f"{_BREAKDOWN}/ram:BasisAmount", f"{_BREAKDOWN_UBL}/cbc:TaxableAmount"),
        "BT-117": Term("le montant de TVA de la ligne de ventilation de TVA", "the VAT amount of the VAT breakdown line", f"{_BREAKDOWN}/ram:CalculatedAmount", f"{_BREAKDOWN_UBL}/cbc:TaxAmount"),
        "BT-118": Term("la catégorie de TVA de la ligne de ventilation de TVA", "the VAT category of the VAT breakdown line", f"{_BREAKDOWN}/ram:CategoryCode", f"{_BREAKDOWN_UBL}/cac:TaxCategory/cbc:ID"),
        "BT-119": Term("le taux de TVA de la ligne de ventilation de TVA", "the VAT rate of the VAT breakdown line", f"{_BREAKDOWN}/ram:RateApplicablePercent", f"{_BREAKDOWN_UBL}/cac:TaxCategory/cbc:Percent"),
        "BT-120": Term("le motif d'exonération de TVA", "the VAT exemption reason", f"{_BREAKDOWN}/ram:ExemptionReason", f"{_BREAKDOWN_UBL}/cac:TaxCategory/cbc:TaxExemptionReason"),
        "BT-122": Term("la référence de la pièce jointe", "the reference of the supporting document", "ram:AdditionalReferencedDocument/ram:IssuerAssignedID", "cac:AdditionalDocumentReference/cbc:ID"),
        "BT-126": Term("le numéro de la ligne", "the line identifier", "ram:AssociatedDocumentLineDocument/ram:LineID", "cac:InvoiceLine/cbc:ID"),
        "BT-129": Term("la quantité facturée de la ligne", "the invoiced quantity of the line", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", "cac:InvoiceLine/cbc:InvoicedQuantity"),
        "BT-130": Term("l'unité de la quantité de la ligne", "the unit of the quantity of the line", "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity/@unitCode", "cac:InvoiceLine/cbc:InvoicedQuantity/@unitCode"),
        "BT-131": Term("le montant HT de la ligne", "the net amount of the line", "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", "cac:InvoiceLine/cbc:LineExtensionAmount"),
        "BT-134": Term("la date de début de la période de la ligne", "the start of the period of the line", f"{_LINE_PERIOD}/ram:StartDateTime", "cac:InvoiceLine/cac:InvoicePeriod/cbc:StartDate"),
        "BT-135": Term("la date de fin de la période de la ligne", "the end of the period of the line", f"{_LINE_PERIOD}/ram:EndDateTime", "cac:InvoiceLine/cac:InvoicePeriod/cbc:EndDate"),
        "BT-136": Term("le montant de la remise de ligne", "the amount of the line allowance", f"{_ON_LINE}/ram:ActualAmount", f"{_ON_LINE_UBL}/cbc:Amount"),
        "BT-137": Term("l'assiette de la remise de ligne", "the base of the line allowance", f"{_ON_LINE}/ram:BasisAmount", f"{_ON_LINE_UBL}/cbc:BaseAmount"),
        "BT-139": Term("le motif de la remise de ligne", "the reason of the line allowance", f"{_ON_LINE}/ram:Reason", f"{_ON_LINE_UBL}/cbc:AllowanceChargeReason"),
        "BT-141": Term("le montant des frais de ligne", "the amount of the line charge", f"{_ON_LINE}/ram:ActualAmount", f"{_ON_LINE_UBL}/cbc:Amount"),
        "BT-142": Term("l'assiette des frais de ligne", "the base of the line charge", f"{_ON_LINE}/ram:BasisAmount", f"{_ON_LINE_UBL}/cbc:BaseAmount"),
        "BT-144": Term("le motif des frais de ligne", "the reason of the line charge", f"{_ON_LINE}/ram:Reason", f"{_ON_LINE_UBL}/cbc:AllowanceChargeReason"),
        "BT-146": Term("le prix unitaire net de la ligne", "the net price of the line", "ram:NetPriceProductTradePrice/ram:ChargeAmount", "cac:Price/cbc:PriceAmount"),
        "BT-147": Term("la remise sur le prix unitaire de la ligne", "the price discount of the line", "ram:GrossPriceProductTradePrice/ram:AppliedTradeAllowanceCharge/ram:ActualAmount", "cac:Price/cac:AllowanceCharge/cbc:Amount"),
        "BT-148": Term("le prix unitaire brut de la ligne", "the gross price of the line", "ram:GrossPriceProductTradePrice/ram:ChargeAmount", "cac:Price/cac:AllowanceCharge/cbc:BaseAmount"),
        "BT-149": Term("la quantité de base du prix de la ligne", "the base quantity of the price of the line", "ram:NetPriceProductTradePrice/ram:BasisQuantity", "cac:Price/cbc:BaseQuantity"),
        "BT-151": Term("la catégorie de TVA de la ligne", "the VAT category of the line", f"{_LINE_VAT}/ram:CategoryCode", "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
        "BT-152": Term("le taux de TVA de la ligne", "the VAT rate of the line", f"{_LINE_VAT}/ram:RateApplicablePercent", "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent"),
        "BT-153": Term("le nom de l'article de la ligne", "the item name of the line", "ram:SpecifiedTradeProduct/ram:Name", "cac:Item/cbc:Name"),
    }
)  # fmt: skip
