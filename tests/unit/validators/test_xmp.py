"""The XMP packet, written in the ways that producers write it."""

import pytest

from pipeline.validators.xmp import Xmp, parse

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SPACES = (
    'xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"'
)
ALL = Xmp("3", "INVOICE", "factur-x.xml", "1.0", "BASIC")


def packet(*descriptions: str, before: str = "<?xpacket begin=''?>", after: str = "<?xpacket end='w'?>") -> bytes:
    inner = "".join(descriptions)
    return f'{before}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">{inner}</rdf:RDF></x:xmpmeta>{after}'.encode()


def by_elements(*fields: tuple[str, str]) -> str:
    return (
        f"<rdf:Description {SPACES}>"
        + "".join(f"<{name}>{value}</{name}>" for name, value in fields)
        + "</rdf:Description>"
    )


def by_attributes(*fields: tuple[str, str]) -> str:
    return f"<rdf:Description {SPACES} " + " ".join(f'{name}="{value}"' for name, value in fields) + "/>"


FIELDS = (
    ("pdfaid:part", "3"),
    ("fx:DocumentType", "INVOICE"),
    ("fx:DocumentFileName", "factur-x.xml"),
    ("fx:Version", "1.0"),
    ("fx:ConformanceLevel", "BASIC"),
)


@pytest.mark.parametrize("written", [by_elements(*FIELDS), by_attributes(*FIELDS)], ids=["elements", "attributes"])
def test_properties_are_read_as_elements_and_as_attributes(written):
    assert parse(packet(written)) == ALL


def test_properties_may_stand_in_several_descriptions():
    assert parse(packet(by_attributes(*FIELDS[:2]), by_elements(*FIELDS[2:]))) == ALL


def test_padding_around_the_packet_and_around_values_is_no_content():
    assert parse(b"\0\n " + packet(by_elements(("pdfaid:part", "\n 3 "))) + b" \0\0") == Xmp(part="3")


def test_the_first_of_two_values_counts_and_an_empty_one_does_not():
    written = by_elements(("fx:Version", " "), ("fx:Version", "1.0"), ("fx:Version", "2.0"))
    assert parse(packet(written)) == Xmp(version="1.0")


def test_a_property_of_another_namespace_says_nothing():
    assert (
        parse(packet(f'<rdf:Description {SPACES} xmlns:o="urn:o" o:part="3"><part>3</part></rdf:Description>')) == Xmp()
    )


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"no xml",
        b"<x:xmpmeta>",
        packet("x" * 4 * 1024 * 1024),
        packet(by_elements(*FIELDS), before='<!DOCTYPE x [<!ENTITY e "3">]>'),
        packet(by_elements(("pdfaid:part", "&e;"))),
        b"<?xml version='1.0' encoding='no-such'?><x/>",
    ],
    ids=["empty", "text", "cut", "large", "doctype", "entity", "encoding"],
)
def test_a_packet_that_is_no_plain_xml_is_no_packet(broken):
    assert parse(broken) is None
