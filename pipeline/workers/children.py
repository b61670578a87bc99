"""The parent's side of reading: children forked, fed, watched and ended; what they hand over is written, Saxon asked.

Nothing that a child says is believed further than it has to be: its answer goes on unread, what it wants written has a
cap, and a question that is none ends it.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import IO, Any, Literal, NoReturn, Self

from pydantic import BaseModel, TypeAdapter, ValidationError

from pipeline.adapters.confinement import Walls
from pipeline.adapters.reader_limits import MB, ReaderLimits
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.adapters.system_errors import as_fault
from pipeline.ports import Fault, Said
from pipeline.workers.link import (
    ANSWER,
    BUFFER_BYTES,
    FAREWELL,
    NEEDS,
    PIVOT,
    QUESTION,
    SEALED,
    UNPACKED,
    Garbled,
    Gone,
    Late,
    ParentLink,
    Shared,
    pair,
    question_of,
)
from pipeline.workers.reading import Answer, Died, bug_at
from pipeline.workers.reading_child import NOT_CONFINED, OUT_OF_MEMORY, Loaded, SaxonThroughParent, be_born

LOADS_MAX = 64  # more than there are schemas and packs: a child that asks for more is astray
DYING_S = 1.0  # between the end of a link and the end of its process
ALIVE_EVERY_S = 15.0

_MEMORY = Said("mémoire épuisée", "out of memory")
_CPU = Said("temps de calcul épuisé", "out of processor time")
_SILENT = Said("aucune réponse dans le délai", "no answer in time")
_WROTE = Said("trop d'octets à écrire", "too many bytes to write")
_GARBLED = Said("une réponse qui n'en est pas une", "an answer that is none")
_DEAF = Said("il n'écoute plus", "it hears no more")
_UNCONFINED = Said(
    "un lecteur n'a pas pu être enfermé dans ses limites et n'a rien lu ; chorus-edi verify dit ce que permet le noyau",
    "a reader could not be confined to its limits and read nothing; `chorus-edi verify` says what the kernel allows",
)

Born = Callable[[int, socket], NoReturn]


class _Whose(BaseModel):
    partner: str


class _Asked(BaseModel):
    """What the parent must know of a request; the rest is for the child."""

    received: _Whose
    source: str
    spool: str
    alone: bool = False


class _Question(BaseModel):
    """An official pack, or some of its patterns, to be run by Saxon."""

    pack: str
    modes: tuple[str, ...] = ()
    ordinals: tuple[int, ...] = ()


_ASKED = TypeAdapter(_Asked)
_NEEDED = TypeAdapter(tuple[Literal["schema", "explainer", "pack"], str])
_QUESTION = TypeAdapter(_Question)


class Needs(Exception):
    """The child lacks something that its parent can load."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name


class Dead(Exception):
    """The child died of what it read, or had to be killed."""

    def __init__(self, why: Said) -> None:
        super().__init__(why)
        self.why = why


class Readers:
    """Children, one at a time; a new one when the last has served its unit, died, or is to read a flow alone.

    No child reads for two partners: one that a file has taken over meets no flow of anybody else.
    """

    def __init__(
        self,
        loaded: Loaded,
        through: SaxonThroughParent,
        saxon: SaxonEngine,
        limits: ReaderLimits,
        walls: Walls,
        alive: Callable[[], None],
    ) -> None:
        """`alive` is called now and then while a flow takes long."""
        self._loaded, self._saxon, self._limits, self._alive = loaded, saxon, limits, alive
        self._shared = Shared()
        self._child: Child | None = None
        self._partner = ""  # whose flows went through the child, and through the shared memory

        def born(parent: int, end: socket) -> NoReturn:
            be_born(parent, end, self._shared, loaded, through, limits, walls)

        self._born: Born = born

    @property
    def child_pid(self) -> int:
        """The process that reads, 0 while there is none."""
        return self._child.pid if self._child else 0

    def answer(self, frame: bytes) -> bytes:
        """What came of one request, as JSON. Whatever is raised on the way is our own failure, and told as such."""
        asked = _ASKED.validate_json(frame)
        try:
            with (
                Path(asked.source).open("rb", buffering=0) as source,
                Path(asked.spool).open("wb", buffering=0) as spool,
            ):
                return self._read(frame, asked, source, spool)
        except (Fault, OSError) as error:
            self.end()  # the child may be in the middle of something
            return _json(Answer(fault=as_fault(error).said))
        except Exception as error:  # a bug of this process must not be taken for the flow's doing
            self.end()
            return _json(Answer(fault=bug_at(error)))

    def end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def _read(self, frame: bytes, asked: _Asked, source: IO[bytes], spool: IO[bytes]) -> bytes:
        size = os.fstat(source.fileno()).st_size
        for again in range(LOADS_MAX):
            child = self._child_for(asked, size)
            if again:
                source.seek(0)
                spool.truncate(spool.seek(0))
            try:
                with Desk(Path(asked.spool).parent, spool, self._shared, self._limits, self._saxon) as desk:
                    answer, is_last = child.read(frame, source.fileno(), size, desk)
            except Needs as needs:
                self.end()
                self._loaded.load(needs.kind, needs.name)
                continue
            except Dead as dead:
                self.end()
                return _json(Answer(died=Died(rank=self._shared.rank, why=dead.why)))
            if is_last or asked.alone:
                self.end()
            return answer
        return _json(Answer(died=Died(rank=self._shared.rank, why=_GARBLED)))

    def _child_for(self, asked: _Asked, size: int) -> "Child":
        is_of_another = asked.received.partner != self._partner
        if self._child is not None and (asked.alone or is_of_another or self._child.has_served(size)):
            self.end()
        if is_of_another:
            self._shared.wipe()
            self._partner = asked.received.partner
        if self._child is None:
            self._child = Child(self._shared, self._limits, self._born, self._alive)
        return self._child


class Child:
    """One forked reader."""

    def __init__(self, shared: Shared, limits: ReaderLimits, born: Born, alive: Callable[[], None]) -> None:
        self._shared, self._limits, self._alive = shared, limits, alive
        self._since = self._over = time.monotonic()
        self._flows = self._bytes = 0
        ours, theirs = pair()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            born(parent, theirs)
        theirs.close()
        with suppress(OSError):  # it is dead already
            os.setpgid(self.pid, self.pid)
        self._link = ParentLink(ours)

    def has_served(self, size: int) -> bool:
        """Its unit is full, or would be with a file of this size."""
        limits = self._limits
        return (
            self._flows >= limits.child_flows
            or (self._flows > 0 and self._bytes + size > limits.child_mb * MB)
            or time.monotonic() - self._since >= limits.child_s
        )

    def read(self, frame: bytes, source: int, size: int, desk: "Desk") -> tuple[bytes, bool]:
        """(its answer, whether it was its last). Raises `Needs`, `Dead`, and what is our own failure."""
        self._flows += 1
        self._bytes += size
        self._shared.rank = -1
        self._over = time.monotonic() + self._limits.wall_s(size)
        try:
            self._link.send(frame, self._until(), source)
            while True:
                kind, body, count = self._receive()
                if kind in {ANSWER, FAREWELL}:
                    desk.keep(count)
                    return body, kind == FAREWELL
                if kind == NEEDS:
                    raise Needs(*_NEEDED.validate_json(body))
                answer, *descriptors = desk.serve(kind, body, count)
                self._link.send(answer, self._until(), *descriptors)
        except Gone:
            raise Dead(self._why()) from None
        except Late:
            raise Dead(_SILENT) from None
        except (Garbled, ValidationError):
            raise Dead(_GARBLED) from None

    def end(self) -> None:
        """Kill it, and what it may have started, and wait for its end: it holds nothing that anybody needs."""
        self._link.close()
        for kill in (os.killpg, os.kill):  # not waited for yet: its number is still its own
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def _until(self) -> float:
        return min(time.monotonic() + self._limits.silence_s, self._over)

    def _receive(self) -> tuple[bytes, bytes, int]:
        """The next frame. Another file of the flow begun is a sign of life as well."""
        until, rank = self._until(), self._shared.rank
        while True:
            now = time.monotonic()
            try:
                return self._link.receive(min(until, now + ALIVE_EVERY_S))
            except Late:
                if self._shared.rank != rank:
                    until, rank = self._until(), self._shared.rank
                if time.monotonic() >= until:
                    raise
                self._alive()

    def _why(self) -> Said:
        """Why it is gone; the end of its link comes before the end of its process."""
        until, pause_s = time.monotonic() + DYING_S, 0.0005
        while (ended := os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
            if time.monotonic() > until:
                return _DEAF
            time.sleep(pause_s)
            pause_s *= 2
        code = ended.si_status
        if ended.si_code == os.CLD_EXITED:
            if code == NOT_CONFINED:
                raise Fault(_UNCONFINED)
            return _MEMORY if code == OUT_OF_MEMORY else Said(f"code de sortie {code}", f"exit code {code}")
        if code == signal.SIGXCPU:
            return _CPU
        return Said(f"signal {_name(code)}", f"signal {_name(code)}")


@dataclass
class Desk:
    """What is done for a child while it reads one flow: its bytes written, its questions asked."""

    folder: Path  # ours, for a file without a name
    spool: IO[bytes]
    shared: Shared
    limits: ReaderLimits
    saxon: SaxonEngine
    written_bytes: int = 0
    unpacked: IO[bytes] | None = None
    opened: list[int] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self.opened:
            os.close(descriptor)
        if self.unpacked is not None:
            self.unpacked.close()

    def serve(self, kind: bytes, body: bytes, count: int) -> tuple[Any, ...]:
        """The answer to one frame, and the descriptors that go with it."""
        if kind == PIVOT:
            self.keep(count)
            return (b"",)
        if kind == UNPACKED:
            if self.unpacked is None:
                self.unpacked = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115 - closed with us
            self._write(self.unpacked, count)
            return (b"",)
        if kind == SEALED and self.unpacked is not None:
            # a description of its own, that nothing can be written through
            self.opened.append(os.open(f"/proc/self/fd/{self.unpacked.fileno()}", os.O_RDONLY | os.O_CLOEXEC))
            return b"", self.opened[-1]
        if kind == QUESTION:
            return (self._asked(body),)
        raise Garbled

    def keep(self, count: int) -> None:
        """Write the pivot units that lie in the buffer."""
        if count:
            self._write(self.spool, count)

    def _write(self, file: IO[bytes], count: int) -> None:
        if count > BUFFER_BYTES:
            raise Garbled
        self.written_bytes += count
        if self.written_bytes > self.limits.written_bytes_max:
            raise Dead(_WROTE)
        left = self.shared.buffer[:count]
        while left:
            left = left[file.write(left) :]

    def _asked(self, body: bytes) -> bytes:
        header, document = question_of(body)
        question = _QUESTION.validate_json(header)
        try:
            ran = self.saxon.run_text(question.pack, document, question.modes, question.ordinals)
        except Fault as fault:
            return _ANSWER.dump_json({"fault": {"fr": fault.said.fr, "en": fault.said.en}})
        return _ANSWER.dump_json({"hits": [list(hit) for hit in ran.hits], "stopped": ran.stopped})


_ANSWER = TypeAdapter(dict[str, Any])


def _name(number: int) -> str:
    """SIGSEGV and its like; real-time signals have no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _json(answer: Answer) -> bytes:
    return answer.model_dump_json().encode()
