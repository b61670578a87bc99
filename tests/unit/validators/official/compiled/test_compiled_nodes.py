"""A document as programs read it: nodes in their order and places, their texts, and where they are found again."""

import time
from decimal import Decimal

import pytest
from a_sheet import a_pattern, a_report, a_rule, a_sheet, nodes_of, program
from lxml import etree
from two_engines import Oracle, ours

from pipeline.validators.official.compiled import nodes as nodes_module
from pipeline.validators.official.compiled import runtime
from pipeline.validators.official.compiled.nodes import (
    CHILDREN,
    INDEX,
    NONE,
    PARENT,
    PLACE,
    Document,
    normalized,
    path_of,
)

MIXED = "<doc>one<g n='1'>two<x>three</x>four<x/></g>five<b:x xmlns:b='urn:b' b:n='2'>six</b:x><g/></doc>"
DEEP = 3_000  # levels: thrice what Python recurses; the parse admits 64
WIDE = 100_000


def text_of(document: Document, index: int) -> str:
    return runtime.text(document, document.nodes[index])


def test_nodes_stand_in_the_order_of_the_document_and_know_what_is_around_them() -> None:
    document = nodes_of(MIXED)
    assert [node[PLACE].path for node in document.nodes] == [
        "",
        "doc",
        "doc/g",
        "doc/g/x",
        "doc/g/x",
        "doc/{urn:b}x",
        "doc/g",
    ]
    assert [node[INDEX] for node in document.nodes] == list(range(7))
    assert [node[PARENT] for node in document.nodes] == [-1, 0, 1, 2, 2, 1, 1]
    assert [element.tag for element in document.elements[1:]] == ["doc", "g", "x", "x", "{urn:b}x", "g"]
    root = document.nodes[1]
    assert {tag: [child[INDEX] for child in found] for tag, found in root[CHILDREN].items()} == {
        "g": [2, 6],
        "{urn:b}x": [5],
    }
    assert document.at["doc/g/x"] == [document.nodes[3], document.nodes[4]]
    assert [above[INDEX] for above in document.above(document.nodes[3])] == [2, 1]


def test_the_text_of_a_node_is_all_that_stands_in_it() -> None:
    document = nodes_of(MIXED)
    assert [text_of(document, index) for index in range(7)] == [
        *("onetwothreefourfivesix", "onetwothreefourfivesix", "twothreefour", "three", "", "six", "")
    ]
    assert runtime.inner_texts(document, document.nodes[2]) == ["two", "four"]
    assert runtime.inner_texts(document, document.top) == []
    assert runtime.all_texts(document, [document.nodes[2], document.nodes[3]]) == ["two", "three", "four"]
    assert runtime.all_texts(document, [document.top]) == ["one", "two", "three", "four", "five", "six"]


def test_elements_are_found_by_name_wherever_they_stand_in_the_order_of_the_document() -> None:
    document = nodes_of("<doc><g><x>1</x></g><x>2</x><h><x>3</x></h><g><x>4</x></g></doc>")
    assert [text_of(document, node[INDEX]) for node in document.named("x")] == ["1", "2", "3", "4"]
    assert document.named("x") is document.named("x")
    assert [node[INDEX] for node in document.named("*")] == list(range(1, 9))
    assert list(document.named("nothing")) == []


def test_attributes_are_found_by_name_wherever_they_stand() -> None:
    document = nodes_of("<doc n='1'><x n='2' m='0'/><x xmlns:b='urn:b' b:n='3'/></doc>")
    assert document.attributes("n") == ["1", "2"]
    assert document.attributes("{urn:b}n") == ["3"]
    assert document.attributes("none") == []
    assert document.attribute(document.nodes[2], "m") == "0"
    assert document.attribute(document.nodes[3], "m") is None
    assert document.attribute(document.top, "n") is None
    assert runtime.all_attributes(document, document.nodes[2]) == ["2", "0"]
    assert runtime.all_attributes(document, document.top) == []


def test_a_name_is_told_with_the_prefix_that_the_document_gives_it() -> None:
    document = nodes_of("<p:doc xmlns:p='urn:p'><x xmlns='urn:p'/><y/></p:doc>")
    assert [document.name(node) for node in document.nodes] == ["", "p:doc", "x", "y"]
    assert [runtime.local_name(document, node) for node in (*document.nodes, None)] == ["", "doc", "x", "y", ""]
    assert runtime.name(document, None) == ""


@pytest.mark.parametrize(
    ("index", "location"),
    [
        (0, ""),
        (1, "/doc[1]"),
        (4, "/doc[1]/g[1]/x[2]"),
        (5, "/doc[1]/*:x[namespace-uri()='urn:b'][1]"),
        (6, "/doc[1]/g[2]"),
    ],
)
def test_a_location_has_the_rank_among_namesakes_alone(index: int, location: str) -> None:
    document = nodes_of(MIXED)
    assert document.location(document.nodes[index]) == location


def test_comments_and_instructions_are_no_nodes() -> None:
    document = nodes_of("<doc><!-- c --><x>a<!-- c -->b</x><?p i?><y/></doc>")
    assert [node[PLACE].path for node in document.nodes] == ["", "doc", "doc/x", "doc/y"]
    assert text_of(document, 2) == "ab"


def test_the_places_of_two_documents_of_one_shape_are_the_same() -> None:
    first, second = nodes_of(MIXED), nodes_of(MIXED)
    assert all(a[PLACE] is b[PLACE] for a, b in zip(first.nodes, second.nodes, strict=True))


def test_places_are_begun_anew_when_hostile_names_have_made_too_many_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes_module, "_PLACES_MAX", 5)
    made = program(a_sheet(a_pattern(a_rule("x", a_report("true()")))))
    kept = []
    for number in range(10):
        document = nodes_of(f"<doc><n{number}><m/><x/></n{number}><x/></doc>")
        kept.append(document)
        assert [hit.location for hit in made.run(document)] == [f"/doc[1]/n{number}[1]/x[1]", "/doc[1]/x[1]"]
        assert nodes_module._PLACES.count <= 5 + len(document.nodes)
    for number, document in enumerate(kept):  # whoever holds an older document reads it as before
        assert [hit.location for hit in made.run(document)] == [f"/doc[1]/n{number}[1]/x[1]", "/doc[1]/x[1]"]


def test_a_program_remembers_the_rules_of_so_many_places_and_works_out_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pipeline.validators.official.compiled import program as program_module

    monkeypatch.setattr(program_module, "_PLACES_MAX", 2)
    made = program(a_sheet(a_pattern(a_rule("x", a_report("true()")))))
    document = nodes_of("<doc>" + "".join(f"<n{number}><x/></n{number}>" for number in range(9)) + "</doc>")
    for _ in range(2):
        assert len(made.run(document)) == 9
    assert len(made._at) == 2


def test_a_document_deeper_than_python_recurses_is_read() -> None:
    """The hardened parse admits 64 levels; nothing here relies on it."""
    top = inner = etree.Element("x")
    for _ in range(DEEP - 1):
        inner = etree.SubElement(inner, "x")
    inner.text = "1"
    document = Document(etree.ElementTree(top))
    assert len(document.nodes) == DEEP + 1
    assert document.location(document.nodes[-1]) == "/x[1]" * DEEP
    assert text_of(document, 1) == "1"
    assert len(runtime.below(document, document.top, "x")) == DEEP
    assert len(runtime.ancestors(document, document.nodes[-1], "*")) == DEEP - 1
    made = program(a_sheet(a_pattern(a_rule("x[not(x)]", a_report(".//x or ancestor::x")))))
    assert [hit.location for hit in made.run(document)] == ["/x[1]" * DEEP]


def test_siblings_cost_what_each_of_them_costs() -> None:
    """The rank of each in its location, the look at all the others: done once, not once for each."""
    sheet = a_sheet(
        a_pattern(a_rule("x", a_report("count(../x[. = '1']) > 1"), a_report(". = //y or preceding::y = '9'")))
    )
    made = program(sheet)

    def took(siblings: int) -> float:
        document = nodes_of("<doc>" + "<x>1</x>" * siblings + "</doc>")
        start = time.process_time()
        assert len(made.run(document)) == min(siblings, 20_000)
        document.location(document.nodes[-1])
        return time.process_time() - start

    few = min(took(WIDE // 20) for _ in range(3))
    assert took(WIDE) < 20 * 6 * few  # linear would be 20 times; the square of it 400 times


def test_blanks_are_those_of_xml_alone() -> None:
    assert normalized(" a \t\r\n b ") == "a b"
    assert normalized(" \u00a0é \u2003 b\n") == "\u00a0é \u2003 b"
    assert normalized("\u3000") == "\u3000"
    assert normalized("") == ""


def test_the_key_of_a_place_tells_names_apart() -> None:
    assert path_of(()) == ""
    assert path_of(("{urn:a}x", "y")) == "{urn:a}x/y"


def test_many_nodes_are_taken_together_once_each_in_their_order() -> None:
    document = nodes_of(MIXED)
    first, second, third = document.nodes[2:5]
    assert runtime.united(([third, first], [first, second])) == [first, second, third]
    assert runtime.united(([third], [])) == [third]
    assert runtime.united(([], NONE)) == NONE
    assert runtime.parents(document, [second, third, document.top]) == [first]
    assert runtime.preceding(document, document.nodes[6], "x") == [second, third]
    assert runtime.preceding(document, third, "doc") == []


@pytest.mark.parametrize("steps", [1, 7, 62])
def test_places_as_deep_as_the_parse_admits_are_located_as_saxon_does(steps: int, oracle: Oracle) -> None:
    text = "<doc>" + "<g/><g>" * steps + "<x/>" + "</g>" * steps + "</doc>"
    sheet = a_sheet(a_pattern(a_rule("x", a_report("true()"))))
    (told,) = ours(sheet, [text])
    assert [told] == oracle.says(sheet, [text])
    assert told


def test_numbers_are_read_once_for_a_document() -> None:
    document = nodes_of("<doc><x> 1.50 </x></doc>")
    first = runtime.dec(document, " 1.50 ")
    assert first == Decimal("1.50")
    assert runtime.dec(document, " 1.50 ") is first
