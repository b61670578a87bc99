"""What is particular to one syntax: FMT-001 to FMT-006."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pipeline import codes
from pipeline.codes import Severity
from pipeline.model import Invoice, Kind, Level, Line, Party, Received, VatLine
from pipeline.terms import Terms
from pipeline.validators import format
from pipeline.values import Amount, Text

TERMS = Terms()
RECEIVED = Received("ABC123", "flow", "0" * 64, 1, datetime(2026, 1, 15, tzinfo=UTC))
USUAL = {Kind.UBL: "FSO1100A", Kind.CII: "FSO1106A", Kind.FACTURX: "FSO1117A", Kind.MIXED: "FSO1113A"}


def text(value: str, bt: str = "BT-0") -> Text:
    return Text(value, bt, f"/Invoice/{bt}", 7)


def amount(value: str, bt: str = "BT-146") -> Amount:
    return Amount(value, Decimal(value), bt, "/Invoice/price", 8)


def an_invoice(kind: Kind = Kind.UBL, **changes) -> Invoice:
    return Invoice(kind, Level.NONE, 1, "Invoice", "/Invoice", **changes)


def party(identifier: str = "12345678200051", scheme: str | None = None, type: str = "1", **more) -> Party:
    return Party(text(identifier, "BT-30"), type, None if scheme is None else text(scheme), **more)


def judged(invoice: Invoice, interface: str = "", terms: Terms = TERMS):
    found = format.judge(invoice, RECEIVED, interface or USUAL[invoice.kind], "flow.xml", terms)
    for finding in found:
        row = codes.ALL[finding.code]
        assert row.message_en.format(**finding.facts)
        assert finding.member == "flow.xml"
    return found


def rules(*args, **how) -> list[str]:
    return [finding.rule for finding in judged(*args, **how)]


def line(rank: int, price_ttc: str | None, id: str | None = "7") -> Line:
    ttc = None if price_ttc is None else amount(price_ttc)
    return Line(f"/line[{rank}]", rank, None if id is None else text(id, "BT-126"), price_ttc=ttc)


def test_the_net_price_of_fso1116a_is_told_once_to_include_vat():
    invoice = an_invoice(Kind.CII, lines=(line(1, None), line(2, "12.00"), line(3, "24.00")))
    (found,) = judged(invoice, "FSO1116A")
    assert (found.rule, found.severity, found.facts["line"]) == ("FMT-001", Severity.INFO, "7")
    assert rules(invoice, "FSO1106A") == []
    assert rules(an_invoice(Kind.CII, lines=(line(1, None),)), "FSO1116A") == []


def test_a_line_without_a_number_is_told_by_its_rank():
    (found,) = judged(an_invoice(Kind.CII, lines=(line(1, "12.00", None),)), "FSO1116A")
    assert found.facts["line"] == 1


@pytest.mark.parametrize("scheme", ["1", "2", "3", "4", "5", "6", "7", "ETR", "RIDET", "0002"])
@pytest.mark.parametrize("kind", [Kind.CII, Kind.FACTURX])
def test_a_party_scheme_of_the_platforms_own_samples_is_told(kind, scheme):
    (found,) = judged(an_invoice(kind, supplier=party(scheme=scheme, type="4")))
    assert (found.rule, found.facts) == ("FMT-002", {"scheme": scheme, "type": "4"})


@pytest.mark.parametrize(
    ("identifier", "scheme"),
    [("12345678200051", "0009"), ("123456782", "0002"), ("1234567820005A", "0002"), ("x", "8"), ("x", None)],
)
def test_a_scheme_of_the_standard_is_not(identifier, scheme):
    assert rules(an_invoice(Kind.CII, supplier=party(identifier, scheme))) == []


def test_a_scheme_0002_without_identifier_is_not():
    assert rules(an_invoice(Kind.CII, supplier=Party(scheme=text("0002")))) == []


def test_one_scheme_on_several_parties_is_told_once_and_ubl_is_not_asked():
    parties = {name: party(scheme="1") for name in ("supplier", "recipient", "validator", "payee")}
    assert rules(an_invoice(Kind.CII, **parties)) == ["FMT-002"]
    assert rules(an_invoice(Kind.CII, **parties | {"payee": party(scheme="2")})) == ["FMT-002", "FMT-002"]
    assert rules(an_invoice(Kind.UBL, **parties)) == []


def test_a_rate_under_the_subtotal_is_told_once():
    aife = VatLine(rate=amount("20", "BT-119"), rate_place="TaxSubtotal/Percent")
    standard = VatLine(rate=amount("20", "BT-119"), rate_place="TaxCategory/Percent")
    (found,) = judged(an_invoice(vat_lines=(standard, aife, aife)))
    assert (found.rule, found.facts["place"]) == ("FMT-003", "TaxSubtotal/Percent")
    assert rules(an_invoice(vat_lines=(standard, VatLine()))) == []


def test_each_element_that_the_mixed_invoice_does_not_know_refuses_it():
    names = (text("ModeEmission"), text("DateReception"))
    found = judged(an_invoice(Kind.MIXED, unknown_elements=names))
    assert [(f.rule, f.facts["name"]) for f in found] == [("FMT-004", "ModeEmission"), ("FMT-004", "DateReception")]
    assert all(f.refuses for f in found)
    assert rules(an_invoice(Kind.MIXED)) == []


def test_a_framework_extension_of_another_namespace_is_read_with_a_warning():
    given = {"framework_extension": text("A2", "BT-23")}
    (found,) = judged(an_invoice(**given, framework_extension_namespace="urn:AIFE:Facture:extension"))
    assert (found.rule, found.severity) == ("FMT-005", Severity.WARNING)
    assert found.facts["namespace"] == "urn:AIFE:Facture:extension"
    assert rules(an_invoice(**given, framework_extension_namespace="urn:AIFE:Facture:Extension")) == []
    assert rules(an_invoice()) == []


@pytest.mark.parametrize(
    ("kind", "qualifier", "earned"),
    [
        (Kind.UBL, "VAT", False),
        (Kind.UBL, "VA", True),
        (Kind.UBL, None, False),
        (Kind.CII, "VA", False),
        (Kind.CII, "FC", False),
        (Kind.CII, "VAT", True),
        (Kind.FACTURX, "VAT", True),
        (Kind.MIXED, "VAT", False),
    ],
)
def test_a_vat_number_is_qualified_in_the_words_of_its_syntax(kind, qualifier, earned):
    scheme = None if qualifier is None else text(qualifier)
    invoice = an_invoice(kind, supplier=party(vat=text("FR11123456782", "BT-31"), vat_scheme=scheme))
    assert rules(invoice) == (["FMT-006"] if earned else [])


def test_the_buyers_vat_number_and_its_qualifier_are_ignored():
    buyer = party(vat=text("FR11123456782"), vat_scheme=text("TVA"))
    assert rules(an_invoice(recipient=buyer)) == []
    assert rules(an_invoice(payee=buyer)) == ["FMT-006"]


def test_the_reform_does_not_apply_the_rules_on_legacy_samples():
    invoice = an_invoice(Kind.CII, supplier=party(scheme="ETR"))
    assert rules(invoice, terms=Terms(profile="ctc-b2g")) == []
