"""Regular expressions of XPath, written for Python: they match the same texts, or are not written at all."""

import json
import re

import pytest
from a_sheet import a_report, a_sheet_of
from sheet_documents import TEXTS, xs
from two_engines import Oracle, ours

from pipeline.validators.official.compiled.regexes import python_regex
from pipeline.validators.official.compiled.xpath import Unread

PATTERNS = [
    *("a", "^a", "a$", "^a$", "^$", "", ".", "^.+$", "a.b", "a|b", "^(a|b)$", "(ab)+", "^(a(b|-))*", "[ab]", "[^ab]", "^[^a]*$"),
    *("\\d", "^\\d{2}", "\\d{3,}", "^\\d{1,4}$", "\\s", "^\\s+", "\\s$", "[\\s]", "[\\d.]+", "[^\\s]", "[a-c]", "[A-Z]{2}[0-9]{2}"),
    *("\\.", "\\-", "[\\-.]", "[+\\-]", "\\\\", "\\[", "\\(", "\\{x\\}", "^[0-9]+(\\.[0-9]{1,2})?$", "x?", "a*b", "a+", "[\\]]", "[.]"),
    *("^[A-Za-z0-9+\\-_/]+$", "^20\\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$", "-$", "\u00df", "[\u00e0-\u00ff]", "'", "é|ß"),
    *("&|~", "#", "[#&~]", " ", "[ ]", "^ ", "a b", "[|]", "[(]", "[$]", "[a^]", "\\^", "\\$", "\\|", "a{0}b", "(a)(b)", "a{2}"),
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_matches_the_texts_that_saxon_matches(pattern: str, oracle: Oracle) -> None:
    literal = "'" + pattern.replace("'", "''") + "'"
    sheet = a_sheet_of(a_report(f"matches(x, {literal})"))
    documents = [xs(text) for text in [*TEXTS, "&amp;", "#", "(", "$", "^", "|", "]", "+", "aa", "~", "é"]]
    assert ours(sheet, documents) == oracle.says(sheet, documents)


@pytest.mark.parametrize("pattern", ["[ab]", "[^ab]", "\\s+", "-", "\\.", "a|b", "(a|b)+", "\\d{2}", "[, ]+"])
def test_a_text_is_cut_and_replaced_where_saxon_does_it(pattern: str, oracle: Oracle) -> None:
    cut = a_sheet_of(
        a_report(f"tokenize(x, '{pattern}') = ('', 'a', '71', 'c')"), a_report(f"replace(x, '{pattern}', '_') = x")
    )
    documents = [xs(text) for text in TEXTS]
    assert ours(cut, documents) == oracle.says(cut, documents)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a*?", "a quantity of a quantity"),
        ("a{2}?", "a quantity of a quantity"),
        ("[a-z-[aeiou]]", "class of characters within another|not compiled|has"),
        ("\\i\\c*", "has \\\\i"),
        ("\\p{Lu}", "has \\\\p"),
        ("\\w", "has \\\\w"),
        ("\\S", "has \\\\S"),
        ("\\D", "has \\\\D"),
        ("[\\w]", "has \\\\w"),
        ("\\b", "has \\\\b"),
        ("(a)\\1", "has \\\\1"),
        ("\\n", "has \\\\n"),
        ("a\\", "has"),
        ("[a", "class"),
        ("a]", "has"),
        ("a}", "has"),
        ("{2}", "regular expression|multiple|nothing"),
        ("(a", "a regular expression"),
        ("*a", "a regular expression"),
        ("[b-a]", "a regular expression"),
        ("[]", "class|unterminated"),
    ],
)
def test_what_python_might_read_otherwise_is_not_written(pattern: str, why: str) -> None:
    with pytest.raises(Unread, match=why):
        python_regex(pattern)


@pytest.mark.parametrize("pattern", ["(?i)a", "(?=a)", "(?:a)", "(?P<n>a)", "a**", "a++", "a?+", "a*+", "^*", "$+", "[[:alpha:]]", "[a&&b]", "[a--b]", "[a||b]", "[a~~b]", "a{,2}", "a{2,1}"])  # fmt: skip
def test_what_is_syntax_in_python_alone_never_gets_through_as_such(pattern: str, oracle: Oracle) -> None:
    """Either it is not read, or it means what Saxon takes it to mean: a pattern that Saxon refuses must not be read."""
    try:
        python_regex(pattern)
    except Unread:
        return
    sheet = a_sheet_of(a_report(f"matches(x, {json.dumps(pattern)})"))
    documents = [xs(text) for text in TEXTS]
    assert ours(sheet, documents) == oracle.says(sheet, documents)


def test_what_is_written_is_python() -> None:
    for pattern in PATTERNS:
        re.compile(python_regex(pattern))
