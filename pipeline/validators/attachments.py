"""The attachments of an invoice: decoded, unwrapped, measured. ATT-001 to ATT-014, and the readable invoice of IDN-005.

They travel raw or as a ZIP of one file, under the same declared MIME: the magic number decides. Nothing is written, and
no name is used as a path.
"""

import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline import codes
from pipeline.codes import Code
from pipeline.model import Attachment, Finding, Invoice, Kind, finding
from pipeline.terms import Terms
from pipeline.validators import media, unzip
from pipeline.validators.printable import shown
from pipeline.values import XML_BLANKS, Text

_BLANKS = XML_BLANKS.encode()
_MIXED_INVOICE = "FSO1113A"
_ASKS_READABLE = frozenset({"FSO1110A", "FSO1116A", "FSO1131A"})  # E2 and E5 flows that are no PDF themselves
_TYPES = frozenset({"01", "02"})
INVOICE_TYPE = "01"
_HAS_CATEGORY = frozenset({Kind.MIXED, Kind.UBL})
# CategoriePJ as seen in samples of the platform (02-returns section 4).
CATEGORIES = frozenset(
    {
        "Facture PDF",
        "DUPLICATA_FACTUR-X",
        "Facture XML",
        "Bon de commande",
        "Bon de livraison",
        "Document annexe",
        "Pièce jointe standard",
        "Bordereau de suivi",
    }
)


@dataclass(frozen=True, slots=True)
class Opened:
    """Pièce jointe: an attachment once decoded and unwrapped.

    `name` is the name as received; an attachment named .zip goes on under the name of the one file inside. `mime` is
    the real type where the content shows it. `type` is 01 or 02, `category` a CategoriePJ, each empty where not given.
    """

    rank: int
    name: str
    content: bytes
    mime: str
    is_pdf: bool
    type: str = ""
    category: str = ""
    was_zipped: bool = False


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found on the attachments of one invoice, and those that could be opened.

    `decoded`: (name, bytes) of all that was taken out of the document, for the antivirus; nothing where there is none.
    """

    findings: tuple[Finding, ...] = ()
    opened: tuple[Opened, ...] = ()
    decoded: tuple[tuple[str, bytes], ...] = ()


Facts = Mapping[str, str | int]
NO_FACTS: Facts = {}


@dataclass(frozen=True, slots=True)
class _Desk:
    """Where findings on one invoice are made."""

    member: str
    terms: Terms

    def found(self, code: Code, at: Text | str, facts: Facts = NO_FACTS, *, value: str = "") -> Iterator[Finding]:
        made = finding(self.terms, code, at, member=self.member, value=shown(value))
        if made is not None:
            yield replace(made, facts=facts)


def examine(invoice: Invoice, document_bytes: int, interface: str, member: str, terms: Terms) -> Examined:
    """Open every attachment of an invoice and judge it.

    `document_bytes` is the size of the file that carries the invoice, without the files that a PDF embeds; the base64
    text in it is taken off here, since ATT-006 weighs attachments decoded and unwrapped.
    """
    desk = _Desk(member, terms)
    findings: list[Finding] = []
    opened: list[Opened] = []
    decoded: list[tuple[str, bytes]] = []
    weight = document_bytes
    for attachment in invoice.attachments:
        findings += _judge_name(attachment, desk)
        findings += _judge_labels(attachment, invoice.kind, desk)
        result = _open(attachment, desk)
        findings += result.findings
        weight += result.size_bytes - (0 if attachment.raw else len(attachment.encoded))
        if result.opened is not None:
            opened.append(result.opened)
        if terms.is_scanned:
            decoded += ((_name(attachment), content) for content in _taken_out(attachment, result))
    findings += _judge_together(invoice, weight, desk)
    findings += _judge_readable(invoice, opened, interface, desk)
    return Examined(tuple(findings), tuple(opened), tuple(decoded))


def readable(opened: Sequence[Opened], interface: str) -> Opened | None:
    """The attachment that a person reads as the invoice: FSO1113A its first PJ of type 01, elsewhere the first PDF."""
    if interface == _MIXED_INVOICE:
        return next((each for each in opened if each.type == INVOICE_TYPE), None)
    return next((each for each in opened if each.is_pdf), None)


def examine_file(name: str, content: bytes, terms: Terms) -> Examined:
    """Judge one file that comes beside an action, not inside an invoice: the same rules, save those on an invoice."""
    desk = _Desk("", terms)
    attachment = Attachment(1, Text(name, "", "", 0), content, raw=True)
    result = _open(attachment, desk)
    opened = () if result.opened is None else (result.opened,)
    return Examined((*_judge_name(attachment, desk), *result.findings), opened)


def _judge_name(attachment: Attachment, desk: _Desk) -> Iterator[Finding]:
    """ATT-001 to ATT-004: what stands before and after the last point."""
    name = attachment.name
    text = "" if name is None else name.text.strip(XML_BLANKS)
    stem, point, ending = text.rpartition(".")
    if not text or (point and not stem.strip()):
        yield from desk.found(codes.ATT_001, name or _place(attachment), {"rank": attachment.rank}, value=text)
        return
    at = name or _place(attachment)
    limits = desk.terms.attachment
    if len(text) > limits.name_chars_max:
        yield from desk.found(codes.ATT_002, at, {"name": shown(text), "length": len(text)}, value=text)
    if not point or not ending:
        yield from desk.found(codes.ATT_003, at, {"name": shown(text)}, value=text)
    elif ending.upper() not in limits.extensions:
        yield from desk.found(codes.ATT_004, at, {"name": shown(text), "ext": shown(ending)}, value=text)


def _judge_labels(attachment: Attachment, kind: Kind, desk: _Desk) -> Iterator[Finding]:
    """ATT-012 and ATT-013. In CII the place of a category holds a free description (BT-123): not held to the list."""
    name, given, category = _name(attachment), attachment.type, attachment.category
    if kind is Kind.MIXED and given is not None and given.text not in _TYPES:
        yield from desk.found(codes.ATT_012, given, {"name": name}, value=given.text)
    if kind in _HAS_CATEGORY and category is not None and category.text not in CATEGORIES:
        yield from desk.found(codes.ATT_013, category, {"name": name}, value=category.text)


@dataclass(frozen=True, slots=True)
class _Result:
    """One attachment after the attempt to open it: its weight, itself where it can be used, what is wrong with it."""

    size_bytes: int
    opened: Opened | None = None
    findings: tuple[Finding, ...] = ()
    decoded: bytes = b""  # before it was unwrapped


def _open(attachment: Attachment, desk: _Desk) -> _Result:
    at, name = attachment.name or _place(attachment), _name(attachment)
    content = attachment.encoded if isinstance(attachment.encoded, bytes) else _decode(attachment.encoded)
    if content is None:
        return _Result(0, findings=tuple(desk.found(codes.ATT_008, at, {"name": name}, value=name)))
    return replace(_unwrapped(attachment, content, desk), decoded=content)


def _taken_out(attachment: Attachment, result: _Result) -> Iterator[bytes]:
    """What an antivirus would not find in the document: base64 decoded, and the one file of a ZIP as we unpack it.

    It opens a ZIP too, but two readers of one ZIP may not see the same file. What a PDF embeds is handed over as such.
    """
    if result.decoded and not attachment.raw:
        yield result.decoded
    if result.opened is not None and result.opened.was_zipped:
        yield result.opened.content


def _unwrapped(attachment: Attachment, content: bytes, desk: _Desk) -> _Result:
    at, name = attachment.name or _place(attachment), _name(attachment)
    limit = desk.terms.attachment.bytes_max
    size_bytes, inner = len(content), ""
    wrapping = unzip.unwrap(content, limit) if media.by_magic(content) == media.ZIP else None
    if wrapping is not None:
        if wrapping.count != 1:
            value = f"{name} ({wrapping.why})" if wrapping.why else name
            facts: Facts = {"name": name, "count": wrapping.count}
            return _Result(size_bytes, findings=tuple(desk.found(codes.ATT_009, at, facts, value=value)))
        size_bytes, inner, content = wrapping.size_bytes, wrapping.name, wrapping.content or b""
    if size_bytes > limit:
        facts = {"name": name, "size_bytes": size_bytes, "limit": limit}
        return _Result(size_bytes, findings=tuple(desk.found(codes.ATT_005, at, facts, value=name)))
    if not content:
        return _Result(0, findings=tuple(desk.found(codes.ATT_007, at, {"name": name}, value=name)))
    was_zipped = wrapping is not None
    opened = _opened(attachment, content, inner, was_zipped, desk.terms)
    return _Result(size_bytes, opened, tuple(_judge_mime(attachment, opened, desk)))


def _decode(encoded: str) -> bytes | None:
    """Base64 to the letter (XSD base64Binary): blanks of XML may stand anywhere, nothing else may."""
    try:
        return binascii.a2b_base64(encoded.encode("ascii").translate(None, _BLANKS), strict_mode=True)
    except ValueError:
        return None


def _opened(attachment: Attachment, content: bytes, inner: str, was_zipped: bool, terms: Terms) -> Opened:
    name = attachment.name.text if attachment.name else ""
    if inner and name.upper().endswith(".ZIP"):
        name = inner
    given = attachment.type.text if attachment.type else ""
    category = attachment.category.text if attachment.category else ""
    return Opened(
        attachment.rank,
        name,
        content,
        media.real_type(content, name.rpartition(".")[2].upper(), attachment.mime),
        is_pdf=media.by_magic(content) == media.PDF,
        type=given if given in _TYPES else "",
        category=category if len(category) <= terms.attachment.category_chars_max else "",
        was_zipped=was_zipped,
    )


def _judge_mime(attachment: Attachment, opened: Opened, desk: _Desk) -> Iterator[Finding]:
    actual = media.by_magic(opened.content)
    if not media.agree(attachment.mime, actual, was_zipped=opened.was_zipped):
        facts = {"name": _name(attachment), "declared": shown(attachment.mime), "actual": actual or media.OCTETS}
        yield from desk.found(codes.ATT_010, attachment.name or _place(attachment), facts, value=attachment.mime)


def _judge_together(invoice: Invoice, weight: int, desk: _Desk) -> Iterator[Finding]:
    """ATT-006 and ATT-014. Two names that differ by their capitals only would meet in a folder of the recipient."""
    limit = desk.terms.attachment.invoice_bytes_max
    if weight > limit:
        yield from desk.found(codes.ATT_006, "BG-24", {"size_bytes": weight, "limit": limit}, value=str(weight))
    seen: dict[str, int] = {}
    for name in (attachment.name for attachment in invoice.attachments if attachment.name is not None):
        key = name.text.casefold()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 2 and key:
            yield from desk.found(codes.ATT_014, name, {"name": shown(name.text)}, value=name.text)


def _judge_readable(invoice: Invoice, opened: Sequence[Opened], interface: str, desk: _Desk) -> Iterator[Finding]:
    """ATT-011 and IDN-005. What could not be opened may be the readable invoice: it has its own finding already."""
    if interface == _MIXED_INVOICE:
        if not any(each.type is not None and each.type.text == INVOICE_TYPE for each in invoice.attachments):
            yield from desk.found(codes.ATT_011, "BG-24")
    elif interface in _ASKS_READABLE and len(opened) == len(invoice.attachments) and not readable(opened, interface):
        yield from desk.found(codes.IDN_005, "BG-24", {"code": interface})


def _place(attachment: Attachment) -> Text:
    return Text("", "BG-24", attachment.path, attachment.line)


def _name(attachment: Attachment) -> str:
    """What a message calls it: its name, or its rank where it has none."""
    return shown(attachment.name.text) if attachment.name and attachment.name.text else f"#{attachment.rank}"
