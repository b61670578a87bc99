"""Long attachments set aside: the schema says the same, and the tree stays the same."""

import random
from base64 import b64encode

import pytest
from lxml import etree

from fixtures import cii, ubl
from fixtures.content import Content, PieceJointe
from pipeline.adapters.artefacts import InstalledSchemas, installed_folder
from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.base64_aside import HOLDERS, is_base64, is_valid

XSD = "{http://www.w3.org/2001/XMLSchema}"
BINARY = etree.XMLSchema(
    etree.fromstring(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="xs:base64Binary"/></xs:schema>'
    )
)
SCHEMAS = InstalledSchemas()
LONG = b64encode(random.Random(1).randbytes(30_001)).decode()  # ends in "=="


def test_what_is_taken_for_base64_is_base64_for_libxml2() -> None:
    draw = random.Random(7)
    taken = 0
    for _ in range(20_000):
        text = b64encode(draw.randbytes(draw.randrange(12))).decode()
        for _ in range(draw.randrange(3)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice("=\n \tAQé-") + text[at + draw.randrange(2) :]
        element = etree.Element("a")
        element.text = text
        if is_base64(text):
            taken += 1
            assert BINARY.validate(element), text
    assert taken > 5_000


@pytest.mark.parametrize("text", ["QUJD", "QUI=", "QQ==", "QUJD\nQUI=\n", "", " \nQQ==\n "])
def test_plain_base64_is_known_with_its_lines(text: str) -> None:
    assert is_base64(text)


@pytest.mark.parametrize("text", ["QUJ", "QUJ=", "QR==", "Q=I=", "QUI=QUJD", "QUJ-", "QUJé", "QUJD QUJD", "===="])
def test_anything_else_is_left_to_libxml2(text: str) -> None:
    assert not is_base64(text)


@pytest.mark.parametrize("syntax", ["cii", "ubl"])
@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("\n  ", "\n"), ("é", ""), ("", "A"), ("-", ""), ("", "<x/>"), ("", "<!-- -->AAAA")]
)
def test_a_document_is_judged_as_without_setting_aside(syntax: str, before: str, after: str) -> None:
    tree, schema = tree_and_schema(syntax, f"{before}{LONG}{after}")
    shown = etree.tostring(tree)
    said = schema.validate(tree), complaints(schema)
    assert said[0] is ("A" not in after and "<x" not in after)
    assert (is_valid(tree, schema), complaints(schema)) == said
    assert etree.tostring(tree) == shown


@pytest.mark.parametrize("syntax", ["cii", "ubl"])
def test_another_error_is_told_while_the_attachment_is_aside(syntax: str) -> None:
    tree, schema = tree_and_schema(syntax, LONG)
    next(tree.iter(*HOLDERS)).set("other", "1")
    shown = etree.tostring(tree)
    assert not schema.validate(tree)
    plain = complaints(schema)
    assert not is_valid(tree, schema)
    assert (complaints(schema), etree.tostring(tree)) == (plain, shown)


def test_libxml2_sees_a_short_text_and_the_tree_has_the_long_one_again_even_after_a_failure() -> None:
    seen = []

    class Watching:
        def validate(self, tree: etree._ElementTree) -> bool:
            seen.extend(element.text for element in tree.iter(*HOLDERS))
            raise RuntimeError

    tree, _ = tree_and_schema("cii", LONG)
    with pytest.raises(RuntimeError):
        is_valid(tree, Watching())  # type: ignore[arg-type]
    assert seen == ["AAAA"]
    assert [element.text for element in tree.iter(*HOLDERS)] == [LONG]


def test_no_schema_asks_more_of_an_attachment_than_base64() -> None:
    """A facet (a length, a pattern) would see the short text instead of the long one."""
    bases = set()
    for path in installed_folder().rglob("*.xsd"):
        for element in etree.parse(path).iter(f"{XSD}restriction", f"{XSD}extension"):
            if str(element.get("base")).rpartition(":")[2] in {"base64Binary", "BinaryObjectType"}:
                bases.add(element.tag)
                inner = {child.tag for child in element.iterchildren("*")}
                assert inner <= {f"{XSD}attribute", f"{XSD}annotation"}, path.name
    assert f"{XSD}extension" in bases


def tree_and_schema(syntax: str, inside: str) -> tuple[etree._ElementTree, etree.XMLSchema]:
    """An invoice whose attachment holds this markup."""
    content = Content("F-1", attachments=(PieceJointe("a.pdf", b"%PDF-1.4 a", zipped=False),))
    written = cii.write(content, "en16931") if syntax == "cii" else ubl.write(content)
    parsed = safe_xml.parse(written, "m.xml", Terms())
    assert parsed.tree is not None
    holder = next(parsed.tree.iter(*HOLDERS))
    assert holder.text
    filled = written.replace(holder.text.encode(), inside.encode())
    again = safe_xml.parse(filled, "m.xml", Terms()).tree
    assert again is not None
    return again, SCHEMAS.get("cii" if syntax == "cii" else "ubl-invoice")


def complaints(schema: etree.XMLSchema) -> list[tuple[str, int, str]]:
    return [(entry.message, entry.line, entry.path) for entry in schema.error_log]
