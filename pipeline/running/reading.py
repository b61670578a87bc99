"""Asking for flows to be read, in processes of their own: `judging` settles what they say, `reprocess` compares it."""

import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, self_check
from pipeline.adapters.ledger.rows import Deposit
from pipeline.adapters.read_pool import ReadPool, ReadRequest
from pipeline.adapters.rule_cache import CACHE, base_folder
from pipeline.adapters.rule_engines import CHOICE
from pipeline.model import Read
from pipeline.running.home import Home


def readers(home: Home) -> ReadPool:
    """The reading processes of this home; an official file that is not the listed one stops everything."""
    settings = home.settings
    self_check(accepted=settings.artefacts.accepted)
    given = {ACCEPTED_DIGESTS: ",".join(settings.artefacts.accepted), CHOICE: settings.rules.engine}
    if (cache := base_folder()) is not None:  # named once: a reader stands in another folder
        given[CACHE] = str(cache)
    return ReadPool(settings.readers, home.reader, settings.reader_timeout_s, given)


def ask(home: Home, pool: ReadPool, deposit: Deposit, spool: Path) -> "Future[Read]":
    """Read a deposit on the terms of its partner; the units of its pivots go to the spool."""
    return pool.submit(ReadRequest(deposit.received, str(spool), home.terms_of[deposit.partner]), _lent(home, deposit))


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
