"""Addresses of accounts, and the digest that each was sent, once a day."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Add where an account is written to, and what it was told on each day."""
    op.add_column("account", sa.Column("email_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("account", sa.Column("email_index", sa.LargeBinary(length=32), nullable=True))
    op.create_table(
        "digest",
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("numbers", JSONB, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(), nullable=False),
        sa.Column("sent_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_digest_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_digest"),
        sa.UniqueConstraint("account_id", "day", name="uq_digest_account_id_day"),
    )


def downgrade() -> None:
    op.drop_table("digest")
    op.drop_column("account", "email_index")
    op.drop_column("account", "email_sealed")
