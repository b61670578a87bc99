"""What a content is, by its magic number, and whether a declared MIME type agrees with it (ATT-010)."""

from collections.abc import Mapping
from types import MappingProxyType

PDF = "application/pdf"
ZIP = "application/zip"
OCTETS = "application/octet-stream"
_XML = "text/xml"
_OLE = "application/x-ole-storage"  # Word, Excel and PowerPoint before 2007
_OOXML = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument."

_MAGIC = (
    (b"%PDF", PDF),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),  # without a file
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"{\\rtf", "application/rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (b"<?xml", _XML),
    (b"\xef\xbb\xbf<?xml", _XML),
    (b"\xff\xfe<\x00", _XML),
    (b"\xfe\xff\x00<", _XML),
)
# Other words for the same thing, as producers declare them.
_SAME: Mapping[str, str] = MappingProxyType(
    {
        "application/x-pdf": PDF,
        "image/jpg": "image/jpeg",
        "image/pjpeg": "image/jpeg",
        "image/x-png": "image/png",
        "image/x-ms-bmp": "image/bmp",
        "image/tif": "image/tiff",
        "application/x-zip": ZIP,
        "application/x-zip-compressed": ZIP,
        "application/x-gzip": "application/gzip",
        "application/gzip-compressed": "application/gzip",
        "application/x-bzip": "application/x-bzip2",
        "application/bzip2": "application/x-bzip2",
        "text/rtf": "application/rtf",
        "application/xml": _XML,
        "text/html": _XML,  # XHTML begins like XML
        "application/msword": _OLE,
        "application/vnd.ms-excel": _OLE,
        "application/vnd.ms-powerpoint": _OLE,
    }
)
_SHOWN_BY_MAGIC = frozenset(mime for _, mime in _MAGIC) - {_XML}  # XML may do without its declaration
_BY_EXTENSION: Mapping[str, str] = MappingProxyType(
    {
        "CSV": "text/csv",
        "TXT": "text/plain",
        "HTM": "text/html",
        "HTML": "text/html",
        "XHTML": "application/xhtml+xml",
        "SVG": "image/svg+xml",
        "XML": _XML,
        "P7S": "application/pkcs7-signature",
        "DOC": "application/msword",
        "XLS": "application/vnd.ms-excel",
        "XLC": "application/vnd.ms-excel",
        "XLM": "application/vnd.ms-excel",
        "PPS": "application/vnd.ms-powerpoint",
        "PPT": "application/vnd.ms-powerpoint",
        "DOCX": f"{_OOXML}wordprocessingml.document",
        "XLSX": f"{_OOXML}spreadsheetml.sheet",
        "PPTX": f"{_OOXML}presentationml.presentation",
        "ODT": f"{_OPEN_DOCUMENT}text",
        "ODS": f"{_OPEN_DOCUMENT}spreadsheet",
        "ODP": f"{_OPEN_DOCUMENT}presentation",
    }
)


def by_magic(content: bytes) -> str:
    """The type that a content shows by itself; "" for text and for all that has no magic number."""
    return next((mime for magic, mime in _MAGIC if content.startswith(magic)), "")


def real_type(content: bytes, extension: str, declared: str) -> str:
    """The most telling name of a type that the content does not contradict."""
    shown = by_magic(content)
    named = _BY_EXTENSION.get(extension, "")
    if named and _is(named, shown):
        return named
    return shown or (declared if agree(declared, shown, was_zipped=False) else "") or OCTETS


def agree(declared: str, actual: str, *, was_zipped: bool) -> bool:
    """Whether the declared MIME fits what the content shows, or the ZIP that it travels in.

    Nothing declared, `application/octet-stream` and a text without a magic number contradict nothing.
    """
    mime = declared.partition(";")[0].strip().lower()
    if mime in {"", OCTETS} or (was_zipped and _SAME.get(mime, mime) == ZIP):
        return True
    return _is(mime, actual)


def _is(mime: str, actual: str) -> bool:
    same = _SAME.get(mime, mime)
    if actual == ZIP:
        return same == ZIP or mime.startswith((_OOXML, _OPEN_DOCUMENT))
    if actual == _XML:
        return same == _XML or mime.endswith("+xml")
    if actual:
        return same == actual
    return same not in _SHOWN_BY_MAGIC and not mime.startswith((_OOXML, _OPEN_DOCUMENT))
