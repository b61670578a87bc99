"""A document is cut down to what a difference needs, within a bound."""

from lxml import etree

from bench.oracle.minimise import minimised

DOCUMENT = (
    b'<a x="1"><b><c currency="EUR">12.50</c><d>long text</d></b><b><c currency="USD">NaN</c></b>'
    b"<e><f/><f/><f><g>needed</g></f></e></a>"
)


def test_what_the_difference_does_not_need_goes():
    def differs(document: bytes) -> bool:
        return etree.fromstring(document).findtext("b/c") == "NaN" or b'"USD">NaN' in document

    assert minimised(DOCUMENT, differs) == b"<a><b><c>NaN</c></b></a>"


def test_texts_become_neutral_where_their_value_does_not_matter():
    small = minimised(DOCUMENT, lambda document: etree.fromstring(document).find("e/f/g") is not None)
    assert small.endswith(b"<a><e><f><g/></f></e></a>")


def test_the_way_there_ends_after_so_many_tries_with_what_was_reached():
    tries = 0

    def differs(document: bytes) -> bool:
        nonlocal tries
        tries += 1
        return b"needed" in document

    small = minimised(DOCUMENT, differs, tries_max=3)
    assert tries == 3
    assert b"needed" in small
    assert len(small) < len(DOCUMENT)


def test_a_document_that_differs_in_no_part_stays_whole():
    assert etree.fromstring(minimised(DOCUMENT, lambda document: False)).attrib == {"x": "1"}
