"""What one file is: by its first bytes, then by its root element and namespace. Never by its name."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from pipeline import codes
from pipeline.model import Finding, Kind, MemberSeen, finding
from pipeline.readers import safe_xml
from pipeline.readers.archive import MAGIC as GZIP
from pipeline.terms import Terms

_HEAD_BYTES = 4_096
_ROOT_BYTES = 1_024  # most roots and their namespaces end here: what is looked at beyond them is parsed for nothing
_CHUNK_BYTES = 65_536
_PDF_WITHIN_BYTES = 1_024  # a PDF whose header stands later is one to its readers, and PDF-001 to us
_MARKS = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
_BLANKS = b" \t\r\n\x00"  # with the zeros of UTF-16 and UTF-32
_EBCDIC = b"\x4c\x6f\xa7\x94"  # <?xm
_SHOWN_MAX = 120
_XSLT = "http://www.w3.org/1999/XSL/Transform"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
_UNITARY = "CPPFactureMixteUnitaire"
_KINDS = {
    (f"{_UBL}Invoice-2", "Invoice"): Kind.UBL,
    (f"{_UBL}CreditNote-2", "CreditNote"): Kind.UBL,
    (_CII, "CrossIndustryInvoice"): Kind.CII,
    ("", "CPPFactureMixte"): Kind.MIXED,
    ("", "CPPStatut"): Kind.STATUS,
    ("http://www.w3.org/2000/09/xmldsig#", "Signature"): Kind.XADES,
    ("http://uri.etsi.org/02918/v1.2.1#", "XAdESSignatures"): Kind.XADES,
}
_EXPECTED = ("send UBL, CII, Factur-X or CPPFactureMixte", "envoyez UBL, CII, Factur-X ou CPPFactureMixte")
# roots that people send and that are no invoice of this channel: why, in English and French
_KNOWN_OTHERS = {
    "CPPStatut": (
        "statuses are taken from a connection with the role recipient or accountant, without a namespace",
        "les statuts sont pris d'un raccordement qui a le rôle destinataire ou comptable, sans espace de noms",
    ),
    "CPPFacturePivot": (
        "the pivot is what the platform sends, never what it receives",
        "le pivot est un format d'émission de la plateforme, jamais de dépôt",
    ),
    "CrossDomainAcknowledgementAndResponse": (
        "lifecycle messages (CDAR) belong to the reform and are not taken in yet",
        "les messages de cycle de vie (CDAR) relèvent de la réforme ; leur dépôt n'est pas encore ouvert",
    ),
    "PES_Facture": ("the PES format was withdrawn", "le format PES Facture a été retiré"),
    "CrossIndustryDocument": (
        "this is an older CII; D16B or later is expected",
        "c'est un CII ancien ; D16B ou plus récent est attendu",
    ),
    "CrossIndustryInvoice": (
        "this is another version of CII; D16B or later is expected",
        "c'est une autre version de CII ; D16B ou plus récent est attendu",
    ),
    "Invoice": (
        f"a UBL invoice has its root Invoice in the namespace {_UBL}Invoice-2",
        f"en UBL, la racine Invoice est dans l'espace de noms {_UBL}Invoice-2",
    ),
    "CreditNote": (
        "send the credit note as an Invoice of type 381",
        "envoyez l'avoir sous la racine Invoice, avec le type 381",
    ),
    "EDIFACT": (
        "EDIFACT is not supported; have your operator convert it",
        "EDIFACT n'est pas pris en charge ; faites-le convertir par votre opérateur",
    ),
    "Signature": ("a signature alone holds no invoice", "une signature seule ne contient pas de facture"),
    "stylesheet": ("a style sheet alone holds no invoice", "une feuille de style seule ne contient pas de facture"),
}
_KNOWN_OTHERS["XAdESSignatures"] = _KNOWN_OTHERS["Signature"]
_KNOWN_OTHERS["transform"] = _KNOWN_OTHERS["stylesheet"]
_NATURES = (
    (b"PK", "a ZIP file", "un fichier ZIP"),
    (b"\x89PNG", "a PNG image", "une image PNG"),
    (b"\xff\xd8\xff", "a JPEG image", "une image JPEG"),
    (b"GIF8", "a GIF image", "une image GIF"),
    (b"{\\rtf", "an RTF text", "un texte RTF"),
    (b"{", "JSON", "du JSON"),
    (b"7z\xbc\xaf", "a 7z archive", "une archive 7z"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "un document Office"),
    (GZIP, "a gzip archive", "une archive gzip"),
)


@dataclass(frozen=True, slots=True)
class Part:
    """One file, as a stretch of a stream that can be sought."""

    stream: BinaryIO
    name: str
    size_bytes: int
    offset: int = 0

    def head(self) -> bytes:
        self.stream.seek(self.offset)
        return self.stream.read(min(_HEAD_BYTES, self.size_bytes))

    def whole(self) -> bytes:
        self.stream.seek(self.offset)
        return self.stream.read(self.size_bytes)

    def chunks(self) -> Iterator[bytes]:
        at = 0
        while at < self.size_bytes:
            self.stream.seek(self.offset + at)
            chunk = self.stream.read(min(_CHUNK_BYTES if at else _ROOT_BYTES, self.size_bytes - at))
            if not chunk:
                return
            yield chunk
            at += len(chunk)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


def starts_like(head: bytes) -> str:
    """`gzip`, `xml`, `pdf` or `edifact`; empty for anything else."""
    if head.startswith(GZIP):
        return "gzip"
    if _text_of(head).startswith(b"<") or head.startswith(_EBCDIC):
        return "xml"
    if b"%PDF-" in head[:_PDF_WITHIN_BYTES]:
        return "pdf"
    return "edifact" if _text_of(head).startswith((b"UNA", b"UNB+")) else ""


def nature(head: bytes) -> tuple[str, str]:
    """What a file that is neither XML nor PDF looks like, in English and French."""
    for mark, english, french in _NATURES:
        if head.startswith(mark):
            return english, french
    if not _text_of(head):
        return "blank", "sans aucun texte"
    is_text = all(byte >= 32 or byte in b"\t\r\n" for byte in head[:_PDF_WITHIN_BYTES])
    return ("text", "du texte") if is_text else ("an unknown binary file", "un fichier binaire inconnu")


def look(part: Part, sha256: str, terms: Terms, *, alone: bool) -> MemberSeen:
    """What a file is, or the finding that refuses it. `alone`: it is the whole flow, so it has to be an invoice, or a
    status file."""
    kind, found = _look(part, terms, alone)
    count = 1 if kind.is_invoice else 0
    if kind is Kind.MIXED:
        count = safe_xml.count_elements(part.chunks(), _UNITARY, terms.xml.elements_max)
    return MemberSeen(part.name, part.size_bytes, kind, part.offset, sha256, count, found)


def _look(part: Part, terms: Terms, alone: bool) -> tuple[Kind, tuple[Finding, ...]]:
    if part.size_bytes == 0:
        return _unknown(finding(terms, codes.FIL_001, "inner file", member=part.name))
    if part.size_bytes > terms.flow.file_bytes_max:
        size, limit = part.size_bytes, terms.flow.file_bytes_max
        return _unknown(
            finding(terms, codes.FIL_002, "inner file", member=part.name, value=str(size), size_bytes=size, limit=limit)
        )
    head = part.head()
    match starts_like(head):
        case "pdf":
            return Kind.FACTURX, ()
        case "xml":
            return _look_into(part, terms, alone)
        case "edifact":
            return _unknown(_no_invoice(part.name, "EDIFACT", "", terms))
        case _:
            kind, kind_fr = nature(head)
            return _unknown(finding(terms, codes.FIL_003, "inner file", member=part.name, kind=kind, kind_fr=kind_fr))


def _look_into(part: Part, terms: Terms, alone: bool) -> tuple[Kind, tuple[Finding, ...]]:
    root = safe_xml.root_of(part.chunks())
    if root is None:
        parsed = safe_xml.parse(part.whole(), part.name, terms)
        if parsed.tree is None:
            return Kind.UNKNOWN, parsed.findings
        root = etree.QName(parsed.tree.getroot())
    namespace = root.namespace or ""
    kind = Kind.STYLESHEET if namespace == _XSLT else _KINDS.get((namespace, root.localname), Kind.UNKNOWN)
    if root.localname == "CreditNote" and not terms.switches.accept_creditnote_root:
        kind = Kind.UNKNOWN
    if kind is Kind.STATUS and not terms.roles:  # of those that may set a status the connection has none
        kind = Kind.UNKNOWN
    if kind is Kind.UNKNOWN or (alone and not kind.is_read):
        return kind, _unknown(_no_invoice(part.name, root.localname, namespace, terms))[1]
    return kind, ()


def _no_invoice(member: str, root: str, namespace: str, terms: Terms) -> Finding | None:
    root, namespace = root[:_SHOWN_MAX], namespace[:_SHOWN_MAX]
    why, why_fr = _KNOWN_OTHERS.get(root, _EXPECTED)
    return finding(
        terms,
        codes.IDN_001,
        "content",
        member=member,
        value=root,
        root=root,
        namespace=namespace,
        why=why,
        why_fr=why_fr,
    )


def _unknown(found: Finding | None) -> tuple[Kind, tuple[Finding, ...]]:
    return Kind.UNKNOWN, () if found is None else (found,)


def _text_of(head: bytes) -> bytes:
    for mark in _MARKS:
        if head.startswith(mark):
            head = head[len(mark) :]
            break
    return head.lstrip(_BLANKS)
