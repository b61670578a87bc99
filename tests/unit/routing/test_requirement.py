"""The matrix of spec 05 section 3: what a recipient asks for, against what an invoice gives. Every cell."""

from dataclasses import replace

import pytest

from pipeline.routing.requirement import Requirement, effective
from tests.unit.routing.cases import a_service, a_structure, an_invoice, found, knowing, one, rules

FLAGS = {
    "no parameter": {},
    "service": {"requires_service": True},
    "commitment": {"requires_commitment": True},
    "either": {"requires_service_or_commitment": True},
    "both": {"requires_service": True, "requires_commitment": True},
}
GIVEN = {
    "nothing given": {},
    "service known": {"service": "ACHATS"},
    "service asking for a commitment": {"service": "TRAVAUX"},
    "service unknown": {"service": "X9Q7"},
    "service label": {"service": "Service des achats"},
    "service inactive": {"service": "ANCIEN"},
    "commitment": {"commitment": "1234567890"},
    "both known": {"service": "ACHATS", "commitment": "1234567890"},
    "both known, service asking for it": {"service": "TRAVAUX", "commitment": "1234567890"},
    "unknown service, commitment": {"service": "X9Q7", "commitment": "1234567890"},
}
ROWS = {
    #                                     no parameter  service       commitment             either        both
    "nothing given":                     ("",           "RTG-020",    "RTG-021",             "RTG-022",    "RTG-023"),
    "service known":                     ("",           "",           "RTG-021",             "",           "RTG-023"),
    "service asking for a commitment":   ("RTG-024",    "RTG-024",    "RTG-021",             "RTG-024",    "RTG-023"),
    "service unknown":                   ("RTG-010",    "RTG-010",    "RTG-010 RTG-021",     "RTG-010",    "RTG-010 RTG-023"),
    "service label":                     ("RTG-014",    "RTG-014",    "RTG-014 RTG-021",     "RTG-014",    "RTG-014 RTG-023"),
    "service inactive":                  ("RTG-011",    "RTG-011",    "RTG-011 RTG-021",     "RTG-011",    "RTG-011 RTG-023"),
    "commitment":                        ("",           "RTG-020",    "",                    "",           "RTG-023"),
    "both known":                        ("",           "",           "",                    "",           ""),
    "both known, service asking for it": ("",           "",           "",                    "",           ""),
    "unknown service, commitment":       ("RTG-010",    "RTG-010",    "RTG-010",             "RTG-010",    "RTG-010"),
}  # fmt: skip
CELLS = [
    (flags, given, refusals.split()) for given, row in ROWS.items() for flags, refusals in zip(FLAGS, row, strict=True)
]
SERVICES = (
    a_service("ACHATS", "Service des achats"),
    a_service("TRAVAUX", "Direction des travaux", requires_commitment=True),
    a_service("ANCIEN", "Ancien service", is_active=False),
)


@pytest.mark.parametrize(("flags", "given", "refusals"), CELLS, ids=[f"{f} / {g}" for f, g, _ in CELLS])
def test_each_cell_of_the_requirement_matrix(flags, given, refusals):
    known = knowing(a_structure(services=SERVICES, **FLAGS[flags]))

    assert [f.rule for f in found(an_invoice(**GIVEN[given]), known) if f.refuses] == refusals


@pytest.mark.parametrize(
    ("either", "service", "commitment", "wanted"),
    [
        (True, True, True, Requirement.SERVICE_OR_COMMITMENT),
        (True, True, False, Requirement.SERVICE_OR_COMMITMENT),
        (True, False, True, Requirement.SERVICE_OR_COMMITMENT),
        (True, False, False, Requirement.SERVICE_OR_COMMITMENT),
        (False, True, True, Requirement.SERVICE_AND_COMMITMENT),
        (False, True, False, Requirement.SERVICE),
        (False, False, True, Requirement.COMMITMENT),
        (False, False, False, Requirement.NONE),
    ],
)
def test_the_flag_one_of_the_two_stands_above_the_others(either, service, commitment, wanted):
    flags = {
        "requires_service_or_commitment": either,
        "requires_service": service,
        "requires_commitment": commitment,
    }

    assert effective(a_structure(**flags)) is wanted


@pytest.mark.parametrize(
    ("flags", "given", "places"),
    [
        ("no parameter", "both known", ["BT-10", "BT-13"]),
        ("service", "both known", ["BT-13"]),
        ("commitment", "both known", ["BT-10"]),
        ("either", "both known", []),
        ("both", "both known", []),
        ("no parameter", "both known, service asking for it", ["BT-10"]),
        ("no parameter", "service inactive", []),
        ("no parameter", "service unknown", []),
    ],
)
def test_what_is_given_freely_is_kept_and_said(flags, given, places):
    known = knowing(a_structure(services=SERVICES, **FLAGS[flags]))
    kept = [f for f in found(an_invoice(**GIVEN[given]), known) if f.rule == "RTG-025"]

    assert [f.facts["place"] for f in kept] == places
    assert [f.at for f in kept] == places


def test_an_empty_element_is_nothing_given():
    known = knowing(a_structure(services=SERVICES, **FLAGS["both"]))

    assert rules(an_invoice(service="", commitment=""), known) == ["RTG-023"]


@pytest.mark.parametrize(
    ("given", "missing", "missing_fr"),
    [
        ({}, "service and commitment", "le code service et le numéro d'engagement"),
        ({"service": "ACHATS"}, "commitment", "le numéro d'engagement"),
        ({"commitment": "1234567890"}, "service", "le code service"),
    ],
)
def test_of_both_what_is_missing_is_named(given, missing, missing_fr):
    known = knowing(a_structure(services=SERVICES, **FLAGS["both"]))
    facts = one("RTG-023", an_invoice(**given), known).facts

    assert (facts["missing"], facts["missing_fr"]) == (missing, missing_fr)


@pytest.mark.parametrize(
    ("flags", "refusals"),
    [
        ("no parameter", ["RTG-026"]),
        ("commitment", ["RTG-021", "RTG-026"]),
        ("either", ["RTG-026"]),
        ("service", ["RTG-010"]),
        ("both", ["RTG-010", "RTG-023"]),
    ],
)
def test_a_structure_without_services_uses_none_unless_it_asks_for_one(flags, refusals):
    known = knowing(a_structure(**FLAGS[flags]))

    assert [f.rule for f in found(an_invoice(service="ACHATS"), known) if f.refuses] == refusals


def test_a_missing_datum_is_told_at_its_place_in_the_model():
    known = knowing(a_structure(services=SERVICES, **FLAGS["service"]))
    missing = one("RTG-020", an_invoice(), known)

    assert (missing.at, missing.path, missing.member, missing.facts["siret"]) == (
        "BT-10",
        "",
        "facture.xml",
        "20009999200014",
    )


def test_the_service_that_asks_for_a_commitment_is_named_where_it_stands():
    known = knowing(a_structure(services=SERVICES))
    missing = one("RTG-024", an_invoice(service="TRAVAUX"), known)

    assert (missing.at, missing.line, missing.value, missing.facts["service"]) == ("BT-10", 6, "TRAVAUX", "TRAVAUX")


def test_nothing_is_said_of_service_and_commitment_when_the_recipient_is_unknown():
    assert rules(an_invoice(service="X9Q7"), knowing()) == ["RTG-001"]
    assert rules(replace(an_invoice(service="X9Q7"), recipient=None), knowing()) == []
