"""A cursor points into the answer of one question; every other text is refused."""

import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.search import BadCriterion, Position, Query, Words, cursor, position

QUERY = Query(partner="ABC001", number=Words("F", is_beginning=True))
AT = Position(4_321, 17)
SIGNS = string.ascii_letters + string.digits + "-_"


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1))
@settings(max_examples=50, deadline=None)
def test_what_is_made_is_read_back(deposit_id, rank):
    assert position(QUERY, cursor(QUERY, Position(deposit_id, rank))) == (deposit_id, rank)


def test_it_says_nothing_and_fits_a_command_line():
    text = cursor(QUERY, AT)
    assert set(text) <= set(SIGNS)
    assert "ABC001" not in text
    assert position(QUERY, f" {text}\n") == AT


def test_every_change_of_one_sign_is_refused():
    text, chance = cursor(QUERY, AT), random.Random(6)
    for rank, sign in enumerate(text):
        for other in chance.sample(SIGNS.replace(sign, ""), 8):
            with pytest.raises(BadCriterion, match="not one of this search"):
                position(QUERY, text[:rank] + other + text[rank + 1 :])


@pytest.mark.parametrize("text", ["", "x", "é" * 26, "A" * 26, "A" * 27, "=" * 26, "A" * 10_000, "AQ AA", "../etc"])
def test_any_other_text_is_refused(text):
    with pytest.raises(BadCriterion):
        position(QUERY, text)


@pytest.mark.parametrize("cut", [1, 5, 13, 25])
def test_a_part_of_one_is_refused(cut):
    with pytest.raises(BadCriterion):
        position(QUERY, cursor(QUERY, AT)[:cut])


def test_it_belongs_to_its_question():
    other = Query(partner="ABC001", number=Words("F"))
    with pytest.raises(BadCriterion):
        position(other, cursor(QUERY, AT))
