"""`python -m bench.sftp_pull`: files pulled from and pushed to a real OpenSSH server, beside plain paramiko.

Every round measures each way once, in turn: what else the machine does meets all of them. `--delay-ms 20` puts a wire
of that one-way delay between. Needs root and sshd. Ends with 1 where a target is missed.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import paramiko

from bench import machine
from bench.figures import Figure, print_figures
from pipeline.adapters.local_store import LocalStore
from pipeline.adapters.remote_drop import RemoteDrop, RemoteOutgoing
from pipeline.adapters.sftp_account import Account, Server
from pipeline.ports import InWork
from pipeline.running.lanes import each
from pipeline.terms import DropLimits

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from services.relay import Relay
from services.sshd import SshServer

CODE = "BENCH1"
SHAPES = ((1, 1), (1, 4), (2, 4), (4, 2))  # connections, channels on each
DEFAULT = (2, 4)
TARGET = 0.5  # of the time that one paramiko connection takes
PUSHED_BYTES = 2_000
LARGE_MB = 64


@dataclass
class Ground:
    """Files in `in/` of one partner, and what is fetched of them."""

    server: SshServer
    port: int
    contents: list[bytes]

    def fill(self) -> None:
        served = self.server.served[CODE]
        served.empty()
        inbox = served.root / "in"
        owner = inbox.stat()
        for n, content in enumerate(self.contents):
            path = inbox / f"f{n:06}"
            path.write_bytes(content)
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(0o640)

    def account(self, connections: int, channels: int, prefetch: int | None = None) -> Account:
        served = self.server.served[CODE]
        keys = (self.server.host_key,)
        return Account(
            Server("127.0.0.1", self.port, served.our_login, served.our_key, host_keys=keys, connections=connections,
                   channels=channels, timeout_s=60, prefetch=prefetch)
        )  # fmt: skip

    @contextlib.contextmanager
    def plain(self) -> Iterator[paramiko.SFTPClient]:
        served = self.server.served[CODE]
        with paramiko.Transport(("127.0.0.1", self.port)) as transport:
            transport.connect(username=served.our_login, pkey=paramiko.PKey.from_path(served.our_key))
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            yield client


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="bench-sftp-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def plain_get(ground: Ground) -> float:
    """Seconds for one paramiko connection to `get` all, one after the other, connected before."""
    ground.fill()
    with scratch() as folder, ground.plain() as client:
        began = time.perf_counter()
        for n in range(len(ground.contents)):
            client.get(f"in/f{n:06}", str(folder / str(n)))
        return time.perf_counter() - began


def pull(ground: Ground, connections: int, channels: int) -> tuple[float, float]:
    """Seconds for us: to archive all that is claimed; and to scan, claim, archive and delete.

    Flushing the copies to our own disk is left out: it costs the same wherever they come from.
    """
    ground.fill()
    with scratch() as folder, contextlib.closing(ground.account(connections, channels)) as account:
        drop, store = RemoteDrop(account, "in", "work", DropLimits()), LocalStore(folder)
        list(each(account.lanes, lambda _: drop.make(), range(2 * account.lanes)))  # connected before
        began = time.perf_counter()
        claimed = []
        for _, one in each(account.lanes, lambda seen: drop.claim(seen, frozenset()), drop.scan()):
            assert isinstance(one, InWork), one
            claimed.append(one)
        before = time.perf_counter()
        new = []
        for _, result in each(account.lanes, lambda one: drop.archive(one, store, CODE, 1 << 30), claimed):
            assert not isinstance(result, OSError), result
            assert result[1] is not None
            new.append((CODE, result[1]))
        archived = time.perf_counter() - before
        flushing = time.perf_counter()
        store.keep(new)
        flushed = time.perf_counter() - flushing
        for _, failed in each(account.lanes, drop.delete, claimed):
            assert failed is None, failed
        return archived, time.perf_counter() - began - flushed


def push(ground: Ground, count: int, shape: tuple[int, int]) -> float:
    """Seconds to upload and rename so many answers."""
    ground.server.served[CODE].empty()
    with contextlib.closing(ground.account(*shape)) as account:
        outgoing = RemoteOutgoing(account, "out")
        list(each(account.lanes, outgoing.holds, map(str, range(2 * account.lanes))))
        names = [f"R{n}.xml" for n in range(count)]
        content = os.urandom(PUSHED_BYTES)
        began = time.perf_counter()
        for _, failed in each(account.lanes, lambda name: outgoing.upload(name, BytesIO(content)), names):
            assert failed is None, failed
        for _, done in each(account.lanes, lambda name: outgoing.appear(name, ""), names):
            assert done is True, done
        return time.perf_counter() - began


def large(ground: Ground, prefetch: int | None) -> float:
    """Seconds for one file, kept nowhere; `prefetch` 0: paramiko's own `get`, without a limit."""
    with contextlib.closing(ground.account(1, 1, prefetch)) as account, ground.plain() as client, scratch() as folder:
        with account.channel() as sftp:
            size = sftp.lstat(b"in/f000000").size_bytes
        began = time.perf_counter()
        if prefetch == 0:
            client.get("in/f000000", str(folder / "f"))
        else:
            with account.channel() as sftp, (folder / "f").open("wb") as file:
                sftp.read(b"in/f000000", size, account.in_flight, file.write)
        return time.perf_counter() - began


def main() -> int:
    arguments = argparse.ArgumentParser(prog="python -m bench.sftp_pull", description=__doc__)
    arguments.add_argument("--files", type=int, default=1_000)
    arguments.add_argument("--bytes", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--delay-ms", type=float, default=0, help="one-way delay of a wire between")
    chosen = arguments.parse_args()
    print(f"{chosen.files} files of {chosen.bytes} bytes, {chosen.rounds} rounds, delay {chosen.delay_ms:g} ms; "
          f"{machine.cores()} cores, load {machine.load()}", flush=True)  # fmt: skip
    contents = [os.urandom(chosen.bytes) for _ in range(chosen.files)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(SshServer([CODE]))
        port = server.port
        if chosen.delay_ms:
            port = stack.enter_context(Relay(server.port, chosen.delay_ms / 1000)).port
        ground = Ground(server, port, contents)
        plain: list[float] = []
        fetched: dict[tuple[int, int], list[float]] = {shape: [] for shape in SHAPES}
        whole: dict[tuple[int, int], list[float]] = {shape: [] for shape in SHAPES}
        pushed: dict[tuple[int, int], list[float]] = {shape: [] for shape in SHAPES}
        for _ in range(chosen.rounds):
            plain.append(plain_get(ground))
            for shape in SHAPES:
                archived, all_of_it = pull(ground, *shape)
                fetched[shape].append(archived)
                whole[shape].append(all_of_it)
                pushed[shape].append(push(ground, chosen.files // 4, shape))
        ratios = [ours / theirs for ours, theirs in zip(fetched[DEFAULT], plain, strict=True)]
        missed = report(chosen.files, plain, fetched, whole, pushed, ratios)
        if not chosen.delay_ms:
            big = Ground(server, port, [os.urandom(LARGE_MB << 20)])
            big.fill()
            sizes = {"paramiko get": 0, "ours, 64 in flight (default)": None, "16": 16, "128": 128, "256": 256}
            took = {name: [large(big, prefetch) for _ in range(3)] for name, prefetch in sizes.items()}
            rates = [Figure(name, [LARGE_MB / s for s in seconds], "MiB/s", digits=0) for name, seconds in took.items()]
            print_figures(f"One file of {LARGE_MB} MiB, one channel", rates)
    return int(missed)


def report(
    files: int,
    plain: list[float],
    fetched: dict[tuple[int, int], list[float]],
    whole: dict[tuple[int, int], list[float]],
    pushed: dict[tuple[int, int], list[float]],
    ratios: list[float],
) -> bool:
    def rate(name: str, seconds: list[float], count: int = files) -> Figure:
        return Figure(name, [count / s for s in seconds], "files/s", digits=0)

    names = {shape: f"{shape[0]} connections x {shape[1]} channels" for shape in SHAPES}
    print_figures("Fetched", [rate("one paramiko connection, get()", plain),
                              *(rate(names[shape], fetched[shape]) for shape in SHAPES)])  # fmt: skip
    print_figures("Scanned, claimed, fetched, deleted", [rate(names[s], whole[s]) for s in SHAPES])
    print_figures("Pushed: uploaded, flushed, renamed", [rate(names[s], pushed[s], files // 4) for s in SHAPES])
    share = Figure("time of ours by default / time of paramiko get()", ratios, "", TARGET)
    with_claims = statistics.median(o / t for o, t in zip(whole[DEFAULT], plain, strict=True))
    print_figures("Share", [share, Figure("the same with claims and deletes", [with_claims], "")])
    return share.is_missed


if __name__ == "__main__":
    sys.exit(main())
