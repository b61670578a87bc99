"""Flow names: the grammar, and a sentence that says what is wrong."""

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.identify import flow_name
from pipeline.terms import Switches, Terms

TERMS = Terms()
GOOD = "FSO1100A_ABC123_ABC1231100000000000000001"


def rules(name, terms=TERMS):
    return [f.rule for f in flow_name(name, terms)[1]]


def why(name):
    [found] = [f for f in flow_name(name, TERMS)[1] if f.rule == "FLW-001"]
    return found.facts["why"]


def test_a_good_name_is_taken_apart():
    parts, found = flow_name(GOOD, TERMS)
    assert found == ()
    assert (parts.code, parts.partner, parts.repeated, parts.repeated_digits, parts.sequence) == (
        "FSO1100A", "ABC123", "ABC123", "1100", "000000000000001",
    )  # fmt: skip


def test_capitals_are_allowed_in_the_sequence():
    assert rules(GOOD[:26] + "00000000000A0Z1") == []


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", "it has 0 characters, not 41"),
        ("FSO1100A", "it has 8 characters, not 41"),
        (GOOD[:-1], "the sequence of 15 characters"),
        (GOOD + "0", "it has 42 characters, not 41"),
        (GOOD.lower(), "the interface code"),
        (GOOD.replace("FSO", "FSX"), "the interface code cannot be 'FSX1100A'"),
        (GOOD.replace("ABC123_", "ABC12_"), "the application code"),
        (GOOD.replace("_ABC", "-ABC", 1), "character '-' at position 9"),
        (GOOD[:22] + "11x0" + GOOD[26:], "the four interface digits cannot be '11x0'"),
        (GOOD[:16] + "abc123" + GOOD[22:], "the repeated application code"),
        (GOOD[:15] + "A" + GOOD[16:], "the second underscore"),
        (GOOD[:8] + "A" + GOOD[9:], "the first underscore"),
        (GOOD[:-1] + "z", "the sequence of 15 characters"),
        (GOOD + "\n", "character '\\n' at position 42"),
        (GOOD[:-1] + "٣", "character '٣' at position 41"),
        ("../" + GOOD[3:], "character '.' at position 1"),
        ("x" * 255, "the interface code cannot be 'xxxxxxxx' (the name has 255 characters, not 41)"),
    ],
)
def test_a_bad_name_is_refused_with_the_part_that_is_wrong(name, part):
    parts, found = flow_name(name, TERMS)
    assert parts is None
    assert part in why(name)
    [finding] = found
    assert finding.value == name
    assert finding.facts["why_fr"] != finding.facts["why"]


@pytest.mark.parametrize(
    ("character", "english", "french"),
    [
        ("\\xff", "character '\\xff' at position 41", "caractère « \\xff » à la position 41"),
        (" ", "a blank at position 41", "un espace à la position 41"),
        ("é", "character 'é' at position 41", "caractère « é » à la position 41"),
    ],
)
def test_the_character_that_is_wrong_is_shown_as_its_issuer_knows_it(character, english, french):
    """A byte that is no UTF-8 comes as four characters, of which the backslash alone would say nothing."""
    [found] = flow_name(GOOD[:40] + character, TERMS)[1]
    assert (found.facts["why"], found.facts["why_fr"]) == (english, french)


@pytest.mark.parametrize("extension", [".xml", ".XML", ".tar.gz", ".pdf"])
def test_an_extension_is_ignored_and_told(extension):
    parts, found = flow_name(GOOD + extension, TERMS)
    assert parts is not None
    assert [(f.rule, f.facts["ext"]) for f in found] == [("FLW-015", extension)]


def test_an_extension_is_refused_where_the_switch_says_so():
    strict = Terms(switches=Switches(strict_extension=True))
    parts, found = flow_name(GOOD + ".xml", strict)
    assert parts is not None
    assert [f.rule for f in found] == ["FLW-001"]
    assert ".xml must be removed" in found[0].facts["why"]


@pytest.mark.parametrize("code", ["FSO1103A", "FSO9999A", "FEN1201A", "CSO1100A", "FFE0111A", "FSO1304A", "FSO1100B"])
def test_an_unknown_code_is_refused(code):
    found = flow_name(f"{code}_ABC123_ABC123{code[3:7]}000000000000001", TERMS)[1]
    assert [(f.rule, f.facts["code"]) for f in found] == [("FLW-002", code)]


@pytest.mark.parametrize(
    ("code", "successor"),
    [("FSO1101A", "FSO1106A"), ("FSO1102A", "FSO1100A"), ("FSO1111A", "FSO1116A"), ("FSO1112A", "FSO1110A")],
)
def test_a_withdrawn_code_earns_its_successor_alone(code, successor):
    found = flow_name(f"{code}_ABC123_ABC123{code[3:7]}000000000000001", TERMS)[1]
    assert [(f.rule, f.facts["successor"]) for f in found] == [("IDN-004", successor)]


@pytest.mark.parametrize("code", ["ACT9001A", "CTL9002A"])
def test_the_name_of_a_file_of_ours_is_sound_and_the_sheet_says_who_may_drop_it(code):
    parts, found = flow_name(f"{code}_ABC123_ABC123{code[3:7]}000000000000001", TERMS)
    assert (parts.code, found) == (code, ())


def test_the_application_code_is_repeated():
    [found] = flow_name("FSO1100A_ABC123_ABC1241100000000000000001", TERMS)[1]
    assert (found.rule, found.facts["announced"], found.facts["repeated"]) == ("FLW-003", "ABC123", "ABC124")


def test_other_interface_digits_only_warn():
    [found] = flow_name("FSO1100A_XXX999_XXX9991101000000000000001", TERMS)[1]
    assert (found.rule, found.severity, found.facts["digits"]) == ("FLW-004", "warning", "1101")


def test_every_fault_of_a_name_is_told_at_once():
    assert rules("FSO1101A_ABC123_ABC1241102000000000000001.xml") == ["FLW-015", "IDN-004", "FLW-003", "FLW-004"]


def test_a_rule_that_the_installation_switched_off_is_silent():
    assert rules(GOOD + ".xml", replace(TERMS, severities={"FLW-015": "off"})) == []


@given(st.text(max_size=60))
def test_any_name_gets_an_answer(name):
    parts, found = flow_name(name, TERMS)
    assert (parts is None) == any(f.rule == "FLW-001" for f in found)


@given(st.integers(0, 40), st.sampled_from(string.printable))
def test_one_changed_character_is_either_legal_or_named(at, character):
    name = GOOD[:at] + character + GOOD[at + 1 :]
    parts, found = flow_name(name, TERMS)
    if parts is None:
        assert [f.rule for f in found if f.rule != "FLW-015"] == ["FLW-001"]
    else:
        assert name.isascii()
        assert name.isalnum() or "_" in name
