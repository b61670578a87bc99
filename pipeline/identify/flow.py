"""A flow as a whole: its name, its envelope, its files, and the interface code under which it is taken."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import BinaryIO

from pipeline import codes
from pipeline.flows import INTERFACES, STATUS_FILE, Syntax, candidates
from pipeline.identify import changes
from pipeline.identify.contents import Part, look, starts_like
from pipeline.identify.name import code_finding, flow_name
from pipeline.identify.readable import carries_pdf
from pipeline.model import Finding, FlowName, Identified, Kind, Lane, MemberSeen, Received, finding
from pipeline.ports import Tools
from pipeline.readers import archive
from pipeline.terms import Terms

_SYNTAX = {
    Kind.UBL: Syntax.UBL,
    Kind.CII: Syntax.CII,
    Kind.MIXED: Syntax.MIXED,
    Kind.FACTURX: Syntax.FACTURX,
}
_SHOWN = {
    Kind.UBL: "UBL", Kind.CII: "CII", Kind.MIXED: "CPPFactureMixte", Kind.FACTURX: "Factur-X (PDF)",
    Kind.STATUS: "CPPStatut",
}  # fmt: skip
# what a flow name says beyond its application code: a status file has no interface of its own (spec 06 section 8)
_OF_THE_INTERFACE = {"FLW-002", "FLW-004", "IDN-004"}
Findings = Iterable[Finding | None]


def unheard(_rank: int) -> None:
    """Nobody has to know how far the reading is."""


def identify(
    received: Received,
    source: BinaryIO,
    spool: BinaryIO,
    tools: Tools,
    *,
    unreadable: Collection[int] = (),
    at: Callable[[int], None] = unheard,
) -> Identified:
    """Say what a deposit is. `source` holds its bytes and `spool` is empty; both can be sought.

    A first look only: no document is parsed beyond its root, unless it has none. `received.settled` is not repeated in
    the findings. `at` hears the rank of each file of an archive before it is looked at; at those that are `unreadable`
    nobody looks, and they are of no known kind.
    """
    terms = tools.terms
    name, announced, found = _announced(received, terms)
    size, limit = received.size_bytes, terms.flow.bytes_max
    if size == 0:
        found.append(finding(terms, codes.FLW_008, "flow", value="0", size_bytes=0))
        return _identified(received, "", announced, (), found)
    if size > limit:
        found.append(finding(terms, codes.FLW_009, "flow", value=str(size), size_bytes=size, limit=limit))
        return _identified(received, "", announced, (), found)
    part = Part(source, received.name, size)
    row = INTERFACES.get(announced)
    if row is not None and row.by_subscription:
        looked = changes.look(row, part, spool, terms, unreadable=unreadable, at=at)
        found += looked.findings
        return _identified(
            received, row.code, announced, looked.members, found, is_archive=looked.is_archive, lane=row.lane
        )
    head = part.head()
    begins = starts_like(head)
    if begins == "gzip":
        source.seek(0)
        unpacked = archive.unpack(source, spool, terms)
        parts = [Part(spool, file.name, file.size_bytes, file.offset) for file in unpacked.files]
        members = []
        for rank, inner in enumerate(parts):
            at(rank)
            members.append(_closed(inner) if rank in unreadable else look(inner, inner.sha256(), terms, alone=False))
        found += unpacked.findings
        found += _envelope(members, name, announced, bool(unpacked.findings), terms)
    elif begins:
        parts = [part]
        members = [look(part, received.sha256, terms, alone=True)]
    else:
        parts, members = [], []
        found.append(changes.no_format(head, terms))
    members = [_without_stray_pdf(member, members, announced, terms) for member in members]
    found.append(_too_many(members, terms))
    if [m.kind for m in _first_of_each_syntax(members)] == [Kind.STATUS]:
        found = [f for f in found if f is not None and f.code not in _OF_THE_INTERFACE]
        return _identified(
            received, STATUS_FILE, announced, tuple(members), found, is_archive=begins == "gzip", lane=Lane.STATUSES
        )
    interface = ""
    if not any(f is not None and f.code in {"FLW-001", "FLW-002", "IDN-004"} for f in found):
        interface, told = _interface(announced, members, parts, terms)
        found += told
    return _identified(received, interface, announced, tuple(members), found, is_archive=begins == "gzip")


def _closed(part: Part) -> MemberSeen:
    return MemberSeen(part.name, part.size_bytes, Kind.UNKNOWN, part.offset, part.sha256())


def open_member(identified: Identified, member: MemberSeen, source: BinaryIO, spool: BinaryIO) -> bytes:
    """The bytes of one member, from the stream that holds them."""
    stream = spool if identified.is_archive else source
    return Part(stream, member.name, member.size_bytes, member.offset).whole()


def _announced(received: Received, terms: Terms) -> tuple[FlowName | None, str, list[Finding | None]]:
    """The code that somebody named: whoever asks for one in `check`, else the flow name.

    A file given to `check` need not be named like a flow; what a partner drops must.
    """
    name, on_name = flow_name(received.name, terms)
    found: list[Finding | None] = list(on_name) if received.partner or name is not None else []
    if received.interface:
        found = [f for f in found if f is not None and f.code not in {"FLW-002", "IDN-004"}]
        found.append(code_finding(received.interface, terms))
        return name, received.interface, found
    return name, "" if name is None else received.name[:8], found


def _interface(announced: str, members: list[MemberSeen], parts: list[Part], terms: Terms) -> tuple[str, Findings]:
    """The announced code where the content can be that; the ordinary one where none is announced."""
    firsts = _first_of_each_syntax(members)
    if not firsts:
        return announced, ()
    if len(firsts) > 1:
        return "", [_two_syntaxes(a, b, terms) for a, b in pairwise(firsts)][:1]
    kind = firsts[0].kind
    fitting = candidates(_SYNTAX[kind])
    listed = ", ".join(fitting)
    if not announced:
        return _ordinary(kind, members, parts), ()
    if announced in fitting:
        is_alone = len(fitting) == 1
        told = finding(terms, codes.IDN_003, "flow name", value=announced, announced=announced, candidates=listed)
        return announced, () if is_alone else (told,)
    detected = _SHOWN[kind]
    return "", (
        finding(
            terms,
            codes.IDN_002,
            "flow name",
            value=announced,
            announced=announced,
            detected=detected,
            candidates=listed,
        ),
    )


def _ordinary(kind: Kind, members: list[MemberSeen], parts: list[Part]) -> str:
    """Without a flow name: never the works twin; minimal when every document carries its readable invoice."""
    types = {"E2"}
    if kind in {Kind.UBL, Kind.CII}:
        documents = (part.whole() for part, member in zip(parts, members, strict=True) if _is_read(member))
        types = {"E2"} if all(carries_pdf(document) for document in documents) else {"E1"}
    return next(code for code in candidates(_SYNTAX[kind]) if INTERFACES[code].type in types)


def _envelope(
    members: list[MemberSeen], name: FlowName | None, announced: str, is_broken: bool, terms: Terms
) -> Iterator[Finding | None]:
    """What is said of the files of an archive together."""
    kept = {
        Kind.XADES: ("signature files", "fichiers de signature"),
        Kind.STYLESHEET: ("style sheets", "feuilles de style"),
    }
    if not is_broken and all(member.kind in kept for member in members):
        names = ", ".join(member.name for member in members)
        yield finding(terms, codes.ENV_005, "archive", value=names, members=names)
    for kind, (called, called_fr) in sorted(kept.items()):
        same = [member.name for member in members if member.kind is kind]
        if len(same) > 1:
            listed = ", ".join(same)
            yield finding(
                terms, codes.ENV_009, "archive", count=len(same), members=listed, kind=called, kind_fr=called_fr
            )
    for member in members:
        if member.kind is Kind.XADES:
            yield finding(terms, codes.ENV_010, "XAdES file", member=member.name)
    if name is not None:
        inner = _inner_name(name, announced)
        for member in members:
            if member.kind.is_invoice and inner.fullmatch(member.name) is None:
                yield finding(terms, codes.FIL_004, "inner file name", member=member.name, value=member.name)


def _inner_name(name: FlowName, announced: str) -> re.Pattern[str]:
    """Begins like the flow name; a sequence of 9 or 15 characters; the extension may stay."""
    digits = f"(?:{name.digits}|{name.repeated_digits})"
    return re.compile(
        rf"{announced}_{name.partner}_{name.repeated}{digits}(?:[0-9A-Z]{{9}}|[0-9A-Z]{{15}})(?:\.(?:xml|pdf))?",
        re.ASCII | re.IGNORECASE,
    )


def _without_stray_pdf(member: MemberSeen, members: list[MemberSeen], announced: str, terms: Terms) -> MemberSeen:
    """A PDF beside XML invoices, in a flow that is not Factur-X, is refused alone: people pack readable copies."""
    row = INTERFACES.get(announced)
    is_stray = member.kind is Kind.FACTURX and row is not None and row.syntax is not Syntax.FACTURX
    if not is_stray or not any(_is_read(other) and other.kind is not Kind.FACTURX for other in members):
        return member
    told = finding(terms, codes.FIL_003, "inner file", member=member.name, value="PDF", kind="a PDF", kind_fr="un PDF")
    return member if told is None else replace(member, findings=(*member.findings, told), invoice_count=0)


def _too_many(members: list[MemberSeen], terms: Terms) -> Finding | None:
    count, limit = sum(member.invoice_count for member in members), terms.flow.invoices_max
    if count <= limit:
        return None
    return finding(terms, codes.FLW_010, "flow", value=str(count), count=count, limit=limit)


def _first_of_each_syntax(members: list[MemberSeen]) -> list[MemberSeen]:
    firsts: dict[Kind, MemberSeen] = {}
    for member in members:
        if _is_read(member):
            firsts.setdefault(member.kind, member)
    return list(firsts.values())


def _two_syntaxes(a: MemberSeen, b: MemberSeen, terms: Terms) -> Finding | None:
    return finding(
        terms,
        codes.ENV_006,
        "archive",
        value=b.name,
        a=a.name,
        kind_a=_SHOWN[a.kind],
        b=b.name,
        kind_b=_SHOWN[b.kind],
    )


def _is_read(member: MemberSeen) -> bool:
    return member.kind.is_read and not member.findings


def _identified(
    received: Received,
    interface: str,
    announced: str,
    members: tuple[MemberSeen, ...],
    found: Findings,
    *,
    is_archive: bool = False,
    lane: Lane = Lane.INVOICES,
) -> Identified:
    given = tuple(one for one in found if one is not None)
    return Identified(received, interface, announced, members, given, is_archive, lane)
