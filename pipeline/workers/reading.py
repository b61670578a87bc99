"""One flow read: the request, the answer, and which failure is whose. In a child, and where there is none.

The bytes of an issuer are parsed nowhere else.
"""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, TypeAdapter

from pipeline import judge
from pipeline.adapters.system_errors import as_fault, bug
from pipeline.adapters.told_terms import ToldTerms
from pipeline.identify import unheard
from pipeline.model import Read, Received
from pipeline.ports import Fault, OutOfMemory, RuleEngine, Said, Schemas, Tools

SPOOL_IN_MEMORY_BYTES = 8 * 1024 * 1024  # most archives unpack to less; the others go to a temporary file


class Request(BaseModel):
    """One flow to read. `alone`: in a child of its own; `unreadable`: files of it that nobody is to open (FIL-007)."""

    received: Received
    source: str  # path of the stored bytes
    spool: str  # path of the file that gets the pivot units
    terms: ToldTerms
    alone: bool = False
    unreadable: tuple[int, ...] = ()


class Died(BaseModel):
    """The child that read a flow died of it, or was killed: at which of its files (-1: before the first), and why."""

    rank: int
    why: Said


class Answer(BaseModel):
    """What came of it: the records, or our own failure in words, or the death of who read it."""

    read: Read | None = None
    fault: Said | None = None
    died: Died | None = None


REQUEST = TypeAdapter(Request)


def as_json(answer: Answer) -> bytes:
    """An answer of whoever has read, and so is not dead."""
    return answer.model_dump_json(exclude={"died"}).encode()


def read(
    request: Request,
    source: BinaryIO,
    unpacked: BinaryIO,
    sink: BinaryIO,
    schemas: Schemas,
    rules: RuleEngine,
    at: Callable[[int], None] = unheard,
) -> Answer:
    """Read one flow. What went wrong on our side is told in words; only the end of memory is raised."""
    try:
        return Answer(
            read=judge.read(
                request.received, source, unpacked, sink, Tools(schemas, rules, request.terms),
                unreadable=request.unreadable, at=at,
            )
        )  # fmt: skip
    except (OutOfMemory, MemoryError):
        raise
    except (Fault, OSError) as error:
        return Answer(fault=as_fault(error).said)
    except (
        Exception
    ) as error:  # a bug of ours: the flow waits. Its text may quote the document, so only its place is told
        return Answer(fault=bug_at(error))


def bug_at(error: Exception) -> Said:
    """A bug by its class and its place."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return bug(f"{type(error).__name__} ({Path(last.filename).name}:{last.lineno})")
