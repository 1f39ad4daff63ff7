"""Expert panels, site visits and public notices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSONB = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TABLES = ("expert", "expert_conflict", "score_sheet", "public_notice", "notice_entry", "objection")
LOCKED = (
    "OLD.submitted_at IS NOT NULL AND (OLD.voided_at IS NOT NULL OR "
    "NEW.total IS {not_} OLD.total OR NEW.points{text} IS {not_} OLD.points{text} OR "
    "NEW.justification <> OLD.justification OR NEW.submitted_at IS {not_} OLD.submitted_at)"
)
"""A sheet that was handed in is only ever put aside."""


def upgrade() -> None:
    """Add what stages say of panels and notices, and the tables that both keep."""
    op.add_column("stage", sa.Column("panel", sa.JSON(), nullable=True))
    op.add_column("stage", sa.Column("lasts", sa.JSON(), nullable=True))
    _experts()
    _notices()
    _lock_sheets()


def _text(name: str, length: int, **options: object) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=False, **options)


def _at(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def _table(name: str, links: dict[str, tuple[str, bool]], *parts: object) -> None:
    """A table whose columns in *links* point to the id of another, nullable or not."""
    columns = [sa.Column(key, BIG, nullable=nullable) for key, (_to, nullable) in links.items()]
    foreign = [
        sa.ForeignKeyConstraint([key], [f"{to}.id"], name=f"fk_{name}_{key}")
        for key, (to, _nullable) in links.items()
    ]
    op.create_table(
        name,
        sa.Column("id", BIG, nullable=False),
        *columns,
        *parts,
        *foreign,
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )


def _index(table: str, column: str) -> None:
    op.create_index(f"ix_{table}_{column}", table, [column], unique=False)


def _experts() -> None:
    _table(
        "expert",
        {"organization_id": ("organization", True), "account_id": ("account", True)},
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _text("name", 60),
        _text("unit", 120, server_default=""),
        _text("speciality", 120, server_default=""),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("account_id", name="uq_expert_account_id"),
    )
    _index("expert", "organization_id")
    _table(
        "expert_conflict",
        {
            "expert_id": ("expert", False),
            "application_id": ("application", False),
            "account_id": ("account", True),
        },
        sa.Column("reason", sa.Text(), nullable=False),
        _at("made_at"),
        sa.UniqueConstraint(
            "expert_id", "application_id", name="uq_expert_conflict_expert_id_application_id"
        ),
    )
    _index("expert_conflict", "application_id")
    _table(
        "score_sheet",
        {
            "application_id": ("application", False),
            "expert_id": ("expert", False),
            "given_by_id": ("account", True),
            "entered_by_id": ("account", True),
        },
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _text("stage_key", 40),
        sa.Column("points", JSONB, nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("justification", sa.Text(), nullable=False),
        _at("given_at"),
        _at("submitted_at", nullable=True),
        sa.Column("from_paper", sa.Boolean(), nullable=False),
        _at("voided_at", nullable=True),
        sa.Column("voided_for", sa.Text(), nullable=False),
    )
    _index("score_sheet", "expert_id")
    op.create_index(
        "uq_score_sheet_standing",
        "score_sheet",
        ["application_id", "stage_key", "expert_id"],
        unique=True,
        sqlite_where=sa.text("voided_at IS NULL"),
        postgresql_where=sa.text("voided_at IS NULL"),
    )


def _notices() -> None:
    _table(
        "public_notice",
        {"revision_id": ("revision", False), "account_id": ("account", True)},
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _text("row_key", 22),
        _text("stage_key", 40),
        _text("title", 120),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("lasts", sa.JSON(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        _at("opened_at"),
        _at("closed_at", nullable=True),
        sa.UniqueConstraint("row_key", name="uq_public_notice_row_key"),
    )
    _index("public_notice", "revision_id")
    _table(
        "notice_entry",
        {"notice_id": ("public_notice", False), "application_id": ("application", False)},
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        _text("state", 10),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.UniqueConstraint(
            "notice_id", "application_id", name="uq_notice_entry_notice_id_application_id"
        ),
    )
    _index("notice_entry", "application_id")
    _table(
        "objection",
        {
            "entry_id": ("notice_entry", False),
            "received_by_id": ("account", True),
            "concluded_by_id": ("account", True),
            "batch_id": ("decision_batch", True),
        },
        _text("row_key", 22),
        sa.Column("objector_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("objector_index", sa.LargeBinary(length=32), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        _at("received_at"),
        sa.Column("investigation", sa.Text(), nullable=False),
        _text("state", 10),
        sa.Column("reason", sa.Text(), nullable=False),
        _at("concluded_at", nullable=True),
        sa.UniqueConstraint("row_key", name="uq_objection_row_key"),
    )
    _index("objection", "entry_id")


def _lock_sheets() -> None:
    if op.get_bind().dialect.name == "sqlite":
        locked = LOCKED.format(not_="NOT", text="")
        for event, when in (("UPDATE", locked), ("DELETE", "OLD.submitted_at IS NOT NULL")):
            op.execute(
                f'CREATE TRIGGER "score_sheet_locked_{event.lower()}" BEFORE {event} '
                f'ON "score_sheet" WHEN {when} '
                "BEGIN SELECT RAISE(ABORT, 'score_sheet is locked'); END"
            )
        return
    locked = LOCKED.format(not_="DISTINCT FROM", text="::text")
    for event, when in (("UPDATE", locked), ("DELETE", "OLD.submitted_at IS NOT NULL")):
        op.execute(
            f'CREATE TRIGGER "score_sheet_locked_{event.lower()}" BEFORE {event} '
            f'ON "score_sheet" FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse_change()'
        )


def downgrade() -> None:
    """Take them away again; SQLite drops a table's triggers with it."""
    for table in reversed(TABLES):
        op.drop_table(table)
    op.drop_column("stage", "lasts")
    op.drop_column("stage", "panel")
