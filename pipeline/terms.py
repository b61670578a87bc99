"""The terms a document is held to: every limit and switch with its reason, and how hard each rule bites.

Defaults are our profile; the settings TOML of a home overrides any of them. Sources are named beside each value;
[certain], [one source], [inferred] and [profile] say how sure we are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from pipeline.codes import Code, Severity


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """flow"""

    # 1 GB per flow: Akuiteo manual, DGFiP specification v3.1 [certain]; above: refused by stat, bytes not kept
    bytes_max: int = 1_073_741_824
    invoices_max: int = 500  # Akuiteo manual [one source]
    file_bytes_max: int = 125_829_120  # 120 MB per file of a flow: DGFiP specification v3.1 [certain]
    api_file_bytes_max: int = 10_485_760  # API deposit, "30 when compressed": vendor documentation [one source]


@dataclass(frozen=True, slots=True)
class DropLimits:
    """drop"""

    stat_interval_s: int = 1
    quiet_s: int = 2
    temporary_suffixes: tuple[str, ...] = (".part", ".filepart", ".tmp", ".writing", ".incomplete", ".partial")


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """archive"""

    members_max: int = 2_000
    expanded_bytes_max: int = 1_073_741_824
    ratio_max: int = 200
    name_chars_max: int = 255


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """xml"""

    depth_max: int = 64
    elements_max: int = 2_000_000
    attributes_per_element_max: int = 256
    text_chars_max: int = 20_000_000
    xsd_siblings_max: int = 10_000
    explain_bytes_max: int = 1_048_576


@dataclass(frozen=True, slots=True)
class AttachmentLimits:
    """attachment"""

    bytes_max: int = 10_485_760  # OCA attachment checks, pyfrctc [one source]; measured decoded and unzipped
    invoice_bytes_max: int = 125_829_120  # invoice plus attachments, 120 MB: OCA [one source]
    name_chars_max: int = 50  # OCA; BR-FR-CPRO-41; Pastell XSD CPPFacturePivot V2_02 [certain]
    category_chars_max: int = 50  # CPPFacturePivot V2_02 [certain]
    # 35 [one source]
    extensions: tuple[str, ...] = (
        "BMP",
        "GIF",
        "FAX",
        "ODT",
        "PPT",
        "TIFF",
        "XLS",
        "BZ2",
        "GZ",
        "JPEG",
        "P7S",
        "RTF",
        "TXT",
        "XML",
        "CSV",
        "GZIP",
        "JPG",
        "PDF",
        "SVG",
        "XHTML",
        "XLSX",
        "DOC",
        "HTM",
        "ODP",
        "PNG",
        "TGZ",
        "XLC",
        "ZIP",
        "DOCX",
        "HTML",
        "ODS",
        "PPS",
        "TIF",
        "XLM",
        "PPTX",
    )


@dataclass(frozen=True, slots=True)
class LegacyLimits:
    """legacy"""

    invoice_number_max: int = 20  # EDI annex V4.20 G1.05 [one source]
    service_max: int = 100  # EDI annex V4.20 G3.01 [certain]
    commitment_max: int = 50  # EDI annex V4.20 G3.04 [certain]
    market_max: int = 50  # CPPFacturePivot V2_02 [certain]
    name_max: int = 99  # Factur-X 1.0.06, BR-FR-CPRO-34/36/37/43/44 [certain]
    note_max: int = 1_024  # BR-FR-CPRO-42; applied as a warning in legacy-edi [profile]
    iban_max: int = 27  # BR-FR-CPRO-39 [certain]
    site_max: int = 20  # BR-FR-CPRO-38/40 [certain]
    amount_positions_max: int = 19  # Akuiteo manual; Annexe 7 v1.8 [certain]
    amount_decimals_max: int = 6  # Akuiteo manual [one source]
    quantity_decimals_max: int = 4  # Annexe 7 v1.8 G1.15; GOBL [certain]
    price_decimals_max: int = 6  # Annexe 7 v1.8 G1.16 [certain]
    tolerance: Decimal = Decimal("0.01")  # Annexe 7 v1.8 G1.53 (bases); our profile for the other sums [profile]


@dataclass(frozen=True, slots=True)
class CtcLimits:
    """ctc"""

    invoice_number_max: int = 35  # Annexe 7 v1.8 G1.05; 20 when the buyer is public (BR-FR-CPRO-02) [certain]
    amount_decimals_max: int = 2  # Annexe 7 v1.8 G1.14 [certain]
    lines_max: int = 999_999  # BR-FR-CPRO-19: fewer than 1,000,000 [certain]


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """work"""

    lot_flows_max: int = 1_000
    lot_bytes_max: int = 134_217_728
    unit_documents: int = 1_000
    unit_expanded_bytes: int = 268_435_456
    unit_s: int = 10
    lease_s: int = 45
    lease_renew_s: int = 15


@dataclass(frozen=True, slots=True)
class PivotLimits:
    """pivot"""

    invoices_max: int = 500
    bytes_max: int = 125_829_120


@dataclass(frozen=True, slots=True)
class ActionLimits:
    """action: of a file of actions, our own robustness caps [profile]"""

    bytes_max: int = 33_554_432  # rows_max rows of 1,600 bytes
    rows_max: int = 20_000  # ten times what the largest issuers recycle in one drop
    cell_chars_max: int = 2_000  # a comment of a page; receivers keep 255 of it
    attachments_max: int = 100  # named by one row
    recycle_days: int = 7  # a work item: no source names a delay for 04, the two others have seven days


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """intake: of the statuses that recipients send"""

    clock_tolerance_s: int = 30  # a recipient's clock may be ahead of ours by so much (LFC-014) [profile]
    comment_chars_max: int = 255  # kept of a comment (LFC-003): Pastell [one source]


@dataclass(frozen=True, slots=True)
class FindingLimits:
    """findings"""

    document_max: int = 1_000
    report_max: int = 20_000


@dataclass(frozen=True, slots=True)
class RoutingLimits:
    """routing"""

    label_similarity: Decimal = Decimal("0.85")  # RTG-014 instead of RTG-010 from here on [profile]
    suggestions_max: int = 3  # nearest labels and codes shown [profile]


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """reference_data"""

    directory_max_age_days: int = 8  # the export is weekly; older: an alert, the verdict still stands [profile]
    commitments_max_age_days: int = 7  # [profile]
    hold_max_days: int = 7  # a held invoice: after that an operator decides (design section 5) [profile]
    status_overlap_minutes: int = 60  # window of the nightly status read, to miss nothing [profile]


@dataclass(frozen=True, slots=True)
class Watch:
    """watch"""

    quarantine_max_hours: int = 4  # a member in quarantine: then FIL-007 and the report [profile]
    suspended_ack_days: int = 7  # acknowledgement of rejected and suspended: AIFE [certain]
    rejected_ack_days: int = 7  # [certain]
    validation_days: int = 15  # silence of the holder or of the agent of a group: AIFE [certain]
    moe_days: int = 7  # good practice for the project manager on A4: AIFE [certain]
    integrated_sla_minutes: int = 60  # an accepted flow that is not INTEGRE by then raises an alert [profile]
    silent_days: int = 30  # MISE_A_DISPOSITION without news: pre-filled request [profile]
    certificate_warn_days: tuple[int, ...] = (30, 14, 7, 1)  # [profile]
    technical_password_days: int = 424  # 14 months: AIFE [certain]
    technical_password_warn_days: tuple[int, ...] = (60, 30, 14, 7, 1)  # [profile]


@dataclass(frozen=True, slots=True)
class Switches:
    """switches"""

    siret_luhn: str = "warn"  # off | warn | error
    member_failure_legacy: str = "refuse-member"  # refuse-member | refuse-flow : one bad file of an archive
    member_failure_ctc: str = "refuse-flow"  # as DGFiP specification v3.1 wants [certain]
    duplicate_content: str = "refuse"  # refuse | warn : same bytes under another name
    strict_extension: bool = False  # refuse a name that keeps .xml / .tar.gz / .pdf
    stylesheet_required: str = "warn"  # warn | error : E1 without style sheet
    state_commitment_regex: str = "^[0-9]{10}$"  # convention, never an error [profile]
    accept_creditnote_root: bool = True  # UBL CreditNote root on FSO1100A / 1110A / 113x [inferred]
    authorised_issuers: str = "enforce"  # enforce | warn | off
    # off | warn | error : once a supplier table is loaded; a declared deposit right counts as known
    supplier_must_exist: str = "warn"
    report_warnings: bool = True  # false: this partner's reports list no warning
    api_deposit: str = "off"  # optional later


@dataclass(frozen=True, slots=True)
class Lists:
    """lists"""

    # Annexe 7 v1.8 G1.24 [certain]
    vat_rates: tuple[Decimal, ...] = (
        Decimal("0"),
        Decimal("10"),
        Decimal("13"),
        Decimal("20"),
        Decimal("8.5"),
        Decimal("19.6"),
        Decimal("2.1"),
        Decimal("5.5"),
        Decimal("7"),
        Decimal("20.6"),
        Decimal("1.05"),
        Decimal("0.9"),
        Decimal("1.75"),
        Decimal("9.2"),
        Decimal("9.6"),
    )
    # FIL-006 outside; FIL-005 warns on all but the first [profile]
    encodings: tuple[str, ...] = ("UTF-8", "UTF-16", "ISO-8859-1", "ISO-8859-15", "windows-1252")
    # BT-8, UNTDID 2005, beside the three AIFE texts of 03-mapping section 7 [certain]
    vat_due_codes_ubl: tuple[str, ...] = ("3", "35", "432")
    vat_due_codes_cii: tuple[str, ...] = ("5", "29", "72")  # BT-8, UNTDID 2475 [certain]
    # EDI annex V4.20 S2.05 (CII, Factur-X) [one source]
    payment_codes: tuple[str, ...] = ("01", "10", "20", "30", "31", "42", "48", "49", "58", "59", "97")
    # the same, and the labels of the FSO1100A style sheet [inferred]
    payment_codes_ubl: tuple[str, ...] = (
        "01",
        "10",
        "20",
        "30",
        "31",
        "42",
        "48",
        "49",
        "50",
        "57",
        "58",
        "59",
        "93",
        "97",
    )
    # CPPFactureMixte [inferred]
    payment_codes_mixed: tuple[str, ...] = ("01", "10", "20", "30", "31", "42", "48", "49", "97")
    # CPPFacturePivot V2_02 [certain]
    payment_codes_pivot: tuple[str, ...] = ("10", "20", "30", "31", "42", "48", "49", "97")


LEGACY = "legacy-edi"
CTC = "ctc-b2g"
PROFILES = (LEGACY, CTC)
ROLES = ("recipient", "accountant")

# Official packs and what goes with them: error, warning or off, per connection, for documents that claim those rules.
POLICIES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        LEGACY: MappingProxyType({"facturx": "error", "en16931": "error", "pdfa": "warning", "br-fr": "off"}),
        CTC: MappingProxyType({"facturx": "error", "en16931": "error", "pdfa": "error", "br-fr": "error"}),
    }
)
POLICY_LEVELS = ("error", "warning", "off")


@dataclass(frozen=True, slots=True)
class Terms:
    """All that decides how a document is judged, besides its bytes and the reference data."""

    profile: str = LEGACY
    policies: Mapping[str, str] = field(default_factory=dict)  # of the connection, over the defaults of the profile
    severities: Mapping[str, str] = field(default_factory=dict)  # rule id -> severity, of this installation
    shown_packs: tuple[str, ...] = ()  # packs that `check --with` asks for besides, shown as information
    is_scanned: bool = False  # an antivirus is configured: what is taken out of a file is handed to it
    roles: tuple[str, ...] = ROLES  # of the connection: which statuses it may set
    maps_recipients: bool = False  # the connection has labels and aliases of its own put in place of what is written
    flow: FlowLimits = FlowLimits()
    drop: DropLimits = DropLimits()
    archive: ArchiveLimits = ArchiveLimits()
    xml: XmlLimits = XmlLimits()
    attachment: AttachmentLimits = AttachmentLimits()
    legacy: LegacyLimits = LegacyLimits()
    ctc: CtcLimits = CtcLimits()
    work: WorkLimits = WorkLimits()
    pivot: PivotLimits = PivotLimits()
    action: ActionLimits = ActionLimits()
    intake: IntakeLimits = IntakeLimits()
    findings: FindingLimits = FindingLimits()
    routing: RoutingLimits = RoutingLimits()
    reference_data: ReferenceData = ReferenceData()
    watch: Watch = Watch()
    switches: Switches = Switches()
    lists: Lists = Lists()

    def policy(self, name: str) -> str:
        """The level of a pack policy for this connection: error, warning or off."""
        return self.policies.get(name) or POLICIES[self.profile][name]

    def severity(self, code: Code) -> Severity | None:
        """How hard a rule bites here, or None where it is not applied.

        An override of this installation decides first, then the pack policy of the connection, then the profile.
        """
        override = self.severities.get(code.id)
        if override is None and code.policy:
            override = self.policy(code.policy)
        level = override if override is not None else (code.legacy if self.profile == LEGACY else code.ctc)
        return None if level in {"off", "-", "fault"} else Severity(level)
