"""Budgets of every payer, and who bears a share that more than one may."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """The budgets there are become the city federation's."""
    op.add_column("budget", sa.Column("payer_id", BIG, nullable=True))
    op.execute(
        "UPDATE budget SET payer_id = "
        "(SELECT MIN(organization.id) FROM organization WHERE organization.parent_id IS NULL)"
    )
    with op.batch_alter_table("budget") as table:
        table.alter_column("payer_id", existing_type=BIG, nullable=False)
        table.create_foreign_key("fk_budget_payer_id", "organization", ["payer_id"], ["id"])
        table.drop_constraint("uq_budget_programme_id", type_="unique")
        table.create_unique_constraint(
            "uq_budget_programme_id_payer_id", ["programme_id", "payer_id"]
        )
    op.create_table(
        "share_bearer",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("share_key", sa.String(length=40), nullable=False),
        sa.Column("payer", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_share_bearer_application_id"
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_share_bearer_account_id"),
        sa.PrimaryKeyConstraint("id", name="pk_share_bearer"),
        sa.UniqueConstraint(
            "application_id", "share_key", name="uq_share_bearer_application_id_share_key"
        ),
    )


def downgrade() -> None:
    """There is no way back: a programme had one budget, and nobody chose who bears a share."""
    raise NotImplementedError
