"""Works documents: the flows that take them, and the validator that some of them need."""

import pytest

from pipeline.codes import Severity
from pipeline.frameworks import FRAMEWORKS
from tests.unit.routing.cases import a_structure, an_invoice, knowing, one, rules

AUTHORITY = knowing(a_structure(is_moa=True))
WORKS = {f"A{n}" for n in (4, 5, 6, 7, 8, 10, *range(13, 21), *range(22, 26))}


def earned(framework: str, interface: str, **others) -> list[str]:
    return [r for r in rules(an_invoice(framework=framework, **others), AUTHORITY, interface=interface) if "WRK" in r]


@pytest.mark.parametrize("interface", ["FSO1130A", "FSO1131A", "FSO1137A"])
@pytest.mark.parametrize("framework", sorted(FRAMEWORKS))
def test_a_works_flow_takes_works_documents_alone(framework, interface):
    assert ("WRK-001" in earned(framework, interface)) is (framework not in WORKS)


def test_the_ordinary_flow_is_named_to_whom_chose_the_wrong_one():
    told = one("WRK-001", an_invoice(framework="A9"), AUTHORITY, interface="FSO1131A")

    assert told.severity is Severity.ERROR
    assert told.facts == {"framework": "A9", "code": "FSO1131A", "twin": "FSO1110A"}
    assert (told.at, told.line) == ("BT-23", 3)


def test_where_no_framework_was_given_the_place_of_the_datum_is_told():
    told = one("WRK-001", an_invoice(framework_at=None), AUTHORITY, interface="FSO1130A")

    assert (told.at, told.path, told.facts["framework"]) == ("BT-23 / flow", "", "A1")


def test_a_framework_that_nobody_knows_is_left_to_frm_002():
    assert earned("B1", "FSO1130A") == []


@pytest.mark.parametrize(
    ("interface", "is_said"),
    [("FSO1100A", True), ("FSO1110A", True), ("FSO1117A", True), ("FSO1106A", False), ("FSO1130A", False), ("", False)],
)
def test_works_in_an_ordinary_flow_are_accepted_and_said(interface, is_said):
    assert earned("A4", interface) == (["WRK-002"] if is_said else [])


@pytest.mark.parametrize(
    ("framework", "party", "party_fr"),
    [
        ("A10", "holder", "le titulaire"),
        ("A13", "agent of the group", "le mandataire du groupement"),
        ("A14", "agent of the group", "le mandataire du groupement"),
    ],
)
def test_the_expected_validator_is_named(framework, party, party_fr):
    told = one("WRK-003", an_invoice(framework=framework), AUTHORITY)

    assert (told.severity, told.facts["party"], told.facts["party_fr"]) == (Severity.WARNING, party, party_fr)
    assert earned(framework, "FSO1130A", has_validator=True) == []


@pytest.mark.parametrize("framework", ["A4", "A9", "A12", "A1"])
def test_the_other_frameworks_expect_no_validator_here(framework):
    assert "WRK-003" not in earned(framework, "FSO1100A")
