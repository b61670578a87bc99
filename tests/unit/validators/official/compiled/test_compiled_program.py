"""A program runs the rules of a sheet: in the order of its answer, up to as many hits as a report takes."""

import pytest
from a_sheet import a_pattern, a_report, a_rule, a_sheet, a_sheet_of, a_value, an_assert, compiled, nodes_of, program

from pipeline.ports import Hit
from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.program import Program, Stopped
from pipeline.validators.official.told import HITS_MAX, TEXT_CHARS_MAX


def ids(made: Program, document: str) -> list[str]:
    return [hit.id for hit in made.run(nodes_of(document))]


def test_hits_come_by_pattern_then_by_node_then_by_test() -> None:
    made = program(
        a_sheet(
            a_pattern(
                a_rule("x", a_report("true()", id="1x"), a_report("true()", id="2x"), priority="1"),
                a_rule("y", a_report("true()", id="y"), priority="2"),
            ),
            a_pattern(a_rule("*", a_report("not(*)", id="*"))),
        )
    )
    told = made.run(nodes_of("<doc><y/><g><x/></g><x/></doc>"))
    assert [(hit.id, hit.location) for hit in told] == [
        *[("y", "/doc[1]/y[1]"), ("1x", "/doc[1]/g[1]/x[1]"), ("2x", "/doc[1]/g[1]/x[1]"), ("1x", "/doc[1]/x[1]"), ("2x", "/doc[1]/x[1]")],
        *[("*", "/doc[1]/y[1]"), ("*", "/doc[1]/g[1]/x[1]"), ("*", "/doc[1]/x[1]")],
    ]  # fmt: skip


def test_a_hit_tells_its_id_flag_place_text_and_kind() -> None:
    made = program(
        a_sheet_of(
            an_assert("y", " [R-1]  said\n once ", "attribute", "fatal"),
            a_report("x", f"= {a_value('x')}", flag="warning"),
        )
    )
    assert made.run(nodes_of("<doc><x> 1  2 </x></doc>")) == (
        Hit("R-1", "fatal", "/doc[1]", "[R-1] said once", False),
        Hit("pack#2", "warning", "/doc[1]", "= 1 2", True),
    )


@pytest.mark.parametrize(
    ("text", "id", "told"),
    [
        ("[R-1] text", "A", "R-1"),
        ("text [R-1]", "A", "A"),
        ("text", "", "pack#1"),
        ("[R 1] text", "A", "A"),
        ("[] text", "", "pack#1"),
        (" \n[R-1]", "", "R-1"),
        ("\u00a0[R-1]", "", "pack#1"),
        (f"[{a_value('x')}] text", "A", "R-x"),
        (f"{a_value('x')} text", "A", "A"),
        (f"[{a_value('y')}] text", "", "pack#1"),
    ],
)
def test_an_id_is_the_head_of_the_message_else_the_attribute_else_the_ordinal(text: str, id: str, told: str) -> None:
    assert ids(program(a_sheet_of(a_report("true()", text, id))), "<doc><x>R-x</x><y>a b</y></doc>") == [told]


def test_a_program_that_finds_nothing_says_nothing() -> None:
    made = program(a_sheet_of(an_assert("x"), a_report("y")))
    assert made.run(nodes_of("<doc><x/></doc>")) == ()
    assert made.run(nodes_of("<other/>")) == ()


def test_a_program_runs_again_and_again_and_keeps_nothing_of_a_document() -> None:
    made = program(a_sheet_of(a_report("sum(//x/xs:decimal(.)) = 3"), a_report("//x = '1'"), match="x"))
    for _ in range(2):
        assert ids(made, "<doc><x>1</x><x>2</x></doc>") == ["pack#1", "pack#2"] * 2
        assert ids(made, "<doc><x>3</x></doc>") == ["pack#1"]
        with pytest.raises(Stopped, match="no decimal"):
            made.run(nodes_of("<doc><x>a</x></doc>"))


def test_why_it_stops_never_quotes_the_document() -> None:
    made = program(a_sheet_of(a_report("xs:decimal(x) = 1 or xs:date(x) = xs:date('2025-01-01')")))
    with pytest.raises(Stopped) as stopped:
        made.run(nodes_of("<doc><x>a secret</x></doc>"))
    assert "secret" not in str(stopped.value)


def test_of_too_many_hits_those_that_may_refuse_the_document_are_told() -> None:
    sheet = a_sheet_of(
        an_assert("false()", flag="warning"), a_report("true()"), an_assert(". != '7'", flag="fatal"), match="x"
    )
    document = "<doc>" + "<x>1</x>" * (HITS_MAX // 2) + "<x>7</x></doc>"
    told = program(sheet).run(nodes_of(document))
    assert len(told) == HITS_MAX
    assert told[0] == Hit("pack#3", "fatal", f"/doc[1]/x[{HITS_MAX // 2 + 1}]", "it does not hold", False)


def test_a_text_has_an_end() -> None:
    made = program(a_sheet_of(a_report("x", a_value("x")), a_report("x", "é" * 2 * TEXT_CHARS_MAX)))
    told = made.run(nodes_of(f"<doc><x>{'a' * 5000}</x></doc>"))
    assert [len(hit.text) for hit in told] == [TEXT_CHARS_MAX] * 2


def test_a_rule_without_tests_hides_those_below_it() -> None:
    made = program(a_sheet(a_pattern(a_rule("g/x", priority="2"), a_rule("x", a_report("true()"), priority="1"))))
    assert [hit.location for hit in made.run(nodes_of("<doc><g><x/></g><x/></doc>"))] == ["/doc[1]/x[1]"]


def test_what_is_left_to_saxon_is_named_and_not_run() -> None:
    built = build("pack", a_sheet_of(a_report("codepoints-to-string(64) = 'x'"), a_report("x"), match="doc"), b"")
    made = compiled(built)
    assert made.left == ((1, "M1"),)
    assert made.pack == "pack"
    assert ids(made, "<doc><x/></doc>") == ["pack#2"]
