"""The real read worker, with a document that has taken its child over: what the child does stands in the bytes it reads.

Only `judge.read`, the first and the second look at a file are ours here, and the hurry with which Saxon is asked about
a document that says so; forks, walls, limits, frames and deaths are the real ones.
"""

import gc
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from pipeline import judge
from pipeline.adapters import kernel
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.identify import flow
from pipeline.identify.contents import Part
from pipeline.model import MemberSeen, Read
from pipeline.ports import Fault, RulesRan, Said
from pipeline.workers import read_worker
from pipeline.workers.link import _FRAME

KILLS, KILLS_AT_ONCE = b"KILLS ITS READER", b"KILLS AT ONCE"  # in a member of an archive that is otherwise real
HURRY = b"IN A HURRY"
really_read, really_open, really_look = judge.read, judge.open_member, flow.look
really_run = SaxonEngine.run_text


def tells(attempt: Callable[[], object]) -> str:
    """What the kernel answers to an attempt."""
    try:
        return f"done: {attempt()}"
    except OSError as error:
        return type(error).__name__


def opened(path: str, mode: str = "rb") -> str:
    with open(path, mode) as file:
        return str(file.read(1)) if mode == "rb" else str(file.write("x"))


def connected(port: int) -> str:
    with socket.socket() as link:
        link.settimeout(2)
        link.connect(("127.0.0.1", port))
    return "connected"


def forked() -> int:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    return child


def allocated() -> None:
    kept = []
    while True:
        kept.append(b"x" * (1 << 20))


def burnt() -> None:
    while True:
        pass


def left_the_link() -> None:
    os.close(3)
    time.sleep(60)


def garbled() -> None:
    os.write(3, b"?" * 4096)
    time.sleep(60)


def forged(kind: bytes, length: int, count: int, body: bytes = b"") -> None:
    os.write(3, _FRAME.pack(kind, length, count) + body)
    time.sleep(60)


def stumbled() -> None:
    raise ValueError("SECRET of the document")


DEADLY: dict[bytes, Callable[[], None]] = {
    b"allocate": allocated,
    b"burn": burnt,
    b"sleep": lambda: time.sleep(60),
    b"kill": lambda: os.abort(),
    b"segfault": lambda: __import__("ctypes").string_at(0),
    b"leave": lambda: os._exit(0),
    b"deaf": left_the_link,
    b"garble": garbled,
    b"write-too-much": lambda: forged(b"p", 0, 1 << 40),
    b"endless-body": lambda: forged(b"a", (1 << 32) - 1, 0),
    b"needs-nonsense": lambda: forged(b"n", 2, 0, b"{}"),
    b"needs-what-is-not": lambda: forged(b"n", 18, 0, b'["door","nowhere"]'),
    b"asks-nonsense": lambda: forged(b"q", 8, 0, b"\0\0\0\2{}xx"),
    b"another-kind": lambda: forged(b"!", 0, 0),
    b"a-descriptor-of-nothing": lambda: forged(b"s", 0, 0),
    b"bug": stumbled,
}
TRIED: dict[bytes, Callable[[], object]] = {
    b"collects": lambda: (gc.get_threshold()[0], gc.get_freeze_count() > 1_000),
    b"write": lambda: opened("/tmp/chorus-edi-hostile", "w"),
    b"write-a-device": lambda: opened("/dev/full", "w"),
    b"read-a-secret": lambda: opened("/etc/passwd"),
    b"list-files": lambda: os.listdir("/"),
    b"remove": lambda: os.unlink("/tmp/chorus-edi-hostile"),
    b"internet": lambda: socket.socket(),
    b"unix-socket": lambda: socket.socket(socket.AF_UNIX),
    b"fork": forked,
    b"exec": lambda: os.execv("/bin/true", ["true"]),
    b"kill-the-parent": lambda: os.kill(os.getppid(), signal.SIGKILL),
    b"memory-file": lambda: os.memfd_create("x"),
    b"more-descriptors": lambda: [os.dup(0) for _ in range(64)],
    b"own-namespace": lambda: kernel.unshare(kernel.CLONE_NEWUSER),
    b"another-user": lambda: os.setuid(65534),  # root may, but for its capabilities
}


def read(received: Any, source: BinaryIO, spool: BinaryIO, sink: BinaryIO, tools: Any, **named: Any) -> Read:
    head = source.read(64)
    if head in DEADLY:
        DEADLY[head]()
    if head in TRIED:
        said = tells(TRIED[head])
        raise Fault(Said(said, said))
    if head.startswith(b"connect "):
        said = tells(lambda: connected(int(head.split()[1])))
        raise Fault(Said(said, said))
    if head == b"lively":
        for rank in itertools.count():
            named["at"](rank)
            time.sleep(0.05)
    if head == b"look-in-the-buffer":
        said = str(len(bytes(sink._buffer).rstrip(b"\0")))  # type: ignore[attr-defined]
        raise Fault(Said(said, said))
    if head == b"leave-in-the-buffer":
        sink.write(b"SECRET")
        raise Fault(Said("-", "-"))
    if head == b"flood":
        while True:
            sink.write(b"x" * (1 << 20))
    if head == b"unpack":
        for rank in range(40):
            spool.write(bytes([rank]) * (1 << 20))
        found = []
        for rank in (39, 0, 20):
            spool.seek(rank << 20)
            found.append(set(spool.read(1 << 20)) == {rank})
        sink.write(b"p" * ((2 << 20) + 5))
        said = f"{found} {sink.tell()}"
        raise Fault(Said(said, said))
    if head == b"write-what-was-unpacked":
        spool.write(b"x" * (9 << 20))
        spool.seek(0)
        handle = spool._file.fileno()  # type: ignore[attr-defined]
        said = tells(lambda: os.pwrite(handle, b"y", 0))
        raise Fault(Said(said, said))
    source.seek(0)
    return really_read(received, source, spool, sink, tools, **named)


def open_member(*given: Any) -> bytes:
    document = really_open(*given)
    if KILLS in document:
        os.abort()
    return document


def run_text(saxon: SaxonEngine, pack: str, text: bytes, *given: Any) -> RulesRan:
    if HURRY in text and saxon._server is not None:
        saxon._server.deadline_s = 0.5
    return really_run(saxon, pack, text, *given)


def look(part: Part, *given: Any, **named: Any) -> MemberSeen:
    if KILLS_AT_ONCE in part.whole():
        os.abort()
    return really_look(part, *given, **named)


judge.read, judge.open_member, flow.look = read, open_member, look  # type: ignore[assignment, attr-defined]
SaxonEngine.run_text = run_text  # type: ignore[method-assign, assignment]
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))
    read_worker.main()
