"""The frozen types that pass from step to step: each step takes one and gives the next.

`Received` -> `Identified` -> `Read` -> `Decided` -> `Verdict`. An `Invoice` lives inside the reading worker only; what
the decision needs of it leaves in a `ReadInvoice`, which travels as JSON. A `Finding` is data: the issuer's mistake.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from pipeline import codes
from pipeline.codes import STAGE_ORDER, Code, Severity
from pipeline.terms import Terms
from pipeline.values import Amount, Day, Located, Text

PARIS = ZoneInfo("Europe/Paris")


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong (or worth saying) in what an issuer sent.

    `rule` is what people see: our id, or the official id of a pack; `code` is the row of `codes` behind it. `facts`
    fill the templates of that row. `value` is the offending text, as found.
    """

    rule: str
    code: str
    severity: Severity
    pack: str = "chorus-legacy"
    member: str = ""
    at: str = ""  # BT or BG id
    path: str = ""  # XPath in the original file
    line: int = 0
    column: int = 0
    value: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def row(self) -> Code:
        return codes.ALL[self.code]

    @property
    def refuses(self) -> bool:
        return self.severity in {Severity.FATAL, Severity.ERROR}

    @property
    def order(self) -> tuple[int, str]:
        """Place in a report, inside one document: stage, then rule id."""
        return STAGE_ORDER[self.row.stage], self.rule


def finding(
    terms: Terms,
    code: Code,
    at: Located | str = "",
    /,
    *,
    member: str = "",
    value: str | None = None,
    **facts: str | int,
) -> Finding | None:
    """Make a finding of a rule that does not hold, or None where this rule is not applied on these terms.

    `at` is the value it is about (its BT id, path, line and text are taken over), or only a BT id or place.
    """
    severity = terms.severity(code)
    if severity is None:
        return None
    if isinstance(at, str):
        return Finding(code.id, code.id, severity, member=member, at=at, value=value or "", facts=facts)
    shown = at.text if value is None else value
    return Finding(
        code.id, code.id, severity, member=member, at=at.bt, path=at.path, line=at.line, value=shown, facts=facts
    )


# --- receive ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Received:
    """A deposit (dépôt): one claimed file, its bytes archived under their SHA-256.

    `name` is the flow name as dropped, bytes that are no UTF-8 shown as `\\xNN` (`backslashreplace`). `settled` holds
    what only the ledger and the partner's sheet can tell (FLW-005 to 007, 012, 013), found at registration.
    """

    partner: str  # application code; empty in `check`, which knows no partner
    name: str
    sha256: str
    size_bytes: int
    received_at: datetime  # aware
    settled: tuple[Finding, ...] = ()
    interface: str = ""  # asked for by `check --interface`; else the name announces it

    @property
    def day(self) -> date:
        """The day of deposit, in Paris."""
        return self.received_at.astimezone(PARIS).date()


# --- identify ---------------------------------------------------------------------------------------------------------


class Lane(StrEnum):
    """What a flow asks of us: invoices to integrate, or changes of what is integrated."""

    INVOICES = "invoices"
    STATUSES = "statuses"  # a status file of a recipient
    ACTIONS = "actions"  # an action file of an issuer (ACT9001A)
    CONTROL = "control"  # a control file of an issuer (CTL9002A)


class Kind(StrEnum):
    """What one file of a flow is, by its content."""

    UBL = "ubl"
    CII = "cii"
    MIXED = "mixed"
    FACTURX = "facturx"
    XADES = "xades"  # a signature: stored, not verified
    STYLESHEET = "stylesheet"  # stored, never run
    STATUS = "status"  # CPPStatut: statuses of invoices, or of flows (LFC-007)
    ACTIONS = "actions"  # an action file of ours
    CONTROL = "control"  # a control file of ours
    ENCLOSED = "enclosed"  # beside an action file: an attachment that it may name
    UNKNOWN = "unknown"

    @property
    def is_invoice(self) -> bool:
        return self in {Kind.UBL, Kind.CII, Kind.MIXED, Kind.FACTURX}

    @property
    def is_read(self) -> bool:
        """It is known by its content, and holds what a flow is about."""
        return self.is_invoice or self is Kind.STATUS


@dataclass(frozen=True, slots=True)
class FlowName:
    """The parts of a flow name that follows the grammar (spec 01 section 4)."""

    prefix: str
    digits: str
    partner: str
    repeated: str  # the application code repeated in the flow id
    repeated_digits: str
    sequence: str

    @property
    def code(self) -> str:
        return f"{self.prefix}{self.digits}A"


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """One file of a flow as `identify` saw it. A flow of one file has one member, named like the flow."""

    name: str
    size_bytes: int
    kind: Kind
    offset: int = 0  # where its bytes begin in the (unpacked) spool
    sha256: str = ""
    invoice_count: int = 0  # CPPFactureMixte may hold many
    findings: tuple[Finding, ...] = ()  # member-refused ones: it is not read any further


@dataclass(frozen=True, slots=True)
class Identified:
    """What a flow is: the code it is taken under, its members, and what was found on the way.

    `interface` is the announced code when it fits, or the ordinary one for a bare file given to `check`; empty when the
    flow is refused before that is known. A fatal finding in `findings` refuses the whole flow.
    """

    received: Received
    interface: str
    announced: str  # as the name says it, empty where it says nothing readable
    members: tuple[MemberSeen, ...]
    findings: tuple[Finding, ...]
    is_archive: bool = False  # the members lie in the unpacked spool, else in the bytes received
    lane: Lane = Lane.INVOICES

    @property
    def is_refused(self) -> bool:
        """Nothing enters. An installation may set a rule on the flow to error: that refuses the flow as well."""
        return any(f.refuses for f in self.findings)


# --- the semantic model -----------------------------------------------------------------------------------------------


class Level(StrEnum):
    """The Factur-X profile that a document claims, by its guideline (BT-24); NONE where it claims none of them."""

    NONE = ""
    MINIMUM = "MINIMUM"
    BASICWL = "BASIC WL"
    BASIC = "BASIC"
    EN16931 = "EN 16931"
    EXTENDED = "EXTENDED"


@dataclass(frozen=True, slots=True)
class Address:
    line1: Text | None = None  # BT-35
    line2: Text | None = None
    postcode: Text | None = None
    city: Text | None = None  # BT-37
    country: Text | None = None  # BT-40, BT-55


@dataclass(frozen=True, slots=True)
class Party:
    """Supplier (fournisseur), recipient (débiteur), validator (valideur) or payee (encaisseur).

    `identifier_type` is the legacy type 1 to 7 (1 SIRET, 2 EU, 3 outside EU, 4 RIDET, 5 Tahiti, 6 being registered,
    7 private person), "" where the scheme is unknown or absent; `scheme` is the raw text it was read from.
    """

    identifier: Text | None = None
    identifier_type: str = ""
    scheme: Text | None = None
    siren: Text | None = None  # given beside a SIRET (scheme 0002 and 9 digits)
    name: Text | None = None
    trading_name: Text | None = None
    vat: Text | None = None
    vat_scheme: Text | None = None  # VA in CII, VAT in UBL (FMT-006)
    address: Address = Address()
    legal: Text | None = None  # RCS text, share capital
    service_label: Text | None = None  # supplier service
    contact: Text | None = None


@dataclass(frozen=True, slots=True)
class AccountGiven:
    """Where to pay: IBAN or RIB (BT-84), BIC (BT-86), the name of the account's holder (BT-59)."""

    iban: Text | None = None
    rib: Text | None = None
    bic: Text | None = None
    holder: Text | None = None


@dataclass(frozen=True, slots=True)
class VatLine:
    """One group BG-23: VAT category, rate, base and amount."""

    base: Amount | None = None
    amount: Amount | None = None
    rate: Amount | None = None
    category: Text | None = None
    exemption: Text | None = None
    exemption_code: Text | None = None
    due: Text | None = None  # BT-8 as CII carries it, per group
    rate_place: str = ""  # UBL: TaxSubtotal/Percent or TaxCategory/Percent (FMT-003)


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `counts` is false for TYPE_LIGNE REGROUPEMENT and INFORMATION, which stay out of every sum."""

    path: str
    source_line: int
    id: Text | None = None
    type: Text | None = None  # TYPE_LIGNE
    quantity: Amount | None = None
    total: Amount | None = None  # BT-131
    allowances: tuple[Amount, ...] = ()
    charges: tuple[Amount, ...] = ()
    other_amounts: tuple[Amount, ...] = ()  # bases and percentages of allowances and charges
    price: Amount | None = None  # BT-146
    price_discount: Amount | None = None  # BT-147
    has_price_allowance: bool = False  # the gross price carries an allowance block (AMT-020)
    gross_price: Amount | None = None  # BT-148
    base_quantity: Amount | None = None  # BT-149
    price_ttc: Amount | None = None  # FSO1116A only (FMT-001)
    vat_rate: Amount | None = None
    vat_category: Text | None = None
    name: Text | None = None
    description: Text | None = None
    site: Text | None = None
    delivered: Day | None = None

    @property
    def counts(self) -> bool:
        return self.type is None or self.type.text not in {"REGROUPEMENT", "INFORMATION"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels with an invoice, decoded lazily by `validators.attachments`.

    `encoded` is the base64 text as found (bytes of the PDF for a file embedded in a Factur-X PDF: `raw`).
    """

    rank: int
    name: Text | None
    encoded: str | bytes
    raw: bool = False  # the bytes themselves, not base64
    mime: str = ""
    type: Text | None = None  # TypePJ 01 or 02
    category: Text | None = None  # CategoriePJ
    path: str = ""
    line: int = 0
    reference: Text | None = None  # BT-122


@dataclass(frozen=True, slots=True)
class Places:
    """A datum read from several homes: the value that won, and each non-empty one in reading order."""

    value: Text | None = None
    all: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class Invoice:
    """One invoice or credit note (facture, avoir), whatever it was written in. BT ids are those of `Text.bt`."""

    kind: Kind
    level: Level
    rank: int  # inside its member, from 1
    root: str  # local name of the root element: Invoice, CreditNote, CrossIndustryInvoice, CPPFactureMixte
    path: str  # of the element that carries the whole invoice
    # header
    number: Text | None = None  # BT-1
    type: Text | None = None  # BT-3
    issued: Day | None = None  # BT-2
    due: Day | None = None  # BT-9
    currency: Text | None = None  # BT-5
    vat_currency: Text | None = None  # BT-6
    guideline: Text | None = None  # BT-24
    framework: Text | None = None  # BT-23, None: A1 is assumed
    framework_extension: Text | None = None  # UBL: in an extension
    framework_extension_namespace: str = ""  # UBL: namespace of that extension (FMT-005)
    framework_profile: Text | None = None  # UBL: ProfileID, when A-coded
    notes: tuple[Text, ...] = ()
    note_subjects: tuple[Text, ...] = ()
    origins: tuple[Text, ...] = ()  # BT-25
    origin_days: tuple[Day, ...] = ()  # BT-26
    period_start: Day | None = None
    period_end: Day | None = None
    period_label: Text | None = None
    delivered: Day | None = None  # BT-72
    # parties
    supplier: Party = Party()
    recipient: Party = Party()
    validator: Party | None = None
    payee: Party | None = None
    endpoint: Text | None = None
    # references
    service: Places = Places()  # BT-10 and its homes
    service_name: Text | None = None
    commitment: Places = Places()  # BT-13 and its homes
    market: Text | None = None  # BT-12
    contract_types: tuple[Text, ...] = ()  # UBL DocumentTypeCode of ContractDocumentReference (REF-008)
    despatch: Text | None = None  # BT-16
    supporting: tuple[Text, ...] = ()  # BT-122 of references with or without a binary (REF-010)
    sites: tuple[Text, ...] = ()  # BT-71
    # payment
    payment_code: Text | None = None  # BT-81
    payment_codes: tuple[Text, ...] = ()  # every BT-81, where several blocks stand
    payment_note: Text | None = None
    account: AccountGiven = AccountGiven()
    vat_regimes: tuple[Text, ...] = ()  # BT-8, every place
    # amounts
    vat_lines: tuple[VatLine, ...] = ()
    total_lines: Amount | None = None  # BT-106
    total_allowances: Amount | None = None  # BT-107
    total_charges: Amount | None = None  # BT-108
    total_net: Amount | None = None  # BT-109
    total_vat: Amount | None = None  # BT-110
    total_vat_accounting: Amount | None = None  # BT-111
    total_gross: Amount | None = None  # BT-112
    prepaid: Amount | None = None  # BT-113
    rounding: Amount | None = None  # BT-114
    payable: Amount | None = None  # BT-115
    header_amounts: tuple[Amount, ...] = ()  # header allowances and charges (BG-20, BG-21)
    lines: tuple[Line, ...] = ()
    has_tax_total_without_amount: bool = False  # UBL (VAT-009)
    unknown_elements: tuple[Text, ...] = ()  # CPPFactureMixte: names its schema does not know (FMT-004)
    dates: tuple[Day, ...] = ()  # every date of the document, the named ones included (DAT-002, 004, 008)
    amounts: tuple[Amount, ...] = ()  # every amount, price and quantity, the named ones included (AMT-001)
    identifiers: tuple[Text, ...] = ()  # every identifier-like text (GEN-015 looks for zero-width characters here)
    texts: tuple[Text, ...] = ()  # every other text that was read (GEN-015: control and bidirectional characters)
    attachments: tuple[Attachment, ...] = ()

    @property
    def is_credit_note(self) -> bool:
        return (self.type is not None and self.type.text == "381") or (self.type is None and self.root == "CreditNote")


# --- read -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slice:
    """Where the bytes of one pivot unit, or of one extract, lie in the spool that `read` wrote."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Extract:
    """What was taken out of a file for the antivirus (an archive's member, an attachment decoded): its bytes lie in the
    spool too. `name` is empty where it is the member itself."""

    member: str
    name: str
    content: Slice


@dataclass(frozen=True, slots=True)
class SupplierRead:
    """Of the supplier, what routing and duplicates need."""

    type: str = ""
    identifier: Text | None = None
    name: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class ReadInvoice:
    """What the decision needs of one invoice. `rank` counts over the whole flow, from 1, in file order."""

    rank: int
    member: str
    number: Text | None
    type: str  # BT-3 as given
    issued: date | None
    framework: str  # the code judged with: A1 where none was given
    framework_at: Text | None
    supplier: SupplierRead
    recipient: Text | None
    recipient_name: str
    service: Text | None
    service_name: str
    commitment: Text | None
    market: Text | None
    origins: tuple[Text, ...]
    has_validator: bool
    currency: str
    total: str  # BT-112 exactly as given, empty where it is no amount
    findings: tuple[Finding, ...]
    pivot: Slice | None  # None where the invoice is refused already, whatever its recipient may be mapped to
    recipient_siren: Text | None = None  # given beside its SIRET: one that it is mapped to is held to it (PTY-016)

    @property
    def is_refused(self) -> bool:
        return any(f.refuses for f in self.findings)


@dataclass(frozen=True, slots=True)
class InvoiceKey:
    """How others name an invoice: by supplier, number and, where they give it, day of issue."""

    supplier_type: str
    supplier: Text | None
    number: Text | None
    issued: date | None = None


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """One entry of a status file (CPPFactureStatutUnitaire). `rank` counts over the whole flow, from 1."""

    rank: int
    member: str
    invoice: InvoiceKey
    recipient: Text | None  # the SIRET of its debtor
    status: Text | None  # IdStatut as given
    when: datetime | None  # Horodatage, aware
    when_at: Text | None  # the same as given
    comment: Text | None = None
    reason: Text | None = None  # ComplementStatut
    mandate: Text | None = None  # IdMandatDP
    issued_at: Text | None = None  # DateFacture as given
    findings: tuple[Finding, ...] = ()

    @property
    def is_refused(self) -> bool:
        return any(f.refuses for f in self.findings)


class ActionKind(StrEnum):
    """What an issuer can do about its invoice (spec 06 section 4)."""

    RECYCLE = "recycle"
    COMPLETE = "complete"
    HANDLE_REJECT = "handle-reject"


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A file that an action brings, unwrapped where it came as a ZIP: its bytes lie in the spool that `read` wrote.

    `findings` are what is wrong with the file itself; they are said of each invoice that it is added to.
    """

    name: str
    mime: str
    sha256: str
    content: Slice
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadAction:
    """One row of an action file. None: the row does not name it, it stays as it is; an empty text takes it away."""

    rank: int
    member: str
    action: ActionKind | None
    action_at: Text | None
    invoice: InvoiceKey
    recipient: Text | None = None
    service: Text | None = None
    commitment: Text | None = None
    comment: Text | None = None
    reason: Text | None = None
    credit_note: Text | None = None  # numbers, of the same supplier
    corrective: Text | None = None
    attachments: tuple[Enclosed, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def is_refused(self) -> bool:
        return any(f.refuses for f in self.findings)


@dataclass(frozen=True, slots=True)
class ReadControl:
    """One row of a control file: a flow as its issuer dropped it."""

    rank: int
    member: str
    flow: Text | None
    sha256: Text | None
    invoices: int | None
    total: Text | None
    currency: Text | None
    findings: tuple[Finding, ...] = ()

    @property
    def is_refused(self) -> bool:
        return any(f.refuses for f in self.findings)


@dataclass(frozen=True, slots=True)
class ReadMember:
    name: str
    sha256: str
    size_bytes: int
    kind: Kind
    findings: tuple[Finding, ...] = ()  # on the member: an error refuses it and all it holds
    omitted: int = 0  # findings beyond the cap of a document (limits.findings.document_max), its invoices' included

    @property
    def is_refused(self) -> bool:
        return any(f.refuses for f in self.findings)


@dataclass(frozen=True, slots=True)
class PackRun:
    """An official pack that ran on at least one document of the flow, by which engine, from which artefact."""

    name: str
    engine: str
    sha256: str
    version: str = ""  # as the artefact tells it, empty where it tells none


@dataclass(frozen=True, slots=True)
class Read:
    """All that was read of one flow: identify and validate done, no reference data used."""

    received: Received
    interface: str
    announced: str
    findings: tuple[Finding, ...]  # on the flow: a fatal one refuses all of it
    members: tuple[ReadMember, ...]
    invoices: tuple[ReadInvoice, ...]
    packs: tuple[PackRun, ...]
    expanded_bytes: int = 0
    extracts: tuple[Extract, ...] = ()  # only where an antivirus is to look at them (`Terms.is_scanned`)
    lane: Lane = Lane.INVOICES
    statuses: tuple[ReadStatus, ...] = ()  # each lane has rows of one kind, `invoices` or one of these
    actions: tuple[ReadAction, ...] = ()
    controls: tuple[ReadControl, ...] = ()

    @property
    def rows(self) -> tuple[ReadStatus | ReadAction | ReadControl, ...]:
        """Of a flow of changes."""
        return (*self.statuses, *self.actions, *self.controls)

    @property
    def is_refused(self) -> bool:
        """Nothing enters. An installation may set a rule on the flow to error: that refuses the flow as well."""
        return any(f.refuses for f in self.findings)


# --- reference data ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Service:
    """Service exécutant of a structure; valid on a day when active and inside its dates (both included)."""

    code: str
    label: str
    is_active: bool
    valid_from: date | None
    valid_to: date | None
    requires_commitment: bool


@dataclass(frozen=True, slots=True)
class Structure:
    """Structure destinataire: what a recipient asks for, as one snapshot of the directory tells it."""

    siret: str
    identifier_type: int
    name: str
    is_active: bool
    requires_service: bool
    requires_commitment: bool
    requires_service_or_commitment: bool
    is_moa: bool
    is_moa_only: bool
    returns_payment_status: bool
    successor: str = ""
    inactive_since: date | None = None
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, slots=True)
class Commitment:
    """Engagement juridique of the State, from the order file."""

    number: str
    service: str
    structure: str
    supplier: str
    state: str
    opened: date | None
    closed: date | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A dated import of the directory: named in every verdict that used it."""

    name: str
    day: date


@dataclass(frozen=True, slots=True)
class DepositRight:
    """A supplier for whom a partner may file, from a day to a day (both included, None: open)."""

    type: str
    identifier: str
    start: date | None = None
    end: date | None = None


@dataclass(frozen=True, slots=True)
class NumberKey:
    """What makes an invoice number unique: supplier (type and identifier), number, year of issue.

    `scope` is empty where the deposit right is proved; else the partner, whose own claims alone it meets.
    """

    scope: str
    supplier_type: str
    supplier: str
    number: str
    year: int


@dataclass(frozen=True, slots=True)
class NumberOwner:
    """Who holds a number: which invoice of which deposit, when it came, and whose."""

    partner: str
    flow_name: str
    deposit_id: int
    rank: int
    received_at: datetime
    status: str = ""  # two digits, where it was rejected: such a number is never free again (DUP-004)


@dataclass(frozen=True, slots=True)
class Lookalike:
    """An invoice of the same partner with the same number and amount, of another year or SIRET (DUP-003)."""

    number: str
    supplier_type: str
    supplier: str
    year: int
    total: str
    currency: str
    flow_name: str
    deposit_id: int
    rank: int


@dataclass(frozen=True, slots=True)
class CommitmentTable:
    """What is known of the State's commitments on the day: `state` says whether it can be asked at all."""

    state: Literal["never-loaded", "fresh", "too-old", "unavailable"]
    day: date | None = None
    name: str = ""
    rows: Mapping[str, Commitment] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """What an issuer calls a service (libellé) of this recipient."""

    siret: str
    written: str
    code: str


@dataclass(frozen=True, slots=True)
class Alias:
    """What an issuer calls a recipient."""

    written: str
    siret: str


@dataclass(frozen=True, slots=True)
class RecipientMapping:
    """The names that one issuer gives its recipients and their services (correspondances), by plain text.

    `routing.mapping` says when one of them is used. `settled` are invoices that were judged before and wait: they keep
    what they were mapped to then, whatever the tables say now.
    """

    labels: Mapping[str, Mapping[str, Label]] = field(default_factory=dict)  # by SIRET, then by plain label
    aliases: Mapping[str, Alias] = field(default_factory=dict)  # by plain alias
    used: Mapping[str, str] = field(default_factory=dict)  # SIRET -> the service that this issuer used last
    settled: Mapping[int, tuple[str, str]] = field(default_factory=dict)  # rank -> SIRET and service
    is_asked: bool = True  # False: the connection asks for none, only `settled` counts


@dataclass(frozen=True, slots=True)
class Known:
    """The reference rows that one commit unit needs, fetched in one query of each kind."""

    snapshot: Snapshot | None  # None: RTG-006, a fault in `run`; `check` without a directory judges no routing
    structures: Mapping[str, Structure] = field(default_factory=dict)  # recipients, and suppliers by SIRET (RTG-012)
    commitments: CommitmentTable = CommitmentTable("never-loaded")
    rights: tuple[DepositRight, ...] | None = None  # of the partner; None: no partner is known (`check`)
    suppliers: frozenset[tuple[str, str]] | None = None  # known (type, identifier); None: no table was loaded
    known_numbers: frozenset[tuple[str, str, str]] = frozenset()  # (type, identifier, number) in the ledger (CRN-004)
    lookalikes: tuple[Lookalike, ...] = ()
    operator_reason: Mapping[int, str] = field(default_factory=dict)  # rank -> settled by an operator: integrate
    has_ledger: bool = True  # False in `check`: duplicates across flows cannot be judged
    mapping: RecipientMapping | None = None  # None: this connection has its recipients read as they are written


# --- decide -----------------------------------------------------------------------------------------------------------


class InvoiceOutcome(StrEnum):
    INTEGRATED = "integrated"
    REFUSED = "refused"
    PENDING = "pending"


class FlowState(StrEnum):
    """Flow states (états de flux) that we give; `REPEATED` is ours and never leaves the ledger."""

    INTEGRATED = "IN_INTEGRE"
    PARTIAL = "IN_INTEGRE_PARTIEL"
    REJECTED = "IN_REJETE"
    WAITING = "IN_EN_ATTENTE_TRAITEMENT_CPP"


@dataclass(frozen=True, slots=True)
class JudgedInvoice:
    """One invoice with all its findings, in the order of the report, and what becomes of it."""

    read: ReadInvoice
    findings: tuple[Finding, ...]
    outcome: InvoiceOutcome
    claim: NumberKey | None  # the number it holds (integrated, pending) or wants
    structure_name: str = ""  # of the recipient, as the directory says it
    is_mapped: bool = False  # recipient or service of `read` are not those of the document (RTG-013)


@dataclass(frozen=True, slots=True)
class Decided:
    """A flow judged, save for the numbers that other deposits may hold: reserve `wanted`, then `conclude`."""

    read: Read
    invoices: tuple[JudgedInvoice, ...]
    known: Known

    @property
    def wanted(self) -> tuple[tuple[int, NumberKey], ...]:
        """(rank, key) of each invoice that nothing refuses: the numbers to reserve."""
        return tuple(
            (i.read.rank, i.claim)
            for i in self.invoices
            if i.outcome is not InvoiceOutcome.REFUSED and i.claim is not None
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that we say about one flow."""

    read: Read
    state: FlowState
    findings: tuple[Finding, ...]  # on the flow and its members, in the order of the report
    invoices: tuple[JudgedInvoice, ...]
    snapshot: Snapshot | None
    not_judged: tuple[str, ...]

    def count(self, outcome: InvoiceOutcome) -> int:
        return sum(1 for i in self.invoices if i.outcome is outcome)


# --- what becomes of an invoice after integration ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """A payment request as it stands in the ledger, when somebody asks for a change."""

    deposit_id: int
    rank: int
    issuer: str  # the partner that dropped it
    flow_name: str
    received_day: date
    supplier_type: str
    supplier: str
    supplier_name: str
    number: str
    issued: date | None
    type: str  # BT-3
    framework: str
    currency: str
    total: str
    total_millionths: int | None
    recipient: str  # as it is routed now
    recipient_name: str
    service: str
    commitment: str
    receiver: str
    status: str  # two digits
    status_at: datetime
    sequence: int  # of its last transition
    routing: int  # ordinal of its last row of `routings`; 0: as deposited
    is_handled: bool = False
    past: frozenset[tuple[str, datetime]] = frozenset()  # every (status, moment) of its history, raw codes included
    handled_as: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))  # its credit note, its corrective
    events: int = 0  # how many statuses without a label its history has
    cancels: tuple[int, int] = (0, 0)  # the handled reject whose credit note it is: deposit and rank


class RowOutcome(StrEnum):
    """What becomes of one row of a status, action or control file."""

    APPLIED = "applied"
    REPEATED = "repeated"  # it had been applied already: no effect
    KEPT = "kept"  # a status without a published label: an event of the history
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Change:
    """A change of status that applies. `reason` is a code of the list of reasons."""

    standing: Standing
    to: str  # two digits
    at: datetime
    comment: str = ""
    reason: str = ""
    mandate: str = ""
    set_by: str = ""  # recipient, accountant, supplier: as in `lifecycle.ARROWS`
    producer: str = ""  # application code of who asked
    operator: str = ""  # of a command; empty where a file asked


@dataclass(frozen=True, slots=True)
class Rerouted:
    """Where a recycled payment request goes from now on."""

    recipient: str
    recipient_name: str
    service: str
    commitment: str
    snapshot: str
    service_name: str = ""  # as the directory calls it; empty where the service stays as it was


@dataclass(frozen=True, slots=True)
class Handling:
    """A rejected invoice that its issuer has dealt with, and what took its place."""

    standing: Standing
    reason: str
    comment: str
    credit_note: Standing | None
    corrective: Standing | None


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """One row of a file of changes, with all its findings, and what is to be done about it.

    `changes` in their order: a recycle is 01, 02 and 03. An `event` is kept: its raw code, moment and comment.
    """

    rank: int
    member: str
    invoice: InvoiceKey
    findings: tuple[Finding, ...]
    outcome: RowOutcome
    standing: Standing | None = None
    changes: tuple[Change, ...] = ()
    rerouted: Rerouted | None = None
    handling: Handling | None = None
    event: tuple[str, datetime, str] | None = None
    attachments: tuple[Enclosed, ...] = ()
    total: str = ""  # of a control row, or of the invoice named


@dataclass(frozen=True, slots=True)
class IntakeVerdict:
    """All that we say about a flow of changes: the report tells it as it tells a flow of invoices.

    A row that is refused is told like a refused invoice; `state` says whether all, some or none was applied.
    """

    read: Read
    state: FlowState
    findings: tuple[Finding, ...]  # on the flow and its members
    rows: tuple[JudgedRow, ...]
    snapshot: Snapshot | None = None
    not_judged: tuple[str, ...] = ()

    @property
    def is_offline(self) -> bool:
        """Judged by `check`, without the invoices that its rows name: a row that is not refused is well-formed, and
        nothing is applied."""
        return bool(self.not_judged)

    def count(self, outcome: RowOutcome) -> int:
        return sum(1 for row in self.rows if row.outcome is outcome)


MILLIONTHS_MAX = 9 * 10**12  # in units: above, the integer column is NULL and the invoice a named exception


def millionths(total: str) -> int | None:
    """An exact amount as an integer in millionths, for sums in SQL; None where it does not fit."""
    if not total:
        return None
    value = Decimal(total)
    if abs(value) > MILLIONTHS_MAX or value != round(value, 6):
        return None
    return int(value.scaleb(6))


def signed_millionths(invoice: ReadInvoice) -> int | None:
    """The total with VAT in millionths; a credit note is subtracted, whatever sign it was written with."""
    amount = millionths(invoice.total)
    return -abs(amount) if amount is not None and invoice.type == "381" else amount
