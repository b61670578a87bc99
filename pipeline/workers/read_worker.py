"""Reads flows for the runner, one at a time: `python -m pipeline.workers.read_worker`.

Asked over standard input, answers over standard output, in frames: four bytes of length, big-endian, then JSON. A
request names the stored bytes, the file for the pivot units and the terms; the answer is a `Read`, or a fault in
both languages. The bytes of an issuer are parsed nowhere else. It ends when its input ends.
"""

import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import BinaryIO, cast

from pydantic import BaseModel, TypeAdapter

from pipeline import judge
from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, Artefacts, InstalledSchemas
from pipeline.adapters.rule_cache import Trouble
from pipeline.adapters.rule_engines import RuleEngines, chosen
from pipeline.adapters.system_errors import as_fault, bug
from pipeline.model import Read, Received
from pipeline.ports import Fault, RuleEngine, Said, Schemas, Tools
from pipeline.running.log import opened, silent
from pipeline.terms import Terms
from pipeline.validators.pdf_objects import limit_qpdf
from pipeline.workers.collector import collect_seldom

SPOOL_IN_MEMORY_BYTES = 8 * 1024 * 1024  # most archives unpack to less; the others go to a temporary file


class Request(BaseModel):
    """One flow to read."""

    received: Received
    source: str  # path of the stored bytes
    spool: str  # path of the file that gets the pivot units
    terms: Terms


class Answer(BaseModel):
    """What came of it: the records, or our own failure in words."""

    read: Read | None = None
    fault: Said | None = None


_REQUEST = TypeAdapter(Request)


def main() -> None:
    """Serve standard input until it ends."""
    incoming, outgoing = _private_pipes()
    limit_qpdf()  # process-wide, before any document
    artefacts = Artefacts(accepted=os.environ.get(ACCEPTED_DIGESTS, "").split(","))
    with RuleEngines(artefacts, chosen(), _warn) as rules:
        collect_seldom()
        serve(incoming, outgoing, InstalledSchemas(artefacts), rules)


def _warn(trouble: Trouble) -> None:
    """A cache of compiled rules that cannot be used: for the log where there is one, else for whoever looks."""
    log = opened()
    log("rule_cache", place=trouble.place, fault=trouble.word)
    if log is silent:
        print(f"chorus-edi : {trouble.said.in_words()}", file=sys.stderr)


def serve(incoming: BinaryIO, outgoing: BinaryIO, schemas: Schemas, rules: RuleEngine) -> None:
    """Answer request after request."""
    while frame := read_frame(incoming):
        request = _REQUEST.validate_json(frame)
        write_frame(outgoing, _answer(request, schemas, rules).model_dump_json().encode())


def _answer(request: Request, schemas: Schemas, rules: RuleEngine) -> Answer:
    tools = Tools(schemas, rules, request.terms)
    try:
        with (
            Path(request.source).open("rb") as source,
            tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES) as unpacked,
            Path(request.spool).open("wb") as sink,
        ):
            return Answer(read=judge.read(request.received, source, cast(BinaryIO, unpacked), sink, tools))
    except (Fault, OSError) as error:
        return Answer(fault=as_fault(error).said)
    except (
        Exception
    ) as error:  # a bug of ours: the flow waits. Its text may quote the document, so only its place is told
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Answer(fault=bug(f"{type(error).__name__} ({Path(last.filename).name}:{last.lineno})"))


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
