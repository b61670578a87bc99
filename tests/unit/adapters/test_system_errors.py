"""What the system refuses is told in both languages, with the place where it names one."""

import errno
import os

import pytest

from pipeline.adapters import system_errors
from pipeline.adapters.system_errors import where_and_why, why
from pipeline.ports import Said


@pytest.mark.parametrize("number", list(system_errors._FRENCH), ids=errno.errorcode.get)
def test_what_operators_meet_has_french_words(number: int) -> None:
    said = why(OSError(number, os.strerror(number)))
    assert said.en == os.strerror(number)
    assert said.fr not in {"", said.en}


def test_a_rare_error_stays_in_the_words_of_the_system() -> None:
    assert why(OSError(errno.ELIBBAD, "bad library")) == Said("bad library", "bad library")
    assert why(OSError("no number")) == Said("no number", "no number")


@pytest.mark.parametrize(
    ("named", "place"), [("/srv/a", "/srv/a"), (b"/srv/\xe9", "/srv/\udce9"), (None, ""), (7, "")], ids=str
)
def test_the_file_that_the_error_names_comes_first(named: str | bytes | int | None, place: str) -> None:
    said = where_and_why(OSError(errno.ENOSPC, "No space left on device", named))
    assert said.fr == (f"{place} : plus de place sur le disque" if place else "plus de place sur le disque")
