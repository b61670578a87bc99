"""Hostile PDFs: locked, broken, bombs, several invoices in one, names that are paths, active content."""

from collections.abc import Callable, Iterator

from hostile.case import FX, Case, Outcome, Site, inner, number, sound
from hostile.pdf_bytes import CATALOG, PAGE, PAGES, attached, deep, object_stream, pdf, renamed, tower
from hostile.tars import deflated_zeros, packed, zlib_zeros
from hostile.xml_cases import entity_in_number, typed

from fixtures import cii
from fixtures.pdf import facturx_pdf

FLOW, INV, WARN = Outcome.FLOW, Outcome.INV, Outcome.WARN


def xml_of(case_id: str) -> bytes:
    return cii.write(sound(case_id), "en16931")


def sound_pdf(case_id: str, xml: bytes | None = None, *defects: str) -> bytes:
    """A Factur-X that would be integrated, with the defects named."""
    text = ("Facture", "Document lisible")  # the same on every page: it is laid out once
    return facturx_pdf(xml or xml_of(case_id), level="EN 16931", lines_of_text=text, defects=frozenset(defects))


def case(
    case_id: str, row: str, expected: Outcome, rules: str, make: Callable[[Site], bytes], *told: str, **more: object
) -> Case:
    return Case(case_id, row, expected, tuple(rules.split()), make, told, **{"code": FX, **more})  # type: ignore[arg-type]


def defect(
    case_id: str, row: str, expected: Outcome, rules: str, name: str, *told: str, warned: str = "", **more: object
) -> Case:
    make = lambda _: sound_pdf(case_id, None, name)  # noqa: E731 - it needs both names
    return case(case_id, row, expected, rules, make, *told, warned=tuple(warned.split()), **more)


def _containers() -> Iterator[Case]:
    yield defect("password", "P01", INV, "PDF-002", "password", "chiffré")
    yield defect("empty-password", "P02", INV, "PDF-002", "encrypted", "chiffré")
    yield defect("bad-startxref", "P03", WARN, "", "bad-startxref", warned="PDF-012", number=number("bad-startxref"))
    yield defect("pdf-truncated", "P04", FLOW, "PDF-001", "truncated", "PDF lisible")
    yield case(
        "pdf-cut-in-half",
        "P04",
        FLOW,
        "PDF-001",
        lambda _: _half(sound_pdf("pdf-cut-in-half")),
        "%%EOF",
        warned=("PDF-008",),
    )
    yield case("pdf-header-alone", "P04", FLOW, "PDF-001", lambda _: b"%PDF-1.7\n")
    yield case("pdf-empty-in-archive", "P04", FLOW, "FIL-001", lambda _: packed([(inner(1, FX, ".pdf"), b"")]), "vide")
    yield case("no-pdf", "P04", FLOW, "FLW-014", lambda _: b"MZ\x90\x00 un programme", "4d 5a")
    yield case("junk-before-pdf", "P05", FLOW, "PDF-001", lambda _: b"\n" * 900 + sound_pdf("junk-before-pdf"), "%PDF")
    yield case(
        "xml-before-pdf", "P05", FLOW, "PDF-001", lambda _: b"%%%% <Invoice/>\n" + sound_pdf("xml-before-pdf"), "%PDF"
    )


def _half(document: bytes) -> bytes:
    return document[: len(document) // 2]


def _bombs() -> Iterator[Case]:
    def bomb(case_id: str, stored: Callable[[], bytes], *filters: str) -> Callable[[Site], bytes]:
        return lambda _: attached(sound_pdf(case_id), ("releve.txt", stored(), filters))

    one, two = ("FlateDecode",), ("FlateDecode", "FlateDecode")
    yield case("flate-bomb-1GiB", "P06", INV, "PDF-010", bomb("flate-bomb-1GiB", lambda: zlib_zeros(1_024), *one))
    yield case("two-layer-bomb-2GiB", "P07", INV, "PDF-010",
               bomb("two-layer-bomb-2GiB", lambda: tower(zlib_zeros(2_048), 1), *two))  # fmt: skip
    yield case("four-filters", "P07", INV, "PDF-010", bomb("four-filters", lambda: tower(b"x" * 99, 4), *two, *two))
    yield case("object-stream-bomb-2GiB", "P08", INV, "PDF-010", lambda _: object_stream(deflated_zeros(2_048)[0]))
    yield case("object-stream-bomb-80MiB", "P08", INV, "PDF-010", lambda _: object_stream(deflated_zeros(80)[0]))
    loop = b"<</Type/Pages/Kids[2 0 R]/Count 1>>"
    yield case("page-tree-loop", "P09", FLOW, "PDF-001", lambda _: pdf(b"<<%b>>" % CATALOG, loop, PAGE))
    numbers = b"<</Type/Pages/Kids[70 R]/Count 1>>"
    yield case("page-tree-of-numbers", "P09", FLOW, "PDF-001",
               lambda _: pdf(b"<<%b>>" % CATALOG, numbers, PAGE).partition(b"xref")[0])  # fmt: skip
    yield case("no-page", "P09", INV, "PDF-011", lambda _: pdf(b"<<%b>>" % CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"))
    yield case("nested-arrays-100k", "P09", INV, "PDF-010",
               lambda _: pdf(b"<<%b/X %b>>" % (CATALOG, deep(100_000)), PAGES, PAGE))  # fmt: skip


def _files() -> Iterator[Case]:
    def other(case_id: str) -> bytes:
        """Another invoice, in the same PDF."""
        return xml_of(f"{case_id} the other")

    for case_id, first in (("four-xmls", False), ("four-xmls-capitals-first", True)):
        yield case(
            case_id, "P10", WARN, "",
            lambda _, i=case_id, first=first: attached(
                sound_pdf(i),
                *((name, other(i), ()) for name in ("FACTUR-X.XML", "zugferd-invoice.xml", "facture.xml")), first=first,
            ),
            "FACTUR-X.XML", warned=("PDF-013",), number=number(case_id),
        )  # fmt: skip
    yield case("two-exact-names", "P10", INV, "PDF-003",
               lambda _: attached(sound_pdf("two-exact-names"), ("factur-x.xml", other("two-exact-names"), ())),
               "2", "factur-x.xml")  # fmt: skip
    yield case("only-in-capitals", "P10", INV, "PDF-003",
               lambda _: renamed(sound_pdf("only-in-capitals"), "FACTUR-X.XML"), "FACTUR-X.XML", warned=("PDF-013",))  # fmt: skip
    yield defect("relationship-unspecified", "P11", INV, "PDF-005", "wrong-relationship", "Unspecified")
    yield defect("relationship-absent", "P11", INV, "PDF-005", "no-relationship")
    yield defect("not-in-af", "P11", INV, "PDF-004", "not-in-af", "/AF")
    yield defect("no-xmp", "P11", INV, "PDF-006", "no-xmp", warned="PDF-007")
    path = "../../etc/passwd"
    yield case(
        "name-is-a-path",
        "P12",
        INV,
        "PDF-003",
        lambda _: renamed(sound_pdf("name-is-a-path"), path),
        path,
        warned=("PDF-013",),
    )
    yield case("attachment-is-a-path", "P12", INV, "ATT-004",
               lambda _: attached(sound_pdf("attachment-is-a-path"), (path, b"root:x:0:0", ())), path)  # fmt: skip
    yield case("attachment-is-absolute", "P12", INV, "ATT-003",
               lambda _: attached(sound_pdf("attachment-is-absolute"), ("/tmp/passwd", b"x", ())), "/tmp/passwd")  # fmt: skip


def _contents() -> Iterator[Case]:
    for name in ("file", "http"):
        i = f"xxe-in-pdf-{name}"
        yield case(
            i, "P13", FLOW, "XML-002",
            lambda site, i=i, name=name: sound_pdf(i, entity_in_number(
                i, lambda here: f'[<!ENTITY x SYSTEM "{f"file://{here.secret}" if name == "file" else here.canary}">]'
            )(xml_of(i), site)),
            "DOCTYPE",
        )  # fmt: skip
    yield case("dtd-in-pdf", "P13", FLOW, "XML-002",
               lambda site: sound_pdf("dtd-in-pdf", typed(xml_of("dtd-in-pdf"), f'SYSTEM "{site.canary}/d.dtd"')), "DOCTYPE")  # fmt: skip
    yield defect("javascript", "P14", INV, "PDF-009", "javascript", "JavaScript")
    yield defect("launch", "P14", INV, "PDF-009", "launch", "Launch")


CASES = (*_containers(), *_bombs(), *_files(), *_contents())
