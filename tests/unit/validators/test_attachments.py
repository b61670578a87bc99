"""Attachments: ATT-001 to ATT-014, and the readable invoice of a mixed flow (IDN-005)."""

import base64
import zipfile
from dataclasses import replace
from io import BytesIO

import pytest

from pipeline import codes
from pipeline.model import Attachment, Invoice, Kind, Level
from pipeline.terms import Terms
from pipeline.validators.attachments import Examined, examine, readable
from pipeline.values import Text

TERMS = Terms()
PDF = b"%PDF-1.7 a readable invoice"
PNG = b"\x89PNG\r\n\x1a\n and pixels"
LIMIT = TERMS.attachment.bytes_max


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return buffer.getvalue()


def attached(
    content: bytes = PDF,
    name: str | None = "facture.pdf",
    *,
    rank: int = 1,
    mime: str = "",
    type: str | None = None,
    category: str | None = None,
) -> Attachment:
    return Attachment(
        rank,
        None if name is None else Text(name, "BT-125-2", f"/Invoice/pj[{rank}]", 9),
        base64.b64encode(content).decode(),
        mime=mime,
        type=None if type is None else Text(type, "TypePJ", "/pj/type", 10),
        category=None if category is None else Text(category, "CategoriePJ", "/pj/category", 11),
        path=f"/Invoice/pj[{rank}]",
        line=9,
    )


def examined(
    *attachments: Attachment,
    kind: Kind = Kind.UBL,
    interface: str = "FSO1100A",
    document_bytes: int = 10_000,
    terms: Terms = TERMS,
) -> Examined:
    invoice = Invoice(kind, Level.NONE, 1, "Invoice", "/Invoice", attachments=attachments)
    return examine(invoice, document_bytes, interface, "flow.xml", terms)


def earned(*attachments: Attachment, **how) -> list[str]:
    result = examined(*attachments, **how)
    for finding in result.findings:
        row = codes.ALL[finding.code]
        assert set(row.facts) == set(finding.facts) | ({"member", "value"} & set(row.facts))
        assert row.message_en.format(member=finding.member, value=finding.value, **finding.facts)
        assert finding.member == "flow.xml"
    return [finding.rule for finding in result.findings]


def test_a_good_attachment_earns_nothing_and_is_opened():
    result = examined(attached(mime="application/pdf", category="Facture PDF"))
    assert result.findings == ()
    (opened,) = result.opened
    assert (opened.rank, opened.name, opened.content, opened.mime) == (1, "facture.pdf", PDF, "application/pdf")
    assert (opened.is_pdf, opened.was_zipped, opened.category, opened.type) == (True, False, "Facture PDF", "")


def test_an_invoice_without_attachments_is_fine_on_a_structured_flow():
    assert examined() == Examined()


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        (None, ["ATT-001"]),
        ("", ["ATT-001"]),
        (" ", ["ATT-001"]),
        (".pdf", ["ATT-001"]),
        ("  .pdf", ["ATT-001"]),
        ("facture", ["ATT-003"]),
        ("facture.", ["ATT-003"]),
        ("facture.exe", ["ATT-004"]),
        ("facture.pdf.exe", ["ATT-004"]),
        ("facture.PDF", []),
        ("../../etc/passwd.pdf", []),
        ("a" * 46 + ".pdf", []),
        ("a" * 47 + ".pdf", ["ATT-002"]),
        ("a" * 51, ["ATT-002", "ATT-003"]),
    ],
)
def test_a_name_has_a_stem_and_an_accepted_extension_and_fifty_characters(name, rules):
    assert earned(attached(name=name)) == rules


def test_a_missing_name_is_told_by_the_rank():
    (found,) = examined(attached(name=None, rank=3)).findings
    assert (found.facts["rank"], found.path, found.line) == (3, "/Invoice/pj[3]", 9)


def test_a_hostile_name_is_cut_and_made_printable():
    (found,) = [f for f in examined(attached(name="a\x00" * 5_000 + ".pdf")).findings if f.rule == "ATT-002"]
    assert len(found.value) < 900
    assert "\x00" not in found.value
    assert found.facts["length"] == 10_004


@pytest.mark.parametrize("blanks", ["", " ", "\n", "\r\n\t "])
def test_blanks_of_xml_may_stand_inside_base64(blanks):
    encoded = base64.b64encode(PDF).decode()
    spread = replace(attached(), encoded=blanks + encoded[:7] + blanks + encoded[7:] + blanks)
    assert examined(spread).opened[0].content == PDF


@pytest.mark.parametrize("encoded", ["JVBERi0x*", "JVBERi0", "JVBERi0xé", "JVBERi0=x", "====", "JVBERi0x\xa0", "-_-_"])
def test_what_is_no_base64_is_not_read_half_way(encoded):
    result = examined(replace(attached(), encoded=encoded))
    assert [finding.rule for finding in result.findings] == ["ATT-008"]
    assert result.opened == ()


def test_an_empty_attachment_is_named():
    assert earned(attached(b"")) == ["ATT-007"]
    assert earned(attached(zipped(("facture.pdf", b"")))) == ["ATT-007"]
    assert earned(replace(attached(), encoded=b"", raw=True)) == ["ATT-007"]


def test_ten_megabytes_pass_and_one_byte_more_does_not():
    assert earned(replace(attached(), encoded=b"%PDF".ljust(LIMIT), raw=True)) == []
    assert earned(replace(attached(), encoded=b"%PDF".ljust(LIMIT + 1), raw=True)) == ["ATT-005"]


def test_a_zip_is_measured_unzipped():
    (found,) = examined(attached(zipped(("facture.pdf", b"%PDF".ljust(LIMIT + 1))))).findings
    assert found.rule == "ATT-005"
    assert found.facts == {"name": "facture.pdf", "size_bytes": LIMIT + 1, "limit": LIMIT}


def test_a_bomb_is_refused_by_the_size_that_it_declares():
    bomb = zipped(("facture.pdf", b"0" * (LIMIT * 4)))
    assert len(bomb) < 60_000
    assert earned(attached(bomb)) == ["ATT-005"]


def test_a_bomb_that_declares_a_small_size_gives_no_more_than_that():
    bomb = zipped(("facture.pdf", b"0" * LIMIT * 2))
    lying = bomb.replace((LIMIT * 2).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    assert earned(attached(lying)) == ["ATT-009"]


def test_an_attachment_travels_raw_or_as_the_only_file_of_a_zip():
    for content in (PDF, zipped(("anything", PDF)), zipped(("folder/", b""), ("folder/f.pdf", PDF))):
        result = examined(attached(content, mime="application/pdf"))
        assert result.findings == ()
        assert result.opened[0].content == PDF
        assert result.opened[0].name == "facture.pdf"
    assert result.opened[0].was_zipped


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (zipped(("a.pdf", PDF), ("b.pdf", PDF)), 2),
        (zipped(), 0),
        (zipped(("folder/", b"")), 0),
        (b"PK\x03\x04 and nothing that follows", 0),
        (zipped(("a.pdf", PDF * 50))[:40] + b"\xff" * 9 + zipped(("a.pdf", PDF * 50))[49:], 0),
        (zipped(("a.pdf", PDF), method=zipfile.ZIP_STORED).replace(b"%PDF-1.7", b"%PDF-9.9"), 0),
        (zipped(("a.pdf", PDF), method=zipfile.ZIP_LZMA), 0),
        (b"PK\x03\x04" + b"PK\x01\x02" * 10_001, 10_001),
    ],
    ids=["two files", "no file", "a folder", "cut", "damaged deflate", "wrong sum", "lzma", "directory bomb"],
)
def test_a_zip_holds_one_file_that_can_be_read(content, count):
    result = examined(attached(content))
    (found,) = result.findings
    assert (found.rule, found.facts["count"]) == ("ATT-009", count)
    assert result.opened == ()


def test_a_file_without_a_name_in_a_zip_goes_on_under_the_name_of_the_attachment():
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), PDF)
    result = examined(attached(buffer.getvalue()))
    assert result.findings == ()
    assert [(opened.name, opened.content, opened.was_zipped) for opened in result.opened] == [
        ("facture.pdf", PDF, True)
    ]


def test_an_encrypted_zip_cannot_be_read_and_the_finding_says_why():
    content = bytearray(zipped(("a.pdf", PDF)))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (found,) = examined(attached(bytes(content))).findings
    assert (found.rule, found.value) == ("ATT-009", "facture.pdf (encrypted)")


@pytest.mark.parametrize(
    ("first", "name", "mime"),
    [
        (
            "[Content_Types].xml",
            "devis.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        ("mimetype", "devis.odt", "application/vnd.oasis.opendocument.text"),
    ],
)
def test_an_office_document_is_a_zip_of_many_files_and_is_left_as_it_is(first, name, mime):
    content = zipped((first, b"x"), ("word/document.xml", b"<w/>"), ("word/styles.xml", b"<w/>"))
    result = examined(attached(content, name, mime=mime))
    assert result.findings == ()
    (opened,) = result.opened
    assert (opened.content, opened.mime, opened.was_zipped) == (content, mime, False)


def test_a_file_named_zip_goes_on_under_the_name_of_the_one_inside():
    (opened,) = examined(attached(zipped(("plans/coupe.pdf", PDF)), "plans.zip")).opened
    assert (opened.name, opened.content, opened.is_pdf) == ("coupe.pdf", PDF, True)


def test_a_zip_of_many_files_can_travel_inside_a_zip_of_one():
    inner = zipped(("a.pdf", PDF), ("b.pdf", PDF))
    result = examined(attached(zipped(("plans.zip", inner), method=zipfile.ZIP_STORED), "plans.zip"))
    assert result.findings == ()
    assert (result.opened[0].name, result.opened[0].content) == ("plans.zip", inner)


def test_the_invoice_and_its_attachments_weigh_at_most_the_limit_together():
    terms = replace(TERMS, attachment=replace(TERMS.attachment, invoice_bytes_max=1_000))
    paper = attached(b"%PDF".ljust(300))
    size = len(paper.encoded)
    assert earned(paper, document_bytes=700 + size, terms=terms) == []
    assert earned(paper, document_bytes=701 + size, terms=terms) == ["ATT-006"]
    raw = replace(paper, encoded=b"%PDF".ljust(300), raw=True)
    assert earned(raw, document_bytes=700, terms=terms) == []
    assert earned(raw, document_bytes=701, terms=terms) == ["ATT-006"]


def test_what_is_too_large_to_open_still_weighs():
    terms = replace(TERMS, attachment=replace(TERMS.attachment, bytes_max=100, invoice_bytes_max=1_000))
    bomb = attached(zipped(("facture.pdf", b"0" * 900)))
    assert earned(bomb, document_bytes=500, terms=terms) == ["ATT-005", "ATT-006"]


@pytest.mark.parametrize(
    ("content", "declared", "agrees"),
    [
        (PDF, "application/pdf", True),
        (PDF, "Application/PDF; name=x", True),
        (PDF, "", True),
        (PDF, "application/octet-stream", True),
        (PDF, "image/png", False),
        (PNG, "application/pdf", False),
        (zipped(("a.pdf", PDF)), "application/pdf", True),
        (zipped(("a.pdf", PDF)), "application/zip", True),
        (zipped(("a.pdf", PDF)), "image/png", False),
        (PDF, "application/zip", False),
        (b"a;b;c", "text/csv", True),
        (b"a;b;c", "application/pdf", False),
        (b"<?xml version='1.0'?><a/>", "application/xml", True),
        (b"<?xml version='1.0'?><svg/>", "image/svg+xml", True),
        (b"<a/>", "text/xml", True),
        (b"\xff\xd8\xff\xe0", "image/jpg", True),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/vnd.ms-excel", True),
    ],
)
def test_the_declared_type_agrees_with_the_content_or_with_the_zip_around_it(content, declared, agrees):
    assert earned(attached(content, mime=declared)) == ([] if agrees else ["ATT-010"])


def test_a_type_that_does_not_agree_names_both():
    (found,) = examined(attached(PNG, mime="application/pdf")).findings
    assert (found.facts["declared"], found.facts["actual"]) == ("application/pdf", "image/png")
    (found,) = examined(attached(b"text", mime="application/pdf")).findings
    assert found.facts["actual"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("content", "name", "declared", "mime"),
    [
        (b"a;b", "a.csv", "", "text/csv"),
        (b"a;b", "a.csv", "application/pdf", "text/csv"),
        (b"signature", "a.bin", "application/x-own", "application/x-own"),
        (b"signature", "a.bin", "", "application/octet-stream"),
        (PNG, "a.csv", "text/csv", "image/png"),
        (b"<?xml?><html/>", "a.xhtml", "", "application/xhtml+xml"),
    ],
)
def test_the_real_type_is_what_the_content_shows_then_the_extension_then_what_is_declared(
    content, name, declared, mime
):
    assert examined(attached(content, name, mime=declared)).opened[0].mime == mime


def test_a_type_of_attachment_is_01_or_02():
    for good in (None, "01", "02"):
        assert earned(attached(type="01"), attached(type=good, name="b.pdf"), kind=Kind.MIXED) == []
    result = examined(attached(type="03"), kind=Kind.MIXED)
    assert [finding.rule for finding in result.findings] == ["ATT-012"]
    assert (result.findings[0].value, result.opened[0].type) == ("03", "")


def test_a_category_is_one_of_those_seen_where_the_field_is_a_category():
    assert earned(attached(category="Bon de livraison")) == []
    assert earned(attached(category="Photo")) == ["ATT-013"]
    assert earned(attached(category="Photo"), kind=Kind.MIXED) == ["ATT-013"]
    assert earned(attached(category="A free description"), kind=Kind.CII) == []
    assert examined(attached(category="x" * 51), kind=Kind.CII).opened[0].category == ""


def test_two_attachments_of_one_name_are_told_once():
    thrice = [attached(rank=rank, name=name) for rank, name in enumerate(("a.pdf", "A.PDF", "a.pdf", "b.pdf"), start=1)]
    assert earned(*thrice) == ["ATT-014"]
    assert earned(attached(name="a.pdf"), attached(name="b.pdf")) == []


def test_a_mixed_invoice_has_an_attachment_of_type_01():
    mixed = {"kind": Kind.MIXED, "interface": "FSO1113A"}
    assert earned(attached(type="01"), **mixed) == []
    assert earned(attached(type="02"), **mixed) == ["ATT-011"]
    assert earned(**mixed) == ["ATT-011"]


@pytest.mark.parametrize("interface", ["FSO1110A", "FSO1116A", "FSO1131A"])
def test_a_mixed_flow_carries_a_pdf(interface):
    assert earned(attached(PNG, "photo.png"), attached(zipped(("f", PDF))), interface=interface) == []
    assert earned(attached(PNG, "photo.png"), interface=interface) == ["IDN-005"]
    (found,) = examined(interface=interface).findings
    assert (found.facts, found.member) == ({"code": interface}, "flow.xml")


@pytest.mark.parametrize("interface", ["FSO1100A", "FSO1106A", "FSO1117A", "FSO1120A", "FSO1130A", "FSO1137A"])
def test_the_other_flows_ask_for_no_attachment(interface):
    assert earned(interface=interface) == []


def test_an_attachment_that_could_not_be_opened_may_be_the_readable_one():
    assert earned(replace(attached(), encoded="*"), interface="FSO1110A") == ["ATT-008"]


def test_the_readable_invoice_is_the_first_pdf_or_the_first_piece_of_type_01():
    pieces = (attached(PNG, "a.png", rank=1), attached(PDF, "b.pdf", rank=2), attached(PDF, "c.pdf", rank=3, type="01"))
    opened = examined(*pieces).opened
    assert readable(opened, "FSO1110A").name == "b.pdf"
    assert readable(opened, "FSO1113A").name == "c.pdf"
    assert readable(opened[:1], "FSO1110A") is None


def test_a_rule_that_this_profile_does_not_apply_earns_nothing():
    assert earned(attached(name="facture.exe"), terms=Terms(severities={"ATT-004": "off"})) == []
