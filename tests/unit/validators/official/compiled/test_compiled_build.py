"""What the compiler writes: the same bytes each time, nothing of a sheet as code, and a name for all it leaves out."""

import ast
import os
import subprocess
import sys
from pathlib import Path

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
    compiled,
    nodes_of,
)

from pipeline.adapters.artefacts import PACKS, Artefacts
from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.built import VERSION, Left

RICH = a_sheet(
    a_pattern(
        a_rule("g[x]", a_variable("v", "sum(x/xs:decimal(.))"), an_assert("$v > 1", f"[R] {a_value('$v')}"), a_report("own:f(y)"), priority="3"),
        a_rule("x | y", an_assert(". = ('b', 'a', 'c')"), a_report("contains(' C B A ', concat(' ', ., ' '))"), priority="2"),
    ),
    a_pattern(a_rule("*[not(self::g)]", *(an_assert(f"not(n{n}/m | n{n}/k)") for n in range(9)), an_assert("not(n1/o/@p)"), a_report("//x = . and //x[. = '1']"))),
    top=a_function("f", {"t": "xs:string?"}, "matches($t, '^a+$')") + a_variable("all", "//x"),
)  # fmt: skip
CODES = codes(c1=("B", "A", "C"))


def test_the_same_sheet_gives_the_same_source() -> None:
    assert build("pack", RICH, CODES) == build("pack", RICH, CODES)
    assert not build("pack", RICH, CODES).left


WRITE = """
import sys
from pathlib import Path
from pipeline.validators.official.compiled.build import build
sheet, codes = (Path(name).read_bytes() for name in sys.argv[1:])
sys.stdout.buffer.write(build("pack", sheet, codes).source.encode())
"""


def test_the_source_is_the_same_in_every_process(tmp_path: Path) -> None:
    """Sets of strings have another order in each process: none of them may reach the source."""
    artefacts = Artefacts()
    pack = PACKS["facturx-minimum"]
    (tmp_path / "codes").write_bytes(CODES)
    (tmp_path / "rich").write_bytes(RICH)
    for sheet, listed in (
        (tmp_path / "rich", tmp_path / "codes"),
        (artefacts.path(pack.sheet), artefacts.path(pack.code_list)),
    ):
        written = {
            subprocess.run(
                [sys.executable, "-c", WRITE, str(sheet), str(listed)],
                capture_output=True,
                check=True,
                env=os.environ | {"PYTHONHASHSEED": seed},
                cwd=Path(__file__).parents[5],
            ).stdout
            for seed in ("0", "1", "7")
        }
        assert len(written) == 1
        assert written == {build("pack", sheet.read_bytes(), listed.read_bytes()).source.encode()}


EVIL = "__import__('os').system('true')"
HOSTILE = [
    EVIL,
    f"' + {EVIL} + '",
    f"\\' + {EVIL} #",
    f"\n{EVIL}\n",
    f'"""\n{EVIL}\n"""',
    "{" + EVIL + "}",
    f"\u2028{EVIL}\u2028",
    f"\\N{{COLON}} \\x27 \\u0027 {EVIL}",
    f"#!{EVIL} # -*- coding: utf-7 -*- +ACc-",
    f"%({EVIL})s {{0}} $x `{EVIL}`",
]


def spoken_of(source: str) -> tuple[list[str], set[str]]:
    """The strings of a source, and all other words of it: names, attributes, keywords, imports."""
    strings, words = [], set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant):
            strings += [node.value] if isinstance(node.value, str) else []
            continue
        for field in ("id", "name", "attr", "arg", "module"):
            word = getattr(node, field, None)
            if isinstance(word, str):
                words.add(word)
    return strings, words


def imported(source: str) -> list[str]:
    return [ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)]


def in_xpath(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def in_xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_a_sheet_is_never_code(text: str) -> None:
    said = in_xpath(text)
    own = "".join(letter if letter.isalnum() else "_" for letter in text)
    sheet = a_sheet(
        a_pattern(
            a_rule(
                f"x[. = {said}]",
                a_variable("v", f"concat({said}, x)"),
                an_assert(
                    f"x = {said} or x = ({said}, 'a') or contains(x, {said})",
                    in_xml(text) + a_value("x"),
                    in_xml(text),
                    in_xml(text),
                ),
                a_report(f"not(_{own}/@_{own})", f"[{in_xml(text)}]"),
                a_report(f"contains(' a {text.replace(chr(39), '')} ', concat(' ', x, ' ')) or $v = 'a'"),
                a_report(f"string-join(x, {said}) = substring-after(., {said})"),
                a_report("some $v in x satisfies document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]"),
                priority="2",
            ),
            a_rule(f"_{own} | /doc//_{own}[@_{own} = '1']", a_report(f"//_{own}[. = {said}]"), priority="1"),
        ),
        top=a_variable("g", f"string-join(//x, {said})"),
    ).replace(b"\xe2\x80\xa8", b"&#x2028;")
    built = build(f"pack{text}", sheet, codes(c1=(text, "a")))
    assert [one.why for one in built.left] == []
    strings, words = spoken_of(built.source)
    assert any("system" in string for string in strings)
    ours = {word for word in words if not word[-1].isdigit()}  # T1, r0_0: numbered by us
    assert not {word for word in ours if "import" in word or "system" in word or own in word}
    assert all(word.isascii() for word in words)
    assert imported(built.source) == imported(build("pack", RICH, CODES).source)
    runs = compiled(built)
    told = runs.run(nodes_of(f"<doc><x>{in_xml(text)}</x></doc>".encode()))
    assert runs.pack == f"pack{text}"
    assert "system" in told[0].text


UNKNOWN = [
    ("codepoints-to-string(64)", "function codepoints-to-string with 1 arguments"),
    ("own:g(x)", "function own:g with 1 arguments"),
    ("$nothing", "variable nothing is not known"),
    ("x castable as xs:decimal", "castable is not compiled"),
    ("x/following-sibling::y", "axis following-sibling"),
    ("x/comment()", "comment() is not compiled"),
    ("x/node()", "child::node()"),
    ("x[position() = 2]", "function position with 0 arguments"),
    ("x[last()]", "function last with 0 arguments"),
    ("matches(x, y)", "a regular expression that is not in the sheet"),
    ("matches(x, '\\p{L}')", "the regular expression has \\p"),
    ("replace(x, 'a', '$0') = 'a'", "a replacement that is not plain text"),
    ("replace(x, 'a*', '') = 'a'", "a replacement that is not plain text"),
    ("tokenize(x, 'a*') = 'a'", "tokens between nothing"),
    ("x mod 2 = 1", "mod of double"),
    ("x idiv 2 = 1", "idiv of"),
    ("(1, 'a') = 'a'", "a sequence of several types"),
    ("document('codes.xml')/codedb/cl[@id=9]/enumeration[@value=$v]", "not known|of the known form|not there"),
    ("document(x)/y", "a look-up in a document that is not of the known form"),
    ("document('codes.xml')//enumeration[@value = 'A']", "a look-up in a document that is not of the known form"),
    (
        "some $v in x satisfies document('codes.xml')/codedb/cl[@id=9]/enumeration[@value=$v]",
        "code list 9 is not there",
    ),
    ("x cast as xs:integer = 1", "a cast of untyped as xs:integer"),
    ("xs:date(x) = 1", "date where a number is expected"),
    ("true() = 'a'", "string compared with a boolean"),
    ("'a' eq 1", "string compared with integer"),
    ("x[0]", "a position below 1"),
    ("@*/x", "a step from attribute"),
    ("x/@n/y", "a step from attribute"),
    ("(x | @n) = 'a'", "a union that is not one of elements"),
    ("number(1) = 1", "number() of a number"),
    ("x[number(.)]", "a predicate that gives double"),
    ("x[xs:decimal(.)]", "a predicate that gives decimal"),
    ("string-join((1, 2), ',') = 'a'", "string-join of integer"),
    ("substring(x, 1.5) = 'a'", "substring with a position that is not an integer"),
    ("distinct-values(x/number(.)) = 1", "distinct-values of double"),
    ("name(@n) = 'n'", "the name of what is no element"),
    ("own:f(1)", "where a string is expected"),
    ("own:e('a')", "where an element is expected"),
    ("own:e(x, x)", "function own:e with 2 arguments"),
    ("normalize-space(1) = '1'", "integer where a string is expected"),
    ("1 + 'a' = 1", "string where a number is expected"),
    ("x/ancestor::g", "ancestor::g"),
    ("//@*", "attributes of several elements"),
    ("x ! y", "'!' is not read"),
    ("number(xs:date(x)) = 1", "number() of date"),
    ("descendant::node()", "descendant::node()"),
    ("descendant-or-self::x", "descendant-or-self::x"),
    ("preceding::*", "preceding::*"),
    ("(1, 2)[. = 1] = 1", "a predicate on integer"),
    (
        "some $v in count(x) satisfies document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]",
        "integer looked up in a code list",
    ),
    ("count(document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]) = 1", "variable v is not known"),
    (
        "(some $v in x satisfies count(document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]) = 1)",
        "a count of what is only known to be there",
    ),
    ("not(xs:date(x))", "the truth of date"),
    ("xs:date(x) = 'a'", "string compared with a date"),
    ("xs:decimal(x = 'a') = 1", "boolean as a decimal"),
    ("g/(if (x) then x else y)/z", "nodes of an expression for each of several nodes"),
    ("(for $v in () return $v) = 'a'", "a loop over nothing"),
    ("(if (x) then 1 else 'a') = 'a'", "an if that gives integer or string"),
]


@pytest.mark.parametrize(("test", "why"), UNKNOWN)
def test_what_is_not_understood_is_left_alone_of_its_rule_with_the_reason(test: str, why: str) -> None:
    functions = a_function("f", {"t": "xs:string?"}, "$t = 'a'") + a_function("e", {"t": "element()?"}, "exists($t)")
    sheet = a_sheet_of(an_assert("x", "[A] known"), an_assert(test, "[B] odd"), a_report("y", "known"), top=functions)
    built = build("pack", sheet, CODES)
    (left,) = built.left
    assert (left.ordinal, left.id, left.mode) == (2, "B", "M1")
    assert any(told in left.why for told in why.split("|")), left.why
    assert built.tests == 3
    assert [hit.id for hit in compiled(built).run(nodes_of("<doc><y/></doc>"))] == ["A", "pack#3"]


@pytest.mark.parametrize(
    ("match", "why"),
    [
        ("x[codepoints-to-string(64)]", "function codepoints-to-string"),
        ("x[1]", "a match by position"),
        ("x[last()]", "function last"),
        ("x[count(y)]", "a match by position"),
        ("g[x]//x", "a predicate above a way of unknown length"),
        ("@n", "a match along attribute"),
        ("key('k', 'v')", "a match that is a Call"),
        ("x/following::y", "a match along following"),
        ("/", "a match that is a Root"),
        ("x[", "is not expected"),
        ("x/(/doc | y)", "a union of absolute paths within a match"),
        ("g/text()", "a match of text()"),
        ("(x/name())[. = 'x']", "a predicate on a Call"),
        ("x/(/doc)", "a union of absolute paths within a match|a step of a match"),
    ],
)
def test_of_a_match_that_is_not_understood_the_whole_pattern_is_left(match: str, why: str) -> None:
    """The rules that it hides are not known then. Other patterns are compiled."""
    sheet = a_sheet(
        a_pattern(
            a_rule("y", an_assert("x", "[A] a"), priority="3"),
            a_rule(match, an_assert("x", "[B] b"), priority="2"),
            a_rule("*", a_report("x", "[C] c"), priority="1"),
        ),
        a_pattern(a_rule("*", a_report("true()", "[D] d"))),
    )
    built = build("pack", sheet, b"")
    assert [(left.ordinal, left.id, left.mode) for left in built.left] == [
        (1, "A", "M1"),
        (2, "B", "M1"),
        (3, "C", "M1"),
    ]
    assert all(left.why.startswith("a match: ") for left in built.left)
    assert any(told in built.left[0].why for told in why.split("|")), built.left[0].why
    assert [hit.id for hit in compiled(built).run(nodes_of("<doc/>"))] == ["D"]


@pytest.mark.parametrize(
    ("top", "test"),
    [
        (a_variable("v", "codepoints-to-string(64)"), "$v = 'a'"),
        (a_variable("v", "x", "xs:integer*"), "$v = 'a'"),
        (a_function("f", {"t": "xs:integer"}, "$t = 1"), "own:f(1)"),
        (a_function("f", {"t": "xs:string?"}, "$t", type="xs:string?"), "own:f(x) = 'a'"),
        (a_function("f", {"t": "xs:string?"}, "codepoints-to-string(64) = $t"), "own:f(x)"),
        (a_function("f", {"t": "xs:string?"}, "$v = 'a'", a_variable("v", "1", "xs:integer")), "own:f(x)"),
        (a_function("f", {"t": "xs:string?"}, "x = $t"), "own:f(x)"),
        (a_function("f", {"t": "xs:string?"}, ". = $t"), "own:f(x)"),
        (a_function("f", {"t": "xs:string?"}, "name() = $t"), "own:f(x)"),
        (a_function("f", {"t": "xs:string?"}, "$t = 'a'", type="xs:string"), "own:f(x) = 'true'"),
    ],
)
def test_what_asks_for_a_variable_or_function_that_is_not_understood_is_left(top: str, test: str) -> None:
    built = build("pack", a_sheet_of(an_assert(test), an_assert("x"), top=top), b"")
    assert [left.ordinal for left in built.left] == [1]


def test_a_variable_of_a_rule_that_is_not_understood_leaves_the_tests_that_ask_for_it() -> None:
    sheet = a_sheet_of(
        an_assert("x"), a_variable("v", "codepoints-to-string(64)"), an_assert("$v = 'a'"), an_assert("y")
    )
    assert [left.ordinal for left in build("pack", sheet, b"").left] == [2]


LOOK_UP = "for $v in x return document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]"


@pytest.mark.parametrize("select", ["codepoints-to-string(64)", "x!", "xs:date(x)", LOOK_UP, "x/node()"])
def test_a_message_that_is_not_understood_leaves_its_test(select: str) -> None:
    sheet = a_sheet_of(an_assert("x", f"said {a_value(select)}"), an_assert("x"))
    assert [left.ordinal for left in build("pack", sheet, CODES).left] == [1]


def test_what_is_left_is_told_in_the_order_of_the_sheet() -> None:
    odd = "codepoints-to-string(64)"
    sheet = a_sheet(
        a_pattern(a_rule("x", an_assert(odd))),
        a_pattern(a_rule(f"y[{odd}]", an_assert("x")), a_rule("z", an_assert(odd), priority="1")),
    )
    assert [left.ordinal for left in build("pack", sheet, b"").left] == [1, 2, 3]


def test_a_variable_of_the_sheet_may_be_hidden_by_one_of_a_rule() -> None:
    sheet = a_sheet_of(a_report("$v = '1'"), a_variable("v", "'2'"), a_report("$v = '2'"), top=a_variable("v", "'1'"))
    assert len(compiled(build("pack", sheet, b"")).run(nodes_of("<doc/>"))) == 2


@pytest.mark.parametrize("listed", [b"", b"<other/>", codes(c2=("A",))])
def test_a_look_up_in_a_list_that_is_not_there_is_left(listed: bytes) -> None:
    test = "some $v in x satisfies document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]"
    (left,) = build("pack", a_sheet_of(an_assert(test)), listed).left
    assert left == Left(1, "pack#1", "M1", "code list 1 is not there")


def test_the_lists_of_one_number_are_one_list() -> None:
    test = "some $v in x satisfies document('codes.xml')/codedb/cl[@id=1]/enumeration[@value=$v]"
    listed = b"<codedb><cl id='1'><enumeration value='A'/><enumeration/></cl><cl id=' 01 '><enumeration value='B'/></cl><cl id='x'/></codedb>"
    made = compiled(build("pack", a_sheet_of(a_report(test)), listed))
    assert [len(made.run(nodes_of(f"<doc><x>{value}</x></doc>"))) for value in ("A", "B", "", "C")] == [1, 1, 0, 0]


def test_a_program_is_named_by_the_version_of_the_compiler() -> None:
    assert VERSION
