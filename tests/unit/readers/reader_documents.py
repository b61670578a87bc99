"""Documents for the tests of the readers, and what holds of every value that a reader gives."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from lxml import etree

from pipeline.model import Invoice, Kind, Level
from pipeline.readers import cii, mixed, ubl
from pipeline.readers.walk import PREFIXES
from pipeline.terms import CTC, Terms
from pipeline.values import XML_BLANKS, Amount, Day, Text

LEGACY_TERMS = Terms()
CTC_TERMS = Terms(profile=CTC)


def tree_of(document: str) -> etree._ElementTree:
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True)
    return etree.ElementTree(etree.fromstring(document.encode(), parser))


def _declared(*prefixes: str) -> str:
    return " ".join(f'xmlns:{prefix}="{PREFIXES[prefix]}"' for prefix in prefixes)


def ubl_document(body: str, root: str = "Invoice") -> str:
    own = PREFIXES["ubl" if root == "Invoice" else "cn"]
    return f'<{root} xmlns="{own}" {_declared("cbc", "cac", "ext", "aife")}>{body}</{root}>'


def cii_document(
    *,
    context: str = "",
    document: str = "",
    lines: str = "",
    agreement: str = "",
    delivery: str = "",
    settlement: str = "",
) -> str:
    return (
        f"<rsm:CrossIndustryInvoice {_declared('rsm', 'ram', 'udt', 'qdt')}>"
        f"<rsm:ExchangedDocumentContext>{context}</rsm:ExchangedDocumentContext>"
        f"<rsm:ExchangedDocument>{document}</rsm:ExchangedDocument>"
        f"<rsm:SupplyChainTradeTransaction>{lines}"
        f"<ram:ApplicableHeaderTradeAgreement>{agreement}</ram:ApplicableHeaderTradeAgreement>"
        f"<ram:ApplicableHeaderTradeDelivery>{delivery}</ram:ApplicableHeaderTradeDelivery>"
        f"<ram:ApplicableHeaderTradeSettlement>{settlement}</ram:ApplicableHeaderTradeSettlement>"
        "</rsm:SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
    )


def mixed_document(*units: str) -> str:
    inside = "".join(
        f'<CPPFactureMixteUnitaire NumOrdre="{rank}">{unit}</CPPFactureMixteUnitaire>'
        for rank, unit in enumerate(units, start=1)
    )
    return f'<CPPFactureMixte><Enveloppe/><CPPFactures Compteur="{len(units)}">{inside}</CPPFactures></CPPFactureMixte>'


def read_ubl(body: str, root: str = "Invoice", terms: Terms = LEGACY_TERMS) -> Invoice:
    (invoice,) = ubl.read(tree_of(ubl_document(body, root)), terms, interface="FSO1100A")
    return invoice


def read_cii(
    interface: str = "FSO1106A",
    terms: Terms = LEGACY_TERMS,
    *,
    kind: Kind = Kind.CII,
    level: Level = Level.NONE,
    **parts: str,
) -> Invoice:
    document = tree_of(cii_document(**parts))
    (invoice,) = cii.read(document, terms, interface=interface, kind=kind, level=level)
    return invoice


def read_mixed(*units: str) -> tuple[Invoice, ...]:
    return mixed.read(tree_of(mixed_document(*units)), LEGACY_TERMS)


def every_value(thing: object) -> Iterator[Text | Amount | Day]:
    """All values of the model, wherever they hang."""
    if isinstance(thing, Text | Amount | Day):
        yield thing
    elif isinstance(thing, tuple):
        for one in thing:
            yield from every_value(one)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from every_value(getattr(thing, field.name))


def assert_every_place_holds(tree: etree._ElementTree, invoice: Invoice) -> None:
    """Each value was found where its path says: one node, the same text, the same line; each is in its list once."""
    listed = (*invoice.dates, *invoice.amounts, *invoice.identifiers, *invoice.texts)
    for value in listed:
        nodes = tree.xpath(value.path, namespaces=dict(PREFIXES))
        assert len(nodes) == 1, value
        (node,) = nodes
        raw = node if isinstance(node, str) else node.text
        element = node.getparent() if isinstance(node, str) else node
        assert raw.strip(XML_BLANKS) == value.text, value
        assert element.sourceline == value.line, value
        if isinstance(value, Text):
            assert value.padded == (raw != value.text), value
    assert len({value.path for value in listed}) == len(listed)
    seen = {id(value) for value in listed}
    derived = {id(value) for value in invoice.note_subjects} | {id(line.type) for line in invoice.lines}
    for value in every_value(invoice):
        assert id(value) in seen | derived or value in listed, value
    for attachment in invoice.attachments:
        assert len(tree.xpath(attachment.path, namespaces=dict(PREFIXES))) == 1
