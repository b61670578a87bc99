"""The tables hold together: codes unique, well formed, documented; the same as the specification where it can be read."""

import csv
import os
import re
import string
import sys
from pathlib import Path

import pytest

from fixtures.make import CASES
from pipeline import codes, flows, frameworks
from pipeline.codes import EarnedBy, Severity

ROOT = Path(__file__).parent.parent
SEVERITIES = {*Severity, "off", "-", "fault"}


def rows_of(name: str) -> list[dict[str, str]]:
    folder = os.environ.get("CHORUS_EDI_SPEC")
    if not folder:
        pytest.skip("CHORUS_EDI_SPEC does not name the specification folder")
    with Path(folder, name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", codes.ALL.values(), ids=lambda row: row.id)
def test_a_code_is_well_formed_and_speaks_both_languages(row):
    assert re.fullmatch(r"[A-Z]{3}-[0-9]{3}", row.id)
    assert {row.legacy, row.ctc} <= SEVERITIES
    assert row.place and row.condition and row.corresponds_to and row.confidence
    for text in (row.message_fr, row.message_en, row.remedy_fr, row.remedy_en):
        assert text
        named = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        assert named <= set(row.facts)


def test_french_messages_are_not_the_english_ones():
    same = [r.id for r in codes.ALL.values() if r.message_fr == r.message_en and "{official_id}" not in r.message_fr]
    assert same == []


def test_the_page_of_codes_is_the_catalogue():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_codes
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs" / "codes.md").read_text(encoding="utf-8") == make_codes.page(), "run `make docs`"


@pytest.mark.spec
def test_the_catalogue_is_the_one_of_the_specification():
    published = {row["id"]: row for row in rows_of("rules.csv")}
    assert set(codes.ALL) == set(published)
    for row in codes.ALL.values():
        theirs = published[row.id]
        ours = (
            row.stage,
            row.legacy,
            row.ctc,
            row.outcome,
            row.public_code,
            row.place,
            row.confidence,
            row.policy,
            EarnedBy.LIFECYCLE if theirs["earned_by"] == EarnedBy.LIFECYCLE else row.earned_by,  # it says when, not how
        )
        assert ours == tuple(
            theirs[c]
            for c in (
                "stage",
                "sev_legacy",
                "sev_ctc",
                "outcome",
                "public_code",
                "place",
                "confidence",
                "policy",
                "earned_by",
            )
        ), row.id
        assert ("yes" if row.recyclable else "no") == theirs["recyclable"]
        assert {f.strip() for f in theirs["facts"].split(",") if f.strip()} <= set(row.facts), row.id


@pytest.mark.spec
def test_the_frameworks_are_those_of_the_specification():
    published = {row["code"]: row for row in rows_of("frameworks.csv")}
    assert set(frameworks.FRAMEWORKS) == set(published)
    for row in frameworks.FRAMEWORKS.values():
        theirs = published[row.code]
        assert (row.depositor, row.document, row.circuit, row.validator_mandatory) == tuple(
            theirs[c] for c in ("depositor", "document", "circuit", "validator_mandatory")
        )
        assert row.in_e1_list == (theirs["e1_edi_supplier_list"] == "yes")
        assert row.is_open == (theirs["enabled"] == "yes")


@pytest.mark.spec
def test_the_open_interface_codes_are_those_of_the_specification():
    published = {
        row["code"]: row
        for row in rows_of("flows.csv")
        if row["direction"] == "in" and row["profile"] == "legacy-edi" and row["code"] in flows.INTERFACES
    }
    assert set(flows.INTERFACES) == set(published)
    for row in flows.INTERFACES.values():
        theirs = published[row.code]
        assert (row.type, row.is_open, row.works_only, row.twin) == (
            theirs["type"], theirs["enabled"] == "yes", theirs["works_only"] == "yes", theirs["twin_of"],
        )  # fmt: skip
    opened = {row["code"] for row in rows_of("flows.csv") if row["direction"] == "in" and row["enabled"] == "yes"}
    assert set(flows.open_codes()) == opened


# --- every rule is earned as its row says -----------------------------------------------------------------------------

INTEGRATION = "tests/integration"
# Rules that no committed file can earn, and the test that earns each all the same.
EARNED_BY_A_TEST = {
    "FLW-009": f"{INTEGRATION}/test_bad_input.py::test_the_report_names_rule_place_value_and_remedy",  # 1 GB of holes
    "FIL-002": f"{INTEGRATION}/test_fixtures.py::test_a_member_above_the_limit_of_a_file_is_refused_alone",
    "OFF-008": "tests/unit/cli/test_check.py::test_the_french_rules_are_shown_when_asked_for_and_refuse_nothing",
}
EARNED_BY_UNIT = {
    "DUP-004": "tests/unit/routing/test_duplicates.py::test_of_a_number_of_ones_own_that_was_rejected_it_is_said_that_it_is_never_free_again",
    "LIN-001": "tests/unit/validators/test_lines.py::test_structured_flows_and_fso1110a_want_a_line",
    "VAT-009": "tests/unit/validators/test_generic.py::test_the_case_of_a_rule_earns_it_and_nothing_else",
    "FMT-004": "tests/unit/validators/test_format.py::test_each_element_that_the_mixed_invoice_does_not_know_refuses_it",
    "ATT-012": "tests/unit/validators/test_attachments.py::test_a_type_of_attachment_is_01_or_02",
    "GEN-017": "tests/unit/validators/test_header.py::test_an_invoice_has_fewer_than_a_million_lines",
    "IDN-008": "tests/unit/identify/test_syntax_label.py::test_a_syntax_reserved_to_b2b_refuses_the_deposit",
}
EARNED_BY_FAULT_TEST = {
    "OFF-006": f"{INTEGRATION}/test_faults.py::test_check_without_its_stylesheet_is_a_fault_and_not_a_verdict",
    "RTG-006": f"{INTEGRATION}/test_faults.py::test_without_a_directory_of_the_day_the_flow_waits_until_one_is_imported",
}
LATER = {EarnedBy.RELIABILITY, EarnedBy.LIFECYCLE, EarnedBy.NOT_COLLECTED, EarnedBy.REFORM}


def ids(*kinds: EarnedBy) -> set[str]:
    return {row.id for row in codes.ALL.values() if row.earned_by in kinds}


def fixtures_about() -> dict[str, list[str]]:
    """Rule -> the fixtures that are about it; tests/integration/test_fixtures.py proves that each one earns it."""
    about: dict[str, list[str]] = {}
    for case in CASES:
        if case.about:
            about.setdefault(case.about, []).append(case.path)
    return about


def corpus() -> dict[str, set[str]]:
    """Fixture -> what it earned, as tests/golden/corpus.tsv keeps it."""
    lines = (ROOT / "tests" / "golden" / "corpus.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {path: set(rules.split()) for path, _, _, rules in (line.split("\t") for line in lines)}


def test_every_rule_that_a_fixture_earns_has_its_fixture():
    assert ids(EarnedBy.FIXTURE) == set(fixtures_about()) | set(EARNED_BY_A_TEST)
    assert not set(fixtures_about()) & set(EARNED_BY_A_TEST)


def test_beside_each_fixture_stands_one_that_enters_and_does_not_earn_its_rule():
    entered = [rules for path, rules in corpus().items() if path.split("/")[0] in flows.open_codes()]
    assert [rule for rule in fixtures_about() if all(rule in rules for rules in entered)] == []


def test_the_fixtures_earn_no_rule_that_their_row_leaves_to_something_else():
    ours = {rule for rules in corpus().values() for rule in rules if rule in codes.ALL}
    assert ours <= ids(EarnedBy.FIXTURE)


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        (None, EARNED_BY_A_TEST),
        (EarnedBy.UNIT, EARNED_BY_UNIT),
        (EarnedBy.FAULT_TEST, EARNED_BY_FAULT_TEST),
    ],
    ids=["beside the fixtures", "unit", "fault-test"],
)
def test_every_other_rule_of_today_has_the_test_that_earns_it(kind, tests):
    if kind is not None:
        assert ids(kind) == set(tests)
    for rule, node in tests.items():
        path, _, name = node.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in source, f"{rule}: {node} is gone"


def test_the_page_of_codes_ends_with_the_counts():
    counts = dict.fromkeys(EarnedBy, 0)
    for row in codes.ALL.values():
        counts[row.earned_by] += 1
    page = (ROOT / "docs" / "codes.md").read_text(encoding="utf-8")
    for kind, count in counts.items():
        assert f"| {kind} | {count} |" in page
    print({str(k): n for k, n in counts.items() if k not in LATER}, "later:", sum(counts[k] for k in LATER))
