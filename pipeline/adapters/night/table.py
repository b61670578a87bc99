"""Every difference of a night as a CSV, for a spreadsheet and for scripts. Written as it is read: none is held."""

import csv
from collections.abc import Iterable
from typing import TextIO

from pipeline.adapters.night.words import ENGLISH, Words
from pipeline.reconcile.amounts import shown_amount
from pipeline.reconcile.night import Difference
from pipeline.returns.spreadsheet import BOM, cell

COLUMNS = (
    "kind", "gravity", "partner", "flow", "invoice", "file", "said", "amount", "currency", "count", "since", "next",
)  # fmt: skip


def write(differences: Iterable[Difference], out: TextIO, words: Words) -> None:
    """UTF-8 with a mark and `;`, as the other tables that we write for spreadsheets. `out` must not turn line ends."""
    out.write(BOM)
    table = csv.writer(out, delimiter=";", lineterminator="\r\n")
    table.writerow([words(name) for name in COLUMNS])
    for one in differences:
        amount = "" if one.millionths is None else shown_amount(one.millionths)
        table.writerow(
            [
                one.label.in_words(words.lang),
                words.gravity(one),
                *map(cell, (one.partner, one.flow, one.invoice, one.file)),
                cell(one.said.in_words(words.lang)),
                amount if words.lang == ENGLISH else amount.replace(".", ","),
                cell(one.currency),
                one.count,
                words.moment(one.since) if one.since else "",
                cell(one.next.in_words(words.lang)),
            ]
        )
