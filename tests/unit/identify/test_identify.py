"""What a flow is: content gives the candidates, the announced code chooses, and what is wrong stays where it is."""

import base64
import gzip
import io
import tarfile
import zipfile

import pytest
from flow_cases import (
    CREDIT,
    PDF,
    UBL,
    an_entry,
    cii,
    mixed,
    name,
    only,
    opened,
    rules,
    seen,
    sheet,
    signature,
    tar_gz,
    ubl,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flows import STATUS_FILE
from pipeline.identify import open_member
from pipeline.model import Kind, Lane
from pipeline.returns import message
from pipeline.terms import CTC, FlowLimits, Switches, Terms


def minimal(encoded, element="EmbeddedDocumentBinaryObject"):
    body = f'<{element} mimeCode="application/pdf" filename="a.pdf">{encoded}</{element}>'
    return ubl(body) if element.startswith("Embedded") else cii(body)


def base64_of(content):
    return base64.b64encode(content).decode()


def zipped(content, file_name="a.pdf"):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(file_name, content)
    return packed.getvalue()


def with_broken_deflate(content):
    """A ZIP whose one file cannot be inflated."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.pdf", content * 9)
    made = packed.getvalue()
    start = made.index(b"a.pdf") + len("a.pdf")
    return made[:start] + b"\xff" * 8 + made[start + 8 :]


# --- one file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "content", "kind"),
    [
        ("FSO1100A", ubl(), Kind.UBL),
        ("FSO1100A", ubl(root="CreditNote", namespace=CREDIT), Kind.UBL),
        ("FSO1106A", cii(), Kind.CII),
        ("FSO1110A", ubl(), Kind.UBL),
        ("FSO1113A", mixed(), Kind.MIXED),
        ("FSO1116A", cii(), Kind.CII),
        ("FSO1117A", PDF, Kind.FACTURX),
        ("FSO1120A", ubl(), Kind.UBL),
        ("FSO1130A", ubl(), Kind.UBL),
        ("FSO1131A", ubl(), Kind.UBL),
        ("FSO1137A", PDF, Kind.FACTURX),
    ],
)
def test_every_open_code_takes_its_syntax(code, content, kind):
    identified = seen(content, name(code))
    assert identified.interface == identified.announced == code
    assert [m.kind for m in identified.members] == [kind]
    assert rules(identified) == []
    assert not identified.is_refused


def test_a_flow_of_one_file_has_one_member_named_like_the_flow():
    identified, source, spool = opened(ubl("é"))
    [member] = identified.members
    assert (member.name, member.size_bytes, member.sha256, member.offset) == (
        name(),
        len(ubl("é")),
        identified.received.sha256,
        0,
    )
    assert open_member(identified, member, source, spool) == ubl("é")
    assert not identified.is_archive


def test_an_empty_flow_is_refused():
    identified = seen(b"")
    assert rules(identified) == ["FLW-008"]
    assert identified.members == ()


def test_a_flow_over_the_limit_is_refused_without_reading_it():
    identified = seen(b"", size=1_073_741_825)
    assert rules(identified) == ["FLW-009"]
    assert only(identified, "FLW-009").facts == {"size_bytes": 1_073_741_825, "limit": 1_073_741_824}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04....", "a ZIP file"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"plain words", "text"),
        (b" \n ", "blank"),
        (b"\x00\x01\x02\x80", "an unknown binary file"),
        (b'{"a": 1}', "JSON"),
    ],
)
def test_what_is_neither_xml_nor_pdf_nor_gzip_is_refused_and_named(content, kind):
    found = only(seen(content), "FLW-014")
    assert found.facts["kind"] == kind
    assert found.facts["first_bytes"] == content[:8].hex(" ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "iso-8859-1", "windows-1252"])
def test_xml_is_known_in_every_allowed_encoding(encoding):
    declared = "utf-16" if encoding.startswith("utf-16") else encoding.removesuffix("-sig")
    document = ubl("é").decode().replace("UTF-8", declared).encode(encoding)
    identified = seen(document)
    assert [m.kind for m in identified.members] == [Kind.UBL]
    assert rules(identified) == []


@pytest.mark.parametrize(
    ("content", "root"),
    [
        (b"<html/>", "html"),
        (ubl(namespace="urn:other"), "Invoice"),
        (b'<CPPFactureMixte xmlns="urn:x"/>', "CPPFactureMixte"),
        (signature(), "Signature"),
        (sheet(), "stylesheet"),
        (b"UNA:+.? 'UNB+UNOA:1+x'", "EDIFACT"),
        (b"UNB+UNOA:1+x'", "EDIFACT"),
        (b'<CPPStatut xmlns="urn:x"/>', "CPPStatut"),
        (b"<CPPFacturePivot/>", "CPPFacturePivot"),
    ],
)
def test_a_root_that_is_no_invoice_is_refused(content, root):
    identified = seen(content)
    assert rules(identified) == ["IDN-001"]
    assert only(identified, "IDN-001").facts["root"] == root
    assert identified.findings == ()  # it is the member that is refused


@pytest.mark.parametrize("flow", [name(), name("FSO1200A"), name("FSO1101A"), "FEN4711A" + name()[8:], "status.xml"])
def test_a_status_file_is_taken_under_any_interface(flow):
    identified = seen(b"<CPPStatut/>", flow, partner="ABC123" if flow != "status.xml" else "")
    assert (identified.lane, identified.interface, rules(identified)) == (Lane.STATUSES, STATUS_FILE, [])
    assert [m.kind for m in identified.members] == [Kind.STATUS]


def test_the_flow_name_of_a_status_file_is_held_to_the_application_code():
    assert rules(seen(b"<CPPStatut/>", "FSO1200A_ABC123_XYZ9991200000000000000001")) == ["FLW-003"]
    assert rules(seen(b"<CPPStatut/>", "FSO1200A_ABC123_ABC123")) == ["FLW-001"]


def test_without_a_role_no_status_is_taken():
    found = only(seen(b"<CPPStatut/>", terms=Terms(roles=())), "IDN-001")
    assert "role recipient or accountant" in found.facts["why"]
    assert "rôle destinataire ou comptable" in found.facts["why_fr"]


def test_status_files_may_come_in_an_archive_of_their_own():
    alone = seen(tar_gz(("a.xml", b"<CPPStatut/>"), ("b.xml", b"<CPPStatut/>")))
    assert (alone.lane, alone.interface, rules(alone)) == (Lane.STATUSES, STATUS_FILE, [])
    mixed = seen(tar_gz(("a.xml", b"<CPPStatut/>"), ("b.xml", ubl())))
    assert (mixed.lane, rules(mixed)) == (Lane.INVOICES, ["ENV-006"])


def test_a_hostile_root_name_is_cut():
    assert len(only(seen(b"<" + b"a" * 5000 + b"/>"), "IDN-001").facts["root"]) == 120


def test_a_credit_note_root_can_be_closed():
    terms = Terms(switches=Switches(accept_creditnote_root=False))
    identified = seen(ubl(root="CreditNote", namespace=CREDIT), terms=terms)
    assert rules(identified) == ["IDN-001"]
    assert only(identified, "IDN-001").facts["why_fr"] == "envoyez l'avoir sous la racine Invoice, avec le type 381"


def test_an_invoice_in_another_namespace_is_told_the_right_one():
    assert UBL in only(seen(b"<Invoice/>"), "IDN-001").facts["why_fr"]


def test_the_nature_of_a_file_reads_well_in_both_languages():
    identified = seen(tar_gz(("notes.txt", b"bonjour"), ("f.xml", ubl())))
    told = only(identified, "FIL-003")
    assert message.text(told) == "le fichier notes.txt est du texte, ce que ce flux n'accepte pas"
    assert message.text(told, "en") == "file notes.txt is text, which this flow does not take"
    assert message.value(told) == ""  # it would be an English word
    refused = message.text(only(seen(b"bonjour"), "FLW-014"))
    assert refused == "le contenu est du texte ; XML, PDF ou gzip attendu"
    folder = only(seen(tar_gz(("d/a.xml", ubl()))), "ENV-003")
    assert message.text(folder) == "l'élément « d/a.xml » de l'archive n'est pas accepté : son nom est un chemin"


@pytest.mark.parametrize(
    "content",
    [
        b"<",
        b"<a",
        b"<1/>",
        b"\x4c\x6f\xa7\x94\x93\x40",
        b"  <?xml version='1.0'?><a/>",
        b"<!-- never closed",
        b"<a:\x01 xmlns:a='urn:x'/>",
    ],
)
def test_what_is_not_well_formed_before_its_root_is_no_unknown_syntax(content):
    identified = seen(content)
    assert rules(identified) == ["XML-001"]
    assert identified.members[0].kind is Kind.UNKNOWN
    assert identified.interface == "FSO1100A"


def test_a_document_that_breaks_after_its_root_is_for_the_parse_to_refuse():
    identified = seen(ubl()[:-4])
    assert [m.kind for m in identified.members] == [Kind.UBL]
    assert rules(identified) == []


def test_a_doctype_does_not_hide_the_kind():
    document = b'<!DOCTYPE Invoice [<!ENTITY a "b">]>' + ubl().split(b"\n")[1]
    assert [m.kind for m in seen(document).members] == [Kind.UBL]


def test_a_root_behind_a_long_comment_is_found():
    assert seen(b"<!--" + b"x" * 200_000 + b"-->" + cii(), name("FSO1106A")).members[0].kind is Kind.CII


def test_a_pdf_with_its_header_further_on_is_left_to_the_container_checks():
    assert seen(b"junk" * 100 + PDF, name("FSO1117A")).members[0].kind is Kind.FACTURX


def test_a_file_over_its_limit_is_refused():
    terms = Terms(flow=FlowLimits(file_bytes_max=10))
    found = only(seen(ubl(), terms=terms), "FIL-002")
    assert found.facts == {"size_bytes": len(ubl()), "limit": 10}


# --- codes --------------------------------------------------------------------------------------------------------


def test_a_code_that_the_content_cannot_be_is_refused_and_the_possible_ones_named():
    identified = seen(ubl(), name("FSO1106A"))
    found = only(identified, "IDN-002")
    assert found.facts == {
        "announced": "FSO1106A",
        "detected": "UBL",
        "candidates": "FSO1100A, FSO1110A, FSO1120A, FSO1130A, FSO1131A",
    }
    assert identified.interface == ""
    assert identified.is_refused


def test_a_pdf_announced_as_xml_is_a_wrong_code():
    assert rules(seen(PDF, name("FSO1110A"))) == ["IDN-002"]


@pytest.mark.parametrize(
    ("code", "content", "is_told"),
    [("FSO1130A", ubl(), True), ("FSO1116A", cii(), True), ("FSO1137A", PDF, True), ("FSO1113A", mixed(), False)],
)
def test_among_twins_the_announced_code_decides_and_it_is_said(code, content, is_told):
    assert ("IDN-003" in [f.rule for f in seen(content, name(code)).findings]) == is_told


@pytest.mark.parametrize("flow", ["nonsense", name("FSO1103A"), name("FSO1101A")])
def test_a_flow_without_a_usable_code_is_still_looked_into(flow):
    identified = seen(b"<html/>", flow)
    assert "IDN-001" in rules(identified)
    assert identified.is_refused
    assert identified.interface == ""


def test_a_code_of_another_letter_is_announced_as_it_is_written():
    identified = seen(ubl(), "FSO1100B" + name()[8:])
    assert (identified.announced, rules(identified)) == ("FSO1100B", ["FLW-002"])


ACTIONS, CONTROL = "ACT9001A_ABC123_ABC1239001000000000000001", "CTL9002A_ABC123_ABC1239002000000000000001"


@pytest.mark.parametrize(
    ("flow", "content", "kind", "lane"),
    [
        (ACTIONS, b"action;number", Kind.ACTIONS, Lane.ACTIONS),
        (ACTIONS, b"<x/>", Kind.ACTIONS, Lane.ACTIONS),
        (CONTROL, b"flux;sha256", Kind.CONTROL, Lane.CONTROL),
        (CONTROL, "flux;sha256".encode("utf-16"), Kind.CONTROL, Lane.CONTROL),
    ],
)
def test_a_file_of_ours_is_known_by_its_flow_name_before_its_content(flow, content, kind, lane):
    identified = seen(content, flow)
    assert (identified.lane, identified.interface, rules(identified)) == (lane, flow[:8], [])
    assert [m.kind for m in identified.members] == [kind]


@pytest.mark.parametrize(
    ("flow", "content", "rule"),
    [
        (ACTIONS, b"%PDF-1.7", "IDN-002"),
        (ACTIONS, b"\x00\x01\x02\x03", "FLW-014"),
        (CONTROL, b"PK\x03\x04", "FLW-014"),
        (ACTIONS, b"", "FLW-008"),
    ],
)
def test_what_no_file_of_ours_can_be_is_refused(flow, content, rule):
    identified = seen(content, flow)
    assert rules(identified) == [rule]
    assert identified.is_refused


def test_an_archive_of_actions_brings_what_they_name():
    identified = seen(tar_gz((ACTIONS + ".csv", b"action;"), ("bon.csv", b"x"), ("bon.pdf", b"%PDF-1.7")), ACTIONS)
    assert [m.kind for m in identified.members] == [Kind.ACTIONS, Kind.ENCLOSED, Kind.ENCLOSED]
    alone = seen(tar_gz(("bon.pdf", b"%PDF-1.7"), ("actions.csv", b"action;")), ACTIONS)
    assert [m.kind for m in alone.members] == [Kind.ENCLOSED, Kind.ACTIONS]
    for files in ((("a.csv", b"action;"), ("b.csv", b"x")), (("bon.pdf", b"%PDF-1.7"),)):
        assert rules(seen(tar_gz(*files), ACTIONS)) == ["IDN-001"]
    assert rules(seen(tar_gz(("a.csv", b"flux;")), CONTROL)) == ["IDN-002"]


def test_a_bare_file_given_to_check_needs_no_flow_name():
    identified = seen(ubl(), "invoice.xml", partner="")
    assert (identified.interface, identified.announced, identified.findings) == ("FSO1100A", "", ())


def test_check_takes_the_flow_name_when_the_base_name_is_one():
    assert seen(ubl(), name("FSO1130A") + ".xml", partner="").interface == "FSO1130A"
    assert rules(seen(cii(), name("FSO1130A"), partner="")) == ["IDN-002"]


def test_the_code_that_check_is_asked_for_decides():
    assert seen(ubl(), "invoice.xml", partner="", interface="FSO1131A").interface == "FSO1131A"
    assert seen(ubl(), name("FSO1101A"), partner="", interface="FSO1131A").interface == "FSO1131A"
    assert rules(seen(ubl(), "invoice.xml", partner="", interface="FSO1106A")) == ["IDN-002"]
    assert rules(seen(ubl(), "invoice.xml", partner="", interface="FSO1103A")) == ["FLW-002"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (ubl(), "FSO1100A"),
        (cii(), "FSO1106A"),
        (PDF, "FSO1117A"),
        (mixed(), "FSO1113A"),
        (minimal(base64_of(PDF)), "FSO1110A"),
        (minimal(base64_of(PDF), "AttachmentBinaryObject"), "FSO1116A"),
        (minimal("\n  " + base64_of(PDF)[:9] + "\n" + base64_of(PDF)[9:]), "FSO1110A"),
        (minimal(f"<![CDATA[{base64_of(PDF)}]]>"), "FSO1110A"),
        (minimal(base64_of(zipped(PDF))), "FSO1110A"),
        (minimal(base64_of(zipped(b"words"))), "FSO1100A"),
        (minimal(base64_of(zipped(PDF)[:60])), "FSO1100A"),
        (minimal(base64_of(with_broken_deflate(PDF))), "FSO1100A"),
        (minimal(base64_of(b"words and more words")), "FSO1100A"),
        (minimal("A"), "FSO1100A"),
        (minimal("JVBERi0="), "FSO1110A"),
        (minimal("=JVBERi0"), "FSO1100A"),
        (minimal(base64_of(PDF)).decode().replace("UTF-8", "UTF-16").encode("utf-16"), "FSO1110A"),
        (minimal(base64_of(PDF)).decode().replace("UTF-8", "UTF-16").encode("utf-16-le"), "FSO1110A"),
        (minimal(base64_of(PDF)).decode().replace("UTF-8", "UTF-16").encode("utf-16-be"), "FSO1110A"),
    ],
)
def test_without_a_code_the_ordinary_one_is_assumed_and_a_readable_invoice_makes_it_minimal(content, code):
    assert seen(content, "x", partner="").interface == code


def test_an_archive_without_a_code_is_minimal_when_each_document_carries_its_readable_invoice():
    both = tar_gz(("a.xml", minimal(base64_of(PDF))), ("b.xml", minimal(base64_of(PDF))))
    one = tar_gz(("a.xml", minimal(base64_of(PDF))), ("b.xml", ubl()))
    assert seen(both, "x.tar.gz", partner="").interface == "FSO1110A"
    assert seen(one, "x.tar.gz", partner="").interface == "FSO1100A"


# --- archives -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("folder", [False, True])
def test_the_files_of_an_archive_are_members_in_its_order(form, folder):
    packed = tar_gz(("b.xml", ubl("b")), ("a.xml", ubl("a")), folder=folder, form=form)
    identified, source, spool = opened(packed)
    assert [(m.name, m.kind) for m in identified.members] == [("b.xml", Kind.UBL), ("a.xml", Kind.UBL)]
    assert [open_member(identified, m, source, spool) for m in identified.members] == [ubl("b"), ubl("a")]
    assert identified.is_archive
    assert identified.members[0].sha256 != identified.members[1].sha256
    assert rules(identified) == []


def test_an_archive_of_one_file_is_an_archive():
    assert rules(seen(tar_gz(("a.xml", ubl())))) == []


def test_an_archive_of_pdfs_is_a_factur_x_flow():
    identified = seen(tar_gz(("a.pdf", PDF), ("b.pdf", PDF)), name("FSO1117A"))
    assert identified.interface == "FSO1117A"
    assert rules(identified) == []


def test_invoice_and_credit_note_are_one_syntax():
    assert rules(seen(tar_gz(("a.xml", ubl()), ("b.xml", ubl(root="CreditNote", namespace=CREDIT))))) == []


def test_two_invoice_syntaxes_never_meet():
    identified = seen(tar_gz(("a.xml", ubl()), ("b.xml", cii())))
    assert rules(identified) == ["ENV-006"]
    assert only(identified, "ENV-006").facts == {"a": "a.xml", "kind_a": "UBL", "b": "b.xml", "kind_b": "CII"}


def test_xml_in_a_factur_x_flow_is_a_second_syntax():
    assert rules(seen(tar_gz(("a.pdf", PDF), ("b.xml", cii())), name("FSO1117A"))) == ["ENV-006"]


def test_a_readable_copy_packed_beside_the_xml_is_refused_alone():
    identified = seen(tar_gz(("a.xml", ubl()), ("a.pdf", PDF)))
    assert rules(identified) == ["FIL-003"]
    assert only(identified, "FIL-003").member == "a.pdf"
    assert not identified.is_refused


def test_unknown_files_are_refused_alone():
    packed = tar_gz(("a.xml", ubl()), ("b.xml", b"<html/>"), ("c.txt", b"words"), ("d.xml", b""), ("e.xml", b"<a"))
    identified = seen(packed)
    assert rules(identified) == ["FIL-001", "FIL-003", "IDN-001", "XML-001"]
    assert not identified.is_refused
    assert identified.interface == "FSO1100A"


def test_in_the_reform_an_unknown_file_is_fatal():
    identified = seen(tar_gz(("a.xml", ubl()), ("b.xml", b"<html/>")), terms=Terms(profile=CTC))
    assert only(identified, "IDN-001").severity == "fatal"


def test_a_signature_and_a_style_sheet_are_kept_and_not_counted():
    identified = seen(tar_gz(("a.xml", ubl()), ("sig.xml", signature()), ("look.xsl", sheet())))
    assert [(m.kind, m.invoice_count) for m in identified.members] == [
        (Kind.UBL, 1),
        (Kind.XADES, 0),
        (Kind.STYLESHEET, 0),
    ]
    assert rules(identified) == ["ENV-010"]


def test_more_than_one_signature_or_sheet_is_told():
    packed = tar_gz(
        ("a.xml", ubl()), ("s.xml", signature()), ("t.xml", signature()), ("l.xsl", sheet()), ("m.xsl", sheet())
    )
    assert rules(seen(packed)) == ["ENV-009", "ENV-009", "ENV-010", "ENV-010"]


@pytest.mark.parametrize("files", [(), (("s.xml", signature()),)])
def test_an_archive_without_an_invoice_is_refused(files):
    identified = seen(tar_gz(*files))
    assert "ENV-005" in rules(identified)
    assert identified.is_refused


def test_an_archive_of_unknown_files_says_what_they_are_and_no_more():
    assert rules(seen(tar_gz(("c.txt", b"words")))) == ["FIL-003"]


def test_inner_names_are_checked_softly():
    good = [f"FSO1100A_ABC123_ABC1231100{'0' * width}{tail}" for width, tail in ((9, ".xml"), (15, ""), (15, ".XML"))]
    odd = ["a.xml", "FSO1100A_ABC123_ABC123110000000001.xml", "FSO1100A_ABC124_ABC1241100000000001.xml"]
    identified = seen(tar_gz(*((n, ubl()) for n in good + odd)))
    told = [f for f in identified.findings if f.rule == "FIL-004"]
    assert [f.member for f in told] == odd
    assert {f.severity for f in told} == {"warning"}


def test_the_inner_names_of_the_annex_fit():
    packed = tar_gz(("FSO1116A_JMRPOR_JMRPOR1116000000179.xml", cii()))
    identified = seen(packed, "FSO1116A_JMRPOR_JMRPOR1116000000000000001")
    assert "FIL-004" not in [f.rule for f in identified.findings]


def test_all_that_is_wrong_with_an_archive_is_told_at_once():
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for file_name in ("a.xml", "A.xml", "../b.xml"):
            entry = tarfile.TarInfo(file_name)
            entry.size = len(ubl())
            tar.addfile(entry, io.BytesIO(ubl()))
        tar.addfile(an_entry("link", tarfile.SYMTYPE, "/etc/passwd"))
    identified = seen(gzip.compress(packed.getvalue()))
    assert rules(identified) == ["ENV-003", "ENV-003", "ENV-008"]
    assert [m.name for m in identified.members] == ["a.xml", "A.xml"]


# --- counts -------------------------------------------------------------------------------------------------------


def test_a_mixed_file_counts_its_units():
    assert seen(mixed(3), name("FSO1113A")).members[0].invoice_count == 3


def test_a_mixed_file_counts_in_any_encoding():
    document = ("<?xml version='1.0' encoding='UTF-16'?>" + mixed(3).decode()).encode("utf-16")
    assert seen(document, name("FSO1113A")).members[0].invoice_count == 3


def test_a_unit_named_in_a_comment_is_no_invoice():
    document = mixed(2).replace(b"<CPPFactures>", b"<CPPFactures><!-- <CPPFactureMixteUnitaire/> -->")
    assert seen(document, name("FSO1113A")).members[0].invoice_count == 2


def test_a_flow_of_too_many_invoices_is_refused():
    assert rules(seen(mixed(500), name("FSO1113A"))) == []
    found = only(seen(mixed(501), name("FSO1113A")), "FLW-010")
    assert found.facts == {"count": 501, "limit": 500}


def test_invoices_are_counted_over_all_members():
    terms = Terms(flow=FlowLimits(invoices_max=3))
    packed = tar_gz(("a.xml", mixed(2)), ("b.xml", mixed(2)))
    assert only(seen(packed, name("FSO1113A"), terms), "FLW-010").facts["count"] == 4


# --- whatever comes -----------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=400))
def test_random_bytes_get_an_answer(content):
    identified = seen(content)
    assert identified.findings or identified.members


@settings(deadline=None, max_examples=200)
@given(st.sampled_from([ubl(), cii(), mixed(2), PDF, signature()]), st.integers(0, 200), st.binary(max_size=8))
def test_damaged_documents_get_an_answer(document, at, noise):
    identified = seen(document[:at] + noise + document[at:])
    assert identified.findings or identified.members


ARCHIVE = gzip.decompress(tar_gz(("a.xml", ubl()), ("b.xml", ubl()), folder=True))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, len(ARCHIVE)), st.binary(min_size=1, max_size=12))
def test_damaged_archives_get_an_answer(at, noise):
    damaged = ARCHIVE[:at] + noise + ARCHIVE[at + len(noise) :]
    identified = seen(gzip.compress(damaged, 1))
    assert identified.findings or identified.members


@settings(deadline=None, max_examples=200)
@given(st.integers(2, 200), st.binary(min_size=1, max_size=6))
def test_damaged_gzip_streams_get_an_answer(at, noise):
    packed = tar_gz(("a.xml", ubl()))
    identified = seen(packed[:at] + noise + packed[at + len(noise) :])
    assert identified.findings or identified.members
