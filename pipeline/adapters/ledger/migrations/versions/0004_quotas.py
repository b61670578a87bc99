"""Quotas: what the sheet of a partner allows, and an index that counts what came within the hour.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("partners", sa.Column("quota", TEXT, server_default="", nullable=False))
    op.create_index("ix_deposits_received", "deposits", ["partner", "received_at"])
