"""The audit chain covers all that was decided and said; it begins here, with a row per partner for what was there.

Revision ID: 0003
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from pipeline.adapters.ledger import audit

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # compared in byte order on both engines
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COVERED = ("deposits", "verdicts", "decisions", "outbox", "reject_days", "shadows", "operations")
THERE = (*COVERED, "invoices", "decided", "findings", "transitions")  # what a chain covers that begins here


def text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, server_default="", nullable=False)


def big(name: str) -> "sa.Column[int]":
    return sa.Column(name, BIG, server_default="0", nullable=False)


def upgrade() -> None:
    db = op.get_bind()
    earlier = _earlier(db)
    op.drop_table("audit")
    op.create_table(
        "audit",
        text("partner"),
        big("sequence"),
        text("kind"),
        text("at"),
        big("lot"),
        sa.Column("attempt", sa.Integer, server_default="0", nullable=False),
        big("records"),
        text("digest"),
        text("detail"),
        text("result"),
        text("previous"),
        text("hash"),
        sa.PrimaryKeyConstraint("partner", "sequence", name=op.f("pk_audit")),
    )
    op.create_table(
        "audit_heads",
        sa.Column("partner", TEXT, nullable=False),
        big("sequence"),
        text("hash"),
        text("kept_day"),
        big("kept_sequence"),
        sa.PrimaryKeyConstraint("partner", name=op.f("pk_audit_heads")),
    )
    for table in COVERED:
        op.add_column(table, big("audited"))
    op.add_column("invoices", big("decided"))
    if db.dialect.name == "postgresql":
        op.alter_column("transitions", "audited", type_=sa.BigInteger())
    op.execute("UPDATE transitions SET audited = 0")  # what the earlier chain covered is covered by the beginning
    audit.begin(db, datetime.now(UTC), earlier, THERE)


def _earlier(db: sa.Connection) -> dict[str, dict[str, Any]]:
    """The chains of the version before, which covered statuses only: how long, where they ended, and if they held."""
    steps = sa.text(
        'SELECT d.partner, x.audited, x.deposit_id, x."rank", x.sequence, x.status, x.at, x.comment '
        "FROM transitions x JOIN deposits d ON d.id = x.deposit_id "
        'ORDER BY d.partner, x.audited, x.deposit_id, x."rank", x.sequence'
    ).execution_options(yield_per=5_000)
    covered = groupby(db.execute(steps), key=lambda x: (x.partner, x.audited))
    at, mine = next(covered, (None, iter(())))
    told = {}
    chains = db.execute(sa.text("SELECT * FROM audit ORDER BY partner, sequence")).all()
    for partner, chain in groupby(chains, key=lambda row: str(row.partner)):
        holds, sequence, head = True, 0, ""
        for row in chain:
            here = partner, row.sequence
            while at is not None and at < here:
                at, mine = next(covered, (None, iter(())))
            transitions = [list(x[2:]) for x in mine] if at == here else []
            again = _hash_0002(partner, row.sequence, transitions, row.previous)
            holds &= row.sequence == sequence + 1 and row.previous == head and row.hash == again
            sequence, head = row.sequence, row.hash
        told[partner] = {"rows": sequence, "head": head, "holds": holds}
    return told


def _hash_0002(partner: str, sequence: int, transitions: Sequence[list[Any]], previous: str) -> str:
    told = json.dumps(sorted(transitions), ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(told.encode("utf-8", "backslashreplace")).hexdigest()
    return hashlib.sha256(f"{partner}|{sequence}|{len(transitions)}|{digest}|{previous}".encode()).hexdigest()
