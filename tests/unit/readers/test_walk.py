"""Values with their places, from groups that may not be there."""

from datetime import date
from decimal import Decimal

import pytest
from lxml import etree

from pipeline.readers import walk
from pipeline.readers.walk import Found, Group
from pipeline.values import Amount


def group(document: str, path: str = "/r") -> Group:
    return Group(etree.fromstring(document), path, Found())


def test_a_repeated_name_gives_its_first_and_says_so_in_the_path() -> None:
    root = group("<r><a>1</a><b/><a>2</a><a>3</a></r>")
    first = root.text("a", "BT-1")
    assert first is not None
    assert (first.text, first.path) == ("1", "/r/a[1]")
    assert [(text.text, text.path) for text in root.texts("a", "BT-1")] == [
        ("1", "/r/a[1]"),
        ("2", "/r/a[2]"),
        ("3", "/r/a[3]"),
    ]
    assert [one.path for one in root.groups("a")] == ["/r/a[1]", "/r/a[2]", "/r/a[3]"]


def test_a_single_name_has_a_plain_path() -> None:
    root = group("<r><a><b>1</b></a></r>")
    assert root.place("a") == "/r/a"
    below = root.group("a").text("b", "BT-1")
    assert below is not None
    assert below.path == "/r/a/b"


def test_what_is_not_there_is_empty_all_the_way_down() -> None:
    nothing = group("<r/>").group("a").group("b")
    assert not nothing
    assert (nothing.text("c", ""), nothing.identifier("c", ""), nothing.amount("c", "")) == (None, None, None)
    assert (nothing.number("c", ""), nothing.iso_day("c", ""), nothing.cii_day("c", "")) == (None, None, None)
    assert (nothing.attribute("c", "d", ""), nothing.child("c"), nothing.line) == (None, None, 0)
    assert (nothing.groups("c"), nothing.texts("c", ""), nothing.identifiers("c", "")) == ([], (), ())


def test_an_empty_value_is_absent() -> None:
    root = group('<r><a/><b> \n</b><c d=" "/></r>')
    for step in ("a", "b"):
        assert root.text(step, "") is None
        assert root.amount(step, "") is None
        assert root.iso_day(step, "") is None
    assert root.attribute("c", "d", "") is None
    assert root.attribute("c", "e", "") is None
    assert (root.found.texts, root.found.amounts, root.found.dates, root.found.identifiers) == ([], [], [], [])


def test_an_attribute_is_found_at_its_own_path() -> None:
    read = group('<r><a b=" x "/></r>').attribute("a", "b", "BT-1")
    assert read is not None
    assert (read.text, read.path, read.padded) == ("x", "/r/a/@b", True)


def test_numbers_and_days_of_any_length_are_read_strictly() -> None:
    root = group(
        "<r><a>12.50</a><b>1234567890123456789.123456</b><c>12345678901234567890.1234567</c><d>2026-03-01</d></r>"
    )
    amounts = [root.number(step, "") for step in "abc"]
    assert [amount and amount.value for amount in amounts] == [Decimal("12.50"), None, None]
    day = root.iso_day("d", "")
    assert day is not None
    assert day.value == date(2026, 3, 1)
    assert root.found.amounts == [amount for amount in amounts if isinstance(amount, Amount)]


def test_a_name_of_an_unknown_namespace_is_never_taken_for_one_of_ours() -> None:
    root = group('<r xmlns:x="urn:x"><x:a>1</x:a><!-- said --><?said so?></r>')
    assert root.text("a", "") is None
    assert root.child("{urn:x}a") is not None


def test_comments_that_a_parser_left_in_are_no_values() -> None:
    root = group("<r><!-- said --><?said so?><a>1</a></r>")
    assert root.place("a") == "/r/a"
    assert root.text("a", "") is not None


def test_the_table_of_names_does_not_grow_for_ever() -> None:
    steps = walk._Steps()
    for number in range(walk._STEPS_MAX + 10):
        assert steps[f"{{urn:x}}n{number}"] == f"{{urn:x}}n{number}"
    assert len(steps) == walk._STEPS_MAX


@pytest.mark.parametrize(
    ("written", "text", "value"),
    [
        ("<a>1.00</a><a>2.00</a>", "1.00 / 2.00", None),
        ("<a>1.00</a><a>x</a>", "1.00 / x", None),
        ("<a>1.00</a><a>1</a>", "1.00", Decimal(1)),
        ("<a>0</a><a>0.00</a>", "0", Decimal(0)),
        ("<a>1.00</a><a/><a> </a>", "1.00", Decimal(1)),
        ("<a currencyID='EUR'>1.00</a><a currencyID='USD'>2.00</a>", "1.00", Decimal(1)),
        ("<a currencyID='EUR'>1.00</a><a currencyID='EUR'>2.00</a>", "1.00 / 2.00", None),
        ("<a currencyID='EUR'>1.00</a><a>2.00</a>", "1.00 / 2.00", None),
        ("<a>1.00</a><a currencyID='EUR'>2.00</a>", "1.00 / 2.00", None),
    ],
)
def test_an_amount_that_is_given_twice_has_a_value_where_both_say_the_same(
    written: str, text: str, value: Decimal | None
) -> None:
    root = group(f"<r>{written}</r>")
    read = root.amount("a", "BT-112")
    assert read is not None
    assert (read.text, read.value, read.path) == (text, value, "/r/a[1]")
    assert root.found.amounts == [read]
