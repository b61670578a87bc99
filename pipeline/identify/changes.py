"""Files of ours that a partner may drop, announced by the flow name: an action file, alone or in an archive with the
attachments that it names, and a control file. What they say is read later; here is said what each file is.
"""

from collections.abc import Callable, Collection
from pathlib import PurePosixPath
from typing import BinaryIO, NamedTuple

from pipeline import codes
from pipeline.flows import Interface
from pipeline.identify.contents import Part, nature, starts_like
from pipeline.model import Finding, Kind, Lane, MemberSeen, finding
from pipeline.readers import archive
from pipeline.terms import Terms

EXTENSIONS = (".csv", ".xml")
_WHY = (
    "an archive of actions holds one action file: named like the flow, or the only .csv or .xml in it",
    "une archive d'actions contient un seul fichier d'actions : du nom du flux, ou seul .csv ou .xml de l'archive",
)
_SHOWN = {"pdf": ("a PDF", "un PDF"), "edifact": ("EDIFACT", "EDIFACT"), "gzip": ("an archive", "une archive")}


class Looked(NamedTuple):
    """The files of such a flow, and what was found on it as a whole."""

    members: tuple[MemberSeen, ...]
    findings: list[Finding | None]
    is_archive: bool = False


def look(
    row: Interface, part: Part, spool: BinaryIO, terms: Terms, *, unreadable: Collection[int],
    at: Callable[[int], None],
) -> Looked:  # fmt: skip
    """What a flow is that its name announces as one of ours."""
    kind = Kind.ACTIONS if row.lane is Lane.ACTIONS else Kind.CONTROL
    head = part.head()
    begins = starts_like(head)
    if begins == "gzip" and row.lane is Lane.ACTIONS:
        return _unpacked(row, part, spool, terms, unreadable, at)
    if begins in _SHOWN:
        return Looked((), [_not_ours(row, begins, terms)])
    if begins != "xml" and not _is_text(head):
        return Looked((), [no_format(head, terms)])
    return Looked((_seen(part, part.sha256(), kind, terms),), [])


def no_format(head: bytes, terms: Terms) -> Finding | None:
    """FLW-014: the first bytes are of nothing that is taken."""
    kind, kind_fr = nature(head)
    first = head[:8].hex(" ")
    return finding(terms, codes.FLW_014, "flow", value=first, kind=kind, kind_fr=kind_fr, first_bytes=first)


def _not_ours(row: Interface, begins: str, terms: Terms) -> Finding | None:
    """IDN-002: it is something else that we know."""
    detected, detected_fr = _SHOWN[begins]
    formats = "CSV, XML, tar.gz" if row.lane is Lane.ACTIONS else "CSV"
    return finding(
        terms, codes.IDN_002, "flow name", value=row.code, announced=row.code, detected=detected,
        detected_fr=detected_fr, candidates=f"{row.code} ({formats})",
    )  # fmt: skip


def _unpacked(
    row: Interface, part: Part, spool: BinaryIO, terms: Terms, unreadable: Collection[int], at: Callable[[int], None]
) -> Looked:
    part.stream.seek(part.offset)
    unpacked = archive.unpack(part.stream, spool, terms, may_nest=True)
    parts = [Part(spool, file.name, file.size_bytes, file.offset) for file in unpacked.files]
    chosen = _action_file([one.name for one in parts], row.code)
    members = []
    for rank, inner in enumerate(parts):
        at(rank)
        if rank in unreadable:
            kind = Kind.UNKNOWN if rank == chosen else Kind.ENCLOSED
            members.append(MemberSeen(inner.name, inner.size_bytes, kind, inner.offset, inner.sha256()))
        else:
            kind = Kind.ACTIONS if rank == chosen else Kind.ENCLOSED
            members.append(_seen(inner, inner.sha256(), kind, terms))
    found: list[Finding | None] = [*unpacked.findings]
    if chosen is None and not unpacked.findings:
        names = ", ".join(one.name for one in parts)
        why, why_fr = _WHY
        found.append(
            finding(terms, codes.IDN_001, "archive", value=names, root=names, namespace="", why=why, why_fr=why_fr)
        )
    return Looked(tuple(members), found, is_archive=True)


def _action_file(names: list[str], code: str) -> int | None:
    """Which member: the one named like a flow of this code, else the only one with an extension of a table."""
    for fitting in (
        [rank for rank, name in enumerate(names) if PurePosixPath(name).name.upper().startswith(f"{code}_")],
        [rank for rank, name in enumerate(names) if name.lower().endswith(EXTENSIONS)],
    ):
        if fitting:
            return fitting[0] if len(fitting) == 1 else None
    return None


def _seen(part: Part, sha256: str, kind: Kind, terms: Terms) -> MemberSeen:
    """One file, refused where it is empty or too large; an attachment is refused by the rows that name it (ATT-*)."""
    found = None
    size, limit = part.size_bytes, terms.flow.file_bytes_max
    if kind is Kind.ENCLOSED:
        pass
    elif size == 0:
        found = finding(terms, codes.FIL_001, "inner file", member=part.name)
    elif size > limit:
        found = finding(
            terms, codes.FIL_002, "inner file", member=part.name, value=str(size), size_bytes=size, limit=limit
        )
    return MemberSeen(part.name, size, kind, part.offset, sha256, 0, () if found is None else (found,))


def _is_text(head: bytes) -> bool:
    return nature(head)[0] in {"text", "blank", "JSON"} or head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
