"""Papers of a payment batch, the ways by which money goes, and what a bank's file looks like."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
FROZEN = "SELECT 1 FROM revision WHERE id = {row}.revision_id AND state <> 'draft'"


def upgrade() -> None:
    """Add how money is paid out as rows of a revision, what a batch's papers say, bank files."""
    op.add_column("payment", sa.Column("account_index", sa.LargeBinary(length=32), nullable=True))
    op.add_column("payment_batch", sa.Column("due_on", sa.Date(), nullable=True))
    _rules()
    _papers()
    op.create_table(
        "bank_file",
        sa.Column("id", BIG, nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("encoding", sa.String(length=10), nullable=False),
        sa.Column("separator", sa.String(length=10), nullable=False),
        sa.Column("has_heading", sa.Boolean(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bank_file"),
        sa.UniqueConstraint("title", name="uq_bank_file_title"),
    )


def _rules() -> None:
    op.create_table(
        "payment_rule",
        sa.Column("id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("route", sa.String(length=20), nullable=False),
        sa.Column("channels", JSONB, nullable=False),
        sa.Column("papers", JSONB, nullable=False),
        sa.Column("due", sa.JSON(), nullable=True),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.Column("revision_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revision.id"], name="fk_payment_rule_revision_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_payment_rule"),
        sa.UniqueConstraint("revision_id", "key", name="uq_payment_rule_revision_id_key"),
    )
    op.create_index("ix_payment_rule_revision_id", "payment_rule", ["revision_id"], unique=False)
    if op.get_bind().dialect.name != "sqlite":
        op.execute(
            "CREATE TRIGGER payment_rule_frozen BEFORE INSERT OR UPDATE OR DELETE ON payment_rule "
            "FOR EACH ROW EXECUTE FUNCTION refuse_frozen()"
        )
        return
    for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER payment_rule_frozen_{event.lower()} BEFORE {event} ON payment_rule "
            f"WHEN EXISTS ({FROZEN.format(row=row)}) "
            "BEGIN SELECT RAISE(ABORT, 'frozen revision'); END"
        )


def _papers() -> None:
    """Papers are never changed."""
    op.create_table(
        "batch_paper",
        sa.Column("id", BIG, nullable=False),
        sa.Column("batch_id", BIG, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("number", sa.String(length=50), nullable=False),
        sa.Column("given_on", sa.Date(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("total_fen", BIG, nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_batch_paper_account_id"),
        sa.ForeignKeyConstraint(["batch_id"], ["payment_batch.id"], name="fk_batch_paper_batch_id"),
        sa.PrimaryKeyConstraint("id", name="pk_batch_paper"),
        sa.UniqueConstraint("number", name="uq_batch_paper_number"),
    )
    op.create_index("ix_batch_paper_batch_id", "batch_paper", ["batch_id"], unique=False)
    if op.get_bind().dialect.name != "sqlite":
        for name, event, each in (
            ("update", "UPDATE OR DELETE", "ROW"),
            ("truncate", "TRUNCATE", "STATEMENT"),
        ):
            op.execute(
                f"CREATE TRIGGER batch_paper_no_{name} BEFORE {event} ON batch_paper "
                f"FOR EACH {each} EXECUTE FUNCTION refuse_change()"
            )
        return
    refuse = "BEGIN SELECT RAISE(ABORT, 'batch_paper is append-only'); END"
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER batch_paper_no_{event.lower()} BEFORE {event} ON batch_paper {refuse}"
        )
    again = "WHEN EXISTS (SELECT 1 FROM batch_paper WHERE id = NEW.id)"
    op.execute(
        f"CREATE TRIGGER batch_paper_no_replace BEFORE INSERT ON batch_paper {again} {refuse}"
    )


def downgrade() -> None:
    """Papers and bank files are lost; batches stay as they were."""
    for table in ("bank_file", "batch_paper", "payment_rule"):
        op.drop_table(table)
    op.drop_column("payment_batch", "due_on")
    op.drop_column("payment", "account_index")
