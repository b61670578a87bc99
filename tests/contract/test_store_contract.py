"""One contract for both object stores: the folder, and the bucket on a real S3 server.

`TEST_S3_ENDPOINT`, `TEST_S3_ACCESS_KEY` and `TEST_S3_SECRET_KEY` name another server: that is how a store is qualified.
"""

import hashlib
import io
import itertools
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from services.s3 import S3Account

from pipeline.adapters.local_store import LocalStore
from pipeline.adapters.system_errors import Failed, Locked
from pipeline.ports import ObjectStore

if TYPE_CHECKING:
    from pipeline.adapters.s3_store import S3Store

BYTES = b"the bytes of a flow"
DIGEST = hashlib.sha256(BYTES).hexdigest()
PART = 5 << 20  # the least that S3 takes
_numbers = itertools.count(1)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Kept:
    """A store, a partner that nobody else uses, and what a look behind the back of the store shows."""

    store: ObjectStore
    partner: str
    another: Callable[[], ObjectStore]  # the same objects, from another process
    alter: Callable[[str, bytes], None]
    writes: Callable[[str], list[str]]  # one mark for each time that an object was written
    begun: Callable[[], list[str]]  # what is there and is no whole object


class Bucketful:
    """The S3 side: a bucket, seen by the plain client."""

    def __init__(self, account: S3Account, folder: Path, *, lock: bool = False, versions: bool = True) -> None:
        self.account, self.folder, self.client = account, folder, account.client()
        self.name = account.make_bucket(f"edi-{secrets.token_hex(5)}", lock=lock, versions=versions and not lock)

    def open(self, **changes: Any) -> "S3Store":
        from pipeline.adapters.s3_store import Bucket, S3Store

        settings = {"multipart_bytes": PART, "lock_years": 1} | changes
        return S3Store(
            Bucket(
                self.name, self.account.endpoint, self.account.region, self.account.access_key,
                self.account.secret_key, **settings,
            ),
            self.folder / secrets.token_hex(4),
        )  # fmt: skip

    def versions(self, key: str) -> list[str]:
        found = self.client.list_object_versions(Bucket=self.name, Prefix=key)
        return [one["VersionId"] for one in found.get("Versions", [])]

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=key, Body=content)

    def uploads(self) -> list[str]:
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])]

    def retain_until(self, key: str) -> datetime:
        found = self.client.get_object_retention(Bucket=self.name, Key=key)["Retention"]
        assert found["Mode"] == "COMPLIANCE"
        until: datetime = found["RetainUntilDate"]
        return until


@pytest.fixture(scope="module")
def bucket(s3_account: S3Account, tmp_path_factory: pytest.TempPathFactory) -> Bucketful:
    return Bucketful(s3_account, tmp_path_factory.mktemp("copies"))


@pytest.fixture(scope="module")
def s3_store(bucket: Bucketful) -> "S3Store":
    return bucket.open()


@pytest.fixture(scope="module")
def locked(s3_account: S3Account, tmp_path_factory: pytest.TempPathFactory) -> Bucketful:
    return Bucketful(s3_account, tmp_path_factory.mktemp("copies"), lock=True)


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.services)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    partner = f"P{next(_numbers):05d}"
    if request.param == "folder":
        root = tmp_path / "store"
        local = LocalStore(root, "one")

        def alter(digest: str, content: bytes) -> None:
            local.path(partner, digest).write_bytes(content)

        def writes(digest: str) -> list[str]:
            return [str((local.path(partner, digest).stat().st_ino, local.path(partner, digest).stat().st_mtime_ns))]

        def begun() -> list[str]:
            return [p.name for p in (root / partner).glob(".new-*")]

        return Kept(local, partner, lambda: LocalStore(root, "two"), alter, writes, begun)
    bucket: Bucketful = request.getfixturevalue("bucket")
    store: S3Store = request.getfixturevalue("s3_store")
    return Kept(
        store, partner, bucket.open,
        alter=lambda digest, content: bucket.put(f"{partner}/{digest}", content),
        writes=lambda digest: bucket.versions(f"{partner}/{digest}"),
        begun=lambda: [*bucket.uploads(), *(p.name for p in store._copies.folder.glob(".new-*"))],
    )  # fmt: skip


def put(kept: Kept, content: bytes = BYTES) -> str:
    digest, size = kept.store.put_new(kept.partner, io.BytesIO(content))
    assert (digest, size) == (sha256(content), len(content))
    return digest


def begin(kept: Kept, content: bytes) -> Any:
    new = kept.store.begin(kept.partner)
    assert new.write(content) == len(content)
    new.close()
    return new


# --- both stores ------------------------------------------------------------------------------------------------------


def test_an_object_goes_all_its_way(kept: Kept) -> None:
    store, partner = kept.store, kept.partner
    new = store.begin(partner)
    for part in (BYTES[:5], BYTES[5:]):
        new.write(part)
    assert (new.sha256, new.size_bytes) == (DIGEST, len(BYTES))
    assert not store.exists(partner, DIGEST)
    store.keep([(partner, new)])
    new.drop()
    for one in (store, kept.another()):
        assert one.exists(partner, DIGEST)
        assert one.digest(partner, DIGEST) == DIGEST
        assert list(one.list(partner)) == [DIGEST]
        with one.open(partner, DIGEST) as file:
            assert file.read() == BYTES
        copy = one.fetch(partner, DIGEST)
        assert copy.read_bytes() == BYTES
        one.forget(copy)
        assert one.exists(partner, DIGEST)
    store.remove(partner, DIGEST)
    for one in (store, kept.another()):
        assert not one.exists(partner, DIGEST)
        assert list(one.list(partner)) == []
        with pytest.raises(FileNotFoundError):
            one.fetch(partner, DIGEST)
    store.remove(partner, DIGEST)
    assert kept.begun() == []


def test_everybody_who_has_something_is_known_by_name_and_rooms_are_nobody(kept: Kept) -> None:
    store, partner = kept.store, kept.partner
    assert partner not in store.partners()
    store.put_new(f"{partner}/results", io.BytesIO(BYTES))
    assert partner in kept.another().partners()
    assert list(store.list(partner)) == []
    names = list(store.partners())
    assert names == sorted(names)
    assert not any("/" in name for name in names)


def test_what_is_not_there_is_missing_in_one_way(kept: Kept) -> None:
    store, partner = kept.store, kept.partner
    assert not store.exists(partner, DIGEST)
    assert store.digest(partner, DIGEST) is None
    assert list(store.list(partner)) == []
    for read in (store.open, store.fetch):
        with pytest.raises(FileNotFoundError) as missing:
            read(partner, DIGEST)
        assert str(missing.value.filename).endswith(f"{partner}/{DIGEST}")


def test_the_same_bytes_twice_are_one_object_that_is_never_written_over(kept: Kept) -> None:
    put(kept)
    before = kept.writes(DIGEST)
    put(kept)
    kept.another().put_new(kept.partner, io.BytesIO(BYTES))
    assert kept.writes(DIGEST) == before
    assert len(before) == 1


def test_the_objects_of_one_partner_are_not_those_of_another(kept: Kept) -> None:
    put(kept)
    assert not kept.store.exists(f"{kept.partner}-B", DIGEST)
    assert list(kept.store.list(kept.partner[:-1])) == []
    with pytest.raises(FileNotFoundError):
        kept.store.fetch(f"{kept.partner}-B", DIGEST)


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 12 << 20])
def test_every_size_comes_back_whole(kept: Kept, size: int) -> None:
    content = secrets.token_bytes(size)
    digest = put(kept, content)
    another = kept.another()
    assert another.digest(kept.partner, digest) == digest
    copy = another.fetch(kept.partner, digest)
    assert copy.read_bytes() == content
    another.forget(copy)
    assert put(kept, content) == digest
    assert len(kept.writes(digest)) == 1
    assert kept.begun() == []


@pytest.mark.parametrize(
    ("partner", "digest"),
    [
        ("P1", "../../etc/passwd"), ("P1", DIGEST.upper()), ("P1", DIGEST + "\n"), ("P1", ""), ("../P1", DIGEST),
        ("P1/P2", DIGEST), ("", DIGEST), ("é", DIGEST), ("P" * 33, DIGEST),
    ],
)  # fmt: skip
def test_only_partners_and_digests_name_objects(kept: Kept, partner: str, digest: str) -> None:
    store = kept.store
    for ask in (store.open, store.fetch, store.exists, store.digest, store.remove):
        with pytest.raises(ValueError, match="named by"):
            ask(partner, digest)
    if partner != "P1":
        with pytest.raises(ValueError, match="named by"):
            store.begin(partner)
        with pytest.raises(ValueError, match="named by"):
            list(store.list(partner))


@pytest.mark.parametrize(("racers", "size"), [(16, 2000), (4, PART + 1)])
def test_of_all_that_put_the_same_bytes_at_once_one_writes_and_all_succeed(kept: Kept, racers: int, size: int) -> None:
    stores = [kept.store, kept.another()]
    content = secrets.token_bytes(size)
    barrier = threading.Barrier(racers)

    def race(rank: int) -> tuple[str, int]:
        barrier.wait()
        return stores[rank % 2].put_new(kept.partner, io.BytesIO(content))

    with ThreadPoolExecutor(racers) as threads:
        assert set(threads.map(race, range(racers))) == {(sha256(content), size)}
    assert kept.another().digest(kept.partner, sha256(content)) == sha256(content)
    if size <= PART:  # SeaweedFS 4.48 lets two completions of the same moment both win: the same bytes, twice
        assert len(kept.writes(sha256(content))) == 1
    assert kept.begun() == []


def test_more_than_a_thousand_objects_are_kept_together_and_listed_in_order(kept: Kept) -> None:
    contents = [b"object %d of a lot" % n for n in range(1100)]  # more than a page, more than a process may open
    new = [begin(kept, content) for content in contents]
    kept.store.keep([(kept.partner, one) for one in new])
    for one in new:
        one.drop()
    listed = list(kept.another().list(kept.partner))
    assert listed == sorted(sha256(content) for content in contents)
    sized = list(kept.another().sized(kept.partner))
    assert sized == sorted((sha256(content), len(content)) for content in contents)
    assert list(kept.store.sized("nobody")) == []
    assert kept.begun() == []


def test_the_same_bytes_twice_in_one_lot_are_kept_once(kept: Kept) -> None:
    new = [begin(kept, BYTES), begin(kept, BYTES), begin(kept, b"others")]
    kept.store.keep([(kept.partner, one) for one in new])
    for one in new:
        one.drop()
    assert list(kept.store.list(kept.partner)) == sorted([DIGEST, sha256(b"others")])
    assert kept.begun() == []


def test_an_altered_object_shows_in_its_digest_and_is_not_written_over(kept: Kept) -> None:
    put(kept)
    kept.alter(DIGEST, b"other bytes")
    another = kept.another()
    assert another.digest(kept.partner, DIGEST) == sha256(b"other bytes")
    before = kept.writes(DIGEST)
    try:
        another.put_new(kept.partner, io.BytesIO(BYTES))
    except OSError as error:
        assert DIGEST in str(error)
    assert kept.writes(DIGEST) == before
    assert another.digest(kept.partner, DIGEST) == sha256(b"other bytes")


def test_what_is_begun_and_not_kept_leaves_nothing(kept: Kept) -> None:
    new = begin(kept, BYTES)
    assert list(kept.store.list(kept.partner)) == []
    assert not kept.another().exists(kept.partner, DIGEST)
    new.drop()
    assert kept.begun() == []


def test_a_source_that_fails_leaves_nothing(kept: Kept) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        kept.store.put_new(kept.partner, Broken())
    assert list(kept.store.list(kept.partner)) == []
    assert kept.begun() == []


@pytest.mark.parametrize("size", [2000, PART + 1])
def test_a_lot_that_is_interrupted_leaves_whole_objects_only(kept: Kept, size: int) -> None:
    new = [begin(kept, secrets.token_bytes(size)) for _ in range(3)]
    new[1].path.unlink()
    with pytest.raises(FileNotFoundError):
        kept.store.keep([(kept.partner, one) for one in new])
    for one in new:
        one.drop()
    for digest in kept.store.list(kept.partner):
        assert kept.store.digest(kept.partner, digest) == digest
    assert not kept.store.exists(kept.partner, new[1].sha256)
    assert kept.begun() == []


def test_many_threads_read_the_same_object(kept: Kept) -> None:
    content = secrets.token_bytes(300_000)
    digest = put(kept, content)
    another = kept.another()
    barrier = threading.Barrier(12)

    def read(_: int) -> bytes:
        barrier.wait()
        copy = another.fetch(kept.partner, digest)
        try:
            return copy.read_bytes()
        finally:
            another.forget(copy)

    with ThreadPoolExecutor(12) as threads:
        assert set(threads.map(read, range(12))) == {content}
    assert another.exists(kept.partner, digest)


# --- the bucket alone -------------------------------------------------------------------------------------------------


@pytest.fixture
def partner() -> str:
    return f"P{next(_numbers):05d}"


def copies(store: "S3Store") -> list[str]:
    return [path.name for path in store._copies.folder.iterdir()]


def test_what_was_just_kept_is_fetched_without_asking_the_server(bucket: Bucketful, partner: str) -> None:
    store = bucket.open()
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    bucket.client.delete_object(Bucket=bucket.name, Key=f"{partner}/{digest}")
    first, second = store.fetch(partner, digest), store.fetch(partner, digest)
    assert first == second
    store.forget(first)
    assert second.read_bytes() == BYTES
    store.forget(second)
    assert copies(store) == []
    with pytest.raises(FileNotFoundError):
        store.fetch(partner, digest)


def test_what_is_removed_is_not_fetched_from_a_copy(bucket: Bucketful, partner: str) -> None:
    store = bucket.open()
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    store.remove(partner, digest)
    assert copies(store) == []
    with pytest.raises(FileNotFoundError):
        store.fetch(partner, digest)


def test_only_copies_of_ours_are_forgotten(bucket: Bucketful, partner: str, tmp_path: Path) -> None:
    store = bucket.open()
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    elsewhere = tmp_path / f"{partner}.{digest}"
    elsewhere.write_bytes(b"not a copy")
    store.forget(elsewhere)
    assert elsewhere.exists()
    store.forget(store._copies.folder / f"{partner}.{digest}")  # never lent
    assert copies(store) == [f"{partner}.{digest}"]


def test_altered_bytes_are_never_handed_out(bucket: Bucketful, partner: str) -> None:
    store = bucket.open()
    bucket.put(f"{partner}/{DIGEST}", b"other bytes")
    for read in (store.fetch, store.open):
        with pytest.raises(Failed, match=f"{partner}/{DIGEST} of the bucket .* has not the bytes of its name"):
            read(partner, DIGEST)
    with pytest.raises(Failed, match=f"{partner}/{DIGEST} of the bucket .* has not the bytes of its name"):
        store.put_new(partner, io.BytesIO(BYTES))
    assert copies(store) == []
    assert len(bucket.versions(f"{partner}/{DIGEST}")) == 1


def test_every_version_goes_at_the_end_and_what_only_begins_alike_stays(bucket: Bucketful, partner: str) -> None:
    store = bucket.open()
    key = f"{partner}/{DIGEST}"
    for content in (BYTES, b"written over", BYTES):
        bucket.put(key, content)
    bucket.put(f"{key}.txt", b"another name")
    bucket.client.delete_object(Bucket=bucket.name, Key=key)  # hides it
    assert not store.exists(partner, DIGEST)
    assert list(store.list(partner)) == []  # nor is it an object of ours
    store.remove(partner, DIGEST)
    found = bucket.client.list_object_versions(Bucket=bucket.name, Prefix=f"{partner}/")
    assert [one["Key"] for one in found.get("Versions", [])] == [f"{key}.txt"]
    assert found.get("DeleteMarkers", []) == []


def test_a_bucket_without_versions_serves_as_well(s3_account: S3Account, partner: str, tmp_path: Path) -> None:
    store = Bucketful(s3_account, tmp_path, versions=False).open()
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    assert store.put_new(partner, io.BytesIO(BYTES)) == (digest, len(BYTES))
    store.remove(partner, digest)
    assert not store.exists(partner, digest)
    assert list(store.list(partner)) == []


def test_an_object_that_somebody_hid_is_put_again(bucket: Bucketful, partner: str) -> None:
    store = bucket.open()
    store.put_new(partner, io.BytesIO(BYTES))
    bucket.client.delete_object(Bucket=bucket.name, Key=f"{partner}/{DIGEST}")
    store.put_new(partner, io.BytesIO(BYTES))
    assert store.digest(partner, DIGEST) == DIGEST


# --- a bucket with object lock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [2000, PART + 1])
def test_a_locked_object_stays_for_its_years(locked: Bucketful, partner: str, size: int) -> None:
    store = locked.open()
    assert store.is_locked
    content = secrets.token_bytes(size)
    digest, _ = store.put_new(partner, io.BytesIO(content))
    key = f"{partner}/{digest}"
    until = locked.retain_until(key)
    now = datetime.now(UTC)
    assert now + timedelta(days=365) <= until <= now + timedelta(days=367)
    with pytest.raises(Locked, match=f"{digest} of the bucket .* is locked until {until.astimezone(UTC).date()}"):
        store.remove(partner, digest)
    version = locked.versions(key)[0]
    with pytest.raises(locked.client.exceptions.ClientError, match="AccessDenied"):
        locked.client.delete_object(Bucket=locked.name, Key=key, VersionId=version)
    assert store.digest(partner, digest) == digest


def test_bytes_that_come_again_are_locked_for_longer_and_never_for_less(locked: Bucketful, partner: str) -> None:
    digest, _ = locked.open().put_new(partner, io.BytesIO(BYTES))
    key = f"{partner}/{digest}"
    first = locked.retain_until(key)
    locked.open(lock_years=2).put_new(partner, io.BytesIO(BYTES))
    second = locked.retain_until(key)
    assert second - first > timedelta(days=300)
    locked.open().put_new(partner, io.BytesIO(BYTES))
    assert locked.retain_until(key) == second
    assert len(locked.versions(key)) == 1


def test_no_lock_is_set_where_the_settings_want_none(locked: Bucketful, partner: str) -> None:
    store = locked.open(lock_years=0)
    assert not store.is_locked
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    with pytest.raises(locked.client.exceptions.ClientError):
        locked.retain_until(f"{partner}/{digest}")
    store.remove(partner, digest)
    assert not store.exists(partner, digest)


def test_an_object_under_legal_hold_stays(locked: Bucketful, partner: str) -> None:
    store = locked.open(lock_years=0)
    digest, _ = store.put_new(partner, io.BytesIO(BYTES))
    key = f"{partner}/{digest}"
    locked.client.put_object_legal_hold(Bucket=locked.name, Key=key, LegalHold={"Status": "ON"})
    with pytest.raises(Locked, match="is under legal hold"):
        store.remove(partner, digest)
    assert store.digest(partner, digest) == digest


@pytest.mark.parametrize(
    ("day", "years", "end"),
    [("2026-11-20", 10, "2036-11-21"), ("2028-02-28", 10, "2038-03-01"), ("2027-12-31", 1, "2029-01-01")],
)
def test_a_lock_ends_after_the_same_day_so_many_years_later(day: str, years: int, end: str) -> None:
    pytest.importorskip("boto3", reason="the extra s3 brings the driver of the store")
    from pipeline.adapters.s3_store import lock_end

    for hour in ("00:00:00", "23:59:59"):
        received = datetime.fromisoformat(f"{day}T{hour}+00:00")
        assert lock_end(received, years).isoformat() == f"{end}T00:00:00+00:00"


# --- the server of these tests ----------------------------------------------------------------------------------------


def listeners(pid: int) -> Iterator[str]:
    """The hexadecimal address of every TCP socket that a process listens on."""
    inodes = {
        target.removeprefix("socket:[").removesuffix("]")
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if (target := str(descriptor.readlink())).startswith("socket:[")
    }
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                yield fields[1].partition(":")[0]


def test_the_test_server_listens_on_loopback_alone(s3_server: Any) -> None:
    found = list(listeners(s3_server.pid))
    assert len(found) >= 8
    assert set(found) == {"0100007F"}
