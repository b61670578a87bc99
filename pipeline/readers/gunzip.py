"""A gzip stream unpacked by chunks into a spool, under a cap on its size and one on its ratio.

`zlib` and not the `gzip` module: that one reads a header of any length byte by byte, and its own error is an `OSError`,
which elsewhere means that our disk failed.
"""

import zlib
from dataclasses import dataclass
from typing import BinaryIO

from pipeline.terms import ArchiveLimits

MAGIC = b"\x1f\x8b"
_TAKEN_BYTES = 1 << 15
_GIVEN_BYTES = 1 << 16
_RATIO_FROM_BYTES = 10 * 1024 * 1024  # a small file that says one thing over and over is ordinary


@dataclass(frozen=True, slots=True)
class Unzipped:
    """How far it went. `broken` says why the stream cannot be read to its end, `cap` which cap stopped it."""

    size_bytes: int
    taken_bytes: int
    broken: str = ""
    cap: str = ""

    @property
    def ratio(self) -> int:
        return self.size_bytes // max(self.taken_bytes, 1)


def gunzip(source: BinaryIO, spool: BinaryIO, limits: ArchiveLimits) -> Unzipped:
    """Write what `source` holds to `spool`. More gzip streams behind the first are legal and count in the same caps."""
    stream = zlib.decompressobj(wbits=31)
    size = taken = 0
    rest = b""
    while True:
        if not rest:
            rest = source.read(_TAKEN_BYTES)
            taken += len(rest)
            is_last = not rest
        try:
            piece = stream.decompress(rest, _GIVEN_BYTES)
        except zlib.error as err:
            return Unzipped(size, taken, broken=str(err))
        rest = stream.unconsumed_tail
        size += len(piece)
        cap = _cap(size, taken, limits)
        if cap:
            return Unzipped(size, taken, cap=cap)
        spool.write(piece)
        if stream.eof:
            rest, read = _behind(stream.unused_data, source)
            taken += read
            if not rest:
                return Unzipped(size, taken)
            stream = zlib.decompressobj(wbits=31)
        elif is_last and not piece:
            return Unzipped(size, taken, broken="the gzip stream is cut")


def _cap(size: int, taken: int, limits: ArchiveLimits) -> str:
    if size > limits.expanded_bytes_max:
        return f"{limits.expanded_bytes_max} B"
    if size > _RATIO_FROM_BYTES and size > limits.ratio_max * taken:
        return f"{limits.ratio_max}:1"
    return ""


def _behind(rest: bytes, source: BinaryIO) -> tuple[bytes, int]:
    """What stands behind a gzip stream, zeros skipped (they fill up blocks), and how many bytes were read for it."""
    read = 0
    while not (rest := rest.lstrip(b"\0")):
        rest = source.read(_TAKEN_BYTES)
        read += len(rest)
        if not rest:
            break
    return rest, read
