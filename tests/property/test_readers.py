"""Whatever tree a reader is given, it gives an invoice or none, never an exception, and only true places."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from pipeline.model import Invoice, Kind, Level
from pipeline.readers import cii, mixed, ubl
from pipeline.readers.walk import PREFIXES, STEPS
from pipeline.terms import CTC, Terms
from pipeline.values import XML_BLANKS

# The names that the readers ask for, with their places in the tree kept loosely: any may stand below any.
_UBL = (
    "cbc:ID cbc:IssueDate cbc:DueDate cbc:Note cbc:DocumentCurrencyCode cbc:TaxCurrencyCode cbc:ProfileID "
    "cac:InvoicePeriod cac:OrderReference cac:ContractDocumentReference cac:AdditionalDocumentReference cac:Attachment "
    "cac:AccountingSupplierParty cac:AccountingCustomerParty cac:Party cac:PartyIdentification cac:PartyLegalEntity "
    "cbc:CompanyID cac:PartyTaxScheme cac:TaxScheme cac:PayeeParty cac:Delivery cac:PaymentMeans cac:TaxTotal "
    "cac:PayeeFinancialAccount cbc:TaxAmount cac:TaxSubtotal cac:TaxCategory cbc:Percent cac:LegalMonetaryTotal "
    "cbc:PayableAmount cac:InvoiceLine cac:CreditNoteLine cac:Item cac:Price cac:AllowanceCharge cbc:ChargeIndicator "
    "cbc:Amount cac:AdditionalItemProperty cbc:Name cbc:Value cbc:EmbeddedDocumentBinaryObject ext:UBLExtensions "
    "aife:CategoryCode cbc:DocumentTypeCode cbc:Description cbc:DescriptionCode"
).split()
_CII = (
    "rsm:ExchangedDocumentContext rsm:ExchangedDocument rsm:SupplyChainTradeTransaction ram:ID ram:GlobalID "
    "ram:ApplicableHeaderTradeAgreement ram:ApplicableHeaderTradeDelivery ram:ApplicableHeaderTradeSettlement "
    "ram:IncludedSupplyChainTradeLineItem ram:SellerTradeParty ram:BuyerTradeParty ram:SpecifiedLegalOrganization "
    "ram:IssueDateTime udt:DateTimeString ram:TaxTotalAmount ram:InvoiceCurrencyCode ram:TaxCurrencyCode ram:Name "
    "ram:SpecifiedTradeSettlementHeaderMonetarySummation ram:GrandTotalAmount ram:ApplicableTradeTax "
    "ram:SpecifiedTradeAllowanceCharge ram:ChargeIndicator udt:Indicator ram:ActualAmount ram:AdditionalReferencedDocument "
    "ram:AttachmentBinaryObject ram:SpecifiedLineTradeAgreement ram:NetPriceProductTradePrice ram:ChargeAmount "
    "ram:GrossPriceProductTradePrice ram:AppliedTradeAllowanceCharge ram:IncludedNote ram:Content ram:SubjectCode "
    "ram:SpecifiedLineTradeSettlement ram:AssociatedDocumentLineDocument ram:LineStatusReasonCode ram:PayeeTradeParty "
    "ram:SpecifiedTradeSettlementPaymentMeans ram:PayeePartyCreditorFinancialAccount ram:IBANID ram:InvoiceeTradeParty"
).split()
_MIXED = (
    "CPPFactures CPPFactureMixteUnitaire Fournisseur Debiteur DonneesFacture PJ Montants MontantTTC TVAs TVAS TVA Taux "
    "Lignes Ligne Quantite ReferenceBancaire Compte Engagement NumeroMarche Id TypeIdentifiant DateEmissionFacture"
).split()
_TEXTS = st.sampled_from(["", " ", "1", " 12.50\n", "-1", "1e9", "NaN", "20260301", "2026-02-29", "A1", "EUR", "true"])
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["schemeID", "schemeName", "currencyID", "format", "filename", "NumOrdre", "Type"]),
    st.sampled_from(["", "1", "0002", "0009", "0224", "EUR", "USD", "102", "RIB", "a.pdf"]),
    max_size=2,
)


def _trees(names: list[str]) -> st.SearchStrategy[list[object]]:
    node = st.tuples(st.sampled_from(names), _TEXTS, _ATTRIBUTES, st.just(()))
    return st.lists(
        st.recursive(
            node,
            lambda below: st.tuples(st.sampled_from(names), _TEXTS, _ATTRIBUTES, st.lists(below, max_size=6)),
            max_leaves=40,
        ),
        max_size=8,
    )


def _grow(parent: etree._Element, nodes: list[object]) -> None:
    for name, text, attributes, below in nodes:  # type: ignore[misc]
        prefix, _, local = name.rpartition(":")
        child = etree.SubElement(parent, f"{{{PREFIXES[prefix]}}}{local}" if prefix else local, attributes)
        child.text = text
        _grow(child, below)


def _tree(root: str, nodes: list[object]) -> etree._ElementTree:
    element = etree.Element(root)
    _grow(element, nodes)
    return etree.ElementTree(etree.fromstring(etree.tostring(element)))


def _read_ubl(tree: etree._ElementTree, terms: Terms) -> tuple[Invoice, ...]:
    return ubl.read(tree, terms, interface="FSO1110A")


def _read_cii(tree: etree._ElementTree, terms: Terms) -> tuple[Invoice, ...]:
    return cii.read(tree, terms, interface="FSO1116A", kind=Kind.CII, level=Level.NONE)


@pytest.mark.parametrize(
    ("root", "names", "read"),
    [
        (f"{{{PREFIXES['ubl']}}}Invoice", _UBL, _read_ubl),
        (f"{{{PREFIXES['cn']}}}CreditNote", _UBL, _read_ubl),
        (f"{{{PREFIXES['rsm']}}}CrossIndustryInvoice", _CII, _read_cii),
        ("CPPFactureMixte", _MIXED, mixed.read),
    ],
    ids=["invoice", "credit note", "cii", "mixed"],
)
@pytest.mark.parametrize("profile", ["legacy-edi", CTC])
def test_any_tree_is_read_and_each_value_stands_where_it_says(
    root: str, names: list[str], read: Callable[[etree._ElementTree, Terms], tuple[Invoice, ...]], profile: str
) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_trees(names))
    def holds(nodes: list[object]) -> None:
        tree = _tree(root, nodes)
        for rank, invoice in enumerate(read(tree, Terms(profile=profile)), start=1):
            assert invoice.rank == rank
            for value in (*invoice.dates, *invoice.amounts, *invoice.identifiers, *invoice.texts):
                (node,) = tree.xpath(value.path, namespaces=dict(PREFIXES))
                raw = node if isinstance(node, str) else node.text
                assert raw.strip(XML_BLANKS) == value.text

    holds()


def test_every_name_used_here_is_one_of_the_syntaxes() -> None:
    for name in (*_UBL, *_CII):
        prefix, _, local = name.partition(":")
        assert STEPS[f"{{{PREFIXES[prefix]}}}{local}"] == name
