"""The process that parses what strangers send: forked, confined, limited, and thrown away.

It is born with schemas and rules loaded, holds one socket and the file it reads, and writes nothing: pivots and what an
archive unpacks to go through shared memory to its parent, answers through the socket as JSON. What it would have to
load is loaded by the parent, who then asks another child. It dies with its parent, and of what is beyond its limits.
"""

import fcntl
import json
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from socket import socket
from typing import BinaryIO, NoReturn, cast

from lxml import etree

from pipeline.adapters import kernel
from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
from pipeline.adapters.confinement import Walls
from pipeline.adapters.reader_limits import ReaderLimits
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.adapters.saxon_pool import ENGINE, Saxon, described
from pipeline.model import PackRun
from pipeline.ports import Fault, Hit, OutOfMemory, RulesRan, Said, SchemaExplainer, XmlDocument
from pipeline.workers.collector import collect_seldom
from pipeline.workers.limits import Allowance, Budgeted, data_bytes, set_limits
from pipeline.workers.link import (
    ANSWER,
    BUFFER_BYTES,
    FAREWELL,
    NEEDS,
    PIVOT,
    SEALED,
    UNPACKED,
    ChildLink,
    Garbled,
    Gone,
    Shared,
)
from pipeline.workers.reading import REQUEST, SPOOL_IN_MEMORY_BYTES, as_json, read

# how a child ends that ends by itself
OUT_OF_MEMORY, NOT_CONFINED, ASTRAY = 71, 72, 73
SCHEMA, EXPLAINER, PACK = "schema", "explainer", "pack"
_LINK_AT = 3  # its descriptor; below are the three that lead nowhere
_FREE_FROM = 32  # no descriptor that we choose lies above


class Missing(BaseException):
    """Something is to be loaded by the parent first. No `Exception`: nobody on the way may take it for a failure."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name


@dataclass
class Loaded:
    """Schemas and rules of a worker, and which of them are ready for a child to use."""

    schemas: InstalledSchemas
    rules: RuleEngines
    names: set[tuple[str, str]] = field(default_factory=set)

    def load(self, kind: str, name: str) -> None:
        """In the parent: make one thing ready. A `Fault` where it cannot be used."""
        if kind == SCHEMA:
            self.schemas.get(name)
        elif kind == EXPLAINER:
            self.schemas.explainer(name)
        else:
            self.rules.prepare(name)
        self.names.add((kind, name))
        collect_seldom()  # a child that looks for garbage must not touch, and so copy, what it shares with us

    # in the child

    def get(self, name: str) -> etree.XMLSchema:
        self._ask(SCHEMA, name)
        return self.schemas.get(name)

    def explainer(self, name: str) -> SchemaExplainer:
        self._ask(EXPLAINER, name)
        return self.schemas.explainer(name)

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        self._ask(PACK, pack)
        return self.rules.run(pack, document)

    def describe(self, pack: str) -> PackRun:
        self._ask(PACK, pack)
        return self.rules.describe(pack)

    def _ask(self, kind: str, name: str) -> None:
        if (kind, name) not in self.names:
            raise Missing(kind, name)


class SaxonThroughParent(Saxon):
    """The Saxon server of the parent, asked over the link of the child that is alive."""

    def __init__(self, artefacts: Artefacts) -> None:
        self._artefacts = artefacts
        self.link: ChildLink | None = None

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        return self._ask(pack, document.text, (), ())

    def run_some(self, pack: str, modes: Collection[str], ordinals: Collection[int], document: XmlDocument) -> RulesRan:
        return self._ask(pack, document.text, modes, ordinals)

    def describe(self, pack: str) -> PackRun:
        return described(pack, ENGINE, self._artefacts)

    def warm(self, packs: Collection[str] = ()) -> None:
        """The parent's affair."""

    def close(self) -> None:
        """The parent's affair."""

    def _ask(self, pack: str, text: bytes, modes: Collection[str], ordinals: Collection[int]) -> RulesRan:
        if self.link is None:
            raise AssertionError("only a child asks")
        asked = {"pack": pack, "modes": sorted(modes), "ordinals": sorted(ordinals)}
        answer = self.link.question(asked, text)
        if "fault" in answer:
            raise Fault(Said(**answer["fault"]))
        return RulesRan(tuple(Hit(*hit) for hit in answer["hits"]), answer["stopped"])


def be_born(
    parent: int, end: socket, shared: Shared, loaded: Loaded, saxon: SaxonThroughParent, limits: ReaderLimits,
    walls: Walls,
) -> NoReturn:  # fmt: skip
    """The whole life of a child, from the fork to the exit code. Nothing of the parent's is run at its end."""
    code = ASTRAY
    try:
        try:
            inherited_bytes = data_bytes()
            kernel.die_with_parent(parent)
            link, rules = _alone_with(end, walls.rules)
            set_limits(limits, inherited_bytes)
            walls.shut(rules)
        except BaseException:  # not confined: nothing is read
            os._exit(NOT_CONFINED)
        saxon.link = link
        live(link, shared, loaded, limits, inherited_bytes)
        code = 0
    except (MemoryError, OutOfMemory):
        code = OUT_OF_MEMORY
    except (Gone, BrokenPipeError, ConnectionResetError):
        code = 0  # the parent has seen enough
    finally:
        os._exit(code)


def _alone_with(end: socket, rules: int | None) -> tuple[ChildLink, int | None]:
    """Keep these two and nothing else of what the parent has open; no print of a library leads anywhere."""
    kept = [end.detach()] if rules is None else [end.detach(), rules]
    kept = [fcntl.fcntl(one, fcntl.F_DUPFD, _FREE_FROM) for one in kept]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(_LINK_AT):
        os.dup2(nowhere, standard)
    for place, one in enumerate(kept, _LINK_AT):
        os.dup2(one, place, inheritable=False)
    for opened in list(Path("/proc/self/fd").iterdir()):
        if int(opened.name) >= _LINK_AT + len(kept):
            with suppress(OSError):  # the one that listed them
                os.close(int(opened.name))
    return ChildLink(socket(fileno=_LINK_AT)), None if rules is None else _LINK_AT + 1


def live(link: ChildLink, shared: Shared, loaded: Loaded, limits: ReaderLimits, inherited_bytes: int) -> None:
    """Read flow after flow until there is no parent any more, or one of them took more than its share."""
    allowance = Allowance(limits, inherited_bytes)
    while (request := link.next_request()) is not None:
        body, source = request
        shared.rank = -1
        allowance.begin()
        sink = Sink(link, shared)
        with Budgeted(os.fdopen(source, "rb"), allowance) as file, Unpacked(link, shared, allowance) as unpacked:
            try:
                answer = read(
                    REQUEST.validate_json(body), cast(BinaryIO, file), cast(BinaryIO, unpacked), cast(BinaryIO, sink),
                    loaded, loaded, shared.begin,
                )  # fmt: skip
            except Missing as missing:
                link.say(NEEDS, json.dumps([missing.kind, missing.name]).encode())
                return
        told = as_json(answer)
        if allowance.is_at_the_edge:
            raise MemoryError
        link.say(FAREWELL if allowance.was_raised else ANSWER, told, sink.left)
        if allowance.was_raised:
            return


class Sink:
    """What the parent writes for us, in order: the units of the pivots. As much of `BinaryIO` as `read` asks for."""

    def __init__(self, link: ChildLink, shared: Shared) -> None:
        self._link, self._buffer = link, shared.buffer
        self._at = 0
        self.left = 0  # bytes in the buffer that are still to be written

    def write(self, part: bytes) -> int:
        view = memoryview(part)
        while view:
            count = min(len(view), BUFFER_BYTES - self.left)
            self._buffer[self.left : self.left + count] = view[:count]
            self.left += count
            self._at += count
            view = view[count:]
            if self.left == BUFFER_BYTES:
                self._link.ask(PIVOT, count=self.left)
                self.left = 0
        return len(part)

    def tell(self) -> int:
        return self._at


class Unpacked:
    """What an archive unpacks to: in our memory while it is small, else in a file of the parent that we may only read.

    It is written first, in one go, and then read.
    """

    def __init__(self, link: ChildLink, shared: Shared, allowance: Allowance) -> None:
        self._link, self._buffer, self._allowance = link, shared.buffer, allowance
        self._kept = BytesIO()
        self._file: BinaryIO | None = None
        self._is_away = False

    def __enter__(self) -> "Unpacked":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, part: bytes) -> int:
        if self._is_away:
            self._send(part)
        elif self._kept.tell() + len(part) > SPOOL_IN_MEMORY_BYTES:
            self._is_away = True
            self._send(self._kept.getvalue())
            self._kept = BytesIO()
            self._send(part)
        else:
            self._kept.write(part)
        return len(part)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._reading.seek(offset, whence)

    def read(self, count: int) -> bytes:
        self._allowance.grow(count)
        return self._reading.read(count)

    @property
    def _reading(self) -> BinaryIO:
        if not self._is_away:
            return self._kept
        if self._file is None:
            _, descriptors = self._link.ask(SEALED)
            if len(descriptors) != 1:
                raise Garbled
            self._file = os.fdopen(descriptors[0], "rb")
        return self._file

    def _send(self, content: bytes) -> None:
        """Nothing of a pivot can be in the buffer yet: an archive is unpacked before its first file is read."""
        view = memoryview(content)
        while view:
            count = min(len(view), BUFFER_BYTES)
            self._buffer[:count] = view[:count]
            self._link.ask(UNPACKED, count=count)
            view = view[count:]
