"""The type of one row of the catalogue of rules, and the words its columns use."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How hard a rule bites. `off` and `not applied` are no severities: such a rule earns no finding."""

    FATAL = "fatal"  # the flow is irreceivable
    ERROR = "error"  # this member or this invoice cannot enter
    WARNING = "warning"  # enters, and the report says so
    HOLD = "hold"  # waits for reference data, neither in nor out
    INFO = "info"  # shown in the verdict, never in the report


class Outcome(StrEnum):
    """What a broken rule does to what it looks at."""

    FLOW_REFUSED = "flow-refused"
    MEMBER_REFUSED = "member-refused"
    INVOICE_REFUSED = "invoice-refused"
    ACCEPTED = "accepted"
    REPEATED = "repeated"
    HELD = "held"


class Stage(StrEnum):
    """Where a finding stands in a report: the order of this list, not the moment of evaluation."""

    RECEIVE_FLOW = "receive.flow"
    RECEIVE_ENVELOPE = "receive.envelope"
    RECEIVE_FILE = "receive.file"
    IDENTIFY = "identify"
    VALIDATE_PARSE = "validate.parse"
    VALIDATE_XSD = "validate.xsd"
    VALIDATE_CONTAINER = "validate.container"
    VALIDATE_ATTACHMENT = "validate.attachment"
    VALIDATE_GENERIC = "validate.generic"
    VALIDATE_FORMAT = "validate.format"
    VALIDATE_OFFICIAL = "validate.official"
    ROUTE = "route"
    CHECK = "check"
    ACT = "act"


class EarnedBy(StrEnum):
    """Which kind of test shows that a rule bites."""

    FIXTURE = "fixture"  # a document or a drop that earns it, beside one that does not
    UNIT = "unit"  # the XSD or a cap refuses such a document first, or no input of ours carries the datum
    FAULT_TEST = "fault-test"  # a test takes something away: a fault, never a finding
    RELIABILITY = "reliability issue"
    LIFECYCLE = "lifecycle issue"
    NOT_COLLECTED = "not_collected"  # nobody collects the datum yet: listed, never evaluated
    REFORM = "reform"  # a row of ctc-b2g only


@dataclass(frozen=True, slots=True)
class Code:
    """One rule and all that we say about it.

    `legacy` and `ctc` are the default severities of the two profiles: a `Severity`, or `off`, `fault` or `-`
    (not applied). Messages and remedies are `str.format` templates over `facts`. An id never changes its meaning
    and is never used again.
    """

    id: str
    stage: Stage
    legacy: str
    ctc: str
    outcome: Outcome
    public_code: str  # of the platform (IRR_*, REJ_*, ERR_XSD_001), empty where it has none
    place: str
    condition: str
    message_fr: str
    message_en: str
    remedy_fr: str
    remedy_en: str
    facts: tuple[str, ...]
    corresponds_to: str
    confidence: str
    earned_by: EarnedBy
    recyclable: bool = False  # a rule on routing data: what a recycle may mend
    policy: str = ""  # the pack policy of the connection that moves it
    since: str = "0.1.0"

    @property
    def family(self) -> str:
        return self.id[:3]
