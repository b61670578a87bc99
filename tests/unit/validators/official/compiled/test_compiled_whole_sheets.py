"""What rules, variables, functions, code lists and messages mean together: whole small sheets, in Saxon and compiled."""

import pytest
from a_sheet import (
    a_function,
    a_pattern,
    a_report,
    a_rule,
    a_sheet,
    a_sheet_of,
    a_value,
    a_variable,
    an_assert,
    codes,
)
from sheet_documents import TREES, WORDS, doc, xs, xy
from two_engines import LEFT_TO_SAXON, STOPPED, Oracle, differences, ours

SAID = a_report("true()", "first")
OTHER = a_report("true()", "second")
DEEP = [
    *TREES,
    "<doc><g><g><x>1</x></g></g><g><x>2</x><y><g><x>3</x></g></y></g></doc>",
    "<doc><g n='1'><g n='2'><x>1</x></g></g></doc>",
    "<x><x><x>1</x></x></x>",
]


def pair(first: str, second: str, **more: bool) -> bytes:
    """A pattern of two rules: `first` has the higher priority."""
    deep = more.get("is_deep", True)
    return a_sheet(a_pattern(a_rule(first, SAID, priority="2", is_deep=deep), a_rule(second, OTHER, priority="1")))


@pytest.mark.parametrize(
    "match",
    [
        *("x", "g/x", "/doc", "/doc/g", "//x", "/doc//x", "g//x", "g/g", "*", "/*", "/*/g", "*/x", "doc/*", "x | y", "g/x | /doc/x"),
        *("//g/x | //y", "g/(x | y)", "(g | doc)/x", "(x)[. = '1']", "a:x", "*:x", "a:*", "a:doc/a:g", "/a:doc//a:x", "//a:*", "b:nothing | x"),
        *("x[. = '1']", "g[x]", "g[x]/y", "g[x = '1'][y]/x", "g[not(x)]", "x[../y]", "g[@n = '2']/x", "x[@n]", "g[x]/g"),
        *("*[self::x or self::y]", "*[self::x]", "x[parent::g]", "x[ancestor::g]", "x[not(ancestor::g)]", "*[not(self::doc)]"),
        *("*[ends-with(name(), 'x')]", "*[not(ends-with(name(), 'x'))]", "*[ends-with(name(), 'x') and not(ancestor::g)]"),
        *("*[ancestor::g and self::x]", "x[true()]", "x[number(.) = 1]", "g[number(x[1]) = 1]/x"),
        *("x[upper-case(normalize-space(.)) = 'THREE']", "x[some $v in ../y satisfies $v = .]", "x[tokenize(., ' ') = '1']"),
        *("g[count(x) > 1]/x", "x[preceding::x = .]", "doc/g[x]/x", "g/g//x", "descendant::x", "child::g/child::x"),
        *("x[. = '1' or . = '2']", "x[string-length(.) > 0]", "x[normalize-space()]", "*[local-name() = 'x']", "*[name() = 'p:x']"),
        *("g[x and y]", "*[x]", "*[*]", "/doc[g]/x", "/doc[@n]/g", "/x/x", "x/x", "x//x", "/x//x[. = '1']", "*[count(ancestor::*) = 2]", "(g | /doc)/x"),
        *("x[. = '1'] | x[. = '2']", "x[../y] | g/x[. = '1'] | x[@n]", "g[x] | g[y] | doc[x]", "x[. = '1'] | y | g[@n]"),
    ],
)  # fmt: skip
def test_a_match_meets_the_nodes_that_saxon_finds(match: str, oracle: Oracle) -> None:
    sheet = a_sheet(a_pattern(a_rule(match, a_report("true()", f"{a_value('name()')}: {a_value('.')}"))))
    assert not differences(sheet, DEEP, oracle)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[
            ("x", "g/x"),
            ("g/x", "x"),
            ("x[. = '1']", "x"),
            ("x", "x[. = '1']"),
            ("*[x]", "g"),
            ("*", "x"),
            ("x[y]", "*"),
        ],
        *[
            ("//x", "/doc/x"),
            ("/doc/x", "//x"),
            ("x | y", "*[self::y]"),
            ("g[y]/x | y", "x"),
            ("a:*", "*:x"),
            ("*:x", "x"),
        ],
        *[("x[number(.) = 1]", "x"), ("x[ancestor::g]", "x"), ("*[ends-with(name(), 'y')]", "y"), ("doc", "x")],
    ],
)
def test_of_one_pattern_only_the_first_rule_that_matches_is_run(first: str, second: str, oracle: Oracle) -> None:
    assert not differences(pair(first, second), DEEP, oracle)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *[("g", "x"), ("doc", "x"), ("g[y]", "x"), ("g[@n = '2']", "x"), ("/doc/g", "g/g/x"), ("x", "x"), ("x", "*")],
        *[("g", "*"), ("*[self::g]", "x"), ("g | a:g", "*:x"), ("g[xs:decimal(@n) = 1]", "x"), ("top", "x")],
    ],
)
def test_below_a_rule_that_does_not_go_down_its_pattern_says_nothing(first: str, second: str, oracle: Oracle) -> None:
    assert not differences(pair(first, second, is_deep=False), DEEP, oracle)


def test_a_rule_that_hides_another_may_keep_its_pattern_from_going_down(oracle: Oracle) -> None:
    hidden = a_sheet(
        a_pattern(
            a_rule("g[y]", SAID, priority="3"),
            a_rule("g", SAID, priority="2", is_deep=False),
            a_rule("x", OTHER, priority="1"),
        )
    )
    assert not differences(hidden, DEEP, oracle)


def test_a_rule_without_tests_hides_others_where_its_predicate_holds(oracle: Oracle) -> None:
    sheet = a_sheet(a_pattern(a_rule("x[. = '1']", priority="2"), a_rule("x", SAID, priority="1")))
    assert not differences(sheet, DEEP, oracle)


FORBIDDEN = ["x", "x/y", "g/x", "g/y/z", "g/g/x", "y/@n", "g/@n", "g/g/@n", "x | y/z", "a:x", "g/y/@m"]


def test_what_a_rule_forbids_is_found_on_every_path_and_nowhere_else(oracle: Oracle) -> None:
    """Many paths are looked for at once: one that another one begins with, one in an attribute, one that is forbidden twice."""
    tests = [an_assert(f"not({path})") for path in FORBIDDEN] + [
        an_assert("count(y/z) = 0"),
        a_report("g/g/y"),
        an_assert("not(x)"),
    ]
    inner = [
        "<x/>",
        "<y/>",
        "<z/>",
        "<y n='1'/>",
        "<y m='1'/>",
        "<y><z/></y>",
        "<x><y/></x>",
        "<a:x xmlns:a='urn:a'/>",
        "<z><z/></z>",
    ]
    documents = [
        doc(*written)
        for one in inner
        for written in (
            (one,),
            ("<g>", one, "</g>"),
            ("<g/><g>", one, "</g>"),
            ("<g><g>", one, "</g></g>"),
            ("<h>", one, "</h>"),
        )
    ]
    documents += [doc(), doc("<g n='1'/>"), doc("<g><g n='1'/></g>"), doc("<g/><g><g/><g n=''/></g>"), doc(*inner)]
    for match in ("doc", "g", "*"):
        assert not differences(a_sheet(a_pattern(a_rule(match, *tests))), documents, oracle)


def test_every_pattern_looks_at_every_node(oracle: Oracle) -> None:
    sheet = a_sheet(
        a_pattern(a_rule("x", SAID)), a_pattern(a_rule("g/x", OTHER)), a_pattern(a_rule("*", a_report("@n", "n")))
    )
    assert not differences(sheet, DEEP, oracle)


def test_where_a_predicate_of_a_match_stops_saxon_says_what_matches(oracle: Oracle) -> None:
    documents = [xs("1"), xs("a"), xs("a", "1"), xs("1", "a"), doc(), xs("2")]
    of_match = a_sheet(a_pattern(a_rule("x[xs:decimal(.) = 1]", SAID, priority="2"), a_rule("x", OTHER, priority="1")))
    said = ours(of_match, documents)
    assert [one == LEFT_TO_SAXON for one in said] == [False, True, True, True, False, False]
    assert not set(differences(of_match, documents, oracle)) - {xs("a"), xs("a", "1"), xs("1", "a")}


def test_a_test_that_stops_stops_all(oracle: Oracle) -> None:
    documents = [xs("1"), xs("a"), xs("a", "1"), xs("1", "a"), doc()]
    of_test = a_sheet_of(a_report("xs:decimal(.) = 1"), match="x")
    assert not differences(of_test, documents, oracle)
    assert STOPPED in ours(of_test, documents)


@pytest.mark.parametrize(
    ("select", "test"),
    [
        *[("x", "$v = 'a'"), ("x[1]", "$v = 'a'"), ("string(x)", "$v = 'a'"), ("x | y", "$v = 'a'"), ("x = 'a'", "$v")],
        *[("xs:decimal(x)", "$v = 1"), ("count(x)", "$v = 1"), ("'a'", "$v = x"), ("('a', '71')", "x = $v"), ("..", "$v/doc/x")],
        *[("normalize-space(x)", "$v = 'a b'"), ("exists(x)", "$v and x = 'a'"), ("x", "count($v[. = 'a']) = 1")],
    ],
)  # fmt: skip
def test_a_variable_of_a_rule_is_what_its_expression_is(select: str, test: str, oracle: Oracle) -> None:
    sheet = a_sheet_of(
        a_variable("v", select),
        an_assert(test),
        a_variable("w", "string-length(x[1])"),
        a_report("$w > 2 and exists($v)", f"value: {a_value('$v')}, {a_value('$w')}"),
    )
    documents = [document for document in WORDS if document.count("<x>") < 2]
    assert not differences(sheet, [xs("1"), *documents], oracle)


def test_a_variable_of_the_sheet_is_worked_out_from_the_document(oracle: Oracle) -> None:
    top = a_variable("all", "//x") + a_variable("first", "string((//x)[1])") + a_variable("many", "count(//x)")
    sheet = a_sheet(
        a_pattern(a_rule("x", a_report(". = $first and $many > 1", f"{a_value('$many')} {a_value('$all')}"))),
        a_pattern(a_rule("g", an_assert("x = $first"), a_report("$all = y"))),
        top=top,
    )
    assert not differences(sheet, DEEP, oracle)


TEXT = {"t": "xs:string?"}


@pytest.mark.parametrize(
    ("function", "test"),
    [
        (a_function("f", TEXT, "matches($t, '^[A-Z]+$')"), "own:f(x)"),
        (a_function("f", TEXT, "$t = tokenize($l, '\\s+')", a_variable("l", "'A B  71'", "xs:string")), "not(own:f(x))"),
        (a_function("f", TEXT, "$t = ('a', 'B')"), "every $v in x satisfies own:f($v)"),
        (a_function("f", TEXT, "string-length($t) > 2 and not(starts-with($t, ' '))"), "x[own:f(.)]"),
        (a_function("f", TEXT, "$n mod 2 = 1", a_variable("n", "xs:decimal($t)")), "own:f(x)"),
        (a_function("f", {"a": "xs:string?", "b": "xs:string?"}, "substring($a, 1, 1) = $b"), "own:f(x, '7')"),
        (a_function("f", {"a": "xs:string?", "b": "xs:string?"}, "starts-with($a, $b)"), "own:f(x, y)"),
        (a_function("f", {"e": "element()?"}, "exists($e/../x[. = 'a'])"), "own:f(x)"),
        (a_function("f", {"e": "element()?"}, "count($e/*) > 0"), "own:f(.)"),
        (a_function("f", {"e": "element()?"}, "$e = ('a', 'B')"), "own:f(x)"),
        (a_function("f", {"e": "element()?"}, "normalize-space($e) = 'a b' or $e eq 'a' or contains($e, 'z')"), "own:f(x)"),
        (a_function("f", {"e": "element()?"}, "matches($e, '^[0-9]+$') and xs:decimal($e) > 1"), "own:f(x)"),
        (a_function("f", {"e": "element()?"}, "not($e) or string-length($e) > 2"), "own:f(x)"),
        (a_function("f", TEXT, "if ($t) then $t != 'a' else true()"), "own:f(x)"),
        (a_function("f", TEXT, "normalize-space($t) != ''") + a_function("g", TEXT, "own:f($t) and $t = 'a'"), "own:g(x)"),
        (a_function("f", TEXT, "$t eq 'a'"), "own:f(x)"),
        (a_function("f", TEXT, "string-length($t) le 2"), "own:f(string(x))"),
        (a_function("f", TEXT, "contains($t, 'a')"), "own:f(())"),
    ],
)  # fmt: skip
def test_a_function_of_the_sheet_is_what_its_body_is(function: str, test: str, oracle: Oracle) -> None:
    sheet = a_sheet_of(a_report(test), a_report("x = 'a'"), top=function)
    assert not differences(sheet, WORDS, oracle)


CODES = codes(c1=("A", "B", "71 80", "", "a"), c2=("\u00e9", "'", '"', "a'b", "{x}"), c3=())
LISTED = "document('codes.xml')/codedb/cl[@id={}]/enumeration[@value=$v]"


@pytest.mark.parametrize(
    "test",
    [
        "some $v in x satisfies {1}",
        "every $v in x satisfies {1}",
        "every $v in x satisfies exists({1})",
        "not(some $v in normalize-space(x) satisfies {1})",
        "some $v in x satisfies ({2} or $v = 'A')",
        "some $v in x satisfies ({3} or $v = 'a')",
        "some $v in x satisfies (not({1}) and not({2}))",
        "for $v in normalize-space(x) return {1}",
        "every $v in x satisfies empty({1})",
    ],
)
def test_a_code_list_is_looked_up_as_saxon_does(test: str, oracle: Oracle) -> None:
    written = test
    for rank in "123":
        written = written.replace(f"{{{rank}}}", LISTED.format(rank))
    assert not differences(a_sheet_of(a_report(written)), WORDS, oracle, CODES)


@pytest.mark.parametrize(
    "text",
    [
        "[R-1] words alone",
        " \n [R-2]\t words\u00a0with \n blanks  ",
        "[R 3] no id at the head",
        "[] none",
        "[[R]] none",
        "[R-{0}] an id with a value",
        "{0}[R-1]",
        "{0}",
        "[{0}]",
        "a {0} b {1} c",
        "{0}{1}",
        "  {0}  ",
        "'\"{{}}\\ &lt;&amp;&gt; é \u2028 {0}",
        "<xsl:text> kept </xsl:text>{0}<xsl:text/>",
    ],
)
@pytest.mark.parametrize("id", ["", "R-attribute"])
def test_a_message_is_told_as_saxon_tells_it(text: str, id: str, oracle: Oracle) -> None:
    written = text.replace("{0}", a_value("x")).replace("{1}", a_value("count(x)")).replace("{{}}", "{}")
    sheet = a_sheet_of(a_report("x", written, id, "warning"), an_assert("x", written, id))
    told = [*WORDS, xs("R-9"), xs("a]b"), xs("[Q-1]")]
    mine, theirs = ours(sheet, told), oracle.says(sheet, told)
    for document, a, b in zip(told, mine, theirs, strict=True):
        assert not isinstance(a, str)
        assert not isinstance(b, str)
        assert {hit[1:] for hit in a} == {hit[1:] for hit in b}, document
    assert len(set(theirs)) > 1


def test_locations_are_those_of_the_sheet(oracle: Oracle) -> None:
    sheet = a_sheet(a_pattern(a_rule("*", a_report("true()"))))
    assert not differences(sheet, [*DEEP, xy(("1", "2"), ("3",)), "<a.b-c_d é='1'><é/><é/></a.b-c_d>"], oracle)


@pytest.mark.parametrize(
    ("test", "value"),
    [
        *[("x < 1", "-0"), ("number(x) = 0", "-0.0"), ("x > 1", "NaN"), ("x = 1", "INF"), ("sum(x) > 0", "-INF")],
        *[("xs:date(x) > xs:date('2020-01-01')", "2025-01-01Z"), ("xs:date(x) < xs:date('2020-01-01')", "-0044-03-15")],
        *[("string(number(x)) = 'a'", "1e15"), ("xs:decimal(x) * xs:decimal(x) > 0", "1" * 300)],
    ],
)
def test_what_is_too_rare_to_know_better_than_saxon_is_left_to_it(test: str, value: str, oracle: Oracle) -> None:
    """The program stops and says so by its own name, and the engine asks Saxon, which has an answer."""
    sheet = a_sheet_of(a_report(test))
    assert ours(sheet, [xs(value)]) == [LEFT_TO_SAXON]
    (said,) = oracle.says(sheet, [xs(value)])
    assert said != STOPPED
