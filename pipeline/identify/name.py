"""The grammar of a flow name (spec 01-flows section 4), and what exactly is wrong with one that does not follow it."""

import re

from pipeline import codes
from pipeline.flows import INTERFACES
from pipeline.model import Finding, FlowName, finding
from pipeline.terms import Terms

LENGTH = 41
EXTENSIONS = (".tar.gz", ".xml", ".pdf")  # what the channel wants removed before deposit
_PREFIXES = "FSO|FEN|CSO|CSI|CEN|CEI|FFE|CFE"
_GRAMMAR = re.compile(
    rf"({_PREFIXES})([0-9]{{4}})[A-Z]_([A-Z0-9]{{6}})_([A-Z0-9]{{6}})([0-9]{{4}})([0-9A-Z]{{15}})", re.ASCII
)
_OWN = re.compile(r"(ACT|CTL)(9001|9002)A_([A-Z0-9]{6})_([A-Z0-9]{6})(9001|9002)([0-9A-Z]{15})", re.ASCII)
_OTHER = re.compile(r"\\x[0-9a-f]{2}|[^A-Za-z0-9_]", re.ASCII)  # a byte that is no UTF-8 is shown as \xNN
# where each part lies, its pattern, and what it is in English and French
_PARTS = (
    (0, 8, rf"(?:{_PREFIXES})[0-9]{{4}}[A-Z]|(?:ACT9001|CTL9002)A", "the interface code", "le code interface"),
    (8, 9, "_", "the first underscore", "le premier tiret bas"),
    (9, 15, "[A-Z0-9]{6}", "the application code", "le code application"),
    (15, 16, "_", "the second underscore", "le second tiret bas"),
    (16, 22, "[A-Z0-9]{6}", "the repeated application code", "le code application répété"),
    (22, 26, "[0-9]{4}", "the four interface digits", "les quatre chiffres d'interface"),
    (26, LENGTH, "[0-9A-Z]{15}", "the sequence of 15 characters", "la séquence de 15 caractères"),
)


def flow_name(name: str, terms: Terms) -> tuple[FlowName | None, tuple[Finding, ...]]:
    """Read a flow name as dropped. None where it breaks the grammar; every finding of the name comes with it."""
    bare, extension = _without_extension(name)
    found: list[Finding | None] = []
    if extension and terms.switches.strict_extension:
        why, why_fr = f"the extension {extension} must be removed", f"l'extension {extension} doit être retirée"
        found.append(_refused(name, why, why_fr, terms))
    elif extension:
        found.append(finding(terms, codes.FLW_015, "flow name", value=name, ext=extension))
    match = _GRAMMAR.fullmatch(bare) or _OWN.fullmatch(bare)
    if match is None:
        found.append(_refused(name, *_why(bare), terms))
        return None, _given(found)
    parts = FlowName(*match.groups())
    found.append(code_finding(bare[:8], terms))
    if parts.repeated != parts.partner:
        found.append(
            finding(terms, codes.FLW_003, "flow name", value=name, announced=parts.partner, repeated=parts.repeated)
        )
    if parts.repeated_digits != parts.digits:
        found.append(
            finding(terms, codes.FLW_004, "flow name", value=name, digits=parts.repeated_digits, code=bare[:8])
        )
    return parts, _given(found)


def code_finding(code: str, terms: Terms) -> Finding | None:
    """IDN-004 alone for a withdrawn code, FLW-002 for one that is unknown or not open, None for one to be dropped.

    Who may drop it is the sheet's to say (FLW-013).
    """
    row = INTERFACES.get(code)
    if row is not None and row.can_be_dropped:
        return None
    if row is not None and row.successor:
        return finding(terms, codes.IDN_004, "flow name", value=code, code=code, successor=row.successor)
    return finding(terms, codes.FLW_002, "flow name", value=code, code=code)


def _without_extension(name: str) -> tuple[str, str]:
    for extension in EXTENSIONS:
        if name.lower().endswith(extension):
            return name[: -len(extension)], name[-len(extension) :]
    return name, ""


def _refused(name: str, why: str, why_fr: str, terms: Terms) -> Finding | None:
    return finding(terms, codes.FLW_001, "flow name", value=name, name=name, why=why, why_fr=why_fr)


def _why(name: str) -> tuple[str, str]:
    """The first thing that is wrong: a character that no part may hold, a part, then the length."""
    other = _OTHER.search(name)
    if other is not None:
        at, shown = other.start() + 1, other[0]
        if shown == " ":
            return f"a blank at position {at}", f"un espace à la position {at}"
        quoted = f"'{shown}'" if len(shown) > 1 else repr(shown)
        return f"character {quoted} at position {at}", f"caractère « {shown} » à la position {at}"
    for start, end, pattern, part, part_fr in _PARTS:
        piece = name[start:end]
        if re.fullmatch(pattern, piece, re.ASCII) is None and (len(piece) == end - start or end == LENGTH):
            return (
                f"{part} cannot be {piece!r}{_count(name)[0]}",
                f"{part_fr} ne peut pas être « {piece} »{_count(name)[1]}",
            )
        if len(piece) < end - start:
            break
    return f"it has {len(name)} characters, not {LENGTH}", f"il a {len(name)} caractères et non {LENGTH}"


def _count(name: str) -> tuple[str, str]:
    if len(name) == LENGTH:
        return "", ""
    return (
        f" (the name has {len(name)} characters, not {LENGTH})",
        f" (le nom a {len(name)} caractères et non {LENGTH})",
    )


def _given(found: list[Finding | None]) -> tuple[Finding, ...]:
    return tuple(one for one in found if one is not None)
