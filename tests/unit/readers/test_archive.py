"""The envelope on ordinary archives: the same files as `tarfile` sees, whatever wrote them, and our own failures let through."""

import gzip
import io
import tarfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import tar
from pipeline.readers.archive import unpack
from pipeline.terms import ArchiveLimits, Terms

TERMS = Terms()


def a_tar(*files, form=tarfile.PAX_FORMAT, **fields):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=form) as out:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in fields.items():
                setattr(entry, field, value)
            out.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def unpacked(content, terms=TERMS):
    spool = io.BytesIO()
    result = unpack(io.BytesIO(content), spool, terms)
    return result, spool


def contents(content, terms=TERMS):
    result, spool = unpacked(content, terms)
    assert result.findings == ()
    return {file.name: spool.getvalue()[file.offset : file.offset + file.size_bytes] for file in result.files}


def rules(content, terms=TERMS):
    return [f.rule for f in unpacked(content, terms)[0].findings]


FORMS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,150}", fullmatch=True)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(NAMES, st.binary(max_size=1500), min_size=1, max_size=4), st.sampled_from(FORMS[1:]))
def test_what_tarfile_writes_is_read_back(files, form):
    if len({name.casefold() for name in files}) == len(files):
        files = {name: b"." + content for name, content in files.items()}  # never begins like an archive
        assert contents(gzip.compress(a_tar(*files.items(), form=form))) == files


@pytest.mark.parametrize("form", FORMS)
def test_each_format_of_tar_is_read(form):
    assert contents(gzip.compress(a_tar(("a.xml", b"<a/>"), ("b.xml", b"x" * 1000), form=form))) == {
        "a.xml": b"<a/>",
        "b.xml": b"x" * 1000,
    }


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_of_255_characters_is_read_and_one_more_is_not(form):
    assert list(contents(gzip.compress(a_tar(("a" * 255, b"x"), form=form)))) == ["a" * 255]
    assert rules(gzip.compress(a_tar(("a" * 256, b"x"), form=form))) == ["ENV-003"]


def test_pax_times_sizes_and_owners_do_not_matter():
    packed = a_tar(
        ("a.xml", b"<a/>"), mtime=1.5, uname="é" * 40, mode=0o4777, pax_headers={"size": "4", "comment": "=\n="}
    )
    assert contents(gzip.compress(packed)) == {"a.xml": b"<a/>"}


def test_a_global_pax_header_is_passed_over():
    packed = io.BytesIO()
    with tarfile.open(
        fileobj=packed, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "of git archive"}
    ) as out:
        entry = tarfile.TarInfo("a.xml")
        entry.size = 1
        out.addfile(entry, io.BytesIO(b"x"))
    assert contents(gzip.compress(packed.getvalue())) == {"a.xml": b"x"}


def test_a_size_in_binary_is_read():
    block = bytearray(a_tar(("a.xml", b"<a/>"), form=tarfile.GNU_FORMAT))
    block[124:136] = b"\x80" + (4).to_bytes(11, "big")
    assert contents(gzip.compress(resummed(block))) == {"a.xml": b"<a/>"}


def test_a_signed_sum_of_old_writers_is_accepted():
    block = bytearray(a_tar(("a.xml", b"<a/>"), form=tarfile.USTAR_FORMAT))
    block[265:267] = b"\xe9\xe9"  # the owner's name
    assert contents(gzip.compress(resummed(block, signed=True))) == {"a.xml": b"<a/>"}


def resummed(block, signed=False):
    header = bytes(block[:148]) + b" " * 8 + bytes(block[156:512])
    total = sum(b - 256 if signed and b > 127 else b for b in header)
    return bytes(block[:148]) + b"%06o\0 " % total + bytes(block[156:])


def test_an_archive_without_its_last_blocks_is_read():
    assert contents(gzip.compress(a_tar(("a.xml", b"<a/>"))[:1024])) == {"a.xml": b"<a/>"}


@pytest.mark.parametrize("behind", [b"x", a_tar(("b.xml", b"<b/>")), b"\0" * (1 << 20) + b"x"])
@pytest.mark.parametrize("in_one_stream", [True, False])
def test_what_stands_behind_the_end_of_the_tar_is_never_lost_unsaid(behind, in_one_stream):
    """`cat a.tar.gz b.tar.gz`: the second half would be neither judged nor told."""
    first = a_tar(("a.xml", b"<a/>"))
    whole = gzip.compress(first + behind) if in_one_stream else gzip.compress(first) + gzip.compress(behind)
    [found] = unpacked(whole)[0].findings
    assert (found.rule, found.facts["why_fr"]) == (
        "ENV-001",
        "quelque chose suit la fin du tar (une seconde archive ?)",
    )
    assert found.facts["offset"] == len(first) + behind.find(behind.lstrip(b"\0"))


def test_gzip_streams_one_after_the_other_and_zeros_behind_are_legal():
    packed = a_tar(("a.xml", b"<a/>"))
    assert contents(gzip.compress(packed[:700]) + gzip.compress(packed[700:]) + b"\0" * 100_000) == {"a.xml": b"<a/>"}


def test_a_gzip_header_with_a_name_and_a_long_comment_is_read():
    stream = gzip.compress(a_tar(("a.xml", b"<a/>")))
    header = stream[:3] + b"\x18" + stream[4:10]  # name and comment follow
    assert contents(header + b"flow.tar\0" + b"c" * 200_000 + b"\0" + stream[10:]) == {"a.xml": b"<a/>"}


def test_a_large_file_is_unpacked_whole():
    body = bytes(range(256)) * 20_000
    assert contents(gzip.compress(a_tar(("a.pdf", body)), 1)) == {"a.pdf": body}


def test_the_cap_on_size_stops_the_unpacking():
    terms = replace(TERMS, archive=ArchiveLimits(expanded_bytes_max=100_000))
    result, spool = unpacked(gzip.compress(b"0" * 1_000_000), terms)
    assert [(f.rule, f.facts["limit"]) for f in result.findings] == [("ENV-002", "100000 B")]
    assert result.findings[0].facts["limit_fr"] == "100000 octets"
    assert len(spool.getvalue()) <= 100_000


def test_the_cap_on_ratio_counts_from_ten_mebibytes():
    small, large = b"\0" * 10 * 1024 * 1024, b"\0" * 11 * 1024 * 1024
    assert rules(gzip.compress(small)) == ["ENV-005"][1:]
    assert rules(gzip.compress(large)) == ["ENV-002"]


class FullDisk(io.BytesIO):
    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_is_our_failure_and_no_finding():
    with pytest.raises(OSError, match="No space left"):
        unpack(io.BytesIO(gzip.compress(a_tar(("a.xml", b"<a/>")))), FullDisk(), TERMS)


def test_a_rule_switched_off_gives_no_finding_and_no_file():
    result, _ = unpacked(b"\x1f\x8b", replace(TERMS, severities={"ENV-001": "off"}))
    assert (result.files, result.findings) == ((), ())


def entries_of(content):
    return list(tar.entries(io.BytesIO(content), len(content)))


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 2047), st.binary(min_size=1, max_size=20))
def test_a_damaged_tar_is_read_or_broken_and_nothing_else(at, noise):
    whole = a_tar(("a" * 120, b"x" * 600), form=tarfile.PAX_FORMAT)
    damaged = whole[:at] + noise + whole[at + len(noise) :]
    try:
        found = entries_of(damaged)
    except tar.TarBroken as err:
        assert err.why and err.why_fr
    else:
        assert all(entry.offset + entry.size_bytes <= len(damaged) for entry in found if entry.kind == tar.FILE)
