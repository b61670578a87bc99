"""PDFs written by hand, object by object, and what turns a sound Factur-X into a hostile one."""

import zlib
from io import BytesIO

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String

CATALOG = b"/Type/Catalog/Pages 2 0 R"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<<>>>>"
TREE = b"/Names<</EmbeddedFiles<</Names[(k)4 0 R]>>>>"
SPECIFICATION = b"<</F(factur-x.xml)/UF(factur-x.xml)/EF<</F 5 0 R/UF 5 0 R>>>>"


def pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1: catalog, pages, page and what the test adds."""
    out = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, written in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, written)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(out + b"trailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, table))


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)


def embedding(content: bytes, entries: bytes = b"", specification: bytes = SPECIFICATION, tree: bytes = TREE) -> bytes:
    return pdf(b"<<%b%b>>" % (CATALOG, tree), PAGES, PAGE, specification, stream(content, entries))


def object_stream(filler: bytes) -> bytes:
    """The catalog lies in an object stream whose bytes, inflated, are its two objects and then this filler.

    `filler` is raw deflate with its end, so that gigabytes need not be held.
    """
    objects = b"1 0 2 40 " + b"<</Type/Catalog/Pages 2 0 R>>".ljust(40) + b"<</Type/Pages/Kids[]/Count 0>>"
    head = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"\x78\xda" + head.compress(objects) + head.flush(zlib.Z_FULL_FLUSH) + filler + bytes(4)
    out = bytearray(b"%PDF-1.7\n")
    held = len(out)
    out += b"3 0 obj\n%b\nendobj\n" % stream(packed, b"/Type/ObjStm/N 2/First 9/Filter/FlateDecode")
    table = len(out)
    rows = [(0, 0, 0), (2, 3, 0), (2, 3, 1), (1, held, 0), (1, table, 0)]
    written = b"".join(bytes([kind]) + where.to_bytes(3, "big") + bytes([index]) for kind, where, index in rows)
    entries = b"/Type/XRef/W[1 3 1]/Size 5/Root 1 0 R"
    out += b"4 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF" % (stream(written, entries), table)
    return bytes(out)


def deep(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def tower(content: bytes, floors: int) -> bytes:
    for _ in range(floors):
        content = zlib.compress(content, 9)
    return content


def attached(document: bytes, *files: tuple[str, bytes, tuple[str, ...]], first: bool = False) -> bytes:
    """The same PDF with more embedded files, each as (name, stored bytes, filters), listed like the others."""
    with pikepdf.open(BytesIO(document)) as pdf_:
        listed = list(pdf_.Root.Names.EmbeddedFiles.Names)[1::2]
        made = []
        for name, stored, filters in files:
            held = Stream(pdf_, stored)
            held.Type, held.Subtype = Name.EmbeddedFile, Name("/text/xml" if name.endswith(".xml") else "/text/plain")
            if filters:
                held.Filter = Array([Name(f"/{one}") for one in filters])
            ref = pdf_.make_indirect(held)
            made.append(
                pdf_.make_indirect(
                    Dictionary(Type=Name.Filespec, F=String(name), UF=String(name), AFRelationship=Name.Supplement,
                               EF=Dictionary(F=ref, UF=ref))
                )
            )  # fmt: skip
        every = [*made, *listed] if first else [*listed, *made]
        pairs = [part for rank, one in enumerate(every) for part in (String(f"{rank:04d}"), one)]
        pdf_.Root.Names.EmbeddedFiles.Names = Array(pairs)
        pdf_.Root.AF = Array(every)
        out = BytesIO()
        pdf_.save(
            out, compress_streams=False, stream_decode_level=pikepdf.StreamDecodeLevel.none, deterministic_id=True,
            object_stream_mode=pikepdf.ObjectStreamMode.disable, preserve_pdfa=False, fix_metadata_version=False,
        )  # fmt: skip
        return out.getvalue()


def renamed(document: bytes, name: str) -> bytes:
    """The first embedded file under another name."""
    with pikepdf.open(BytesIO(document)) as pdf_:
        specification = pdf_.Root.Names.EmbeddedFiles.Names[1]
        specification.F = specification.UF = String(name)
        out = BytesIO()
        pdf_.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.disable, preserve_pdfa=False)
        return out.getvalue()
