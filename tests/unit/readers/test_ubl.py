"""Which home of a datum wins in UBL, and what its oddities are read as."""

import pytest
from reader_documents import CTC_TERMS, assert_every_place_holds, read_ubl, tree_of, ubl_document

from pipeline.model import Invoice, Kind, Party
from pipeline.readers import ubl
from pipeline.terms import Terms
from pipeline.values import Text

SIRET = "11111111111111"
SIREN = "111111111"


def extension(inside: str) -> str:
    return (
        "<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent>"
        f"{inside}</ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>"
    )


AIFE_A2 = "<aife:FactureExtension><aife:CategoryCode>A2</aife:CategoryCode></aife:FactureExtension>"
ALIEN_A3 = '<x:F xmlns:x="urn:x"><x:CategoryCode>A3</x:CategoryCode></x:F>'


def text(value: Text | None) -> str | None:
    return None if value is None else value.text


# --- framework


def test_the_framework_of_the_aife_extension_wins_over_the_profile() -> None:
    invoice = read_ubl(extension(AIFE_A2) + "<cbc:ProfileID>A1</cbc:ProfileID>")
    assert text(invoice.framework) == "A2"
    assert text(invoice.framework_extension) == "A2"
    assert text(invoice.framework_profile) == "A1"
    assert invoice.framework_extension_namespace == "urn:AIFE:Facture:Extension"


def test_an_aife_extension_wins_over_an_alien_one_that_stands_before_it() -> None:
    body = extension(ALIEN_A3).replace("</ext:UBLExtensions>", "") + extension(AIFE_A2).replace(
        "<ext:UBLExtensions>", ""
    )
    assert text(read_ubl(body).framework) == "A2"


def test_a_category_in_an_alien_namespace_is_read_and_its_namespace_told() -> None:
    body = extension("<other xmlns='urn:y'/>" + ALIEN_A3 + ALIEN_A3)
    invoice = read_ubl(body)
    assert text(invoice.framework) == "A3"
    assert invoice.framework_extension_namespace == "urn:x"
    assert_every_place_holds(tree_of(ubl_document(body)), invoice)


def test_a_category_without_a_namespace_below_an_alien_one_is_read_too() -> None:
    body = extension('<x:F xmlns:x="urn:x"><CategoryCode xmlns="">A4</CategoryCode></x:F>')
    invoice = read_ubl(body)
    assert (text(invoice.framework_extension), invoice.framework_extension_namespace) == ("A4", "")
    assert_every_place_holds(tree_of(ubl_document(body)), invoice)


@pytest.mark.parametrize(
    ("profile", "framework", "a_coded"),
    [
        ("A9", "A9", "A9"),
        ("A25", "A25", "A25"),
        ("urn:fdc:peppol.eu:2017:poacc:billing:01:1.0", None, None),
        ("A1 ", "A1", "A1"),
        ("a1", None, None),
        ("S1", "S1", None),  # a reform code: said, so that IDN-006 can refuse it
    ],
)
def test_a_profile_is_a_framework_when_it_is_coded_like_one(
    profile: str, framework: str | None, a_coded: str | None
) -> None:
    invoice = read_ubl(f"<cbc:ProfileID>{profile}</cbc:ProfileID>")
    assert text(invoice.framework) == framework
    assert text(invoice.framework_profile) == a_coded


@pytest.mark.parametrize("body", ["", extension("<aife:Other/>"), extension("<aife:CategoryCode/>")])
def test_without_a_framework_none_is_given(body: str) -> None:
    assert read_ubl(body).framework is None


# --- identifiers


def party(side: str, inside: str) -> Party:
    invoice = read_ubl(f"<cac:Accounting{side}Party><cac:Party>{inside}</cac:Party></cac:Accounting{side}Party>")
    return invoice.supplier if side == "Supplier" else invoice.recipient


def identification(id_: str, scheme: str = "", name: str = "schemeID") -> str:
    attribute = f' {name}="{scheme}"' if scheme else ""
    return f"<cac:PartyIdentification><cbc:ID{attribute}>{id_}</cbc:ID></cac:PartyIdentification>"


def legacy(id_: str, type_: str) -> str:
    return identification(id_, type_, "schemeName")


def company(id_: str, scheme: str = "") -> str:
    attribute = f' schemeID="{scheme}"' if scheme else ""
    return f"<cac:PartyLegalEntity><cbc:CompanyID{attribute}>{id_}</cbc:CompanyID></cac:PartyLegalEntity>"


@pytest.mark.parametrize(
    ("inside", "identifier", "type_", "scheme", "siren"),
    [
        (legacy(SIRET, "1") + company("22222222222222"), SIRET, "1", "1", None),
        (legacy("DE123", "2"), "DE123", "2", "2", None),
        (legacy("USACME", "3"), "USACME", "3", "3", None),
        (legacy("RIDET1234", "4"), "RIDET1234", "4", "4", None),
        (legacy("TAHITI123", "5"), "TAHITI123", "5", "5", None),
        (legacy("X", "6"), "X", "6", "6", None),
        (legacy("1850199123DURAND", "7"), "1850199123DURAND", "7", "7", None),
        (identification(SIRET, "0009") + company("22222222222222"), SIRET, "1", "0009", None),
        (identification("DE123", "0223"), "DE123", "2", "0223", None),
        (identification("1850199123", "0226"), "1850199123", "7", "0226", None),
        (identification("USACME", "0227"), "USACME", "3", "0227", None),
        (identification("123456789", "0228"), "123456789", "4", "0228", None),
        (identification("123456789", "0229"), "123456789", "5", "0229", None),
        (identification("4012345678901", "0088") + legacy(SIRET, "1"), SIRET, "1", "1", None),
        (company(SIRET), SIRET, "1", None, None),
        (company(SIRET, "0002"), SIRET, "1", "0002", None),
        (identification("4012345678901", "0088") + company(SIRET, "0009"), SIRET, "1", "0009", None),
        (identification(SIRET), SIRET, "1", None, None),
        # a SIREN beside a SIRET
        (legacy(SIRET, "1") + company(SIREN, "0002"), SIRET, "1", "1", SIREN),
        (identification(SIRET, "0009") + company(SIREN), SIRET, "1", "0009", SIREN),
        (identification(SIRET, "0009") + identification(SIREN, "0002"), SIRET, "1", "0009", SIREN),
        (legacy(SIRET, "1") + identification("123456789"), SIRET, "1", "1", None),  # may be a customer account
        # a SIREN alone is the identifier: PTY-003 and PTY-014 say that it is not enough
        (company(SIREN, "0002"), SIREN, "1", "0002", None),
        (company(SIREN), SIREN, "1", None, None),
        (legacy(SIREN, "1"), SIREN, "1", "1", None),
        (identification(SIREN, "0002"), SIREN, "1", "0002", None),
        (identification("4012345678901", "0088") + company(SIREN), SIREN, "1", None, None),
        # what is wrong is kept, to be named
        (legacy(SIRET, "8") + company(SIREN), SIRET, "", "8", None),
        (identification("4012345678901", "0088"), "4012345678901", "", "0088", None),
        (identification("1234567820005", "0002"), "1234567820005", "1", "0002", None),  # a SIRET short of a digit
        (identification("4012345678901"), "4012345678901", "", None, None),
        (identification("SERVICE", "0224"), None, "", None, None),
        (identification("DE98ZZZ", "SEPA"), None, "", None, None),
        (company("RCS Paris B 123"), None, "", None, None),
        (legacy("", "1") + company(SIRET), SIRET, "1", None, None),
        ("<cac:PartyIdentification/>", None, "", None, None),
    ],
)
def test_the_supplier_is_named_by_the_first_home_that_fits(
    inside: str, identifier: str | None, type_: str, scheme: str | None, siren: str | None
) -> None:
    supplier = party("Supplier", inside)
    assert (text(supplier.identifier), supplier.identifier_type) == (identifier, type_)
    assert (text(supplier.scheme), text(supplier.siren)) == (scheme, siren)


@pytest.mark.parametrize(
    ("inside", "identifier", "type_", "bt"),
    [
        (legacy("DE123", "2") + legacy(SIRET, "1"), SIRET, "1", "BT-47"),
        (identification("DE123", "0223") + identification(SIRET, "0009"), SIRET, "1", "BT-46"),
        (identification("SERVICE", "0224") + company(SIRET), SIRET, "1", "BT-47"),
        # the Peppol route: the State at the end point, the final SIRET in the legal entity
        ('<cbc:EndpointID schemeID="0009">11000201100044</cbc:EndpointID>' + company(SIRET), SIRET, "1", "BT-47"),
        (legacy("DE123", "2"), "DE123", "2", "BT-47"),
        (company(SIREN, "0002"), SIREN, "1", "BT-47"),
        (identification("123456789", "0223"), "123456789", "2", "BT-46"),
    ],
)
def test_the_recipient_is_a_siret_wherever_one_stands(inside: str, identifier: str, type_: str, bt: str) -> None:
    recipient = party("Customer", inside)
    assert recipient.identifier is not None
    assert (recipient.identifier.text, recipient.identifier_type, recipient.identifier.bt) == (identifier, type_, bt)


def test_a_company_number_that_is_no_siret_is_the_legal_text_and_else_the_share_capital() -> None:
    capital = "<cac:CorporateRegistrationScheme><cbc:ID>5000</cbc:ID></cac:CorporateRegistrationScheme>"
    with_capital = company("{}").replace("</cac:PartyLegalEntity>", capital + "</cac:PartyLegalEntity>")
    assert text(party("Supplier", with_capital.replace("{}", "RCS Paris")).legal) == "RCS Paris"
    assert text(party("Supplier", with_capital.replace("{}", SIRET)).legal) == "5000"


def test_the_registered_name_is_the_name_and_without_it_the_trading_name_is() -> None:
    trading = "<cac:PartyName><cbc:Name>Trade</cbc:Name></cac:PartyName>"
    registered = "<cac:PartyLegalEntity><cbc:RegistrationName>Legal</cbc:RegistrationName></cac:PartyLegalEntity>"
    both, one = party("Supplier", trading + registered), party("Supplier", trading)
    assert (text(both.name), text(both.trading_name)) == ("Legal", "Trade")
    assert (text(one.name), one.trading_name) == ("Trade", None)
    assert one.name is not None
    assert one.name.bt == "BT-27"


def tax(number: str, scheme: str) -> str:
    said = f"<cbc:ID>{scheme}</cbc:ID>" if scheme else ""
    return f"<cac:PartyTaxScheme><cbc:CompanyID>{number}</cbc:CompanyID><cac:TaxScheme>{said}</cac:TaxScheme></cac:PartyTaxScheme>"


@pytest.mark.parametrize(
    ("inside", "vat", "scheme"),
    [
        (tax("201/113", "FC") + tax("FR01", "VAT"), "FR01", "VAT"),
        (tax("FR02", "TVA") + tax("FR01", "VAT"), "FR01", "VAT"),
        (tax("FR02", "TVA"), "FR02", "TVA"),
        (tax("FR03", ""), "FR03", None),
        (tax("201/113", "FC"), None, None),
        ("<cac:PartyTaxScheme/>", None, None),
    ],
)
def test_the_vat_number_is_the_one_qualified_so(inside: str, vat: str | None, scheme: str | None) -> None:
    supplier = party("Supplier", inside)
    assert (text(supplier.vat), text(supplier.vat_scheme)) == (vat, scheme)


def test_a_validator_is_only_there_when_the_document_has_one() -> None:
    assert read_ubl("").validator is None
    assert read_ubl("").payee is None


# --- references


def service_homes(contact: str, reference: str, party_contact: str, routing: str = "") -> str:
    return (
        f"<cbc:BuyerReference>{reference}</cbc:BuyerReference><cac:AccountingCustomerParty><cac:Party>{routing}"
        f"<cac:Contact><cbc:ID>{party_contact}</cbc:ID></cac:Contact></cac:Party>"
        f"<cac:AccountingContact><cbc:ID>{contact}</cbc:ID></cac:AccountingContact></cac:AccountingCustomerParty>"
    )


@pytest.mark.parametrize(
    ("homes", "value", "all_"),
    [
        (("S1", "S2", "S3"), "S1", ("S1", "S2", "S3")),
        (("", "S2", "S3"), "S2", ("S2", "S3")),
        ((" ", "", "S3"), "S3", ("S3",)),
        (("", "", ""), None, ()),
    ],
)
def test_the_first_home_of_the_service_that_is_not_empty_wins_and_all_are_kept(
    homes: tuple[str, str, str], value: str | None, all_: tuple[str, ...]
) -> None:
    service = read_ubl(service_homes(*homes)).service
    assert text(service.value) == value
    assert tuple(home.text for home in service.all) == all_


def test_the_reform_reads_the_routing_code_of_the_recipient_before_the_legacy_homes() -> None:
    body = service_homes("S1", "", "", identification("R1", "0224"))
    assert text(read_ubl(body).service.value) == "S1"
    reform = read_ubl(body, terms=CTC_TERMS).service
    assert [(home.text, home.bt) for home in reform.all] == [("R1", "BT-46"), ("S1", "BT-10")]


def contract(number: str, code: str = "", type_: str = "") -> str:
    return (
        f"<cac:ContractDocumentReference><cbc:ID>{number}</cbc:ID>"
        + (f"<cbc:DocumentTypeCode>{code}</cbc:DocumentTypeCode>" if code else "")
        + (f"<cbc:DocumentType>{type_}</cbc:DocumentType>" if type_ else "")
        + "</cac:ContractDocumentReference>"
    )


ORDER = "<cac:OrderReference><cbc:ID>O1</cbc:ID></cac:OrderReference>"


@pytest.mark.parametrize(
    ("body", "commitments", "market", "types"),
    [
        (ORDER + contract("C1", "Engagement"), ("O1", "C1"), None, ("Engagement",)),
        (contract("C1", "bon de COMMANDE"), ("C1",), None, ("bon de COMMANDE",)),
        (contract("C1", type_="Engagement"), ("C1",), None, ("Engagement",)),
        (contract("M0") + contract("M1", "Marché public"), (), "M1", ("Marché public",)),
        (contract("M1", "MARCHE  PUBLIC"), (), "M1", ("MARCHE  PUBLIC",)),
        (contract("M1", "Contrat"), (), "M1", ("Contrat",)),
        (contract("M1", type_="Marche\u0301 public"), (), "M1", ("Marche\u0301 public",)),
        (contract("M0"), (), "M0", ()),
        (contract("X1", "Devis"), (), None, ("Devis",)),
        (contract("X1", "Devis") + contract("M0"), (), "M0", ("Devis",)),
        (contract("M1", "Devis", "Contrat"), (), "M1", ("Devis",)),
        (contract("", "Contrat"), (), None, ("Contrat",)),
        ("", (), None, ()),
    ],
)
def test_a_contract_reference_is_what_its_type_says(
    body: str, commitments: tuple[str, ...], market: str | None, types: tuple[str, ...]
) -> None:
    invoice = read_ubl(body)
    assert tuple(one.text for one in invoice.commitment.all) == commitments
    assert text(invoice.commitment.value) == (commitments[0] if commitments else None)
    assert text(invoice.market) == market
    assert tuple(one.text for one in invoice.contract_types) == types


def document_reference(id_: str, inside: str = "", code: str = "") -> str:
    said = f"<cbc:DocumentTypeCode>{code}</cbc:DocumentTypeCode>" if code else ""
    return (
        f"<cac:AdditionalDocumentReference><cbc:ID>{id_}</cbc:ID>{said}"
        f"<cac:Attachment>{inside}</cac:Attachment></cac:AdditionalDocumentReference>"
    )


def binary(content: str, attributes: str = "") -> str:
    return f"<cbc:EmbeddedDocumentBinaryObject {attributes}>{content}</cbc:EmbeddedDocumentBinaryObject>"


def test_a_reference_without_a_binary_is_no_attachment_but_is_named() -> None:
    invoice = read_ubl(
        document_reference("D1")
        + document_reference("D2", binary(" QUJD\n", 'filename="a.pdf"'))
        + document_reference("D3", binary("QUJD"))
        + document_reference("D4", binary(""))
        + document_reference("TENDER", code="50")
        + document_reference("OBJECT", code="130")
    )
    assert [one.text for one in invoice.supporting] == ["D1", "D2", "D3", "D4"]
    assert [(one.rank, text(one.name), one.encoded, one.raw, one.mime) for one in invoice.attachments] == [
        (1, "a.pdf", " QUJD\n", False, ""),
        (2, "D3", "QUJD", False, ""),
        (3, "D4", "", False, ""),
    ]
    assert [text(one.reference) for one in invoice.attachments] == ["D2", "D3", "D4"]
    assert {one.bt for one in invoice.identifiers if one.text in {"TENDER", "OBJECT"}} == {"BT-17", "BT-18"}


# --- dates, payment, VAT


def test_the_due_date_of_the_payment_means_wins_over_the_one_of_the_root() -> None:
    root_day = "<cbc:DueDate>2026-05-01</cbc:DueDate>"
    means = (
        "<cac:PaymentMeans/><cac:PaymentMeans><cbc:PaymentDueDate>2026-04-01</cbc:PaymentDueDate></cac:PaymentMeans>"
    )
    both = read_ubl(root_day + means)
    assert both.due is not None
    assert both.due.text == "2026-04-01"
    alone = read_ubl(root_day)
    assert alone.due is not None
    assert (alone.due.text, alone.due.bt, alone.due.path) == ("2026-05-01", "BT-9", "/ubl:Invoice/cbc:DueDate")


def means(code: str, account: str = "", channel: str = "", branch: str = "") -> str:
    said = f"<cbc:PaymentChannelCode>{channel}</cbc:PaymentChannelCode>" if channel else ""
    return (
        f"<cac:PaymentMeans><cbc:PaymentMeansCode>{code}</cbc:PaymentMeansCode>{said}<cac:PayeeFinancialAccount>"
        f"<cbc:ID>{account}</cbc:ID><cbc:Name>Holder</cbc:Name><cac:FinancialInstitutionBranch>{branch}"
        "</cac:FinancialInstitutionBranch></cac:PayeeFinancialAccount></cac:PaymentMeans>"
    )


RIB = "20041010050500013M02606"


@pytest.mark.parametrize(
    ("body", "iban", "rib"),
    [
        (means("30", "FR14", "IBAN"), "FR14", None),
        (means("30", "FR14", "RIB"), None, "FR14"),
        (means("30", RIB, "IBAN"), RIB, None),
        (means("30", RIB), None, RIB),
        (means("30", "20041 01005 0500013M026 06"), None, "20041 01005 0500013M026 06"),
        (means("30", "DE89370400440532013000"), "DE89370400440532013000", None),
        (means("30", RIB, "SWIFT"), None, RIB),
        (means("30"), None, None),
        (means("30") + means("31", "FR14"), "FR14", None),
    ],
)
def test_an_account_is_an_iban_or_a_rib(body: str, iban: str | None, rib: str | None) -> None:
    account = read_ubl(body).account
    assert (text(account.iban), text(account.rib)) == (iban, rib)


def test_the_bank_is_that_of_the_branch_else_of_the_institution() -> None:
    institution = "<cac:FinancialInstitution><cbc:ID>INSTFRPP</cbc:ID></cac:FinancialInstitution>"
    assert (
        text(read_ubl(means("30", "FR14", branch="<cbc:ID>BRANCHPP</cbc:ID>" + institution)).account.bic) == "BRANCHPP"
    )
    assert text(read_ubl(means("30", "FR14", branch=institution)).account.bic) == "INSTFRPP"


def test_every_payment_mode_is_kept_and_the_first_counts() -> None:
    invoice = read_ubl(means("30") + means("48"))
    assert text(invoice.payment_code) == "30"
    assert [code.text for code in invoice.payment_codes] == ["30", "48"]


def test_a_note_of_the_payment_terms_serves_where_no_instruction_stands() -> None:
    invoice = read_ubl("<cac:PaymentTerms><cbc:Note>30 days</cbc:Note></cac:PaymentTerms>")
    assert invoice.payment_note is not None
    assert (invoice.payment_note.text, invoice.payment_note.bt) == ("30 days", "BT-20")


def test_the_vat_regime_has_two_homes_the_aife_one_first() -> None:
    invoice = read_ubl(
        "<cac:InvoicePeriod><cbc:DescriptionCode>3</cbc:DescriptionCode></cac:InvoicePeriod>"
        "<cac:AccountingSupplierParty><cac:Party><cac:PartyTaxScheme><cac:TaxScheme>"
        "<cbc:TaxTypeCode>TVA DEBIT</cbc:TaxTypeCode></cac:TaxScheme></cac:PartyTaxScheme></cac:Party>"
        "</cac:AccountingSupplierParty>"
    )
    assert [regime.text for regime in invoice.vat_regimes] == ["TVA DEBIT", "3"]


def tax_total(amount: str, currency: str = "EUR", subtotal: str = "") -> str:
    said = f' currencyID="{currency}"' if currency else ""
    given = f"<cbc:TaxAmount{said}>{amount}</cbc:TaxAmount>" if amount else ""
    return f"<cac:TaxTotal>{given}{subtotal}</cac:TaxTotal>"


def currencies(own: str, accounting: str = "") -> str:
    return (f"<cbc:DocumentCurrencyCode>{own}</cbc:DocumentCurrencyCode>" if own else "") + (
        f"<cbc:TaxCurrencyCode>{accounting}</cbc:TaxCurrencyCode>" if accounting else ""
    )


SUBTOTAL = "<cac:TaxSubtotal><cbc:TaxAmount>7</cbc:TaxAmount></cac:TaxSubtotal>"


@pytest.mark.parametrize(
    ("body", "total", "accounting", "groups", "lacks"),
    [
        (currencies("EUR") + tax_total("20"), "20", None, 0, False),
        (currencies("USD", "EUR") + tax_total("18", "EUR") + tax_total("20", "USD"), "20", "18", 0, False),
        (
            currencies("USD", "EUR") + tax_total("18", "EUR", SUBTOTAL) + tax_total("20", "USD", SUBTOTAL),
            "20",
            "18",
            1,
            False,
        ),
        (currencies("EUR", "EUR") + tax_total("20"), "20", "20", 0, False),
        (currencies("EUR") + tax_total("20", ""), "20", None, 0, False),
        (currencies("EUR") + tax_total("20", "USD"), None, None, 0, False),
        (currencies("") + tax_total("20", "USD"), "20", None, 0, False),
        (currencies("EUR") + tax_total("20") + tax_total("30"), "20 / 30", None, 0, False),
        (currencies("EUR") + tax_total("", subtotal=SUBTOTAL), None, None, 1, True),
        (currencies("EUR"), None, None, 0, False),
    ],
)
def test_the_vat_totals_are_told_apart_by_their_currency(
    body: str, total: str | None, accounting: str | None, groups: int, lacks: bool
) -> None:
    invoice = read_ubl(body)
    assert (invoice.total_vat and invoice.total_vat.text) == total
    assert (invoice.total_vat_accounting and invoice.total_vat_accounting.text) == accounting
    assert len(invoice.vat_lines) == groups
    assert invoice.has_tax_total_without_amount is lacks


@pytest.mark.parametrize(
    ("subtotal", "rate", "place"),
    [
        ("<cbc:Percent>20</cbc:Percent>", "20", "TaxSubtotal/Percent"),
        ("<cac:TaxCategory><cbc:Percent>10</cbc:Percent></cac:TaxCategory>", "10", "TaxCategory/Percent"),
        (
            "<cbc:Percent>20</cbc:Percent><cac:TaxCategory><cbc:Percent>10</cbc:Percent></cac:TaxCategory>",
            "20",
            "TaxSubtotal/Percent",
        ),
        ("", None, ""),
    ],
)
def test_a_vat_rate_has_two_homes(subtotal: str, rate: str | None, place: str) -> None:
    (line,) = read_ubl(tax_total("20", subtotal=f"<cac:TaxSubtotal>{subtotal}</cac:TaxSubtotal>")).vat_lines
    assert (line.rate and line.rate.text, line.rate_place) == (rate, place)


def test_a_header_charge_and_a_header_allowance_have_their_own_names() -> None:
    one = (
        "<cac:AllowanceCharge><cbc:ChargeIndicator>{}</cbc:ChargeIndicator>"
        "<cbc:MultiplierFactorNumeric>10</cbc:MultiplierFactorNumeric><cbc:Amount>1</cbc:Amount>"
        "<cbc:BaseAmount>10</cbc:BaseAmount></cac:AllowanceCharge>"
    )
    invoice = read_ubl(one.format("true") + one.format("false") + one.format("1") + "<cac:AllowanceCharge/>")
    assert [amount.bt for amount in invoice.header_amounts] == ["BT-99", "BT-92", "BT-99"]
    assert {"BT-100", "BT-101", "BT-93", "BT-94"} <= {amount.bt for amount in invoice.amounts}


# --- notes, origins, sites


def test_a_subject_before_a_note_is_read_and_the_note_kept_whole() -> None:
    invoice = read_ubl("<cbc:Note>#ADN#B2G</cbc:Note><cbc:Note/><cbc:Note>plain #AAB# text</cbc:Note>")
    assert [note.text for note in invoice.notes] == ["#ADN#B2G", "plain #AAB# text"]
    assert [(subject.text, subject.bt) for subject in invoice.note_subjects] == [("ADN", "BT-21")]
    assert invoice.notes[1].path == "/ubl:Invoice/cbc:Note[3]"


def test_every_earlier_invoice_is_kept_with_its_day() -> None:
    one = "<cac:BillingReference><cac:InvoiceDocumentReference>{}</cac:InvoiceDocumentReference></cac:BillingReference>"
    invoice = read_ubl(
        one.format("<cbc:ID>F-1</cbc:ID>")
        + one.format("<cbc:IssueDate>2026-01-01</cbc:IssueDate>")
        + "<cac:BillingReference/>"
    )
    assert [origin.text for origin in invoice.origins] == ["F-1"]
    assert [day.text for day in invoice.origin_days] == ["2026-01-01"]


def test_a_delivery_site_is_a_location_or_the_delivery_itself() -> None:
    invoice = read_ubl(
        "<cac:Delivery><cac:DeliveryLocation><cbc:ID>SITE-1</cbc:ID></cac:DeliveryLocation></cac:Delivery>"
        "<cac:Delivery><cbc:ID>SITE-2</cbc:ID></cac:Delivery>"
    )
    assert [site.text for site in invoice.sites] == ["SITE-1", "SITE-2"]


# --- lines and roots


def line(item: str = "", more: str = "") -> str:
    return f"<cac:InvoiceLine><cbc:ID>1</cbc:ID>{more}<cac:Item>{item}</cac:Item></cac:InvoiceLine>"


def line_type(value: str) -> str:
    return f"<cac:AdditionalItemProperty><cbc:Name>TYPE_LIGNE</cbc:Name><cbc:Value>{value}</cbc:Value></cac:AdditionalItemProperty>"


@pytest.mark.parametrize(
    ("type_", "counts"), [("DETAIL", True), ("REGROUPEMENT", False), ("INFORMATION", False), ("AUTRE", True)]
)
def test_a_grouping_line_and_an_information_line_stay_out_of_the_sums(type_: str, counts: bool) -> None:
    (read,) = read_ubl(line(line_type(type_))).lines
    assert text(read.type) == type_
    assert read.counts is counts


def test_a_line_without_a_type_counts_whatever_other_properties_it_has() -> None:
    (read,) = read_ubl(line(line_type("INFORMATION").replace("TYPE_LIGNE", "COULEUR"))).lines
    assert read.type is None
    assert read.counts


def test_a_price_charge_is_no_discount() -> None:
    charge = (
        "<cac:Price><cbc:PriceAmount>5</cbc:PriceAmount><cac:AllowanceCharge><cbc:ChargeIndicator>true"
        "</cbc:ChargeIndicator><cbc:Amount>1</cbc:Amount></cac:AllowanceCharge></cac:Price>"
    )
    (charged,) = read_ubl(line(more=charge)).lines
    assert (charged.price_discount, charged.has_price_allowance) == (None, False)
    (bare,) = read_ubl(line(more=charge.replace("true", "false").replace("<cbc:Amount>1</cbc:Amount>", ""))).lines
    assert (bare.price_discount, bare.has_price_allowance) == (None, True)


def test_a_credit_note_has_its_own_lines_and_quantities() -> None:
    invoice = read_ubl(
        "<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode><cac:CreditNoteLine><cbc:ID>1</cbc:ID>"
        "<cbc:CreditedQuantity>3</cbc:CreditedQuantity></cac:CreditNoteLine><cac:CreditNoteLine/>",
        root="CreditNote",
    )
    assert (invoice.root, invoice.path, invoice.kind) == ("CreditNote", "/cn:CreditNote", Kind.UBL)
    assert invoice.is_credit_note
    assert text(invoice.type) == "381"
    assert invoice.lines[0].quantity is not None
    assert invoice.lines[0].quantity.text == "3"
    assert [one.path for one in invoice.lines] == [
        "/cn:CreditNote/cac:CreditNoteLine[1]",
        "/cn:CreditNote/cac:CreditNoteLine[2]",
    ]


def test_a_credit_note_without_a_type_is_known_by_its_root() -> None:
    invoice = read_ubl("", root="CreditNote")
    assert invoice.type is None
    assert invoice.is_credit_note


def test_an_empty_document_gives_an_empty_invoice() -> None:
    invoice = read_ubl("")
    assert (invoice.number, invoice.total_gross, invoice.lines, invoice.amounts) == (None, None, (), ())
    assert invoice.supplier == Party()


def test_an_unknown_root_is_read_as_far_as_it_goes() -> None:
    tree = tree_of('<o:Order xmlns:o="urn:o"><o:ID>1</o:ID></o:Order>')
    (invoice,) = ubl.read(tree, Terms(), interface="FSO1100A")
    assert (invoice.root, invoice.number) == ("Order", None)


def test_values_keep_what_is_wrong_with_them() -> None:
    invoice: Invoice = read_ubl(
        "<cbc:ID>\n F-1 </cbc:ID><cbc:IssueDate>2025-02-29</cbc:IssueDate><cac:LegalMonetaryTotal>"
        '<cbc:TaxInclusiveAmount currencyID="EUR">1e3</cbc:TaxInclusiveAmount></cac:LegalMonetaryTotal>'
    )
    assert invoice.number == Text("F-1", "BT-1", "/ubl:Invoice/cbc:ID", 1, padded=True)
    assert invoice.issued is not None
    assert (invoice.issued.text, invoice.issued.value) == ("2025-02-29", None)
    assert invoice.total_gross is not None
    assert (invoice.total_gross.text, invoice.total_gross.value, invoice.total_gross.currency) == ("1e3", None, "EUR")


def test_only_the_blanks_of_xml_are_taken_off() -> None:
    invoice = read_ubl("<cbc:ID>\u00a0F-1\u200b</cbc:ID>")
    assert text(invoice.number) == "\u00a0F-1\u200b"
