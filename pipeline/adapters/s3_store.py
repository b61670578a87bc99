"""The object store in an S3 bucket: `<partner>/<SHA-256>`, create-only; each object is read back before it counts.

Not every store verifies a checksum that it is given, or knows `If-None-Match`: nothing here relies on either. The key
is the content, so what stands under it already is the same bytes, or somebody altered it: then nothing is written over
it, and an error names the key.
"""

import base64
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeVar, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.adapters.local_store import COPY_BYTES, LocalObject, is_digest, is_partner, named, partner_named
from pipeline.adapters.object_copies import Copies
from pipeline.adapters.s3_errors import (
    Away,
    BrokenOff,
    Where,
    code,
    is_missing,
    is_there_already,
    missing,
)
from pipeline.adapters.system_errors import Unreachable
from pipeline.ports import Fault, NewObject, Said

TRIES = 2  # of one request, with the short back-off of botocore between them ...
PATIENCE_S = 10.0  # ... and then ours: a gateway that starts again takes seconds
CONNECT_S = 5
PART_BYTES = 8 << 20  # of a multipart upload, in the memory of each thread
PARTS_MAX = 10_000
IN_MEMORY_BYTES = 1 << 20  # a smaller body goes out in one write, without asking first (`Expect: 100-continue`)
POOL = 64  # connections kept open: readers and senders fetch beside our own threads
PAUSES_S = (0.05, 0.2, 0.8, 2.0)  # before looking again for what a concurrent put is just writing
_NO_LOCK = {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"}
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "NotSupported"}  # a store without object lock
T = TypeVar("T")
_CORRECT = Said(
    "corriger [s3] dans settings.toml, puis relancer la même commande",
    "correct [s3] in settings.toml and run the same command again",
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and how to talk to its server."""

    name: str
    endpoint: str = ""  # empty: AWS
    region: str = "us-east-1"
    access_key: str = field(default="", repr=False)  # empty: boto3 looks by its own rules
    secret_key: str = field(default="", repr=False)
    addressing_style: str = "path"
    checksums: str = "when_required"
    lock_years: int = 10  # applied where the bucket has object lock
    multipart_bytes: int = 64 << 20
    connections: int = 8
    timeout_s: int = 60


class S3Store:
    """Fulfils `ports.ObjectStore`."""

    def __init__(self, bucket: Bucket, folder: Path) -> None:
        """`folder` is private to this process: what is written, and copies of what is read, lie there.

        A wrong bucket, key, region or address is a fault now; a server that is away is one when it is needed.
        """
        self.bucket, self.lanes = bucket, bucket.connections
        self._where = Where(bucket.name, bucket.endpoint, bucket.region)
        self._copies = Copies(folder)
        self._lock = Lock()
        self._is_locked: bool | None = None  # not known yet
        self._is_away = False  # nobody is patient with a server that used up the patience of another
        try:
            session = boto3.session.Session()
            self._client = _client(session, bucket, tries=TRIES, timeout_s=bucket.timeout_s)
            asks_once = _client(session, bucket, tries=1, timeout_s=2 * CONNECT_S)
        except (BotoCoreError, ValueError) as error:  # ValueError: "Invalid endpoint"
            raise Fault(_no_client(self._where.server, type(error).__name__).then(_CORRECT)) from error
        try:
            with self._where.told():
                self._ask_for_lock(asks_once)
        except Away:
            self._is_away = True  # what the bucket is like is asked by the first object that is kept
        except Unreachable as wrong:
            raise Fault(wrong.said.then(_CORRECT)) from wrong

    # --- writing ---

    def begin(self, partner: str) -> LocalObject:
        """A new object of unknown digest: write it, then `keep` it, then `drop` what is left of it in any case."""
        partner_named(partner)
        descriptor, path = self._copies.new()
        return LocalObject(os.fdopen(descriptor, "wb", buffering=COPY_BYTES), path)

    def put_new(self, partner: str, source: BinaryIO) -> tuple[str, int]:
        """Store all of `source` unless it is there already; returns (SHA-256, size in bytes)."""
        new = self.begin(partner)
        try:
            while part := source.read(COPY_BYTES):
                new.write(part)
            self.keep([(partner, new)])
        finally:
            new.drop()
        return new.sha256, new.size_bytes

    def keep(self, written: Iterable[tuple[str, NewObject]]) -> None:
        """Upload all, several at once; each one is read back. One failure is raised, what is stored by then stays."""
        new: dict[str, LocalObject] = {}
        for partner, one in written:
            one.close()
            new[named(partner, one.sha256)] = cast(LocalObject, one)
        large = [(key, one) for key, one in new.items() if one.size_bytes > self.bucket.multipart_bytes]
        small = [(key, one) for key, one in new.items() if one.size_bytes <= self.bucket.multipart_bytes]
        if not large and len(small) == 1:  # no thread for one
            self._keep_one(self._put, *small[0])
            return
        with ThreadPoolExecutor(self.bucket.connections, thread_name_prefix="s3") as threads:
            for _ in threads.map(lambda each: self._keep_one(self._put, *each), small):
                pass  # the first failure is raised here, and what was not begun is cancelled
            for key, one in large:
                self._keep_one(partial(self._put_in_parts, threads), key, one)

    def _keep_one(self, put: Callable[[str, LocalObject], bool], key: str, one: LocalObject) -> None:
        """Put, read back, compare; what another one is writing at this moment is looked at again."""
        for pause_s in PAUSES_S:
            is_ours, found = self._patiently(key, lambda: (put(key, one), self._digest(key)))
            if found == one.sha256:
                if not is_ours:
                    self._lock_on(key)
                self._copies.add(_file_name(key), one.path, one.size_bytes)
                return
            if found is not None:
                raise self._where.altered(key, found)
            time.sleep(pause_s)
        raise self._where.lost(key)

    def _put(self, key: str, one: LocalObject) -> bool:
        """One request; False where the key is taken."""
        checksum = base64.b64encode(bytes.fromhex(one.sha256)).decode()
        with one.path.open("rb") as file:
            body = file.read() if one.size_bytes <= IN_MEMORY_BYTES else file
            try:
                self._client.put_object(
                    Bucket=self.bucket.name, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum,
                    **self._retention(),
                )  # fmt: skip
            except ClientError as error:
                if is_there_already(error):
                    return False
                raise
        return True

    def _put_in_parts(self, threads: ThreadPoolExecutor, key: str, one: LocalObject) -> bool:
        """The same for a large one, unless it is there already: nothing large is sent for nothing."""
        if self._head(key) is not None:
            return False
        with one.path.open("rb", buffering=0) as file:
            of = {"Bucket": self.bucket.name, "Key": key}
            of["UploadId"] = self._client.create_multipart_upload(**of, **self._retention())["UploadId"]
            is_done = False
            try:
                parts = self._upload(threads, file.fileno(), one.size_bytes, of)
                self._client.complete_multipart_upload(**of, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
                is_done = True
            except ClientError as error:
                # a completion that was answered too late is asked for again, and its upload is gone by then
                if not is_there_already(error) and code(error) != "NoSuchUpload":
                    raise
            finally:
                if not is_done:
                    with suppress(BotoCoreError, ClientError):  # what stays of it, the lifecycle of the bucket removes
                        self._client.abort_multipart_upload(**of)
        return is_done

    def _upload(
        self, threads: ThreadPoolExecutor, descriptor: int, size_bytes: int, of: dict[str, str]
    ) -> list[dict[str, Any]]:
        """The parts of an upload, as its completion names them."""
        part_bytes = max(min(PART_BYTES, self.bucket.multipart_bytes), -(-size_bytes // PARTS_MAX))

        def upload(rank: int) -> dict[str, Any]:
            part = os.pread(descriptor, part_bytes, rank * part_bytes)
            md5 = base64.b64encode(hashlib.md5(part, usedforsecurity=False).digest()).decode()  # a lock asks for it
            answer = self._client.upload_part(**of, PartNumber=rank + 1, Body=part, ContentMD5=md5)
            return {"PartNumber": rank + 1, "ETag": answer["ETag"]}

        asked = [threads.submit(upload, rank) for rank in range(-(-size_bytes // part_bytes))]
        try:
            return [one.result() for one in asked]
        finally:
            for one in asked:
                one.cancel()
            wait(asked)  # none is under way when the upload is given up and the file closed

    # --- reading ---

    def _patiently(self, key: str, work: Callable[[], T]) -> T:
        """Do it again for a few seconds while the server is away. What took long to fail is not tried again."""
        pause_s, until = PAUSES_S[0], 0.0
        while True:
            began = time.monotonic()
            try:
                with self._where.told(key):
                    done = work()
            except Away as error:
                now = time.monotonic()
                until = until or now + (0 if self._is_away else PATIENCE_S)
                is_slow = now - began > PATIENCE_S and not isinstance(error, BrokenOff)
                if is_slow or now + pause_s > until:
                    self._is_away = True
                    raise
            else:
                self._is_away = False
                return done
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSES_S[-1])

    def open(self, partner: str, sha256: str) -> BinaryIO:
        """The bytes, all of them read and checked before the first one is given."""
        copy = self.fetch(partner, sha256)
        try:
            return copy.open("rb")
        finally:
            self.forget(copy)  # an open file outlives its name

    def fetch(self, partner: str, sha256: str) -> Path:
        """A copy of ours, its digest checked while it came."""
        key = named(partner, sha256)
        copy = self._copies.lend(_file_name(key))
        if copy is not None:
            return copy
        descriptor, path = self._copies.new()
        try:
            with os.fdopen(descriptor, "wb") as file:
                found = self._patiently(key, lambda: self._digest(key, file))
                size_bytes = file.tell()
            if found is None:
                raise missing(f"{self.bucket.name}/{key}")
            if found != sha256:
                raise self._where.altered(key, found)
            return self._copies.add_and_lend(_file_name(key), path, size_bytes)
        finally:
            path.unlink(missing_ok=True)

    def forget(self, fetched: Path) -> None:
        self._copies.give_back(fetched)

    def exists(self, partner: str, sha256: str) -> bool:
        key = named(partner, sha256)
        return self._patiently(key, lambda: self._head(key)) is not None

    def digest(self, partner: str, sha256: str) -> str | None:
        """The SHA-256 of what really stands under this name, read in full; None where nothing does."""
        key = named(partner, sha256)
        return self._patiently(key, lambda: self._digest(key))

    def list(self, partner: str) -> Iterator[str]:
        """The digests kept for a partner, sorted, page by page."""
        yield from (sha256 for sha256, _ in self.sized(partner))

    def sized(self, partner: str) -> Iterator[tuple[str, int]]:
        """The same, each with its size in bytes: a page tells both."""
        prefix = f"{partner_named(partner)}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name, Prefix=prefix)
        with self._where.told():
            for page in pages:
                found = ((one["Key"].removeprefix(prefix), int(one["Size"])) for one in page.get("Contents", ()))
                yield from ((name, size) for name, size in found if is_digest(name))

    def partners(self) -> Iterator[str]:
        """What stands before the first slash, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket.name, Delimiter="/")
        with self._where.told():
            for page in pages:
                names = (found["Prefix"].removesuffix("/") for found in page.get("CommonPrefixes", ()))
                yield from (name for name in names if is_partner(name))

    def _head(self, key: str, **which: str) -> dict[str, Any] | None:
        try:
            return cast(dict[str, Any], self._client.head_object(Bucket=self.bucket.name, Key=key, **which))
        except ClientError as error:
            if is_missing(error):
                return None
            raise

    def _digest(self, key: str, copy: BinaryIO | None = None) -> str | None:
        """Hash an object, into `copy` if one is given; None where nothing is."""
        try:
            answer = self._client.get_object(Bucket=self.bucket.name, Key=key)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        digest = hashlib.sha256()
        if copy is not None:  # what an earlier try left
            copy.seek(0)
            copy.truncate()
        with closing(answer["Body"]) as body:
            while part := body.read(COPY_BYTES):
                digest.update(part)
                if copy is not None:
                    copy.write(part)
        return digest.hexdigest()

    # --- the end of the retention ---

    def remove(self, partner: str, sha256: str) -> None:
        """Remove every version: where versions are kept, a plain delete only hides the last one."""
        key = named(partner, sha256)
        self._copies.forget(_file_name(key))
        with self._where.told(key):
            versions, markers = _versions(self._client, self.bucket.name, key)
            for version in versions:
                self._refuse_if_locked(key, version)
            for version in (*versions, *markers):
                with suppress(FileNotFoundError), self._where.told(key):  # another one is removing it as well
                    self._client.delete_object(Bucket=self.bucket.name, Key=key, VersionId=version)

    def clear(self, writer: str) -> None:
        """Nothing is half there on S3, and the folder of a dead process went with its presence."""

    def _refuse_if_locked(self, key: str, version: str) -> None:
        found = self._head(key, VersionId=version) or {}
        until = found.get("ObjectLockRetainUntilDate")
        if until is not None and until > datetime.now(UTC):
            raise self._where.locked(key, f"{until.astimezone(UTC):%Y-%m-%d}")
        if found.get("ObjectLockLegalHoldStatus") == "ON":
            raise self._where.held(key)

    # --- the bucket and its lock ---

    @property
    def is_locked(self) -> bool:
        """The bucket has object lock, and `lock_years` says to use it."""
        with self._lock:
            if self._is_locked is None:
                self._ask_for_lock(self._client)
            return bool(self._is_locked)

    def _ask_for_lock(self, client: Any) -> None:
        """One look at the bucket that tells its trouble too."""
        if not self.bucket.lock_years:
            client.head_bucket(Bucket=self.bucket.name)
            self._is_locked = False
            return
        try:
            found = client.get_object_lock_configuration(Bucket=self.bucket.name)
            self._is_locked = found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled"
        except ClientError as error:
            if code(error) in _UNKNOWN:
                client.head_bucket(Bucket=self.bucket.name)
            elif code(error) not in _NO_LOCK:
                raise
            self._is_locked = False

    def _retention(self) -> dict[str, Any]:
        if not self.is_locked:
            return {}
        until = lock_end(datetime.now(UTC), self.bucket.lock_years)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def _lock_on(self, key: str) -> None:
        """The same bytes came again: they are kept for as long as if they had come today for the first time."""
        if not self.is_locked:
            return
        wanted = lock_end(datetime.now(UTC), self.bucket.lock_years)
        with self._where.told(key):
            until = (self._head(key) or {}).get("ObjectLockRetainUntilDate")
            if until is None or until < wanted:
                self._client.put_object_retention(
                    Bucket=self.bucket.name, Key=key, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": wanted}
                )


def _client(session: Any, bucket: Bucket, *, tries: int, timeout_s: int) -> Any:
    """A client for all threads. Making one costs 60 to 120 ms, a second one of the same session 4 ms."""
    config = Config(
        signature_version="s3v4", s3={"addressing_style": bucket.addressing_style},
        retries={"mode": "standard", "total_max_attempts": tries}, connect_timeout=CONNECT_S, read_timeout=timeout_s,
        request_checksum_calculation=bucket.checksums, response_checksum_validation=bucket.checksums,
        max_pool_connections=max(POOL, bucket.connections), tcp_keepalive=True,
    )  # fmt: skip
    return session.client(
        "s3", endpoint_url=bucket.endpoint or None, region_name=bucket.region,
        aws_access_key_id=bucket.access_key or None, aws_secret_access_key=bucket.secret_key or None, config=config,
    )  # fmt: skip


def lock_end(now: datetime, years: int) -> datetime:
    """Midnight UTC after the same day in so many years: whatever the hour of receipt, it is not short of them."""
    day = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
    if (day.month, day.day) == (2, 29):
        day += timedelta(days=1)
    return day.replace(year=day.year + years)


def _versions(client: Any, bucket: str, key: str) -> tuple[list[str], list[str]]:
    """The versions of an object, and the marks that hide it; a bucket without versions has one, named null."""
    found: dict[str, list[str]] = {"Versions": [], "DeleteMarkers": []}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for kind, ids in found.items():
            ids += [one["VersionId"] for one in page.get(kind, ()) if one["Key"] == key]
    return found["Versions"], found["DeleteMarkers"]


def _file_name(key: str) -> str:
    return key.replace("/", ".")


def _no_client(server: str, error: str) -> Said:
    return Said(
        f"boto3 n'accepte pas l'adresse {server}, les clés ou la région ({error}) ; une adresse : https://serveur:port",
        f"boto3 does not take the address {server}, the keys or the region ({error}); an address: https://server:port",
    )
