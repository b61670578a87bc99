"""The files of one night: their names, and each in its place whole or not at all."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.night import page, table, workbook
from pipeline.adapters.night.words import Words
from pipeline.reconcile.night import Reconciliation


class Written(NamedTuple):
    """What was written of one night."""

    workbook: Path
    page: Path
    table: Path


def names(folder: Path, day: date) -> Written:
    """Where the files of a day are: the same day has the same names, and a later look takes their place."""
    stem = f"rapprochement-{day:%Y-%m-%d}"
    return Written(folder / f"{stem}.xlsx", folder / f"{stem}.html", folder / f"{stem}-ecarts.csv")


def write(found: Reconciliation, folder: Path, lang: str) -> Written:
    """Write the workbook, the page and the CSV into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    words, given = Words(lang), names(folder, found.day)
    beside = page.Beside(given.workbook.name, given.table.name)
    _replace(given.table, lambda path: _write_table(found, path, words))
    _replace(given.workbook, lambda path: workbook.write(found, path, words, given.table.name))
    _replace(given.page, lambda path: path.write_bytes(page.render(found, words, beside)))
    return given


def _write_table(found: Reconciliation, path: Path, words: Words) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        table.write(found.differences, out, words)


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Nobody ever opens half a file, and a fault leaves the one of the look before."""
    unfinished = path.with_name(f".{path.name}.writing")
    try:
        write(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
