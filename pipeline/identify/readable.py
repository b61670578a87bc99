"""Does a document carry its readable invoice? What tells a minimal flow from a full one where no code is announced.

A look, not a reading: attachments are found in the bytes, by their element names. `validators.attachments` judges them.
"""

import binascii
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

_PDF = b"%PDF"
_ZIP = b"PK\x03\x04"
_HEAD_CHARS = 64
_UTF16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\0": "utf-16-le", b"\0<": "utf-16-be"}
# EmbeddedDocumentBinaryObject in UBL, AttachmentBinaryObject in CII
_BINARY = re.compile(rb"BinaryObject(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?([A-Za-z0-9+/=\s]+)")


def carries_pdf(document: bytes) -> bool:
    """True when an embedded file, or the one file zipped in it, begins like a PDF."""
    encoding = _UTF16.get(document[:2])
    if encoding:
        document = document.decode(encoding, "replace").encode("utf-8", "replace")
    return any(_is_pdf(encoded) for encoded in _embedded(document))


def _embedded(document: bytes) -> Iterator[bytes]:
    return (match[1] for match in _BINARY.finditer(document))


def _is_pdf(encoded: bytes) -> bool:
    head = _decoded(b"".join(encoded[: 4 * _HEAD_CHARS].split())[:_HEAD_CHARS])
    if head.startswith(_ZIP):
        return _is_zipped_pdf(_decoded(b"".join(encoded.split())))
    return head.startswith(_PDF)


def _decoded(encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded[: len(encoded) // 4 * 4])
    except binascii.Error:
        return b""


def _is_zipped_pdf(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(archive.infolist()[0]) as file:
            return file.read(len(_PDF)) == _PDF
    except (zipfile.BadZipFile, zlib.error, IndexError, ValueError, RuntimeError, EOFError, OSError):
        return False  # a damaged ZIP is ATT-008's to tell
