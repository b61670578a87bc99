"""Works documents: which flow takes them, and who must have agreed before. The chain of a file is not judged here."""

from pipeline import codes
from pipeline.flows import INTERFACES
from pipeline.frameworks import FRAMEWORKS, is_works
from pipeline.routing.case import Case, Facts, Rule, at_framework

# the ordinary flows that a works flow copies (1100, 1110, 1117): the release note names them as taking works too
_ORDINARY = frozenset(row.twin for row in INTERFACES.values() if row.twin)


def is_no_works_document(seen: Case) -> bool:
    """A framework that no table knows is left to FRM-002."""
    interface = INTERFACES.get(seen.interface)
    framework = FRAMEWORKS.get(seen.invoice.framework)
    return interface is not None and interface.works_only and framework is not None and not framework.is_works


def is_works_in_an_ordinary_flow(seen: Case) -> bool:
    return seen.interface in _ORDINARY and is_works(seen.invoice.framework)


def expected_validator_is_absent(seen: Case) -> bool:
    framework = FRAMEWORKS.get(seen.invoice.framework)
    return framework is not None and framework.validator_mandatory == "expected" and not seen.invoice.has_validator


_PARTIES_FR = {"holder": "le titulaire", "agent of the group": "le mandataire du groupement"}


def _ordinary(seen: Case) -> Facts:
    interface = INTERFACES[seen.interface]
    return {"framework": seen.invoice.framework, "code": interface.code, "twin": interface.twin}


def _party(seen: Case) -> Facts:
    party = FRAMEWORKS[seen.invoice.framework].validator
    return {"framework": seen.invoice.framework, "party": party, "party_fr": _PARTIES_FR[party]}


WORKS = (
    Rule(codes.WRK_001, is_no_works_document, at_framework, _ordinary),
    Rule(codes.WRK_002, is_works_in_an_ordinary_flow, at_framework, lambda s: {"code": s.interface}),
    Rule(codes.WRK_003, expected_validator_is_absent, at_framework, _party),
)
