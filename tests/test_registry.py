"""The tables hold together: codes unique, well formed, documented; the same as the specification where it can be read."""

import csv
import os
import re
import string
import sys
from pathlib import Path

import pytest

from pipeline import codes, flows, frameworks
from pipeline.codes import Severity

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
        ours = (row.stage, row.legacy, row.ctc, row.outcome, row.public_code, row.place, row.confidence, row.policy, row.earned_by)
        assert ours == tuple(
            theirs[c] for c in ("stage", "sev_legacy", "sev_ctc", "outcome", "public_code", "place", "confidence", "policy", "earned_by")
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
