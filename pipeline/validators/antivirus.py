"""FLW-011: what the antivirus says of a flow, in findings. The scanner is a port: whoever calls this reaches it.

The file is scanned as it came, and so is what was taken out of it: a scanner sees no virus in base64 inside XML, nor in
a compressed stream of a PDF. One signature refuses the whole flow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from pipeline import codes
from pipeline.identify.contents import Part
from pipeline.model import Finding, Kind, PackRun, Read, ReadMember, Received, finding
from pipeline.ports import Fault, Said, Scanner
from pipeline.terms import Terms
from pipeline.validators.document import in_report_order
from pipeline.validators.printable import shown

PACK = "antivirus"  # how a scan stands among the packs that ran
FOUND_MAX = 20  # one refuses the flow; who sends more has heard enough
_SIGNATURE_CHARS_MAX = 100
_WHERE_CHARS_MAX = 120
_IS_OFF = Said(
    "FLW-011 ne refuse plus rien (settings.toml, [severities]) et un antivirus est configuré ; lui rendre sa gravité, "
    "ou retirer [antivirus] address",
    "FLW-011 refuses nothing any more (settings.toml, [severities]) and an antivirus is configured; give it its "
    "severity back, or take [antivirus] address away",
)


@dataclass(frozen=True, slots=True)
class Infected:
    """Where a signature was found, and its name, both fit to be shown."""

    where: str
    signature: str
    member: str = ""


def scan_file(received: Received, source: BinaryIO, scanner: Scanner) -> Infected | None:
    """Look at the bytes as they came."""
    signature = scanner.scan(Part(source, received.name, received.size_bytes))
    return _infected(received.name, signature) if signature else None


def scan_extracts(read: Read, spool: BinaryIO, scanner: Scanner) -> tuple[Infected, ...]:
    """Look at what was taken out of the files, until `FOUND_MAX` signatures are found."""
    found: list[Infected] = []
    for extract in read.extracts:
        where = extract.name or extract.member
        content = extract.content
        signature = scanner.scan(Part(spool, where, content.length, content.offset))
        if signature:
            found.append(_infected(where, signature, extract.member))
            if len(found) == FOUND_MAX:
                break
    return tuple(found)


def unread(received: Received, interface: str, found: Infected, scanner: Scanner, terms: Terms) -> Read:
    """The records of a file that nobody parses: a signature was found in it as it came."""
    member = ReadMember(received.name, received.sha256, received.size_bytes, Kind.UNKNOWN)
    empty = Read(received, interface, interface, received.settled, (member,), (), (), received.size_bytes)
    return with_findings(empty, (found,), scanner, terms)


def with_findings(
    read: Read, found: Sequence[Infected], scanner: Scanner, terms: Terms, *, is_answered: bool = False
) -> Read:
    """The records with what the antivirus found, and which signatures it knew.

    A flow that was answered already cannot be refused as a whole any more: then it refuses each invoice, those that
    wait among them.
    """
    read = replace(read, packs=tuple(sorted((*read.packs, scanner.describe()), key=_name)), extracts=())
    if not found:
        return read
    findings = tuple(_finding(one, terms) for one in found)
    if not is_answered:
        return replace(read, findings=in_report_order((*read.findings, *findings)))
    invoices = (replace(i, findings=in_report_order((*i.findings, *findings)), pivot=None) for i in read.invoices)
    return replace(read, invoices=tuple(invoices))


def _infected(where: str, signature: str, member: str = "") -> Infected:
    return Infected(shown(where, _WHERE_CHARS_MAX), shown(signature, _SIGNATURE_CHARS_MAX), member)


def _name(pack: PackRun) -> str:
    return pack.name


def _finding(found: Infected, terms: Terms) -> Finding:
    """A rule that was switched off must not let a virus pass: then nobody is answered."""
    facts = {"where": found.where, "signature": found.signature}
    made = finding(terms, codes.FLW_011, "flow", member=found.member, value=found.signature, **facts)
    if made is None or not made.refuses:
        raise Fault(_IS_OFF)
    return made
