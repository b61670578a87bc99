"""The way of one document: what stops early, what goes on, in which order it is told."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from fixtures import cii, mixed, ubl
from fixtures.accepted_cases import DELIVERY, READABLE
from fixtures.case import content, patched
from fixtures.pdf import facturx_pdf
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.codes import STAGE_ORDER, Severity
from pipeline.model import Kind, MemberSeen, PackRun, Received
from pipeline.ports import Hit, RulesRan, Tools, XmlDocument
from pipeline.terms import Terms
from pipeline.validators.document import Examined, examine

SCHEMAS = InstalledSchemas()
RECEIVED = Received("XXX999", "flow", "0" * 64, 1, datetime(2026, 11, 20, 11, 0, tzinfo=UTC))
WRONG = Hit("BR-CO-16", "fatal", "/", "[BR-CO-16]-the amount due is wrong", False)


class Rules:
    """Answers the same to every document, and remembers the packs that were asked for."""

    def __init__(self, *hits: Hit) -> None:
        self.hits, self.asked = hits, []

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        self.asked.append(pack)
        return RulesRan(self.hits)

    def describe(self, pack: str) -> PackRun:
        return PackRun(pack, "saxon", "0" * 64)


def examined(document: bytes, kind: Kind, interface: str, rules: Rules | None = None, **terms: object) -> Examined:
    seen = MemberSeen("a", len(document), kind=kind, sha256="0" * 64)
    tools = Tools(SCHEMAS, rules or Rules(), Terms(**terms))
    return examine(document, seen, RECEIVED, interface, ships_stylesheet=False, tools=tools)


def pdf(xml: bytes, level: str = "EN 16931", *defects: str, attachments: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    return facturx_pdf(xml, level=level, lines_of_text=("x",), defects=frozenset(defects), attachments=attachments)


def on_invoice(found: Examined) -> set[str]:
    return {f.rule for judged in found.invoices for f in judged.findings}


def test_a_document_that_does_not_parse_goes_no_further():
    rules = Rules(WRONG)
    found = examined(ubl.write(content("D", guideline=ubl.EN16931))[:-9], Kind.UBL, "FSO1100A", rules)
    assert [f.rule for f in found.findings] == ["XML-001"]
    assert (found.invoices, found.packs, rules.asked) == ((), (), [])


def test_a_document_that_the_schema_refuses_is_not_read_and_runs_no_official_rule():
    rules = Rules(WRONG)
    wrong = patched(
        ubl.write(content("D", guideline=ubl.EN16931)), ("<cbc:IssueDate>2026-11-02<", "<cbc:IssueDate>hier<")
    )
    found = examined(wrong, Kind.UBL, "FSO1100A", rules)
    assert {f.rule for f in found.findings} == {"XML-010"}
    assert (found.invoices, rules.asked) == ((), [])


@pytest.mark.parametrize(
    ("document", "kind", "interface", "packs"),
    [
        (ubl.write(content("D", guideline=ubl.EN16931)), Kind.UBL, "FSO1100A", ["en16931-ubl"]),
        (ubl.write(content("D")), Kind.UBL, "FSO1100A", []),
        (cii.write(content("D"), "en16931"), Kind.CII, "FSO1106A", ["facturx-en16931"]),
        (cii.write(content("D"), "extended-ctc-fr"), Kind.CII, "FSO1106A", ["extended-ctc-fr-cii"]),
        (mixed.write([content("D", attachments=(READABLE,))]), Kind.MIXED, "FSO1113A", []),
        (pdf(cii.write(content("D"), "minimum"), "MINIMUM"), Kind.FACTURX, "FSO1117A", ["facturx-minimum"]),
    ],
    ids=["ubl", "ubl without a claim", "cii", "extended", "mixed", "facturx"],
)
def test_a_document_runs_the_rules_that_it_claims(document, kind, interface, packs):
    rules = Rules(WRONG)
    found = examined(document, kind, interface, rules)
    assert rules.asked == packs
    assert [pack.name for pack in found.packs] == packs
    assert ("BR-CO-16" in on_invoice(found)) is bool(packs)
    assert len(found.invoices) == 1


def test_a_factur_x_that_its_level_refuses_is_run_all_the_same():
    classified = '<ram:DesignatedProductClassification><ram:ClassCode listID="ZZZ">42</ram:ClassCode><ram:ClassName>Papier</ram:ClassName></ram:DesignatedProductClassification>'
    xml = patched(
        cii.write(content("D"), "en16931"),
        ("</ram:SpecifiedTradeProduct>", f"{classified}</ram:SpecifiedTradeProduct>"),
    )
    found = examined(pdf(xml), Kind.FACTURX, "FSO1117A", Rules(WRONG))
    assert {"XML-011", "BR-CO-16"} <= on_invoice(found)
    bare = examined(xml, Kind.CII, "FSO1106A", Rules())
    assert "XML-011" not in on_invoice(bare)  # the schema of a level is for what travels in a PDF


def test_a_pdf_without_a_usable_xml_has_nothing_to_read():
    found = examined(pdf(cii.write(content("D"), "en16931"), "EN 16931", "no-xml"), Kind.FACTURX, "FSO1117A")
    assert [f.rule for f in found.findings] == ["PDF-003"]
    assert found.invoices == ()


def test_what_is_wrong_with_a_container_is_told_though_its_xml_does_not_parse():
    broken = pdf(cii.write(content("D"), "en16931")[:-9], "EN 16931", "not-in-af")
    rules = {f.rule for f in examined(broken, Kind.FACTURX, "FSO1117A").findings}
    assert rules == {"XML-001", "PDF-004"}
    refused = pdf(
        cii.write(content("D"), "en16931").replace(b"GrandTotalAmount", b"GrandTotal"), "EN 16931", "not-in-af"
    )
    rules = {f.rule for f in examined(refused, Kind.FACTURX, "FSO1117A").findings}
    assert rules == {"XML-010", "PDF-004"}


def test_files_embedded_in_the_pdf_come_after_the_attachments_of_the_xml():
    xml = cii.write(content("D", attachments=(replace(DELIVERY, name="un.pdf"),)), "en16931")
    found = examined(pdf(xml, attachments=(("deux.pdf", DELIVERY.content),)), Kind.FACTURX, "FSO1117A")
    (judged,) = found.invoices
    assert [(a.rank, a.name.text) for a in judged.invoice.attachments] == [(1, "un.pdf"), (2, "deux.pdf")]
    assert [o.name for o in judged.opened] == ["un.pdf", "deux.pdf"]


def test_each_invoice_of_a_mixed_file_has_its_own_findings():
    found = examined(
        mixed.write([content("D", 1, attachments=(READABLE,)), content("D", 2, number="F.2", attachments=(READABLE,))]),
        Kind.MIXED,
        "FSO1113A",
    )
    first, second = found.invoices
    assert "GEN-003" not in {f.rule for f in first.findings}
    assert "GEN-003" in {f.rule for f in second.findings}


def test_findings_stand_in_the_order_of_the_report():
    document = ubl.write(content("D", guideline=ubl.EN16931, payment_code="99", number="F.1", currency="EUX"))
    (judged,) = examined(document, Kind.UBL, "FSO1100A", Rules(WRONG)).invoices
    places = [(STAGE_ORDER[f.row.stage], f.rule) for f in judged.findings]
    assert places == sorted(places)
    assert judged.findings[-1].rule == "BR-CO-16"


def test_a_sheet_that_is_named_nowhere_is_a_warning_on_the_file():
    found = examined(ubl.write(content("D", stylesheet=False)), Kind.UBL, "FSO1100A")
    assert [(f.rule, f.severity) for f in found.findings] == [("XML-012", Severity.WARNING)]


def test_a_policy_of_the_connection_moves_the_rules_of_a_level():
    document = pdf(cii.write(content("D"), "en16931"))
    rules = Rules(WRONG)
    loose = examined(document, Kind.FACTURX, "FSO1117A", rules, policies={"facturx": "warning"})
    assert {f.severity for j in loose.invoices for f in j.findings if f.rule == "BR-CO-16"} == {Severity.WARNING}
    off = examined(document, Kind.FACTURX, "FSO1117A", rules, policies={"facturx": "off"})
    assert off.packs == ()


# Who answers for a number or a day that nobody can read: the schema first, for what its types exclude.
AMOUNTS_WRITTEN = {
    "XML-010": (
        *("NaN", "sNaN", "INF", "-INF", "1e999", "1,5", "1_000", "", "-", "+-1", "0x1"),
        *("\u0661\u0662", "\uff11\uff12", "1\u00a0", "\u00a01"),
    ),
    "AMT-001": ("1" * 20, "1" * 40, "123456789012345678.12", ".5", "5."),
    "": ("+1", "-0", "-0.00", " 1 ", "1\n", "1" * 19),  # read; what they are worth is for the sums to say
}
DAYS_WRITTEN_IN_UBL = {
    "XML-010": (
        *("0000-00-00", "2025-02-29", "2025-13-01", "2025-02-28T24:00", "2024-W01-1", "20250228", "2025-2-8", ""),
        *("2025-02-28\u00a0", "\uff12\uff10\uff12\uff15-02-28"),
    ),
    "DAT-002": ("2025-02-28Z", "2025-02-28+14:00", "2025-02-28-05:00", "-2025-02-28", "12025-02-28"),
    "DAT-004": ("0001-01-01", "9999-12-31"),
    "": ("2025-02-28",),
}
DAYS_WRITTEN_IN_CII = {
    "DAT-001": ("", " "),
    "DAT-002": (
        *("00000000", "20250229", "20251301", "20250228T2400", "20250228Z", "20250228+14:00", "2024W011", "2025228"),
        *(
            "2025-02-28",
            "20250228\u00a0",
            "\uff12\uff10\uff12\uff15\uff10\uff12\uff12\uff18",
            "\u0662\u0660\u0662\u0665\u0660\u0662\u0662\u0668",
        ),
    ),
    "DAT-004": ("00010101", "99991231"),
    "": ("20250228", " 20250228 ", "20250228\n"),
}
ANSWERS = {"XML-010", "AMT-001", "DAT-001", "DAT-002", "DAT-004"}


def cases(written: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(text, rule) for rule, texts in written.items() for text in texts]


def answered(document: bytes, kind: Kind, interface: str) -> set[str]:
    found = examined(document, kind, interface)
    assert found.invoices or {f.rule for f in found.findings} >= {"XML-010"}
    return {f.rule for f in (*found.findings, *(f for j in found.invoices for f in j.findings))} & ANSWERS


@pytest.mark.parametrize(("text", "rule"), cases(AMOUNTS_WRITTEN))
def test_a_number_is_refused_by_the_schema_or_by_our_own_rule_and_a_legal_one_by_neither(text, rule):
    invoice = ubl.write(content("D", prepaid=Decimal("1.00")))
    for old in (">21.50</cbc:PriceAmount>", ">1.00</cbc:PrepaidAmount>", ">10</cbc:InvoicedQuantity>"):
        written = patched(invoice, (old, f">{text}{old[old.index('<') :]}"))
        assert answered(written, Kind.UBL, "FSO1100A") == ({rule} if rule else set()), old
    invoice = cii.write(content("D", prepaid=Decimal("1.00")), "")
    for old in (">21.50</ram:ChargeAmount>", ">1.00</ram:TotalPrepaidAmount>", ">10</ram:BilledQuantity>"):
        written = patched(invoice, (old, f">{text}{old[old.index('<') :]}"))
        assert answered(written, Kind.CII, "FSO1106A") == ({rule} if rule else set()), old


@pytest.mark.parametrize(("text", "rule"), cases(DAYS_WRITTEN_IN_UBL))
def test_a_day_of_ubl_is_refused_by_the_schema_or_by_our_own_rule(text, rule):
    written = patched(ubl.write(content("D")), ("<cbc:IssueDate>2026-11-02<", f"<cbc:IssueDate>{text}<"))
    assert answered(written, Kind.UBL, "FSO1100A") == ({rule} if rule else set())


@pytest.mark.parametrize(("text", "rule"), cases(DAYS_WRITTEN_IN_CII))
def test_a_day_of_cii_is_refused_by_our_own_rule_alone(text, rule):
    old = '<ram:IssueDateTime><udt:DateTimeString format="102">'
    written = patched(cii.write(content("D"), ""), (f"{old}20261102<", f"{old}{text}<"))
    assert answered(written, Kind.CII, "FSO1106A") == ({rule} if rule else set())
