"""One invoice of an answer."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class FoundInvoice:
    """An invoice as it stands: recipient, service and commitment are those of today.

    `rules` are those that refuse it, or make it wait. `deposited` is where a recycled one went at first: recipient,
    service, commitment.
    """

    deposit_id: int
    rank: int
    partner: str
    flow: str
    received_at: datetime
    received_day: date
    member: str
    number: str
    type: str
    issued: str  # as the ledger has it: a day, or empty
    framework: str
    supplier_type: str
    supplier: str
    supplier_name: str
    recipient: str
    recipient_name: str
    service: str
    commitment: str
    currency: str
    total: str  # exactly as given
    total_millionths: int | None
    outcome: str
    status: str
    status_at: datetime | None
    is_handled: bool
    rules: tuple[str, ...] = ()
    deposited: tuple[str, str, str] | None = None
