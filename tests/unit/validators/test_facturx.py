"""The container of a Factur-X invoice: PDF-001 to PDF-013, each earned by the fixture broken in just that way."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from fixtures.pdf import DEFECTS, LEVELS, facturx_pdf, plain_pdf
from pipeline import codes
from pipeline.codes import Severity
from pipeline.model import Finding
from pipeline.terms import Terms
from pipeline.validators.facturx import Container, coherence, open_container
from pipeline.values import Text

XML = b"<?xml version='1.0'?><rsm:CrossIndustryInvoice xmlns:rsm='urn:un:unece:uncefact:data:standard:x'/>"
LINES = ("FACTURE F2026-0001", "Fournisseur : Société Générale de Travaux", "Net à payer : 1 200,00 €")
TERMS = Terms()
MEMBER = "facture.pdf"
SHOWN = {"member", "value"}  # a finding carries them itself


def made(*defects: str, level: str = "EN 16931", attachments: tuple[tuple[str, bytes], ...] = ()) -> bytes:
    return facturx_pdf(XML, level=level, lines_of_text=LINES, attachments=attachments, defects=frozenset(defects))


def opened(document: bytes, terms: Terms = TERMS) -> Container:
    return open_container(document, MEMBER, terms)


def judged(document: bytes, level: str = "EN 16931", terms: Terms = TERMS) -> tuple[Finding, ...]:
    container = opened(document, terms)
    if container.xml is None:
        return container.findings
    return container.findings + coherence(container, level, guideline(level), MEMBER, terms)


def guideline(level: str) -> Text:
    return Text(f"urn:example:{level}", "BT-24", "/rsm:CrossIndustryInvoice", 3)


def rules(found: tuple[Finding, ...]) -> list[str]:
    return sorted(finding.rule for finding in found)


def changed(document: bytes, change) -> bytes:
    buffer = BytesIO()
    with pikepdf.open(BytesIO(document)) as pdf:
        change(pdf)
        pdf.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("level", LEVELS)
def test_a_good_factur_x_of_each_level_earns_nothing_and_gives_its_xml(level):
    document = made(level=level)
    container = opened(document)
    assert judged(document, level) == ()
    assert container.xml == XML
    assert container.xmp_level == level
    assert container.embedded == ()


@pytest.mark.parametrize(("defect", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_each_broken_container_earns_just_the_rules_that_it_breaks(defect, expected):
    found = judged(made(defect))
    assert rules(found) == sorted(expected)
    for finding in found:
        row = codes.ALL[finding.code]
        assert finding.member == MEMBER
        assert set(row.facts) == {name for name in finding.facts if not name.endswith("_fr")} | (SHOWN & set(row.facts))
        assert row.message_en.format(member=finding.member, value=finding.value, **finding.facts)


@pytest.mark.parametrize("defect", [name for name, earned in DEFECTS.items() if earned[0] >= "PDF-004"])
def test_a_container_that_can_still_be_read_gives_its_xml_beside_the_finding(defect):
    if defect != "no-page":  # qpdf opens no PDF without a page
        assert opened(made(defect)).xml == XML


def test_the_fixture_is_the_same_bytes_every_time():
    assert made(attachments=(("bl.pdf", plain_pdf(["BL"])),)) == made(attachments=(("bl.pdf", plain_pdf(["BL"])),))
    assert made("password") == made("password")


def test_a_person_reads_the_lines_of_the_fixture():
    from pypdf import PdfReader

    text = PdfReader(BytesIO(made())).pages[0].extract_text()
    assert all(line in text for line in LINES)


def test_an_unknown_defect_is_refused_by_the_generator():
    with pytest.raises(ValueError, match="unknown defects: no-ink"):
        made("no-ink")


def test_embedded_files_that_are_not_xml_are_attachments_and_those_that_are_xml_are_not():
    container = opened(made(attachments=(("bl.pdf", b"%PDF-1.4 bl"), ("order.xml", b"<order/>"), ("a.txt", b"text"))))
    assert [(each.rank, each.name.text, each.encoded, each.raw) for each in container.embedded] == [
        (1, "bl.pdf", b"%PDF-1.4 bl", True),
        (2, "a.txt", b"text", True),
    ]
    assert container.embedded[0].mime == "application/pdf"
    assert container.findings == ()


def test_the_size_of_the_pdf_itself_leaves_out_what_it_embeds():
    paper = os.urandom(100_000)
    document = made(attachments=(("scan.png", paper),))
    assert len(document) > 100_000
    assert abs(opened(document).own_bytes - opened(made()).own_bytes) < 2_000


def test_an_xml_attachment_that_holds_an_invoice_is_named_whatever_it_is_called():
    found = judged(made(attachments=(("copie.xml", XML),)))
    assert rules(found) == ["PDF-013"]
    assert found[0].facts["name"] == "copie.xml"


def test_the_policy_of_the_connection_moves_the_rules_on_the_link_and_on_pdf_a():
    terms = Terms(policies={"facturx": "warning", "pdfa": "off"})
    assert judged(made("not-in-af"), terms=terms)[0].severity is Severity.WARNING
    assert judged(made("xmp-of-another-level"), terms=terms)[0].severity is Severity.WARNING
    assert judged(made("pdf-a-1"), terms=terms) == ()
    assert judged(made("no-output-intent"), terms=terms) == ()
    assert judged(made("javascript"), terms=terms)[0].severity is Severity.ERROR
    assert judged(made("no-xmp"), terms=Terms(policies={"facturx": "off", "pdfa": "off"})) == ()


def test_pdf_a_only_warns_on_the_legacy_channel_and_refuses_in_the_reform():
    assert judged(made("no-pdfaid"))[0].severity is Severity.WARNING
    assert judged(made("no-pdfaid"), terms=Terms(profile="ctc-b2g"))[0].severity is Severity.ERROR


def test_what_qpdf_says_does_not_change_from_run_to_run():
    document = made("bad-startxref")
    first, second = opened(document).findings, opened(document).findings
    assert first == second
    assert "0x" not in str(first[0].facts["warnings"])
    assert opened(made("truncated")).findings == opened(made("truncated")).findings


# --- the XMP against the guideline ------------------------------------------------------------------------------------


def test_a_damaged_pdf_is_refused_though_its_warnings_quote_bytes_that_are_no_text():
    document = made()
    digits = document.rindex(b"/ID [<") + len(b"/ID [<")
    quoted = document[:digits] + b"\xf0" + document[digits + 1 :]
    assert rules(opened(quoted).findings) == ["PDF-012"]
    with pikepdf.open(BytesIO(document)) as pdf:
        stored = pdf.Root.Names.EmbeddedFiles.Names[1].EF.F.read_raw_bytes()
    damaged = quoted.replace(stored, stored[:2] + b"\xff" * (len(stored) - 2))
    assert rules(opened(damaged).findings) == ["PDF-001"]


def test_the_level_is_not_compared_where_the_claim_has_none():
    assert judged(made(level="EXTENDED"), level="") == ()


def test_a_claim_may_allow_two_levels():
    assert judged(made(level="EN 16931"), level="EN 16931 or XRECHNUNG") == ()
    assert rules(judged(made(level="BASIC"), level="EN 16931 or XRECHNUNG")) == ["PDF-006"]


def test_the_finding_on_the_xmp_names_what_it_says_and_what_the_xml_claims():
    (found,) = judged(made("xmp-of-another-level"))
    assert found.facts["xmp_level"] == "ConformanceLevel EXTENDED"
    assert found.facts["guideline"] == "urn:example:EN 16931"
    assert found.value == "EXTENDED"


def test_without_a_guideline_the_xmp_still_has_to_announce_the_file():
    container = opened(made("xmp-without-factur-x"))
    (found,) = coherence(container, "", None, MEMBER, TERMS)
    assert found.facts["guideline"] == ""
    assert "DocumentFileName missing" in found.facts["xmp_level"]
    assert "DocumentFileName absent" in found.facts["xmp_level_fr"]


# --- the embedded file ------------------------------------------------------------------------------------------------


def test_the_name_tree_may_have_branches():
    def branch(pdf):
        leaf = pdf.make_indirect(pikepdf.Dictionary(Names=pdf.Root.Names.EmbeddedFiles.Names))
        pdf.Root.Names.EmbeddedFiles = pikepdf.Dictionary(Kids=[leaf, leaf])

    container = opened(changed(made(), branch))
    assert container.xml == XML
    assert container.findings == ()


def test_the_file_may_be_listed_in_af_by_a_copy_of_its_specification():
    def copy(pdf):
        original = pdf.Root.AF[0]
        pdf.Root.AF = pikepdf.Array([pikepdf.Dictionary(dict(original.items()))])

    assert opened(changed(made(), copy)).findings == ()


def test_the_key_of_the_tree_is_its_name_where_the_specification_gives_none():
    def bare(pdf):
        names = pdf.Root.Names.EmbeddedFiles.Names
        del names[1]["/F"]
        del names[1]["/UF"]
        names[0] = pikepdf.String("factur-x.xml")

    assert opened(changed(made(), bare)).xml == XML


def test_a_specification_without_a_file_is_no_file():
    def empty(pdf):
        del pdf.Root.Names.EmbeddedFiles.Names[1]["/EF"]

    assert rules(opened(changed(made(), empty)).findings) == ["PDF-003"]


def test_the_names_found_are_told_up_to_ten():
    many = tuple((f"piece-{rank}.txt", b"x") for rank in range(12))
    (found,) = opened(made("no-xml", attachments=many)).findings
    assert found.facts["names"].endswith("piece-9.txt, ...")


def test_the_embedded_files_together_stay_under_what_an_invoice_may_weigh():
    terms = replace(TERMS, attachment=replace(TERMS.attachment, invoice_bytes_max=15))
    container = opened(made(attachments=(("a.txt", b"x" * 10), ("b.txt", b"y" * 10))), terms)
    assert rules(container.findings) == ["PDF-010"]
    assert [each.name.text for each in container.embedded] == ["a.txt"]


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("names", "JavaScript"),
        ("document-event", "Launch"),
        ("page-event", "JavaScript"),
        ("annotation-event", "ImportData"),
        ("field", "JavaScript"),
        ("bookmark", "Launch"),
        ("next", "Launch"),
        ("rendition", "JavaScript, Rendition"),
        ("xfa", "XFA"),
    ],
)
def test_active_content_is_found_wherever_it_can_be_set_off(place, what):
    name = pikepdf.Name

    def act(kind, **more):
        return pikepdf.Dictionary(S=name(f"/{kind}"), **more)

    def plant(pdf):
        page, root = pdf.pages[0].obj, pdf.Root
        script = act("JavaScript", JS=pikepdf.String("1"))
        if place == "names":
            root.Names.JavaScript = pikepdf.Dictionary(Names=[pikepdf.String("a"), script])
        elif place == "document-event":
            root.AA = pikepdf.Dictionary(WC=act("Launch"))
        elif place == "page-event":
            page.AA = pikepdf.Dictionary(O=script)
        elif place == "annotation-event":
            page.Annots = pikepdf.Array([pikepdf.Dictionary(AA=pikepdf.Dictionary(U=act("ImportData")))])
        elif place == "field":
            leaf = pikepdf.Dictionary(AA=pikepdf.Dictionary(C=script))
            root.AcroForm = pikepdf.Dictionary(Fields=[pikepdf.Dictionary(Kids=[leaf])])
        elif place == "bookmark":
            root.Outlines = pdf.make_indirect(pikepdf.Dictionary(First=pikepdf.Dictionary(A=act("Launch"))))
        elif place == "next":
            root.OpenAction = act("GoTo", Next=pikepdf.Array([act("URI"), act("Named", Next=act("Launch"))]))
        elif place == "rendition":
            root.OpenAction = act("Rendition", JS=pikepdf.String("1"))
        else:
            root.AcroForm = pikepdf.Dictionary(XFA=pikepdf.String("x"))

    (found,) = opened(changed(made(), plant)).findings
    assert (found.rule, found.facts["what"]) == ("PDF-009", what)


def test_a_link_and_a_destination_are_no_active_content():
    def link(pdf):
        uri = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://example.org"))
        pdf.pages[0].obj.Annots = pikepdf.Array([pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=uri)])
        pdf.Root.OpenAction = pikepdf.Array([pdf.pages[0].obj, pikepdf.Name.Fit])

    assert opened(changed(made(), link)).findings == ()


@pytest.mark.parametrize(
    ("content", "earned"),
    [
        (b"", []),
        (b"/Cs1 cs 0.1 0.2 0.3 sc 0 0 9 9 re f", []),
        (b"0 0 9 9 re f", ["PDF-008"]),
        (b"1 0 0 rg 0 0 9 9 re f", ["PDF-008"]),
        (b"/DeviceCMYK cs 0 0 0 1 sc 0 0 9 9 re f", ["PDF-008"]),
    ],
)
def test_an_output_intent_is_asked_for_where_device_colour_is_used(content, earned):
    def paint(pdf):
        pdf.pages[0].obj.Contents = pikepdf.Array([pdf.make_stream(content)])

    assert rules(opened(changed(made("no-output-intent"), paint)).findings) == earned


def test_only_the_beginning_of_an_endless_page_is_looked_at_for_colour():
    def paint(pdf):
        pdf.pages[0].obj.Contents = pdf.make_stream(b"/Cs1 cs " + b" " * 1024 * 1024 + b"1 0 0 rg")

    assert opened(changed(made("no-output-intent"), paint)).findings == ()


@pytest.mark.parametrize(
    ("font", "earned"),
    [
        ({"Subtype": pikepdf.Name.Type3}, []),
        ({"Subtype": pikepdf.Name.Type1, "BaseFont": pikepdf.Name.Helvetica}, ["Helvetica"]),
        ({"Subtype": pikepdf.Name.Type0, "BaseFont": pikepdf.Name("/A B")}, ["A B"]),
        ({"Subtype": pikepdf.Name.TrueType}, ["?"]),
    ],
)
def test_a_font_is_embedded_or_drawn_or_named(font, earned):
    def use(pdf):
        fonts = pikepdf.Dictionary(F9=pikepdf.Dictionary(**font))
        form = pdf.make_stream(b"")
        form.Subtype = pikepdf.Name.Form
        form.Resources = pikepdf.Dictionary(Font=fonts, XObject=pikepdf.Dictionary(Self=form))
        bare = pdf.make_stream(b"")
        bare.Subtype = pikepdf.Name.Form
        pdf.pages[0].obj.Resources.XObject = pikepdf.Dictionary(Fm=form, Bare=bare)

    found = opened(changed(made(), use)).findings
    assert [finding.facts["what"] for finding in found] == [f"FontFile: {name}" for name in earned]


def test_a_composite_font_is_embedded_by_its_descendant():
    def use(pdf):
        descriptor = pikepdf.Dictionary(FontFile2=pdf.make_stream(b"glyphs"))
        descendant = pikepdf.Dictionary(FontDescriptor=descriptor)
        font = pikepdf.Dictionary(Subtype=pikepdf.Name.Type0, DescendantFonts=[descendant])
        pdf.pages[0].obj.Resources.Font = pikepdf.Dictionary(F9=font)

    assert opened(changed(made(), use)).findings == ()


# --- the public corpus ------------------------------------------------------------------------------------------------

CORPUS = os.environ.get("CHORUS_EDI_CORPUS")


@pytest.mark.corpus
@pytest.mark.skipif(CORPUS is None, reason="CHORUS_EDI_CORPUS names no folder of public invoices")
def test_every_public_factur_x_opens_clean():
    documents = sorted(Path(str(CORPUS)).rglob("*.pdf"))
    assert documents
    for path in documents:
        level = "MINIMUM" if "MINIMUM" in path.name else "EN 16931"
        assert judged(path.read_bytes(), level) == (), path.name
