"""Which home of a datum wins in CII, and what its oddities are read as."""

import pytest
from reader_documents import CTC_TERMS, assert_every_place_holds, cii_document, read_cii, tree_of

from pipeline.model import Kind, Level, Party
from pipeline.readers import cii
from pipeline.terms import Terms
from pipeline.values import Amount, Text

SIRET = "11111111111111"
SIREN = "111111111"


def text(value: Text | Amount | None) -> str | None:
    return None if value is None else value.text


# --- unit prices


def priced(gross: str = "", net: str = "", discount: str = "") -> str:
    return (
        "<ram:IncludedSupplyChainTradeLineItem><ram:SpecifiedLineTradeAgreement><ram:GrossPriceProductTradePrice>"
        f"{gross and f'<ram:ChargeAmount>{gross}</ram:ChargeAmount>'}{discount}</ram:GrossPriceProductTradePrice>"
        f"<ram:NetPriceProductTradePrice>{net and f'<ram:ChargeAmount>{net}</ram:ChargeAmount>'}"
        "</ram:NetPriceProductTradePrice></ram:SpecifiedLineTradeAgreement></ram:IncludedSupplyChainTradeLineItem>"
    )


def test_in_the_mixed_cii_flow_the_gross_price_is_the_price_and_the_net_price_includes_vat() -> None:
    (line,) = read_cii("FSO1116A", lines=priced("10.00", "12.00")).lines
    assert (text(line.price), text(line.price_ttc), line.gross_price) == ("10.00", "12.00", None)
    assert line.price is not None
    assert line.price.bt == "BT-146"
    assert line.price.path.endswith("/ram:GrossPriceProductTradePrice/ram:ChargeAmount")


@pytest.mark.parametrize("interface", ["FSO1106A", "FSO1117A", "FSO1137A", "", "FSO9999A"])
def test_in_every_other_flow_the_net_price_is_the_price(interface: str) -> None:
    (line,) = read_cii(interface, lines=priced("12.00", "10.00")).lines
    assert (text(line.price), text(line.gross_price), line.price_ttc) == ("10.00", "12.00", None)


@pytest.mark.parametrize(
    ("discount", "has_allowance", "amount"),
    [
        ("", False, None),
        ("<ram:AppliedTradeAllowanceCharge/>", True, None),
        (
            "<ram:AppliedTradeAllowanceCharge><ram:ActualAmount>1</ram:ActualAmount></ram:AppliedTradeAllowanceCharge>",
            True,
            "1",
        ),
    ],
)
def test_a_discount_without_amount_is_seen(discount: str, has_allowance: bool, amount: str | None) -> None:
    (line,) = read_cii(lines=priced("12.00", "10.00", discount)).lines
    assert line.has_price_allowance is has_allowance
    assert text(line.price_discount) == amount


# --- identifiers


def party(role: str, inside: str) -> Party:
    invoice = read_cii(agreement=f"<ram:{role}TradeParty>{inside}</ram:{role}TradeParty>")
    return invoice.supplier if role == "Seller" else invoice.recipient


def organisation(id_: str, scheme: str = "") -> str:
    attribute = f' schemeID="{scheme}"' if scheme else ""
    return f"<ram:SpecifiedLegalOrganization><ram:ID{attribute}>{id_}</ram:ID></ram:SpecifiedLegalOrganization>"


def global_id(id_: str, scheme: str) -> str:
    return f'<ram:GlobalID schemeID="{scheme}">{id_}</ram:GlobalID>'


def plain(id_: str) -> str:
    return f"<ram:ID>{id_}</ram:ID>"


@pytest.mark.parametrize(
    ("inside", "identifier", "type_", "scheme", "siren"),
    [
        (organisation(SIRET, "1"), SIRET, "1", "1", None),
        (organisation(SIRET, "0002"), SIRET, "1", "0002", None),
        (organisation(SIRET), SIRET, "1", None, None),
        (organisation("DE123", "2"), "DE123", "2", "2", None),
        (organisation("USACME", "ETR"), "USACME", "3", "ETR", None),
        (organisation("123456789", "4"), "123456789", "4", "4", None),
        (organisation("123456789", "RIDET"), "123456789", "4", "RIDET", None),
        (organisation("123456789", "5"), "123456789", "5", "5", None),
        (global_id("22222222222222", "0009") + organisation(SIRET, "1"), SIRET, "1", "1", None),
        (global_id(SIRET, "0009") + organisation(SIREN, "0002"), SIRET, "1", "0009", SIREN),
        (global_id("DE123", "0223"), "DE123", "2", "0223", None),
        (global_id("4012345678901", "0088") + global_id(SIRET, "0009"), SIRET, "1", "0009", None),
        (plain(SIRET) + organisation(SIREN, "0002"), SIRET, "1", None, SIREN),
        (plain("123456789") + organisation(SIRET, "1"), SIRET, "1", "1", None),  # may be a customer account
        # a SIREN alone is the identifier: PTY-003 and PTY-014 say that it is not enough
        (organisation(SIREN, "0002"), SIREN, "1", "0002", None),
        (organisation(SIREN, "1"), SIREN, "1", "1", None),
        (organisation(SIREN), SIREN, "1", None, None),
        (global_id(SIREN, "0002"), SIREN, "1", "0002", None),
        # what is wrong is kept, to be named
        (organisation("123", "1"), "123", "1", "1", None),
        (organisation("1234567820005", "0002"), "1234567820005", "1", "0002", None),  # a SIRET short of a digit
        (organisation("X1", "0099") + plain("Y1"), "X1", "", "0099", None),
        (global_id("4012345678901", "0088"), "4012345678901", "", "0088", None),
        (plain("549910"), "549910", "", None, None),
        (global_id("SERVICE", "0224"), None, "", None, None),
        (global_id("DE98ZZZ", "SEPA"), None, "", None, None),
        (organisation(""), None, "", None, None),
    ],
)
def test_the_supplier_is_named_by_the_first_home_that_fits(
    inside: str, identifier: str | None, type_: str, scheme: str | None, siren: str | None
) -> None:
    supplier = party("Seller", inside)
    assert (text(supplier.identifier), supplier.identifier_type) == (identifier, type_)
    assert (text(supplier.scheme), text(supplier.siren)) == (scheme, siren)


@pytest.mark.parametrize(
    ("inside", "identifier", "type_", "bt"),
    [
        (organisation(SIRET, "1"), SIRET, "1", "BT-47"),
        (organisation(SIRET, "0002"), SIRET, "1", "BT-47"),
        (global_id("SERVICE", "0224") + global_id(SIRET, "0009"), SIRET, "1", "BT-46"),
        (global_id(SIRET, "0009") + organisation("DE123", "2"), SIRET, "1", "BT-46"),
        (organisation("DE123", "2"), "DE123", "2", "BT-47"),
        (organisation(SIREN, "0002"), SIREN, "1", "BT-47"),
        (global_id("DE123", "0223"), "DE123", "2", "BT-46"),
    ],
)
def test_the_recipient_is_a_siret_wherever_one_stands(inside: str, identifier: str, type_: str, bt: str) -> None:
    recipient = party("Buyer", inside)
    assert recipient.identifier is not None
    assert (recipient.identifier.text, recipient.identifier_type, recipient.identifier.bt) == (identifier, type_, bt)


def registration(number: str, scheme: str = "") -> str:
    attribute = f' schemeID="{scheme}"' if scheme else ""
    return f"<ram:SpecifiedTaxRegistration><ram:ID{attribute}>{number}</ram:ID></ram:SpecifiedTaxRegistration>"


@pytest.mark.parametrize(
    ("inside", "vat", "scheme"),
    [
        (registration("201/113", "FC") + registration("FR01", "VA"), "FR01", "VA"),
        (registration("FR01", "VAT"), "FR01", "VAT"),
        (registration("FR01"), "FR01", None),
        (registration("201/113", "FC"), None, None),
        (registration(""), None, None),
    ],
)
def test_the_vat_number_is_the_one_qualified_so(inside: str, vat: str | None, scheme: str | None) -> None:
    supplier = party("Seller", inside)
    assert (text(supplier.vat), text(supplier.vat_scheme)) == (vat, scheme)


# --- dates


def issued(inside: str) -> str:
    return f"<ram:IssueDateTime>{inside}</ram:IssueDateTime>"


@pytest.mark.parametrize(
    ("inside", "given", "value", "format_"),
    [
        ('<udt:DateTimeString format="102">20260301</udt:DateTimeString>', "20260301", "2026-03-01", "102"),
        ("<udt:DateTimeString>20260301</udt:DateTimeString>", "20260301", "2026-03-01", None),
        ('<udt:DateTimeString format="">20260301</udt:DateTimeString>', "20260301", "2026-03-01", None),
        ('<udt:DateTimeString format="102">2026-03-01</udt:DateTimeString>', "2026-03-01", None, "102"),
        ('<udt:DateTimeString format="102">20250229</udt:DateTimeString>', "20250229", None, "102"),
        ('<udt:DateTimeString format="203">202603011200</udt:DateTimeString>', "202603011200", None, "203"),
        ('<udt:DateTimeString format="610">202603</udt:DateTimeString>', "202603", None, "610"),
        ("<udt:DateTime>2026-03-01T00:00:00</udt:DateTime>", "2026-03-01T00:00:00", None, None),
        (f"<udt:DateTimeString>{'2' * 30}</udt:DateTimeString>", "2" * 30, None, None),
        ("<udt:DateTimeString>20260301</udt:DateTimeString>" * 2, "20260301", "2026-03-01", None),
        ("<udt:DateTimeString>20260301</udt:DateTimeString><udt:DateTime/>", "20260301", "2026-03-01", None),
    ],
)
def test_a_date_is_a_day_in_format_102_or_in_none(
    inside: str, given: str, value: str | None, format_: str | None
) -> None:
    invoice = read_cii(document=issued(inside))
    assert invoice.issued is not None
    assert (invoice.issued.text, invoice.issued.format) == (given, format_)
    assert (invoice.issued.value and invoice.issued.value.isoformat()) == value
    assert invoice.dates == (invoice.issued,)
    assert_every_place_holds(tree_of(cii_document(document=issued(inside))), invoice)


@pytest.mark.parametrize("inside", ["", "<udt:DateTimeString> </udt:DateTimeString>"])
def test_an_empty_date_is_absent(inside: str) -> None:
    assert read_cii(document=issued(inside)).issued is None


def test_the_first_due_date_counts_and_each_is_a_date_of_the_document() -> None:
    block = "<ram:SpecifiedTradePaymentTerms>{}</ram:SpecifiedTradePaymentTerms>"
    day = "<ram:DueDateDateTime><udt:DateTimeString>{}</udt:DateTimeString></ram:DueDateDateTime>"
    invoice = read_cii(
        settlement=block.format("") + block.format(day.format("20260401")) + block.format(day.format("20260501"))
    )
    assert invoice.due is not None
    assert invoice.due.text == "20260401"
    assert [one.text for one in invoice.dates] == ["20260401", "20260501"]


# --- references, service


def test_the_service_of_the_reform_is_the_routing_code_then_the_legacy_place() -> None:
    buyer = f"<ram:BuyerTradeParty>{global_id(SIRET, '0009')}{global_id('R1', '0224')}</ram:BuyerTradeParty>"
    agreement = "<ram:BuyerReference>S1</ram:BuyerReference>" + buyer
    assert [home.text for home in read_cii(agreement=agreement).service.all] == ["S1"]
    reform = read_cii(terms=CTC_TERMS, agreement=agreement).service
    assert [(home.text, home.bt) for home in reform.all] == [("R1", "BT-46"), ("S1", "BT-10")]
    assert reform.value is reform.all[0]
    assert read_cii(terms=CTC_TERMS, agreement="<ram:BuyerTradeParty/>").service.value is None


def reference(inside: str) -> str:
    return f"<ram:AdditionalReferencedDocument>{inside}</ram:AdditionalReferencedDocument>"


def test_a_reference_without_a_binary_is_no_attachment_but_is_named() -> None:
    invoice = read_cii(
        agreement=reference("<ram:IssuerAssignedID>D1</ram:IssuerAssignedID><ram:TypeCode>916</ram:TypeCode>")
        + reference("<ram:IssuerAssignedID>TENDER</ram:IssuerAssignedID><ram:TypeCode>50</ram:TypeCode>")
        + reference("<ram:IssuerAssignedID>OBJECT</ram:IssuerAssignedID><ram:TypeCode>130</ram:TypeCode>")
        + reference(
            "<ram:IssuerAssignedID>D2</ram:IssuerAssignedID>"
            '<ram:AttachmentBinaryObject mimeCode="text/csv" filename="a.csv">QQ==</ram:AttachmentBinaryObject>'
            "<ram:AttachmentBinaryObject/>"
        )
        + reference("<ram:AttachmentBinaryObject>QUJD</ram:AttachmentBinaryObject>")
    )
    assert [one.text for one in invoice.supporting] == ["D1", "D2"]
    assert [(one.rank, text(one.name), one.encoded, one.mime) for one in invoice.attachments] == [
        (1, "a.csv", "QQ==", "text/csv"),
        (2, "D2", "", ""),
        (3, None, "QUJD", ""),
    ]
    assert invoice.attachments[1].path.endswith("[4]/ram:AttachmentBinaryObject[2]")


def test_a_header_site_is_given_by_either_identifier() -> None:
    place = "<ram:ShipToTradeParty><ram:ID>S1</ram:ID><ram:GlobalID>S2</ram:GlobalID></ram:ShipToTradeParty>"
    assert [site.text for site in read_cii(delivery=place).sites] == ["S1", "S2"]


def test_the_level_and_kind_are_written_down() -> None:
    invoice = read_cii("FSO1117A", kind=Kind.FACTURX, level=Level.BASICWL)
    assert (invoice.kind, invoice.level, invoice.root) == (Kind.FACTURX, Level.BASICWL, "CrossIndustryInvoice")


# --- payment and amounts


def means(inside: str) -> str:
    return f"<ram:SpecifiedTradeSettlementPaymentMeans>{inside}</ram:SpecifiedTradeSettlementPaymentMeans>"


def account(inside: str) -> str:
    return f"<ram:PayeePartyCreditorFinancialAccount>{inside}</ram:PayeePartyCreditorFinancialAccount>"


def test_the_first_account_with_a_number_counts() -> None:
    invoice = read_cii(
        settlement=means("<ram:TypeCode>30</ram:TypeCode>")
        + means(account("<ram:AccountName>N</ram:AccountName>"))
        + means("<ram:TypeCode>48</ram:TypeCode>" + account("<ram:IBANID>FR14</ram:IBANID>"))
    )
    assert text(invoice.account.iban) == "FR14"
    assert [code.text for code in invoice.payment_codes] == ["30", "48"]
    named = read_cii(settlement=means(account("<ram:AccountName>N</ram:AccountName>"))).account
    assert (text(named.holder), named.iban, named.rib) == ("N", None, None)


def totals(*amounts: tuple[str, str], own: str = "EUR", accounting: str = "") -> str:
    each = "".join(
        f"<ram:TaxTotalAmount{f' currencyID={chr(34)}{currency}{chr(34)}' if currency else ''}>{amount}</ram:TaxTotalAmount>"
        for amount, currency in amounts
    )
    return (
        (f"<ram:TaxCurrencyCode>{accounting}</ram:TaxCurrencyCode>" if accounting else "")
        + (f"<ram:InvoiceCurrencyCode>{own}</ram:InvoiceCurrencyCode>" if own else "")
        + f"<ram:SpecifiedTradeSettlementHeaderMonetarySummation>{each}"
        "</ram:SpecifiedTradeSettlementHeaderMonetarySummation>"
    )


@pytest.mark.parametrize(
    ("settlement", "total", "accounting"),
    [
        (totals(("20", "EUR")), "20", None),
        (totals(("20", "")), "20", None),
        (totals(("18", "EUR"), ("20", "USD"), own="USD", accounting="EUR"), "20", "18"),
        (totals(("20", "USD"), ("18", "EUR"), own="USD", accounting="EUR"), "20", "18"),
        (totals(("20", "EUR"), accounting="EUR"), "20", "20"),
        (totals(("20", "USD")), None, None),
        (totals(("20", ""), ("18", "")), None, None),
        (totals(("20", ""), ("18", "EUR"), own="USD", accounting="EUR"), "20", "18"),
        (totals(("18", "EUR"), ("20", ""), own="USD", accounting="EUR"), "20", "18"),
        (totals(("19", ""), ("20", "EUR")), "20", None),
        (totals(("20", "USD"), own=""), "20", None),
        (totals(("20", "USD"), ("18", "EUR"), own=""), "20", None),
        (totals(("20", "EUR"), ("20.00", "EUR")), "20", None),
        (totals(), None, None),
    ],
)
def test_the_vat_totals_are_told_apart_by_their_currency(
    settlement: str, total: str | None, accounting: str | None
) -> None:
    invoice = read_cii(settlement=settlement)
    assert (text(invoice.total_vat), text(invoice.total_vat_accounting)) == (total, accounting)
    assert_every_place_holds(tree_of(cii_document(settlement=settlement)), invoice)


@pytest.mark.parametrize(
    ("settlement", "total", "accounting"),
    [
        (totals(("20", "EUR"), ("18", "EUR")), "20 / 18", None),
        (totals(("20", ""), ("18", "EUR"), ("18", "USD"), own="USD", accounting="EUR"), "18", "18"),
        (totals(("20", "USD"), ("18", "EUR"), ("17", "EUR"), own="USD", accounting="EUR"), "20", "18 / 17"),
    ],
)
def test_a_vat_total_that_is_given_twice_is_no_amount_where_both_differ(
    settlement: str, total: str, accounting: str | None
) -> None:
    invoice = read_cii(settlement=settlement)
    assert (text(invoice.total_vat), text(invoice.total_vat_accounting)) == (total, accounting)
    assert {one.text for one in invoice.amounts if one.value is None} == {total, accounting} - {"18", "20", None}


def test_every_vat_group_keeps_its_own_regime() -> None:
    group = "<ram:ApplicableTradeTax><ram:DueDateTypeCode>{}</ram:DueDateTypeCode></ram:ApplicableTradeTax>"
    invoice = read_cii(settlement=group.format("5") + group.format("72") + group.format(""))
    assert [regime.text for regime in invoice.vat_regimes] == ["5", "72"]
    assert [text(vat.due) for vat in invoice.vat_lines] == ["5", "72", None]


@pytest.mark.parametrize(
    ("indicator", "bt"),
    [
        ("<ram:ChargeIndicator><udt:Indicator>true</udt:Indicator></ram:ChargeIndicator>", "BT-99"),
        ("<ram:ChargeIndicator><udt:Indicator>1</udt:Indicator></ram:ChargeIndicator>", "BT-99"),
        ("<ram:ChargeIndicator><udt:Indicator>false</udt:Indicator></ram:ChargeIndicator>", "BT-92"),
        ("<ram:ChargeIndicator><udt:Indicator/></ram:ChargeIndicator>", "BT-92"),
        ("<ram:ChargeIndicator/>", "BT-92"),
        ("", "BT-92"),
    ],
)
def test_a_header_charge_says_so(indicator: str, bt: str) -> None:
    block = (
        f"<ram:SpecifiedTradeAllowanceCharge>{indicator}<ram:ActualAmount>1</ram:ActualAmount>"
        "</ram:SpecifiedTradeAllowanceCharge><ram:SpecifiedTradeAllowanceCharge/>"
    )
    (amount,) = read_cii(settlement=block).header_amounts
    assert amount.bt == bt


# --- lines


def line(document: str = "", settlement: str = "") -> str:
    return (
        f"<ram:IncludedSupplyChainTradeLineItem><ram:AssociatedDocumentLineDocument>{document}"
        f"</ram:AssociatedDocumentLineDocument><ram:SpecifiedLineTradeSettlement>{settlement}"
        "</ram:SpecifiedLineTradeSettlement></ram:IncludedSupplyChainTradeLineItem>"
    )


@pytest.mark.parametrize(
    ("status", "type_", "counts"),
    [
        ("DETAIL", "DETAIL", True),
        ("GROUP", "REGROUPEMENT", False),
        ("INFORMATION", "INFORMATION", False),
        ("OTHER", None, True),
    ],
)
def test_a_group_of_sub_lines_is_not_added_up_with_them(status: str, type_: str | None, counts: bool) -> None:
    (read,) = read_cii(lines=line(f"<ram:LineStatusReasonCode>{status}</ram:LineStatusReasonCode>")).lines
    assert text(read.type) == type_
    assert read.counts is counts


def test_lines_are_numbered_in_their_paths() -> None:
    lines = line("<ram:LineID>1</ram:LineID>") * 2
    read = read_cii(lines=lines).lines
    assert [one.path[-3:] for one in read] == ["[1]", "[2]"]
    assert [one.id and one.id.path for one in read] == [
        f"{one.path}/ram:AssociatedDocumentLineDocument/ram:LineID" for one in read
    ]


def test_an_empty_allowance_of_a_line_gives_no_amount() -> None:
    (read,) = read_cii(lines=line(settlement="<ram:SpecifiedTradeAllowanceCharge/>")).lines
    assert (read.allowances, read.charges, read.other_amounts) == ((), (), ())


def test_an_empty_document_gives_an_empty_invoice() -> None:
    tree = tree_of("<nothing/>")
    (invoice,) = cii.read(tree, Terms(), interface="FSO1106A", kind=Kind.CII, level=Level.NONE)
    assert (invoice.number, invoice.total_gross, invoice.lines, invoice.identifiers) == (None, None, (), ())
    assert (invoice.supplier, invoice.validator, invoice.payee) == (Party(), None, None)
