"""Archives spoiled header by header, packed again; and gzip streams spoiled as they are."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from bench.fuzz import markup, raw
from bench.fuzz.seeds import Members

BLOCK = 512
# name of a field -> where it lies in a ustar header
FIELDS = {
    "name": (0, 100), "mode": (100, 108), "uid": (108, 116), "gid": (116, 124), "size": (124, 136), "mtime": (136, 148),
    "sum": (148, 156), "type": (156, 157), "link": (157, 257), "magic": (257, 263), "version": (263, 265),
    "user": (265, 297),
    "group": (297, 329), "major": (329, 337), "minor": (337, 345), "prefix": (345, 500), "rest": (500, 512),
}  # fmt: skip
NAMES = (
    b"../x", b"/tmp/x", b"./a.xml", b"a/b.xml", b".", b"..", b"", b"-rf", b"a\nb", b"caf\xe9.xml", b"$(id)",
    b"a" * 100, b"A.XML", b"a.xml",
    b"\xe2\x80\xae.xml", b"a\\b", b"con", b" ", b"a.xml ", b".hidden", b"a\0b",
)  # fmt: skip
SIZES = (
    b"00000000000\0", b"77777777777\0", b"00000000001\0", b"-0000000001\0", b"0x000000001\0", b"           \0",
    b"\0" * 12, b"00000001000 ",
    b"\x80" + bytes(3) + (1 << 50).to_bytes(8, "big"), b"\xff" * 12, b"\x80" + bytes(9) + b"\x02\x00",
    b"9999999999\0\0",
)  # fmt: skip
TYPES = b"0\x001234567xgLKSDMNVAZ\xff"
RECORDS = (
    (b"path", b"../../x"), (b"path", b"b.xml"), (b"path", b""), (b"size", b"0"), (b"size", b"10"), (b"size", b"-1"),
    (b"size", b"9" * 20),
    (b"size", b"1000000000000000"), (b"size", b"1e3"), (b"linkpath", b"/etc/passwd"), (b"GNU.sparse.major", b"1"),
    (b"mtime", b"1.5"),
    (b"hdrcharset", b"BINARY"), (b"comment", b"x" * 300), (b"uid", b"99999999999"), (b"path", b"a" * 300),
    (b"x", b"=\n="),
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A header of 512 bytes and what stands behind it, padded or not."""

    header: bytes
    content: bytes
    is_summed: bool = True  # its checksum is made right at the end

    def with_field(self, name: str, value: bytes) -> "Entry":
        start, end = FIELDS[name]
        value = value[: end - start].ljust(end - start, b"\0")
        return replace(self, header=self.header[:start] + value + self.header[end:])

    def written(self) -> bytes:
        header = _summed(self.header) if self.is_summed else self.header
        return header + self.content + bytes(-len(self.content) % BLOCK)


def _summed(header: bytes) -> bytes:
    bare = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(bare) + header[156:]


def _entry(name: bytes, content: bytes, type_: bytes = b"0") -> Entry:
    header = bytearray(BLOCK)
    header[: min(len(name), 100)] = name[:100]
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148] = b"%011o\0" % len(content), b"00000000000\0"
    header[156:157], header[257:265] = type_, b"ustar\x0000"
    return Entry(bytes(header), content)


def spoiled(members: Members, random: Random) -> bytes:
    """A tar.gz of these members in which headers, order, contents or the stream lie."""
    entries = [_entry(name.encode(), content) for name, content in members.files]
    ending = bytes(2 * BLOCK)
    for _ in range(min(4, 1 + int(random.expovariate(1.0)))):
        random.choice(_CHANGES)(entries, random)
    if random.random() < 0.1:
        ending = random.choice(
            (b"", bytes(BLOCK), bytes(20 * BLOCK), b"\0" * 100, bytes(2 * BLOCK) + b"x", raw.TOKENS[0] * 700)
        )
    tar = b"".join(one.written() for one in entries) + ending
    if random.random() < 0.1:
        tar = raw.spoiled(tar, random)
    packed = _gzipped(tar, random)
    return raw.spoiled(packed, random) if random.random() < 0.12 else packed


def _gzipped(tar: bytes, random: Random) -> bytes:
    """One stream, most often; else two, with a long header, with wrong ends."""
    what = random.random()
    if what < 0.88:
        return gzip.compress(tar, 1, mtime=0)
    if what < 0.92:  # two streams, one behind the other, are one
        cut = random.randrange(len(tar) + 1)
        return gzip.compress(tar[:cut], 1, mtime=0) + gzip.compress(tar[cut:], 1, mtime=0)
    deflate = zlib.compressobj(random.choice((0, 1)), zlib.DEFLATED, -15)
    body = deflate.compress(tar) + deflate.flush()
    flags = random.randrange(256) if random.random() < 0.3 else random.choice((0, 4, 8, 16, 24))
    extra = (
        (b"\x04\x00abcd" if flags & 4 else b"")
        + (b"name\0" if flags & 8 else b"")
        + (b"comment\0" if flags & 16 else b"")
    )
    end = zlib.crc32(tar).to_bytes(4, "little") + (len(tar) & 0xFFFFFFFF).to_bytes(4, "little")
    behind = random.choice((b"", b"", b"\0" * 10, b"junk", b"\x1f\x8b"))
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + extra + body + end + behind


Change = Callable[[list[Entry], Random], None]


def _some(entries: list[Entry], random: Random) -> int:
    return random.randrange(len(entries))


def _name(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    entries[n] = entries[n].with_field("name", random.choice((*NAMES, entries[0].header[:100])))


def _size(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    length = len(entries[n].content)
    near = (b"%011o\0" % max(0, length + by) for by in (-512, -1, 1, 512, -length // 2))
    entries[n] = entries[n].with_field("size", random.choice((*SIZES, *near)))


def _type(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    entries[n] = entries[n].with_field("type", bytes([random.choice(TYPES)]))


def _field(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    field = random.choice(list(FIELDS))
    start, end = FIELDS[field]
    entries[n] = entries[n].with_field(field, bytes(random.randrange(256) for _ in range(end - start)))


def _sum(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    given = random.choice((b"0000000\0", b"       \0", b"\xff" * 8, bytes(8), entries[n].header[148:156]))
    entries[n] = replace(entries[n].with_field("sum", given), is_summed=random.random() < 0.3)


def _byte(entries: list[Entry], random: Random) -> None:
    n = _some(entries, random)
    header = raw.spoiled(entries[n].header, random, 1)[:BLOCK].ljust(BLOCK, b"\0")
    entries[n] = replace(entries[n], header=header)


def _extended(entries: list[Entry], random: Random) -> None:
    """A pax or GNU header before an entry."""
    if random.random() < 0.7:
        body = b"".join(_record(*random.choice(RECORDS)) for _ in range(random.randrange(1, 4)))
        if random.random() < 0.2:
            body = raw.spoiled(body, random, 1)
        made = _entry(b"x", body, random.choice((b"x", b"x", b"g")))
    else:
        made = _entry(b"././@LongLink", random.choice(NAMES) + b"\0", random.choice((b"L", b"K")))
    at = random.randrange(len(entries) + 1)
    entries[at:at] = [made] * random.choice((1, 1, 1, 2, 9))


def _record(key: bytes, value: bytes) -> bytes:
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest + len(str(rest))))
    return b"%d %b=%b\n" % (length, key, value)


def _order(entries: list[Entry], random: Random) -> None:
    random.shuffle(entries)


def _again(entries: list[Entry], random: Random) -> None:
    entries.insert(random.randrange(len(entries) + 1), random.choice(entries))


def _less(entries: list[Entry], random: Random) -> None:
    if len(entries) > 1:
        del entries[_some(entries, random)]


def _content(entries: list[Entry], random: Random) -> None:
    """Another content, of its right size."""
    n = _some(entries, random)
    content = entries[n].content
    if content.startswith(b"<"):
        content = markup.spoiled(content, random)
    else:
        content = random.choice((b"", b"texte", b"\x1f\x8b\x08", b"PK\x03\x04", raw.spoiled(content, random)))
    entries[n] = replace(entries[n].with_field("size", b"%011o\0" % len(content)), content=content)


_CHANGES: tuple[Change, ...] = (
    _name, _size, _size, _type, _field, _sum, _byte, _byte, _extended, _extended, _order, _again, _less, _content,
    _content, _content,
)  # fmt: skip
