"""The files of a flow of changes through validate: parse, schema, rows. What a row may do is decided later."""

from collections.abc import Callable, Collection
from typing import BinaryIO

from pipeline import codes
from pipeline.codes import Severity
from pipeline.identify import open_member
from pipeline.model import (
    Enclosed,
    Extract,
    Finding,
    Identified,
    Kind,
    Lane,
    MemberSeen,
    Read,
    ReadAction,
    ReadControl,
    ReadMember,
    ReadStatus,
    Slice,
    finding,
)
from pipeline.ports import Tools
from pipeline.readers import control_file, status_file
from pipeline.terms import Terms
from pipeline.validators import action_document, xml, xsd
from pipeline.validators.document import in_report_order
from pipeline.validators.xsd_sentences import is_about_value

_SCHEMA = "statut"
_OF_THE_SHEET = {codes.FLW_013.id}  # a status file has no interface that a sheet could leave out (spec 06 section 8)
Findings = tuple[Finding, ...]


def read(
    identified: Identified, source: BinaryIO, spool: BinaryIO, sink: BinaryIO, tools: Tools, *,
    unreadable: Collection[int], unread: Callable[[MemberSeen], ReadMember], at: Callable[[int], None],
) -> Read:  # fmt: skip
    """All that was read of a flow of changes. The files that an action brings go to `sink`; `unread` says what becomes
    of a file that nobody opens."""
    received, lane = identified.received, identified.lane
    settled = [f for f in received.settled if lane is not Lane.STATUSES or f.code not in _OF_THE_SHEET]
    members: list[ReadMember] = []
    statuses: list[ReadStatus] = []
    actions: tuple[ReadAction, ...] = ()
    controls: tuple[ReadControl, ...] = ()
    extracts: list[Extract] = []
    beside: dict[str, Enclosed] = {}
    is_read = not identified.is_refused

    def opened(seen: MemberSeen) -> bytes:
        """Its bytes; out of an archive they are handed to the antivirus too, where there is one."""
        document = open_member(identified, seen, source, spool)
        if identified.is_archive and tools.terms.is_scanned:
            extracts.append(Extract(seen.name, "", Slice(sink.tell(), len(document))))
            sink.write(document)
        return document

    for rank, seen in enumerate(identified.members):
        if not is_read or seen.kind is not Kind.ENCLOSED:
            continue
        if rank in unreadable:  # what it earned is said of the rows that name it too
            beside[seen.name] = Enclosed(seen.name, "", seen.sha256, Slice(0, 0), unread(seen).findings)
        elif seen.size_bytes > tools.terms.flow.file_bytes_max:
            beside[seen.name] = action_document.too_large(seen.name, seen.sha256, seen.size_bytes, tools.terms)
        else:
            at(rank)
            one = beside[seen.name] = action_document.enclosed(opened(seen), seen.name, sink, tools.terms)
            if tools.terms.is_scanned and one.content.length and one.sha256 != seen.sha256:  # what a ZIP held
                extracts.append(Extract(seen.name, one.name, one.content))
    for rank, seen in enumerate(identified.members):
        if rank in unreadable or not is_read:
            members.append(unread(seen))
            continue
        at(rank)
        found: Findings = ()
        if not any(f.refuses for f in seen.findings):
            match seen.kind:
                case Kind.STATUS:
                    found, rows = of_statuses(opened(seen), seen.name, len(statuses), tools)
                    statuses += rows
                case Kind.ACTIONS:
                    found, actions = action_document.read(opened(seen), seen.name, beside, tools)
                case Kind.CONTROL:
                    found, controls = control_file.read(opened(seen), seen.name, tools.terms)
        most = tools.terms.findings.document_max
        told = (*seen.findings, *found[:most])
        members.append(ReadMember(seen.name, seen.sha256, seen.size_bytes, seen.kind, told, max(0, len(found) - most)))
    return Read(
        received, identified.interface, identified.announced, in_report_order((*settled, *identified.findings)),
        tuple(members), (), (), sum(m.size_bytes for m in identified.members), tuple(extracts), lane,
        tuple(statuses), actions, controls,
    )  # fmt: skip


def of_statuses(document: bytes, member: str, before: int, tools: Tools) -> tuple[Findings, tuple[ReadStatus, ...]]:
    """The findings on a status file, which refuse all of it, and its entries. `before`: entries of the files before it.

    A number that is no status refuses its own entry, not the file: the schema's complaint about it is left out here
    and told there (LFC-009).
    """
    terms = tools.terms
    parsed = xml.parse(document, member, terms, attachments=False)
    if parsed.tree is None:
        return parsed.findings, ()
    if status_file.tells_flows_only(parsed.tree):
        return (*parsed.findings, _of_flows(member, terms)), ()
    complaints = [one for one in xsd.check(parsed, _SCHEMA, member, tools) if one.refuses]
    if any(not _is_of_a_number(one) for one in complaints):
        return (*parsed.findings, *complaints), ()
    if any(one.refuses for one in parsed.findings):
        return parsed.findings, ()
    return parsed.findings, tuple(status_file.read(parsed.tree, member, before))


def _of_flows(member: str, terms: Terms) -> Finding:
    """LFC-007, whatever the settings make of it: there is nothing in such a file that could apply."""
    told = finding(terms, codes.LFC_007, "status file", member=member, value=status_file.OF_FLOWS)
    if told is not None and told.refuses:
        return told
    return Finding(codes.LFC_007.id, codes.LFC_007.id, Severity.ERROR, member=member, value=status_file.OF_FLOWS)


def _is_of_a_number(complaint: Finding) -> bool:
    """About the value of an IdStatut, not about a second one, or one with something in it. The last complaint of many
    says how many more there are: it is about the file.
    """
    step = complaint.path.rpartition("/")[2].partition("[")[0]
    return step == status_file.STATUS and is_about_value(str(complaint.facts.get("xsd_message", "")))
