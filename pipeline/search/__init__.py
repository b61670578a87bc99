"""Looking invoices up: what can be asked for, how it is typed, how far a page went, what a table of the answer shows.

Pure: the ledger answers a `Query` in `adapters.ledger.search`.
"""

from pipeline.search.criteria import BadCriterion, parsed
from pipeline.search.cursor import Position, cursor, position
from pipeline.search.found import FoundInvoice
from pipeline.search.query import ANY_AMOUNT, ANY_DAY, Amounts, Days, Query, Words

__all__ = [
    "ANY_AMOUNT",
    "ANY_DAY",
    "Amounts",
    "BadCriterion",
    "Days",
    "FoundInvoice",
    "Position",
    "Query",
    "Words",
    "cursor",
    "parsed",
    "position",
]
