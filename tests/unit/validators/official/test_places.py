"""The XPath of a sheet, followed to its place in the issuer's file."""

import pytest

from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.official.places import Document, Place

RSM = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
RAM = "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"

TWO_LINES = f"""<CrossIndustryInvoice xmlns="{RSM}" xmlns:r="{RAM}">
  <ExchangedDocument>
    <r:ID> F-1 </r:ID>
  </ExchangedDocument>
  <SupplyChainTradeTransaction>
    <r:Line><r:Name>one</r:Name></r:Line>
    <r:Line><r:Name unit="KGM">two</r:Name></r:Line>
  </SupplyChainTradeTransaction>
</CrossIndustryInvoice>""".encode()


def places(document: bytes) -> Document:
    return Document(safe_xml.parse(document, "m.xml", Terms()))


def step(local: str, uri: str = RAM, rank: int = 1) -> str:
    return f"/*:{local}[namespace-uri()='{uri}'][{rank}]"


ROOT = step("CrossIndustryInvoice", RSM)
LINES = ROOT + step("SupplyChainTradeTransaction", RSM)


def test_a_place_is_written_with_the_prefixes_of_the_syntax_whatever_the_issuer_declared() -> None:
    place = places(TWO_LINES).place(ROOT + step("ExchangedDocument", RSM) + step("ID"))
    assert place == Place("/rsm:CrossIndustryInvoice/rsm:ExchangedDocument/ram:ID", 3, "F-1")


def test_a_rank_is_told_only_where_there_are_namesakes() -> None:
    place = places(TWO_LINES).place(LINES + step("Line", rank=2) + step("Name"))
    assert place.path == "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:Line[2]/ram:Name"
    assert place.value == "two"


def test_the_line_is_that_of_the_original_file() -> None:
    location = LINES + step("Line", rank=1) + step("Name")
    assert places(TWO_LINES).place(location) == Place(
        "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:Line[1]/ram:Name", 6, "one"
    )


def test_a_document_that_the_parse_refused_has_no_places() -> None:
    with pytest.raises(ValueError, match="no places"):
        places(b"<a")


def test_a_group_has_a_place_and_no_value() -> None:
    assert places(TWO_LINES).place(LINES).value == ""


def test_an_attribute_has_a_place_and_its_value() -> None:
    place = places(TWO_LINES).place(LINES + step("Line", rank=2) + step("Name") + "/@unit")
    assert place.path.endswith("/ram:Line[2]/ram:Name/@unit")
    assert place.value == "KGM"


def test_an_attribute_in_a_namespace_is_found_by_both_its_names() -> None:
    document = b"<a xmlns:x='urn:x' x:lang='fr'/>"
    place = places(document).place("/a[1]/@*[local-name()='lang' and namespace-uri()='urn:x']")
    assert (place.path, place.value) == ("/a/@lang", "fr")


def test_names_outside_the_syntaxes_keep_the_prefix_of_the_issuer_or_none() -> None:
    document = b"<a xmlns:x='urn:x'><x:b>1</x:b><c xmlns='urn:c'>2</c></a>"
    assert places(document).place("/a[1]" + step("b", "urn:x")).path == "/a/x:b"
    assert places(document).place("/a[1]" + step("c", "urn:c")).path == "/a/c"


def test_a_location_that_cannot_be_followed_is_shown_as_it_stands() -> None:
    for odd in ("", "/", "here", ROOT + "/../x", LINES + step("Line", rank=3), step("Other", RSM), "/a[1]/text()[1]"):
        assert places(TWO_LINES).place(odd) == Place(odd)


def test_the_value_is_cut() -> None:
    document = f"<a><b>{'x' * 1000}</b></a>".encode()
    assert places(document).place("/a[1]/b[1]").value == "x" * 199 + "…"


def test_a_value_is_looked_up_in_the_whole_document() -> None:
    found = places(TWO_LINES).holding("two")
    assert found == Place("/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:Line[2]/ram:Name", 7, "two")
    assert places(TWO_LINES).holding("three") is None


def test_the_place_of_a_value_without_namesakes_carries_no_rank() -> None:
    found = places(TWO_LINES).holding("F-1")
    assert found is not None
    assert found.path == "/rsm:CrossIndustryInvoice/rsm:ExchangedDocument/ram:ID"
