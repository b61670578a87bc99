"""Rules on references: service, commitment, market, contract, supporting documents (family REF). Only their form:
whether a service or a commitment exists is asked in routing.
"""

import re
from collections.abc import Iterator

from pipeline import codes
from pipeline.codes import Severity
from pipeline.model import Finding, Invoice, Kind, Level, Party, Places, Received
from pipeline.terms import LEGACY, Terms
from pipeline.validators.header import listed
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, apply
from pipeline.values import Text

SUPPORTING_MAX = 50  # BR-FR-CPRO-30
_PUBLIC_MARKETS = frozenset({"marché public", "marche public", "marche"})
_LEGACY_CONTRACTS = _PUBLIC_MARKETS | {"contrat", "bon de commande", "engagement"}
_REFORM_CONTRACTS = frozenset({"MARCHE", "CONTRAT"})
# Four digits of year, ten letters or digits at most, two digits per amendment (public procurement code, annex 15).
_NATIONAL_MARKET = re.compile(r"[0-9]{4}[A-Za-z0-9]{1,10}(?:[0-9]{2})*", re.ASCII)
_COMMITMENT = re.compile(r"[A-Z0-9\-_+/]*", re.ASCII)
_NOT_IN_COMMITMENT = re.compile(r"[^A-Za-z0-9\-_+/]", re.ASCII)
_LOWER_CASE = re.compile(r"[a-z]", re.ASCII)


def long_service(subject: Subject) -> Breaches:
    return _too_long(subject.invoice.service.value, subject.terms.legacy.service_max)


def long_commitment(subject: Subject) -> Breaches:
    return _too_long(subject.invoice.commitment.value, subject.terms.legacy.commitment_max)


def long_market(subject: Subject) -> Breaches:
    return _too_long(subject.invoice.market, subject.terms.legacy.market_max)


def not_a_national_market(subject: Subject) -> Breaches:
    """BT-12 holds contracts too: nothing is said of what the document calls a contract, nor of what is too long."""
    market = subject.invoice.market
    if market is None or not market.text or len(market.text) > subject.terms.legacy.market_max:
        return NONE
    if _NATIONAL_MARKET.fullmatch(market.text) is not None:
        return NONE
    kinds = {kind.text.casefold() for kind in subject.invoice.contract_types}
    if "contrat" in kinds and not kinds & _PUBLIC_MARKETS:
        return NONE
    return (Breach(market, {"number": market.text}),)


def odd_characters_in_commitment(subject: Subject) -> Breaches:
    """The character set is the State's: elsewhere in the legacy channel it warns, and for lower case it always does."""
    commitment = subject.invoice.commitment.value
    if commitment is None or _COMMITMENT.fullmatch(commitment.text) is not None:
        return NONE
    text = commitment.text
    odd = _NOT_IN_COMMITMENT.search(text) is not None
    eased = subject.terms.profile == LEGACY and not (odd and subject.is_for_the_state)
    return (
        Breach(
            commitment,
            {"number": text, "characters": listed(_NOT_IN_COMMITMENT if odd else _LOWER_CASE, text)},
            severity=Severity.WARNING if eased else None,
        ),
    )


def unusual_state_commitment(subject: Subject) -> Breaches:
    commitment = subject.invoice.commitment.value
    if commitment is None or not commitment.text or not subject.is_for_the_state:
        return NONE
    if re.fullmatch(subject.terms.switches.state_commitment_regex, commitment.text) is not None:
        return NONE
    return (Breach(commitment, {"number": commitment.text}),)


def despatch_advice(subject: Subject) -> Breaches:
    despatch = subject.invoice.despatch
    return NONE if despatch is None else (Breach(despatch),)


def unknown_contract_types(subject: Subject) -> Iterator[Breach]:
    is_legacy = subject.terms.profile == LEGACY
    for kind in subject.invoice.contract_types:
        is_known = kind.text.casefold() in _LEGACY_CONTRACTS if is_legacy else kind.text in _REFORM_CONTRACTS
        if not is_known:
            yield Breach(kind, {"value": kind.text})


def services_that_differ(subject: Subject) -> Iterator[Breach]:
    """The first place wins; each other place that says something else is told."""
    places = subject.invoice.service.all
    for other in places[1:]:
        first = places[0]
        if other.text != first.text:
            facts = {"a": first.text, "place_a": short_path(first), "b": other.text, "place_b": short_path(other)}
            yield Breach(other, facts)


def long_supporting_references(subject: Subject) -> Iterator[Breach]:
    for reference in subject.invoice.supporting:
        yield from _too_long(reference, SUPPORTING_MAX)


def of_the_state(
    commitment: Text | None, recipient: Text | None, received: Received, interface: str, member: str, terms: Terms
) -> Iterator[Finding]:
    """What depends on the recipient here, asked again of an invoice whose recipient was mapped after it was read."""
    party = Party(identifier=recipient)
    bare = Invoice(Kind.UBL, Level.NONE, 1, "", "", recipient=party, commitment=Places(commitment))
    asked = (rule for rule in REFERENCES if rule.code.id in OF_THE_STATE)
    yield from apply(asked, Subject.of(bare, received, interface, member, terms))


def short_path(text: Text) -> str:
    """The last two steps: the three homes of the service code share their BT."""
    return "/".join(text.path.split("/")[-2:])


def _too_long(text: Text | None, most: int) -> Breaches:
    if text is None or len(text.text) <= most:
        return NONE
    return (Breach(text, {"length": len(text.text)}),)


OF_THE_STATE = frozenset({codes.REF_005.id, codes.REF_006.id})
REFERENCES = (
    Rule(codes.REF_001, long_service),
    Rule(codes.REF_002, long_commitment),
    Rule(codes.REF_003, long_market),
    Rule(codes.REF_004, not_a_national_market),
    Rule(codes.REF_005, odd_characters_in_commitment),
    Rule(codes.REF_006, unusual_state_commitment),
    Rule(codes.REF_007, despatch_advice),
    Rule(codes.REF_008, unknown_contract_types),
    Rule(codes.REF_009, services_that_differ),
    Rule(codes.REF_010, long_supporting_references),
)
