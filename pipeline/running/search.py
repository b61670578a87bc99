"""Looking invoices up in the ledger of a home: a page, or the whole answer as a file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipeline.adapters import found_files
from pipeline.adapters.ledger import search
from pipeline.adapters.ledger.search import PAGE_MAX, Page
from pipeline.running.home import Home
from pipeline.search import FoundInvoice, Position, Query

JSON, CSV, XLSX = "json", "csv", "xlsx"

Count = Callable[[int], None]


def page(home: Home, query: Query, size: int, after: Position | None = None) -> Page:
    """At most `size` invoices after this one, newest deposit first."""
    with home.ledger.reading() as db:
        return search.page(db, search.plan(db, query), size, after)


def every(
    home: Home, query: Query, on_count: Count, *, most: int = 0, after: Position | None = None
) -> Iterator[FoundInvoice]:
    """All that is found, or the first `most`, as the ledger was when the first was read; `on_count` hears how many."""
    count = 0
    with home.ledger.reading() as db:
        for found in search.pages(db, query, min(most or PAGE_MAX, PAGE_MAX), after):
            kept = found[: most - count] if most else found
            yield from kept
            count += len(kept)
            on_count(count)
            if most and count >= most:
                return


def export(rows: Iterator[FoundInvoice], path: Path, kind: str, lang: str) -> None:
    """Write a file that is not there yet; it has its name when it is whole."""
    with found_files.new_file(path) as unfinished:
        if kind == XLSX:
            found_files.write_xlsx(rows, unfinished, lang)
        else:
            with unfinished.open("xb") as out:
                stream(rows, out, kind, lang)


def stream(rows: Iterator[FoundInvoice], out: BinaryIO, kind: str, lang: str) -> None:
    if kind == CSV:
        found_files.write_csv(rows, out, lang)
    else:
        found_files.write_json(rows, out)
