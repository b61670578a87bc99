"""The object store on S3: what it keeps, fetches and hashes in a second, beside the server that the tests start.

    PYTHONPATH=tests python -m bench.store [--objects 1000]

The same without reading back, and on a bucket with object lock, shows what these cost.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import machine
from bench.figures import Figure, print_figures
from pipeline.adapters.s3_store import Bucket, S3Store
from pipeline.ports import NewObject

PARTNER = "ABC001"
SMALL_BYTES = 10_000
LARGE_MIB = (32, 128)
ROUNDS = 3


class WithoutReadingBack(S3Store):
    """What a put costs alone: never used but to measure."""

    def _digest(self, key: str, copy: object = None) -> str | None:
        return key.rpartition("/")[2]


def run(objects: int = 1000) -> list[Figure]:
    """Measure on a bucket without and on one with object lock."""
    from services.s3 import S3Server

    figures = []
    with S3Server() as server, tempfile.TemporaryDirectory() as folder:
        keys = (server.region, server.access_key, server.secret_key)
        for lock in (False, True):
            bucket = Bucket(server.make_bucket(f"bench-{lock}".lower(), lock=lock), server.endpoint, *keys)
            figures += measured(bucket, Path(folder) / bucket.name, objects, ", object lock" if lock else "")
    print(machine.description())
    print_figures("The object store on S3, client and server on the same cores", figures)
    return figures


def measured(bucket: Bucket, folder: Path, objects: int, title: str) -> list[Figure]:
    store, reader = S3Store(bucket, folder / "one"), S3Store(bucket, folder / "two")
    bare = WithoutReadingBack(bucket, folder / "three")
    figures = []
    for what, one in (("keep", store), ("keep without reading back", bare)):
        rates = [rate(objects, one.keep, made(one, objects, SMALL_BYTES)) for _ in range(ROUNDS)]
        figures.append(Figure(f"{what}, {SMALL_BYTES:,} bytes{title}", rates, "objects/s", digits=0))

    def fetch(digest: str) -> None:
        reader.forget(reader.fetch(PARTNER, digest))

    def digest(digest: str) -> None:
        reader.digest(PARTNER, digest)

    def exists(digest: str) -> None:
        reader.exists(PARTNER, digest)

    digests = list(store.list(PARTNER))[:objects]
    for read in (fetch, digest, exists):
        for threads in (1, 8):
            rates = [rate(len(digests), *side_by_side(threads, read, digests)) for _ in range(ROUNDS)]
            figures.append(Figure(f"{read.__name__}, {threads} thread(s){title}", rates, "objects/s", digits=0))
    for size_mib in LARGE_MIB:
        new = made(store, 1, size_mib << 20)
        figures.append(Figure(f"keep {size_mib} MiB{title}", [rate(size_mib, store.keep, new)], "MiB/s", digits=0))
        figures.append(
            Figure(f"fetch {size_mib} MiB{title}", [rate(size_mib, fetch, new[0][1].sha256)], "MiB/s", digits=0)
        )
    return figures


def made(store: S3Store, count: int, size_bytes: int) -> list[tuple[str, NewObject]]:
    """Written and not kept yet: random bytes."""
    new: list[tuple[str, NewObject]] = []
    for _ in range(count):
        one = store.begin(PARTNER)
        for start in range(0, size_bytes, 1 << 20):
            one.write(os.urandom(min(1 << 20, size_bytes - start)))
        one.close()
        new.append((PARTNER, one))
    return new


def side_by_side(threads: int, read: Callable[[str], None], digests: list[str]) -> tuple[Callable[[Any], None], Any]:
    def work(all_of_them: list[str]) -> None:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(read, all_of_them):
                pass

    return work, digests


def rate(count: int, work: Callable[[Any], object], given: Any) -> float:
    began = time.perf_counter()
    work(given)
    return count / (time.perf_counter() - began)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(prog="python -m bench.store", description=__doc__)
    arguments.add_argument("--objects", type=int, default=1000)
    run(arguments.parse_args().objects)
