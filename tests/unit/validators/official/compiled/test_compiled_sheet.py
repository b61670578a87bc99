"""Reading a stylesheet: its patterns, rules and tests in their order, and every shape that is refused by its name."""

import re

import pytest
from a_sheet import a_function, a_pattern, a_report, a_rule, a_sheet, a_sheet_of, a_value, a_variable, an_assert

from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.sheet import Function, Unfit, Variable, Words, read
from pipeline.validators.official.compiled.sheet import Test as Said

PLAIN = a_sheet_of(an_assert("x", "[R-1] said", "id-1", "fatal"), a_report("y"))
MIN_TESTS = 2


def changed(before: str, after: str, sheet: bytes = PLAIN, count: int = 1) -> bytes:
    text = sheet.decode()
    assert before in text
    return text.replace(before, after, count).encode()


def test_patterns_stand_in_the_order_in_which_the_sheet_runs_them() -> None:
    sheet = a_sheet(a_pattern(a_rule("x", an_assert("1"))), a_pattern(a_rule("y", an_assert("2"))))
    runs = [f'<xsl:apply-templates select="/" mode="{mode}"/>' for mode in ("M1", "M2")]
    swapped = changed(runs[0], "LATER", changed(runs[1], runs[0], sheet)).replace(b"LATER", runs[1].encode())
    assert [pattern.mode for pattern in read(sheet).patterns] == ["M1", "M2"]
    assert [pattern.mode for pattern in read(swapped).patterns] == ["M2", "M1"]


def test_rules_stand_by_priority_and_the_later_of_two_equals_comes_first() -> None:
    rules = [
        a_rule("a", priority="1"),
        a_rule("b", priority="2"),
        a_rule("c", priority="2"),
        a_rule("d", priority="-0.5"),
    ]
    (pattern,) = read(a_sheet(a_pattern(*rules))).patterns
    assert [(rule.match, rule.priority) for rule in pattern.rules] == [("c", 2), ("b", 2), ("a", 1), ("d", -0.5)]


def test_tests_have_ordinals_in_the_order_of_the_text_and_keep_their_attributes() -> None:
    first, second = read(PLAIN).tests
    assert first == Said(1, "x", False, "id-1", "fatal", (Words("[R-1] said"),))
    assert second == Said(2, "y", True, "", "", (Words("it holds"),))


def test_ordinals_count_through_patterns_however_they_are_run() -> None:
    sheet = a_sheet(
        a_pattern(a_rule("x", an_assert("1"), a_report("2"), priority="1"), a_rule("y", an_assert("3"), priority="2")),
        a_pattern(a_rule("z", an_assert("4"))),
    )
    found = read(sheet)
    assert [test.test for test in found.tests] == ["1", "2", "3", "4"]
    assert [test.ordinal for test in found.patterns[0].rules[0].tests] == [3]


def test_variables_and_tests_of_a_rule_stay_in_their_order() -> None:
    ((rule,),) = (
        pattern.rules
        for pattern in read(a_sheet_of(an_assert("1"), a_variable("v", "x", "xs:string"), a_report("$v"))).patterns
    )
    assert [type(part) for part in rule.content] == [Said, Variable, Said]
    assert rule.content[1] == Variable("v", "x", "xs:string")


def test_a_rule_that_does_not_go_down_says_so() -> None:
    deep, shallow = (
        read(a_sheet(a_pattern(a_rule("x", priority="2"), a_rule("y", priority="1", is_deep=False)))).patterns[0].rules
    )
    assert (deep.is_deep, shallow.is_deep) == (True, False)


def test_variables_functions_and_prefixes_of_the_whole_sheet_are_kept() -> None:
    function = a_function("f", {"t": "xs:string?"}, "$t = $v", a_variable("v", "'a'", "xs:string"))
    found = read(a_sheet_of(an_assert("own:f(x)"), top=a_variable("all", "//x") + function))
    assert found.variables == (Variable("all", "//x"),)
    assert found.functions == (
        Function("own:f", (("t", "xs:string?"),), "xs:boolean", (Variable("v", "'a'", "xs:string"),), "$t = $v"),
    )
    assert found.namespaces["a"] == "urn:a"


def test_a_message_keeps_its_words_and_drops_only_blanks_between_its_values() -> None:
    text = f" said {a_value('x')} \n {a_value('y')}<xsl:text> </xsl:text>end"
    (said,) = read(a_sheet_of(an_assert("x", text))).tests
    assert said.message == (Words(" said "), Words(select="x"), Words(select="y"), Words(" "), Words("end"))


@pytest.mark.parametrize("visited", ["@*|*", "*", "node()", "@*|node()"])
def test_a_rule_may_go_down_in_the_four_ways_that_sheets_use(visited: str) -> None:
    sheet = changed(
        '<xsl:apply-templates select="*" mode="M1"/></xsl:template><xsl:template match="text()"',
        f'<xsl:apply-templates select="{visited}" mode="M1"/></xsl:template><xsl:template match="text()"',
    )
    assert read(sheet).patterns[0].rules[0].is_deep


LOCATED = '<xsl:attribute name="location"><xsl:apply-templates select="." mode="schematron-select-full-path"/></xsl:attribute>'


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("<xsl:stylesheet", "<xsl:transform", "the root element is"),
        ('<xsl:variable name="document-uri">', '<xsl:variable name="other">', "variable other has no select"),
        ("<xsl:output ", "<xsl:key name='k' match='x' use='.'/><xsl:output ", "key at the top"),
        ("<xsl:output ", "<xsl:include href='other.xsl'/><xsl:output ", "include at the top"),
        ('<xsl:template match="/">', '<xsl:template match="/*">', "no template for the document itself"),
        ('<xsl:apply-templates select="/" mode="M1"/>', "", "the document does not run each pattern once"),
        ('<xsl:apply-templates select="/" mode="M1"/>', '<xsl:apply-templates select="/" mode="M2"/>', "the document does not run each"),
        ('<xsl:apply-templates select="/" mode="M1"/>', '<xsl:apply-templates select="/" mode="M1"/>' * 2, "the document does not run each"),
        ('priority="1000"', "", "a rule of mode M1 has no priority of its own"),
        ('priority="1000"', 'priority="high"', "a rule of mode M1 has no priority of its own"),
        ("<xsl:if test", "<xsl:for-each select='x'/><xsl:if test", "for-each in a rule of mode M1"),
        ('<xsl:apply-templates select="*" mode="M1"/></xsl:template><xsl:template match="text()"', '<xsl:apply-templates select="*" mode="M2"/></xsl:template><xsl:template match="text()"', "apply-templates in a rule"),
        ('<xsl:apply-templates select="*" mode="M1"/></xsl:template><xsl:template match="text()"', '<xsl:apply-templates select="x" mode="M1"/></xsl:template><xsl:template match="text()"', "apply-templates in a rule"),
        ('<xsl:apply-templates select="*" mode="M1"/></xsl:template><xsl:template match="text()"', '<xsl:apply-templates select="*" mode="M1"/><xsl:if test="1"/></xsl:template><xsl:template match="text()"', "if after the way down"),
        ('<xsl:apply-templates select="*" mode="M1"/></xsl:template></xsl:stylesheet>', "</xsl:template></xsl:stylesheet>", "mode M1 does not go down by itself"),
        ('<xsl:when test="x"/>', '<xsl:when test="x">said</xsl:when>', "says something where it holds"),
        ('<xsl:when test="x"/>', '<xsl:when test="x"><b/></xsl:when>', "says something where it holds"),
        ('<xsl:when test="x"/>', '<xsl:when test="x"/><xsl:when test="y"/>', "choose in a rule"),
        ("</xsl:if>", "<svrl:failed-assert/></xsl:if>", "if holds more than one assert or report"),
        ('<xsl:if test="y">', '<xsl:if test="y"><b/>', "if holds more than one assert or report"),
        (LOCATED, LOCATED.replace('select="."', 'select=".."'), "a location that is not the full path"),
        (LOCATED, '<xsl:attribute name="location">/x</xsl:attribute><xsl:comment/>', "a location that is not the full path"),
        ("fatal</xsl:attribute>", "<xsl:value-of select='1'/></xsl:attribute>", "attribute in an assert or report"),
        ("<svrl:text>[R-1]", "<svrl:diagnostic/><svrl:text>[R-1]", "diagnostic"),
        ("1+ $preceding", "$preceding", "the place of an element is told in another way"),
        (LOCATED, f"{LOCATED}<xsl:comment/>", "comment in an assert or report"),
        ("[R-1] said", "[R-1] <b>said</b>", "b in a message"),
        ("[R-1] said", "[R-1] <xsl:value-of select='x' separator=','/>", "value-of in a message"),
        ("[R-1] said", "[R-1] <xsl:value-of>x</xsl:value-of>", "value-of in a message"),
        ("[R-1] said", "[R-1] <xsl:text><xsl:value-of select='x'/></xsl:text>", "text in a message"),
    ],
)  # fmt: skip
def test_a_sheet_of_another_shape_is_refused_by_the_name_of_what_is_odd(before: str, after: str, why: str) -> None:
    sheet = changed(before, after)
    if "transform" in after:
        sheet = changed("</xsl:stylesheet>", "</xsl:transform>", sheet)
    with pytest.raises(Unfit, match=why):
        read(sheet)


@pytest.mark.parametrize(
    ("top", "why"),
    [
        ('<xsl:variable name="v"><b/></xsl:variable>', "variable v has no select"),
        ('<xsl:variable name="v" select="1">text</xsl:variable>', "variable v has no select"),
        ('<xsl:function name="own:f"><xsl:sequence select="1"/><xsl:sequence select="2"/></xsl:function>', "function own:f goes on after its result"),
        ('<xsl:function name="own:f"/>', "function own:f has no result"),
        ('<xsl:function name="own:f"><xsl:value-of select="1"/></xsl:function>', "value-of in function own:f"),
        ('<xsl:function name="own:f"><xsl:param name="p" select="1"/><xsl:sequence select="1"/></xsl:function>', "param in function own:f"),
        ('<xsl:function name="own:f"><xsl:sequence>1</xsl:sequence></xsl:function>', "sequence in function own:f"),
        ('<xsl:function name="own:f"><xsl:variable name="v"/><xsl:sequence select="1"/></xsl:function>', "variable v has no select"),
    ],
)  # fmt: skip
def test_a_variable_or_function_of_another_shape_is_refused(top: str, why: str) -> None:
    with pytest.raises(Unfit, match=why):
        read(a_sheet_of(an_assert("x"), top=top))


RUN = '<xsl:apply-templates select="/" mode="M1"/>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (RUN, '<xsl:apply-templates select="/doc/g" mode="M1"/>'),
        (RUN, f'<xsl:if test="/doc/x">{RUN}</xsl:if>'),
        ('version="2.0"', 'version="2.0" xpath-default-namespace="urn:a"'),
        ('version="2.0"', 'version="1.0"'),
        ('version="2.0"', 'version="2.0" default-collation="http://www.w3.org/2005/xpath-functions/collation/html-ascii-case-insensitive"'),
        ("<xsl:output ", '<xsl:template match="doc" mode="#all" priority="5000"/><xsl:output '),
        ("<xsl:output ", '<xsl:template match="doc" mode="M1 M2" priority="5000"/><xsl:output '),
        ('<xsl:template match="text()" priority="-1" mode="M1"/>', '<xsl:template match="text()" priority="-1" mode="M1"><svrl:failed-assert/></xsl:template>'),
    ],
)  # fmt: skip
def test_what_would_give_the_same_rules_another_meaning_is_refused(before: str, after: str) -> None:
    with pytest.raises(Unfit):
        read(changed(before, after))


def test_parameters_and_templates_that_nobody_applies_are_passed_over() -> None:
    more = '<xsl:param name="p"/><xsl:template name="n"/><xsl:template match="x" mode="other"/><b:any xmlns:b="urn:b"/>'
    assert read(changed("<xsl:output ", f"{more}<xsl:output ")) == read(PLAIN)


def test_of_a_sheet_of_another_shape_every_test_is_left_with_the_reason() -> None:
    built = build("pack", changed("<xsl:if test", "<xsl:for-each select='x'/><xsl:if test"), b"")
    assert (built.source, built.tests) == ("", MIN_TESTS)
    assert [(one.ordinal, one.id, one.mode) for one in built.left] == [(1, "pack#1", ""), (2, "pack#2", "")]
    assert {one.why for one in built.left} == {"for-each in a rule of mode M1"}


def test_a_sheet_that_is_no_xml_is_no_sheet() -> None:
    with pytest.raises(Exception, match=re.compile("Start tag expected|Document is empty")):
        read(b"no sheet")
