"""Reads flows in this very process, for stories of hundreds of runs: what they are about is what becomes of the records.

What is read travels as JSON all the same, as it does from a reading process.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from pipeline.adapters import read_pool
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.read_pool import ReadRequest, Source
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.model import Read
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.workers import reading


class Reader:
    """Stands where `ReadPool` stands."""

    size = 1

    def submit(self, request: ReadRequest, source: Source) -> "Future[Read]":
        answer: Future[Read] = Future()
        try:
            with source as path:
                answer.set_result(_read(request, path))
        except Exception as error:
            answer.set_exception(error)
        return answer


def _read(request: ReadRequest, path: Path) -> Read:
    asked = read_pool._Lent(request.received, str(path), request.spool, request.terms)
    given = reading.REQUEST.validate_json(read_pool._REQUEST.dump_json(asked))
    schemas, rules = _loaded()
    with (
        path.open("rb") as source, SpooledTemporaryFile(reading.SPOOL_IN_MEMORY_BYTES) as unpacked,
        Path(request.spool).open("wb") as sink,
    ):  # fmt: skip
        told = reading.as_json(reading.read(given, source, cast(BinaryIO, unpacked), sink, schemas, rules))
    answer = read_pool._ANSWER.validate_json(told)
    if answer.read is None:
        assert answer.fault is not None
        raise Fault(answer.fault)
    return answer.read


@cache
def _loaded() -> tuple[InstalledSchemas, RuleEngines]:
    return InstalledSchemas(), RuleEngines()


@contextmanager
def readers(_home: Home) -> Iterator[Reader]:
    """Instead of `running.reading.readers`."""
    yield Reader()
