"""The documents that mutants are made from, and that are compared as they are: public invoices and our fixtures."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from fixtures.make import CASES, ROOT
from pipeline.readers import safe_xml
from pipeline.terms import Terms

CORPUS = "CHORUS_EDI_CORPUS"
SCHEMA_OF = {
    "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}CrossIndustryInvoice": "cii",
    "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice": "ubl-invoice",
    "{urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2}CreditNote": "ubl-creditnote",
}
_TERMS = Terms()


@dataclass(frozen=True)
class Seed:
    """A document, as the hardened parse reads it, written again."""

    name: str
    schema: str
    text: bytes
    is_public: bool  # of the corpus: no mutant of it is ever committed


def parsed(document: bytes) -> safe_xml.Parsed:
    return safe_xml.parse(document, "oracle.xml", _TERMS)


@cache
def corpus() -> tuple[Seed, ...]:
    """Every invoice of the folder that CHORUS_EDI_CORPUS names; none where it names none."""
    folder = os.environ.get(CORPUS, "")
    if not folder:
        return ()
    return tuple(
        seed
        for path in sorted(Path(folder).rglob("*"))
        if path.suffix in {".xml", ".pdf"}
        for seed in _seeds(path.name, path.read_bytes(), is_public=True)
    )


@cache
def fixtures() -> tuple[Seed, ...]:
    """Every invoice that the fixtures hold, each document once."""
    found: dict[bytes, Seed] = {}
    for case in CASES:
        path = ROOT / case.path
        content = path.read_bytes() if path.is_file() else case.make()
        for seed in _seeds(case.path, content, is_public=False):
            found.setdefault(seed.text, seed)
    return tuple(found.values())


def _seeds(name: str, content: bytes, *, is_public: bool) -> Iterator[Seed]:
    for member, document in _members(name, content):
        read = parsed(document)
        root = None if read.tree is None else read.tree.getroot()
        if root is not None and root.tag in SCHEMA_OF:
            yield Seed(member, SCHEMA_OF[root.tag], read.text, is_public)


def _members(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """The XML documents of a file: itself, the members of an archive, what is attached to a PDF."""
    if content.startswith(b"%PDF"):
        yield from ((f"{name}:{inner}", document) for inner, document in _attached(content))
    elif content.startswith((b"\x1f\x8b", b"PK")):
        try:
            for inner, member in _archived(content):
                yield from _members(f"{name}:{inner}", member)
        except (tarfile.TarError, zipfile.BadZipFile, OSError, EOFError):
            return  # some fixtures are damaged archives, which is what they are about
    else:
        yield name, content


def _archived(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from ((one.filename, archive.read(one)) for one in archive.infolist() if one.file_size < 1 << 20)
        return
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        for one in archive:
            file = archive.extractfile(one) if one.isfile() and one.size < 1 << 20 else None
            if file is not None:
                yield one.name, file.read()


def _attached(content: bytes) -> Iterator[tuple[str, bytes]]:
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            for spec in pdf.attachments.values():
                yield spec.filename, spec.get_file().read_bytes()
    except (pikepdf.PdfError, ValueError, KeyError):
        return  # and some are damaged PDFs


def serialised(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8")
