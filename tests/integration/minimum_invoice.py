"""A CII invoice with the data of the profile MINIMUM and nothing else, as text and as a document for an engine."""

from dataclasses import dataclass

from pipeline.readers import safe_xml
from pipeline.readers.safe_xml import Parsed
from pipeline.terms import Terms

RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
UDT = "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100"
ROOT = f"/*:CrossIndustryInvoice[namespace-uri()='{RSM}'][1]"


def written(number: str = "F-1", *, guideline: str = "urn:factur-x.eu:1p0:minimum", total: str = "120.00") -> bytes:
    """The text of the invoice."""
    return f"""<rsm:CrossIndustryInvoice xmlns:rsm="{RSM}" xmlns:ram="{RAM}" xmlns:udt="{UDT}">
<rsm:ExchangedDocumentContext><ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>{guideline}</ram:ID>
</ram:GuidelineSpecifiedDocumentContextParameter></rsm:ExchangedDocumentContext>
<rsm:ExchangedDocument><ram:ID>{number}</ram:ID><ram:TypeCode>380</ram:TypeCode>
<ram:IssueDateTime><udt:DateTimeString format="102">20261120</udt:DateTimeString></ram:IssueDateTime></rsm:ExchangedDocument>
<rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement>
<ram:SellerTradeParty><ram:Name>Vélos du Marais</ram:Name>
<ram:SpecifiedLegalOrganization><ram:ID schemeID="0002">12345678900012</ram:ID></ram:SpecifiedLegalOrganization>
<ram:PostalTradeAddress><ram:CountryID>FR</ram:CountryID></ram:PostalTradeAddress>
<ram:SpecifiedTaxRegistration><ram:ID schemeID="VA">FR32123456789</ram:ID></ram:SpecifiedTaxRegistration></ram:SellerTradeParty>
<ram:BuyerTradeParty><ram:Name>Mairie</ram:Name></ram:BuyerTradeParty></ram:ApplicableHeaderTradeAgreement>
<ram:ApplicableHeaderTradeDelivery/>
<ram:ApplicableHeaderTradeSettlement><ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
<ram:SpecifiedTradeSettlementHeaderMonetarySummation><ram:TaxBasisTotalAmount>100.00</ram:TaxBasisTotalAmount>
<ram:TaxTotalAmount currencyID="EUR">20.00</ram:TaxTotalAmount><ram:GrandTotalAmount>{total}</ram:GrandTotalAmount>
<ram:DuePayableAmount>120.00</ram:DuePayableAmount></ram:SpecifiedTradeSettlementHeaderMonetarySummation>
</ram:ApplicableHeaderTradeSettlement></rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>""".encode()


@dataclass(frozen=True)
class Text:
    """Bytes as they came: what no hardened parse let through."""

    text: bytes
    tree: None = None


def parsed(text: bytes) -> Parsed:
    """A document as the pipeline gives it to an engine."""
    return safe_xml.parse(text, "m.xml", Terms())


def an_invoice(number: str = "F-1", *, guideline: str = "urn:factur-x.eu:1p0:minimum", total: str = "120.00") -> Parsed:
    return parsed(written(number, guideline=guideline, total=total))
