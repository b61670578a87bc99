"""Whatever tree a reader is given, it gives an invoice or none, never an exception, and only true places."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from pipeline.model import Invoice, Kind, Level
from pipeline.readers import cii, mixed, ubl
from pipeline.readers.walk import PREFIXES
from pipeline.terms import CTC, LEGACY, Terms
from pipeline.values import XML_BLANKS

_PARTY = (
    *("PartyIdentification/ID", "PartyName/Name", "PostalAddress/StreetName", "PartyTaxScheme/CompanyID"),
    *("PartyTaxScheme/TaxScheme/ID", "PartyLegalEntity/CompanyID"),
    *("PartyLegalEntity/RegistrationName", "PartyLegalEntity/CorporateRegistrationScheme/ID", "Contact/ID"),
)
_UBL = (
    *("ID", "IssueDate", "DueDate", "Note", "DocumentCurrencyCode", "TaxCurrencyCode", "ProfileID", "BuyerReference"),
    *(f"AccountingSupplierParty/Party/{path}" for path in _PARTY),
    *(f"AccountingSupplierParty/Party/AgentParty/{path}" for path in _PARTY),
    *(f"AccountingCustomerParty/Party/{path}" for path in _PARTY),
    *(f"PayeeParty/{path}" for path in _PARTY),
    *("AccountingCustomerParty/Party/EndpointID", "AccountingSupplierParty/Party/PartyTaxScheme/TaxScheme/TaxTypeCode"),
    *("AccountingCustomerParty/AccountingContact/ID", "InvoicePeriod/StartDate", "InvoicePeriod/DescriptionCode"),
    *("OrderReference/ID", "ContractDocumentReference/ID", "ContractDocumentReference/DocumentTypeCode"),
    *("AdditionalDocumentReference/ID", "AdditionalDocumentReference/Attachment/EmbeddedDocumentBinaryObject"),
    *("BillingReference/InvoiceDocumentReference/ID", "Delivery/DeliveryLocation/ID", "Delivery/ID"),
    *("PaymentMeans/PaymentMeansCode", "PaymentMeans/PaymentChannelCode", "PaymentMeans/PayeeFinancialAccount/ID"),
    *("PaymentMeans/PayeeFinancialAccount/FinancialInstitutionBranch/ID", "PaymentMeans/PaymentDueDate"),
    *("TaxTotal/TaxAmount", "TaxTotal/TaxSubtotal/TaxAmount", "TaxTotal/TaxSubtotal/Percent"),
    *("TaxTotal/TaxSubtotal/TaxCategory/Percent", "LegalMonetaryTotal/PayableAmount", "AllowanceCharge/Amount"),
    *("InvoiceLine/ID", "InvoiceLine/InvoicedQuantity", "InvoiceLine/AllowanceCharge/Amount", "InvoiceLine/Item/Name"),
    *("InvoiceLine/AllowanceCharge/ChargeIndicator", "InvoiceLine/Item/ClassifiedTaxCategory/Percent"),
    *("InvoiceLine/Item/AdditionalItemProperty/Name", "InvoiceLine/Item/AdditionalItemProperty/Value"),
    *("InvoiceLine/Price/PriceAmount", "InvoiceLine/Price/AllowanceCharge/Amount", "CreditNoteLine/CreditedQuantity"),
)
_A, _S, _L = (
    *("ApplicableHeaderTradeAgreement", "ApplicableHeaderTradeSettlement", "IncludedSupplyChainTradeLineItem"),
)
_CII_PARTY = (
    *("ID", "GlobalID", "Name", "SpecifiedLegalOrganization/ID", "SpecifiedLegalOrganization/TradingBusinessName"),
    *("SpecifiedTaxRegistration/ID", "PostalTradeAddress/CountryID", "DefinedTradeContact/PersonName"),
)
_CII = (
    *("rsm:ExchangedDocument/ID", "rsm:ExchangedDocument/IssueDateTime/udt:DateTimeString"),
    *("rsm:ExchangedDocument/IncludedNote/Content", "rsm:ExchangedDocument/IncludedNote/SubjectCode"),
    *(
        f"rsm:SupplyChainTradeTransaction/{path}"
        for path in (
            *(f"{_A}/SellerTradeParty/{path}" for path in _CII_PARTY),
            *(f"{_A}/BuyerTradeParty/{path}" for path in _CII_PARTY),
            *(f"{_S}/InvoiceeTradeParty/{path}" for path in _CII_PARTY),
            *(f"{_S}/PayeeTradeParty/{path}" for path in _CII_PARTY),
            *(f"{_A}/BuyerReference", f"{_A}/AdditionalReferencedDocument/IssuerAssignedID"),
            *(f"{_A}/AdditionalReferencedDocument/AttachmentBinaryObject", f"{_S}/InvoiceCurrencyCode"),
            *(f"{_S}/TaxCurrencyCode", f"{_S}/ApplicableTradeTax/DueDateTypeCode"),
            f"{_S}/SpecifiedTradeSettlementHeaderMonetarySummation/TaxTotalAmount",
            f"{_S}/SpecifiedTradeSettlementHeaderMonetarySummation/GrandTotalAmount",
            f"{_S}/SpecifiedTradeAllowanceCharge/ChargeIndicator/udt:Indicator",
            f"{_S}/SpecifiedTradeAllowanceCharge/ActualAmount",
            f"{_S}/SpecifiedTradeSettlementPaymentMeans/TypeCode",
            f"{_S}/SpecifiedTradeSettlementPaymentMeans/PayeePartyCreditorFinancialAccount/IBANID",
            f"{_S}/SpecifiedTradePaymentTerms/DueDateDateTime/udt:DateTimeString",
            f"{_L}/AssociatedDocumentLineDocument/LineID",
            f"{_L}/AssociatedDocumentLineDocument/LineStatusReasonCode",
            f"{_L}/SpecifiedLineTradeAgreement/GrossPriceProductTradePrice/ChargeAmount",
            f"{_L}/SpecifiedLineTradeAgreement/GrossPriceProductTradePrice/AppliedTradeAllowanceCharge/ActualAmount",
            f"{_L}/SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount",
            f"{_L}/SpecifiedLineTradeSettlement/SpecifiedTradeAllowanceCharge/ActualAmount",
        )
    ),
)
_UNIT = "CPPFactures/CPPFactureMixteUnitaire"
_MIXED = (
    *(f"{_UNIT}/Fournisseur/TypeIdentifiant", f"{_UNIT}/Fournisseur/ReferenceBancaire/Compte", f"{_UNIT}/PJ/Contenu"),
    *(f"{_UNIT}/Debiteur/Identifiant", f"{_UNIT}/DonneesFacture/Id", f"{_UNIT}/DonneesFacture/DateEmissionFacture"),
    *(f"{_UNIT}/{below}TVAs/TVA/Taux" for below in ("", "DonneesFacture/")),
    *(f"{_UNIT}/{below}TVAS/TVA/BaseHt" for below in ("", "DonneesFacture/")),
    *(f"{_UNIT}/{below}Montants/MontantTTC" for below in ("", "DonneesFacture/")),
    *(f"{_UNIT}/{below}Lignes/Ligne/Quantite" for below in ("", "DonneesFacture/")),
    *(f"{_UNIT}/DonneesFacture/Engagement/NumeroMarche", f"{_UNIT}/Autre/Chose", f"{_UNIT}/PJ/NomPJ"),
)


class Leaf(NamedTuple):
    """A value to plant: how many groups of its path are shared with the leaf planted before it."""

    path: str
    shared: int
    text: str
    attributes: dict[str, str]


_TEXTS = st.sampled_from(
    [
        *("", " ", "1", " 12.50\n", "-1", "1e9", "NaN", "20260301", "2026-02-29", "A1", "EUR", "true", "TYPE_LIGNE"),
        *("GROUP", "1" * 9, "2" * 14, "Contrat", "#ADN#x"),
    ]
)
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["schemeID", "schemeName", "currencyID", "format", "filename", "NumOrdre", "Type"]),
    st.sampled_from(["", " 1", "8", "0002", "0009", "0224", "SEPA", "FC", "VA", "EUR", "USD", "102", "RIB", "a.pdf"]),
    max_size=2,
)


def _leaves(paths: tuple[str, ...]) -> st.SearchStrategy[list[Leaf]]:
    return st.lists(st.builds(Leaf, st.sampled_from(paths), st.integers(0, 6), _TEXTS, _ATTRIBUTES), max_size=30)


def _name(step: str, own: str, *, is_group: bool) -> str:
    prefix, _, local = step.rpartition(":")
    if not prefix and own == "ubl":
        prefix = "cac" if is_group else "cbc"
    elif not prefix and own == "cii":
        prefix = "ram"
    return f"{{{PREFIXES[prefix]}}}{local}" if prefix else local


def _tree(root: str, own: str, leaves: list[Leaf]) -> etree._ElementTree:
    element = etree.Element(root)
    for leaf in leaves:
        here = element
        *groups, last = leaf.path.split("/")
        for depth, step in enumerate(groups):
            name = _name(step, own, is_group=True)
            known = here.findall(name) if depth < leaf.shared else []
            here = known[-1] if known else etree.SubElement(here, name)
        planted = etree.SubElement(here, _name(last, own, is_group=False), leaf.attributes)
        planted.text = leaf.text
    return etree.ElementTree(etree.fromstring(etree.tostring(element)))


def _read_ubl(tree: etree._ElementTree, terms: Terms) -> tuple[Invoice, ...]:
    return ubl.read(tree, terms, interface="FSO1110A")


def _read_cii(tree: etree._ElementTree, terms: Terms) -> tuple[Invoice, ...]:
    return cii.read(tree, terms, interface="FSO1116A", kind=Kind.CII, level=Level.NONE)


@pytest.mark.parametrize(
    ("root", "own", "paths", "read"),
    [
        (f"{{{PREFIXES['ubl']}}}Invoice", "ubl", _UBL, _read_ubl),
        (f"{{{PREFIXES['cn']}}}CreditNote", "ubl", _UBL, _read_ubl),
        (f"{{{PREFIXES['rsm']}}}CrossIndustryInvoice", "cii", _CII, _read_cii),
        ("CPPFactureMixte", "mixed", _MIXED, mixed.read),
    ],
    ids=["invoice", "credit note", "cii", "mixed"],
)
def test_any_tree_is_read_and_each_value_stands_where_it_says(
    root: str,
    own: str,
    paths: tuple[str, ...],
    read: Callable[[etree._ElementTree, Terms], tuple[Invoice, ...]],
) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_leaves(paths), st.sampled_from([LEGACY, CTC]))
    def holds(leaves: list[Leaf], profile: str) -> None:
        tree = _tree(root, own, leaves)
        for rank, invoice in enumerate(read(tree, Terms(profile=profile)), start=1):
            assert invoice.rank == rank
            listed = (*invoice.dates, *invoice.amounts, *invoice.identifiers, *invoice.texts)
            # an amount that is given twice with two values shows both, at the place of the first
            single = [value for value in listed if value not in invoice.amounts or " / " not in value.text]
            assert len({value.path for value in single}) == len(single)
            for value in listed:
                (node,) = tree.xpath(value.path, namespaces=dict(PREFIXES))
                raw = node if isinstance(node, str) else node.text
                assert value not in single or raw.strip(XML_BLANKS) == value.text

    holds()


@pytest.mark.parametrize(
    ("own", "paths"), [("ubl", _UBL), ("cii", _CII), ("mixed", _MIXED)], ids=["ubl", "cii", "mixed"]
)
def test_most_of_the_paths_planted_here_are_read(own: str, paths: tuple[str, ...]) -> None:
    """Guards the property above: planted alone, nearly each path gives a value."""
    root, read = {
        "ubl": (f"{{{PREFIXES['ubl']}}}Invoice", _read_ubl),
        "cii": (f"{{{PREFIXES['rsm']}}}CrossIndustryInvoice", _read_cii),
        "mixed": ("CPPFactureMixte", mixed.read),
    }[own]
    silent = []
    for path in paths:
        invoices = read(_tree(root, own, [Leaf(path, 0, "1", {})]), Terms())
        if not any(i.dates or i.amounts or i.identifiers or i.texts or i.attachments for i in invoices):
            silent.append(path)
    assert len(silent) <= len(paths) // 8, silent
