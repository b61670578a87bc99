"""Archives made to harm: each is refused for what it is, at once, and nothing is written outside the spool."""

import gzip
import io
import os
import tarfile
from datetime import UTC, datetime

import pytest
from hostile.tars import entry, tar_of
from hostile.tars import header as raw_header

from pipeline.identify import identify
from pipeline.model import Received
from pipeline.ports import Tools
from pipeline.terms import Terms

UBL = b'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>'
NAME = "FSO1100A_ABC123_ABC1231100000000000000001"


def good():
    return entry("good.xml"), UBL


def refused(stream, terms=None):
    spool = io.BytesIO()
    received = Received("ABC123", NAME, "0" * 64, len(stream), datetime(2026, 11, 20, tzinfo=UTC))
    identified = identify(received, io.BytesIO(stream), spool, Tools(None, None, terms or Terms()))
    assert identified.is_refused
    return [f for f in identified.findings if f.rule not in {"IDN-003", "FIL-004"}]


def rules(stream, terms=None):
    return [f.rule for f in refused(stream, terms)]


@pytest.fixture(autouse=True)
def an_empty_folder_stays_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert os.listdir(tmp_path) == []
    assert not os.path.exists(tmp_path.parent / "x")


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (entry("../x"), "path"),
        (entry("a/../../x"), "path"),
        (entry("/tmp/x"), "path"),
        (entry("sub/x.xml"), "path"),
        (entry("..\\x"), "path"),
        (entry(".."), "path"),
        (entry("out", tarfile.SYMTYPE, "/"), "symbolic link"),
        (entry("good2.xml", tarfile.LNKTYPE, "/etc/passwd"), "hard link"),
        (entry("good2.xml", tarfile.LNKTYPE, "good.xml"), "hard link"),
        (entry("dev", tarfile.CHRTYPE), "character device"),
        (entry("dev", tarfile.BLKTYPE), "block device"),
        (entry("pipe", tarfile.FIFOTYPE), "named pipe"),
        (entry("folder", tarfile.DIRTYPE), "directory"),
        (entry("odd", b"Z"), "entry of type 'Z'"),
        (entry("a\nb.xml"), "name with other characters"),
        (entry("-rf"), "name with other characters"),
        (entry(".hidden"), "name with other characters"),
        (entry("café.xml"), "name with other characters"),
        (entry("a\u202eb.xml"), "name with other characters"),
        (entry("$(id).xml"), "name with other characters"),
        (entry("a" * 300), "name that is too long"),
    ],
)
def test_only_plain_files_with_plain_names_are_taken(made, kind):
    [found] = refused(gzip.compress(tar_of(good(), (made, b""))))
    assert (found.rule, found.facts["kind"]) == ("ENV-003", kind)
    assert found.facts["kind_fr"]


def test_a_chain_of_links_is_refused_link_by_link():
    links = [(entry(f"l{n}", tarfile.SYMTYPE, f"l{n + 1}/.."), b"") for n in range(16)]
    assert rules(gzip.compress(tar_of(*links, good()))) == ["ENV-003"] * 16


def test_a_set_uid_file_is_only_bytes():
    stream = gzip.compress(tar_of((entry("a.xml", mode=0o4755), UBL)))
    received = Received("ABC123", NAME, "0" * 64, len(stream), datetime(2026, 11, 20, tzinfo=UTC))
    assert not identify(received, io.BytesIO(stream), io.BytesIO(), Tools(None, None, Terms())).is_refused


@pytest.mark.parametrize("other", ["good.xml", "GOOD.xml", "Good.XML"])
def test_a_name_given_twice_is_refused(other):
    assert rules(gzip.compress(tar_of(good(), (entry(other), UBL)))) == ["ENV-008"]


def test_a_name_given_three_times_is_told_once():
    assert rules(gzip.compress(tar_of(good(), good(), good()))) == ["ENV-008"]


def test_fifty_thousand_empty_members_are_refused_by_their_number():
    block = raw_header(b"a", b"00000000000\0")
    [found] = refused(gzip.compress(block * 50_000, 1))
    assert (found.rule, found.facts["limit"]) == ("ENV-004", 2_000)
    assert found.facts["count"] == 22_000  # counted no further than that


@pytest.mark.parametrize(
    "size_field",
    [
        b"\x80" + (1 << 50).to_bytes(11, "big"),  # one pebibyte
        b"\xff" + b"\xff" * 10 + b"\xfe",  # negative
        b"77777777777\0",
        b"-0000000001\0",
        b"0x000000001\0",
        "٠٠٠".encode(),
    ],
    ids=["1-PiB", "negative", "8-GiB", "signed", "hexadecimal", "arabic-digits"],
)
def test_a_size_that_cannot_be_is_a_broken_archive(size_field):
    assert rules(gzip.compress(raw_header(b"a.xml", size_field) + b"x" * 512)) == ["ENV-001"]


@pytest.mark.parametrize("type_", [b"L", b"x", b"g", b"K"])
def test_an_extended_header_of_a_mebibyte_is_not_taken_into_memory(type_):
    stream = raw_header(b"x", b"%011o\0" % (1 << 20), type_) + b"1" * (1 << 20)
    assert rules(gzip.compress(tar_of(good())[:1024] + stream)) == ["ENV-001"]


def test_a_thousand_extended_headers_in_a_row_are_refused():
    assert rules(gzip.compress((raw_header(b"x", b"%011o\0" % 512, b"L") + b"a" * 512) * 1_000 + tar_of(good()))) == [
        "ENV-001"
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"11 path=a\n",
        b"99 path=aaaa\n",
        b"x path=a\n",
        b"0 path=a\n",
        b"9 path a\n",
        b"1" * 30 + b" path=a\n",
        b"18 size=-00000001\n",
        b"24 size=1000000000000000\n",
        b"11 size=1e\n",
    ],
)
def test_a_pax_record_that_lies_is_a_broken_archive(body):
    header = raw_header(b"x", b"%011o\0" % len(body), b"x")
    stream = header + body.ljust(512, b"\0") + tar_of(good())
    assert rules(gzip.compress(stream)) == ["ENV-001"]


def test_a_pax_path_leads_nowhere():
    body = b"16 path=../../x\n"
    stream = (
        raw_header(b"x", b"%011o\0" % len(body), b"x")
        + body.ljust(512, b"\0")
        + tar_of(good(), form=tarfile.USTAR_FORMAT)
    )
    [found] = refused(gzip.compress(stream))
    assert (found.rule, found.member) == ("ENV-003", "../../x")


@pytest.mark.parametrize("body", [b"22 GNU.sparse.major=1\n", b"24 GNU.sparse.name=good\n\n"[:24]])
def test_a_sparse_file_is_refused(body):
    stream = (
        raw_header(b"x", b"%011o\0" % len(body), b"x")
        + body.ljust(512, b"\0")
        + tar_of(good(), form=tarfile.USTAR_FORMAT)
    )
    assert [f.facts.get("kind") for f in refused(gzip.compress(stream))] == ["sparse file"]


def test_two_gibibytes_of_zeros_stop_at_the_cap():
    import zlib

    deflate = zlib.compressobj(9, wbits=31)
    stream = b"".join(deflate.compress(b"\0" * (1 << 24)) for _ in range(8)) + deflate.flush()
    [found] = refused(stream)
    assert (found.rule, found.facts["limit"]) == ("ENV-002", "200:1")


def streams():
    whole = gzip.compress(tar_of(good()), mtime=0)
    yield "truncated", whole[:-9]
    yield "without-its-trailer", whole[:-8]
    yield "header-only", whole[:10]
    yield "magic-only", b"\x1f\x8b"
    yield "bad-crc", whole[:-8] + bytes(b ^ 1 for b in whole[-8:-4]) + whole[-4:]
    yield "bad-length", whole[:-4] + b"\1\2\3\4"
    yield "junk-behind", whole + b"junk"
    yield "a-bare-document", gzip.compress(UBL)
    yield "random", b"\x1f\x8b\x08\x00" + bytes(range(200))
    yield "cut-tar", gzip.compress(tar_of(good())[:560])
    yield "cut-header", gzip.compress(tar_of(good())[:300])
    yield "bad-sum", gzip.compress(b"x" + tar_of(good())[1:])
    yield "second-entry-bad", gzip.compress(tar_of(good())[:1024] + b"\1" * 512)


@pytest.mark.parametrize("stream", [pytest.param(s, id=name) for name, s in streams()])
def test_what_cannot_be_read_to_its_end_is_a_broken_archive(stream):
    [found] = refused(stream)
    assert found.rule == "ENV-001"
    assert found.facts["why"] and found.facts["why_fr"]


@pytest.mark.parametrize(
    "inner",
    [gzip.compress(b"x"), b"PK\x03\x04rest", b"PK\x05\x06" + b"\0" * 18, tar_of(good())],
    ids=["gzip", "zip", "empty-zip", "tar"],
)
def test_an_archive_in_an_archive_is_refused(inner):
    found = refused(gzip.compress(tar_of(good(), (entry("more"), inner))))
    assert "ENV-007" in [f.rule for f in found]
    assert [f.member for f in found if f.rule == "ENV-007"] == ["more"]
