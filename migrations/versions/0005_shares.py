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
    for table in reversed(POLICY_ROWS):
        op.drop_table(table)
