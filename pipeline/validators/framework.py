"""Rules on the invoicing framework (cadre de facturation, BT-23): which exist, which flow takes them (family FRM).

IDN-006 stands here too: on the legacy channel a framework of the reform says what FRM-002 would say, only better.
"""

import re

from pipeline import codes
from pipeline.flows import Interface
from pipeline.frameworks import FRAMEWORKS
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, given, holds
from pipeline.values import Located

JUSTICE = "A3"
TAX_REFUND = "A21"
ALREADY_PAID = "A2"
_REFORM = re.compile(r"[BSM][0-9]{1,2}", re.ASCII)
_WORKS = tuple(row.code for row in FRAMEWORKS.values() if row.is_works and row.is_open)
_LISTED = tuple(row.code for row in FRAMEWORKS.values() if row.in_e1_list)
_A_CODE = re.compile(r"A[0-9]{1,2}", re.ASCII)


def is_of_the_reform(framework: str) -> bool:
    """B1, S1, M1 and their like: goods, services, both."""
    return _REFORM.fullmatch(framework) is not None


def of_the_reform(subject: Subject) -> Breaches:
    if not is_of_the_reform(subject.framework):
        return NONE
    return (Breach(_place(subject), {"framework": subject.framework, "code": subject.interface.code}),)


def unknown(subject: Subject) -> Breaches:
    if subject.framework in FRAMEWORKS or is_of_the_reform(subject.framework):
        return NONE
    return (Breach(_place(subject), {"framework": subject.framework}),)


def not_open(subject: Subject) -> Breaches:
    row = FRAMEWORKS.get(subject.framework)
    if row is None or row.is_open or row.code == TAX_REFUND:
        return NONE
    return (Breach(_place(subject), {"framework": row.code}),)


def not_listed_for_the_flow(subject: Subject) -> Breaches:
    """What a flow of works (E4, E5) refuses is WRK-001, and A3 elsewhere is FRM-005: neither is told twice."""
    row = FRAMEWORKS.get(subject.framework)
    if row is None or not row.is_open or row.code in allowed(subject.interface):
        return NONE
    if subject.interface.works_only or (row.code == JUSTICE and subject.interface.type != "E3"):
        return NONE
    facts = {"framework": row.code, "code": subject.interface.code, "allowed": ", ".join(allowed(subject.interface))}
    return (Breach(_place(subject), facts),)


def allowed(interface: Interface) -> tuple[str, ...]:
    """The frameworks that a flow takes without a word (07-works section 3)."""
    if interface.type == "E3":
        return (JUSTICE,)
    return _WORKS if interface.works_only else _LISTED


def justice_costs_elsewhere(subject: Subject) -> Breaches:
    if subject.framework != JUSTICE or subject.interface.type == "E3":
        return NONE
    return (Breach(_place(subject), {"code": subject.interface.code}),)


def validator_absent(subject: Subject) -> Breaches:
    row = FRAMEWORKS.get(subject.framework)
    if row is None or row.validator_mandatory != "yes":
        return NONE
    validator = subject.invoice.validator
    if validator is not None and given(validator.identifier):
        return NONE
    return (Breach(_place(subject), {"framework": row.code, "validator": row.validator}),)


def two_places_differ(subject: Subject) -> Breaches:
    """UBL: an A-code in the AIFE extension, another in ProfileID."""
    extension, profile = subject.invoice.framework_extension, subject.invoice.framework_profile
    if extension is None or profile is None or extension.text == profile.text:
        return NONE
    if _A_CODE.fullmatch(extension.text) is None or _A_CODE.fullmatch(profile.text) is None:
        return NONE
    return (Breach(profile, {"a": extension.text, "b": profile.text}),)


def _place(subject: Subject) -> Located:
    return subject.invoice.framework or subject.missing("BT-23")


FRAMEWORK = (
    Rule(codes.IDN_006, of_the_reform),
    holds(codes.FRM_001, lambda s: s.invoice.framework is not None, at=lambda s: s.missing("BT-23")),
    Rule(codes.FRM_002, unknown),
    Rule(codes.FRM_003, not_open),
    Rule(codes.FRM_004, not_listed_for_the_flow),
    Rule(codes.FRM_005, justice_costs_elsewhere),
    holds(codes.FRM_006, lambda s: s.framework != TAX_REFUND, at=_place),
    Rule(codes.FRM_007, validator_absent),
    Rule(codes.FRM_008, two_places_differ),
)
