"""The first tables: frozen as they were, whatever `tables` says later.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # compared in byte order on both engines
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, server_default="", nullable=False)


def count(name: str, kind: "type[sa.Integer]" = sa.Integer) -> "sa.Column[int]":
    return sa.Column(name, kind, server_default="0", nullable=False)


def upgrade() -> None:
    op.create_table(
        "audit",
        text("partner"),
        count("sequence"),
        count("transitions"),
        text("digest"),
        text("previous"),
        text("hash"),
        text("at"),
        sa.PrimaryKeyConstraint("partner", "sequence", name=op.f("pk_audit")),
    )
    op.create_table(
        "declared",
        sa.Column("subject", TEXT, nullable=False),
        text("value"),
        text("at"),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_declared")),
    )
    op.create_table(
        "deposit_rights",
        text("partner"),
        text("type"),
        text("identifier"),
        sa.Column("start", TEXT),
        sa.Column("end", TEXT),
    )
    op.create_index("ix_deposit_rights_partner", "deposit_rights", ["partner"], unique=False)
    op.create_table(
        "deposits",
        sa.Column("id", BIG, nullable=False),
        text("partner"),
        text("claim"),
        sa.Column("name_bytes", sa.LargeBinary(), nullable=False),
        text("name"),
        text("sha256"),
        count("size_bytes", sa.BigInteger),
        count("is_kept"),
        text("received_at"),
        text("received_day"),
        text("state"),
        text("settled"),
        sa.Column("first_id", BIG, nullable=True),
        text("fault"),
        text("faulted_by"),
        count("again"),
        count("attempt"),
        sa.Column("lot_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["first_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deposits")),
        sa.UniqueConstraint("partner", "claim", name=op.f("uq_deposits_partner_claim")),
    )
    op.create_index("ix_deposits_day", "deposits", ["received_day"], unique=False)
    op.create_index(
        "ix_deposits_due",
        "deposits",
        ["partner", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'received' OR again = 1"),
        postgresql_where=sa.text("state = 'received' OR again = 1"),
    )
    op.create_index(
        "ix_deposits_lot",
        "deposits",
        ["lot_id"],
        unique=False,
        sqlite_where=sa.text("lot_id IS NOT NULL"),
        postgresql_where=sa.text("lot_id IS NOT NULL"),
    )
    op.create_index("ix_deposits_name", "deposits", ["partner", "name_bytes"], unique=False)
    op.create_index("ix_deposits_sha256", "deposits", ["partner", "sha256"], unique=False)
    op.create_index("ix_deposits_state", "deposits", ["state"], unique=False)
    op.create_table(
        "lots",
        sa.Column("id", BIG, nullable=False),
        text("partner"),
        text("kind"),
        text("state"),
        count("attempt"),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        text("claimed_by"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
    )
    op.create_index("ix_lots_partner", "lots", ["partner", "id"], unique=False)
    op.create_index("ix_lots_state", "lots", ["state", "lease_until"], unique=False)
    op.create_table(
        "partners",
        sa.Column("code", TEXT, nullable=False),
        text("name"),
        text("profile"),
        text("flows"),
        text("policies"),
        count("report_warnings"),
        text("roles"),
        text("lang"),
        sa.Column("until", TEXT),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_partners")),
    )
    op.create_table(
        "receives",
        text("siret"),
        text("service"),
        text("partner"),
        sa.PrimaryKeyConstraint("siret", "service", name=op.f("pk_receives")),
    )
    op.create_table(
        "reject_days",
        text("partner"),
        text("supplier"),
        text("day"),
        count("ordinal"),
        text("name"),
        count("invoices"),
        sa.PrimaryKeyConstraint("partner", "supplier", "day", "ordinal", name=op.f("pk_reject_days")),
    )
    op.create_table(
        "snapshots",
        sa.Column("id", BIG, nullable=False),
        text("kind"),
        text("name"),
        text("day"),
        text("imported_at"),
        count("has_suppliers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshots")),
    )
    op.create_index("ix_snapshots_day", "snapshots", ["kind", "day"], unique=False)
    op.create_table(
        "commitments",
        sa.Column("snapshot_id", BIG, nullable=False),
        text("number"),
        text("service"),
        text("structure"),
        text("supplier"),
        text("state"),
        sa.Column("opened", TEXT),
        sa.Column("closed", TEXT),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "number", name=op.f("pk_commitments")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "decisions",
        sa.Column("deposit_id", BIG, nullable=False),
        count("rank"),
        text("choice"),
        text("operator"),
        text("reason"),
        text("at"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", "rank", name=op.f("pk_decisions")),
    )
    op.create_table(
        "findings",
        sa.Column("deposit_id", BIG, nullable=False),
        count("rank"),
        count("judgement"),
        count("position"),
        text("rule"),
        text("code"),
        text("severity"),
        text("pack"),
        text("member"),
        text("at"),
        text("path"),
        count("line"),
        count("column"),
        text("value"),
        text("facts"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", "rank", "judgement", "position", name=op.f("pk_findings")),
    )
    op.create_table(
        "flows",
        sa.Column("deposit_id", BIG, nullable=False),
        text("partner"),
        sa.Column("name_bytes", sa.LargeBinary(), nullable=False),
        text("sha256"),
        count("holds_name"),
        count("holds_bytes"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", name=op.f("pk_flows")),
    )
    op.create_index(
        "uq_flows_bytes",
        "flows",
        ["partner", "sha256"],
        unique=True,
        sqlite_where=sa.text("holds_bytes = 1"),
        postgresql_where=sa.text("holds_bytes = 1"),
    )
    op.create_index(
        "uq_flows_name",
        "flows",
        ["partner", "name_bytes"],
        unique=True,
        sqlite_where=sa.text("holds_name = 1"),
        postgresql_where=sa.text("holds_name = 1"),
    )
    op.create_table(
        "invoices",
        sa.Column("deposit_id", BIG, nullable=False),
        count("rank"),
        text("partner"),
        text("received_day"),
        text("member"),
        text("number"),
        text("type"),
        sa.Column("issued", TEXT),
        text("framework"),
        text("supplier_type"),
        text("supplier"),
        text("supplier_name"),
        text("recipient"),
        text("recipient_name"),
        text("service"),
        text("commitment"),
        text("currency"),
        text("total"),
        sa.Column("total_millionths", sa.BigInteger(), nullable=True),
        text("outcome"),
        text("receiver"),
        count("judgement"),
        sa.Column("pending_since", TEXT),
        text("rejects_file"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", "rank", name=op.f("pk_invoices")),
    )
    op.create_index("ix_invoices_number", "invoices", ["number", "supplier"], unique=False)
    op.create_index("ix_invoices_outcome", "invoices", ["outcome", "rejects_file", "received_day"], unique=False)
    op.create_table(
        "number_claims",
        text("scope"),
        text("supplier_type"),
        text("supplier"),
        text("number"),
        count("year"),
        sa.Column("deposit_id", BIG, nullable=False),
        count("rank"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("supplier", "number", "year", "supplier_type", "scope", name=op.f("pk_number_claims")),
    )
    op.create_index("ix_number_claims_deposit", "number_claims", ["deposit_id", "rank"], unique=False)
    op.create_index("ix_number_claims_number", "number_claims", ["number"], unique=False)
    op.create_table(
        "outbox",
        text("place"),
        text("name"),
        text("kind"),
        text("owner"),
        sa.Column("deposit_id", BIG, nullable=True),
        text("sha256"),
        count("size_bytes", sa.BigInteger),
        text("state"),
        sa.Column("lot_id", BIG, nullable=True),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("place", "name", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_deposit", "outbox", ["deposit_id", "kind"], unique=False)
    op.create_index("ix_outbox_lot", "outbox", ["lot_id", "state"], unique=False)
    op.create_index("ix_outbox_state", "outbox", ["state"], unique=False)
    op.create_table(
        "services",
        sa.Column("snapshot_id", BIG, nullable=False),
        text("siret"),
        text("code"),
        text("label"),
        count("is_active"),
        sa.Column("valid_from", TEXT),
        sa.Column("valid_to", TEXT),
        count("requires_commitment"),
        count("position"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "siret", "position", name=op.f("pk_services")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "structures",
        sa.Column("snapshot_id", BIG, nullable=False),
        text("siret"),
        count("identifier_type"),
        text("name"),
        count("is_active"),
        count("requires_service"),
        count("requires_commitment"),
        count("requires_service_or_commitment"),
        count("is_moa"),
        count("is_moa_only"),
        count("returns_payment_status"),
        text("successor"),
        sa.Column("inactive_since", TEXT),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "siret", name=op.f("pk_structures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppliers",
        sa.Column("snapshot_id", BIG, nullable=False),
        text("type"),
        text("identifier"),
        text("name"),
        count("is_active"),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["snapshots.id"],
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "identifier", "type", name=op.f("pk_suppliers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "transitions",
        sa.Column("deposit_id", BIG, nullable=False),
        count("rank"),
        count("sequence"),
        text("status"),
        text("at"),
        text("comment"),
        text("set_by"),
        text("batch"),
        count("audited"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", "rank", "sequence", name=op.f("pk_transitions")),
    )
    op.create_table(
        "verdicts",
        sa.Column("deposit_id", BIG, nullable=False),
        text("interface"),
        text("announced"),
        text("state"),
        text("snapshot"),
        sa.Column("snapshot_day", TEXT),
        text("packs"),
        text("not_judged"),
        text("members"),
        count("members_refused"),
        text("declared"),
        count("expanded_bytes", sa.BigInteger),
        text("rejects_file"),
        sa.ForeignKeyConstraint(
            ["deposit_id"],
            ["deposits.id"],
        ),
        sa.PrimaryKeyConstraint("deposit_id", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_rejects_file", "verdicts", ["rejects_file"], unique=False)
