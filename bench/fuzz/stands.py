"""Where invoices stand before a file of changes, and what became of each of its rows: data for both sides.

The product gets the stands as the rows of its ledger, the other readers as they are; what the product did is told to
them as `Done`. Nothing is decided here.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from fixtures.case import PARTNER
from fixtures.change_cases import (
    AVAILABLE,
    CORRECTIVE,
    CREDIT_NOTE,
    PAID,
    REJECTED,
    REJECTED_2,
    SUSPENDED,
    TO_COMPLETE,
    TO_RECYCLE,
)
from fixtures.changes import RECIPIENT
from fixtures.content import ALPHA, WITH_SERVICE

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)  # every flow of the campaign is received then
OTHER = "YYY888"  # another issuer, and another recipient
_YESTERDAY = NOON - timedelta(days=1) + timedelta(microseconds=250_000)  # we keep what people do not write


class Lane(StrEnum):
    STATUSES = "statuses"
    ACTIONS = "actions"
    CONTROL = "control"


@dataclass(frozen=True)
class Stand:
    """One invoice. `past`: every status of its history with its moment; `cancels`: the handled reject it stands for."""

    number: str
    status: int = 3
    status_at: datetime = _YESTERDAY
    issued: date = date(2026, 11, 2)
    supplier_type: str = ALPHA.type
    supplier: str = ALPHA.identifier
    issuer: str = PARTNER
    receiver: str = RECIPIENT
    type: str = "380"
    total: str = "120.00"
    currency: str = "EUR"
    recipient: str = WITH_SERVICE.siret
    service: str = WITH_SERVICE.service
    commitment: str = ""
    is_handled: bool = False
    past: frozenset[tuple[int, datetime]] = field(default=frozenset({(3, _YESTERDAY)}))

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.supplier_type, self.supplier, self.number, self.issued.isoformat()


OF_ANOTHER, DONE, COMPLETED, TWICE, FOREIGN, LATE, HANDLED = (f"FX CYCLE/{n}" for n in range(8, 15))
_IN_2025 = date(2025, 11, 3)
_BOTH = (
    Stand(AVAILABLE),
    Stand(OF_ANOTHER, issuer=OTHER, receiver=OTHER),
    Stand(TWICE, 4),
    Stand(TWICE, 4, issued=_IN_2025),
    Stand(FOREIGN, supplier_type="2", supplier="ESB12345674"),
    Stand(LATE, status_at=NOON - timedelta(minutes=5)),
    Stand(CREDIT_NOTE, type="381"),
    Stand(CORRECTIVE, total="130.00"),
)
STANDS = {
    # as after integration, so that every ordinary answer may come
    Lane.STATUSES: (
        Stand(TO_RECYCLE), Stand(TO_COMPLETE), Stand(REJECTED), Stand(PAID), Stand(SUSPENDED), Stand(REJECTED_2),
        Stand(DONE, 9), Stand(COMPLETED, 12), Stand(HANDLED, 11, past=frozenset({(11, NOON)})), *_BOTH,
    ),
    # as the recipient has answered
    Lane.ACTIONS: (
        Stand(TO_RECYCLE, 4), Stand(TO_COMPLETE, 6), Stand(REJECTED, 5), Stand(PAID, 11), Stand(SUSPENDED, 6),
        Stand(REJECTED_2, 5), Stand(DONE, 4, commitment="EJ2026-00042"), Stand(COMPLETED, 12),
        Stand(HANDLED, 5, is_handled=True), *_BOTH,
    ),
    Lane.CONTROL: (),
}  # fmt: skip
NOTHING: dict[Lane, tuple[Stand, ...]] = dict.fromkeys(Lane, ())
"""Where no invoice is known."""


@dataclass(frozen=True)
class Step:
    """A change of status that the product would write."""

    status: int
    at: datetime
    comment: str
    reason: str
    mandate: str
    actor: str
    producer: str


@dataclass(frozen=True)
class Handled:
    """A reject that its issuer has dealt with; numbers are empty where there is none."""

    reason: str
    comment: str
    credit_note: str
    corrective: str


@dataclass(frozen=True)
class Control:
    """What the product read of one row of a control file."""

    flow: str
    sha256: str
    invoices: int
    total: str
    currency: str


@dataclass(frozen=True)
class Done:
    """What the product would do about one row. `outcome`: applied, kept, repeated or refused; `key` of the invoice."""

    rank: int
    member: str
    outcome: str
    key: tuple[str, str, str, str] | None = None
    steps: tuple[Step, ...] = ()
    event: tuple[int, datetime, str] | None = None
    routed: tuple[str, str, str] | None = None  # recipient, service, commitment
    added: tuple[tuple[str, str], ...] = ()  # name and SHA-256 of each file
    handled: Handled | None = None
    control: Control | None = None

    @property
    def is_in_force(self) -> bool:
        return self.outcome in {"applied", "kept"}

    @property
    def is_idle(self) -> bool:
        """Nothing would change."""
        return not (self.steps or self.event or self.routed or self.added or self.handled)
