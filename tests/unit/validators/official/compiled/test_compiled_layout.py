"""What several lines of a function ask for is worked out once, and only when it is asked for where it may stop."""

from a_sheet import a_report, a_sheet_of, nodes_of, program
from two_engines import STOPPED, ours

from pipeline.validators.official.compiled.layout import layout
from pipeline.validators.official.compiled.pieces import END, PART
from pipeline.validators.official.compiled.runtime import Later

CHEAP, HEAVY = "f(n)", "a(b(c(d(e(f(n))))))"


def part(rank: int) -> str:
    return f"{PART}{rank}{END}"


def test_a_part_that_one_line_asks_for_stands_in_it() -> None:
    assert layout([f"if {part(0)}:"], [(CHEAP, False)]) == ["if f(n):"]


def test_a_part_that_two_lines_ask_for_is_a_variable_ahead_of_the_first() -> None:
    body = ["before()", f"if {part(0)}:", f"if not {part(0)}:"]
    assert layout(body, [(CHEAP, False)]) == ["before()", "p0 = f(n)", "if p0:", "if not p0:"]


def test_a_variable_stands_after_those_it_needs() -> None:
    parts = [(CHEAP, False), (f"g({part(0)})", False)]
    assert layout([f"x = {part(1)}", f"y = {part(1)}", f"z = {part(0)}"], parts) == [
        *("p0 = f(n)", "p1 = g(p0)", "x = p1", "y = p1", "z = p0")
    ]


def test_a_part_within_a_part_that_is_kept_is_asked_for_once() -> None:
    parts = [(CHEAP, False), (f"g({part(0)})", False)]
    assert layout([f"x = {part(1)}", f"y = {part(1)}"], parts) == ["p1 = g(f(n))", "x = p1", "y = p1"]


def test_a_heavy_part_that_may_stop_is_worked_out_later_and_a_light_one_again() -> None:
    assert layout([f"x = {part(0)}", f"y = {part(0)}"], [(HEAVY, True)]) == [
        *(f"p0 = Later(lambda: {HEAVY})", "x = p0()", "y = p0()")
    ]
    assert layout([f"x = {part(0)}", f"y = {part(0)}"], [(CHEAP, True)]) == ["x = f(n)", "y = f(n)"]


def test_a_variable_stands_as_far_in_as_the_line_that_needs_it_first() -> None:
    assert layout(["if z:", f"    x = {part(0)}", f"    y = {part(0)}"], [(CHEAP, False)]) == [
        *("if z:", "    p0 = f(n)", "    x = p0", "    y = p0")
    ]


def test_children_that_several_lines_look_up_are_looked_up_once() -> None:
    assert layout(["x = n[1].get(T1, NONE)", "y = n[1].get(T1, NONE)"], []) == [
        "kT1 = n[1].get(T1, NONE)",
        "x = kT1",
        "y = kT1",
    ]
    assert layout(["x = n[1].get(T1, NONE)", "y = n[1].get(T2, NONE)"], []) == [
        *("k = n[1]", "x = k.get(T1, NONE)", "y = k.get(T2, NONE)")
    ]
    twice = ["x = n[1].get(T1, NONE)", "y = n[1].get(T1, NONE)"]
    assert layout(twice, [], knows_node=False) == twice


def test_what_is_worked_out_later_is_worked_out_once_and_only_when_asked_for() -> None:
    answers = iter(("first", "second"))
    later = Later(lambda: next(answers))
    assert (later(), later()) == ("first", "first")
    Later(lambda: next(answers))
    assert next(answers) == "second"


def test_a_value_that_stops_stops_only_where_it_is_needed() -> None:
    """The shared part is asked for where nothing is compared with it."""
    heavy = "round(sum(x/xs:decimal(.)) * 100) div 100"
    sheet = a_sheet_of(
        a_report(f"y and {heavy} = 1"),
        a_report(f"y and {heavy} = 2"),
        a_report("exists(x)"),
    )
    unasked, asked = "<doc><x>a</x></doc>", "<doc><x>a</x><y/></doc>"
    assert {hit.id for hit in program(sheet).run(nodes_of(unasked))} == {"pack#3"}
    assert ours(sheet, [asked]) == [STOPPED]
