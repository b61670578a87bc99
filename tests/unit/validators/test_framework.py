"""Which frameworks exist, and which flow takes them."""

import pytest
from a_invoice import CTC, an_invoice, earned, judged, of_type, siret, text, the

from pipeline.flows import open_codes


def framed(code, **changes):
    return an_invoice(framework=text(code, "BT-23"), **changes)


def families(invoice, interface):
    return {rule for rule in earned(invoice, interface) if rule.startswith(("FRM", "IDN"))}


@pytest.mark.parametrize("code", ["B1", "S1", "M1", "B7", "S7", "M4", "S5"])
def test_a_framework_of_the_reform_is_told_by_idn_006_alone(code):
    found = judged(framed(code))
    assert [f.rule for f in found] == ["IDN-006"]
    assert found[0].facts == {"framework": code, "code": "FSO1100A"}
    assert earned(framed(code), terms=CTC) == set()


@pytest.mark.parametrize("code", ["A0", "A28", "a1", "A01", "1", "FACTURE"])
def test_what_is_no_framework_is_unknown(code):
    assert families(framed(code), "FSO1100A") == {"FRM-002"}


@pytest.mark.parametrize("code", ["A11", "A26", "A27"])
def test_a_framework_that_is_not_offered_is_told_by_frm_003_alone(code):
    assert families(framed(code), "FSO1100A") == {"FRM-003"}


@pytest.mark.parametrize("interface", open_codes())
def test_the_tax_refund_is_told_by_frm_006_alone_in_every_flow(interface):
    assert families(framed("A21"), interface) == {"FRM-006"}


@pytest.mark.parametrize(
    ("interface", "code", "expected"),
    [
        ("FSO1100A", "A1", set()),
        ("FSO1117A", "A4", set()),
        ("FSO1110A", "A22", set()),
        ("FSO1100A", "A15", {"FRM-004"}),
        ("FSO1113A", "A25", {"FRM-004"}),
        ("FSO1130A", "A15", set()),
        ("FSO1137A", "A5", set()),
        ("FSO1137A", "A1", set()),  # WRK-001 refuses it
        ("FSO1120A", "A3", set()),
        ("FSO1120A", "A1", {"FRM-004"}),
        ("FSO1100A", "A3", {"FRM-005"}),
        ("FSO1131A", "A3", {"FRM-005"}),
    ],
)
def test_a_flow_takes_the_frameworks_of_its_list(interface, code, expected):
    assert families(framed(code), interface) == expected


def test_the_flow_names_what_it_takes():
    facts = the("FRM-004", judged(framed("A5"))).facts
    assert facts == {
        "framework": "A5",
        "code": "FSO1100A",
        "allowed": "A1, A2, A4, A7, A8, A9, A10, A12, A13, A14, A22",
    }


@pytest.mark.parametrize(("code", "who"), [("A9", "holder"), ("A12", "agent of the group")])
def test_a_subcontractor_and_a_joint_contractor_name_who_validates(code, who):
    assert the("FRM-007", judged(framed(code))).facts == {"framework": code, "validator": who}
    named_only = of_type("", "")
    assert "FRM-007" in earned(framed(code, validator=named_only))
    assert families(framed(code, validator=siret("12345678200028", "validator")), "FSO1100A") == set()


def test_a_validator_is_expected_only_for_works_claims():
    assert families(framed("A10"), "FSO1100A") == set()


@pytest.mark.parametrize(
    ("extension", "profile", "expected"),
    [("A1", "A1", False), ("A1", "A9", True), ("A1", "B1", False), ("X", "A1", False)],
)
def test_two_places_of_a_framework_agree_where_both_are_a_coded(extension, profile, expected):
    invoice = framed("A1", framework_extension=text(extension, "BT-23"), framework_profile=text(profile, "BT-23"))
    assert ("FRM-008" in earned(invoice)) is expected


def test_no_framework_is_a1_and_the_verdict_says_so():
    found = the("FRM-001", judged(an_invoice(framework=None)))
    assert (found.severity, found.at, found.path) == ("info", "BT-23", "/Invoice")
    assert earned(an_invoice(framework=None), "FSO1120A") == {"FRM-001", "FRM-004"}
