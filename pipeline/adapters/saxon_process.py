"""One Saxon server process and the frames that go to and fro (`workers.saxon_server` says what a frame is).

Every wait has an end: sending and receiving stop at a deadline, whatever the process does.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections import deque
from collections.abc import Collection
from typing import Any

_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_CHUNK = 1 << 16

Answer = dict[str, Any]


class Died(Exception):
    """The server ended in the middle of an exchange."""


class Late(Exception):
    """No answer before the deadline."""


class SaxonProcess:
    """A server, what it has compiled, and the compilations it still owes an answer for."""

    def __init__(self, deadline_s: float) -> None:
        # -I: neither the working directory nor PYTHON* variables say which code runs beside the invoices
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "pipeline.workers.saxon_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            bufsize=0,
        )
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        self._to, self._from = self._process.stdin, self._process.stdout
        for pipe in (self._to, self._from):
            os.set_blocking(pipe.fileno(), False)
        self.deadline_s = deadline_s
        self._frame = 0
        self._compiled: dict[str, Answer] = {}
        self._owed: deque[tuple[int, str]] = deque()

    @property
    def pid(self) -> int:
        return self._process.pid

    def knows(self, key: str) -> bool:
        return key in self._compiled or any(key == owed for _, owed in self._owed)

    def load(self, key: str, pack: str, sheet: str, code_list: str, modes: Collection[str] = ()) -> None:
        """Ask for the compilation of a pack, or of these patterns of it, under a key; nothing is waited for."""
        asked = {"key": key, "pack": pack, "sheet": sheet, "code_list": code_list, "modes": sorted(modes)}
        self._owed.append((self._send({"do": "load", **asked}, b""), key))

    def compiled(self, key: str) -> Answer:
        """What the server said of a compilation."""
        while self._owed:
            frame, owed = self._owed[0]
            self._compiled[owed] = self._receive(frame)
            self._owed.popleft()
        return self._compiled[key]

    def run(self, key: str, document: bytes, ordinals: Collection[int] = ()) -> Answer:
        """What was compiled under a key says of a document, of these assertions alone where some are named."""
        return self._receive(self._send({"do": "run", "key": key, "ordinals": sorted(ordinals)}, document))

    def close(self) -> None:
        """Let it end by the end of its input; kill it when it does not."""
        self._to.close()
        self._from.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._to.close()
        self._from.close()

    def _send(self, header: dict[str, Any], document: bytes) -> int:
        self._frame += 1
        more = {"frame": self._frame, "size": len(document), "seconds": int(self.deadline_s) + 1}
        head = json.dumps(header | more).encode()
        until = time.monotonic() + self.deadline_s
        left = memoryview(len(head).to_bytes(4, "big") + head + document)
        while left:
            _wait(self._to.fileno(), select.POLLOUT, until)
            try:
                left = left[os.write(self._to.fileno(), left[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as err:
                raise Died from err
        return self._frame

    def _receive(self, frame: int) -> Answer:
        until = time.monotonic() + self.deadline_s
        length = int.from_bytes(self._read(4, until), "big")
        answer: Answer = json.loads(self._read(length, until))
        if answer.pop("frame") != frame:  # an answer about another document must never be taken for this one's
            raise Died
        return answer

    def _read(self, size: int, until: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            _wait(self._from.fileno(), select.POLLIN, until)
            part = os.read(self._from.fileno(), min(size - len(parts), _CHUNK))
            if not part:
                raise Died
            parts += part
        return bytes(parts)


def _wait(descriptor: int, event: int, until: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    left_s = until - time.monotonic()
    if left_s <= 0 or not poll.poll(left_s * 1000):
        raise Late


def _environment() -> dict[str, str]:
    """Few variables, and the zone in which dates without one are read: the same verdict on every machine."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}  # of a test run
    return kept | measured | {"TZ": "UTC", "LANG": "C.UTF-8"}
