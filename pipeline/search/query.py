"""What can be asked of the invoices of a ledger: every criterion narrows the answer, none of them is needed."""

import re
import unicodedata
from dataclasses import dataclass, fields
from datetime import date

from pipeline.model import InvoiceOutcome

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Words:
    """An invoice number: all of it, or how it begins."""

    text: str = ""
    is_beginning: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)


@dataclass(frozen=True, slots=True)
class Days:
    """From a day to a day, both included; None: open."""

    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None


@dataclass(frozen=True, slots=True)
class Amounts:
    """Totals with VAT in millionths, both ends included; None: open. A credit note counts negative, as in sums."""

    least: int | None = None
    most: int | None = None

    def __bool__(self) -> bool:
        return self.least is not None or self.most is not None


ANY_DAY, ANY_AMOUNT = Days(), Amounts()


@dataclass(frozen=True, slots=True)
class Query:
    """All that is asked for. An empty one asks for every invoice.

    `recipient`, `service` and `commitment` are those of today: of a recycled invoice, what it was recycled to; with
    `as_deposited` what its document said. `supplier_name` is how the name of a supplier begins, as its newest invoice
    writes it, whatever the case and the accents. `rule` was found when the invoice was last judged. `is_handled`: a
    reject that its issuer has dealt with; False: one that still waits for that.
    """

    number: Words = Words()
    supplier: str = ""
    supplier_name: str = ""
    recipient: str = ""
    service: str = ""
    commitment: str = ""
    as_deposited: bool = False
    statuses: tuple[str, ...] = ()  # two digits each, sorted
    outcome: InvoiceOutcome | None = None
    partner: str = ""
    received: Days = ANY_DAY  # in Paris, as the next two
    issued: Days = ANY_DAY
    changed: Days = ANY_DAY  # when it came to the status that it has
    rule: str = ""
    amount: Amounts = ANY_AMOUNT
    is_handled: bool | None = None

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the criteria that were given."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) != one.default)

    @property
    def by_route(self) -> bool:
        """It asks where invoices go."""
        return bool(self.recipient or self.service or self.commitment)

    @property
    def canonical(self) -> str:
        """The same text for the same question."""
        return "|".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self))


def folded(name: str) -> str:
    """A name without case, accents, punctuation.

    >>> folded("  Éts. DUPONT & Fils")
    'ets dupont fils'
    """
    bare = (c for c in unicodedata.normalize("NFKD", name).casefold() if not unicodedata.combining(c))
    return _NOT_A_WORD.sub(" ", "".join(bare)).strip()
