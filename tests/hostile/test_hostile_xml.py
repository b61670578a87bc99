"""XML made to harm: refused for what it is, quickly, and nothing is read or fetched on its behalf."""

import subprocess
import sys
import time

import pytest
from hostile.canary import listening
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators import xml

TERMS = Terms()
INVOICE = "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"


def parsed(document):
    return xml.parse(document, "m.xml", TERMS)


def rules(document):
    result = parsed(document)
    assert (result.tree is None) == any(f.rule != "FIL-005" for f in result.findings)
    return [f.rule for f in result.findings]


@pytest.fixture(scope="module")
def canary():
    """A server on loopback that nobody may ask."""
    with listening() as opened:
        yield opened.url, opened.hits


def attacks(url, secret):
    yield "xxe-file", f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><a>&x;</a>'
    yield "xxe-http", f'<!DOCTYPE a [<!ENTITY x SYSTEM "{url}/xxe">]><a>&x;</a>'
    yield "parameter-entity", f'<!DOCTYPE a [<!ENTITY % p SYSTEM "{url}/p"> %p;]><a/>'
    yield "external-dtd", f'<!DOCTYPE a SYSTEM "{url}/d.dtd"><a/>'
    yield "public-dtd", f'<!DOCTYPE a PUBLIC "-//X//Y" "{url}/d.dtd"><a/>'
    yield "internal-entity", '<!DOCTYPE a [<!ENTITY x "y">]><a>FA&x;001</a>'
    yield "attlist", '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>'
    yield "empty-doctype", "<!DOCTYPE a><a/>"
    yield "behind-comment-and-pi", "<!-- > --><?p q?>\n<!-- <!-->\n<!DOCTYPE a><a/>"
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    yield "billion-laughs", f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l11;</a>'
    yield "quadratic", f'<!DOCTYPE a [<!ENTITY x "{"y" * 100_000}">]><a>{"&x;" * 1_000}</a>'


def test_no_doctype_is_let_through_and_nobody_is_asked(canary, tmp_path):
    url, hits = canary
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for name, document in attacks(url, secret):
        assert rules(document.encode()) == ["XML-002"], name
        assert rules(b"\xef\xbb\xbf" + document.encode()) == ["XML-002"], name
        assert rules(document.encode("utf-16")) == ["XML-002"], name
        assert safe_xml.root_of([document.encode()]).localname == "a", name
    assert hits == []


def test_nothing_that_a_document_points_to_is_fetched(canary):
    url, hits = canary
    document = (
        f'<?xml-stylesheet type="text/xsl" href="{url}/s.xsl"?><a xmlns:xi="http://www.w3.org/2001/XInclude" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="urn:x {url}/s.xsd">'
        f'<xi:include href="{url}/i.xml"/></a>'
    )
    result = parsed(document.encode())
    assert result.findings == ()
    assert result.has_stylesheet_pi
    assert b"xi:include" in result.text
    assert hits == []


MALFORMED = {
    "invalid-utf8": b"<a>\xff</a>",
    "overlong-utf8": b"<a>\xc0\xaf</a>",
    "nul": b"<a>\x00</a>",
    "charref-0": b"<a>&#0;</a>",
    "charref-1": b"<a>&#1;</a>",
    "xml-1.1": b'<?xml version="1.1"?><a>&#1;</a>',
    "ebcdic": '<?xml version="1.0" encoding="IBM037"?><a/>'.encode("cp037"),
    "declares-ebcdic": b'<?xml version="1.0" encoding="IBM037"?>' + "<a/>".encode("cp037"),
    "unknown-encoding": b'<?xml version="1.0" encoding="none-such"?><a/>',
    "declared-utf16-is-utf8": b'<?xml version="1.0" encoding="UTF-16"?><a/>',
    "leading-blank": b' <?xml version="1.0"?><a/>',
    "two-roots": b"<a/><b/>",
    "trailing-text": b"<a/>text",
    "truncated": b"<a><b>",
    "cut-declaration": b'<?xml version="1.0"',
    "cut-comment": b"<!-- never closed <a/>",
    "empty": b"",
    "blank": b" \n ",
    "undeclared-entity": b"<a>x&y;z</a>",
    "undeclared-prefix": b"<p:a/>",
    "reserved-prefix": b'<a xmlns:xml="x"/>',
    "attribute-twice": b'<a b="1" b="2"/>',
    "less-than-in-attribute": b'<a b="<"/>',
    "latin1-without-a-declaration": "<a>é</a>".encode("latin-1"),
}


@pytest.mark.parametrize("document", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_well_formed_is_refused_with_its_place(document):
    result = parsed(document)
    [found] = result.findings
    assert (result.tree, found.rule, found.member) == (None, "XML-001", "m.xml")
    assert found.line >= 1
    assert found.facts["why"] and found.facts["why_fr"]
    assert "line" not in found.facts["why"] or found.line == 1  # the place is told by its own facts


def test_the_place_of_a_fault_is_the_line_in_the_file():
    [found] = parsed(b"<a>\n<!-- one\ntwo -->\n  <b></c></a>").findings
    assert (found.line, found.facts["why"].startswith("Opening and ending tag mismatch")) == (4, True)


def test_the_same_fault_is_told_the_same_whatever_came_before():
    alone = parsed(b"<a>").findings
    parsed(b"<a>\xff</a>")
    assert parsed(b"<a>").findings == alone


def nested(depth):
    return b"<a>" * depth + b"</a>" * depth


CAPS = {
    "depth-255": (nested(255), "depth"),
    "depth-3000": (nested(3_000), "depth"),
    "depth-1000000": (nested(1_000_000), "depth"),
    "attributes": (b"<a " + b" ".join(b'a%d="1"' % n for n in range(257)) + b"/>", "attributes of one element"),
    "attributes-100k": (
        b"<a " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>",
        "attributes of one element",
    ),
    "namespaces": (b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(65)) + b"/>", "namespaces"),
    "namespaces-100k": (b"<a " + b" ".join(b"xmlns:a%d='u%d'" % (n, n) for n in range(100_000)) + b"/>", "namespaces"),
    "siblings-2M": (b"<a>" + b"<b/>" * 2_000_001 + b"</a>", "elements"),
    "siblings-2M-utf16": (("<a>" + "<b/>" * 2_000_001 + "</a>").encode("utf-16"), "elements"),
    "text": (b"<a>" + b"x" * 20_000_001 + b"</a>", "characters of one text"),
    "text-in-pieces": (b"<a>" + b"<![CDATA[" + b"x" * 20_000_000 + b"]]>y</a>", "characters of one text"),
    "attribute-text": (b'<a b="' + b"x" * 20_000_001 + b'"/>', "characters of one text"),
}


@pytest.mark.parametrize(("document", "what"), CAPS.values(), ids=CAPS)
def test_a_document_over_a_cap_is_refused_and_the_cap_named(document, what):
    begun = time.perf_counter()
    [found] = parsed(document).findings
    assert (found.rule, found.facts["what"]) == ("XML-003", what)
    assert int(found.value) > found.facts["limit"]
    assert found.facts["what_fr"] != what
    assert time.perf_counter() - begun < 10


@pytest.mark.parametrize(
    "document",
    [
        nested(64),
        b"<a " + b" ".join(b'a%d="1"' % n for n in range(256)) + b"/>",
        b"<a " + b" ".join(b'xmlns:a%d="u"' % n for n in range(64)) + b"/>",
        b"<r>" + b'<a xmlns:p="u"/>' * 500 + b"</r>",  # the same namespace again and again is one
        b"<a>" + b"x" * 11_000_000 + b"</a>",  # base64 of a large attachment
        b'<a b="' + b"x" * 11_000_000 + b'"/>',
        b"<a><![CDATA[" + b"x" * 11_000_000 + b"]]></a>",
        b"<a><!--" + b"x" * 11_000_000 + b"--></a>",
        b"<a><?p " + b"x" * 11_000_000 + b"?></a>",
    ],
    ids=[
        "depth",
        "attributes",
        "namespaces",
        "one-namespace",
        "text",
        "attribute-text",
        "cdata",
        "comment",
        "instruction",
    ],
)
def test_a_document_under_the_caps_passes(document):
    assert rules(document) == []


def test_a_flow_without_attachments_can_be_held_to_short_texts():
    [found] = xml.parse(b"<a>" + b"x" * 11_000_000 + b"</a>", "m", TERMS, attachments=False).findings
    assert found.rule == "XML-003"


def test_the_count_before_the_parse_sees_every_allowed_encoding():
    document = '<?xml version="1.0" encoding="UTF-16"?><a>' + "<b/>" * 2_000_001 + "</a>"
    begun = time.perf_counter()
    assert rules(document.encode("utf-16-be")) == ["XML-003"]
    assert time.perf_counter() - begun < 3


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "utf-32-le", "koi8-r", "shift_jis", "gb18030", "windows-1251"])
def test_an_encoding_outside_the_list_is_refused_before_the_parse(encoding):
    document = f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode(encoding)
    [found] = parsed(document).findings
    assert found.rule == "FIL-006"
    assert found.facts["encoding"].lower().replace("-", "").startswith(encoding.replace("-", "").removesuffix("le"))


def test_an_encoding_that_only_the_parser_knows_is_refused_too():
    assert rules(b'<?xml version="1.0" encoding="ARMSCII-8"?><a/>') == ["FIL-006"]


def test_utf7_cannot_hide_its_elements_from_the_count():
    document = b'<?xml version="1.0" encoding="UTF-7"?>+ADw-a+AD4-' + b"+ADw-b/+AD4-" * 1000 + b"+ADw-/a+AD4-"
    assert rules(document) == ["FIL-006"]
    padded = b'<?xml version="1.0"' + b" " * 5_000 + b"encoding = 'UTF-7' ?><a/>"
    assert rules(padded) == ["FIL-006"]


def test_comments_and_instructions_do_not_cut_a_value():
    for inner in (b"FA<!-- c -->001", b"FA<?p i?>001", b"FA<![CDATA[001]]>"):
        assert parsed(b"<ID>" + inner + b"</ID>").tree.getroot().text == "FA001"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=300))
def test_random_bytes_never_raise(document):
    rules(document)


SAMPLE = f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><Invoice xmlns="{INVOICE}" a="1"><b>é &amp; &#233;</b><![CDATA[x]]></Invoice>'


@settings(deadline=None, max_examples=500)
@given(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
    st.integers(0, 300),
    st.one_of(
        st.binary(max_size=6),
        st.sampled_from([b"<!DOCTYPE a>", b"<!ENTITY", b"]]>", b"&#x0;", b"<?xml", b"\x00", b"-->"]),
    ),
    st.integers(0, 9),
)
def test_mutants_never_raise(encoding, at, noise, cut):
    document = SAMPLE.encode(encoding)
    rules(document[:at] + noise + document[at + cut :])
    safe_xml.root_of([document[:at] + noise, document[at + cut :]])
    safe_xml.count_elements([document[:at] + noise + document[at + cut :]], "b", 1_000)


STARVED = """
import resource, sys
from pipeline.ports import Fault
from pipeline.readers import safe_xml
from pipeline.terms import Terms
document = b"<a>" + b"<b/>" * 900_000 + b"</a>"
used = int(open("/proc/self/statm").read().split()[5]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_DATA, (used + 40_000_000,) * 2)
try:
    safe_xml.parse(document, "m", Terms())
except (Fault, MemoryError) as err:
    sys.exit(3)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit on memory is that of Linux")
def test_a_reader_out_of_memory_is_our_failure_and_never_a_malformed_document():
    ended = subprocess.run([sys.executable, "-c", STARVED], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (3, "")
