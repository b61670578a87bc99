"""Hostile archives: names that lead elsewhere, what is no plain file, sizes that lie, streams without an end."""

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator

from hostile.case import Case, Outcome, Site, inner, number, sound
from hostile.tars import (
    BLOCK,
    GNU_LONG_NAME,
    entry,
    extended,
    gzip_zeros,
    header,
    packed,
    record,
    tar_of,
)

from fixtures import ubl

FLOW, OK = Outcome.FLOW, Outcome.OK
Member = tuple[tarfile.TarInfo | str, bytes]


def good(case_id: str) -> Member:
    """A file that would be integrated, alone."""
    return inner(1), ubl.write(sound(case_id))


def beside(
    case_id: str, row: str, rules: str, *members: Callable[[Site], Member], told: tuple[str, ...] = (), **more: object
) -> Case:
    """These members behind a good one."""
    return Case(
        case_id, row, FLOW, tuple(rules.split()),
        lambda site: packed([good(case_id), *(member(site) for member in members)]), told, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def no_plain_file(case_id: str, row: str, *entries: tarfile.TarInfo, told: tuple[str, ...]) -> Case:
    return beside(case_id, row, "ENV-003", *(lambda _, one=one: (one, b"") for one in entries), told=told)


def raw(case_id: str, row: str, rules: str, made: Callable[[bytes], bytes], *told: str, **more: object) -> Case:
    """Made of the bytes of a sound tar."""
    return Case(
        case_id, row, FLOW, tuple(rules.split()),
        lambda _: gzip.compress(made(tar_of(good(case_id), form=tarfile.USTAR_FORMAT)), 6, mtime=0), told, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def stream(case_id: str, row: str, rules: str, made: Callable[[bytes], bytes], *told: str, **more: object) -> Case:
    """Made of the bytes of a sound tar.gz."""
    return Case(case_id, row, FLOW, tuple(rules.split()), lambda _: made(packed([good(case_id)])), told, **more)  # type: ignore[arg-type]


def _names() -> Iterator[Case]:
    path = "chemin"
    for case_id, name in (
        ("dotdot", "../x"), ("dotdot-inside", "a/../../x"), ("dotdot-windows", "..\\x"), ("dotdot-alone", ".."),
        ("a-folder-in-the-name", "sub/x.xml"),
    ):  # fmt: skip
        yield beside(case_id, "A01", "ENV-003", lambda _, name=name: (name, b"<x/>"), told=(name, path))
    yield raw(
        "dotdot-by-pax", "A01", "ENV-003",
        lambda tar: extended(record(b"path", b"../../x")) + tar_of(("a.xml", b"<x/>"), form=tarfile.USTAR_FORMAT)[: 2 * BLOCK] + tar,
        "../../x", path,
    )  # fmt: skip
    yield beside("absolute", "A02", "ENV-003", lambda site: (f"{site.outside}/x", b"<x/>"), told=(path,))
    yield raw(
        "absolute-by-gnu-name", "A02", "ENV-003",
        lambda tar: extended(b"/tmp/x\0", GNU_LONG_NAME) + tar_of(("a.xml", b"<x/>"), form=tarfile.USTAR_FORMAT)[: 2 * BLOCK] + tar,
        "/tmp/x", path,
    )  # fmt: skip
    yield raw(
        "named-twice-by-gnu", "A13", "ENV-001",
        lambda tar: extended(b"a.xml\0", GNU_LONG_NAME) + extended(b"b.xml\0", GNU_LONG_NAME) + tar_of(("c.xml", b"<x/>"), form=tarfile.USTAR_FORMAT)[: 2 * BLOCK] + tar,
        "deux en-têtes étendus",
    )  # fmt: skip
    yield raw(
        "sized-twice-by-pax", "A13", "ENV-001",
        lambda tar: extended(record(b"size", b"4")) + extended(record(b"size", b"5")) + tar_of(("c.xml", b"<x/>"), form=tarfile.USTAR_FORMAT)[: 2 * BLOCK] + tar,
        "deux en-têtes étendus",
    )  # fmt: skip
    for case_id, name in (
        ("newline-in-name", "a\nb.xml"), ("option-as-name", "-rf"), ("command-as-name", "$(id).xml"),
        ("hidden-name", ".cache"), ("accent-in-name", "café.xml"), ("bidi-in-name", "a\u202eb.xml"),
    ):  # fmt: skip
        yield beside(case_id, "A09", "ENV-003", lambda _, name=name: (name, b"<x/>"), told=("caractères non admis",))
    yield beside("name-of-300", "A10", "ENV-003", lambda _: ("a" * 300, b"<x/>"), told=("trop long",))


def _kinds() -> Iterator[Case]:
    link = ("lien symbolique",)
    yield Case(
        "symlink-out-and-through", "A03", FLOW, ("ENV-003",),
        lambda site: packed([good("symlink-out-and-through"), (entry("out", tarfile.SYMTYPE, str(site.outside)), b""), ("out/x", b"<x/>")]),
        ("out", "lien symbolique"),
    )  # fmt: skip
    yield no_plain_file("symlink-to-root", "A03", entry("lien.xml", tarfile.SYMTYPE, "/"), told=link)
    yield no_plain_file("hard-link-absolute", "A04", entry("b.xml", tarfile.LNKTYPE, "/etc/passwd"), told=("lien dur",))
    yield no_plain_file("hard-link-to-sibling", "A04", entry("b.xml", tarfile.LNKTYPE, inner(1)), told=("lien dur",))
    yield no_plain_file("char-device", "A05", entry("dev", tarfile.CHRTYPE), told=("périphérique",))
    yield no_plain_file("block-device", "A05", entry("dev", tarfile.BLKTYPE), told=("périphérique",))
    yield no_plain_file("fifo", "A05", entry("tube", tarfile.FIFOTYPE), told=("tube nommé",))
    yield no_plain_file("folder", "A05", entry("dossier", tarfile.DIRTYPE), told=("répertoire",))
    yield no_plain_file("unknown-type", "A05", entry("autre", b"Z"), told=("type inconnu",))
    yield raw(
        "sparse-by-pax", "A05", "ENV-003",
        lambda tar: extended(record(b"GNU.sparse.major", b"1")) + tar_of(("creux.xml", b"<x/>"), form=tarfile.USTAR_FORMAT)[: 2 * BLOCK] + tar,
        "creux.xml", "fichier creux",
    )  # fmt: skip
    chain = [entry(f"l{n}", tarfile.SYMTYPE, f"l{n + 1}/..") for n in range(16)]
    yield no_plain_file("symlink-chain", "A06", *chain, told=("l0", "lien symbolique"))
    yield Case(
        "set-uid", "A07", OK, (),
        lambda _: packed([(entry(inner(1), mode=0o4755), ubl.write(sound("set-uid")))]), number=number("set-uid"),
    )  # fmt: skip
    for case_id, name in (("name-twice", inner(1)), ("name-twice-in-capitals", inner(1).upper())):
        again = ubl.write(sound(f"{case_id} again"))
        yield beside(case_id, "A08", "ENV-008", lambda _, name=name, again=again: (name, again), told=(name,))
    yield beside("name-three-times", "A08", "ENV-008", *[lambda _: good("three-times")] * 2, told=(inner(1),))


def _sizes() -> Iterator[Case]:
    yield Case(
        "members-50000", "A11", FLOW, ("ENV-004",), lambda _: gzip.compress(header(b"a", b"00000000000\0") * 50_000, 1, mtime=0),
        ("2000",),
    )  # fmt: skip
    yield Case(
        "members-2001", "A11", FLOW, ("ENV-004",),
        lambda _: packed([(f"f{rank:05d}.xml", b"<x/>") for rank in range(2_001)], tarfile.USTAR_FORMAT), ("2001", "2000"),
    )  # fmt: skip
    sizes = {
        "size-1-PiB": ("A12", b"\x80" + (1 << 50).to_bytes(11, "big")),
        "size-8-GiB": ("A12", b"77777777777\0"),
        "size-negative": ("A13", b"\xff" * 11 + b"\xfe"),
        "size-signed": ("A13", b"-0000000001\0"),
        "size-hexadecimal": ("A13", b"0x000000001\0"),
        "size-behind-nul": ("A13", bytes(3) + b"00000001\0"),
        "size-in-arabic-digits": ("A13", "\u0660\u0661\u0662".encode()),
    }
    for case_id, (row, field) in sizes.items():
        yield Case(case_id, row, FLOW, ("ENV-001",),
                   lambda _, field=field: gzip.compress(header(b"a.xml", field) + b"x" * BLOCK, mtime=0))  # fmt: skip
    yield raw("size-by-pax", "A12", "ENV-001",
              lambda tar: extended(record(b"size", b"1000000000000000")) + tar, "tronqué")  # fmt: skip
    for key, value in (
        (b"path", b"b.xml"),
        (b"size", b"0"),
        (b"linkpath", b"/etc/passwd"),
        (b"GNU.sparse.major", b"1"),
    ):
        yield raw(
            f"{key.decode()}-for-all", "A12", "ENV-001",
            lambda tar, key=key, value=value: extended(record(key, value), b"g") + tar, "toute l'archive",
        )  # fmt: skip
    yield raw("size-negative-by-pax", "A13", "ENV-001", lambda tar: extended(record(b"size", b"-1")) + tar)
    yield raw("headers-in-a-row", "A13", "ENV-001", lambda tar: extended(b"a" * BLOCK, GNU_LONG_NAME) * 1_000 + tar)
    yield raw("header-of-a-mebibyte", "A13", "ENV-001", lambda tar: extended(b"1" * (1 << 20)) + tar)
    yield Case("zeros-2GiB", "A14", FLOW, ("ENV-002",), lambda _: gzip_zeros(2_048), ("200",))
    yield Case("zeros-64MiB", "A14", FLOW, ("ENV-002",), lambda _: gzip.compress(bytes(64 << 20), 9, mtime=0), ("200",))


def _without_padding(tar: bytes) -> bytes:
    """Cut where the only file ends, somewhere in its last block."""
    return tar[: BLOCK + int(tar[124:135], 8)]


def _broken() -> Iterator[Case]:
    cut = "illisible ou tronqué"
    yield stream("gzip-truncated", "A15", "ENV-001", lambda packed_: packed_[:-9], cut)
    yield stream("gzip-without-trailer", "A15", "ENV-001", lambda packed_: packed_[:-8], cut)
    yield stream("gzip-header-only", "A15", "ENV-001", lambda packed_: packed_[:10], cut)
    yield stream("gzip-magic-only", "A15", "ENV-001", lambda packed_: packed_[:2], cut)
    yield stream("gzip-bad-crc", "A15", "ENV-001", lambda p: p[:-8] + bytes(b ^ 1 for b in p[-8:-4]) + p[-4:], cut)
    yield stream("gzip-bad-length", "A15", "ENV-001", lambda packed_: packed_[:-4] + b"\1\2\3\4", cut)
    yield stream("gzip-junk-behind", "A15", "ENV-001", lambda packed_: packed_ + b"junk", cut)
    yield raw("tar-cut-in-a-member", "A15", "ENV-001", lambda tar: tar[: BLOCK + 100], "tronqué")
    yield raw("tar-cut-in-a-last-block", "A15", "ENV-001", _without_padding, "tronqué")
    yield raw("tar-cut-in-a-header", "A15", "ENV-001", lambda tar: tar[:300])
    yield raw("tar-bad-sum", "A15", "ENV-001", lambda tar: b"x" + tar[1:])
    yield raw("two-tars", "A15", "ENV-001", lambda tar: tar + tar, "seconde archive")
    nested = {
        "nested-gzip": lambda: gzip.compress(b"x", mtime=0),
        "nested-tar-gz": lambda: packed([("a.xml", b"<x/>")]),
        "nested-zip": lambda: b"PK\x03\x04" + zlib.compress(b"x"),
        "nested-tar": lambda: tar_of(("a.xml", b"<x/>")),
    }
    for case_id, made in nested.items():
        yield beside(case_id, "A15", "ENV-007 FIL-003", lambda _, made=made: ("plus", made()), told=("plus", "archive"))


CASES = (*_names(), *_kinds(), *_sizes(), *_broken())
