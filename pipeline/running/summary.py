"""What one run did, in numbers, and what it could not do, in sentences."""

from collections import Counter
from dataclasses import dataclass, field

from pipeline.model import Verdict


@dataclass(frozen=True, slots=True)
class Told:
    """One flow and what we said of it."""

    deposit_id: int
    partner: str
    verdict: Verdict
    is_later: bool = False  # a decision on what a report listed as pending


@dataclass(slots=True)
class RunSummary:
    """`faults`: ours, each one sentence that names the next step; a run with one exits 3."""

    received: int = 0  # files claimed and registered
    repeated: int = 0
    quarantined: int = 0
    flows: Counter[str] = field(default_factory=Counter)  # state -> flows answered
    invoices: Counter[str] = field(default_factory=Counter)  # outcome -> invoices
    decided_later: int = 0
    sent: Counter[str] = field(default_factory=Counter)  # kind -> files delivered
    waiting: int = 0  # deposits that wait for something of ours
    pending: int = 0  # invoices that wait for the State's commitments
    faults: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)  # worth a look, no failure: folders without a partner, old data
    seconds: float = 0.0

    @property
    def is_idle(self) -> bool:
        """Nothing was due."""
        return not (self.received or self.flows or self.decided_later or self.sent)

    def fault(self, sentence: str) -> None:
        """Say a fault once."""
        if sentence not in self.faults:
            self.faults.append(sentence)

    def notice(self, sentence: str) -> None:
        if sentence not in self.notices:
            self.notices.append(sentence)
