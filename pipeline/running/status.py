"""Where a flow or an invoice is, with its whole history."""

from dataclasses import dataclass

from pipeline.adapters.ledger import Connection, queries
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus, Overview
from pipeline.ports import Fault, Said
from pipeline.running.home import Home

OFF = Said(
    "désactivé, aucun fichier n'est analysé ([antivirus] address de settings.toml)",
    "off, no file is scanned ([antivirus] address in settings.toml)",
)


@dataclass(frozen=True, slots=True)
class Antivirus:
    """Whether files are scanned, by which signatures, and what keeps them from being scanned now."""

    address: str
    version: str
    trouble: Said | None = None

    @property
    def said(self) -> Said:
        if not self.address:
            return OFF
        told = f"{self.version}, {self.address}".removeprefix(", ")
        return self.trouble or Said(told, told)


def antivirus(home: Home) -> Antivirus:
    """Ask the antivirus of this home who it is; a word that costs it nothing."""
    if home.scanning is None:
        return Antivirus("", "")
    address = home.settings.antivirus.address
    try:
        return Antivirus(address, home.scanning.scanner.describe().version)
    except Fault as fault:
        return Antivirus(address, "", fault.said)


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
