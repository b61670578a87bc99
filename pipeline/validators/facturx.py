"""The container of a Factur-X invoice: a PDF/A-3 that embeds `factur-x.xml`. PDF-001 to PDF-013.

Own extraction, from the Factur-X 1.0.06 specification: the usual libraries take the first attachment that looks right.
The name of an embedded file is never a path. The XML inside is judged elsewhere.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

from pipeline import codes
from pipeline.codes import Code
from pipeline.model import Attachment, Finding, finding
from pipeline.terms import Terms
from pipeline.validators import pdf_objects as pdfs
from pipeline.validators import xmp
from pipeline.validators.printable import shown
from pipeline.validators.xmp import Xmp
from pipeline.values import Text

EMBEDDED_NAME = "factur-x.xml"
_HEADER, _EOF = b"%PDF-", b"%%EOF"
_TAIL_BYTES = 1_024  # the mark of the end stands in them, as readers expect it
_RELATIONSHIPS = frozenset({"/Alternative", "/Source", "/Data"})
_XML_TYPES = frozenset({"text/xml", "application/xml"})
_INVOICE_NAME = re.compile(r"factur|invoice|zugferd|rechnung|order-x", re.IGNORECASE)
_INVOICE_ROOT = re.compile(
    rb"CrossIndustry(?:Invoice|Document)|xsd:(?:Invoice|CreditNote)-2|<CPPFacture(?:Mixte|Pivot)\b"
)
_HEAD_BYTES = 4096  # a root element stands in the first lines
_NAMES_SHOWN = 10
_WARNINGS_SHOWN = 3
_NO_PAGE = "no pages found"  # qpdf refuses to open such a file at all
_OVER_LIMIT = "limit exceeded"  # how qpdf words it; its counter misses the limits of single filters


@dataclass(frozen=True, slots=True)
class Container:
    """What a PDF holds. `xml` is None where there is not exactly one `factur-x.xml`: nothing else is judged then.

    `embedded` are its files that are not XML: attachments of the invoice, with the rules of attachments. `own_bytes` is
    the size of the PDF without the files it embeds, as stored. `files`: (name, bytes) of all that it embeds, where
    an antivirus is to look at it.
    """

    findings: tuple[Finding, ...]
    xml: bytes | None = None
    xmp: Xmp | None = None
    embedded: tuple[Attachment, ...] = ()
    own_bytes: int = 0
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def xmp_level(self) -> str:
        """fx:ConformanceLevel, empty where the XMP gives none."""
        return "" if self.xmp is None else self.xmp.conformance_level


@dataclass(frozen=True, slots=True)
class _File:
    """One embedded file, not decoded yet."""

    name: str
    specification: Any
    stream: Any

    @property
    def mime(self) -> str:
        return pdfs.name(self.stream.get("/Subtype"))[1:]

    @property
    def is_xml(self) -> bool:
        return self.name.lower().endswith(".xml") or self.mime.lower() in _XML_TYPES

    @property
    def stored_bytes(self) -> int:
        length = self.stream.get("/Length")
        return length if isinstance(length, int) and length > 0 else 0


@dataclass(slots=True)
class _Reading:
    """One PDF being read: findings gathered on the way, kept when the reading breaks off."""

    member: str
    terms: Terms
    findings: list[Finding] = field(default_factory=list)
    container: Container = field(default_factory=lambda: Container(()))
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def took(self, file: _File, content: bytes) -> None:
        """Keep what was decoded, where an antivirus is to look at it."""
        if self.terms.is_scanned:
            self.files.append((shown(file.name), content))

    def add(self, code: Code, at: str, *, value: str | None = None, **facts: str | int) -> None:
        made = finding(self.terms, code, at, member=self.member, value=value, **facts)
        if made is not None:
            self.findings.append(made)


def open_container(document: bytes, member: str, terms: Terms) -> Container:
    """Open a PDF and look at all that the rules of the container ask for; any bytes give a `Container`."""
    reading = _Reading(member, terms)
    if document.startswith(_HEADER):
        _open(document, reading)
    else:
        why, why_fr = "no %PDF- header at offset 0", "le fichier ne commence pas par %PDF-"
        reading.add(codes.PDF_001, "PDF", why=why, why_fr=why_fr)
    return replace(reading.container, findings=tuple(reading.findings), files=tuple(reading.files))


def coherence(
    container: Container, claim_xmp_level: str, guideline: Text | None, member: str, terms: Terms
) -> tuple[Finding, ...]:
    """PDF-006: the XMP announces the file that is there, at the level that the XML claims.

    `claim_xmp_level` is the column xmp_level of the guidelines, "A or B" where two values fit; empty: not compared.
    """
    given = container.xmp or Xmp()
    expected = (
        ("DocumentType", given.document_type, ("INVOICE",)),
        ("DocumentFileName", given.document_file_name, (EMBEDDED_NAME,)),
        ("Version", given.version, ()),
        ("ConformanceLevel", given.conformance_level, tuple(claim_xmp_level.split(" or ")) if claim_xmp_level else ()),
    )
    wrong = [
        (name, shown(value, 60)) for name, value, allowed in expected if not value or (allowed and value not in allowed)
    ]
    if not wrong:
        return ()
    made = finding(
        terms,
        codes.PDF_006,
        "XMP",
        member=member,
        value=shown(given.conformance_level),
        xmp_level=", ".join(f"{name} {value or 'missing'}" for name, value in wrong),
        xmp_level_fr=", ".join(f"{name} {value or 'absent'}" for name, value in wrong),
        guideline=shown(guideline.text) if guideline else "",
    )
    return () if made is None else (made,)


def _open(document: bytes, reading: _Reading) -> None:
    pdfs.limit_qpdf()
    import pikepdf
    from pikepdf.settings import qpdf_limit_errors

    errors_before = qpdf_limit_errors()
    try:
        # The Pdf must outlive every stream read from it: a freed one ends the process.
        with pikepdf.open(BytesIO(document)) as pdf:
            _read(pdf, len(document), reading)
            warnings = [str(warning) for warning in pdf.get_warnings()]
    except pikepdf.PasswordError:
        reading.add(codes.PDF_002, "PDF")
    except pdfs.TooManyObjects:
        reading.add(codes.PDF_010, "PDF", limit=pdfs.VISITS_MAX)
    except (pikepdf.PikepdfError, ValueError, RuntimeError) as err:
        if qpdf_limit_errors() > errors_before or _OVER_LIMIT in str(err) or _is_bomb(document):
            reading.add(codes.PDF_010, "PDF", limit=pdfs.DECODED_BYTES_MAX)
        elif _NO_PAGE in str(err):
            reading.add(codes.PDF_011, "PDF")
        else:
            reading.add(codes.PDF_001, "PDF", why=pdfs.said(err))
    else:
        if qpdf_limit_errors() > errors_before or any(_OVER_LIMIT in warning for warning in warnings):
            reading.add(codes.PDF_010, "PDF", limit=pdfs.DECODED_BYTES_MAX)
        elif warnings and _EOF not in document[-_TAIL_BYTES:]:  # what is gone with its end, nobody can tell
            why, why_fr = (
                "its end is missing (%%EOF): an upload that broke off?",
                "sa fin manque (%%EOF) : envoi coupé ?",
            )
            reading.add(codes.PDF_001, "PDF", why=why, why_fr=why_fr)
        elif warnings:
            words = "; ".join(pdfs.said(warning) for warning in warnings[:_WARNINGS_SHOWN])
            reading.add(codes.PDF_012, "PDF", warnings=words)


def _is_bomb(document: bytes) -> bool:
    """Whether a PDF does not open because its objects lie in a stream above the limits: qpdf finds them missing.

    pikepdf cannot log a warning that quotes bytes which are no text: it raises a SystemError, and is heard no further.
    """
    import pikepdf

    with pdfs.overheard() as warnings, suppress(pikepdf.PikepdfError, ValueError, RuntimeError, SystemError):
        pikepdf.open(BytesIO(document), suppress_warnings=False).close()
    return any(_OVER_LIMIT in warning for warning in warnings)


def _read(pdf: Any, size_bytes: int, reading: _Reading) -> None:
    if pdf.is_encrypted:  # opened with an empty password
        reading.add(codes.PDF_002, "PDF")
    files = list(_files(pdf.Root))
    named = [file for file in files if file.name == EMBEDDED_NAME]
    others = [file for file in files if file.name != EMBEDDED_NAME]
    _judge_names(files, named, reading)
    packet = xmp.parse(pdfs.readable_bytes(pdf.Root.get("/Metadata")) or b"")
    if packet is None or packet.part != "3":
        part = packet.part if packet is not None else ""
        reading.add(codes.PDF_007, "XMP", value=shown(part), part=shown(part, 20))
    own_bytes = max(size_bytes - sum(file.stored_bytes for file in files), 0)
    reading.container = Container((), xmp=packet, own_bytes=own_bytes)
    if len(named) == 1:
        _judge_link(pdf.Root, named[0], reading)
        reading.container = replace(reading.container, xml=pdfs.stream_bytes(named[0].stream))
        reading.took(named[0], reading.container.xml or b"")
    reading.container = replace(reading.container, embedded=tuple(_attachments(others, reading)))
    _judge_pages(pdf, reading)


def _files(catalog: Any) -> Iterator[_File]:
    for key, specification in pdfs.embedded_files(catalog):
        stream = pdfs.entry(specification, "/EF", "/UF") or pdfs.entry(specification, "/EF", "/F")
        if pdfs.is_stream(stream):
            given = pdfs.text(specification.get("/UF")) or pdfs.text(specification.get("/F")) or key
            yield _File(given, specification, stream)


def _judge_names(files: list[_File], named: list[_File], reading: _Reading) -> None:
    if len(named) != 1:
        found = [shown(file.name, 60) for file in files[:_NAMES_SHOWN]]
        names = ", ".join(found) + (", ..." if len(files) > _NAMES_SHOWN else "")
        reading.add(codes.PDF_003, "PDF", value=names, count=len(named), names=names)


def _judge_link(catalog: Any, file: _File, reading: _Reading) -> None:
    """A specification may stand in two places as a copy; its stream cannot, and tells whether it is the same file."""
    listed = (
        entry.objgen == file.specification.objgen != (0, 0)
        or file.stream.objgen in {getattr(pdfs.entry(entry, "/EF", key), "objgen", None) for key in ("/UF", "/F")}
        for entry in pdfs.elements(catalog.get("/AF"))
        if pdfs.is_dictionary(entry)
    )
    if not any(listed):
        reading.add(codes.PDF_004, "PDF")
    relationship = pdfs.name(file.specification.get("/AFRelationship"))
    if relationship not in _RELATIONSHIPS:
        reading.add(codes.PDF_005, "PDF", value=shown(relationship[1:], 60))


def _attachments(files: list[_File], reading: _Reading) -> Iterator[Attachment]:
    """Decode what is not XML, up to what one invoice may weigh in all; qpdf limits each stream alone."""
    left = reading.terms.attachment.invoice_bytes_max
    rank = 0
    for file in files:
        content = pdfs.stream_bytes(file.stream)
        reading.took(file, content)
        left -= len(content)
        if left < 0:
            limit = reading.terms.attachment.invoice_bytes_max
            reading.add(codes.PDF_010, "PDF", limit=limit)
            return
        if file.is_xml:
            if _INVOICE_NAME.search(file.name) or _INVOICE_ROOT.search(content[:_HEAD_BYTES]):
                reading.add(codes.PDF_013, "PDF", value=shown(file.name), name=shown(file.name, 60))
            continue
        rank += 1
        path = f"/Names/EmbeddedFiles[{rank}]"
        name = Text(shown(file.name), "BT-125-2", path, 0) if file.name else None
        yield Attachment(rank, name, content, raw=True, mime=shown(file.mime, 100), path=path)


def _judge_pages(pdf: Any, reading: _Reading) -> None:
    active = pdfs.active_content(pdf)
    if active:
        reading.add(codes.PDF_009, "PDF", what=", ".join(active))
    if reading.terms.severity(codes.PDF_008) is None:
        return
    if pdfs.lacks_output_intent(pdf):
        reading.add(codes.PDF_008, "PDF", what="OutputIntent")
    fonts = pdfs.fonts_not_embedded(pdf)
    if fonts:
        reading.add(codes.PDF_008, "PDF", what=f"FontFile: {', '.join(fonts[:_NAMES_SHOWN])}")
