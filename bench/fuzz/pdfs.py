"""PDFs spoiled object by object: names, references, streams, the cross-reference table, the XML that they embed."""

import re
import zlib
from random import Random

from bench.fuzz import markup, raw

_OBJECT = re.compile(rb"(?m)^(\d+) 0 obj\n(.*?)\nendobj\n", re.DOTALL)
_STREAM = re.compile(rb"\A(<<.*?>>)\s*stream\r?\n(.*?)\n?endstream\s*\Z", re.DOTALL)
_NAME = re.compile(rb"/[A-Za-z][A-Za-z0-9#.+-]*")
_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_INTEGER = re.compile(rb"(?<![\d.])\d+(?![\d.])")
_STRING = re.compile(rb"\((?:[^()\\]|\\.)*\)")
NAMES = (
    b"/AF", b"/EF", b"/F", b"/UF", b"/Names", b"/Kids", b"/EmbeddedFiles", b"/Filespec", b"/Type", b"/Subtype",
    b"/AFRelationship",
    b"/Alternative", b"/Data", b"/Source", b"/Unspecified", b"/Supplement", b"/OpenAction", b"/AA", b"/JavaScript",
    b"/JS", b"/S", b"/Launch",
    b"/Metadata", b"/Pages", b"/Page", b"/Catalog", b"/Filter", b"/FlateDecode", b"/LZWDecode", b"/Crypt",
    b"/Length", b"/ObjStm",
    b"/Encrypt", b"/X", b"/#ff", b"/A#42", b"/Count", b"/Limits", b"/OutputIntents", b"/Params",
)  # fmt: skip
STRINGS = (
    b"(factur-x.xml)", b"(FACTUR-X.XML)", b"(factur-x.xml\\000)", b"(../../etc/passwd)", b"()", b"(xrechnung.xml)",
    b"<FEFFD800>",
    b"(zugferd-invoice.xml)", b"(a.exe)", b"(" + b"x" * 300 + b")",
)  # fmt: skip
VALUES = (
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1",
    b"99999999999",
    b"1.5",
    b"[]",
    b"<<>>",
    b"()",
    b"/X",
    b"1 0 R",
    b"2 0 R",
    b"99 0 R",
    b"3 0 R",
)
Objects = dict[int, bytes]


def objects_of(document: bytes) -> tuple[Objects, bytes]:
    """The objects by number, and the dictionary of the trailer."""
    found = {int(number): body for number, body in _OBJECT.findall(document)}
    trailer = document.rpartition(b"trailer")[2].partition(b"startxref")[0].strip()
    return found, trailer


def spoiled(document: bytes, random: Random) -> bytes:
    """Change objects and write them again, the table right in most; or change the bytes as they are."""
    if random.random() < 0.15:
        return raw.spoiled(document, random)
    objects, trailer = objects_of(document)
    if not objects:
        return raw.spoiled(document, random)
    for _ in range(min(4, 1 + int(random.expovariate(1.0)))):
        random.choice(_CHANGES)(objects, random)
    if random.random() < 0.06:
        trailer = _tokens(trailer, random)
    spoilt = _written(objects, trailer, random)
    if random.random() < 0.08:
        spoilt = _updated(spoilt, objects, trailer, random)
    return spoilt


def _written(objects: Objects, trailer: bytes, random: Random) -> bytes:
    out = bytearray(b"%PDF-1.7\n%\xbf\xf7\xa2\xfe\n")
    offsets = {}
    for number, body in objects.items():
        offsets[number] = len(out)
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    is_right = random.random() < 0.8
    size = max(objects) + 1
    rows = [b"0000000000 65535 f \n"]
    for number in range(1, size):
        at = offsets.get(number)
        if at is not None and not is_right and random.random() < 0.3:
            at = random.randrange(len(out))
        rows.append(b"%010d 00000 n \n" % at if at is not None else b"0000000000 00000 f \n")
    out += b"xref\n0 %d\n" % size + b"".join(rows) + b"trailer " + trailer
    start = table if is_right or random.random() < 0.5 else random.randrange(len(out))
    return bytes(out + b"\nstartxref\n%d\n%%%%EOF\n" % start)


def _updated(document: bytes, objects: Objects, trailer: bytes, random: Random) -> bytes:
    """An incremental update: one object is another from here on."""
    number = random.choice(list(objects))
    changed = dict(objects)
    random.choice(_CHANGES)(changed, random)
    body = changed.get(number, b"null")
    at = len(document)
    out = document + b"%d 0 obj\n%b\nendobj\n" % (number, body)
    before = document.rpartition(b"startxref\n")[2].split(b"\n")[0]
    table = len(out)
    row = b"xref\n%d 1\n%010d 00000 n \n" % (number, at)
    return (
        out
        + row
        + b"trailer "
        + trailer.replace(b">>", b"/Prev %b>>" % before, 1)
        + b"\nstartxref\n%d\n%%%%EOF\n" % table
    )


# --- changes ----------------------------------------------------------------------------------------------------------


def _some(objects: Objects, random: Random) -> int:
    return random.choice(list(objects))


def _parts(body: bytes) -> tuple[bytes, bytes | None]:
    """The dictionary of an object, and its stored stream if it has one."""
    found = _STREAM.match(body)
    return (found[1], found[2]) if found else (body, None)


def _joined(entries: bytes, stored: bytes | None) -> bytes:
    return entries if stored is None else entries + b"\nstream\n" + stored + b"\nendstream"


def _tokens(entries: bytes, random: Random) -> bytes:
    """One name, reference, number or string for another."""
    pattern, chosen = random.choice(
        ((_NAME, NAMES), (_NAME, NAMES), (_REFERENCE, VALUES), (_INTEGER, VALUES), (_STRING, STRINGS), (_NAME, VALUES))
    )
    found = list(pattern.finditer(entries))
    if not found:
        return entries
    one = random.choice(found)
    return entries[: one.start()] + random.choice(chosen) + entries[one.end() :]


def _entry(objects: Objects, random: Random) -> None:
    number = _some(objects, random)
    entries, stored = _parts(objects[number])
    objects[number] = _joined(_tokens(entries, random), stored)


def _deleted(objects: Objects, random: Random) -> None:
    if len(objects) > 2:
        del objects[_some(objects, random)]


def _exchanged(objects: Objects, random: Random) -> None:
    a, b = _some(objects, random), _some(objects, random)
    objects[a], objects[b] = objects[b], objects[a]


def _copied(objects: Objects, random: Random) -> None:
    objects[max(objects) + 1] = objects[_some(objects, random)]


def _value(objects: Objects, random: Random) -> None:
    objects[_some(objects, random)] = random.choice(VALUES)


def _reference(objects: Objects, random: Random) -> None:
    """A reference to another object."""
    number = _some(objects, random)
    entries, stored = _parts(objects[number])
    found = list(_REFERENCE.finditer(entries))
    if found:
        one = random.choice(found)
        new = b"%d 0 R" % _some(objects, random)
        objects[number] = _joined(entries[: one.start()] + new + entries[one.end() :], stored)


def _bytes(objects: Objects, random: Random) -> None:
    number = _some(objects, random)
    objects[number] = raw.spoiled(objects[number], random, 1)


def _xml(objects: Objects, random: Random) -> None:
    """The embedded invoice says something else; its stream is stored plain, with its length."""
    for number, body in objects.items():
        entries, stored = _parts(body)
        if stored is None or b"/EmbeddedFile" not in entries:
            continue
        plain = _inflated(entries, stored)
        if b"CrossIndustryInvoice" not in plain:
            continue
        content = markup.spoiled(plain, random)
        bare = re.sub(rb"/Filter\s*(?:\[[^\]]*\]|/\w+)", b"", entries)
        objects[number] = _joined(re.sub(rb"/Length \d+", b"/Length %d" % len(content), bare), content)
        return


def _inflated(entries: bytes, stored: bytes) -> bytes:
    if b"FlateDecode" not in entries:
        return stored
    try:
        return zlib.decompress(stored)
    except zlib.error:
        return b""


_CHANGES = (
    _entry,
    _entry,
    _entry,
    _deleted,
    _exchanged,
    _copied,
    _value,
    _reference,
    _reference,
    _bytes,
    _xml,
    _xml,
    _xml,
)
