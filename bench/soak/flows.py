"""What is dropped: flows of one invoice each; now and then one file of just under 8 MB, from a partner of its own."""

import hashlib
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.shell import CORES, OURS
from fixtures import batch, ubl
from fixtures.content import Content, PieceJointe, Series
from pipeline.model import Received
from pipeline.returns.names import report_name

HEAVY = "SOKBIG"
HEAVY_BYTES = 7_900_000
PER_TASK = 250
_LINES = 1_000  # of the invoice that tells how much one line weighs
_ENCODED = 4 / 3  # base64
_WHENEVER = datetime(1970, 1, 1, tzinfo=UTC)  # no name hangs on a moment
_UBL, _CII, _PDF = batch.BATCHES
TURN = (*(_UBL, _CII) * 9, _PDF, _PDF)  # twenty flows: nine, nine, two
_REFUSED = batch.REFUSED_EVERY // 2  # a rank that is no PDF's: fifty of them would be made for one


class Flow(NamedTuple):
    """One file that waits to be dropped."""

    partner: str
    name: str
    path: Path
    sha256: str
    report: str  # the name of the one report that it must get
    is_refused: bool = False

    @property
    def is_heavy(self) -> bool:
        return self.partner == HEAVY


def codes(count: int) -> tuple[str, ...]:
    """Those who drop small flows."""
    return tuple(f"SOK{rank:03d}" for rank in range(1, count + 1))


def make_all(count: int, heavy: int, partners: Sequence[str], folder: Path) -> tuple[list[Flow], list[Flow]]:
    """(small flows, heavy ones) as files under `folder`, made on all cores."""
    began = time.monotonic()
    for code in (*partners, HEAVY):
        (folder / code).mkdir(parents=True, exist_ok=True)
    tasks = [range(first, min(first + PER_TASK, count + 1)) for first in range(1, count + 1, PER_TASK)]
    made: list[Flow] = []
    with ProcessPoolExecutor(CORES, mp_context=get_context("spawn")) as pool:
        heavies = pool.map(make_heavy, range(1, heavy + 1), [folder] * heavy)
        for some in pool.map(make, tasks, [partners] * len(tasks), [folder] * len(tasks)):
            made += some
            if len(made) % 5_000 == 0:
                print(f"{time.monotonic() - began:8.0f} s  {len(made)} of {count} flows made", file=sys.stderr)
        return made, list(heavies)


def make(ranks: range, partners: Sequence[str], folder: Path) -> list[Flow]:
    """One small flow for each rank; two in a hundred are refused."""
    made = []
    for rank in ranks:
        kind, partner = TURN[(rank - 1) % len(TURN)], partners[rank % len(partners)]
        is_refused = rank % batch.REFUSED_EVERY == _REFUSED
        *_, (_, content) = batch.invoices(kind, rank, batch.REFUSED_EVERY if is_refused else 1, partner)
        made.append(_written(kind.code, partner, rank, content, folder, is_refused=is_refused))
    return made


def make_heavy(rank: int, folder: Path) -> Flow:
    """An invoice of as many lines, or of as large an attachment, as fit into `HEAVY_BYTES`."""
    content = Series(seed=rank, recipients=batch.RECIPIENTS, prefix="SOK-").next(guideline=ubl.EN16931)
    write = of_lines if rank % 2 else of_attachment
    return _written("FSO1100A", HEAVY, rank, write(content, HEAVY_BYTES), folder)


def of_lines(content: Content, most_bytes: int) -> bytes:
    """UBL of so many lines."""
    one = content.articles[0]
    line_bytes = len(ubl.write(replace(content, articles=(one,) * _LINES))) / _LINES
    return ubl.write(replace(content, articles=(one,) * int(most_bytes / (line_bytes + 2))))  # longer line numbers


def of_attachment(content: Content, most_bytes: int) -> bytes:
    """UBL with one attachment that no ZIP makes smaller."""
    size = int((most_bytes - len(ubl.write(content)) - 2_000) / _ENCODED)
    noise = Random(content.number).randbytes(size)
    return ubl.write(replace(content, attachments=(PieceJointe("mesures.csv", noise, "text/csv"),)))


def _written(
    code: str, partner: str, rank: int, content: bytes, folder: Path, *, is_refused: bool = False
) -> Flow:  # fmt: skip
    name, digest = batch.flow_name(code, rank, partner), hashlib.sha256(content).hexdigest()
    path = folder / partner / name
    path.write_bytes(content)
    report = report_name(Received(partner, name, digest, len(content), _WHENEVER), code, OURS)
    return Flow(partner, name, path, digest, report, is_refused)
