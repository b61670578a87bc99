"""Numbers and dates are read from raw text by strict patterns: what Python would accept is not what an invoice may carry."""

from datetime import date
from decimal import Decimal

import pytest

from pipeline.values import decimals, parse_102_day, parse_amount, parse_iso_day


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0", "-0"),
        ("+1", "1"),
        ("12.50", "12.50"),
        ("-1234567890123456.789", "-1234567890123456.789"),
        ("1" * 19, "1" * 19),
    ],
)
def test_digits_with_a_point_and_a_sign_are_an_amount(text, value):
    assert parse_amount(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "sNaN",
        "INF",
        "1e999",
        "1E2",
        "1,5",
        "1_000",
        " 1",
        "1 ",
        "1\n",
        "\u00a01",
        "١٢",
        "１２",
        ".5",
        "5.",
        "--1",
        "+-1",
        "1" * 20,
        "1" * 40,
        "12345678901234567.890",
    ],
)
def test_anything_else_is_no_amount(text):
    assert parse_amount(text) is None


def test_twenty_positions_are_one_too_many_wherever_the_point_stands():
    assert parse_amount("1234567890.123456789") is not None
    assert parse_amount("1234567890.1234567890") is None


def test_decimals_are_counted_on_the_text_as_given():
    assert [decimals(text) for text in ("1", "1.0", "1.250", "-0.123456")] == [0, 1, 3, 6]


@pytest.mark.parametrize(
    "text",
    [
        "2025-02-29",
        "2025-13-01",
        "0000-00-00",
        "2025-02-28Z",
        "2025-02-28+14:00",
        "2024-W01-1",
        "20250228",
        "2025-2-8",
        "２０２５-02-28",
        "",
        "2025-02-28\n",
    ],
)
def test_an_impossible_or_decorated_day_is_no_iso_day(text):
    assert parse_iso_day(text) is None


@pytest.mark.parametrize("text", ["20250229", "20251301", "2025-02-28", "202502281", "", "20250228\n"])
def test_an_impossible_or_decorated_day_is_no_102_day(text):
    assert parse_102_day(text) is None


def test_real_days_are_read():
    assert parse_iso_day("2024-02-29") == parse_102_day("20240229") == date(2024, 2, 29)
    assert parse_iso_day("0001-01-01") == date(1, 1, 1)
