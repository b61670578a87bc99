"""What an accountant calls the elements that a schema complains about. Only the plain ones: the others keep their name.

Keyed by local name, with the parent where one name means several things.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Meaning(NamedTuple):
    """BT or BG id, and what people say, in French and English."""

    bt: str
    french: str
    english: str


_NUMBER = Meaning("BT-1", "le numéro de facture", "the invoice number")
_TYPE = Meaning("BT-3", "le type de facture", "the invoice type")
_ISSUED = Meaning("BT-2", "la date de la facture", "the issue date")
_DUE = Meaning("BT-9", "la date d'échéance", "the due date")
_CURRENCY = Meaning("BT-5", "la devise", "the currency")
_FRAMEWORK = Meaning("BT-23", "le cadre de facturation", "the invoicing framework")
_GUIDELINE = Meaning("BT-24", "l'identifiant de spécification", "the specification identifier")
_SERVICE = Meaning("BT-10", "le code service", "the service code")
_COMMITMENT = Meaning("BT-13", "le numéro d'engagement", "the commitment number")
_MARKET = Meaning("BT-12", "le numéro de marché", "the market number")
_SUPPLIER = Meaning("BG-4", "le fournisseur", "the supplier")
_RECIPIENT = Meaning("BG-7", "le destinataire", "the recipient")
_DELIVERED = Meaning("BT-72", "la date de livraison", "the delivery date")
_TOTALS = Meaning("BG-22", "le bloc des totaux", "the block of totals")
_LINES_TOTAL = Meaning("BT-106", "la somme des lignes", "the sum of the lines")
_ALLOWANCES = Meaning("BT-107", "le total des remises", "the total of allowances")
_CHARGES = Meaning("BT-108", "le total des frais", "the total of charges")
_NET = Meaning("BT-109", "le total hors taxes", "the total without VAT")
_VAT = Meaning("BT-110", "le total de la TVA", "the total of VAT")
_GROSS = Meaning("BT-112", "le total TTC", "the total with VAT")
_PREPAID = Meaning("BT-113", "le montant déjà payé", "the amount already paid")
_ROUNDING = Meaning("BT-114", "l'arrondi", "the rounding amount")
_PAYABLE = Meaning("BT-115", "le net à payer", "the amount to pay")
_VAT_BASE = Meaning("BT-116", "la base de TVA", "the VAT base")
_VAT_AMOUNT = Meaning("BT-117", "le montant de TVA", "the VAT amount")
_VAT_RATE = Meaning("BT-119", "le taux de TVA", "the VAT rate")
_PAYMENT = Meaning("BT-81", "le mode de paiement", "the payment mode")
_LINE = Meaning("BG-25", "une ligne de facture", "an invoice line")
_LINE_NUMBER = Meaning("BT-126", "le numéro de ligne", "the line number")
_QUANTITY = Meaning("BT-129", "la quantité", "the quantity")
_LINE_TOTAL = Meaning("BT-131", "le montant de la ligne", "the amount of the line")
_PRICE = Meaning("BT-146", "le prix unitaire", "the unit price")
_ATTACHED = Meaning("BT-125", "le contenu de la pièce jointe", "the content of the attachment")

_UBL = {
    "Invoice/ID": _NUMBER,
    "CreditNote/ID": _NUMBER,
    "Invoice/IssueDate": _ISSUED,
    "CreditNote/IssueDate": _ISSUED,
    "DueDate": _DUE,
    "PaymentDueDate": _DUE,
    "InvoiceTypeCode": _TYPE,
    "CreditNoteTypeCode": _TYPE,
    "DocumentCurrencyCode": _CURRENCY,
    "ProfileID": _FRAMEWORK,
    "CustomizationID": _GUIDELINE,
    "BuyerReference": _SERVICE,
    "OrderReference/ID": _COMMITMENT,
    "AccountingSupplierParty": _SUPPLIER,
    "AccountingCustomerParty": _RECIPIENT,
    "ActualDeliveryDate": _DELIVERED,
    "LegalMonetaryTotal": _TOTALS,
    "LegalMonetaryTotal/LineExtensionAmount": _LINES_TOTAL,
    "LegalMonetaryTotal/AllowanceTotalAmount": _ALLOWANCES,
    "LegalMonetaryTotal/ChargeTotalAmount": _CHARGES,
    "TaxExclusiveAmount": _NET,
    "TaxTotal/TaxAmount": _VAT,
    "TaxInclusiveAmount": _GROSS,
    "PrepaidAmount": _PREPAID,
    "PayableRoundingAmount": _ROUNDING,
    "PayableAmount": _PAYABLE,
    "TaxableAmount": _VAT_BASE,
    "TaxSubtotal/TaxAmount": _VAT_AMOUNT,
    "Percent": _VAT_RATE,
    "PaymentMeansCode": _PAYMENT,
    "InvoiceLine": _LINE,
    "CreditNoteLine": _LINE,
    "InvoiceLine/ID": _LINE_NUMBER,
    "CreditNoteLine/ID": _LINE_NUMBER,
    "InvoicedQuantity": _QUANTITY,
    "CreditedQuantity": _QUANTITY,
    "InvoiceLine/LineExtensionAmount": _LINE_TOTAL,
    "CreditNoteLine/LineExtensionAmount": _LINE_TOTAL,
    "PriceAmount": _PRICE,
    "EmbeddedDocumentBinaryObject": _ATTACHED,
}
_CII = {
    "ExchangedDocument/ID": _NUMBER,
    "ExchangedDocument/TypeCode": _TYPE,
    "IssueDateTime": _ISSUED,
    "IssueDateTime/DateTimeString": _ISSUED,
    "DueDateDateTime/DateTimeString": _DUE,
    "InvoiceCurrencyCode": _CURRENCY,
    "GuidelineSpecifiedDocumentContextParameter": _GUIDELINE,
    "SellerTradeParty": _SUPPLIER,
    "BuyerTradeParty": _RECIPIENT,
    "SpecifiedTradeSettlementHeaderMonetarySummation": _TOTALS,
    "SpecifiedTradeSettlementHeaderMonetarySummation/LineTotalAmount": _LINES_TOTAL,
    "SpecifiedTradeSettlementHeaderMonetarySummation/AllowanceTotalAmount": _ALLOWANCES,
    "SpecifiedTradeSettlementHeaderMonetarySummation/ChargeTotalAmount": _CHARGES,
    "TaxBasisTotalAmount": _NET,
    "TaxTotalAmount": _VAT,
    "GrandTotalAmount": _GROSS,
    "TotalPrepaidAmount": _PREPAID,
    "RoundingAmount": _ROUNDING,
    "DuePayableAmount": _PAYABLE,
    "BasisAmount": _VAT_BASE,
    "CalculatedAmount": _VAT_AMOUNT,
    "RateApplicablePercent": _VAT_RATE,
    "SpecifiedTradeSettlementPaymentMeans/TypeCode": _PAYMENT,
    "IncludedSupplyChainTradeLineItem": _LINE,
    "LineID": _LINE_NUMBER,
    "BilledQuantity": _QUANTITY,
    "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount": _LINE_TOTAL,
    "NetPriceProductTradePrice/ChargeAmount": _PRICE,
    "AttachmentBinaryObject": _ATTACHED,
}
_MIXED = {
    "DonneesFacture/Id": _NUMBER,
    "DonneesFacture/Type": _TYPE,
    "Cadre": _FRAMEWORK,
    "DateEmissionFacture": _ISSUED,
    "DateLivraison": _DELIVERED,
    "Devise": _CURRENCY,
    "Fournisseur": _SUPPLIER,
    "Debiteur": _RECIPIENT,
    "CodeService": _SERVICE,
    "NumeroEngagement": _COMMITMENT,
    "NumeroMarche": _MARKET,
    "Montants": _TOTALS,
    "Montants/MontantHT": _NET,
    "MontantTTC": _GROSS,
    "MontantNetAPayer": _PAYABLE,
    "Taux": _VAT_RATE,
    "BaseHt": _VAT_BASE,
    "MontantTVA": _VAT_AMOUNT,
    "ModePaiement": _PAYMENT,
    "Ligne": _LINE,
    "PrixUnitaire": _PRICE,
    "Quantite": _QUANTITY,
    "Ligne/MontantHT": _LINE_TOTAL,
    "Contenu": _ATTACHED,
}
_ROOTS = dict.fromkeys(
    ("Invoice", "CreditNote", "CrossIndustryInvoice", "CPPFactureMixte"), Meaning("", "le document", "the document")
)
MEANINGS: Mapping[str, Meaning] = MappingProxyType(_UBL | _CII | _MIXED | _ROOTS)


def meaning(name: str, parent: str = "") -> Meaning | None:
    """What an element is to an accountant, by its local name and that of its parent."""
    return MEANINGS.get(f"{parent}/{name}") or MEANINGS.get(name)
