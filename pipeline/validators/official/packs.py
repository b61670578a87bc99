"""Which official packs a document runs under, and what they say of it.

The claim chooses the pack, the policy of the connection its level: `facturx` for the XML of a Factur-X PDF, `en16931`
for a bare document and for EXTENDED-CTC-FR everywhere, `br-fr` for the French rules, which no claim chooses. The reform
holds every document to the rules of its syntax, claimed or not.
"""

import re
from dataclasses import dataclass, replace

from pipeline import codes
from pipeline.codes import Code, Severity
from pipeline.model import Finding, Kind, PackRun
from pipeline.model import finding as make
from pipeline.ports import Hit, Tools, XmlDocument
from pipeline.terms import CTC, Terms
from pipeline.validators.official import results
from pipeline.validators.official.claims import Claim
from pipeline.validators.official.claims import claim as claim_of
from pipeline.validators.official.places import Document
from pipeline.values import Text

UBL_PACKS = ("en16931-ubl", "extended-ctc-fr-ubl", "br-fr-ubl")
CII_PACKS = (
    "facturx-minimum", "facturx-basicwl", "facturx-basic", "facturx-en16931", "facturx-extended", "extended-ctc-fr-cii",
    "br-fr-cii",
)  # fmt: skip
NAMES = CII_PACKS + UBL_PACKS
# names that stand for the pack of the document's own syntax: (UBL, CII)
FAMILIES = {
    "en16931": ("en16931-ubl", "facturx-en16931"),
    "extended-ctc-fr": ("extended-ctc-fr-ubl", "extended-ctc-fr-cii"),
    "br-fr": ("br-fr-ubl", "br-fr-cii"),
}


@dataclass(frozen=True, slots=True)
class Planned:
    """One pack to run, the row its hits are counted under, and the level of the policy."""

    pack: str
    code: Code
    level: Severity
    is_listed: bool = True


def judge(
    document: XmlDocument, claim: Claim, guideline: Text | None, kind: Kind, member: str, tools: Tools
) -> tuple[tuple[Finding, ...], tuple[PackRun, ...]]:
    """Run the packs a document is held to."""
    if kind not in {Kind.UBL, Kind.CII, Kind.FACTURX}:
        return (), ()
    terms = tools.terms
    found = list(_on_the_claim(claim, guideline, member, terms))
    places = Document(document)
    ran: list[PackRun] = []
    for planned in plan(claim, kind, terms):
        ran.append(tools.rules.describe(planned.pack))
        said = tools.rules.run(planned.pack, document)
        if said.stopped:
            found += _on_the_engine(said.stopped, planned, places, member, terms)
        found += (_of(hit, planned, places, member) for hit in said.hits)
    return tuple(found), tuple(ran)


def _of(hit: Hit, planned: Planned, places: Document, member: str) -> Finding:
    level = results.severity(hit, planned.pack, planned.level, is_listed=planned.is_listed)
    return results.finding(hit, planned.code, planned.pack, level, places, member)


def plan(claim: Claim, kind: Kind, terms: Terms) -> tuple[Planned, ...]:
    """The packs of a document, in the order they run: what it claims, the French rules, what was asked for besides."""
    wanted = (_claimed(claim, kind, terms), _french(kind, terms), *_shown(kind, terms))
    return tuple({one.pack: one for one in reversed(wanted) if one is not None}.values())[::-1]


def pack_of(name: str, kind: Kind) -> str:
    """The pack that a name of a pack or of a family stands for in this syntax; empty where it has none."""
    packs = UBL_PACKS if kind is Kind.UBL else CII_PACKS
    if name in FAMILIES:
        return FAMILIES[name][kind is not Kind.UBL]
    return name if name in packs else ""


_GUIDELINE = re.compile(
    rb"<(?:\w+:)?(?:CustomizationID|GuidelineSpecified\w*>\s*<(?:\w+:)?ID)(?:\s[^>]*)?>\s*([^<\s]+)"
)
_UBL = re.compile(rb"urn:oasis:names:specification:ubl:schema:xsd:(?:Invoice|CreditNote)-2")


def expected(head: bytes, terms: Terms) -> tuple[str, ...]:
    """The packs to warm early, by the beginning of a file; a wrong guess costs time, never a verdict."""
    kind = Kind.UBL if _UBL.search(head) else Kind.CII
    guideline = _GUIDELINE.search(head)
    if guideline is None:
        return ()
    return tuple(one.pack for one in plan(claim_of(guideline[1].decode("ascii", "replace"), kind), kind, terms))


def _claimed(claim: Claim, kind: Kind, terms: Terms) -> Planned | None:
    pack = claim.pack or (pack_of("en16931", kind) if terms.profile == CTC else "")
    if not pack:
        return None
    if pack in FAMILIES["extended-ctc-fr"]:
        code = codes.OFF_004
    else:
        code = codes.OFF_002 if kind is Kind.FACTURX else codes.OFF_001
    level = terms.severity(code)
    if level is None:
        return None
    if claim.severity == "warning":
        level = softer(level, Severity.WARNING)
    return Planned(pack, code, level, claim.is_listed)


def _french(kind: Kind, terms: Terms) -> Planned | None:
    level = terms.severity(codes.OFF_003)
    return None if level is None else Planned(pack_of("br-fr", kind), codes.OFF_003, level)


def _shown(kind: Kind, terms: Terms) -> tuple[Planned, ...]:
    level = terms.severity(codes.OFF_008)
    asked = (pack_of(name, kind) for name in terms.shown_packs)
    return () if level is None else tuple(Planned(pack, codes.OFF_008, level) for pack in asked if pack)


def _on_the_claim(claim: Claim, guideline: Text | None, member: str, terms: Terms) -> tuple[Finding, ...]:
    if claim.is_empty:
        found = make(terms, codes.OFF_007, "BT-24", member=member)
    elif not claim.is_known:
        at = guideline or "BT-24"
        found = make(terms, codes.GEN_016, at, member=member, guideline=guideline.text if guideline else "")
    else:
        return ()
    return (found,) if found else ()


def _on_the_engine(said: str, planned: Planned, document: Document, member: str, terms: Terms) -> tuple[Finding, ...]:
    place = results.culprit(said, document)
    facts = {"place": place.path or planned.pack, "text": place.value or said}
    found = make(terms, codes.OFF_005, member=member, value=place.value, **facts)
    if found is None:
        return ()
    level = softer(found.severity, planned.level)
    return (replace(found, severity=level, path=place.path, line=place.line),)


def softer(one: Severity, other: Severity) -> Severity:
    """The one of two levels that bites less: a stopped pack weighs no more than its hits would."""
    order = list(Severity)
    return max(one, other, key=order.index)
