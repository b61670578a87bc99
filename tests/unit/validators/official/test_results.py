"""Hits of a pack as findings."""

import pytest

from pipeline import codes
from pipeline.codes import Severity
from pipeline.ports import Hit
from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.official import results
from pipeline.validators.official.places import Document, Place

A_DOCUMENT = b"<Invoice><Total>2400,00</Total><Date>a</Date><Date>a</Date></Invoice>"
LOCATION = "/Invoice[1]/Total[1]"
PLACES = Document(safe_xml.parse(A_DOCUMENT, "m.xml", Terms()))


def a_hit(rule: str = "BR-1", flag: str = "", *, is_report: bool = False) -> Hit:
    return Hit(rule, flag, LOCATION, "what the rule says", is_report)


@pytest.mark.parametrize("flag", ["fatal", "error", "", "something new"])
def test_a_failed_assertion_has_the_level_of_the_policy(flag: str) -> None:
    assert results.severity(a_hit(flag=flag), "en16931-ubl", Severity.ERROR, is_listed=True) is Severity.ERROR
    assert results.severity(a_hit(flag=flag), "en16931-ubl", Severity.WARNING, is_listed=True) is Severity.WARNING


def test_what_the_sheet_calls_a_warning_stays_one() -> None:
    assert results.severity(a_hit(flag="warning"), "en16931-ubl", Severity.ERROR, is_listed=True) is Severity.WARNING


def test_a_remark_without_a_flag_is_a_warning() -> None:
    assert results.severity(a_hit(is_report=True), "facturx-basic", Severity.ERROR, is_listed=True) is Severity.WARNING
    flagged = a_hit(flag="fatal", is_report=True)
    assert results.severity(flagged, "facturx-basic", Severity.ERROR, is_listed=True) is Severity.ERROR


def test_a_pack_that_is_only_shown_is_information() -> None:
    assert results.severity(a_hit(flag="fatal"), "br-fr-cii", Severity.INFO, is_listed=True) is Severity.INFO


@pytest.mark.parametrize(
    ("pack", "rule", "is_listed", "expected"),
    [
        ("facturx-en16931", "FX-SCH-A-000556", False, Severity.INFO),
        ("facturx-basic", "FX-SCH-A-000026", False, Severity.INFO),
        ("facturx-en16931", "FX-SCH-A-000556", True, Severity.ERROR),
        ("facturx-minimum", "FX-SCH-A-000026", False, Severity.ERROR),  # there that id is another assertion
        ("facturx-en16931", "BR-1", False, Severity.ERROR),
    ],
)
def test_the_lookup_of_the_guideline_counts_only_where_the_list_can_hold_the_value(
    pack: str, rule: str, is_listed: bool, expected: Severity
) -> None:
    assert results.severity(a_hit(rule), pack, Severity.ERROR, is_listed=is_listed) is expected


def test_a_finding_keeps_the_official_id_and_names_pack_row_place_and_value() -> None:
    found = results.finding(a_hit("BR-CO-15"), codes.OFF_001, "en16931-ubl", Severity.ERROR, PLACES, "m.xml")
    assert (found.rule, found.code, found.pack, found.member) == ("BR-CO-15", "OFF-001", "en16931-ubl", "m.xml")
    assert (found.path, found.value) == ("/Invoice/Total", "2400,00")
    assert found.facts == {"official_id": "BR-CO-15", "text": "what the rule says", "path": "/Invoice/Total"}
    assert set(found.facts) == set(found.row.facts)


def test_the_facts_are_those_of_the_row() -> None:
    found = results.finding(a_hit(), codes.OFF_008, "br-fr-cii", Severity.INFO, PLACES, "m.xml")
    assert set(found.facts) == set(codes.OFF_008.facts)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "Cannot convert string \"2400,00\" to xs:decimal: invalid character ','",
            Place("/Invoice/Total", 1, "2400,00"),
        ),
        ('A sequence of more than one item { (u"a", u"a") } is not allowed', Place("/Invoice/Date[1]", 1, "a")),
        ('Cannot convert string "gone" to xs:date', Place("", 0, "gone")),
        ('Cannot convert string "" to xs:decimal: no digits in value', Place("")),
        ('Cannot convert string "a "quoted" one" to xs:date', Place("", 0, 'a "quoted" one')),
        (f'Cannot convert string "{"9" * 500}" to xs:date', Place("", 0, "9" * 199 + "…")),
        ("Something else", Place("")),
    ],
)
def test_the_value_that_stops_the_engine_is_named_with_its_place(said: str, expected: Place) -> None:
    assert results.culprit(said, PLACES) == expected
