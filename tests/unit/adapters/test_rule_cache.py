"""Compiled rules on disk: taken back only whole and only ours; what is anything else is one warning, never a program."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.adapters import rule_cache
from pipeline.adapters.rule_cache import CACHE, ENTRIES_PER_PACK_MAX, RuleCache, Trouble, base_folder

KEY, OTHER = "a" * 64, "b" * 64
PACK = "facturx-minimum"
PROGRAM = bytes(range(256)) * 40
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")


class Told(list[Trouble]):
    """Hears the warnings."""

    def __call__(self, trouble: Trouble) -> None:
        self.append(trouble)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def cache(tmp_path: Path, told: Told) -> RuleCache:
    return RuleCache(tmp_path / "base", told)


@pytest.fixture
def entry(cache: RuleCache) -> Path:
    kept = cache.keep(PACK, KEY, PROGRAM)
    assert kept is not None
    return kept


def test_what_was_kept_comes_back_and_nothing_else_does(cache: RuleCache, entry: Path, told: Told) -> None:
    assert cache.read(PACK, KEY) == PROGRAM
    assert RuleCache(cache.base).read(PACK, KEY) == PROGRAM
    assert cache.read(PACK, OTHER) is None
    assert cache.read("br-fr-cii", KEY) is None
    assert told == []


def test_a_cache_that_nobody_has_made_is_empty_and_that_is_no_trouble(cache: RuleCache, told: Told) -> None:
    assert cache.read(PACK, KEY) is None
    assert told == []
    assert not cache.base.exists()


def test_folder_and_entries_are_ours_alone_whatever_the_mask_says(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept = RuleCache(tmp_path / "a" / "b").keep(PACK, KEY, PROGRAM)
    finally:
        os.umask(before)
    assert kept is not None
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert [path.name for path in kept.parent.iterdir()] == [kept.name]


def flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content[:60],
        lambda content: b"",
        lambda content: content + b"more",
        lambda content: b"\0" * len(content),
        flipped(0),
        flipped(30),
        flipped(90),
        flipped(170),
        flipped(-1 + len(PROGRAM)),
    ],
    ids=["half", "last byte", "head cut", "empty", "longer", "zeros", "magic", "key", "digest", "first", "middle"],
)
def test_a_damaged_entry_is_one_warning_and_is_replaced(
    cache: RuleCache, entry: Path, told: Told, damage: Callable[[bytes], bytes]
) -> None:
    entry.write_bytes(damage(entry.read_bytes()))
    assert [cache.read(PACK, KEY), cache.read(PACK, KEY)] == [None, None]
    assert [(one.word, one.place) for one in told] == [("damaged", str(entry))]
    assert "entrée endommagée" in told[0].said.fr
    assert "sans effet sur les verdicts" in told[0].said.fr
    assert cache.keep(PACK, KEY, PROGRAM) == entry
    assert cache.read(PACK, KEY) == PROGRAM


def test_an_entry_under_another_name_is_not_taken(cache: RuleCache, entry: Path, told: Told) -> None:
    entry.rename(entry.with_name(entry.name.replace(KEY, OTHER)))
    assert cache.read(PACK, OTHER) is None
    assert [one.word for one in told] == ["damaged"]


def test_an_entry_larger_than_any_program_is_not_read_whole(
    cache: RuleCache, entry: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_cache, "ENTRY_BYTES_MAX", 1_000)
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["damaged"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_write_is_not_run(cache: RuleCache, entry: Path, told: Told, mode: int) -> None:
    entry.chmod(mode)
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["writable"]


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_neither_read_nor_filled(
    cache: RuleCache, entry: Path, told: Told, mode: int
) -> None:
    entry.parent.chmod(mode)
    assert cache.read(PACK, KEY) is None
    assert cache.keep(PACK, OTHER, PROGRAM) is None
    assert [one.word for one in told] == ["writable"]
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]


@AS_ROOT
def test_an_entry_of_somebody_else_is_not_run(cache: RuleCache, entry: Path, told: Told) -> None:
    os.chown(entry, 65534, 65534)
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["foreign"]
    assert "appartient à l'utilisateur 65534" in told[0].said.fr


@AS_ROOT
def test_a_folder_of_somebody_else_is_neither_read_nor_filled(cache: RuleCache, entry: Path, told: Told) -> None:
    os.chown(entry.parent, 65534, 65534)
    assert cache.read(PACK, KEY) is None
    assert cache.keep(PACK, OTHER, PROGRAM) is None
    assert [one.word for one in told] == ["foreign"]


def test_what_belongs_to_another_user_than_ours_is_not_run(entry: Path, told: Told) -> None:
    theirs = RuleCache(entry.parents[1], told, owner=os.geteuid() + 1)
    assert theirs.read(PACK, KEY) is None
    assert theirs.keep(PACK, OTHER, PROGRAM) is None
    assert [one.word for one in told] == ["foreign"]


def test_a_link_in_the_place_of_an_entry_is_not_followed(
    cache: RuleCache, entry: Path, told: Told, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    entry.rename(elsewhere)
    entry.symlink_to(elsewhere)
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["link"]
    assert cache.keep(PACK, KEY, PROGRAM) == entry
    assert not entry.is_symlink()


def test_a_link_in_the_place_of_the_folder_is_not_followed(
    cache: RuleCache, entry: Path, told: Told, tmp_path: Path
) -> None:
    entry.parent.rename(tmp_path / "elsewhere")
    (cache.base / "rules").symlink_to(tmp_path / "elsewhere")
    assert cache.read(PACK, KEY) is None
    assert cache.keep(PACK, OTHER, PROGRAM) is None
    assert len(told) == 1
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == [entry.name]


def test_a_pipe_in_the_place_of_an_entry_blocks_nobody(cache: RuleCache, entry: Path, told: Told) -> None:
    entry.unlink()
    os.mkfifo(entry)
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["no_plain_file"]


def test_a_folder_in_the_place_of_an_entry_is_one_warning(cache: RuleCache, entry: Path, told: Told) -> None:
    entry.unlink()
    entry.mkdir()
    assert cache.read(PACK, KEY) is None
    assert cache.keep(PACK, KEY, PROGRAM) is None
    assert len(told) == 1
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]


def places_where_nothing_can_be_written(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "holder").mkdir()
    (tmp_path / "holder" / "rules").write_text("in the way")
    return {
        "file": tmp_path / "file",
        "below a file": tmp_path / "file" / "base",
        "file for the folder": tmp_path / "holder",
        "read-only system": Path("/proc/chorus-edi"),
        "null": Path("/dev/null"),
    }


@pytest.mark.parametrize("where", ["file", "below a file", "file for the folder", "read-only system", "null"])
def test_a_cache_that_cannot_be_written_is_one_warning_however_often_it_is_asked(
    tmp_path: Path, told: Told, where: str
) -> None:
    base = places_where_nothing_can_be_written(tmp_path)[where]
    cache = RuleCache(base, told)
    for _ in range(3):
        assert cache.read(PACK, KEY) is None
        assert cache.keep(PACK, KEY, PROGRAM) is None
    assert len(told) == 1
    assert told[0].place == str(base / "rules")
    assert CACHE in told[0].said.fr


def test_a_write_that_fails_leaves_nothing_behind_and_the_old_entry_as_it_was(
    cache: RuleCache, entry: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert cache.keep(PACK, KEY, b"never seen") is None
    assert [one.word for one in told] == ["ENOSPC"]
    assert [path.name for path in entry.parent.iterdir()] == [entry.name]
    assert RuleCache(cache.base).read(PACK, KEY) == PROGRAM


def test_programs_of_earlier_compilers_go_and_those_of_other_packs_stay(cache: RuleCache) -> None:
    other = cache.keep("br-fr-cii", KEY, PROGRAM)
    kept = []
    for rank in range(ENTRIES_PER_PACK_MAX + 3):
        path = cache.keep(PACK, f"{rank:064x}", PROGRAM)
        assert path is not None
        os.utime(path, (rank, rank))  # the clock of a fast disk may stand still meanwhile
        kept.append(path)
    assert other is not None
    cache.keep(PACK, KEY, PROGRAM)
    left = {path.name for path in other.parent.iterdir()}
    assert other.name in left
    assert len(left) == 1 + ENTRIES_PER_PACK_MAX
    assert {path.name for path in kept[-(ENTRIES_PER_PACK_MAX - 1) :]} < left


def test_a_pack_whose_name_begins_like_another_one_loses_nothing_to_it(cache: RuleCache) -> None:
    for rank in range(ENTRIES_PER_PACK_MAX + 2):
        cache.keep("facturx-basic", f"{rank:064x}", PROGRAM)
    kept = cache.keep("facturx-basicwl", KEY, PROGRAM)
    cache.keep("facturx-basic", KEY, PROGRAM)
    assert kept is not None
    assert kept.exists()


def test_what_a_dead_process_had_begun_goes_after_an_hour_and_not_before(cache: RuleCache, entry: Path) -> None:
    dead, alive = (entry.with_name(f".{entry.name}.{pid}-abc.tmp") for pid in (1, 2))
    foreign = entry.with_name("README")
    for path in (dead, alive, foreign):
        path.write_bytes(b"half")
    os.utime(dead, (time.time() - 3_700,) * 2)
    os.utime(foreign, (0, 0))
    cache.keep("br-fr-cii", KEY, PROGRAM)
    assert (dead.exists(), alive.exists(), foreign.exists()) == (False, True, True)


def test_the_place_is_named_by_the_environment_and_else_by_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, given, expected in (
        (CACHE, "/var/cache/edi", Path("/var/cache/edi")),
        (CACHE, "edi", Path.cwd() / "edi"),
        ("XDG_CACHE_HOME", "/x", Path("/x/chorus-edi")),
        ("XDG_CACHE_HOME", "relative", Path("/home/me/.cache/chorus-edi")),
        ("HOME", "/home/me", Path("/home/me/.cache/chorus-edi")),
    ):
        monkeypatch.delenv(CACHE, raising=False)
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.setenv(name, given)
        assert base_folder() == expected


def test_a_user_without_a_home_has_no_cache_and_is_told_once(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(CACHE, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    cache = RuleCache(None, told)
    assert cache.read(PACK, KEY) is None
    assert cache.keep(PACK, KEY, PROGRAM) is None
    assert cache.read(PACK, KEY) is None
    assert [one.word for one in told] == ["no_home"]


WRITER = """
import sys, time
from pathlib import Path
from pipeline.adapters.rule_cache import RuleCache
mine, told, seen = sys.argv[2].encode() * 200_000, [], set()
cache = RuleCache(Path(sys.argv[1]), told.append)
until = time.monotonic() + 1.5
while time.monotonic() < until:
    assert cache.keep("facturx-minimum", "a" * 64, mine) is not None
    found = cache.read("facturx-minimum", "a" * 64)
    assert found is not None
    assert len(set(found)) == 1 and len(found) == 200_000, len(found)
    seen.add(found[:1])
assert not told, told
print(len(seen))
"""


def test_many_processes_that_write_the_same_entry_never_show_half_of_it(tmp_path: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), letter], stdout=subprocess.PIPE, text=True)
        for letter in "abcd"
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * 4
    assert max(map(int, answers)) > 1  # they did meet
    assert len([*(tmp_path / "rules").iterdir()]) == 1
