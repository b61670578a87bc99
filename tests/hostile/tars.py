"""Archives made by hand: entries that `tarfile` would not write, headers that lie, streams that become gigabytes."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable

BLOCK = 512
GNU_LONG_NAME, PAX = b"L", b"x"


def entry(name: str, type_: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = type_, target, mode
    return made


def tar_of(*entries: tuple[tarfile.TarInfo | str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for given, content in entries:
            made = entry(given) if isinstance(given, str) else given
            made.size = len(content)
            tar.addfile(made, io.BytesIO(content))
    return out.getvalue()


def packed(entries: Iterable[tuple[tarfile.TarInfo | str, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar.gz, the same each time."""
    return gzip.compress(tar_of(*entries, form=form), mtime=0)


def summed(header: bytes) -> bytes:
    """The same header with the checksum that it should have."""
    bare = header[:148] + b" " * 8 + header[156:BLOCK]
    return header[:148] + b"%06o\0 " % sum(bare) + header[156:]


def header(name: bytes, size_field: bytes, type_: bytes = b"0") -> bytes:
    """A ustar header whose size field is written as given."""
    made = bytearray(BLOCK)
    made[: len(name)] = name
    made[100:108] = b"0000644\0"
    made[124 : 124 + len(size_field)] = size_field
    made[156:157] = type_
    made[257:265] = b"ustar\x0000"
    return summed(bytes(made))


def extended(body: bytes, type_: bytes = PAX) -> bytes:
    """An extended header and its body."""
    return header(b"x", b"%011o\0" % len(body), type_) + body + bytes(-len(body) % BLOCK)


def record(key: bytes, value: bytes) -> bytes:
    """One record of a pax header, its length counted."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest + len(str(rest))))
    return b"%d %b=%b\n" % (length, key, value)


def deflated_zeros(mebibytes: int) -> tuple[bytes, bytes]:
    """(raw deflate of so many MiB of zeros, with its end; its Adler-32), without ever holding them.

    After a full flush a block stands for itself and may follow itself.
    """
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    count = mebibytes << 20
    return block * mebibytes + end, (((count % 65_521) << 16) | 1).to_bytes(4, "big")


def zlib_zeros(mebibytes: int) -> bytes:
    """A zlib stream of so many MiB of zeros."""
    raw, adler = deflated_zeros(mebibytes)
    return b"\x78\xda" + raw + adler


def gzip_zeros(mebibytes: int) -> bytes:
    """A gzip stream of so many MiB of zeros; nobody comes as far as its checksum."""
    raw, _ = deflated_zeros(mebibytes)
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + raw + bytes(4) + (mebibytes << 20 & 0xFFFFFFFF).to_bytes(4, "little")
