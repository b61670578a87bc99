"""What the real components ask for: shadow verdicts, operations on deposits, purged objects, alerts told.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # compared in byte order on both engines
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, server_default="", nullable=False)


def upgrade() -> None:
    op.create_table(
        "shadows",
        sa.Column("deposit_id", BIG, sa.ForeignKey("deposits.id"), nullable=False),
        sa.Column("ordinal", sa.Integer, server_default="0", nullable=False),
        text("at"),
        text("operator"),
        text("verdict"),
        text("difference"),
        sa.PrimaryKeyConstraint("deposit_id", "ordinal", name=op.f("pk_shadows")),
    )
    op.create_table(
        "operations",
        sa.Column("deposit_id", BIG, sa.ForeignKey("deposits.id"), nullable=False),
        sa.Column("ordinal", sa.Integer, server_default="0", nullable=False),
        text("what"),
        text("operator"),
        text("at"),
        text("detail"),
        sa.PrimaryKeyConstraint("deposit_id", "ordinal", name=op.f("pk_operations")),
    )
    op.create_table(
        "purged",
        text("owner"),
        text("sha256"),
        text("at"),
        sa.PrimaryKeyConstraint("owner", "sha256", name=op.f("pk_purged")),
    )
    op.create_table(
        "alerts",
        text("name"),
        text("subject"),
        text("step"),
        text("at"),
        sa.PrimaryKeyConstraint("name", "subject", "step", name=op.f("pk_alerts")),
    )
    op.create_index(
        "uq_lots_alone",
        "lots",
        ["kind", "partner"],
        unique=True,
        sqlite_where=sa.text("state = 'claimed' AND kind IN ('daily', 'receive')"),
        postgresql_where=sa.text("state = 'claimed' AND kind IN ('daily', 'receive')"),
    )
    op.create_index("uq_snapshots_name", "snapshots", ["kind", "name"], unique=True)
    if op.get_bind().dialect.name == "postgresql":  # ids were chosen by us, and are the sequence's from here on
        op.execute(
            "SELECT setval(pg_get_serial_sequence('deposits', 'id'), greatest(max(id), 1), max(id) IS NOT NULL) "
            "FROM deposits"
        )
