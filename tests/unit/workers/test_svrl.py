"""The answer of a sheet, read into hits."""

from pipeline.validators.official.told import HITS_MAX
from pipeline.workers import svrl

NAMESPACE = "http://purl.oclc.org/dsdl/svrl"


def an_answer(*said: str) -> str:
    return f'<svrl:schematron-output xmlns:svrl="{NAMESPACE}"><svrl:active-pattern/>{"".join(said)}</svrl:schematron-output>'


def an_assertion(text: str, **attributes: str) -> str:
    shown = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<svrl:failed-assert{shown}><svrl:text>{text}</svrl:text></svrl:failed-assert>"


def test_nothing_fired_gives_nothing() -> None:
    assert svrl.hits(an_answer('<svrl:fired-rule context="x"/>'), "p") == []


def test_the_id_at_the_head_of_the_text_comes_first() -> None:
    answer = an_answer(an_assertion("\n  [BR-FR-01/BT-1] : no", id="BR-FR-01_BT-1-1", flag="fatal", location="/a[1]"))
    assert svrl.hits(answer, "p") == [("BR-FR-01/BT-1", "fatal", "/a[1]", "[BR-FR-01/BT-1] : no", False)]


def test_the_attribute_comes_second() -> None:
    assert (
        svrl.hits(an_answer(an_assertion("Not allowed", id="FX-SCH-A-000026", ordinal="7")), "p")[0][0]
        == "FX-SCH-A-000026"
    )


def test_a_bracket_that_holds_a_sentence_is_no_id() -> None:
    assert svrl.hits(an_answer(an_assertion("[see the norm] no", id="R-1")), "p")[0][0] == "R-1"


def test_a_report_without_an_id_is_named_by_pack_and_ordinal() -> None:
    report = '<svrl:successful-report ordinal="612" location="/a[1]"><svrl:text>Element marked</svrl:text></svrl:successful-report>'
    assert svrl.hits(an_answer(report), "facturx-basic") == [("facturx-basic#612", "", "/a[1]", "Element marked", True)]


def test_blanks_are_one_and_a_no_break_space_stays() -> None:
    assert svrl.hits(an_answer(an_assertion(" a\n\t b\u00a0: c ", id="R")), "p")[0][3] == "a b\u00a0: c"


def test_a_text_is_cut_and_an_assertion_may_have_none() -> None:
    answer = an_answer(an_assertion("x" * 12_000_000, id="R"), '<svrl:failed-assert id="S"/>')
    found = svrl.hits(answer, "p")
    assert [(rule, len(text)) for rule, _, _, text, _ in found] == [("R", svrl.TEXT_CHARS_MAX), ("S", 0)]


def test_beyond_the_cap_what_may_refuse_is_kept() -> None:
    many = [an_assertion("w", id="W", flag="warning")] * HITS_MAX
    found = svrl.hits(an_answer(*many, an_assertion("f", id="F", flag="fatal")), "p")
    assert len(found) == HITS_MAX
    assert [row[0] for row in found].count("F") == 1


def test_where_some_assertions_are_asked_for_the_others_do_not_count() -> None:
    answer = an_answer(*(an_assertion("no", id=f"R-{rank}", ordinal=str(rank)) for rank in (1, 2, 3)))
    assert [hit[0] for hit in svrl.hits(answer, "p", {1, 3})] == ["R-1", "R-3"]
    assert svrl.hits(answer, "p", {9}) == []
    assert len(svrl.hits(answer, "p")) == 3


def test_the_cap_counts_only_the_assertions_that_are_asked_for() -> None:
    wanted, others = an_assertion("no", id="R-1", ordinal="1"), an_assertion("no", id="R-2", ordinal="2")
    answer = an_answer(*([others] * HITS_MAX), wanted)
    assert [hit[0] for hit in svrl.hits(answer, "p", {1})] == ["R-1"]
