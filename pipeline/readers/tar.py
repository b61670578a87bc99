"""The headers of a tar file, one by one, in a spool that can be sought. Nothing is extracted.

An own reader, because `tarfile` takes an extended header of any size into memory, matches it with patterns of quadratic
cost, and calls itself once for each header that stands before a file (RecursionError at a thousand). Here every header
costs the same. Formats: POSIX ustar and pax, GNU long names, and the V7 form that they extend.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 512
FILE, DIRECTORY = "file", "directory"
_EXTENSION_BYTES_MAX = 65_536  # a name has at most 255 characters
_EXTENSIONS_IN_A_ROW_MAX = 8
_DECIMALS_MAX = 19
_LOOKED_BYTES = 1 << 20
_EXTENSIONS = {b"x", b"g", b"L", b"K"}
_OF_ONE_FILE = {b"path", b"size", b"linkpath"}  # in a header of all files, readers take them each in its way
_KINDS = {
    b"0": FILE,
    b"\0": FILE,
    b"7": FILE,
    b"1": "hard link",
    b"2": "symbolic link",
    b"3": "character device",
    b"4": "block device",
    b"5": DIRECTORY,
    b"6": "named pipe",
    b"S": "sparse file",
}
_WITHOUT_CONTENT = {b"1", b"2", b"3", b"4", b"5", b"6"}


class TarBroken(Exception):
    """The archive cannot be read any further than `offset`. `is_tar`: what stands before is one."""

    def __init__(self, why: str, why_fr: str, offset: int, *, is_tar: bool = True) -> None:
        super().__init__(why)
        self.why, self.why_fr, self.offset, self.is_tar = why, why_fr, offset, is_tar


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: where its bytes are in the spool. `kind` is `file`, or what else it says it is."""

    name: bytes
    kind: str
    size_bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class _Extended:
    """What extended headers say of the entry behind them."""

    name: bytes = b""
    size_bytes: int | None = None
    is_sparse: bool = False
    count: int = 0


def entries(spool: BinaryIO, size_bytes: int) -> Iterator[Entry]:
    """Each entry in order. A zero block ends an archive; so does the end of the spool, as some writers leave it.

    What is no zero behind the end breaks it: of two archives put one behind the other, the second would be lost unsaid.
    """
    at = 0
    extended = _Extended()
    if 0 < size_bytes < BLOCK:
        raise _malformed(at)
    while at < size_bytes:
        block = _read(spool, at, BLOCK, size_bytes)
        if block.count(0) == BLOCK:
            _refuse_more(spool, at + BLOCK, size_bytes)
            return
        _refuse_bad_sum(block, at)
        type_ = block[156:157]
        length = _number(block[124:136], at)
        here, at = at, at + BLOCK
        if type_ in _EXTENSIONS:
            extended = _extension(spool, type_, at, length, size_bytes, extended)
        else:
            entry = _entry(block, type_, at, length, extended)
            length = 0 if type_ in _WITHOUT_CONTENT else entry.size_bytes
            if _filled(length) > size_bytes - at:  # up to the end of its last block: readers want it whole
                raise _beyond(_filled(length), size_bytes - at, here)
            yield entry
            extended = _Extended()
        at += _filled(length)


def _filled(length: int) -> int:
    """The bytes of the blocks that so many bytes take."""
    return -(-length // BLOCK) * BLOCK


def _entry(block: bytes, type_: bytes, at: int, length: int, extended: _Extended) -> Entry:
    name = extended.name or _name(block)
    kind = _KINDS.get(type_, f"entry of type {type_.decode('latin-1')!a}")
    if type_ == b"\0" and name.endswith(b"/"):
        kind = DIRECTORY
    if extended.is_sparse:
        kind = _KINDS[b"S"]
    return Entry(name, kind, length if extended.size_bytes is None else extended.size_bytes, at)


def _extension(spool: BinaryIO, type_: bytes, at: int, length: int, size_bytes: int, before: _Extended) -> _Extended:
    if length > _EXTENSION_BYTES_MAX or before.count >= _EXTENSIONS_IN_A_ROW_MAX:
        raise TarBroken("too long an extended header", "en-tête étendu trop long", at)
    body = _read(spool, at, length, size_bytes)
    count = before.count + 1
    if type_ == b"L":
        name = _given_once(body.partition(b"\0")[0], before.name, at)
        return _Extended(name, before.size_bytes, before.is_sparse, count)
    if type_ == b"K":  # the target of a link: nothing that a plain file needs
        return _Extended(before.name, before.size_bytes, before.is_sparse, count)
    fields = dict(_records(body, at))
    if type_ == b"g":  # of all files that follow: what writers say there is a comment
        if any(key in _OF_ONE_FILE or key.startswith(b"GNU.sparse.") for key in fields):
            raise TarBroken(
                "a header of the whole archive renames or resizes its files",
                "un en-tête de toute l'archive renomme ou redimensionne ses fichiers",
                at,
            )
        return _Extended(before.name, before.size_bytes, before.is_sparse, count)
    is_sparse = before.is_sparse or any(key.startswith(b"GNU.sparse.") for key in fields)
    if b"size" in fields and before.size_bytes is not None:
        raise _told_twice(at)
    size = _decimal(fields[b"size"], at) if b"size" in fields else before.size_bytes
    name = _given_once(fields[b"path"], before.name, at) if b"path" in fields else before.name
    return _Extended(name, size, is_sparse, count)


def _given_once(name: bytes, before: bytes, at: int) -> bytes:
    """A name that takes the place of the one in the header; an empty one would take it away."""
    if not name:
        raise _malformed(at)
    if before:
        raise _told_twice(at)
    return name


def _records(body: bytes, at: int) -> Iterator[tuple[bytes, bytes]]:
    """The records `LENGTH KEY=VALUE` of a pax header."""
    while body.strip(b"\0"):
        digits = body.partition(b" ")[0]
        length = _decimal(digits, at)
        record = body[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if not equals or length > len(body) or not value.endswith(b"\n"):
            raise _malformed(at)
        yield key, value[:-1]
        body = body[length:]


def _decimal(digits: bytes, at: int) -> int:
    if not digits.isdigit() or len(digits) > _DECIMALS_MAX:
        raise _malformed(at)
    return int(digits)


def _number(field: bytes, at: int) -> int:
    """Octal digits, or the binary form of GNU for what these cannot hold."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.lstrip(b" ").rstrip(b" \0")
    if digits.strip(b"01234567"):  # a negative number (0xff) is malformed too, and digits behind a NUL: others read 0
        raise _malformed(at)
    return int(digits or b"0", 8)


def _name(block: bytes) -> bytes:
    name = block[:100].partition(b"\0")[0]
    prefix = block[345:500].partition(b"\0")[0]
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _refuse_bad_sum(block: bytes, at: int) -> None:
    told = _number(block[148:156], at)
    rest = block[:148] + b" " * 8 + block[156:]
    if told == sum(rest):
        return
    if told != sum(byte - 256 if byte > 127 else byte for byte in rest):  # old writers sum signed characters
        raise _malformed(at)


def _refuse_more(spool: BinaryIO, at: int, size_bytes: int) -> None:
    spool.seek(at)
    while at < size_bytes:
        chunk = spool.read(min(_LOOKED_BYTES, size_bytes - at))
        if not chunk:
            return
        if chunk.count(0) < len(chunk):
            raise TarBroken(
                "something stands behind the end of the tar (a second archive?)",
                "quelque chose suit la fin du tar (une seconde archive ?)",
                at + len(chunk) - len(chunk.lstrip(b"\0")),
            )
        at += len(chunk)


def _read(spool: BinaryIO, at: int, length: int, size_bytes: int) -> bytes:
    if length > size_bytes - at:
        raise _beyond(length, size_bytes - at, at)
    spool.seek(at)
    return spool.read(length)


def _beyond(length: int, left: int, at: int) -> TarBroken:
    return TarBroken(
        f"the tar is cut: {length} bytes are declared and {left} are there",
        f"le tar est tronqué : {length} octets sont annoncés, {left} sont présents",
        at,
    )


def _told_twice(at: int) -> TarBroken:
    """Of two names of one file some readers take the first, others the last."""
    return TarBroken(
        "two extended headers name or size the same file",
        "deux en-têtes étendus nomment ou dimensionnent le même fichier",
        at,
    )


def _malformed(at: int) -> TarBroken:
    return TarBroken("this is no tar header", "ceci n'est pas un en-tête tar", at, is_tar=at > 0)
