"""Sheets and documents made by chance: where the compiled program says anything at all, it says what Saxon says.

Where it stops, Saxon is asked in its place, so nothing is claimed then; where it leaves a test out, neither. How often
each happens is bounded below, so that a compiler that gives up everything does not pass.
"""

from collections import Counter

from a_sheet import a_pattern, a_report, a_rule, a_sheet, a_value, a_variable, an_assert, compiled, nodes_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from two_engines import STOPPED, Oracle

from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.program import Stopped

_TEXTS = ["", " ", "1", "2", "1.0", " 2 ", "-1", "2.5", "0.1", "a", "b", "A", "a b", "a-b", "1e1", "true", "2025-01-31"]
_NAMES = ["x", "y", "g"]
_MATCHES = ["doc", "/doc", "g", "x", "//x", "g/x", "*", "g[x]", "x[. = '1']", "*[not(self::y)]", "x | y", "doc//g"]


def _leaves() -> st.SearchStrategy[str]:
    return st.builds(lambda name, text: f"<{name}>{text}</{name}>", st.sampled_from("xxy"), st.sampled_from(_TEXTS))


def _groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    attribute = st.sampled_from(["", "", " n='1'", " n='a'"])
    return st.builds(lambda n, parts: f"<g{n}>{''.join(parts)}</g>", attribute, st.lists(inner, max_size=3))


_ELEMENTS = st.recursive(_leaves(), _groups, max_leaves=6)
_DOCUMENTS = st.builds(lambda parts: f"<doc>{''.join(parts)}</doc>", st.lists(_ELEMENTS, max_size=4))


def _paths() -> st.SearchStrategy[str]:
    step = st.sampled_from(
        ["x", "y", "g", "*", "..", "g/x", "g/y", "*/x", ".//x", ".//*", "x[1]", "g[1]/x", "g[2]", "*:x"]
    )
    start = st.sampled_from(["", "", "", "/doc/", "//", "../", "//g/"])
    held = st.sampled_from(
        ["", "", "[. = '1']", "[. != '']", "[../y]", "[x]", "[not(y)]", "[@n]", "[1]", "[count(*) > 1]", "[. = ../y]"]
    )
    whole = st.builds(lambda a, b, c: f"{a}{b}{c}".replace("/.//", "//").replace("///", "//"), start, step, held)
    return st.one_of(
        whole, whole, st.sampled_from([".", "@n", "g/@n", "//@n", "(x | y)", "(x | g/x)", "//x/..", "(//x)[1]", "/doc"])
    )


def _numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    path = _paths()
    return st.one_of(
        st.sampled_from(["1", "2", "0", "2.5", "0.10", "1e1", "-1"]),
        st.builds("count({})".format, path),
        st.builds("xs:decimal({}[1])".format, path),
        st.builds("number({}[1])".format, path),
        st.builds("sum({})".format, path),
        st.builds("sum({}/xs:decimal(.))".format, path),
        st.builds("string-length({}[1])".format, path),
        st.builds("round({})".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "div", "mod"]), inner),
        st.builds("(if ({}) then {} else {})".format, path, inner, inner),
    )


_NUMBERS = st.recursive(
    st.sampled_from(["1", "2", "0.5", "xs:decimal(x[1])", "count(x)", "number(y[1])"]), _numbers, max_leaves=4
)


def _strings(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(["'1'", "'a'", "''", "' '", "'a b'"]),
        st.builds("string({}[1])".format, _paths()),
        st.builds("normalize-space({}[1])".format, _paths()),
        st.builds("upper-case({})".format, inner),
        st.builds("concat({}, {})".format, inner, inner),
        st.builds("substring({}, {})".format, inner, st.integers(-1, 4)),
        st.builds("substring-before({}, {})".format, inner, inner),
        st.builds("substring-after({}, {})".format, inner, inner),
        st.builds("string-join({}/string(.), {})".format, _paths(), st.sampled_from(["''", "'-'"])),
        st.builds("string({})".format, _NUMBERS),
        st.sampled_from(["name()", "local-name()", "name(*[1])", "replace(x[1], 'a', '')"]),
    )


_STRINGS = st.recursive(st.sampled_from(["'1'", "string(.)", "string(x[1])", "$v"]), _strings, max_leaves=3)


def _truths(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    path, sign = _paths(), st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    value = st.sampled_from(["eq", "ne", "lt", "ge"])
    return st.one_of(
        path,
        st.builds("exists({})".format, path),
        st.builds("empty({})".format, path),
        st.builds("not({})".format, inner),
        st.builds("({} {} {})".format, path, sign, path),
        st.builds("({} {} {})".format, path, sign, _NUMBERS),
        st.builds("({} {} {})".format, _NUMBERS, sign, path),
        st.builds("({} {} {})".format, _NUMBERS, sign, _NUMBERS),
        st.builds("({} {} {})".format, path, st.sampled_from(["=", "!="]), _STRINGS),
        st.builds("({} = ('1', 'a', ''))".format, path),
        st.builds("({} {} {})".format, _STRINGS, sign, _STRINGS),
        st.builds("({} {} {})".format, _STRINGS, value, _STRINGS),
        st.builds("({} {} {})".format, _NUMBERS, value, _NUMBERS),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("({} $w in {} satisfies {})".format, st.sampled_from(["some", "every"]), path, st.sampled_from(
            ["$w = '1'", "$w = $v", "$w/x", "count($w/*) = 1", "$w = ../x", "string-length($w) > 0", "xs:decimal($w) > 1"])),
        st.builds("(if ({}) then {} else {})".format, inner, inner, inner),
        st.builds("matches({}, '^[0-9]')".format, _STRINGS),
        st.builds("contains({}, {})".format, _STRINGS, _STRINGS),
        st.builds("contains(' 1 a b ', concat(' ', {}, ' '))".format, _STRINGS),
        st.builds("({} = tokenize({}, ' '))".format, path, _STRINGS),
        st.builds("(({}) castable as xs:decimal)".format, path),
        st.builds("(distinct-values({}) = {})".format, path, _STRINGS),
    )  # fmt: skip


_TRUTHS = st.recursive(_paths(), _truths, max_leaves=5)
_VALUES = st.one_of(_paths(), _NUMBERS, _STRINGS)
_RULES = st.builds(
    lambda match, named, tests: a_rule(
        match, a_variable("v", named), *(kind(test, f"value: {a_value(value)}") for kind, test, value in tests)
    ),
    st.sampled_from(_MATCHES),
    st.sampled_from(["string(x[1])", "string(.)", "'1'", "normalize-space(.)", "name()"]),
    st.lists(st.tuples(st.sampled_from([a_report, an_assert]), _TRUTHS, _VALUES), min_size=1, max_size=3),
)
_SHEETS = st.builds(
    lambda rules: a_sheet(
        a_pattern(*(rule.replace('priority="1000"', f'priority="{9 - rank}"') for rank, rule in enumerate(rules)))
    ),
    st.lists(_RULES, min_size=1, max_size=2),
)


def test_where_the_program_says_anything_it_says_what_saxon_says(oracle: Oracle) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=200, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_SHEETS, st.lists(_DOCUMENTS, min_size=2, max_size=4))
    def compare(sheet: bytes, documents: list[str]) -> None:
        built = build("pack", sheet, b"")
        if len(built.left) == built.tests:
            seen["left"] += 1
            return
        left = {f"pack#{one.ordinal}" for one in built.left}
        made = compiled(built)
        for document, theirs in zip(documents, oracle.says(sheet, documents), strict=True):
            try:
                hits = made.run(nodes_of(document))
            except Stopped:
                seen[STOPPED] += 1
                continue
            ours = {(hit.id, hit.flag, hit.location, hit.text) for hit in hits}
            if theirs == STOPPED and left:
                continue  # what stopped it may be what was left to it
            assert theirs != STOPPED, document
            assert not isinstance(theirs, str)
            assert ours == {hit for hit in theirs if hit[0] not in left}, document
            seen["hits" if ours else "no hits"] += 1

    compare()
    told = seen["hits"] + seen["no hits"]
    assert told > 300, seen
    assert seen["hits"] > 100, seen
    assert seen["left"] < 40, seen
    assert seen[STOPPED] < told, seen
