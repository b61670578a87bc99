"""The parse of a member, and what the profile says about its encoding. The parse itself is `readers.safe_xml`."""

from dataclasses import replace

from pipeline import codes
from pipeline.model import finding
from pipeline.readers import safe_xml
from pipeline.readers.safe_xml import Parsed
from pipeline.terms import Terms

__all__ = ["Parsed", "parse"]


def parse(document: bytes, member: str, terms: Terms, *, attachments: bool = True) -> Parsed:
    """XML-001 to 003 and FIL-006 refuse; FIL-005 is added to a document that can be read but is not in UTF-8."""
    parsed = safe_xml.parse(document, member, terms, huge=attachments)
    if parsed.tree is None or parsed.encoding == "UTF-8":
        return parsed
    found = finding(
        terms, codes.FIL_005, "XML encoding", member=member, value=parsed.encoding, encoding=parsed.encoding
    )
    return parsed if found is None else replace(parsed, findings=(*parsed.findings, found))
