"""What is said is said in both languages; a fault keeps them, and is English in a log."""

import pickle

import pytest

from pipeline.ports import Fault, Said

FULL = Said("le disque est plein", "the disk is full")


def test_people_read_french_unless_english_is_asked_for() -> None:
    assert (FULL.in_words(), FULL.in_words("fr"), FULL.in_words("en")) == (FULL.fr, FULL.fr, FULL.en)


def test_a_place_a_cause_and_a_next_step_are_added_with_the_punctuation_of_each_language() -> None:
    told = FULL.at("store").because("ENOSPC").then(Said("faire de la place", "free space"))
    assert told == Said(
        "store : le disque est plein : ENOSPC ; faire de la place", "store: the disk is full: ENOSPC; free space"
    )
    assert FULL.because(Said("quota", "a quota")) == Said("le disque est plein : quota", "the disk is full: a quota")


def test_a_fault_is_english_in_logs_and_french_for_people() -> None:
    fault = Fault(FULL)
    assert (str(fault), fault.in_words(), fault.in_words("en")) == (FULL.en, FULL.fr, FULL.en)


def test_a_fault_keeps_both_languages_wherever_it_is_copied() -> None:
    assert pickle.loads(pickle.dumps(Fault(FULL))).said == FULL


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_words_of_others_are_the_same_in_both(lang: str) -> None:
    assert Fault("database is locked").in_words(lang) == "database is locked"
