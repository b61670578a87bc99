"""The public invoices are read without a fault, and their totals are those that XPath finds."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from lxml import etree
from reader_documents import LEGACY_TERMS, assert_every_place_holds

from pipeline.model import Invoice, Kind, Level
from pipeline.readers import cii, ubl
from pipeline.readers.walk import PREFIXES

pytestmark = pytest.mark.corpus

CORPUS = os.environ.get("CHORUS_EDI_CORPUS", "")
_SUMMATION = "//*[local-name()='ApplicableHeaderTradeSettlement']/*[local-name()='SpecifiedTradeSettlementHeaderMonetarySummation']"
_TOTALS = {
    Kind.UBL: {
        "total_lines": "/*/cac:LegalMonetaryTotal/cbc:LineExtensionAmount",
        "total_net": "/*/cac:LegalMonetaryTotal/cbc:TaxExclusiveAmount",
        "total_gross": "/*/cac:LegalMonetaryTotal/cbc:TaxInclusiveAmount",
        "payable": "/*/cac:LegalMonetaryTotal/cbc:PayableAmount",
        "total_vat": "/*/cac:TaxTotal/cbc:TaxAmount[@currencyID = /*/cbc:DocumentCurrencyCode]",
        "count(lines)": "count(/*/cac:InvoiceLine | /*/cac:CreditNoteLine)",
        "count(attachments)": "count(/*/cac:AdditionalDocumentReference//cbc:EmbeddedDocumentBinaryObject)",
    },
    Kind.CII: {
        "total_lines": f"{_SUMMATION}/ram:LineTotalAmount",
        "total_net": f"{_SUMMATION}/ram:TaxBasisTotalAmount",
        "total_gross": f"{_SUMMATION}/ram:GrandTotalAmount",
        "payable": f"{_SUMMATION}/ram:DuePayableAmount",
        "total_vat": f"{_SUMMATION}/ram:TaxTotalAmount[@currencyID = //ram:InvoiceCurrencyCode]",
        "count(lines)": "count(//ram:IncludedSupplyChainTradeLineItem)",
        "count(attachments)": "count(//ram:ApplicableHeaderTradeAgreement//ram:AttachmentBinaryObject)",
    },
}


def found(ending: str) -> list[Path]:
    return sorted(Path(CORPUS).rglob(f"*{ending}")) if CORPUS else []


def parsed(document: bytes) -> etree._ElementTree:
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True)
    return etree.ElementTree(etree.fromstring(document, parser))


def assert_read_right(tree: etree._ElementTree, invoice: Invoice) -> None:
    for value in (invoice.number, invoice.total_gross, invoice.currency, invoice.issued, invoice.type):
        assert value is not None
    namespaces = dict(PREFIXES)
    for name, path in _TOTALS[Kind.UBL if invoice.kind is Kind.UBL else Kind.CII].items():
        again = tree.xpath(path, namespaces=namespaces)
        if name.startswith("count"):
            assert len(getattr(invoice, name[6:-1])) == again
            continue
        read = getattr(invoice, name)
        assert (read is None) == (again == [])
        if read is not None:
            assert read.value == Decimal(again[0].text.strip())
    assert_every_place_holds(tree, invoice)


def test_the_corpus_is_named() -> None:
    if not CORPUS:
        pytest.skip("CHORUS_EDI_CORPUS does not name the folder of the public invoices")
    assert (len(found(".xml")), len(found(".pdf"))) == (86, 28)


@pytest.mark.parametrize("path", found(".xml"), ids=lambda path: path.stem)
def test_a_public_xml_invoice_is_read_right(path: Path) -> None:
    tree = parsed(path.read_bytes())
    if tree.getroot().tag.endswith("}CrossIndustryInvoice"):
        (invoice,) = cii.read(tree, LEGACY_TERMS, interface="FSO1106A", kind=Kind.CII, level=Level.NONE)
    else:
        (invoice,) = ubl.read(tree, LEGACY_TERMS, interface="FSO1100A")
    assert_read_right(tree, invoice)
    assert invoice.lines
    assert invoice.supplier.name is not None
    assert invoice.recipient.name is not None


@pytest.mark.parametrize("path", found(".pdf"), ids=lambda path: path.stem)
def test_the_xml_of_a_public_pdf_is_read_right(path: Path) -> None:
    import pikepdf

    with pikepdf.open(path) as pdf:
        (name,) = [name for name in pdf.attachments if name.lower().endswith(".xml")]
        tree = parsed(pdf.attachments[name].get_file().read_bytes())
    (invoice,) = cii.read(tree, LEGACY_TERMS, interface="FSO1117A", kind=Kind.FACTURX, level=Level.MINIMUM)
    assert_read_right(tree, invoice)
    assert invoice.supplier.identifier is not None
    assert invoice.guideline is not None
