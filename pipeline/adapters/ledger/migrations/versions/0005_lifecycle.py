"""What becomes of an invoice after integration: changes of status by others, new routings, what its issuer did.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")  # compared in byte order on both engines
BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def text(name: str) -> "sa.Column[str]":
    return sa.Column(name, TEXT, server_default="", nullable=False)


def count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer, server_default="0", nullable=False)


def big(name: str) -> "sa.Column[int]":
    return sa.Column(name, BIG, server_default="0", nullable=False)


def deposit() -> "sa.Column[int]":
    return sa.Column("deposit_id", BIG, nullable=False)


def of_deposit(table: str, *columns: "sa.Column[str] | sa.Column[int]", key: tuple[str, ...]) -> None:
    op.create_table(
        table,
        deposit(),
        *columns,
        sa.ForeignKeyConstraint(["deposit_id"], ["deposits.id"], name=op.f(f"fk_{table}_deposit_id")),
        sa.PrimaryKeyConstraint("deposit_id", *key, name=op.f(f"pk_{table}")),
    )


def upgrade() -> None:
    op.add_column("partners", count("maps_recipients"))
    _tell_alone()
    for column in (text("status"), text("status_at"), count("routing")):
        op.add_column("invoices", column)
    _stand_where_they_came_to()
    _found_by_search()
    _listed_as_work()
    untold = sa.text("told = 0")
    of_deposit(
        "changes", count("rank"), count("sequence"), text("issuer"), big("source_id"), count("source_rank"),
        text("reason"), text("mandate"), text("producer"), text("operator"), text("batch"), big("audited"),
        big("told"), key=("rank", "sequence"),
    )  # fmt: skip
    op.create_index("ix_changes_source", "changes", ["source_id", "source_rank"])
    op.create_index("ix_changes_batch", "changes", ["batch"])
    op.create_index("ix_changes_untold", "changes", ["issuer"], sqlite_where=untold, postgresql_where=untold)
    of_deposit(
        "routings", count("rank"), count("ordinal"), count("sequence"), text("recipient"), text("recipient_name"),
        text("service"), text("commitment"), text("receiver"), text("snapshot"), big("audited"),
        key=("rank", "ordinal"),
    )  # fmt: skip
    op.create_index("ix_routings_recipient", "routings", ["recipient"])
    of_deposit(
        "events", count("rank"), count("ordinal"), text("code"), text("at"), text("comment"), big("source_id"),
        count("source_rank"), text("producer"), big("audited"), key=("rank", "ordinal"),
    )  # fmt: skip
    of_deposit(
        "additions", count("rank"), count("sequence"), count("position"), text("name"), text("mime"), text("sha256"),
        sa.Column("size_bytes", sa.BigInteger, server_default="0", nullable=False), big("audited"),
        key=("rank", "sequence", "position"),
    )  # fmt: skip
    of_deposit(
        "handled", count("rank"), text("at"), text("reason"), text("comment"), big("credit_id"), count("credit_rank"),
        big("corrective_id"), count("corrective_rank"), big("source_id"), count("source_rank"), text("operator"),
        big("audited"), key=("rank",),
    )  # fmt: skip
    op.create_index("ix_handled_credit", "handled", ["credit_id", "credit_rank"])
    op.create_index("ix_handled_corrective", "handled", ["corrective_id", "corrective_rank"])
    of_deposit(
        "intakes", text("lane"), count("read"), count("applied"), count("repeated"), count("kept"), count("refused"),
        big("audited"), key=(),
    )  # fmt: skip
    of_deposit(
        "controls", count("position"), text("flow"), text("sha256"), count("invoices"), text("total"),
        sa.Column("total_millionths", sa.BigInteger, nullable=True), text("currency"), big("audited"),
        key=("position",),
    )  # fmt: skip
    op.create_index("ix_controls_flow", "controls", ["flow"])
    op.create_table(
        "labels", text("partner"), text("siret"), text("label"), text("written"), text("code"),
        sa.PrimaryKeyConstraint("partner", "siret", "label", name=op.f("pk_labels")),
    )  # fmt: skip
    op.create_table(
        "aliases", text("partner"), text("alias"), text("written"), text("siret"),
        sa.PrimaryKeyConstraint("partner", "alias", name=op.f("pk_aliases")),
    )  # fmt: skip


def _tell_alone() -> None:
    """One worker at a time tells changes of status."""
    alone = sa.text("state = 'claimed' AND kind IN ('daily', 'receive', 'tell')")
    op.drop_index("uq_lots_alone", "lots")
    op.create_index(
        "uq_lots_alone", "lots", ["kind", "partner"], unique=True, sqlite_where=alone, postgresql_where=alone
    )


def _found_by_search() -> None:
    for column in ("supplier", "recipient"):
        op.create_index(f"ix_invoices_{column}", "invoices", [column, "deposit_id", "rank"])
    for column in ("service", "commitment"):
        given = sa.text(f"{column} <> ''")
        op.create_index(f"ix_invoices_{column}", "invoices", [column], sqlite_where=given, postgresql_where=given)
    op.create_index("ix_invoices_status", "invoices", ["status", sa.text("substr(status_at, 1, 10)")])
    op.create_index("ix_invoices_issued", "invoices", ["issued", "total_millionths"])
    op.create_index("ix_findings_rule", "findings", ["rule", "deposit_id", "rank"])
    op.drop_index("ix_deposits_day", "deposits")
    op.create_index("ix_deposits_day", "deposits", ["received_day", "id"])


def _listed_as_work() -> None:
    """What its issuer has to act on: recycle, handle, complete."""
    to_do = sa.text("status IN ('04', '05', '06')")
    by = ["status_at", "deposit_id", "rank"]
    for name, columns in (("todo", by), ("todo_partner", ["partner", *by])):
        op.create_index(f"ix_invoices_{name}", "invoices", columns, sqlite_where=to_do, postgresql_where=to_do)


def _stand_where_they_came_to() -> None:
    """The last status of each invoice, and its moment."""
    i, x = (
        sa.table("invoices", *map(sa.column, ("deposit_id", "rank", "status", "status_at"))),
        sa.table("transitions", *map(sa.column, ("deposit_id", "rank", "sequence", "status", "at"))),
    )
    last = (
        sa.select(x.c.status)
        .where(x.c.deposit_id == i.c.deposit_id, x.c.rank == i.c.rank)
        .order_by(x.c.sequence.desc())
        .limit(1)
    )
    op.execute(
        i.update().values(
            status=sa.func.coalesce(last.scalar_subquery(), ""),
            status_at=sa.func.coalesce(last.with_only_columns(x.c.at).scalar_subquery(), ""),
        )
    )
