"""What a recipient asks for (spec 05 section 3): a service, a commitment, one of the two, both; and what is missing."""

from enum import StrEnum

from pipeline import codes
from pipeline.model import Structure
from pipeline.routing import directory
from pipeline.routing.case import Case, Facts, Rule, at_commitment, at_service


class Requirement(StrEnum):
    """Computed from the flags each time, never stored."""

    NONE = "none"
    SERVICE = "service"
    COMMITMENT = "commitment"
    SERVICE_OR_COMMITMENT = "service_or_commitment"
    SERVICE_AND_COMMITMENT = "service_and_commitment"


ASKS_FOR_SERVICE = frozenset({Requirement.SERVICE, Requirement.SERVICE_AND_COMMITMENT})
ASKS_FOR_COMMITMENT = frozenset({Requirement.COMMITMENT, Requirement.SERVICE_AND_COMMITMENT})


def effective(structure: Structure) -> Requirement:
    """The requirement of a structure; its flag "one of the two" stands above the two others."""
    if structure.requires_service_or_commitment:
        return Requirement.SERVICE_OR_COMMITMENT
    if structure.requires_service:
        return Requirement.SERVICE_AND_COMMITMENT if structure.requires_commitment else Requirement.SERVICE
    return Requirement.COMMITMENT if structure.requires_commitment else Requirement.NONE


def service_is_missing(seen: Case) -> bool:
    return effective(seen.found) is Requirement.SERVICE and not seen.has_service


def commitment_is_missing(seen: Case) -> bool:
    return effective(seen.found) is Requirement.COMMITMENT and not seen.has_commitment


def both_are_missing_where_one_is_asked(seen: Case) -> bool:
    either = effective(seen.found) is Requirement.SERVICE_OR_COMMITMENT
    return either and not (seen.has_service or seen.has_commitment)


def one_is_missing_where_both_are_asked(seen: Case) -> bool:
    both = effective(seen.found) is Requirement.SERVICE_AND_COMMITMENT
    return both and not (seen.has_service and seen.has_commitment)


def service_lacks_its_commitment(seen: Case) -> bool:
    """Where the structure itself asks for the commitment, RTG-021 or RTG-023 has said it."""
    asked = seen.service is not None and seen.service.requires_commitment
    return asked and not seen.has_commitment and effective(seen.found) not in ASKS_FOR_COMMITMENT


def service_is_given_freely(seen: Case) -> bool:
    usable = seen.service is not None and directory.is_valid(seen.service, seen.day)
    return usable and effective(seen.found) in {Requirement.NONE, Requirement.COMMITMENT}


def commitment_is_given_freely(seen: Case) -> bool:
    asked = seen.service is not None and seen.service.requires_commitment
    return seen.has_commitment and not asked and effective(seen.found) in {Requirement.NONE, Requirement.SERVICE}


def _siret(seen: Case) -> Facts:
    return {"siret": seen.siret}


def _missing(seen: Case) -> Facts:
    fr = [
        *(() if seen.has_service else ("le code service",)),
        *(() if seen.has_commitment else ("le numéro d'engagement",)),
    ]
    en = [*(() if seen.has_service else ("service",)), *(() if seen.has_commitment else ("commitment",))]
    return {"siret": seen.siret, "missing": " and ".join(en), "missing_fr": " et ".join(fr)}


REQUIREMENT = (
    Rule(codes.RTG_020, service_is_missing, at_service, _siret),
    Rule(codes.RTG_021, commitment_is_missing, at_commitment, _siret),
    Rule(codes.RTG_022, both_are_missing_where_one_is_asked, at_service, _siret),
    Rule(codes.RTG_023, one_is_missing_where_both_are_asked, lambda s: None, _missing),
    Rule(
        codes.RTG_024,
        service_lacks_its_commitment,
        at_service,
        lambda s: {"siret": s.siret, "service": s.service.code if s.service is not None else ""},
    ),
    Rule(codes.RTG_025, service_is_given_freely, at_service, lambda s: {"siret": s.siret, "place": "BT-10"}),
    Rule(codes.RTG_025, commitment_is_given_freely, at_commitment, lambda s: {"siret": s.siret, "place": "BT-13"}),
)
