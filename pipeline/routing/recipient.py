"""The recipient structure (structure destinataire): known, active, public, and does it take this kind of document?"""

from collections.abc import Mapping

from pipeline import codes
from pipeline.frameworks import FRAMEWORKS
from pipeline.routing import directory
from pipeline.routing.case import Case, Facts, Rule, at_framework, at_recipient
from pipeline.siret import has_right_key, is_siret

_PAYER = "financial service"  # next party of the payable pieces: any structure that pays takes them


def is_unknown(seen: Case) -> bool:
    return seen.invoice.recipient is not None and seen.structure is None


def is_inactive(seen: Case) -> bool:
    return not directory.is_active(seen.found, seen.day)


def was_replaced(seen: Case) -> bool:
    return bool(seen.found.successor)


def is_no_siret_structure(seen: Case) -> bool:
    return seen.found.identifier_type != directory.SIRET_TYPE


def has_wrong_key(seen: Case) -> bool:
    return is_siret(seen.siret) and not has_right_key(seen.siret)


def is_listed_with_a_wrong_key(seen: Case) -> bool:
    return seen.terms.switches.siret_luhn != "off" and has_wrong_key(seen)


def takes_no_works(seen: Case) -> bool:
    """A payable piece goes to the financial service, which needs not be a contracting authority."""
    framework = FRAMEWORKS.get(seen.invoice.framework)
    if framework is None or not framework.is_works or framework.next_party == _PAYER:
        return False
    return not (seen.found.is_moa or seen.found.is_moa_only)


def takes_only_works(seen: Case) -> bool:
    """A framework that no table knows is left to FRM-002."""
    framework = FRAMEWORKS.get(seen.invoice.framework)
    return seen.found.is_moa_only and framework is not None and not framework.is_works


def never_tells_payment(seen: Case) -> bool:
    return not seen.found.returns_payment_status


def _siret(seen: Case) -> Facts:
    return {"siret": seen.siret}


def _unknown(seen: Case) -> Facts:
    return {"siret": seen.siret, "snapshot": seen.known.snapshot.name if seen.known.snapshot else ""}


def _inactive(seen: Case) -> Facts:
    structure = seen.found
    if structure.inactive_since is None:
        since, since_fr = "an unknown day", "(date inconnue)"
    else:
        since = since_fr = structure.inactive_since.isoformat()
    return {"siret": seen.siret, "since": since, "since_fr": since_fr, "successor": structure.successor}


def _replaced(seen: Case) -> Facts:
    return {"siret": seen.siret, "successor": seen.found.successor}


def _typed(seen: Case) -> Facts:
    return {"siret": seen.siret, "type": seen.found.identifier_type}


def _framed(seen: Case) -> Facts:
    return {"siret": seen.siret, "framework": seen.invoice.framework}


UNKNOWN = (Rule(codes.RTG_001, is_unknown, at_recipient, _unknown),)

# Where the directory knows the recipient, RTG-005 says it in place of PTY-004.
CHECK_DIGIT = (
    Rule(codes.PTY_004, has_wrong_key, at_recipient, lambda s: {"siret": s.siret, "party": "recipient"}, "siret_luhn"),
)

KNOWN = (
    Rule(codes.RTG_002, is_inactive, at_recipient, _inactive),
    Rule(codes.RTG_003, was_replaced, at_recipient, _replaced),
    Rule(codes.RTG_004, is_no_siret_structure, at_recipient, _typed),
    Rule(codes.RTG_005, is_listed_with_a_wrong_key, at_recipient, _siret),
    Rule(codes.RTG_030, takes_no_works, at_framework, _framed),
    Rule(codes.RTG_031, takes_only_works, at_framework, _framed),
    Rule(codes.RTG_032, never_tells_payment, at_recipient, _siret),
)


def receiver(siret: str, service: str, declared: Mapping[tuple[str, str], str], default: str) -> str:
    """Who gets the pivot: the partner with the longest match (SIRET and service, then SIRET), else the default."""
    return declared.get((siret, service)) or declared.get((siret, "")) or default
