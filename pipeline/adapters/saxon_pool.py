"""`RuleEngine` by Saxon: one server process of our own, started when needed, killed when late, replaced when dead.

Saxon must not be loaded in a process that forks or that runs threads, so it lives in `workers.saxon_server`, reached by
`subprocess`. Documents travel through pipes; no file is written, no port opened.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

from pipeline.adapters.artefacts import Artefacts
from pipeline.model import PackRun
from pipeline.ports import Fault, Hit, RulesRan

ENGINE = "saxon"
DEADLINE_S = 60.0  # 10,000 lines take 22 s of French rules; nothing honest takes more
_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_TRIES = 2
_CHUNK = 1 << 16


class _Died(Exception):
    """The server ended in the middle of an exchange."""


class _Late(Exception):
    """No answer before the deadline."""


class SaxonEngine:
    """Runs the official packs (`ports.RuleEngine`). Use it as a context manager, from one thread.

    The thread that first calls `run` or `warm` must outlive the engine: Linux kills the server with that thread.
    """

    def __init__(self, artefacts: Artefacts | None = None, *, deadline_s: float = DEADLINE_S) -> None:
        self._artefacts = artefacts or Artefacts()
        self._deadline_s = deadline_s
        self._server: _Server | None = None

    def run(self, pack: str, document: bytes) -> RulesRan:
        for _ in range(_TRIES):
            try:
                answer = self._ask(pack, document)
            except _Died:
                self.close()
                continue
            except _Late as err:
                self._abandon()
                raise Fault(f"pack {pack} gave no answer on a document within {self._deadline_s:g} s") from err
            return RulesRan(tuple(Hit(*hit) for hit in answer.get("hits", ())), answer.get("stopped", ""))
        raise Fault(f"OFF-006: a document ended the rule engine {_TRIES} times while pack {pack} ran on it")

    def describe(self, pack: str) -> PackRun:
        return PackRun(pack, ENGINE, self._artefacts.digest(self._artefacts.pack(pack).sheet))

    def warm(self, packs: Collection[str]) -> None:
        """Start the server and have it compile these packs, without waiting: the caller goes on with its own start."""
        with_server = self._server or _Server(self._deadline_s)
        self._server = with_server
        try:
            for pack in packs:
                self._load(with_server, pack)
        except _Died:
            self.close()  # the first `run` starts another one and says what is wrong

    def close(self) -> None:
        """End the server; another one starts when a document comes."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _ask(self, pack: str, document: bytes) -> dict[str, Any]:
        if self._server is None:
            self._server = _Server(self._deadline_s)
        server = self._server
        self._load(server, pack)
        loaded = server.loaded(pack)
        files = self._artefacts.pack(pack)
        if "fault" in loaded:
            self.close()
            raise Fault(f"OFF-006: {loaded['fault']}")
        if loaded["sheet"] != self._artefacts.digest(files.sheet) or (
            files.code_list and loaded["code_list"] != self._artefacts.digest(files.code_list)
        ):
            self.close()
            raise Fault(f"OFF-006: the files of pack {pack} changed while they were read; run it again")
        server.send({"do": "run", "pack": pack}, document)
        answer = server.receive()
        if "fault" in answer:
            raise Fault(f"OFF-006: {answer['fault']}")
        return answer

    def _load(self, server: "_Server", pack: str) -> None:
        if not server.knows(pack):
            files = self._artefacts.pack(pack)
            code_list = str(self._artefacts.path(files.code_list)) if files.code_list else ""
            server.load(pack, str(self._artefacts.path(files.sheet)), code_list)

    def _abandon(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server = None


class _Server:
    """One server process, and the frames under way. Packs are loaded without waiting: `owed` counts those answers."""

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
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._deadline_s = deadline_s
        self._packs: dict[str, dict[str, Any]] = {}
        self._owed: list[str] = []

    def knows(self, pack: str) -> bool:
        return pack in self._packs or pack in self._owed

    def load(self, pack: str, sheet: str, code_list: str) -> None:
        self.send({"do": "load", "pack": pack, "sheet": sheet, "code_list": code_list}, b"")
        self._owed.append(pack)

    def loaded(self, pack: str) -> dict[str, Any]:
        """What the server said of the pack when it compiled it."""
        while self._owed:
            self._packs[self._owed[0]] = self.receive()
            self._owed.pop(0)
        return self._packs[pack]

    def send(self, header: dict[str, Any], document: bytes) -> None:
        head = json.dumps(header | {"size": len(document), "seconds": int(self._deadline_s) + 1}).encode()
        until = time.monotonic() + self._deadline_s
        left = memoryview(len(head).to_bytes(4, "big") + head + document)
        while left:
            self._wait(self._to, select.POLLOUT, until)
            try:
                left = left[os.write(self._to, left[:_CHUNK]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as err:
                raise _Died from err

    def receive(self) -> dict[str, Any]:
        until = time.monotonic() + self._deadline_s
        length = int.from_bytes(self._read(4, until), "big")
        answer: dict[str, Any] = json.loads(self._read(length, until))
        return answer

    def close(self) -> None:
        """Let it end by the end of its input; kill it when it does not."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self, size: int, until: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._wait(self._from, select.POLLIN, until)
            part = os.read(self._from, min(size - len(parts), _CHUNK))
            if not part:
                raise _Died
            parts += part
        return bytes(parts)

    def _wait(self, descriptor: int, event: int, until: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left_s = until - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise _Late


def _environment() -> dict[str, str]:
    """Few variables, and the zone in which dates without one are read: the same verdict on every machine."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT_VARIABLES}
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}  # of a test run
    return kept | measured | {"TZ": "UTC", "LANG": "C.UTF-8"}
