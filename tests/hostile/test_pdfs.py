"""Hostile PDFs: whatever the bytes, a `Container` with findings, in bounded time and memory, the same each time."""

import json
from io import BytesIO

import pikepdf
import pytest
from hostile.pdf_bytes import CATALOG, PAGE, PAGES, SPECIFICATION, deep, embedding, object_stream, pdf, stream, tower
from hostile.tars import deflated_zeros
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.pdf import facturx_pdf
from pipeline.terms import Terms
from pipeline.validators.facturx import open_container

XML = b"<?xml version='1.0'?><rsm:CrossIndustryInvoice xmlns:rsm='urn:un:unece:uncefact:data:standard:x'/>"
TERMS = Terms()
BOMB_BYTES = 65 * 1024 * 1024


def object_stream_bomb() -> bytes:
    """The catalog lies in an object stream of 80 kB that becomes 80 MB."""
    return object_stream(deflated_zeros(80)[0])


def rules(document: bytes) -> set[str]:
    container = open_container(document, "hostile.pdf", TERMS)
    json.dumps([dict(finding.facts) | {"value": finding.value} for finding in container.findings]).encode()
    for finding in container.findings:
        row = finding.row
        assert row.message_en.format(member=finding.member, value=finding.value, **finding.facts).isprintable()
    return {finding.rule for finding in container.findings}


HOSTILE = {
    "zero bytes": (b"", "PDF-001"),
    "a header and nothing": (b"%PDF-1.7\n", "PDF-001"),
    "not a PDF": (b"MZ\x90\x00 a program", "PDF-001"),
    "junk before the header": (b"\n" * 900 + embedding(XML), "PDF-001"),
    "cut in the middle": (embedding(XML)[:150], "PDF-001"),
    "no catalog": (b"%PDF-1.4\n1 0 obj\n5\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF", "PDF-001"),
    "a page tree that is a loop": (
        pdf(b"<<%b>>" % CATALOG, b"<</Type/Pages/Kids[2 0 R]/Count 1>>", PAGE),
        "PDF-001",
    ),
    "no page": (pdf(b"<<%b>>" % CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"), "PDF-011"),
    "100,000 nested arrays": (pdf(b"<<%b/X %b>>" % (CATALOG, deep(100_000)), PAGES, PAGE), "PDF-010"),
    "100,000 nested arrays, met late": (pdf(b"<<%b/Names 4 0 R>>" % CATALOG, PAGES, PAGE, deep(100_000)), "PDF-010"),
    "a name tree that is a loop": (
        embedding(XML, specification=b"<</Kids[4 0 R 4 0 R]/Names[(a)4 0 R]>>", tree=b"/Names<</EmbeddedFiles 4 0 R>>"),
        "PDF-003",
    ),
    "a name tree of wrong types": (embedding(XML, tree=b"/Names<</EmbeddedFiles[1 (x)/y]>>"), "PDF-003"),
    "a specification of wrong types": (embedding(XML, specification=b"<</F 1/UF[]/EF<</F/x/UF null>>>>"), "PDF-003"),
    "a name that is a path": (embedding(XML, specification=b"<</UF(../../etc/passwd)/EF<</F 5 0 R>>>>"), "PDF-003"),
    "a name in capitals": (embedding(XML, specification=b"<</UF(FACTUR-X.XML)/EF<</F 5 0 R>>>>"), "PDF-013"),
    "a name with a NUL": (embedding(XML, specification=b"<</UF(factur-x.xml\\000)/EF<</F 5 0 R>>>>"), "PDF-003"),
    "half a surrogate in a name": (embedding(XML, specification=b"<</UF<FEFFD800>/EF<</F 5 0 R>>>>"), "PDF-003"),
    "a relationship that is no UTF-8": (
        embedding(XML, specification=SPECIFICATION[:-2] + b"/AFRelationship/#ff>>"),
        "PDF-005",
    ),
    "an XML that does not inflate": (embedding(b"no deflate", b"/Filter/FlateDecode"), "PDF-001"),
    "an XML under an unknown filter": (embedding(XML, b"/Filter/Own"), "PDF-001"),
    "an XML under a filter of pictures": (embedding(XML, b"/Filter/DCTDecode"), "PDF-001"),
    "an XML under four filters": (embedding(tower(XML, 4), b"/Filter[%b]" % (b"/FlateDecode" * 4)), "PDF-010"),
    "a flate bomb": (embedding(tower(b"0" * BOMB_BYTES, 1), b"/Filter/FlateDecode"), "PDF-010"),
    "a bomb in two layers": (embedding(tower(b"0" * BOMB_BYTES, 2), b"/Filter[/FlateDecode/FlateDecode]"), "PDF-010"),
    "an object stream that is a bomb": (object_stream_bomb(), "PDF-010"),
    "metadata that are a bomb": (
        pdf(
            b"<<%b/Metadata 4 0 R>>" % CATALOG, PAGES, PAGE, stream(tower(b"0" * BOMB_BYTES, 1), b"/Filter/FlateDecode")
        ),
        "PDF-010",
    ),
    "metadata that do not inflate": (
        pdf(b"<<%b/Metadata 4 0 R>>" % CATALOG, PAGES, PAGE, stream(b"no deflate", b"/Filter/FlateDecode")),
        "PDF-007",
    ),
    "a page that does not inflate": (
        pdf(
            b"<<%b>>" % CATALOG, PAGES, PAGE[:-2] + b"/Contents 4 0 R>>", stream(b"no deflate", b"/Filter/FlateDecode")
        ),
        "PDF-008",
    ),
    "a page that is a bomb": (
        pdf(
            b"<<%b>>" % CATALOG,
            PAGES,
            PAGE[:-2] + b"/Contents 4 0 R>>",
            stream(tower(b"0" * BOMB_BYTES, 1), b"/Filter/FlateDecode"),
        ),
        "PDF-010",
    ),
    "150,000 actions in a row": (
        pdf(b"<<%b/OpenAction<</S/GoTo/Next[%b]>>>>" % (CATALOG, b"<</S/GoTo>>" * 150_000), PAGES, PAGE),
        "PDF-010",
    ),
    "actions that are a loop": (
        pdf(b"<<%b/OpenAction 4 0 R>>" % CATALOG, PAGES, PAGE, b"<</S/Launch/Next[4 0 R 4 0 R]>>"),
        "PDF-009",
    ),
    "an annotation that is its own action": (
        pdf(b"<<%b>>" % CATALOG, PAGES, PAGE[:-2] + b"/Annots[4 0 R]>>", b"<</A 4 0 R/S/JavaScript/JS(1)>>"),
        "PDF-009",
    ),
    "wrong types everywhere": (
        pdf(
            b"<<%b/Names 5/AA[1]/OpenAction(x)/AcroForm/x/Metadata<<>>/AF 3/Outlines 2 0 R/OutputIntents[[]3(x)]>>"
            % CATALOG,
            PAGES,
            b"<</Type/Page/Parent 2 0 R/Annots[1(x)[3 0 R]3 0 R]/AA<</O 3 0 R>>/Resources[]/Contents[3 0 R 5]>>",
        ),
        "PDF-003",
    ),
    "keys and names that are no UTF-8": (
        pdf(
            b"<<%b/AA<</#ff#fe 3 0 R>>/AcroForm<</#ff 1>>>>" % CATALOG,
            PAGES,
            b"<</Type/Page/Parent 2 0 R/Resources<</Font<</#ff<</BaseFont/#ff#fe>>/F1<</BaseFont/#fe>>>>>>>>",
        ),
        "PDF-003",
    ),
}


@pytest.mark.parametrize(("document", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pdf_earns_its_finding_and_nothing_breaks(document, expected):
    assert expected in rules(document)


def test_damage_that_only_a_warning_looks_at_does_not_refuse_the_file():
    for name in ("metadata that do not inflate", "a page that does not inflate"):
        assert "PDF-001" not in rules(HOSTILE[name][0])


def test_a_page_after_a_bomb_is_judged_like_one_before():
    good = facturx_pdf(XML, level="BASIC", lines_of_text=("FACTURE",))
    assert rules(good) == set()
    assert rules(object_stream_bomb()) == {"PDF-010"}
    assert rules(good) == set()


def test_a_bomb_does_not_fill_the_memory():
    import resource

    rules(embedding(XML))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for document in (object_stream_bomb(), HOSTILE["a bomb in two layers"][0], HOSTILE["metadata that are a bomb"][0]):
        rules(document)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


def test_many_attachments_that_inflate_stop_at_what_an_invoice_may_weigh():
    """Each under the limit of one stream, together 2 GB: 60 files are named and one stream holds their bytes."""
    packed = tower(b"0" * 33_000_000, 1)
    pairs = b"".join(b"(%d)<</UF(%d.txt)/EF<</F 4 0 R>>>>" % (rank, rank) for rank in range(60))
    catalog = b"<<%b/Names<</EmbeddedFiles<</Names[%b]>>>>>>" % (CATALOG, pairs)
    document = pdf(catalog, PAGES, PAGE, stream(packed, b"/Filter/FlateDecode"))
    container = open_container(document, "hostile.pdf", TERMS)
    assert {"PDF-003", "PDF-010"} <= {finding.rule for finding in container.findings}
    assert sum(len(each.encoded) for each in container.embedded) <= TERMS.attachment.invoice_bytes_max


GOOD = facturx_pdf(XML, level="EN 16931", lines_of_text=("FACTURE F1",), attachments=(("bl.txt", b"bon"),))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.tuples(st.integers(9, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_any_damage_to_a_good_pdf_gives_findings_and_never_a_crash(damage):
    document = bytearray(GOOD)
    for place, value in damage:
        document[place] = value
    assert open_container(bytes(document), "m", TERMS) == open_container(bytes(document), "m", TERMS)
    rules(bytes(document))


WORDS = st.sampled_from(
    [
        b"<<",
        b">>",
        b"[",
        b"]",
        b"(",
        b")",
        b"null",
        b"4 0 R",
        b"3 0 R",
        b"-1",
        b"/EF",
        b"/Names",
        b"/Kids",
        b"/AA",
        b"/S/Launch",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(WORDS, max_size=12),
    st.sampled_from([b"/Names", b"/AF", b"/OpenAction", b"/AcroForm", b"/Metadata", b"/OutputIntents"]),
)
def test_any_object_may_stand_in_any_place_of_the_catalog(words, key):
    rules(pdf(b"<<%b%b %b>>" % (CATALOG, key, b" ".join(words)), PAGES, PAGE, SPECIFICATION, stream(XML)))


def test_the_pdf_is_not_held_open_after_the_answer():
    """Streams that outlive their Pdf end the process: the container holds plain bytes."""
    container = open_container(GOOD, "m", TERMS)
    assert type(container.xml) is bytes
    assert all(type(each.encoded) is bytes for each in container.embedded)
    with pikepdf.open(BytesIO(GOOD)) as again:
        assert len(again.pages) == 1
