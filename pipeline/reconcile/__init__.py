"""Ledger rows -> what does not add up: each invariant one line, red with the names of what breaks it.

Pure: the rows come from the ledger's adapter, counted where a database counts better. `line`: a line and its words;
`amounts`: what is counted and summed; `traces`: what must be there, in its order, once.
"""

from pipeline.reconcile.amounts import ANSWERED, Booked, Read, deposits, invoices, money, shown_amount
from pipeline.reconcile.line import LINES, InvoiceAt, Line
from pipeline.reconcile.traces import (
    Link,
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
    told_statuses,
    unaudited,
)

__all__ = [
    "ANSWERED",
    "LINES",
    "Booked",
    "InvoiceAt",
    "Line",
    "Link",
    "Read",
    "archive",
    "chain",
    "claimed",
    "deposits",
    "folders",
    "histories",
    "holds",
    "invoices",
    "leases",
    "money",
    "numbers",
    "outbox",
    "reports",
    "shown_amount",
    "told_statuses",
    "unaudited",
]
