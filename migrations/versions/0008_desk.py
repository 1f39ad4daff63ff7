"""Bulk decisions as jobs, undoing a batch, and returns of named fields."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LINKS = (
    ("selection", "job_id", "job"),
    ("selection_item", "batch_id", "decision_batch"),
    ("decision_batch", "undoes_id", "decision_batch"),
)


def columns() -> list[tuple[str, sa.Column]]:
    """The new columns, made anew for each use."""
    return [
        ("selection", sa.Column("reason", sa.Text(), server_default="", nullable=False)),
        ("selection", sa.Column("override_reason", sa.Text(), server_default="", nullable=False)),
        ("selection", sa.Column("fields", JSONB, server_default="{}", nullable=False)),
        ("selection", sa.Column("back_to", sa.String(length=40), nullable=True)),
        ("selection_item", sa.Column("outcome", sa.String(length=20), nullable=True)),
        ("selection_item", sa.Column("reason", sa.Text(), nullable=True)),
        ("decision_batch", sa.Column("fields", JSONB, server_default="{}", nullable=False)),
        ("application", sa.Column("returned_from", sa.String(length=40), nullable=True)),
        ("stage", sa.Column("keeps_place", sa.Boolean(), server_default=sa.true(), nullable=False)),
        ("stage", sa.Column("keeps_within", sa.JSON(), nullable=True)),
    ]


RETURNED_FROM = """
UPDATE application SET returned_from = (
    SELECT d.from_stage FROM decision d WHERE d.id = (
        SELECT max(r.id) FROM decision r
        WHERE r.application_id = application.id AND r.outcome = 'return'))
WHERE state = 'returned'
"""


def upgrade() -> None:
    """Add what an act remembers, what a correction changed and the words that reviewers reuse."""
    for table, column in columns():
        op.add_column(table, column)
    for table, name, to in LINKS:
        _link(table, name, to)
    op.create_index("ix_decision_batch_undoes_id", "decision_batch", ["undoes_id"], unique=False)
    op.execute(RETURNED_FROM)
    # what was decided before is told by its batch; items of before have no other trace of it
    op.execute(
        "UPDATE selection_item SET batch_id = (SELECT b.id FROM decision_batch b "
        "WHERE b.selection_id = selection_item.selection_id) WHERE skipped IS NULL"
    )
    _tables()


def _link(table: str, name: str, to: str) -> None:
    key = f"fk_{table}_{name}"
    if op.get_bind().dialect.name == "sqlite":  # which adds no constraint to a standing table
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN {name} INTEGER CONSTRAINT {key} REFERENCES {to} (id)"
        )
    else:
        op.add_column(table, sa.Column(name, BIG, nullable=True))
        op.create_foreign_key(key, table, to, [name], ["id"])


def _tables() -> None:
    op.create_table(
        "field_change",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("field", sa.String(length=60), nullable=False),
        sa.Column("was", sa.Text(), nullable=False),
        sa.Column("becomes", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_field_change_application_id"
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["decision_batch.id"], name="fk_field_change_batch_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_field_change"),
    )
    op.create_index("ix_field_change_application", "field_change", ["application_id", "id"])
    op.create_index("ix_field_change_batch_id", "field_change", ["batch_id"])
    op.create_table(
        "reason_template",
        sa.Column("id", BIG, nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("says", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reason_template"),
    )


def downgrade() -> None:
    op.drop_table("reason_template")
    op.drop_table("field_change")
    op.drop_index("ix_decision_batch_undoes_id", "decision_batch")
    for table, name, _to in LINKS:
        op.drop_column(table, name)
    for table, column in reversed(columns()):
        op.drop_column(table, column.name)
