"""Why a test cannot be seen both ways is read off the sheet, and only where the sheet shows it."""

import pytest

from bench.oracle import reasons, report, rules
from bench.oracle.state import PackState

SHOWN = [
    ("en16931-ubl", "BR-CO-05", "its test is the constant true"),
    ("facturx-en16931", "CII-SR-464", "its test is a tautology, always true"),
    ("facturx-en16931", "PEPPOL-EN16931-R008", "its context has no child element, and its test asks for one"),
    ("br-fr-cii", "BR-FR-DEC-01_BT-111", "the rule before it, test 127, matches every node that it could match"),
    ("extended-ctc-fr-cii", "CII-DT-010", "the rule before it, test 656, matches every node that it could match"),
    ("facturx-extended", "FX-SCH-A-001053", "the rule above it, test 1176, does not let its pattern go down"),
]


@pytest.mark.parametrize(("pack", "rule", "reason"), SHOWN)
def test_the_sheet_shows_why_a_test_goes_one_way_only(pack, rule, reason):
    target = next(one for one in rules.pack(pack).targets if one.id == rule)
    assert reasons.one_way(rules.pack(pack), target) == reason


@pytest.mark.parametrize(
    ("pack", "rule"), [("en16931-ubl", "BR-01"), ("facturx-en16931", "BR-CO-03"), ("br-fr-cii", "BR-FR-DEC-01_BT-110")]
)
def test_an_ordinary_test_has_no_such_reason(pack, rule):
    target = next(one for one in rules.pack(pack).targets if one.id == rule)
    assert reasons.one_way(rules.pack(pack), target) == ""


@pytest.mark.slow
def test_a_constant_counts_as_one_way_only_where_its_context_was_met():
    state = PackState("en16931-ubl", 1, "")
    constants = [one.ordinal for one in rules.pack("en16931-ubl").targets if one.text == "true()"]
    assert report.counts(state) == (0, 0, 979)
    state.held.update(constants)
    assert report.counts(state) == (0, len(constants), 979 - len(constants))


def test_what_was_not_seen_is_listed_with_how_often_it_was_tried():
    state = PackState("br-fr-cii", 1, "", aimed={"+1": [40, 38]})
    state.held.update(range(1, 172))
    lines = list(report.missed(state))
    assert len(lines) == 171
    assert lines[0].endswith("not seen to fire: of 40 mutants made to have it fire, 38 stop the sheet")
