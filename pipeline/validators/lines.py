"""Rules on the lines of an invoice: there, numbered, typed, with a known delivery site (family LIN)."""

from collections.abc import Iterator

from pipeline import codes
from pipeline.validators.line_amounts import line_name, line_place
from pipeline.validators.rule import Breach, Rule, Subject, holds

TYPES = frozenset({"DETAIL", "REGROUPEMENT", "INFORMATION"})
DESCRIPTION_MAX = 1_024  # BR-FR-CPRO-31
# FSO1110A and its works copy (07-works section 7); the E1 and E4 flows have LIN-002.
WITH_A_LINES_BLOCK = frozenset({"FSO1110A", "FSO1131A"})


def has_its_lines_block(subject: Subject) -> bool:
    return bool(subject.invoice.lines) or subject.interface.code not in WITH_A_LINES_BLOCK


def structured_has_lines(subject: Subject) -> bool:
    return bool(subject.invoice.lines) or subject.interface.type not in {"E1", "E4"}


def unknown_types(subject: Subject) -> Iterator[Breach]:
    for rank, line in enumerate(subject.invoice.lines, start=1):
        if line.type is not None and line.type.text not in TYPES:
            yield Breach(line.type, {"line": line_name(line, rank), "value": line.type.text})


def ids_missing_or_twice(subject: Subject) -> Iterator[Breach]:
    """`id` is empty where a line has none."""
    seen: set[str] = set()
    for line in subject.invoice.lines:
        text = "" if line.id is None else line.id.text
        if not text or text in seen:
            yield Breach(line.id or line_place(line, "BT-126"), {"id": text})
        seen.add(text)


def unknown_sites(subject: Subject) -> Iterator[Breach]:
    """A header site that is too long is told with an empty `line`."""
    most = subject.terms.legacy.site_max
    known = {site.text for site in subject.invoice.sites}
    for site in subject.invoice.sites:
        if len(site.text) > most:
            yield Breach(site, {"line": "", "site": site.text})
    for rank, line in enumerate(subject.invoice.lines, start=1):
        if line.site is not None and (line.site.text not in known or len(line.site.text) > most):
            yield Breach(line.site, {"line": line_name(line, rank), "site": line.site.text})


def long_descriptions(subject: Subject) -> Iterator[Breach]:
    for rank, line in enumerate(subject.invoice.lines, start=1):
        if line.description is not None and len(line.description.text) > DESCRIPTION_MAX:
            yield Breach(line.description, {"line": line_name(line, rank), "length": len(line.description.text)})


LINES = (
    holds(codes.LIN_001, has_its_lines_block, at=lambda s: s.missing("BG-25")),
    holds(codes.LIN_002, structured_has_lines, at=lambda s: s.missing("BG-25")),
    Rule(codes.LIN_003, unknown_types),
    Rule(codes.LIN_004, ids_missing_or_twice),
    Rule(codes.LIN_005, unknown_sites),
    Rule(codes.LIN_006, long_descriptions),
)
