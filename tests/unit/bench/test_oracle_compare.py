"""What counts as a difference between two engines, and what does not."""

import pytest

from bench.oracle.compare import Kind, compared
from bench.oracle.engines import Told

ONE, OTHER = ("BR-01", "fatal", "/a[1]"), ("BR-02", "fatal", "/a[1]")
SAID = Told((ONE, OTHER), texts=("one", "other"), ordinals=(1, 2))


@pytest.mark.parametrize(
    ("ours", "kind"),
    [
        (SAID, Kind.SAME),
        (Told((ONE,), texts=("one",)), Kind.HITS),
        (Told((ONE, ONE, OTHER), texts=("one", "one", "other")), Kind.HITS),
        (Told((OTHER, ONE), texts=("other", "one")), Kind.ORDER),
        (Told((ONE, OTHER), texts=("one", "otherwise")), Kind.TEXTS),
        (Told((ONE, ("BR-02", "", "/a[1]")), texts=("one", "other")), Kind.HITS),
        (Told((ONE, ("BR-02", "fatal", "/a[2]")), texts=("one", "other")), Kind.HITS),
        (Told(stopped="no number"), Kind.OURS_STOPPED),
    ],
)
def test_two_answers_are_held_against_each_other_hit_by_hit(ours, kind):
    assert compared(ours, SAID).kind is kind


def test_an_engine_that_goes_on_where_saxon_stops_is_wrong_and_one_that_stops_too_early_only_slow():
    assert compared(SAID, Told(stopped="no number")).kind is Kind.SAXON_STOPPED
    assert compared(SAID, Told(stopped="no number")).is_difference
    assert not compared(Told(stopped="no number"), SAID).is_difference
    assert not compared(Told(stopped="one reason"), Told(stopped="another")).is_difference


def test_a_difference_is_named_by_its_rules_and_by_who_says_them():
    assert compared(Told((ONE,), texts=("one",)), SAID).signature == "other hits: -BR-02"
    assert compared(SAID, Told((OTHER,), texts=("other",))).signature == "other hits: +BR-01"


def test_what_is_left_to_saxon_is_not_asked_of_the_compiled_engine():
    ours = Told((ONE,), texts=("one",))
    assert compared(ours, SAID).is_difference
    assert compared(ours, SAID, left={2}).kind is Kind.SAME
