"""Ledger rows -> what does not add up: each invariant one line, red with the names of what breaks it.

Pure: the rows come from the ledger's adapter, counted where a database counts better. `line`: a line and its words;
`amounts`: what is counted and summed; `traces`: what must be there, in its order, once; `promises`: what may not be;
`outside`: what we lean on; `day`: what the night adds.
"""

from pipeline.reconcile.amounts import ANSWERED, Booked, Read, counted, deposits, shown_amount
from pipeline.reconcile.day import WAITS_FOR, AtWork, Waits, at_work, of_the_day, orphans, pivots, waiting
from pipeline.reconcile.line import LINES, NIGHTLY, InvoiceAt, Line
from pipeline.reconcile.outside import antivirus, dependencies, readers
from pipeline.reconcile.promises import checks, doubles, doubts, isolation, reasons, retention, told
from pipeline.reconcile.traces import (
    ages,
    anchors,
    archive,
    chain,
    claimed,
    folders,
    histories,
    holds,
    leases,
    numbers,
    outbox,
    reports,
    standings,
    told_statuses,
    unaudited,
)

__all__ = [
    "ANSWERED",
    "LINES",
    "NIGHTLY",
    "WAITS_FOR",
    "AtWork",
    "Booked",
    "InvoiceAt",
    "Line",
    "Read",
    "Waits",
    "ages",
    "anchors",
    "antivirus",
    "archive",
    "at_work",
    "chain",
    "checks",
    "claimed",
    "counted",
    "dependencies",
    "deposits",
    "doubles",
    "doubts",
    "folders",
    "histories",
    "holds",
    "isolation",
    "leases",
    "numbers",
    "of_the_day",
    "orphans",
    "outbox",
    "pivots",
    "readers",
    "reasons",
    "reports",
    "retention",
    "shown_amount",
    "standings",
    "told",
    "told_statuses",
    "unaudited",
    "waiting",
]
