"""Copies of stored objects: at hand while there is room, and for as long as somebody has them."""

import os
from pathlib import Path

import pytest

from pipeline.adapters.object_copies import Copies


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies(tmp_path / "copies", bytes_max=100, files_max=3)


def written(copies: Copies, size_bytes: int) -> Path:
    descriptor, path = copies.new()
    os.write(descriptor, b"x" * size_bytes)
    os.close(descriptor)
    return path


def names(copies: Copies) -> list[str]:
    return sorted(path.name for path in copies.folder.iterdir())


def test_a_copy_is_lent_until_the_last_one_gives_it_back(copies: Copies) -> None:
    copies.add("a", written(copies, 10), 10)
    first, second = copies.lend("a"), copies.lend("a")
    assert first == second == copies.folder / "a"
    copies.give_back(copies.folder / "a")
    assert names(copies) == ["a"]
    copies.give_back(copies.folder / "a")
    assert names(copies) == []
    assert copies.lend("a") is None


def test_the_oldest_go_when_there_is_no_room(copies: Copies) -> None:
    for name in "abc":
        copies.add(name, written(copies, 30), 30)
    copies.add("d", written(copies, 40), 40)
    assert names(copies) == ["b", "c", "d"]  # bytes and files are both at their limit
    copies.add("e", written(copies, 0), 0)
    assert names(copies) == ["c", "d", "e"]


def test_what_is_lent_is_never_removed_for_room(copies: Copies) -> None:
    held = copies.add_and_lend("a", written(copies, 90), 90)
    copies.add("b", written(copies, 90), 90)
    assert names(copies) == ["a"]
    big = copies.add_and_lend("c", written(copies, 500), 500)
    assert names(copies) == ["a", "c"]
    for lent in (held, big):
        copies.give_back(lent)
    copies.add("d", written(copies, 100), 100)
    assert names(copies) == ["d"]  # the room that they took is there again


def test_whoever_comes_second_with_the_same_name_uses_what_is_there(copies: Copies) -> None:
    copies.add("a", written(copies, 10), 10)
    copies.add("a", written(copies, 10), 10)
    assert copies.add_and_lend("a", written(copies, 10), 10) == copies.folder / "a"
    copies.give_back(copies.folder / "a")
    assert names(copies) == []


def test_a_file_that_is_not_lent_is_left_alone(copies: Copies, tmp_path: Path) -> None:
    copies.add("a", written(copies, 10), 10)
    elsewhere = tmp_path / "a"
    elsewhere.touch()
    for path in (elsewhere, copies.folder / "a", copies.folder / "b"):
        copies.give_back(path)
    assert names(copies) == ["a"]
    assert elsewhere.exists()


def test_a_forgotten_name_stays_for_who_has_it(copies: Copies) -> None:
    lent = copies.add_and_lend("a", written(copies, 10), 10)
    copies.forget("a")
    assert lent.exists()
    copies.give_back(lent)
    copies.add("b", written(copies, 10), 10)
    copies.forget("b")
    copies.forget("b")
    assert names(copies) == []


def test_nobody_else_reads_the_copies(copies: Copies) -> None:
    assert copies.folder.stat().st_mode & 0o077 == 0
    assert written(copies, 1).stat().st_mode & 0o077 == 0
