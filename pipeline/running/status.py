"""Where a flow or an invoice is, with its whole history."""

from pipeline.adapters.ledger import Connection, queries
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus, Overview
from pipeline.running.home import Home


def overview(home: Home) -> Overview:
    """How much of everything there is, and what waits for us."""
    with home.ledger.reading() as db:
        return queries.overview(db)


def status(home: Home, what: str) -> tuple[FlowStatus | InvoiceStatus, ...]:
    """All that this names: a flow by its name, or an invoice as SUPPLIER/NUMBER[/YEAR]; empty where nothing does."""
    with home.ledger.reading() as db:
        return tuple(queries.flows_named(db, what)) or tuple(invoices(db, what))


def invoices(db: Connection, what: str) -> list[InvoiceStatus]:
    """A last `/YYYY` is the year, and part of the number when nothing is found so."""
    supplier, _, rest = what.partition("/")
    if not rest:
        return []
    number, _, year = rest.rpartition("/")
    if number and len(year) == 4 and year.isascii() and year.isdigit():
        found = queries.invoices_named(db, supplier, number, int(year))
        if found:
            return found
    return queries.invoices_named(db, supplier, rest)
