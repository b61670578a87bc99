"""A reading process for tests of the pool and the shell: what it does stands in the bytes it is given to read.

`kill` dies of it, `silent` never answers, `slow` gives signs of life first, `when` tells when it read, `fault` reports
one, `garbage` answers no record, `other` the records of another flow, `late` those of another day. A child of it dies:
`weak` unless it is alone, `second` at its second file until that one is left closed, `each` at the first file that is
open, `start` before the first; a flow named `every` whatever is read for it. Anything else is a flow that is refused as
empty.
"""

import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipeline.adapters.read_pool import _REQUEST, _Answer, _Died
from pipeline.codes import FLW_008, Severity
from pipeline.model import Finding, Read
from pipeline.ports import Said

EMPTY = Finding(FLW_008.id, FLW_008.id, Severity.FATAL, at="flow", facts={"size_bytes": 0})
incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
while head := incoming.read(4):
    request = _REQUEST.validate_json(incoming.read(int.from_bytes(head)))
    asked = Path(request.source).read_bytes()
    if asked == b"kill":
        os.abort()
    if asked == b"silent":
        time.sleep(60)
    for _ in range(4 if asked == b"slow" else 0):
        time.sleep(0.3)
        outgoing.write(bytes(4))
        outgoing.flush()
    began = time.monotonic()
    if asked == b"when":
        time.sleep(0.3)
    how = (
        f"{began} {time.monotonic()}"
        if asked == b"when"
        else f"{'alone' if request.alone else 'together'} {request.unreadable}"
    )
    read = Read(request.received, "", how, (EMPTY,), (), (), ())
    answer = _Answer(read=read)
    if asked == b"other":
        answer = _Answer(read=replace(read, received=replace(request.received, partner="XYZ002")))
    if asked == b"late":
        answer = _Answer(
            read=replace(read, received=replace(request.received, received_at=datetime.max.replace(tzinfo=UTC)))
        )
    dies_at = {
        b"weak": None if request.alone else 0,
        b"second": None if 1 in request.unreadable else 1,
        b"each": len(request.unreadable),
        b"start": -1,
    }.get(asked, 0 if "every" in request.received.name else None)
    if dies_at is not None:
        answer = _Answer(died=_Died(rank=dies_at, why=Said("mort", "dead")))
    if asked == b"fault":
        answer = _Answer(fault=Said("pas de chance", "out of luck"))
    if asked == b"nothing":
        answer = _Answer()
    body = b"{" if asked == b"garbage" else answer.model_dump_json().encode()
    outgoing.write(len(body).to_bytes(4) + body)
    outgoing.flush()
