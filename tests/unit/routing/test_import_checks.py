"""What is odd about the rows of a directory."""

from datetime import date

import pytest

from pipeline.routing.import_checks import of_code, overlap

EARLY, MIDDLE, LATE = date(2025, 1, 1), date(2026, 1, 1), date(2027, 1, 1)


@pytest.mark.parametrize(
    ("code", "oddities"),
    [
        ("SERVICE_DEST_SERV_OBL", 0),
        ("D 075+B/C-1", 0),
        ("9997", 1),
        ("9998", 1),
        ("9999", 1),
        ("99990", 0),
        ("A" * 100, 0),
        ("A" * 101, 1),
        ("SERVICE É", 1),
        ("é" * 101, 2),
    ],
)
def test_a_routing_code_is_not_reserved_not_too_long_and_of_allowed_characters(code, oddities):
    assert len(list(of_code(code))) == oddities


@pytest.mark.parametrize(
    ("one", "other", "shares_a_day"),
    [
        ((EARLY, MIDDLE), (MIDDLE, LATE), True),
        ((EARLY, EARLY), (MIDDLE, LATE), False),
        ((None, EARLY), (MIDDLE, None), False),
        ((None, None), (MIDDLE, LATE), True),
        ((None, MIDDLE), (None, EARLY), True),
        ((MIDDLE, None), (LATE, None), True),
    ],
)
def test_two_periods_overlap_when_they_share_a_day(one, other, shares_a_day):
    assert overlap(one, other) is shares_a_day
    assert overlap(other, one) is shares_a_day
