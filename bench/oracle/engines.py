"""The two sides that are compared: Saxon in a process of its own, and the compiled engine in this one."""

import contextlib
import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from bench.oracle import rules
from pipeline.ports import XmlDocument
from pipeline.validators.official import told
from pipeline.validators.official.compiled import nodes, program, runtime
from pipeline.workers.stylesheet import CODE_LIST_PARAMETER, tuned

SCRIPT = Path(__file__).with_name("saxon_side.py")
DEADLINE_S = 300.0
_FIRED_RULE = re.compile(r"""<svrl:fired-rule(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/>""")

Key = tuple[str, str, str]  # rule id, flag, location


@dataclass(frozen=True)
class Told:
    """What one engine says of one document. `stopped` is the engine's text when a value of the document stops it."""

    hits: tuple[Key, ...] = ()  # in the order of the answer
    stopped: str = ""
    texts: tuple[str, ...] = ()  # of the hits, in their order
    ordinals: tuple[int, ...] = ()  # of the hits, where Saxon says them
    fired: tuple[int, ...] = ()
    held: tuple[int, ...] = ()


class Broken(Exception):
    """Saxon gave no answer: late, or ended."""


class Saxon:
    """One long-lived process. `ask` and `answer` stand apart, so that this process works while that one does."""

    def __init__(self, *, installed: bool = False) -> None:
        self._installed = installed
        self._loaded: set[str] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TZ": "UTC", "LANG": "C.UTF-8"},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def load(self, pack: str) -> None:
        if pack in self._loaded:
            return
        read = rules.pack(pack)
        if self._installed:
            header: dict[str, Any] = {"sheet": str(read.sheet)}
        else:
            header = {
                "text": tuned(_marked(read.sheet_bytes.decode()), read.code_list.name if read.code_list else ""),
                "code_list": str(read.code_list or ""),
                "parameter": CODE_LIST_PARAMETER,
                "rules": read.by_rule,
            }
        self._send({"do": "load", "pack": pack} | header, ())
        said = self._receive()
        if said is not True:
            raise Broken(f"{pack} cannot be compiled: {said}")
        self._loaded.add(pack)

    def ask(self, pack: str, documents: Sequence[bytes | Path]) -> None:
        self.load(pack)
        listed = [str(one) if isinstance(one, Path) else len(one) for one in documents]
        self._send(
            {"do": "run", "pack": pack, "documents": listed}, [one for one in documents if isinstance(one, bytes)]
        )

    def answer(self) -> list[Told]:
        return [_told(one) for one in self._receive()]

    def run(self, pack: str, documents: Sequence[bytes | Path]) -> list[Told]:
        self.ask(pack, documents)
        return self.answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what it never read
            self._process.stdin.close()
        self._process.stdout.close()

    def __enter__(self) -> "Saxon":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, header: dict[str, Any], documents: Sequence[bytes]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(b"".join([json.dumps(header).encode(), b"\n", *documents]))
            self._process.stdin.flush()
        except BrokenPipeError as err:
            raise Broken("Saxon ended") from err

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], DEADLINE_S)
        line = self._process.stdout.readline() if ready else b""
        if not line.endswith(b"\n"):
            raise Broken("Saxon ended" if ready else f"Saxon gave no answer within {DEADLINE_S:g} s")
        return json.loads(line)


def _told(answer: dict[str, Any]) -> Told:
    if "stopped" in answer:
        return Told(stopped=answer["stopped"])
    hits = answer["hits"]
    return Told(
        tuple((rule, flag, location) for rule, flag, location, *_ in hits),
        texts=tuple(text for *_, text, _ in hits),
        ordinals=tuple(ordinal for *_, ordinal in hits),
        fired=tuple(answer.get("fired", ())),
        held=tuple(answer.get("held", ())),
    )


def _marked(sheet: str) -> str:
    """The sheet that says which of its contexts it meets, in few bytes: what the pipeline's own way drops."""
    number = 0

    def mark(_: re.Match[str]) -> str:
        nonlocal number
        number += 1
        return f'<met rule="{number}"/>'

    return _FIRED_RULE.sub(mark, sheet)


def _digest(source: str) -> str:
    """Of a program and of the modules that it runs with: figures of another engine say nothing of this one.

    How the source came about does not count: the same program from a tidier compiler is the same program.
    """
    digest = sha256(source.encode())
    for module in (nodes, program, runtime, told):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


class Compiled:
    """The compiled program of one pack, without its fallback: `Stopped` is told, not mended."""

    def __init__(self, pack: str) -> None:
        from pipeline.validators.official.compiled.build import build
        from pipeline.validators.official.compiled.nodes import Document
        from pipeline.validators.official.compiled.program import Program, Stopped

        read = rules.pack(pack)
        built = build(pack, read.sheet_bytes, read.code_list.read_bytes() if read.code_list else b"")
        self.digest = _digest(built.source)
        self.tests = built.tests
        self.left = {one.ordinal: one for one in built.left}
        self._program = Program(compile(built.source, f"<{pack}>", "exec"))
        self._document, self._stopped = Document, Stopped

    def run(self, document: XmlDocument) -> Told:
        if document.tree is None:
            raise ValueError("no rule runs on a document that the parse refused")
        try:
            hits = self._program.run(self._document(document.tree))
        except self._stopped as err:
            return Told(stopped=str(err) or "no reason given")
        return Told(tuple((hit.id, hit.flag, hit.location) for hit in hits), texts=tuple(hit.text for hit in hits))
