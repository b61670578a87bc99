"""How the race talks to a contender: frames on standard input, answers on standard output. Standard library only, since
contenders from elsewhere run it in environments of their own.

A frame is one letter, a length (four bytes, big end first), a body: `D` a document to keep, `P` a pass over the ranks
in the body (four bytes each), `V` asks for the verdicts. An answer is a length and a body; the first one, unasked, says
which versions run and that the contender is ready. Documents are kept by the contender, so that a pass moves no bytes.

A verdict is a text: `ok` and then its hits, or `refused` by parser or schema, or `stopped` by a value that the engine
cannot take. The separators are characters that no XML document can hold.
"""

import os
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import IO

DOCUMENT, PASS, VERDICTS = b"D", b"P", b"V"
BETWEEN_DOCUMENTS, BEFORE_HIT, BETWEEN_FIELDS = "\x1d", "\x1e", "\x1f"
OK, REFUSED, STOPPED = "ok", "refused", "stopped"

Hit = tuple[str, str, str]  # rule, flag, location
Judge = Callable[[bytes], "str | set[Hit]"]

_LENGTH = struct.Struct(">I")


def frame(what: bytes, body: bytes = b"") -> bytes:
    return what + _LENGTH.pack(len(body)) + body


def ranks(order: Sequence[int]) -> bytes:
    return struct.pack(f">{len(order)}I", *order)


def read_answer(source: IO[bytes]) -> str | None:
    """The next answer; None where the contender has ended."""
    length = source.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    return source.read(*_LENGTH.unpack(length)).decode()


def spelled(verdict: "str | set[Hit]") -> str:
    if isinstance(verdict, str):
        return verdict
    return BEFORE_HIT.join((OK, *(BETWEEN_FIELDS.join(hit) for hit in sorted(verdict))))


def serve(start: Callable[[], tuple[Judge, Iterable[str]]]) -> None:
    """Be a contender: `start` gives the judge, with all it keeps, and the versions that run in it."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not meet the answers
    judge, versions = start()
    _answer(answers, ", ".join(versions))
    documents: list[bytes] = []
    verdicts: list[str | set[Hit]] = []
    source = sys.stdin.buffer
    while what := source.read(1):
        body = source.read(*_LENGTH.unpack(source.read(_LENGTH.size)))
        if what == DOCUMENT:
            documents.append(body)
            verdicts.append("")
            _answer(answers, "")
        elif what == PASS:
            for (rank,) in _LENGTH.iter_unpack(body):
                verdicts[rank] = judge(documents[rank])
            _answer(answers, "")
        else:
            _answer(answers, BETWEEN_DOCUMENTS.join(map(spelled, verdicts)))


def _answer(answers: IO[bytes], text: str) -> None:
    body = text.encode()
    answers.write(_LENGTH.pack(len(body)) + body)
    answers.flush()
