"""A reading process for tests of the pool and the shell: what it does stands in the bytes it is given to read.

`kill` dies of it, `silent` never answers, `fault` reports one, `garbage` answers no record, anything else is a flow that
nothing is found in.
"""

import os
import sys
import time
from pathlib import Path

from pipeline.adapters.read_pool import _REQUEST, _Answer
from pipeline.model import Read
from pipeline.ports import Said

incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
while head := incoming.read(4):
    request = _REQUEST.validate_json(incoming.read(int.from_bytes(head)))
    asked = Path(request.source).read_bytes()
    if asked == b"kill":
        os.abort()
    if asked == b"silent":
        time.sleep(60)
    answer = _Answer(read=Read(request.received, "", "", (), (), (), ()))
    if asked == b"fault":
        answer = _Answer(fault=Said("pas de chance", "out of luck"))
    if asked == b"nothing":
        answer = _Answer()
    body = b"{" if asked == b"garbage" else answer.model_dump_json().encode()
    outgoing.write(len(body).to_bytes(4) + body)
    outgoing.flush()
