"""Who pays what part of an award, and in which instalments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
POLICY_ROWS = ("share", "instalment")
APPEND_ONLY = ("payment", "payment_share", "payment_reversal")
FROZEN = "SELECT 1 FROM revision WHERE id = {row}.revision_id AND state <> 'draft'"


def upgrade() -> None:
    """Add the rows of a revision that say who pays, frozen with it."""
    _rows_of_revision(
        "share",
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("payer", sa.String(length=20), nullable=False),
        sa.Column("others", JSONB, nullable=False),
        sa.Column("weight", sa.Integer(), nullable=True),
        sa.Column("rule", sa.JSON(), nullable=True),
        sa.Column("tiers", JSONB, nullable=False),
        sa.Column("when", JSONB, nullable=False),
    )
    _rows_of_revision(
        "instalment",
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("after", sa.String(length=40), nullable=True),
        sa.Column("due", sa.JSON(), nullable=True),
    )
    for table in POLICY_ROWS:
        _freeze(table)
    op.add_column("bound", sa.Column("asks", sa.String(length=40), nullable=True))
    op.add_column("bound", sa.Column("reading", sa.Text(), server_default="", nullable=False))
    _extend_payments()
    _create_parts()
    for table in APPEND_ONLY:
        _append_only(table)


def _extend_payments() -> None:
    """A payment that came back is made again; what it takes from the budget is kept apart."""
    budget = sa.Column("budget_fen", BIG, server_default="0", nullable=False)
    op.add_column("payment_batch", budget)
    op.execute("UPDATE payment_batch SET budget_fen = total_fen")
    attempt = sa.Column("attempt", sa.Integer(), server_default="1", nullable=False)
    with op.batch_alter_table("payment") as table:
        table.add_column(attempt)
        table.drop_constraint("uq_payment_application_id_instalment", type_="unique")
        table.create_unique_constraint(
            "uq_payment_application_id_instalment_attempt",
            ["application_id", "instalment", "attempt"],
        )


def _create_parts() -> None:
    """Who bore what of each payment: of those there are, the city federation everything."""
    op.create_table(
        "payment_share",
        sa.Column("id", BIG, nullable=False),
        sa.Column("payment_id", BIG, nullable=False),
        sa.Column("share_key", sa.String(length=40), nullable=False),
        sa.Column("payer_id", BIG, nullable=False),
        sa.Column("is_on_top", sa.Boolean(), nullable=False),
        sa.Column("amount_fen", BIG, nullable=False),
        sa.CheckConstraint("amount_fen > 0", name="ck_payment_share_amount_positive"),
        sa.ForeignKeyConstraint(
            ["payer_id"], ["organization.id"], name="fk_payment_share_payer_id"
        ),
        sa.ForeignKeyConstraint(["payment_id"], ["payment.id"], name="fk_payment_share_payment_id"),
        sa.PrimaryKeyConstraint("id", name="pk_payment_share"),
        sa.UniqueConstraint(
            "payment_id", "share_key", name="uq_payment_share_payment_id_share_key"
        ),
    )
    op.create_index("ix_payment_share_payer_id", "payment_share", ["payer_id"], unique=False)
    op.execute(
        "INSERT INTO payment_share (payment_id, share_key, payer_id, is_on_top, amount_fen) "
        "SELECT payment.id, '', city.id, FALSE, payment.amount_fen FROM payment "
        "CROSS JOIN (SELECT MIN(id) AS id FROM organization WHERE parent_id IS NULL) AS city"
    )
    op.create_table(
        "payment_reversal",
        sa.Column("id", BIG, nullable=False),
        sa.Column("payment_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("came_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_payment_reversal_account_id"
        ),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payment.id"], name="fk_payment_reversal_payment_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payment_reversal"),
        sa.UniqueConstraint("payment_id", name="uq_payment_reversal_payment_id"),
    )


def _append_only(table: str) -> None:
    """Rows are never changed or deleted; those of payments were lost with the old table."""
    if op.get_bind().dialect.name != "sqlite":
        if table != "payment":
            op.execute(
                f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    for event in ("UPDATE", "DELETE"):
        op.execute(f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} {refuse}")
    again = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"
    op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} {again} {refuse}")


def _rows_of_revision(name: str, *columns: sa.Column) -> None:
    op.create_table(
        name,
        sa.Column("id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        *columns,
        sa.Column("revision_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=f"fk_{name}_revision_id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
        sa.UniqueConstraint("revision_id", "key", name=f"uq_{name}_revision_id_key"),
    )
    op.create_index(f"ix_{name}_revision_id", name, ["revision_id"], unique=False)


def _freeze(table: str) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            f'CREATE TRIGGER "{table}_frozen" BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION refuse_frozen()"
        )
        return
    for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
        frozen = FROZEN.format(row=row)
        op.execute(
            f'CREATE TRIGGER "{table}_frozen_{event.lower()}" BEFORE {event} ON "{table}" '
            f"WHEN EXISTS ({frozen}) BEGIN SELECT RAISE(ABORT, 'frozen revision'); END"
        )


def downgrade() -> None:
    """There is no way back: payments that came back have no place in the old tables."""
    raise NotImplementedError
