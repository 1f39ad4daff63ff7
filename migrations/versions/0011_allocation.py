"""Allocation runs: who gets money within a budget or quota, and by which order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
FROZEN = "SELECT 1 FROM revision WHERE id = {row}.revision_id AND state <> 'draft'"


def upgrade() -> None:
    """Add the rows of a revision that give out what is short, frozen with it, and their runs."""
    op.create_table(
        "allocation",
        sa.Column("id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("budget_fen", BIG, nullable=True),
        sa.Column("budget_rule", sa.JSON(), nullable=True),
        sa.Column("places", sa.Integer(), nullable=True),
        sa.Column("places_rule", sa.JSON(), nullable=True),
        sa.Column("per", JSONB, nullable=False),
        sa.Column("within", sa.String(length=20), nullable=False),
        sa.Column("tiers", JSONB, nullable=False),
        sa.Column("when", JSONB, nullable=False),
        sa.Column("rest", sa.String(length=10), nullable=False),
        sa.Column("soft", sa.Boolean(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("revision_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name="fk_allocation_revision_id"),
        sa.PrimaryKeyConstraint("id", name="pk_allocation"),
        sa.UniqueConstraint("revision_id", "key", name="uq_allocation_revision_id_key"),
    )
    op.create_index("ix_allocation_revision_id", "allocation", ["revision_id"], unique=False)
    _freeze("allocation")
    _create_run()
    _create_pool()
    _create_item()
    op.add_column("application", sa.Column("granted_fen", BIG, nullable=True))


def _create_run() -> None:
    op.create_table(
        "allocation_run",
        sa.Column("id", BIG, nullable=False),
        sa.Column("number", sa.String(length=40), nullable=False),
        sa.Column("programme_id", BIG, nullable=False),
        sa.Column("revision_id", BIG, nullable=False),
        sa.Column("row_key", sa.String(length=40), nullable=False),
        sa.Column("window_key", sa.String(length=40), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("seed", sa.String(length=60), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("earlier", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=True),
        sa.Column("raises", JSONB, nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("unclear", sa.Integer(), nullable=False),
        sa.Column("asked_fen", BIG, nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("granted_fen", BIG, nullable=False),
        sa.Column("made_by_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("settled_by_id", BIG, nullable=True),
        sa.Column("settled_at", sa.DateTime(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint(
            "(state = 'final') = (turn IS NOT NULL)", name="ck_allocation_run_final_has_turn"
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["account.id"], name="fk_allocation_run_made_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["programme_id"], ["programme.id"], name="fk_allocation_run_programme_id"
        ),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revision.id"], name="fk_allocation_run_revision_id"
        ),
        sa.ForeignKeyConstraint(
            ["settled_by_id"], ["account.id"], name="fk_allocation_run_settled_by_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_allocation_run"),
        sa.UniqueConstraint("number", name="uq_allocation_run_number"),
        sa.UniqueConstraint(
            "programme_id",
            "row_key",
            "window_key",
            "turn",
            name="uq_allocation_run_programme_id_row_key_window_key_turn",
        ),
    )


def _create_pool() -> None:
    op.create_table(
        "allocation_pool",
        sa.Column("id", BIG, nullable=False),
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("is_stated", sa.Boolean(), nullable=False),
        sa.Column("cap_fen", BIG, nullable=True),
        sa.Column("cap_places", sa.Integer(), nullable=True),
        sa.Column("raised_fen", BIG, nullable=False),
        sa.Column("raised_places", sa.Integer(), nullable=False),
        sa.Column("held_fen", BIG, nullable=False),
        sa.Column("held_places", sa.Integer(), nullable=False),
        sa.Column("cases", sa.Integer(), nullable=False),
        sa.Column("asked_fen", BIG, nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.Column("granted_fen", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["allocation_run.id"], name="fk_allocation_pool_run_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_allocation_pool"),
        sa.UniqueConstraint("run_id", "pool", name="uq_allocation_pool_run_id_pool"),
    )


def _create_item() -> None:
    op.create_table(
        "allocation_item",
        sa.Column("id", BIG, nullable=False),
        sa.Column("run_id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("waited", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("asked_fen", BIG, nullable=False),
        sa.Column("reach_fen", BIG, nullable=False),
        sa.Column("granted_fen", BIG, nullable=False),
        sa.Column("freed_by_id", BIG, nullable=True),
        sa.CheckConstraint(
            "granted_fen >= 0 AND granted_fen <= asked_fen", name="ck_allocation_item_within_asked"
        ),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_allocation_item_application_id"
        ),
        sa.ForeignKeyConstraint(
            ["freed_by_id"], ["allocation_run.id"], name="fk_allocation_item_freed_by_id"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["allocation_run.id"], name="fk_allocation_item_run_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_allocation_item"),
        sa.UniqueConstraint(
            "run_id", "application_id", name="uq_allocation_item_run_id_application_id"
        ),
        sa.UniqueConstraint("run_id", "pool", "place", name="uq_allocation_item_run_id_pool_place"),
    )
    op.create_index(
        "ix_allocation_item_application_id", "allocation_item", ["application_id"], unique=False
    )


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
    """Without the tables nothing is granted; nothing else is lost."""
    op.drop_column("application", "granted_fen")
    for table in ("allocation_item", "allocation_pool", "allocation_run", "allocation"):
        op.drop_table(table)
