"""The terms: defaults as the specification lists them, overrides in the right order."""

import dataclasses
import os
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline import codes
from pipeline.codes import Severity
from pipeline.terms import CTC, LEGACY, POLICIES, Terms


def test_a_rule_bites_as_its_profile_says():
    assert Terms().severity(codes.FIL_005) is Severity.WARNING
    assert Terms(profile=CTC).severity(codes.FIL_005) is Severity.FATAL


def test_a_rule_that_is_not_applied_or_that_is_a_fault_earns_no_finding():
    assert Terms().severity(codes.GEN_006) is None
    assert Terms().severity(codes.OFF_003) is None
    assert Terms().severity(codes.OFF_006) is None


def test_the_policy_of_a_connection_moves_the_rules_of_its_pack_and_no_others():
    loose = Terms(policies={"facturx": "warning", "pdfa": "off"})
    assert loose.severity(codes.PDF_004) is Severity.WARNING
    assert loose.severity(codes.PDF_007) is None
    assert loose.severity(codes.PDF_003) is Severity.ERROR
    assert loose.severity(codes.XML_010) is Severity.ERROR


def test_an_override_of_the_installation_stands_above_the_policy():
    terms = Terms(policies={"facturx": "error"}, severities={"PDF-004": "info", "GEN-005": "error"})
    assert terms.severity(codes.PDF_004) is Severity.INFO
    assert terms.severity(codes.GEN_005) is Severity.ERROR


@pytest.mark.spec
def test_the_defaults_are_those_of_the_specification():
    folder = os.environ.get("CHORUS_EDI_SPEC")
    if not folder:
        pytest.skip("CHORUS_EDI_SPEC does not name the specification folder")
    published = tomllib.loads(Path(folder, "limits.toml").read_text())
    assert {profile: dict(levels) for profile, levels in POLICIES.items()} == published.pop("policies")
    assert set(POLICIES) == {LEGACY, CTC}
    ours = Terms()
    for section, values in published.items():
        group = getattr(ours, section)
        mine = {f.name: getattr(group, f.name) for f in dataclasses.fields(group)}
        assert {name: _plain(value) for name, value in mine.items()} == values, section


def _plain(value):
    if isinstance(value, Decimal):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, tuple) else value
