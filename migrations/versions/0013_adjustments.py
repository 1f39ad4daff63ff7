"""Awards that change after their approval: top-ups, recoveries and what came in of these."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('proposed', 'approved')")
WITHIN_OWED = "received_fen = 0 OR (received_fen > 0 AND received_fen <= -settle_fen)"


def upgrade() -> None:
    """Add adjustments; no case has one yet."""
    op.add_column("application", sa.Column("adjusted_fen", BIG, nullable=True))
    _adjustments()
    _shares()
    _receipts()


def _adjustments() -> None:
    op.create_table(
        "adjustment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("programme_id", BIG, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("fen", BIG, nullable=False),
        sa.Column("settle_fen", BIG, nullable=False),
        sa.Column("received_fen", BIG, server_default="0", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("clause", sa.String(length=200), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by_id", BIG, nullable=True),
        sa.Column("proposed_at", sa.DateTime(), nullable=False),
        sa.Column("decided_by_id", BIG, nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("batch_id", BIG, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("fen <> 0 OR settle_fen <> 0", name="ck_adjustment_changes_something"),
        sa.CheckConstraint("decided_by_id <> proposed_by_id", name="ck_adjustment_four_eyes"),
        sa.CheckConstraint(WITHIN_OWED, name="ck_adjustment_within_owed"),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_adjustment_application_id"
        ),
        sa.ForeignKeyConstraint(["batch_id"], ["decision_batch.id"], name="fk_adjustment_batch_id"),
        sa.ForeignKeyConstraint(
            ["decided_by_id"], ["account.id"], name="fk_adjustment_decided_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name="fk_adjustment_programme_id"
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["account.id"], name="fk_adjustment_proposed_by_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_adjustment"),
        sa.UniqueConstraint("application_id", "place", name="uq_adjustment_application_id_place"),
    )
    op.create_index(
        "uq_adjustment_open",
        "adjustment",
        ["application_id"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_adjustment_programme_id", "adjustment", ["programme_id"], unique=False)
    op.create_index("ix_adjustment_batch_id", "adjustment", ["batch_id"], unique=False)


def _shares() -> None:
    op.create_table(
        "adjustment_share",
        sa.Column("id", BIG, nullable=False),
        sa.Column("adjustment_id", BIG, nullable=False),
        sa.Column("instalment", sa.Integer(), nullable=False),
        sa.Column("share_key", sa.String(length=40), nullable=False),
        sa.Column("payer_id", BIG, nullable=False),
        sa.Column("is_on_top", sa.Boolean(), nullable=False),
        sa.Column("amount_fen", BIG, nullable=False),
        sa.CheckConstraint("amount_fen <> 0", name="ck_adjustment_share_amount_not_zero"),
        sa.ForeignKeyConstraint(
            ["adjustment_id"], ["adjustment.id"], name="fk_adjustment_share_adjustment_id"
        ),
        sa.ForeignKeyConstraint(
            ["payer_id"], ["organization.id"], name="fk_adjustment_share_payer_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_adjustment_share"),
        sa.UniqueConstraint(
            "adjustment_id",
            "instalment",
            "share_key",
            "payer_id",
            name="uq_adjustment_share_adjustment_id_instalment_share_key_payer_id",
        ),
    )


def _receipts() -> None:
    op.create_table(
        "adjustment_receipt",
        sa.Column("id", BIG, nullable=False),
        sa.Column("adjustment_id", BIG, nullable=False),
        sa.Column("came_on", sa.Date(), nullable=False),
        sa.Column("amount_fen", BIG, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("amount_fen > 0", name="ck_adjustment_receipt_amount_positive"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_adjustment_receipt_account_id"
        ),
        sa.ForeignKeyConstraint(
            ["adjustment_id"], ["adjustment.id"], name="fk_adjustment_receipt_adjustment_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_adjustment_receipt"),
    )
    op.create_index(
        "ix_adjustment_receipt_adjustment_id", "adjustment_receipt", ["adjustment_id"], unique=False
    )


def downgrade() -> None:
    """There is no way back: payments were made by these."""
    raise NotImplementedError
