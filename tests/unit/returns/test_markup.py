"""XML written as text: what goes in comes out of a parser, or is shown."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pipeline.returns.markup import block, escaped, leaf, node, optional


@given(st.text())
def test_any_text_makes_a_well_formed_element_and_attribute(text):
    tree = etree.fromstring(node("A", leaf("B", text, c=text)))
    assert tree[0].text is not None or text == ""


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0xD7FF, exclude_categories=["Cc"])))
def test_a_text_of_printable_characters_comes_back_as_it_was(text):
    assert (etree.fromstring(leaf("B", text)).text or "") == text


def test_what_xml_cannot_carry_is_shown():
    assert escaped("a\x00b\rc\x7f\ud800\ufffe") == "a\\x00b\\x0dc\\x7f\\ud800\\ufffe"


def test_an_element_with_nothing_to_say_is_left_out():
    assert optional("A", "") == ""
    assert block("A", iter(())) == ""
    assert block("A", ["", leaf("B", "x")]) == "<A>\n<B>x</B>\n</A>\n"
