"""Asking for flows to be read, in processes of their own: `judging` settles what they say, `reprocess` compares it."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from pathlib import Path

from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, self_check
from pipeline.adapters.dependencies import READING, require
from pipeline.adapters.ledger.rows import RECEIVED, Deposit
from pipeline.adapters.read_pool import ReadPool, ReadRequest
from pipeline.adapters.reader_limits import ReaderLimits
from pipeline.adapters.rule_cache import CACHE, base_folder
from pipeline.adapters.rule_engines import CHOICE
from pipeline.model import Read
from pipeline.running.home import Home
from pipeline.running.log import deposit_facts
from pipeline.running.receive import announced
from pipeline.running.scanning import Asked

# a worker watches its child, and gives signs of life; it is silent itself while Saxon works or a schema is loaded
STALLED_S = 300


def readers(home: Home) -> ReadPool:
    """The reading processes of this home. An official file that is not the listed one stops everything, and so does a
    library that is older than it may be."""
    settings = home.settings
    require(*READING)
    self_check(accepted=settings.artefacts.accepted)
    given = {ACCEPTED_DIGESTS: ",".join(settings.artefacts.accepted), CHOICE: settings.rules.engine}
    if (cache := base_folder()) is not None:  # named once: a reader stands in another folder
        given[CACHE] = str(cache)
    limits = ReaderLimits(
        settings.reader.memory_mb, settings.reader.cpu_s, settings.reader_timeout_s,
        file_bytes=settings.flow.file_bytes_max, expanded_bytes=settings.archive.expanded_bytes_max,
    )  # fmt: skip
    given |= limits.as_environment()
    return ReadPool(settings.readers, home.reader, settings.reader_timeout_s + STALLED_S, given)


def ask(home: Home, pool: ReadPool, deposit: Deposit, spool: Path, *, is_last: bool = False) -> "Future[Read]":
    """Read a deposit on the terms of its partner; the units of its pivots go to the spool.

    Where there is an antivirus, the file is scanned first, and what the reader took out of it afterwards.
    """
    terms = home.terms_of[deposit.partner]
    request = ReadRequest(deposit.received, str(spool), terms, is_last)
    if home.scanning is None or not deposit.is_kept:
        return pool.submit(request, _lent(home, deposit))
    return home.scanning.submit(
        Asked(
            received=deposit.received, announced=announced(deposit.name, terms), terms=terms,
            stored=_lent(home, deposit), spool=spool, read=lambda path: pool.submit(request, nullcontext(path)),
            is_answered=deposit.state != RECEIVED,
            hear=lambda found: home.log("infected", **deposit_facts(deposit), signature=found.signature),
        )
    )  # fmt: skip


@contextmanager
def _lent(home: Home, deposit: Deposit) -> Iterator[Path]:
    """The stored bytes as a file, for as long as they are read."""
    if not deposit.is_kept:
        yield Path(os.devnull)
        return
    store = home.store
    copy = store.fetch(deposit.partner, deposit.sha256)
    try:
        yield copy
    finally:
        store.forget(copy)
