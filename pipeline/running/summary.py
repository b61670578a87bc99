"""What one run did, in numbers, and what it could not do, in sentences."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.model import IntakeVerdict, Verdict
from pipeline.ports import Said


@dataclass(frozen=True, slots=True)
class Told:
    """One flow and what we said of it."""

    deposit_id: int
    partner: str
    verdict: Verdict
    is_later: bool = False  # a decision on what a report listed as pending
    intake: IntakeVerdict | None = None  # of a flow of changes: `verdict` shows its rows as a report does

    @property
    def said(self) -> Verdict | IntakeVerdict:
        """The verdict as it was made."""
        return self.intake if self.intake is not None else self.verdict


@dataclass(frozen=True, slots=True)
class Outside:
    """Files of a partner stay in its `in/`: it has come to a limit."""

    limit: str
    most: int
    said: Said


def unheard(_said: Said) -> None:
    """Nobody listens while the run goes on."""


@dataclass(slots=True)
class RunSummary:
    """`faults`: ours, each one sentence that names the next step; a run with one exits 3.

    `notices` are worth a look and no failure: folders without a partner, old reference data.
    """

    received: int = 0  # files claimed and registered
    repeated: int = 0
    quarantined: int = 0
    flows: Counter[str] = field(default_factory=Counter)  # state -> flows answered
    invoices: Counter[str] = field(default_factory=Counter)  # outcome -> invoices
    changes: Counter[str] = field(default_factory=Counter)  # outcome -> rows of status, action and control files
    decided_later: int = 0
    told: int = 0  # changes of status after integration, in lifecycle returns
    sent: Counter[str] = field(default_factory=Counter)  # kind -> files delivered
    waiting: int = 0  # deposits that wait for something of ours
    pending: int = 0  # invoices that wait for the State's commitments
    faults: list[Said] = field(default_factory=list)
    notices: list[Said] = field(default_factory=list)
    outside: dict[str, Outside] = field(default_factory=dict)  # by partner, as the last look left it
    has_more: bool = False  # another look takes more of them, once what came in is answered
    seconds: float = 0.0  # at work
    waited_s: float = 0.0  # for lots of other machines: idle, and beside `seconds`
    on_fault: Callable[[Said], None] = unheard  # told at once: a run that watches has no end to wait for
    on_notice: Callable[[Said], None] = unheard

    @property
    def is_idle(self) -> bool:
        """Nothing was due."""
        return not (self.received or self.flows or self.decided_later or self.sent)

    def fault(self, said: Said) -> None:
        """Say a fault once."""
        if said not in self.faults:
            self.faults.append(said)
            self.on_fault(said)

    def notice(self, said: Said) -> None:
        if said not in self.notices:
            self.notices.append(said)
            self.on_notice(said)
