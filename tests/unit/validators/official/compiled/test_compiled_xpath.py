"""Expressions read into a tree: each form of the grammar, spelt out, and what is not read."""

import pytest

from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Compare,
    Expression,
    Filter,
    For,
    Here,
    If,
    Logic,
    Number,
    Path,
    Root,
    Sequence,
    Step,
    String,
    Union,
    Unread,
    Variable,
    parse,
)

NAMESPACES = {"a": "urn:a"}
ONE, TWO = Number("1", "integer"), Number("2", "integer")
ANYWHERE = Step("descendant-or-self", "node()")


def read(text: str) -> Expression:
    return parse(text, NAMESPACES)


def child(*names: str) -> Path:
    return Path(Here(), tuple(Step("child", name) for name in names))


X, Y = child("x"), child("y")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x", X),
        ("a:x/y", child("{urn:a}x", "y")),
        ("a:*", child("{urn:a}*")),
        ("*:x", child("*:x")),
        ("*", child("*")),
        ("/", Root()),
        ("/x", Path(Root(), (Step("child", "x"),))),
        ("/*", Path(Root(), (Step("child", "*"),))),
        ("//x", Path(Root(), (Step("descendant", "x"),))),
        ("//x[1]", Path(Root(), (ANYWHERE, Step("child", "x", (ONE,))))),
        ("//x[y]", Path(Root(), (Step("descendant", "x", (Y,)),))),
        ("//x[not(y)]", Path(Root(), (Step("descendant", "x", (Call("not", (Y,)),)),))),
        ("x//y", Path(Here(), (Step("child", "x"), Step("descendant", "y")))),
        ("x//y[last()]", Path(Here(), (Step("child", "x"), ANYWHERE, Step("child", "y", (Call("last", ()),))))),
        (".//@n", Path(Here(), (ANYWHERE, Step("attribute", "n")))),
        ("..", Path(Here(), (Step("parent", "node()"),))),
        ("../x", Path(Here(), (Step("parent", "node()"), Step("child", "x")))),
        ("@n", Path(Here(), (Step("attribute", "n"),))),
        ("@a:n", Path(Here(), (Step("attribute", "{urn:a}n"),))),
        ("@*", Path(Here(), (Step("attribute", "*"),))),
        (".", Here()),
        ("./x", Path(Here(), (Step("child", "x"),))),
        ("self::x", Path(Here(), (Step("self", "x"),))),
        ("ancestor::*", Path(Here(), (Step("ancestor", "*"),))),
        ("preceding::x[. = '1']", Path(Here(), (Step("preceding", "x", (Compare("eq", True, Here(), String("1")),)),))),
        ("text()", Path(Here(), (Step("child", "text()"),))),
        ("child::node()", Path(Here(), (Step("child", "node()"),))),
        ("x/name()", Path(Here(), (Step("child", "x"), Call("name", ())))),
        ("x/(y)", Path(Here(), (Step("child", "x"), Y))),
        ("$v/x", Path(Variable("v"), (Step("child", "x"),))),
        ("$v[1]", Filter(Variable("v"), (ONE,))),
        ("(x)[1][2]", Filter(X, (ONE, TWO))),
        ("document('c.xml')/x", Path(Call("document", (String("c.xml"),)), (Step("child", "x"),))),
        ("/x/(y | *)", Path(Root(), (Step("child", "x"), Union((Y, child("*")))))),
        ("x | y union x", Union((X, Y, X))),
        ("1", ONE),
        ("1.50", Number("1.50", "decimal")),
        (".5", Number(".5", "decimal")),
        ("1e2", Number("1e2", "double")),
        ("1E-2", Number("1E-2", "double")),
        ("'it''s'", String("it's")),
        ('"a""b\'c"', String("a\"b'c")),
        ("''", String("")),
        ("()", Sequence(())),
        ("(1, 2)", Sequence((ONE, TWO))),
        ("1, 2", Sequence((ONE, TWO))),
        ("((1))", ONE),
        ("f()", Call("f", ())),
        ("own:f(1, x)", Call("own:f", (ONE, X))),
        ("1 + 2 - 1", Arithmetic("-", Arithmetic("+", ONE, TWO), ONE)),
        ("1 + 2 * 2", Arithmetic("+", ONE, Arithmetic("*", TWO, TWO))),
        ("1 div 2 mod 2 idiv 1", Arithmetic("idiv", Arithmetic("mod", Arithmetic("div", ONE, TWO), TWO), ONE)),
        ("x * 2", Arithmetic("*", X, TWO)),
        ("* * *", Arithmetic("*", child("*"), child("*"))),
        ("x-y", child("x-y")),
        ("x -y", Arithmetic("-", X, Y)),
        ("x = 1", Compare("eq", True, X, ONE)),
        ("x != 1", Compare("ne", True, X, ONE)),
        ("x<=1", Compare("le", True, X, ONE)),
        ("x>=1", Compare("ge", True, X, ONE)),
        ("x<1", Compare("lt", True, X, ONE)),
        ("x>1", Compare("gt", True, X, ONE)),
        *((f"x {word} 1", Compare(word, False, X, ONE)) for word in ("eq", "ne", "lt", "le", "gt", "ge")),
        ("1 or 2 and 1", Logic("or", (ONE, Logic("and", (TWO, ONE))))),
        ("or or and", Logic("or", (child("or"), child("and")))),
        ("if (x) then 1 else 2", If(X, ONE, TWO)),
        ("if", child("if")),
        ("for $v in x return $v", For("for", (("v", X),), Variable("v"))),
        ("some $v in x, $w in $v satisfies $w", For("some", (("v", X), ("w", Variable("v"))), Variable("w"))),
        ("every $v in x satisfies 1", For("every", (("v", X),), ONE)),
        ("for", child("for")),
        ("x cast as xs:boolean", Cast(X, "xs:boolean", False)),
        ("x cast as xs:boolean?", Cast(X, "xs:boolean", True)),
        ("(: a (note :) x", X),
        ("  x\n\t\r", X),
        ("div div div", Arithmetic("div", child("div"), child("div"))),
        ("x[y and 1]", Path(Here(), (Step("child", "x", (Logic("and", (Y, ONE)),)),))),
        ("concat('a', ',', ')')", Call("concat", (String("a"), String(","), String(")")))),
    ],
)  # fmt: skip
def test_an_expression_is_read_into_its_tree(text: str, tree: Expression) -> None:
    assert read(text) == tree


def test_a_minus_before_a_value_and_a_plus_are_arithmetic() -> None:
    """Their own trees may change; that the two are not lost, and not the same, may not."""
    assert len({read("-x"), read("+x"), read("x")}) == 3
    assert read("- -x") != read("-x")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "'' is not expected"),
        ("x y", "'y' is not expected"),
        ("x)", "is not expected"),
        ("(x", "'\\)' is expected"),
        ("x[1", "'\\]' is expected"),
        ("f(1", "'\\)' is expected"),
        ("f(1,)", "is not expected"),
        ("1 +", "is not expected"),
        ("x = ", "is not expected"),
        ("if (x) then 1", "'else' is expected"),
        ("if (x) 1 else 2", "'then' is expected"),
        ("for $v in x satisfies 1", "'return' is expected"),
        ("some $v in x return 1", "'satisfies' is expected"),
        ("for $v of x return 1", "'in' is expected"),
        ("some $v in x, w in y satisfies 1", "'\\$' is expected"),
        ("b:x", "prefix b is not declared"),
        ("@b:n", "prefix b is not declared"),
        ("namespace::x", "axis namespace"),
        ("self::1", "a name is expected"),
        ("@1", "a name is expected"),
        ("comment()", "comment\\(\\) is not compiled"),
        ("element()", "element\\(\\) is not compiled"),
        ("self::element(x)", "'\\)' is expected"),
        ("x castable as xs:decimal", "castable is not compiled"),
        ("x instance of element()", "instance is not compiled"),
        ("x treat as item()", "treat is not compiled"),
        ("x intersect y", "intersect is not compiled"),
        ("x except y", "except is not compiled"),
        ("x is y", "'is' is not expected"),
        ("1 to 2", "'to' is not expected"),
        ("x << y", "'<<' is not expected"),
        ("x ! y", "'!' is not read"),
        ("x || y", "is not expected|is not read"),
        ("'open", "is not read"),
        ("x; y", "';' is not read"),
        ("{x}", "'{' is not read"),
        ("let $v := x return $v", "is not read|is not expected"),
        ("x#1", "'#' is not read"),
        ("$", "is not read|is not expected|a name is expected"),
        ("for $", "is not read|is expected|is not expected|a name is expected"),
        ("x cast as", "is not read|is expected|is not expected|a name is expected"),
        ("child::", "is not read|is expected|is not expected|a name is expected"),
        ("//", "is not expected|a name is expected"),
        ("x/", "is not expected|a name is expected"),
    ],
)
def test_what_the_grammar_does_not_hold_is_not_read(text: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        read(text)
