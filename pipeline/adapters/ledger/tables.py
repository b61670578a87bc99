"""The tables of the ledger, the same on SQLite and PostgreSQL.

Texts compare in byte order, moments are ISO texts in UTC with microseconds, days are ISO texts, file names are bytes.
Money stands twice: the exact text, and an integer in millionths for sums; a total that does not fit has NULL there.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    literal_column,
    or_,
)
from sqlalchemy.types import TypeEngine

BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
BIG = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER PRIMARY KEY gives SQLite its own row ids

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, default: str | None = "", *, primary_key: bool = False) -> "Column[Any]":
    return Column(name, BYTEWISE, nullable=default is None, server_default=default, primary_key=primary_key)


def _count(name: str, kind: "TypeEngine[Any] | None" = None) -> "Column[Any]":
    return Column(name, kind or Integer, nullable=False, server_default="0")


def _deposit() -> "Column[Any]":
    return Column("deposit_id", BIG, ForeignKey("deposits.id"), nullable=False)


def _audited() -> "Column[Any]":
    """The row of the partner's audit chain that covers this one; 0: what was there when the chain began."""
    return _count("audited", BIG)


# --- who -------------------------------------------------------------------------------------------------------------

partners = Table(
    "partners",
    metadata,
    Column("code", BYTEWISE, primary_key=True),
    _text("name"),
    _text("profile"),
    _text("flows"),  # JSON list; empty: every open code
    _text("policies"),  # JSON object
    _count("report_warnings"),
    _text("roles"),
    _text("lang"),
    _text("until", None),
    _text("quota"),  # JSON object; empty: that of the settings
    _count("maps_recipients"),  # its labels and aliases are applied before routing
)
deposit_rights = Table(
    "deposit_rights",
    metadata,
    _text("partner"),
    _text("type"),
    _text("identifier"),
    _text("start", None),
    _text("end", None),
    Index("ix_deposit_rights_partner", "partner"),
)
receives = Table(
    "receives",
    metadata,
    _text("siret"),
    _text("service"),  # empty: every service of that SIRET
    _text("partner"),
    PrimaryKeyConstraint("siret", "service"),
)

# --- what came -------------------------------------------------------------------------------------------------------

deposits = Table(
    "deposits",
    metadata,
    Column("id", BIG, primary_key=True),
    _text("partner"),
    _text("claim"),  # the key under which the file was claimed: natural, kept for ever
    Column("name_bytes", LargeBinary, nullable=False),
    _text("name"),  # the same, shown: bytes that are no UTF-8 as \xNN
    _text("sha256"),
    _count("size_bytes", BigInteger()),
    _count("is_kept"),  # its bytes are in the object store
    _text("received_at"),
    _text("received_day"),  # in Paris
    _text("state"),  # received, repeated, quarantined, or the state of the flow once judged
    _text("settled"),  # JSON: findings that the registration made (FLW-005 to 007, 012, 013)
    Column("first_id", BIG, ForeignKey("deposits.id"), nullable=True),  # of a double: the deposit it doubles
    _text("fault"),  # JSON: why it waits, one sentence in both languages; empty when it does not
    _text("faulted_by"),  # the turn that met it: not due again before the next one
    _count("again"),  # held, and due to be judged again
    _count("attempt"),
    Column("lot_id", BIG, nullable=True),
    _audited(),
    UniqueConstraint("partner", "claim"),
    Index("ix_deposits_name", "partner", "name_bytes"),
    Index("ix_deposits_sha256", "partner", "sha256"),
    Index("ix_deposits_state", "state"),
    Index("ix_deposits_day", "received_day", "id"),  # the first and the last deposit of a day are looked up
    Index("ix_deposits_received", "partner", "received_at"),
)
# What is due, written with literals: a planner takes a partial index only where it reads that the query implies it.
DUE = or_(deposits.c.state == literal_column("'received'"), deposits.c.again == literal_column("1"))
Index("ix_deposits_due", deposits.c.partner, deposits.c.id, sqlite_where=DUE, postgresql_where=DUE)
Index(  # only what is in a lot: an index over NULLs would tempt the planner to read every answered deposit
    "ix_deposits_lot", deposits.c.lot_id,
    sqlite_where=deposits.c.lot_id.is_not(None), postgresql_where=deposits.c.lot_id.is_not(None),
)  # fmt: skip
# A flow is the deposit that holds its name, and its bytes while it is in progress or has something in it.
flows = Table(
    "flows",
    metadata,
    Column("deposit_id", BIG, ForeignKey("deposits.id"), primary_key=True),
    _text("partner"),
    Column("name_bytes", LargeBinary, nullable=False),
    _text("sha256"),
    _count("holds_name"),
    _count("holds_bytes"),
)
HOLDS_NAME = flows.c.holds_name == literal_column("1")
HOLDS_BYTES = flows.c.holds_bytes == literal_column("1")
Index("uq_flows_name", flows.c.partner, flows.c.name_bytes, unique=True,
      sqlite_where=HOLDS_NAME, postgresql_where=HOLDS_NAME)  # fmt: skip
Index("uq_flows_bytes", flows.c.partner, flows.c.sha256, unique=True,
      sqlite_where=HOLDS_BYTES, postgresql_where=HOLDS_BYTES)  # fmt: skip

# --- what we said ----------------------------------------------------------------------------------------------------

verdicts = Table(
    "verdicts",
    metadata,
    Column("deposit_id", BIG, ForeignKey("deposits.id"), primary_key=True),
    _text("interface"),
    _text("announced"),
    _text("state"),  # as reported, never changed; deposits.state follows what is decided later
    _text("snapshot"),
    _text("snapshot_day", None),
    _text("packs"),  # JSON
    _text("not_judged"),  # JSON
    _text("members"),  # JSON
    _count("members_refused"),
    _text("declared"),  # JSON, per currency: how many invoices were read and their total, before anything was decided
    _count("expanded_bytes", BigInteger()),
    _text("rejects_file"),  # the daily file that told a refused flow or file; - where there is nothing to tell
    _audited(),  # its invoices and their first findings as well
    Index("ix_verdicts_rejects_file", "rejects_file"),
)
invoices = Table(
    "invoices",
    metadata,
    _deposit(),
    _count("rank"),
    _text("partner"),
    _text("received_day"),
    _text("member"),
    _text("number"),
    _text("type"),
    _text("issued", None),
    _text("framework"),
    _text("supplier_type"),
    _text("supplier"),
    _text("supplier_name"),
    _text("recipient"),
    _text("recipient_name"),
    _text("service"),
    _text("commitment"),
    _text("currency"),
    _text("total"),
    Column("total_millionths", BigInteger, nullable=True),  # negative for a credit note: it is subtracted
    _text("outcome"),
    _text("receiver"),  # who gets its pivot
    _count("judgement"),  # 1, then one more each time a pending invoice is judged again
    _text("pending_since", None),
    _text("rejects_file"),  # the daily file that told its refusal
    _count("decided", BIG),  # of a pending one that was decided later: the audit row that covers it
    # where it stands now; a function of its transitions and routings, which `verify` compares
    _text("status"),  # two digits; empty: it never entered
    _text("status_at"),
    _count("routing"),  # ordinal of its row in `routings`; 0: as it was deposited
    PrimaryKeyConstraint("deposit_id", "rank"),
    Index("ix_invoices_number", "number", "supplier"),
    Index("ix_invoices_outcome", "outcome", "rejects_file", "received_day"),
    # for `search`, newest deposit first: the last two columns give that order, where many invoices share the first
    Index("ix_invoices_supplier", "supplier", "deposit_id", "rank"),
    Index("ix_invoices_recipient", "recipient", "deposit_id", "rank"),
    Index("ix_invoices_issued", "issued", "total_millionths"),
)
Index("ix_invoices_status", invoices.c.status, func.substr(invoices.c.status_at, literal_column("1"),
      literal_column("10")))  # fmt: skip
for _column in (invoices.c.service, invoices.c.commitment):
    _given = _column != literal_column("''")
    Index(f"ix_invoices_{_column.name}", _column, sqlite_where=_given, postgresql_where=_given)
TO_DO = invoices.c.status.in_([literal_column(f"'{status}'") for status in ("04", "05", "06")])
for _name, _first in (("todo", ()), ("todo_partner", (invoices.c.partner,))):  # the work list, what is due first on top
    Index(f"ix_invoices_{_name}", *_first, invoices.c.status_at, invoices.c.deposit_id, invoices.c.rank,
          sqlite_where=TO_DO, postgresql_where=TO_DO)  # fmt: skip
number_claims = Table(
    "number_claims",
    metadata,
    _text("scope"),
    _text("supplier_type"),
    _text("supplier"),
    _text("number"),
    _count("year"),
    _deposit(),
    _count("rank"),
    PrimaryKeyConstraint("supplier", "number", "year", "supplier_type", "scope"),
    Index("ix_number_claims_deposit", "deposit_id", "rank"),
    Index("ix_number_claims_number", "number"),
)
findings = Table(
    "findings",
    metadata,
    _deposit(),
    _count("rank"),  # 0: on the flow or one of its files
    _count("judgement"),
    _count("position"),
    _text("rule"),
    _text("code"),
    _text("severity"),
    _text("pack"),
    _text("member"),
    _text("at"),
    _text("path"),
    _count("line"),
    _count("column"),
    _text("value"),
    _text("facts"),  # JSON
    PrimaryKeyConstraint("deposit_id", "rank", "judgement", "position"),
    Index("ix_findings_rule", "rule", "deposit_id", "rank"),
)
transitions = Table(  # append-only: a correction is a new row
    "transitions",
    metadata,
    _deposit(),
    _count("rank"),
    _count("sequence"),
    _text("status"),
    _text("at"),
    _text("comment"),
    _text("set_by"),
    _text("batch"),  # name of the lifecycle return that told it
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank", "sequence"),
)
decisions = Table(  # an operator's word on what was held or set apart
    "decisions",
    metadata,
    _deposit(),
    _count("rank"),  # 0: the deposit itself (quarantine)
    _text("choice"),
    _text("operator"),
    _text("reason"),
    _text("at"),
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank"),
)

# --- what became of it -----------------------------------------------------------------------------------------------

changes = Table(  # what brought a transition after integration, and the lifecycle return that told its issuer of it
    "changes",
    metadata,
    _deposit(),
    _count("rank"),
    _count("sequence"),
    _text("issuer"),  # the partner who hears of it
    _count("source_id", BIG),  # the deposit of the file that asked for it; 0: a command
    _count("source_rank"),  # its row there
    _text("reason"),  # a code of the list of reasons
    _text("mandate"),  # of 08
    _text("producer"),  # application code of who asked
    _text("operator"),  # of a command
    _text("batch"),  # name of the lifecycle return that told it; empty until then
    _audited(),
    _count("told", BIG),  # the audit row that covers the telling
    PrimaryKeyConstraint("deposit_id", "rank", "sequence"),
    Index("ix_changes_source", "source_id", "source_rank"),
    Index("ix_changes_batch", "batch"),
)
UNTOLD = changes.c.told == literal_column("0")  # in no return, or in one whose file is not in line yet
Index("ix_changes_untold", changes.c.issuer, sqlite_where=UNTOLD, postgresql_where=UNTOLD)
routings = Table(  # where a recycled payment request goes now
    "routings",
    metadata,
    _deposit(),
    _count("rank"),
    _count("ordinal"),
    _count("sequence"),  # of the transition (01) that it came with
    _text("recipient"),
    _text("recipient_name"),
    _text("service"),
    _text("commitment"),
    _text("receiver"),
    _text("snapshot"),  # of the directory that it was checked with
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank", "ordinal"),
    Index("ix_routings_recipient", "recipient"),
)
events = Table(  # statuses without a published label: kept as they came, shown, never where it stands
    "events",
    metadata,
    _deposit(),
    _count("rank"),
    _count("ordinal"),
    _text("code"),
    _text("at"),
    _text("comment"),
    _count("source_id", BIG),
    _count("source_rank"),
    _text("producer"),
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank", "ordinal"),
)
additions = Table(  # what an issuer added to a suspended invoice; the bytes are kept under its application code
    "additions",
    metadata,
    _deposit(),
    _count("rank"),
    _count("sequence"),  # of the transition (12) that it came with
    _count("position"),
    _text("name"),
    _text("mime"),
    _text("sha256"),
    _count("size_bytes", BigInteger()),
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank", "sequence", "position"),
)
handled = Table(  # rejected invoices that their issuer has dealt with, and what took their place
    "handled",
    metadata,
    _deposit(),
    _count("rank"),
    _text("at"),
    _text("reason"),
    _text("comment"),
    _count("credit_id", BIG),  # the credit note: its deposit and rank; 0: none
    _count("credit_rank"),
    _count("corrective_id", BIG),  # the new invoice; 0: none
    _count("corrective_rank"),
    _count("source_id", BIG),
    _count("source_rank"),
    _text("operator"),
    _audited(),
    PrimaryKeyConstraint("deposit_id", "rank"),
    Index("ix_handled_credit", "credit_id", "credit_rank"),
    Index("ix_handled_corrective", "corrective_id", "corrective_rank"),
)
intakes = Table(  # a file that holds no invoices: what became of its rows
    "intakes",
    metadata,
    Column("deposit_id", BIG, ForeignKey("deposits.id"), primary_key=True),
    _text("lane"),  # statuses, actions, control
    _count("read"),  # = applied + repeated + kept + refused
    _count("applied"),
    _count("repeated"),  # had been applied already
    _count("kept"),  # as events
    _count("refused"),
    _audited(),
)
controls = Table(  # what an issuer says that it dropped
    "controls",
    metadata,
    _deposit(),  # of the control file
    _count("position"),
    _text("flow"),
    _text("sha256"),
    _count("invoices"),
    _text("total"),
    Column("total_millionths", BigInteger, nullable=True),
    _text("currency"),
    _audited(),
    PrimaryKeyConstraint("deposit_id", "position"),
    Index("ix_controls_flow", "flow"),
)

# --- what we send ----------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _text("place"),  # drop/<code>/out or recipients/<code>/out
    _text("name"),
    _text("kind"),
    _text("owner"),  # application code under which the bytes are stored, and whose folder it is
    Column("deposit_id", BIG, ForeignKey("deposits.id"), nullable=True),
    _text("sha256"),
    _count("size_bytes", BigInteger()),
    _text("state"),  # ready, uploaded, sent
    Column("lot_id", BIG, nullable=True),
    _audited(),
    PrimaryKeyConstraint("place", "name"),
    Index("ix_outbox_deposit", "deposit_id", "kind"),
    Index("ix_outbox_lot", "lot_id", "state"),
    Index("ix_outbox_state", "state"),
)
reject_days = Table(
    "reject_days",
    metadata,
    _text("partner"),
    _text("supplier"),
    _text("day"),
    _count("ordinal"),
    _text("name"),
    _count("invoices"),
    _audited(),
    PrimaryKeyConstraint("partner", "supplier", "day", "ordinal"),
)

# --- reference data --------------------------------------------------------------------------------------------------

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", BIG, primary_key=True),
    _text("kind"),  # directory, commitments
    _text("name"),
    _text("day"),
    _text("imported_at"),
    _count("has_suppliers"),
    Index("ix_snapshots_day", "kind", "day"),
    Index("uq_snapshots_name", "kind", "name", unique=True),
)
structures = Table(
    "structures",
    metadata,
    Column("snapshot_id", BIG, ForeignKey("snapshots.id"), nullable=False),
    _text("siret"),
    _count("identifier_type"),
    _text("name"),
    _count("is_active"),
    _count("requires_service"),
    _count("requires_commitment"),
    _count("requires_service_or_commitment"),
    _count("is_moa"),
    _count("is_moa_only"),
    _count("returns_payment_status"),
    _text("successor"),
    _text("inactive_since", None),
    PrimaryKeyConstraint("snapshot_id", "siret"),
    sqlite_with_rowid=False,
)
services = Table(
    "services",
    metadata,
    Column("snapshot_id", BIG, ForeignKey("snapshots.id"), nullable=False),
    _text("siret"),
    _text("code"),
    _text("label"),
    _count("is_active"),
    _text("valid_from", None),
    _text("valid_to", None),
    _count("requires_commitment"),
    _count("position"),
    PrimaryKeyConstraint("snapshot_id", "siret", "position"),
    sqlite_with_rowid=False,
)
suppliers = Table(
    "suppliers",
    metadata,
    Column("snapshot_id", BIG, ForeignKey("snapshots.id"), nullable=False),
    _text("type"),
    _text("identifier"),
    _text("name"),
    _count("is_active"),
    PrimaryKeyConstraint("snapshot_id", "identifier", "type"),
    sqlite_with_rowid=False,
)
commitments = Table(
    "commitments",
    metadata,
    Column("snapshot_id", BIG, ForeignKey("snapshots.id"), nullable=False),
    _text("number"),
    _text("service"),
    _text("structure"),
    _text("supplier"),
    _text("state"),
    _text("opened", None),
    _text("closed", None),
    PrimaryKeyConstraint("snapshot_id", "number"),
    sqlite_with_rowid=False,
)
labels = Table(  # what an issuer calls the services of a recipient
    "labels",
    metadata,
    _text("partner"),
    _text("siret"),
    _text("label"),  # plain: without accents, case, punctuation
    _text("written"),  # as it was given
    _text("code"),
    PrimaryKeyConstraint("partner", "siret", "label"),
)
aliases = Table(  # what an issuer calls a recipient
    "aliases",
    metadata,
    _text("partner"),
    _text("alias"),
    _text("written"),
    _text("siret"),
    PrimaryKeyConstraint("partner", "alias"),
)
declared = Table(  # what an operator declared: commitments unavailable, since when
    "declared",
    metadata,
    Column("subject", BYTEWISE, primary_key=True),
    _text("value"),
    _text("at"),
)

# --- what operations did and were told --------------------------------------------------------------------------------

shadows = Table(  # what an answered deposit would be told today: for people, never sent
    "shadows",
    metadata,
    _deposit(),
    _count("ordinal"),
    _text("at"),
    _text("operator"),
    _text("verdict"),  # JSON, as `run --format json` prints it
    _text("difference"),  # JSON: what changed against what was told
    _audited(),
    PrimaryKeyConstraint("deposit_id", "ordinal"),
)
operations = Table(  # what an operator did with a deposit besides deciding on it
    "operations",
    metadata,
    _deposit(),
    _count("ordinal"),
    _text("what"),  # reprocess, submit
    _text("operator"),
    _text("at"),
    _text("detail"),  # JSON: how it stood, where its bytes came from
    _audited(),
    PrimaryKeyConstraint("deposit_id", "ordinal"),
)
purged = Table(  # objects whose retention is over: the ledger keeps their digests, the store no longer their bytes
    "purged",
    metadata,
    _text("owner"),
    _text("sha256"),
    _text("at"),
    PrimaryKeyConstraint("owner", "sha256"),
)
alerts = Table(  # what the notifier was told, so that it is told once
    "alerts",
    metadata,
    _text("name"),  # the alert, as its runbook is called
    _text("subject"),  # what it is about
    _text("step"),  # how far it has come: days left, a moment, a run
    _text("at"),
    PrimaryKeyConstraint("name", "subject", "step"),
)

# --- the machinery of work: may differ between two runs of the same drops ---------------------------------------------

lots = Table(
    "lots",
    metadata,
    Column("id", BIG, primary_key=True),
    _text("partner"),
    _text("kind"),  # judge, deliver, daily, receive, tell
    _text("state"),  # claimed, done
    _count("attempt"),  # the fencing token
    Column("lease_until", BigInteger, nullable=False),  # milliseconds of machine time: no identity hangs on it
    _text("claimed_by"),
    Index("ix_lots_state", "state", "lease_until"),
    Index("ix_lots_partner", "partner", "id"),
)
ALONE = and_(  # work that one worker at a time may do, for one partner
    lots.c.state == literal_column("'claimed'"),
    lots.c.kind.in_([literal_column("'daily'"), literal_column("'receive'"), literal_column("'tell'")]),
)
Index("uq_lots_alone", lots.c.kind, lots.c.partner, unique=True, sqlite_where=ALONE, postgresql_where=ALONE)
audit = Table(  # append-only, chained by hash: `pipeline.audit` says what a row covers, in which bytes
    "audit",
    metadata,
    _text("partner"),
    _count("sequence", BIG),  # 0: the beginning of the chain
    _text("kind"),
    _text("at"),
    _count("lot", BIG),  # 0: not the work of a lot
    _count("attempt"),
    _count("records", BIG),  # how many rows of other tables it covers
    _text("digest"),
    _text("detail"),  # JSON: what no other table keeps
    _text("result"),  # SHA-256 of the object that the unit left in the store
    _text("previous"),
    _text("hash"),
    PrimaryKeyConstraint("partner", "sequence"),
)
audit_heads = Table(  # where each chain ends: whoever appends holds this row
    "audit_heads",
    metadata,
    Column("partner", BYTEWISE, primary_key=True),
    _count("sequence", BIG),
    _text("hash"),
    _text("kept_day"),  # in Paris: the day on which a head of it went into the store
    _count("kept_sequence", BIG),
)

HEAD = "0005"  # the newest migration; a test compares it with the scripts
