"""The drop zone in local directories: what is finished, who claims it, what leaves and how."""

import errno
import hashlib
import os
from io import BytesIO
from pathlib import Path

import pytest

import pipeline.running.finished as looks
from pipeline.adapters import local_drop
from pipeline.adapters.local_drop import LocalDrop, LocalOutgoing, rename_new
from pipeline.adapters.local_store import LocalStore
from pipeline.ports import Seen
from pipeline.running.finished import Scans, finished
from pipeline.terms import DropLimits

LONG_AGO = 1_700_000_000_000_000_000


@pytest.fixture
def drop(tmp_path: Path) -> LocalDrop:
    zone = LocalDrop(tmp_path / "ABC001", DropLimits())
    zone.make()
    return zone


def put(drop: LocalDrop, name: bytes, content: bytes = b"x", mtime_ns: int = LONG_AGO) -> bytes:
    path = os.path.join(os.fsencode(drop.inbox), name)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


def names(seen: list[Seen]) -> list[bytes]:
    return [one.name for one in seen]


def test_temporary_names_are_no_drops_whatever_their_case(drop: LocalDrop) -> None:
    for name in (b".hidden", b"a.part", b"a.FILEPART", b"a.tmp", b"a.writing", b"a.incomplete", b"a.partial"):
        put(drop, name)
    put(drop, b"a.party")
    assert names(drop.scan()) == [b"a.party"]


def test_drops_are_taken_oldest_first_then_by_name(drop: LocalDrop) -> None:
    put(drop, b"b")
    put(drop, b"a")
    put(drop, b"c", mtime_ns=LONG_AGO - 1)
    assert names(drop.scan()) == [b"c", b"a", b"b"]


def test_a_young_file_is_finished_when_two_looks_agree(drop: LocalDrop) -> None:
    future = LONG_AGO * 2
    put(drop, b"old")
    put(drop, b"young", mtime_ns=future)
    assert names(finished({drop: drop.scan()}, None, {})[drop]) == [b"old"]
    assert names(finished({drop: drop.scan()}, 0.01, {})[drop]) == [b"old", b"young"]


def test_a_watcher_takes_what_its_last_look_saw_and_nothing_that_changed(drop: LocalDrop) -> None:
    scans: Scans = {}
    future = LONG_AGO * 2
    put(drop, b"steady", mtime_ns=future)
    put(drop, b"growing", mtime_ns=future)
    assert finished({drop: drop.scan()}, None, scans)[drop] == []
    put(drop, b"growing", b"xx", mtime_ns=future)
    assert names(finished({drop: drop.scan()}, None, scans)[drop]) == [b"steady"]


def test_a_file_that_grows_between_two_looks_waits(drop: LocalDrop, monkeypatch: pytest.MonkeyPatch) -> None:
    future = LONG_AGO * 2
    put(drop, b"growing", mtime_ns=future)
    monkeypatch.setattr(looks.time, "sleep", lambda _s: put(drop, b"growing", b"more", mtime_ns=future))
    assert finished({drop: drop.scan()}, 1, {})[drop] == []


@pytest.mark.parametrize("name", [b"x" * 255, b"-rf", b"$(id)", b"a\nb", b"caf\xe9.xml", "é".encode(), b"a b"])
def test_any_name_can_be_claimed_archived_and_deleted(drop: LocalDrop, tmp_path: Path, name: bytes) -> None:
    put(drop, name, b"content")
    store = LocalStore(tmp_path / "store")
    claimed = drop.claim(drop.scan()[0], frozenset())
    assert claimed is not None
    assert drop.in_work() == [claimed]
    archived, new = drop.archive(claimed, store, "ABC001", 100)
    assert new is not None
    store.keep([("ABC001", new)])
    assert (archived.sha256, archived.size_bytes) == (hashlib.sha256(b"content").hexdigest(), 7)
    drop.delete(claimed)
    drop.delete(claimed)
    assert drop.in_work() == []
    assert [p.name for p in drop.work.iterdir()] == []


def test_a_claim_has_one_winner_and_a_key_of_its_own(drop: LocalDrop) -> None:
    put(drop, b"flow")
    (seen,) = drop.scan()
    first = drop.claim(seen, frozenset())
    assert first is not None
    assert first.claim == f"{hashlib.sha256(b'flow').hexdigest()[:16]}-{LONG_AGO}-1"
    assert drop.claim(seen, frozenset()) is None  # it is gone: another one won
    put(drop, b"flow")
    second = drop.claim(seen, frozenset({f"{seen.key}-2"}))
    assert second is not None
    assert second.claim == f"{seen.key}-3"
    assert [c.claim for c in drop.in_work()] == [first.claim, second.claim]


def test_the_rest_of_a_claim_that_was_not_finished_is_cleared(drop: LocalDrop) -> None:
    (drop.work / f"{'0' * 16}-1-1").mkdir()
    (drop.work / "not ours").mkdir()
    assert drop.in_work() == []
    assert [p.name for p in drop.work.iterdir()] == ["not ours"]


def test_a_flow_over_the_limit_is_hashed_and_not_kept(drop: LocalDrop, tmp_path: Path) -> None:
    put(drop, b"big", b"x" * 11)
    claimed = drop.claim(drop.scan()[0], frozenset())
    assert claimed is not None
    archived, new = drop.archive(claimed, LocalStore(tmp_path / "store"), "ABC001", 10)
    assert new is None
    assert (archived.is_kept, archived.size_bytes) == (False, 11)
    assert archived.sha256 == hashlib.sha256(b"x" * 11).hexdigest()
    assert not (tmp_path / "store").exists()


def test_what_is_no_plain_file_is_named_and_never_opened(drop: LocalDrop, tmp_path: Path) -> None:
    (drop.inbox / "1-link").symlink_to("/etc/passwd")
    os.mkfifo(drop.inbox / "2-pipe")
    (drop.inbox / "3-folder").mkdir()
    (drop.inbox / "3-folder" / "inner").write_bytes(b"x")
    target = tmp_path / "target"
    target.write_bytes(b"x")
    os.link(target, drop.inbox / "4-hard")
    said = {}
    for seen in sorted(drop.scan(), key=lambda s: s.name):
        claimed = drop.claim(seen, frozenset())
        assert claimed is not None
        archived, new = drop.archive(claimed, LocalStore(tmp_path / "store"), "ABC001", 10)
        assert (new, archived.sha256, archived.is_kept) == (None, "", False)
        assert archived.trouble is not None
        said[seen.name] = (archived.trouble.fr, archived.trouble.en)
        drop.delete(claimed)
    assert said == {
        b"1-link": ("un lien symbolique, pas un fichier ordinaire", "a symbolic link, no plain file"),
        b"2-pipe": ("un tube, pas un fichier ordinaire", "a pipe, no plain file"),
        b"3-folder": ("un dossier, pas un fichier ordinaire", "a folder, no plain file"),
        b"4-hard": (
            "un fichier à 2 liens physiques, pas un fichier ordinaire",
            "a file with 2 hard links, no plain file",
        ),
    }
    assert list(drop.work.iterdir()) == []


def test_one_process_at_a_time_receives_for_a_partner(drop: LocalDrop) -> None:
    with drop.alone() as first, LocalDrop(drop.inbox.parent, DropLimits()).alone() as second:
        assert (first, second) == (True, False)
    with drop.alone() as again:
        assert again


# --- what leaves ------------------------------------------------------------------------------------------------------


@pytest.fixture
def out(tmp_path: Path) -> LocalOutgoing:
    return LocalOutgoing(tmp_path / "out")


def stored(tmp_path: Path, content: bytes) -> tuple[Path, str]:
    path = tmp_path / "object"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_a_file_appears_whole_under_its_name(out: LocalOutgoing, tmp_path: Path) -> None:
    source, digest = stored(tmp_path, b"report")
    out.upload("CSO1", BytesIO(source.read_bytes()))
    assert [p.name for p in out.folder.iterdir()] == [".CSO1.part"]
    assert out.appear("CSO1", digest)
    out.flush()
    assert {p.name: p.read_bytes() for p in out.folder.iterdir()} == {"CSO1": b"report"}


def test_an_uploaded_file_that_is_gone_was_delivered(out: LocalOutgoing, tmp_path: Path) -> None:
    source, digest = stored(tmp_path, b"report")
    out.upload("CSO1", BytesIO(source.read_bytes()))
    assert out.appear("CSO1", digest)
    (out.folder / "CSO1").unlink()  # fetched by the partner, before we could say that it was sent
    assert out.appear("CSO1", digest)
    assert list(out.folder.iterdir()) == []


def test_a_file_that_is_there_is_never_written_over(out: LocalOutgoing, tmp_path: Path) -> None:
    source, digest = stored(tmp_path, b"report")
    out.folder.mkdir()
    (out.folder / "CSO1").write_bytes(b"foreign")
    out.upload("CSO1", BytesIO(source.read_bytes()))
    assert not out.appear("CSO1", digest)
    assert (out.folder / "CSO1").read_bytes() == b"foreign"
    (out.folder / "CSO1").write_bytes(b"report")
    assert out.appear("CSO1", digest)
    assert [p.name for p in out.folder.iterdir()] == ["CSO1"]


def test_without_the_system_call_a_link_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        def __init__(self, *_: object, **__: object) -> None:
            pass

    for library in (Nowhere, lambda *_a, **_k: type("Old", (), {"renameat2": staticmethod(lambda *_: -1)})()):
        monkeypatch.setattr(local_drop.ctypes, "CDLL", library)
        monkeypatch.setattr(local_drop.ctypes, "get_errno", lambda: errno.ENOSYS)
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"x")
        rename_new(source, target)
        assert not source.exists()
        source.write_bytes(b"y")
        with pytest.raises(FileExistsError):
            rename_new(source, target)
        assert target.read_bytes() == b"x"
        target.unlink()


def test_another_failure_of_the_system_call_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(FileNotFoundError):
        rename_new(tmp_path / "a", tmp_path / "nowhere" / "b")


def test_a_file_from_before_1970_is_found_again_after_a_kill(drop: LocalDrop) -> None:
    put(drop, b"old", mtime_ns=-1_000_000_000)
    claimed = drop.claim(drop.scan()[0], frozenset())
    assert claimed is not None
    assert [(left.claim, left.name) for left in drop.in_work()] == [(claimed.claim, b"old")]


def test_what_is_no_claim_in_work_stops_nothing(drop: LocalDrop) -> None:
    put(drop, b"a")
    claimed = drop.claim(drop.scan()[0], frozenset())
    (drop.work / "aaaaaaaaaaaaaaaa-1-2").write_bytes(b"a file with the name of a claim")
    assert [left.claim for left in drop.in_work()] == [claimed.claim if claimed else None]


def test_a_name_that_cannot_be_moved_leaves_no_claim_behind(drop: LocalDrop, monkeypatch: pytest.MonkeyPatch) -> None:
    put(drop, b"a")

    def busy(_source: bytes, _target: bytes) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(local_drop.os, "rename", busy)
    with pytest.raises(OSError, match="busy"):
        drop.claim(drop.scan()[0], frozenset())
    assert [p.name for p in drop.work.iterdir()] == []
