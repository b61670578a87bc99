"""XML-010, 011 and 012: what a schema says, told so that it can be mended."""

import re
import time
from dataclasses import replace

import pytest

from pipeline import codes
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.ports import Tools
from pipeline.terms import Switches, Terms, XmlLimits
from pipeline.validators import xml, xsd
from pipeline.validators.xsd_sentences import explain

SCHEMAS = InstalledSchemas()
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
LINE = """<cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:LineExtensionAmount currencyID="EUR">10.00</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>Papier</cbc:Name></cac:Item>
  </cac:InvoiceLine>"""
UBL = f"""<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cbc="{CBC}" xmlns:cac="{CAC}">
  <cbc:ID>F1</cbc:ID>
  <cbc:IssueDate>2026-11-20</cbc:IssueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cac:AccountingSupplierParty/>
  <cac:AccountingCustomerParty/>
  <cac:LegalMonetaryTotal>
    <cbc:PayableAmount currencyID="EUR">12.00</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  {LINE}
</Invoice>"""
CII = """<rsm:CrossIndustryInvoice xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
    xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
    xmlns:udt="urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100">
  <rsm:ExchangedDocumentContext>
    <ram:GuidelineSpecifiedDocumentContextParameter><ram:ID>urn:factur-x.eu:1p0:minimum</ram:ID></ram:GuidelineSpecifiedDocumentContextParameter>
  </rsm:ExchangedDocumentContext>
  <rsm:ExchangedDocument>
    <ram:ID>F1</ram:ID><ram:TypeCode>380</ram:TypeCode>
    <ram:IssueDateTime><udt:DateTimeString format="102">20261120</udt:DateTimeString></ram:IssueDateTime>
  </rsm:ExchangedDocument>
  <rsm:SupplyChainTradeTransaction>
    <ram:ApplicableHeaderTradeAgreement><ram:SellerTradeParty/><ram:BuyerTradeParty/></ram:ApplicableHeaderTradeAgreement>
    <ram:ApplicableHeaderTradeDelivery/>
    <ram:ApplicableHeaderTradeSettlement>
      <ram:InvoiceCurrencyCode>EUR</ram:InvoiceCurrencyCode>
      <ram:SpecifiedTradeSettlementHeaderMonetarySummation>
        <ram:GrandTotalAmount>12.00</ram:GrandTotalAmount>
        <ram:DuePayableAmount>12.00</ram:DuePayableAmount>
      </ram:SpecifiedTradeSettlementHeaderMonetarySummation>
    </ram:ApplicableHeaderTradeSettlement>
  </rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""


def tools(terms=None):
    return Tools(SCHEMAS, None, terms or Terms())


def check(document, schema="ubl-invoice", terms=None, **more):
    given = tools(terms)
    parsed = xml.parse(document.encode(), "m.xml", given.terms)
    assert parsed.tree is not None
    return xsd.check(parsed, schema, "m.xml", given, **more)


def changed(document, before, after):
    assert document.count(before) >= 1
    return document.replace(before, after, 1)


def test_a_valid_document_earns_nothing():
    assert check(UBL) == ()
    assert check(CII, "cii") == ()


@pytest.mark.parametrize(
    ("before", "after", "at", "value", "french", "english"),
    [
        ("2026-11-20", "2025-02-29", "BT-2", "2025-02-29", "la date de la facture (IssueDate) vaut « 2025-02-29 » ; attendu : une date réelle au format AAAA-MM-JJ", "the issue date (IssueDate) is '2025-02-29'; expected: a real date written YYYY-MM-DD"),
        ("12.00", "12,00", "BT-115", "12,00", "le net à payer (PayableAmount) vaut « 12,00 » ; attendu : un nombre avec un point et sans espace, comme 1234.56", "the amount to pay (PayableAmount) is '12,00'; expected: a number with a point and no blank, as 1234.56"),
        ("12.00", "NaN", "BT-115", "NaN", "« NaN »", "'NaN'"),
        ("12.00", "1e999", "BT-115", "1e999", "« 1e999 »", "'1e999'"),
        ("12.00", "", "BT-115", "", "le net à payer (PayableAmount) est vide", "is empty"),
        ('<cbc:PayableAmount currencyID="EUR">', "<cbc:PayableAmount>", "BT-115", "12.00", "l'attribut currencyID manque sur le net à payer", "lacks the attribute currencyID"),
        ("<cbc:ID>F1", '<cbc:ID x="1">F1', "BT-1", "F1", "l'attribut x n'est pas admis sur le numéro de facture (ID)", "the attribute x is not allowed on the invoice number (ID)"),
        ("<cbc:IssueDate>2026-11-20</cbc:IssueDate>", "", "BT-3", "380", "le schéma y attend : CopyIndicator ou UUID ou la date", "the schema expects: CopyIndicator or UUID or"),
        ("<cac:AccountingCustomerParty/>", "<cac:Foo/>", "Foo", "", "l'élément Foo ne peut pas se trouver à cet endroit", "the element Foo cannot stand here"),
        ("<cac:AccountingCustomerParty/>", "words<cac:AccountingCustomerParty/>", "Invoice", "", "le document (Invoice) contient du texte", "the document (Invoice) holds text"),
        (LINE, "", "Invoice", "", "il manque dans le document (Invoice) : une ligne de facture (InvoiceLine)", "lacks: an invoice line"),
        ("<cbc:Name>Papier</cbc:Name>", "<cbc:Name><cbc:ID/></cbc:Name>", "Name", "", "l'élément Name contient d'autres éléments", "holds other elements"),
        ("</Invoice>", "<cbc:ID>2</cbc:ID></Invoice>", "BT-1", "2", "il faut d'abord une ligne de facture", "first comes an invoice line"),
        ("<cac:AccountingSupplierParty/>", "<cac:AccountingSupplierParty><cac:Party/><cac:Party/></cac:AccountingSupplierParty>", "Party", "", "l'élément Party ne peut pas se trouver", "the element Party cannot stand"),
    ],
)  # fmt: skip
def test_an_accountant_can_read_what_is_wrong(before, after, at, value, french, english):
    [found] = check(changed(UBL, before, after))
    assert (found.rule, found.severity, found.member, found.at, found.value) == ("XML-010", "error", "m.xml", at, value)
    assert french in found.facts["sentence_fr"]
    assert english in found.facts["sentence"]
    assert "{urn" not in found.facts["xsd_message"]


def test_blanks_around_a_date_refuse_nothing_and_hide_nothing():
    assert check(changed(UBL, ">2026-11-20<", "> 2026-11-20\n<")) == ()
    (found,) = check(changed(UBL, ">2026-11-20<", ">\t2025-02-29 <"))
    assert (found.rule, found.at, found.value) == ("XML-010", "BT-2", "2025-02-29")


def test_an_empty_date_that_holds_elements_is_told_once():
    assert len(check(changed(UBL, "2026-11-20", "<cbc:ID/>"))) == 1


def test_every_error_is_told_with_its_line_and_path():
    document = changed(changed(UBL, "2026-11-20", "demain"), ">10.00<", ">dix<")
    found = check(document)
    assert [(f.path, f.line) for f in found] == [
        ("/ubl:Invoice/cbc:IssueDate", 4),
        ("/ubl:Invoice/cac:InvoiceLine/cbc:LineExtensionAmount", 13),
    ]
    assert [f.at for f in found] == ["BT-2", "BT-131"]


def test_a_path_names_the_rank_among_namesakes():
    document = changed(UBL, LINE, LINE + LINE.replace(">10.00<", ">dix<") + LINE)
    assert [f.path for f in check(document)] == ["/ubl:Invoice/cac:InvoiceLine[2]/cbc:LineExtensionAmount"]


def test_a_path_is_under_the_usual_prefixes_whatever_the_document_calls_them():
    document = changed(UBL, "2026-11-20", "demain").replace("cbc:", "x:").replace(":cbc", ":x")
    assert [f.path for f in check(document)] == ["/ubl:Invoice/cbc:IssueDate"]


def test_a_prefix_that_changes_its_meaning_does_not_stop_the_report():
    inner = '<p:Foo xmlns:p="urn:a"><p:Bar/></p:Foo><p:Foo xmlns:p="urn:b"/>'
    found = check(changed(UBL, "<cac:AccountingCustomerParty/>", inner))
    assert [f.rule for f in found] == ["XML-010"]


def test_another_root_is_told():
    [found] = check("<a/>")
    assert "ne connaît pas l'élément racine a" in found.facts["sentence_fr"]


def test_in_cii_the_same_words_are_used():
    [found] = check(changed(CII, "<ram:GrandTotalAmount>12.00", "<ram:GrandTotalAmount>1,5"), "cii")
    assert found.at == "BT-112"
    assert "le total TTC (GrandTotalAmount) vaut « 1,5 »" in found.facts["sentence_fr"]


def test_an_attribute_of_a_wrong_form_is_told_as_an_attribute():
    [found] = check(
        changed(
            UBL,
            '<cbc:PayableAmount currencyID="EUR">',
            '<cbc:PayableAmount currencyID="EUR" currencyCodeListVersionID="a&#9;b">',
        ).replace("12.00", "x")
    )
    assert found.at == "BT-115"


def test_a_profile_schema_names_the_level_and_follows_the_policy():
    document = changed(CII, "<ram:TypeCode>380</ram:TypeCode>", "")
    [found] = check(document, "facturx-minimum", code=codes.XML_011, level="MINIMUM")[:1]
    assert (found.rule, found.severity, found.facts["level"]) == ("XML-011", "error", "MINIMUM")
    warned = check(
        document, "facturx-minimum", Terms(policies={"facturx": "warning"}), code=codes.XML_011, level="MINIMUM"
    )
    assert {f.severity for f in warned} == {"warning"}
    assert check(document, "facturx-minimum", Terms(policies={"facturx": "off"}), code=codes.XML_011) == ()


def test_a_document_that_was_not_parsed_is_not_validated():
    given = tools()
    assert xsd.check(xml.parse(b"<a", "m", given.terms), "ubl-invoice", "m", given) == ()


# --- large documents --------------------------------------------------------------------------------------------------

SMALL = Terms(xml=XmlLimits(xsd_siblings_max=100))


def with_lines(*lines):
    return changed(UBL, LINE, "\n".join(lines))


def test_a_large_valid_document_passes():
    assert check(with_lines(*[LINE] * 60), terms=SMALL) == ()


@pytest.mark.parametrize("at", [0, 30, 59])
def test_an_error_in_a_large_document_keeps_its_line_and_path(at):
    lines = [LINE] * 60
    lines[at] = LINE.replace(">10.00<", ">dix<")
    document = with_lines(*lines)
    line = document[: document.index(">dix<")].count("\n") + 1
    [found] = check(document, terms=SMALL)
    assert (found.line, found.path, found.value) == (
        line,
        f"/ubl:Invoice/cac:InvoiceLine[{at + 1}]/cbc:LineExtensionAmount",
        "dix",
    )


def test_a_large_document_on_one_line_says_of_each_error_where_it_is():
    """Exports often have no line break: neither a line nor a name tells one element from its namesakes."""
    lines = [LINE] * 60
    lines[3], lines[40] = LINE.replace(">10.00<", ">dix<"), LINE.replace(">10.00<", ">cent<")
    document = with_lines(*lines).replace("\n", "").replace("<cac:Item>", "<!-- <x> --><cac:Item>")
    assert [(f.path, f.value) for f in check(document, terms=SMALL)] == [
        ("/ubl:Invoice/cac:InvoiceLine[4]/cbc:LineExtensionAmount", "dix"),
        ("/ubl:Invoice/cac:InvoiceLine[41]/cbc:LineExtensionAmount", "cent"),
    ]


def test_an_error_far_behind_the_first_one_of_a_large_document_is_told():
    lines = [LINE] * 8_000  # more than a mebibyte between them
    lines[0], lines[-1] = LINE.replace(">10.00<", ">dix<"), LINE.replace(">10.00<", ">cent<")
    assert [f.value for f in check(with_lines(*lines))] == ["dix", "cent"]


@pytest.mark.parametrize("filler", [60, 5_000])
def test_a_small_and_a_large_document_are_told_the_same(filler):
    lines = [LINE] * filler
    lines[::7] = [LINE.replace(">10.00<", f">n{rank}<") for rank in range(len(lines[::7]))]
    lines[::11] = [LINE.replace("<cac:Item>", "<cbc:Foo/><cac:Item>")] * len(lines[::11])
    document = with_lines(*lines)
    small, large = (
        check(document, terms=replace(Terms(), xml=XmlLimits(xsd_siblings_max=limit))) for limit in (10**9, 10)
    )
    kept = small[: Terms().findings.document_max - 1]
    assert [(f.path, f.line, f.value, f.facts["sentence"]) for f in large[: len(kept)]] == [
        (f.path, f.line, f.value, f.facts["sentence"]) for f in kept
    ]
    assert len(large) == len(kept) + (len(small) > len(kept))


def test_the_last_finding_of_a_large_document_says_how_many_more_there_are():
    wrong = LINE.replace(">10.00<", ">dix<")
    found = check(with_lines(*[wrong] * 1_200), terms=SMALL)
    assert len(found) == Terms().findings.document_max
    assert found[-2].value == "dix"
    assert found[-1].facts["sentence_fr"] == "et 201 autres erreurs de structure après celle-ci"
    assert (found[-1].path, found[-1].line) == (found[-2].path, found[-2].line)


def test_what_is_missing_at_the_end_of_a_large_document_is_told():
    document = re.sub(r"(?s)<cac:InvoiceLine>.*</cac:InvoiceLine>", "", with_lines(LINE))
    document = changed(
        document,
        "<cac:AccountingSupplierParty/>",
        "<cac:AccountingSupplierParty><cac:Party>"
        + "<cac:PartyIdentification><cbc:ID>1</cbc:ID></cac:PartyIdentification>" * 100
        + "</cac:Party></cac:AccountingSupplierParty>",
    )
    [found] = check(document, terms=SMALL)
    assert "lacks: an invoice line" in found.facts["sentence"]


def test_a_large_document_says_the_same_in_utf_16():
    document = with_lines(*[LINE] * 60, LINE.replace(">10.00<", ">dix<"))
    given = tools(SMALL)
    parsed = xml.parse(document.replace("UTF-8", "UTF-16").encode("utf-16"), "m", SMALL)
    [found] = xsd.check(parsed, "ubl-invoice", "m", given)
    assert found.path.endswith("cac:InvoiceLine[61]/cbc:LineExtensionAmount")


def test_a_hundred_thousand_wrong_siblings_are_an_ordinary_refusal():
    document = with_lines("<cac:InvoiceLine><cbc:Foo/></cac:InvoiceLine>\n" * 100_000)
    begun = time.perf_counter()
    found = check(document)
    assert time.perf_counter() - begun < 8
    assert len(found) == Terms().findings.document_max
    assert found[0].path == "/ubl:Invoice/cac:InvoiceLine[1]/cbc:Foo"


# --- words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "text", "wanted"),
    [
        ("[facet 'enumeration'] The value 'X' is not an element of the set {'380', '381'}.", "X", "une de ces valeurs : 380, 381"),
        ("[facet 'enumeration'] The value 'X' is not an element of the set {" + ", ".join(f"'{n}'" for n in range(20)) + "}.", "X", "ou 12 autres valeurs"),
        ("[facet 'enumeration'] The value 'X' is not an element of the set {", "X", "une valeur que le schéma admet"),
        ("[facet 'maxLength'] The value has a length of '21'; this exceeds the allowed maximum length of '20'.", "x" * 21, "au plus 20 caractères (trouvé : 21)"),
        ("[facet 'minLength'] The value has a length of '0'; this underruns the allowed minimum length of '1'.", "", "est vide ; attendu : au moins 1 caractères"),
        ("[facet 'length'] The value has a length of '1'; this differs from the allowed length of '2'.", "F", "exactement 2 caractères (trouvé : 1)"),
        ("[facet 'pattern'] The value 'eur' is not accepted by the pattern '[A-Z]{3}'.", "eur", "une valeur de la forme [A-Z]{3}"),
        ("[facet 'minInclusive'] The value '-1' is less than the minimum value allowed ('0').", "-1", "une valeur d'au moins 0"),
        ("[facet 'maxInclusive'] The value '9' is greater than the maximum value allowed ('8').", "9", "une valeur d'au plus 8"),
        ("[facet 'fractionDigits'] The value '1.234' has more fractional digits than are allowed ('2').", "1.234", "un nombre avec moins de chiffres"),
        ("[facet 'whiteSpace'] odd", "x", "une valeur que le schéma admet"),
        ("'x' is not a valid value of the atomic type 'xs:boolean'.", "x", "true ou false"),
        ("'x' is not a valid value of the atomic type 'xs:base64Binary'.", "x", "un contenu en base64"),
        ("'x' is not a valid value of the atomic type '{urn:a}CodeType'.", "x", "une valeur que le schéma admet"),
        ("This element is not expected.", "", "rien ne peut plus y suivre"),
    ],
)  # fmt: skip
def test_what_was_expected_is_said(rule, text, wanted):
    sentence = explain(f"Element '{{urn:x}}Foo': {rule}", text)
    assert sentence.explained
    assert wanted in sentence.french
    assert sentence.english != sentence.french


def test_the_naming_rules_of_the_syntax_tell_the_form_of_an_unnamed_type():
    for name, wanted in (
        ("StartDate", "AAAA-MM-JJ"),
        ("ChargeIndicator", "true ou false"),
        ("BaseQuantity", "un point"),
        ("IssueTime", "HH:MM:SS"),
    ):
        assert (
            wanted
            in explain(f"Element '{{urn:x}}{name}': 'x' is not a valid value of the local atomic type.", "x").french
        )


def test_the_parent_decides_what_an_element_means():
    message = "Element '{urn:x}ID': 'x' is not a valid value of the atomic type 'xs:token'."
    assert (
        explain(message, "x", "InvoiceLine").bt,
        explain(message, "x", "Invoice").bt,
        explain(message, "x", "Other").bt,
    ) == ("BT-126", "BT-1", "")


def test_a_value_is_cut_in_a_sentence():
    sentence = explain("Element 'Foo': 'x' is not a valid value of the atomic type 'xs:date'.", "x" * 5_000)
    assert len(sentence.french) < 400


@pytest.mark.parametrize("message", ["something else", "Element 'Foo': something new"])
def test_unknown_words_are_kept(message):
    sentence = explain(message)
    assert not sentence.explained
    assert sentence.french.endswith(message.removeprefix("Element 'Foo': "))


class Explainer:
    """Says what it is told to, and remembers that it was asked."""

    def __init__(self, *reasons):
        self.said = reasons
        self.asked = 0

    def reasons(self, document):
        self.asked += 1
        return iter(self.said)


class Explained:
    def __init__(self, explainer):
        self.explainer_ = explainer

    def get(self, name):
        return SCHEMAS.get(name)

    def explainer(self, name):
        return self.explainer_


def enriched(terms, explainer, monkeypatch, told):
    monkeypatch.setattr(
        "pipeline.validators.xsd.explain", lambda message, text, parent: explain("Element 'IssueDate': something new")
    )
    given = Tools(Explained(explainer), None, terms)
    parsed = xml.parse(changed(UBL, "2026-11-20", "x").encode(), "m", terms)
    [found] = xsd.check(parsed, "ubl-invoice", "m", given)
    return found.facts[told]


def test_only_words_that_are_not_known_here_are_explained_by_xmlschema(monkeypatch):
    explainer = Explainer(("/Invoice/cbc:IssueDate", "no such day"))
    check_ = xml.parse(changed(UBL, "2026-11-20", "x").encode(), "m", Terms())
    assert len(xsd.check(check_, "ubl-invoice", "m", Tools(Explained(explainer), None, Terms()))) == 1
    assert explainer.asked == 0
    assert enriched(Terms(), explainer, monkeypatch, "sentence").endswith("something new (no such day)")
    assert explainer.asked == 1


def test_a_reason_about_another_place_is_left_out(monkeypatch):
    assert enriched(Terms(), Explainer(("/Invoice/cbc:ID", "no")), monkeypatch, "sentence_fr").endswith("something new")


def test_a_large_document_is_not_explained(monkeypatch):
    terms = Terms(xml=XmlLimits(explain_bytes_max=10))
    explainer = Explainer(("/Invoice/cbc:IssueDate", "no"))
    assert enriched(terms, explainer, monkeypatch, "sentence").endswith("something new")
    assert explainer.asked == 0


def test_the_installed_explainer_names_the_same_place():
    document = changed(CII, "<ram:GrandTotalAmount>12.00", "<ram:GrandTotalAmount>x").encode()
    given = tools()
    parsed = xml.parse(document, "m", given.terms)
    [found] = xsd.check(parsed, "cii", "m", given)
    [(path, reason)] = list(SCHEMAS.explainer("cii").reasons(parsed.text))
    assert re.sub(r"\w+:|\[1\]", "", path) == re.sub(r"\w+:|\[1\]", "", found.path)
    assert reason


# --- style sheets -------------------------------------------------------------------------------------------------------


def sheets(document, interface="FSO1100A", shipped=False, terms=None):
    terms = terms or Terms()
    return xsd.stylesheet(xml.parse(document, "m", terms), interface, shipped, "m", terms)


def test_a_structured_flow_should_have_a_style_sheet():
    [found] = sheets(b"<a/>")
    assert (found.rule, found.severity, found.member) == ("XML-012", "warning", "m")


@pytest.mark.parametrize(
    ("document", "interface", "shipped"),
    [
        (b'<?xml-stylesheet type="text/xsl" href="x"?><a/>', "FSO1100A", False),
        (b'<?xml version="1.0"?>\n<!-- c -->\n<?xml-stylesheet\nhref="x"?><a/>', "FSO1100A", False),
        (b"<a/>", "FSO1106A", True),
        (b"<a/>", "FSO1110A", False),
        (b"<a/>", "", False),
    ],
)
def test_one_that_is_named_or_shipped_is_enough_and_mixed_flows_need_none(document, interface, shipped):
    assert sheets(document, interface, shipped) == ()


def test_a_style_sheet_named_behind_the_root_or_in_a_comment_does_not_count():
    assert len(sheets(b'<!-- <?xml-stylesheet href="x"?> --><a/>')) == 1
    assert len(sheets(b'<a/><?xml-stylesheet href="x"?>')) == 1
    assert len(sheets(b"<?xml-stylesheets x?><a/>")) == 1


def test_the_switch_makes_a_missing_style_sheet_an_error():
    strict = Terms(switches=Switches(stylesheet_required="error"))
    assert [f.severity for f in sheets(b"<a/>", terms=strict)] == ["error"]
    assert [f.severity for f in sheets(b"<a/>", terms=replace(strict, severities={"XML-012": "info"}))] == ["info"]
    assert sheets(b"<a/>", terms=replace(strict, severities={"XML-012": "off"})) == ()


# --- encodings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "declared", "told"),
    [
        ("utf-8", "UTF-8", ""),
        ("utf-8", "utf-8", ""),
        ("ascii", "US-ASCII", ""),
        ("utf-8-sig", "ISO-8859-1", ""),
        ("iso-8859-1", "ISO-8859-1", "ISO-8859-1"),
        ("iso-8859-1", "latin1", "ISO-8859-1"),
        ("iso-8859-15", "ISO-8859-15", "ISO-8859-15"),
        ("cp1252", "windows-1252", "windows-1252"),
        ("utf-16", "UTF-16", "UTF-16"),
        ("utf-16-le", "UTF-16", "UTF-16"),
        ("utf-16-be", "UTF-16", "UTF-16"),
    ],
)
def test_an_encoding_that_is_read_but_not_wanted_is_told(encoding, declared, told):
    parsed = xml.parse(f'<?xml version="1.0" encoding="{declared}"?><a>e</a>'.encode(encoding), "m", Terms())
    assert parsed.tree.getroot().text == "e"
    assert [f.facts["encoding"] for f in parsed.findings if f.rule == "FIL-005"] == ([told] if told else [])


def test_the_text_for_other_engines_is_in_utf_8_without_what_was_dropped():
    parsed = xml.parse(
        '<?xml version="1.0" encoding="ISO-8859-1"?><!-- c --><?p i?><a>é</a>'.encode("latin-1"), "m", Terms()
    )
    assert parsed.text == "<a>é</a>".encode()
    assert parsed.text is parsed.text
    assert xml.parse(b"<a", "m", Terms()).text == b""


def test_a_list_of_encodings_can_be_made_shorter():
    terms = Terms(lists=replace(Terms().lists, encodings=("UTF-8",)))
    [found] = xml.parse('<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode("latin-1"), "m", terms).findings
    assert found.rule == "FIL-006"


def test_a_refusal_that_is_switched_off_still_does_not_pass():
    parsed = xml.parse(b"<!DOCTYPE a><a/>", "m", Terms(severities={"XML-002": "off"}))
    assert parsed.tree is None
    assert [(f.rule, f.severity) for f in parsed.findings] == [("XML-002", "error")]
