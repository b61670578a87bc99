"""The XMP packet of a PDF: what it says of PDF/A and of the Factur-X file inside. Nothing else of XMP is read."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from lxml import etree

from pipeline.readers.safe_xml import PARSER_OPTIONS

_RDF_DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"
_PDFA = "{http://www.aiim.org/pdfa/ns/id/}"
_FX = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
_BYTES_MAX = 4 * 1024 * 1024  # an XMP packet is some kB, padding included; Photoshop history can make it larger
_PADDING = b" \t\r\n\0"

# Field of `Xmp` by the qualified name of its property; a writer may use an element or an attribute for each.
_FIELDS = {
    f"{_PDFA}part": "part",
    f"{_FX}DocumentType": "document_type",
    f"{_FX}DocumentFileName": "document_file_name",
    f"{_FX}Version": "version",
    f"{_FX}ConformanceLevel": "conformance_level",
}


@dataclass(frozen=True, slots=True)
class Xmp:
    """The properties that count here, as given; empty where the packet does not give them."""

    part: str = ""  # pdfaid:part, 3 for PDF/A-3
    document_type: str = ""  # fx:DocumentType
    document_file_name: str = ""  # fx:DocumentFileName
    version: str = ""  # fx:Version
    conformance_level: str = ""  # fx:ConformanceLevel


def parse(packet: bytes) -> Xmp | None:
    """Read a packet with the hardened parser; None where it is not XML, too large, or declares a DOCTYPE."""
    if len(packet) > _BYTES_MAX:
        return None
    try:
        root = etree.fromstring(packet.strip(_PADDING), _parser())
    except (etree.XMLSyntaxError, ValueError):
        return None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        return None
    found: dict[str, str] = {}
    for description in root.iter(_RDF_DESCRIPTION):
        for name, value in description.items():
            _keep(found, str(name), str(value))
        for child in description:
            _keep(found, str(child.tag), child.text or "")
    return Xmp(**found)


@cache
def _parser() -> etree.XMLParser:
    return etree.XMLParser(**PARSER_OPTIONS)


def _keep(found: dict[str, str], name: str, value: str) -> None:
    field = _FIELDS.get(name)
    if field is not None and value.strip():
        found.setdefault(field, value.strip())
