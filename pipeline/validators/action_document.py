"""An action file through validate: its XML form is held to our schema, its rows are read, its files are opened."""

import hashlib
from collections.abc import Mapping
from typing import BinaryIO

from pipeline import codes
from pipeline.codes import Severity
from pipeline.model import Enclosed, Finding, ReadAction, Slice
from pipeline.ports import Tools
from pipeline.readers import action_file
from pipeline.terms import Terms
from pipeline.validators import attachments, xml, xsd

SCHEMA = "actions"


def read(
    document: bytes, member: str, enclosed: Mapping[str, Enclosed], tools: Tools
) -> tuple[tuple[Finding, ...], tuple[ReadAction, ...]]:
    """The findings on the file, of which an error refuses it and all it holds, and its rows, ranked from 1."""
    terms = tools.terms
    if not action_file.is_xml(document) or len(document) > terms.action.bytes_max:
        return action_file.read(document, member, enclosed, terms)
    parsed = xml.parse(document, member, terms, attachments=False)
    if parsed.tree is None or any(one.refuses for one in parsed.findings):
        return parsed.findings, ()
    complaints = xsd.check(parsed, SCHEMA, member, tools)
    if any(one.refuses for one in complaints):
        return (*parsed.findings, *complaints), ()
    return action_file.rows_of(parsed, member, enclosed, terms)


def enclosed(content: bytes, name: str, sink: BinaryIO, terms: Terms) -> Enclosed:
    """Open a file that lies beside the actions, and write what is to be added to the sink: unwrapped, where it came as
    a ZIP of one file (then its digest is another one than that of the file).

    What cannot be opened keeps its findings, which refuse every row that names it, also where the settings have
    switched the rule off: there is nothing to add.
    """
    examined = attachments.examine_file(name, content, terms)
    if not examined.opened:
        if not any(one.refuses for one in examined.findings):
            examined = attachments.examine_file(name, content, Terms(attachment=terms.attachment))
        return Enclosed(name, "", hashlib.sha256(content).hexdigest(), Slice(0, 0), examined.findings)
    (opened,) = examined.opened
    offset = sink.tell()
    sink.write(opened.content)
    place = Slice(offset, len(opened.content))
    digest = hashlib.sha256(opened.content).hexdigest()
    return Enclosed(opened.name, opened.mime, digest, place, examined.findings)


def too_large(name: str, sha256: str, size_bytes: int, terms: Terms) -> Enclosed:
    """The same of a file above the limit of a whole document: ATT-005, without reading it."""
    facts: dict[str, str | int] = {"name": name, "size_bytes": size_bytes, "limit": terms.attachment.bytes_max}
    found = Finding(codes.ATT_005.id, codes.ATT_005.id, Severity.ERROR, value=name, facts=facts)
    return Enclosed(name, "", sha256, Slice(0, 0), (found,))
