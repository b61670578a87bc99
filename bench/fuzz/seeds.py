"""The valid flows that mutants are made of: the accepted fixtures, and archives of them."""

import gzip
import io
import tarfile
from dataclasses import dataclass
from functools import cache

from fixtures.accepted_cases import CASES
from fixtures.case import Case
from fixtures.make import ROOT

XML, PDF, TAR = "xml", "pdf", "tar"
_MEMBERS = 3
# The codes whose flows are plain documents; E4 and E5 are copies of E1 and E2.
_WITHOUT_COPIES = ("FSO1100A", "FSO1106A", "FSO1110A", "FSO1113A", "FSO1116A", "FSO1117A", "FSO1120A", "FSO1131A")
_SIGNATURE = b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature>'
_SHEET = b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'


@dataclass(frozen=True)
class Seed:
    """A flow that enters."""

    kind: str
    name: str  # its flow name
    document: bytes

    @property
    def code(self) -> str:
        return self.name[:8]


@dataclass(frozen=True)
class Members:
    """An archive before it is packed."""

    name: str
    files: tuple[tuple[str, bytes], ...]


def bytes_of(case: Case) -> bytes:
    committed = ROOT / case.path
    return committed.read_bytes() if committed.is_file() else case.make()


@cache
def every() -> tuple[Seed, ...]:
    """Documents and PDFs."""
    found = []
    for case in CASES:
        if case.folder in _WITHOUT_COPIES:
            document = bytes_of(case)
            if document.startswith(b"%PDF"):
                found.append(Seed(PDF, case.name, document))
            elif not document.startswith(b"\x1f\x8b"):
                found.append(Seed(XML, case.name, document))
    return tuple(found)


@cache
def of_kind(kind: str) -> tuple[Seed, ...]:
    return tuple(seed for seed in every() if seed.kind == kind)


@cache
def archives() -> tuple[Members, ...]:
    """Archives of a few documents of one code, some with the files that may lie beside invoices."""
    found = []
    for case in CASES:
        document = bytes_of(case)
        if document.startswith(b"\x1f\x8b"):
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(document))) as tar:
                held = [(one.name, tar.extractfile(one)) for one in tar if one.isfile()]
                found.append(Members(case.name, tuple((name, file.read()) for name, file in held if file is not None)))
    for code, suffix in (("FSO1100A", ".xml"), ("FSO1106A", ".xml"), ("FSO1117A", ".pdf")):
        alike = [seed for seed in every() if seed.code == code][:_MEMBERS]
        named = [(f"{seed.name[:26]}{rank:09d}{suffix}", seed.document) for rank, seed in enumerate(alike, start=1)]
        found.append(Members(alike[0].name, (*named, ("signature.xml", _SIGNATURE), ("feuille.xsl", _SHEET))))
    return tuple(found)
