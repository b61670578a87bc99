"""The object store in a directory: create-only, whole or not at all, named by content."""

import hashlib
import io
import os
import threading
import time
from pathlib import Path

import pytest

from pipeline.adapters.local_store import FEW, LocalObject, LocalStore

BYTES = b"the bytes of a flow"
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def test_bytes_are_kept_under_their_digest_and_read_back(store: LocalStore) -> None:
    assert store.put_new("ABC001", io.BytesIO(BYTES)) == (DIGEST, len(BYTES))
    assert store.exists("ABC001", DIGEST)
    assert not store.exists("DEF002", DIGEST)
    with store.open("ABC001", DIGEST) as kept:
        assert kept.read() == BYTES
    assert list(store.list("ABC001")) == [DIGEST]
    assert list(store.list("DEF002")) == []


def test_the_same_bytes_twice_are_one_object_that_is_never_written_over(store: LocalStore) -> None:
    store.put_new("ABC001", io.BytesIO(BYTES))
    before = store.path("ABC001", DIGEST).stat()
    store.put_new("ABC001", io.BytesIO(BYTES))
    after = store.path("ABC001", DIGEST).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [p.name for p in (store.root / "ABC001").iterdir()] == [DIGEST]


def test_what_is_not_kept_leaves_nothing(store: LocalStore) -> None:
    new = store.begin("ABC001")
    new.write(BYTES)
    new.drop()
    assert list((store.root / "ABC001").iterdir()) == []


def begun(store: LocalStore, count: int) -> list[tuple[str, LocalObject]]:
    made = []
    for rank in range(count):
        one = store.begin("ABC001")
        one.write(b"%d" % rank)
        one.close()
        made.append(("ABC001", one))
    return made


@pytest.mark.parametrize("count", [FEW, 4 * FEW])
def test_each_is_on_the_disk_before_any_has_its_name(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    flushed: list[str] = []
    by: set[int] = set()

    def flush(one: LocalObject) -> None:
        assert list(store.list("ABC001")) == []
        time.sleep(0.001)
        by.add(threading.get_ident())
        flushed.append(one.sha256)

    monkeypatch.setattr(LocalObject, "flush", flush)
    store.keep(begun(store, count))
    assert sorted(flushed) == list(store.list("ABC001"))
    assert len(flushed) == count
    assert (len(by) > 1) is (count > FEW)  # a few are flushed by the thread that keeps them


@pytest.mark.parametrize("count", [FEW, 4 * FEW])
def test_where_one_cannot_be_flushed_none_gets_its_name(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    new = begun(store, count)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        store.keep(new)
    assert list(store.list("ABC001")) == []


def test_what_a_dead_process_began_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    dead, alive = LocalStore(tmp_path, "dead"), LocalStore(tmp_path, "alive")
    begun = [dead.begin("ABC001"), alive.begin("ABC001")]
    alive.put_new("ABC001", io.BytesIO(BYTES))
    alive.clear("dead")
    assert [one.path.exists() for one in begun] == [False, True]
    assert alive.exists("ABC001", DIGEST)


def test_a_source_that_fails_leaves_nothing(store: LocalStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        store.put_new("ABC001", Broken())
    assert list((store.root / "ABC001").iterdir()) == []


def test_an_altered_object_shows_in_its_digest(store: LocalStore) -> None:
    store.put_new("ABC001", io.BytesIO(BYTES))
    assert store.digest("ABC001", DIGEST) == DIGEST
    store.path("ABC001", DIGEST).write_bytes(b"other")
    assert store.digest("ABC001", DIGEST) == hashlib.sha256(b"other").hexdigest()
    assert store.digest("ABC001", "0" * 64) is None


@pytest.mark.parametrize(
    ("partner", "digest"), [("ABC001", "../../etc/passwd"), ("../ABC001", DIGEST), ("ABC001", DIGEST.upper())]
)
def test_only_digests_and_partners_make_paths(store: LocalStore, partner: str, digest: str) -> None:
    with pytest.raises(ValueError, match="named by"):
        store.path(partner, digest)


def test_an_object_that_a_full_disk_did_not_take_is_dropped_all_the_same(tmp_path: Path) -> None:
    begun = tmp_path / ".new"
    begun.write_bytes(b"")
    new = LocalObject(open("/dev/full", "wb"), begun)  # noqa: SIM115 - the object closes it
    new.write(BYTES)
    with pytest.raises(OSError, match="No space left"):
        new.flush()
    again = LocalObject(open("/dev/full", "wb"), begun)  # noqa: SIM115
    again.write(BYTES)
    again.drop()
    new.drop()
    assert not begun.exists()
