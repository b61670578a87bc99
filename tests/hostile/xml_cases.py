"""Hostile XML: entities, floods, encodings, what is not well-formed, what only looks like its value."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace

from hostile.case import C, Case, M, Outcome, Site, U, inner, number, sound
from hostile.tars import packed

from fixtures import cii, mixed, ubl
from fixtures.accepted_cases import READABLE

FLOW, INV, WARN, OK = Outcome.FLOW, Outcome.INV, Outcome.WARN, Outcome.OK
Change = Callable[[bytes, Site], bytes]
MEGA = 1_000_000


def of_code(case_id: str, code: str) -> bytes:
    """A sound document in the syntax of an interface code."""
    content = sound(case_id)
    if code == C:
        return cii.write(content, "")  # it claims no official rules: what is refused is refused by ours
    if code == M:
        return mixed.write([replace(content, attachments=(READABLE,))])
    return ubl.write(content)


def case(
    case_id: str, row: str, expected: Outcome, rules: str, change: Change, *told: str, code: str = U, **more: object
) -> Case:
    """A sound document, changed. `rules`: the ids apart by blanks."""
    return Case(
        case_id, row, expected, tuple(rules.split()), lambda site: change(of_code(case_id, code), site), told,
        code=code, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def put(old: bytes, new: bytes) -> Change:
    """Replace what must be there."""

    def change(document: bytes, _: Site) -> bytes:
        return once(document, old, new)

    return change


def once(document: bytes, old: bytes, new: bytes) -> bytes:
    if old not in document:
        raise ValueError(f"nothing to replace: {old!r}")
    return document.replace(old, new, 1)


def typed(document: bytes, declared: str) -> bytes:
    """The same behind a DOCTYPE that says this of its root."""
    at = document.index(b"<", document.rindex(b"?>"))
    root = document[at + 1 :].split(None, 1)[0].split(b">")[0]
    return b"%b<!DOCTYPE %b %b>\n%b" % (document[:at], root, declared.encode(), document[at:])


def entity_in_number(case_id: str, declared: Callable[[Site], str]) -> Change:
    """The number of the invoice is what the entity says."""

    def change(document: bytes, site: Site) -> bytes:
        return once(typed(document, declared(site)), number(case_id).encode(), b"&x;")

    return change


def dtd(declared: Callable[[Site], str]) -> Change:
    return lambda document, site: typed(document, declared(site))


def in_number(case_id: str, written: bytes) -> Change:
    """`written` stands in the middle of the number."""
    given = number(case_id).encode()
    return put(given, given[:4] + written + given[4:])


def before_end(written: bytes) -> Change:
    """Just before the end tag of the root."""

    def change(document: bytes, _: Site) -> bytes:
        at = document.rindex(b"</")
        return document[:at] + written + document[at:]

    return change


def encoded(encoding: str, declared: str | None = None, mark: bytes = b"") -> Change:
    """Written in this encoding, which its declaration names unless another is given."""

    def change(document: bytes, _: Site) -> bytes:
        text = document.decode().replace('encoding="UTF-8"', f'encoding="{declared or encoding}"', 1)
        return mark + text.encode(encoding)

    return change


def note(written: bytes) -> Change:
    return put(b"<cbc:DocumentCurrencyCode>", b"<cbc:Note>%b</cbc:Note><cbc:DocumentCurrencyCode>" % written)


def lazily(made: Callable[[], Change]) -> Change:
    """A change that holds megabytes is made when it is needed."""
    return lambda document, site: made()(document, site)


def flood(tag: bytes, attributes: Callable[[int], bytes], count: int) -> Change:
    """One element with this many attributes."""
    return lazily(
        lambda: put(
            b"<cbc:DocumentCurrencyCode>",
            b"<%b %b/><cbc:DocumentCurrencyCode>" % (tag, b" ".join(map(attributes, range(count)))),
        )
    )


def bad_notes(count: int) -> Change:
    """As many errors of the schema."""
    return lazily(
        lambda: put(
            b"<cbc:DocumentCurrencyCode>", b'<cbc:Note languageID="!"/>' * count + b"<cbc:DocumentCurrencyCode>"
        )
    )


def located(text: bytes) -> Change:
    """A long text in an attribute that takes any."""
    return put(
        b"<cbc:DocumentCurrencyCode>",
        b'<cbc:Note languageLocaleID="%b">x</cbc:Note><cbc:DocumentCurrencyCode>' % text,
    )


def laughs(depth: int, width: int = 10) -> str:
    inner_ = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * width}">' for n in range(1, depth + 1))
    return f'[<!ENTITY l0 "ha">{inner_}<!ENTITY x "&l{depth};">]'


def _entities() -> Iterator[Case]:
    def secret(site: Site) -> str:
        return f'[<!ENTITY x SYSTEM "file://{site.secret}">]'

    def remote(site: Site) -> str:
        return f'[<!ENTITY x SYSTEM "{site.canary}/xxe">]'

    said = ("DOCTYPE",)
    for name, declared in (("file", secret), ("http", remote)):
        for code in (U, C):
            i = f"xxe-{name}-{code}"
            yield case(i, "X01", FLOW, "XML-002", entity_in_number(i, declared), *said, code=code)
    external: dict[str, Callable[[Site], str]] = {
        "parameter-entity": lambda site: f'[<!ENTITY % p SYSTEM "{site.canary}/p"> %p;]',
        "parameter-entity-file": lambda site: f'[<!ENTITY % p SYSTEM "file://{site.secret}"> %p;]',
        "external-dtd-http": lambda site: f'SYSTEM "{site.canary}/d.dtd"',
        "external-dtd-file": lambda site: f'SYSTEM "file://{site.secret}"',
        "external-dtd-public": lambda site: f'PUBLIC "-//X//Y" "{site.canary}/d.dtd"',
        "empty-doctype": lambda _: "",
    }
    for name, declared in external.items():
        yield case(name, "X01", FLOW, "XML-002", dtd(declared), *said)
    yield case(
        "xxe-utf16", "X01", FLOW, "XML-002",
        lambda document, site: encoded("utf-16")(typed(document, remote(site)), site), *said,
    )  # fmt: skip
    yield case(
        "doctype-behind-comment", "X01", FLOW, "XML-002",
        lambda document, site: once(typed(document, remote(site)), b"<!DOCTYPE", b"<!-- > --><?p q?>\n<!-- <!-->\n<!DOCTYPE"),
        *said,
    )  # fmt: skip
    yield Case(
        "xxe-in-archive", "X01", FLOW, ("XML-002",),
        lambda site: packed([(inner(1), typed(of_code("xxe-in-archive", U), remote(site)))]), said,
    )  # fmt: skip
    # CPPFactureMixte is counted by an incremental parse before anything else looks at it
    for name, declared in (("file", secret), ("http", remote)):
        i = f"iterparse-xxe-{name}"
        yield case(i, "X02", FLOW, "XML-002", entity_in_number(i, declared), *said, code=M)
    yield case("iterparse-dtd", "X02", FLOW, "XML-002", dtd(external["external-dtd-http"]), *said, code=M)
    yield case("iterparse-laughs", "X02", FLOW, "XML-002",
               entity_in_number("iterparse-laughs", lambda _: laughs(9)), *said, code=M)  # fmt: skip
    i = "internal-entity"
    yield case(i, "X03", FLOW, "XML-002", entity_in_number(i, lambda _: '[<!ENTITY x "001">]'), *said)
    yield case("attlist-default", "X03", FLOW, "XML-002",
               dtd(lambda _: '[<!ATTLIST Invoice Id CDATA "F1">]'), *said)  # fmt: skip
    i = "billion-laughs"
    yield case(i, "X04", FLOW, "XML-002", entity_in_number(i, lambda _: laughs(9)), *said)
    i = "million-laughs"
    yield case(i, "X04", FLOW, "XML-002", entity_in_number(i, lambda _: laughs(6)), *said)
    i = "quadratic"
    yield case(
        i, "X04", FLOW, "XML-002",
        lambda document, _: once(typed(document, f'[<!ENTITY x "{"y" * 100_000}">]'), number(i).encode(), b"&x;" * 1_000),
        *said,
    )  # fmt: skip


def _floods() -> Iterator[Case]:
    for depth in (65, 255, 3_000, MEGA):
        yield case(f"deep-{depth}", "X05", FLOW, "XML-003",
                   lazily(lambda depth=depth: before_end(b"<a>" * depth + b"</a>" * depth)), "profondeur", "64")  # fmt: skip
    for megabytes in (9, 11):
        size = megabytes * MEGA
        yield case(f"text-{megabytes}MB", "X06", WARN, "", lazily(lambda size=size: note(b"x" * size)), str(size),
                   warned=("GEN-013",), seconds=10)  # fmt: skip
        yield case(f"cdata-{megabytes}MB", "X06", WARN, "", lazily(lambda size=size: note(b"<![CDATA[%b]]>" % (b"x" * size))),
                   str(size), warned=("GEN-013",), seconds=10, heavy=True)  # fmt: skip
        quiet: dict[str, Callable[[bytes], Change]] = {
            "attribute": located,
            "comment": lambda text: before_end(b"<!--%b-->" % text),
            "instruction": lambda text: before_end(b"<?p %b?>" % text),
        }
        for what, change in quiet.items():
            yield case(f"{what}-{megabytes}MB", "X06", OK, "",
                       lazily(lambda size=size, change=change: change(b"x" * size)),
                       seconds=10, heavy=megabytes == 9 or what == "instruction")  # fmt: skip
    over = 20 * MEGA + 1
    yield case(
        "text-20MB", "X06", FLOW, "XML-003", lazily(lambda: note(b"x" * over)), "20000000", "20000001", seconds=10
    )
    yield case("attribute-20MB", "X06", FLOW, "XML-003", lazily(lambda: located(b"x" * over)), "20000000", "20000001",
               seconds=10, heavy=True)  # fmt: skip
    yield case("text-in-pieces", "X06", FLOW, "XML-003",
               lazily(lambda: note(b"<![CDATA[%b]]>yy" % (b"x" * (over - 2)))), "20000000", seconds=10, heavy=True)  # fmt: skip
    yield case(
        "attributes-100k",
        "X07",
        FLOW,
        "XML-003",
        flood(b"cbc:Note", lambda n: b'a%d="1"' % n, 100_000),
        "attributs",
        "256",
    )
    yield case(
        "attributes-257",
        "X07",
        FLOW,
        "XML-003",
        flood(b"cbc:Note", lambda n: b'a%d="1"' % n, 257),
        "attributs",
        "257",
        "256",
    )
    yield case("namespaces-100k", "X07", FLOW, "XML-003", flood(b"cbc:Note", lambda n: b'xmlns:a%d="u%d"' % (n, n), 100_000),
               "espaces de noms", "64")  # fmt: skip
    siblings = lazily(lambda: before_end(b"<b/>" * 2_000_001))
    yield case("siblings-2M", "X08", FLOW, "XML-003", siblings, "éléments", "2000000")
    yield case("siblings-2M-utf16", "X08", FLOW, "XML-003",
               lambda document, site: encoded("utf-16")(siblings(document, site), site), "éléments", "2000000", heavy=True)  # fmt: skip
    yield case("errors-20k", "X09", FLOW, "XML-010", bad_notes(20_000), "languageID")
    yield case("errors-400k", "X09", FLOW, "XML-010", bad_notes(400_000), "languageID", seconds=60, heavy=True)


def _zipped() -> Iterator[Case]:
    yield case("gzip-of-xml", "X10", FLOW, "ENV-001", lambda document, _: gzip.compress(document, mtime=0), "tar")
    yield case(
        "gzip-named-xml",
        "X10",
        FLOW,
        "ENV-001",
        lambda document, _: gzip.compress(document, mtime=0),
        "tar",
        suffix=".xml",
    )
    yield case("gzip-bomb", "X10", FLOW, "ENV-002", lambda *_: gzip.compress(bytes(65 << 20), mtime=0), "200")


def _malformed() -> Iterator[Case]:
    def spoiled(case_id: str, row: str, written: bytes, *told: str) -> Case:
        return case(case_id, row, FLOW, "XML-001", in_number(case_id, written), *told)

    yield spoiled("invalid-utf8", "X11", b"\xff", "ligne")
    yield spoiled("overlong-utf8", "X11", b"\xc0\xaf", "ligne")
    yield spoiled("nul", "X11", b"\x00", "ligne")
    yield spoiled("charref-0", "X11", b"&#0;", "ligne")
    yield spoiled("charref-1", "X11", b"&#1;", "ligne")
    i = "xml-11"
    yield case(i, "X11", FLOW, "XML-001",
               lambda document, _: once(once(document, b'version="1.0"', b'version="1.1"'), number(i).encode(), b"F&#1;1"),
               "ligne")  # fmt: skip
    yield case("ebcdic", "X12", FLOW, "XML-001", encoded("cp037", "IBM037"))
    yield case("declares-ebcdic", "X12", FLOW, "XML-001", put(b'encoding="UTF-8"', b'encoding="IBM037"'))
    yield case(
        "unknown-encoding", "X12", FLOW, "XML-001", put(b'encoding="UTF-8"', b'encoding="x-none-such"'), "x-none-such"
    )
    yield case("leading-blank", "X12", FLOW, "XML-001", lambda document, _: b" " + document, "tout début")
    yield case("two-roots", "X12", FLOW, "XML-001", lambda document, _: document + b"<b/>", "suit")
    yield case("trailing-text", "X12", FLOW, "XML-001", lambda document, _: document + b"texte", "suit")
    yield case("truncated-xml", "X12", FLOW, "XML-001", lambda document, _: document[:-40], "ligne")
    yield case("cut-in-a-tag", "X12", FLOW, "XML-001", lambda document, _: document[:-3], "ligne")
    yield Case("empty-in-archive", "X12", FLOW, ("FIL-001",), lambda _: packed([(inner(1), b"")]), ("vide",))
    yield case("blank-file", "X12", FLOW, "FLW-014", lambda *_: b" \n " * 3, "sans aucun texte")
    yield case("undeclared-entity", "X12", FLOW, "XML-001", in_number("undeclared-entity", b"&y;"), "entité")
    yield case("undeclared-prefix", "X20", FLOW, "XML-001", before_end(b"<p:a/>"), "préfixe")
    yield case("reserved-prefix", "X20", FLOW, "XML-001", before_end(b'<a xmlns:xml="x"/>'), "ligne")
    yield case("attribute-twice", "X20", FLOW, "XML-001", before_end(b'<a b="1" b="2"/>'), "deux fois")
    yield case("attribute-twice-by-prefix", "X20", FLOW, "XML-001",
               before_end(b'<a xmlns:p="u" xmlns:q="u" p:b="1" q:b="2"/>'), "ligne")  # fmt: skip


def _encodings() -> Iterator[Case]:
    def odd(case_id: str, change: Change, shown: str, row: str = "X13", **more: object) -> Case:
        return case(case_id, row, WARN, "", change, shown, "UTF-8", warned=("FIL-005",), number=number(case_id), **more)

    yield odd("utf16-marked", encoded("utf-16"), "UTF-16")
    yield odd("utf16-le", encoded("utf-16-le", "UTF-16"), "UTF-16")
    yield odd("utf16-be", encoded("utf-16-be", "UTF-16"), "UTF-16")
    yield odd("latin-1", encoded("iso-8859-1", "ISO-8859-1"), "ISO-8859-1")
    yield odd("latin-9", encoded("iso-8859-15", "ISO-8859-15"), "ISO-8859-15")
    yield odd("cp1252", encoded("cp1252", "windows-1252"), "windows-1252")
    yield odd("cp1252-cii", encoded("cp1252", "windows-1252"), "windows-1252", code=C)
    # no guess is made at what the author meant: the encoding alone is warned of
    yield odd("latin-1-really-utf8", encoded("utf-8", "ISO-8859-1"), "ISO-8859-1", row="X15")
    yield case("marked-utf8-declared-latin-1", "X16", OK, "",
               encoded("utf-8", "ISO-8859-1", mark=b"\xef\xbb\xbf"), number=number("marked-utf8-declared-latin-1"))  # fmt: skip
    yield case("marked-utf8", "X16", OK, "", encoded("utf-8", mark=b"\xef\xbb\xbf"), number=number("marked-utf8"))
    for encoding in ("utf-7", "utf-32", "utf-32-le", "koi8-r"):
        shown = "UTF-32" if encoding.startswith("utf-32") else encoding.upper()
        yield case(f"encoded-{encoding}", "X14", FLOW, "FIL-006", _lossy(encoding), shown, "UTF-8")


def _lossy(encoding: str) -> Change:
    def change(document: bytes, _: Site) -> bytes:
        text = document.decode().replace('encoding="UTF-8"', f'encoding="{encoding.upper()}"', 1)
        return text.encode(encoding, "xmlcharrefreplace")

    return change


def _values() -> Iterator[Case]:
    yield case("bidi-in-number", "X17", INV, "GEN-003 GEN-015", in_number("bidi-in-number", "\u202e".encode()), "BT-1")
    yield case(
        "zero-width-in-number",
        "X17",
        INV,
        "GEN-003 GEN-015",
        in_number("zero-width-in-number", "\u200b".encode()),
        "BT-1",
    )
    yield case(
        "bidi-in-number-cii",
        "X17",
        INV,
        "GEN-003 GEN-015",
        in_number("bidi-in-number-cii", "\u202e".encode()),
        "BT-1",
        code=C,
    )
    for code in (U, C):
        for name, written in (("comment", b"<!-- c -->"), ("instruction", b"<?p i?>")):
            i = f"{name}-in-number-{code}"
            yield case(i, "X18", OK, "", in_number(i, written), number=number(i), code=code)
    i = "cdata-in-number"
    yield case(i, "X18", OK, "", lambda document, _: once(document, number(i).encode(), b"<![CDATA[%b]]>" % number(i).encode()),
               number=number(i))  # fmt: skip
    yield case("comment-in-amount", "X18", OK, "",
               put(b'<cbc:PayableAmount currencyID="EUR">', b'<cbc:PayableAmount currencyID="EUR"><!-- 1 -->'))  # fmt: skip
    yield case(
        "xinclude", "X19", OK, "",
        lambda document, site: once(
            document, b"\n<cbc:ProfileID>",
            b"\n<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent>"
            b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="%b/i.xml"/>'
            b"</ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>\n<cbc:ProfileID>" % site.canary.encode(),
        ),
    )  # fmt: skip
    yield case("xinclude-of-a-file", "X19", OK, "",
        lambda document, site: once(
            document, b"\n<cbc:ProfileID>",
            b"\n<ext:UBLExtensions><ext:UBLExtension><ext:ExtensionContent>"
            b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" parse="text" href="file://%b"/>'
            b"</ext:ExtensionContent></ext:UBLExtension></ext:UBLExtensions>\n<cbc:ProfileID>" % str(site.secret).encode(),
        ),
    )  # fmt: skip
    for code in (U, C):
        yield case(f"stylesheet-elsewhere-{code}", "X19", OK, "",
                   lambda document, site, code=code: once(document, b'href="%b.xsl"' % code.encode(),
                                                          b'href="%b/s.xsl"' % site.canary.encode()),
                   code=code)  # fmt: skip
        yield case(f"schema-location-{code}", "X19", OK, "",
                   lambda document, site: once(
                       document, b" xmlns:",
                       b' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x %b/s.xsd" xmlns:'
                       % site.canary.encode()),
                   code=code)  # fmt: skip
    yield case("no-namespace-schema", "X19", OK, "",
               lambda document, site: once(
                   document, b'<CPPFactureMixte ',
                   b'<CPPFactureMixte xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
                   b'xsi:noNamespaceSchemaLocation="%b/m.xsd" ' % site.canary.encode()),
               code=M)  # fmt: skip


CASES = (*_entities(), *_floods(), *_zipped(), *_malformed(), *_encodings(), *_values())
