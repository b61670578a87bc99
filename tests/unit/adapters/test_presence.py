"""Who is at work on this machine: a process that died is known to be dead at once, however it died."""

import fcntl
import os
import signal
from pathlib import Path

import pytest

from pipeline.adapters import presence
from pipeline.adapters.presence import Presence


def test_a_worker_lives_until_it_leaves(tmp_path: Path) -> None:
    mine, other = Presence(tmp_path), Presence(tmp_path)
    assert not mine.is_dead(other.token)
    assert not mine.is_dead("of another machine")
    assert (mine.is_here(other.token), mine.is_here("of another machine")) == (True, False)
    other.leave()
    assert not mine.is_dead(other.token)  # it left in order: it has no lot any more, and no file
    assert not other.spool.exists()
    mine.leave()
    assert list(tmp_path.iterdir()) == []


def test_a_worker_that_leaves_out_of_order_is_dead_at_once(tmp_path: Path) -> None:
    mine, other = Presence(tmp_path), Presence(tmp_path)
    other.leave(is_in_order=False)
    assert mine.is_dead(other.token)
    assert mine.clear_the_dead(frozenset({other.token})) == [other.token]
    assert mine.is_dead(other.token)  # a lot still names it
    mine.clear_the_dead(frozenset())
    assert [p.name for p in tmp_path.glob("*.lock")] == [f"{mine.token}.lock"]


def test_what_a_worker_left_that_died_before_it_was_there_is_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_self: Path, _target: Path) -> None:
        raise OSError(5, "Input/output error")

    mine = Presence(tmp_path)
    with monkeypatch.context() as broken, pytest.raises(OSError, match="Input/output"):
        broken.setattr(Path, "rename", fails)
        Presence(tmp_path)
    (left,) = tmp_path.glob(".*")
    assert mine.clear_the_dead(frozenset()) == []
    assert not left.exists()


def test_a_killed_worker_is_dead_and_what_it_spooled_is_cleared(tmp_path: Path) -> None:
    incoming, outgoing = os.pipe()
    pid = os.fork()
    if pid == 0:
        worker = Presence(tmp_path)
        (worker.spool / "1.pivot").write_bytes(b"x")
        os.write(outgoing, worker.token.encode())
        signal.pause()
    token = os.read(incoming, 64).decode()
    mine = Presence(tmp_path)
    assert not mine.is_dead(token)
    assert mine.clear_the_dead(frozenset()) == []
    assert (tmp_path / token / "1.pivot").exists()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert mine.is_dead(token) and mine.is_here(token)
    assert mine.clear_the_dead(frozenset({token})) == [token]
    assert not (tmp_path / token).exists()
    assert mine.is_dead(token)  # a lot still names it
    mine.clear_the_dead(frozenset())
    assert [p.name for p in tmp_path.glob("*.lock")] == [f"{mine.token}.lock"]


def test_a_worker_that_only_begins_is_never_found_without_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = Presence(tmp_path)
    found: list[list[str]] = []
    right = fcntl.flock

    def locks(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_EX and not found:
            found.append(mine.clear_the_dead(frozenset()))
        right(descriptor, how)

    monkeypatch.setattr(presence.fcntl, "flock", locks)
    other = Presence(tmp_path)
    assert found == [[]]
    assert not mine.is_dead(other.token)
    assert (tmp_path / f"{other.token}.lock").exists()


def test_a_folder_that_a_worker_could_not_remove_is_removed_by_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    mine, other = Presence(tmp_path), Presence(tmp_path)
    with monkeypatch.context() as broken:
        broken.setattr(os, "rmdir", fails)
        other.leave()
        assert mine.clear_the_dead(frozenset()) == [other.token]
        assert other.spool.is_dir()
    mine.clear_the_dead(frozenset())
    assert not other.spool.exists()
    assert [p.name for p in tmp_path.glob("*.lock")] == [f"{mine.token}.lock"]
