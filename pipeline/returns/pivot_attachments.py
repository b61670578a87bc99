"""The files that travel in one pivot unit: which ones, in which order, under which names, and their ZIP in base64."""

import re
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.flows import INTERFACES
from pipeline.model import Invoice, Kind
from pipeline.returns.message import display

NAME_MAX = 50  # CPPFacturePivot V2_02
CATEGORY_MAX = 50
INVOICE_TYPE, OTHER_TYPE = "01", "02"
_CLEAN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]*", re.ASCII)  # no first dot: `..` is no file
_UNCLEAN = re.compile(r"[^A-Za-z0-9 ._-]", re.ASCII)
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,5})\Z", re.ASCII)
_CHUNK_BYTES = 3 * 64 * 1024  # a multiple of three: base64 of each chunk joins without padding
_MIMES = {
    "bmp": "image/bmp",
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pdf": "application/pdf",
    "png": "image/png",
    "rtf": "application/rtf",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "txt": "text/plain",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "zip": "application/zip",
}


@dataclass(frozen=True, slots=True)
class PivotAttachment:
    """A decoded attachment (pièce jointe) of the document, in its order; `type` is TypePJ where the syntax has one."""

    name: str
    content: bytes
    mime: str = ""
    category: str = ""
    is_pdf: bool = False
    type: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """One PJ as it is written."""

    name: str
    original_name: str
    content: bytes
    mime: str
    category: str
    type: str


def attachments(
    invoice: Invoice, opened: Sequence[PivotAttachment], interface: str, document: bytes, member_name: str
) -> Iterator[Carried]:
    """The invoice as a person or a machine reads it, then everything else that came with it."""
    number = invoice.number.text if invoice.number else ""
    readable = None if invoice.kind is Kind.FACTURX else _readable(invoice, opened, interface)
    if invoice.kind is Kind.FACTURX:
        first = PivotAttachment(_with_extension(member_name, "pdf"), document, "application/pdf", "Facture PDF")
    elif readable is None:
        first = PivotAttachment(_with_extension(member_name, "xml"), document, "application/xml", "Facture XML")
    else:
        first = _pdf_invoice(opened[readable])
    yield _carried(first, 1, number, INVOICE_TYPE, "")
    others = [attachment for rank, attachment in enumerate(opened) if rank != readable]
    for rank, attachment in enumerate(others, 2):
        yield _carried(attachment, rank, number, OTHER_TYPE, attachment.name)


def added(files: Iterable[PivotAttachment], first_rank: int, number: str) -> Iterator[Carried]:
    """Files that join an invoice after its integration, from this rank on."""
    for rank, file in enumerate(files, first_rank):
        yield _carried(file, rank, number, OTHER_TYPE, file.name)


def zipped(name: str, content: bytes) -> Iterator[bytes]:
    """Base64 of a ZIP that holds one stored file dated 1980-01-01: the same bytes on every machine and version.

    Written by hand: `zipfile` needs a seekable file or adds a data descriptor, and would hold a second copy.
    """
    inner = name.encode("ascii")
    crc, size = zlib.crc32(content), len(content)
    # version 1.0, no flag, stored, 00:00:00, 1980-01-01
    common = struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 0x21, crc, size, size, len(inner), 0)
    local = b"PK\x03\x04" + common + inner
    central = b"PK\x01\x02" + struct.pack("<H", 10) + common + struct.pack("<HHHII", 0, 0, 0, 0, 0) + inner
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + size, 0)
    left = b""
    for piece in (local, content, central + end):
        view = memoryview(piece)
        for start in range(0, len(view), _CHUNK_BYTES):
            left += view[start : start + _CHUNK_BYTES]
            whole = len(left) // 3 * 3
            yield b64encode(left[:whole])
            left = left[whole:]
    yield b64encode(left)


def _readable(invoice: Invoice, opened: Sequence[PivotAttachment], interface: str) -> int | None:
    """The rank of the readable invoice among the attachments; None where the document itself goes first."""
    row = INTERFACES.get(interface)
    if row is None or row.is_structured:
        return None
    if invoice.kind is Kind.MIXED:
        return next((rank for rank, attachment in enumerate(opened) if attachment.type == INVOICE_TYPE), None)
    return next((rank for rank, attachment in enumerate(opened) if attachment.is_pdf), None)


def _pdf_invoice(attachment: PivotAttachment) -> PivotAttachment:
    name = _with_extension(attachment.name, "pdf") if attachment.is_pdf else attachment.name
    return PivotAttachment(name, attachment.content, attachment.mime, "Facture PDF", attachment.is_pdf)


def _carried(attachment: PivotAttachment, rank: int, number: str, type: str, original: str) -> Carried:
    name = _name(attachment, rank, number)
    shown = display(original)
    return Carried(
        name=name,
        original_name=shown if len(shown) <= NAME_MAX else "",
        content=attachment.content,
        mime=display(attachment.mime) or _mime(name),
        category=display(attachment.category)[:CATEGORY_MAX] or "Pièce jointe standard",
        type=type,
    )


def _name(attachment: PivotAttachment, rank: int, number: str) -> str:
    """The name as received, or one made of the invoice number where a recipient's system could not take it.

    Letters are those of ASCII: the name also stands inside the ZIP, where readers disagree about all others.
    """
    if len(attachment.name) <= NAME_MAX and _CLEAN_NAME.fullmatch(attachment.name):
        return attachment.name
    match = _EXTENSION.search(attachment.name)
    extension = match[1].lower() if match else ("pdf" if attachment.is_pdf else "bin")
    return f"{_UNCLEAN.sub('-', number)}_{rank}.{extension}"


def _with_extension(name: str, extension: str) -> str:
    return name if _EXTENSION.search(name) else f"{name}.{extension}"


def _mime(name: str) -> str:
    return _MIMES.get(name.rpartition(".")[2].lower(), "application/octet-stream")
