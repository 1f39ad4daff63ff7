"""Registry checks, what looks like the same, and payments from before the system."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
APPEND_ONLY = ("registry_check", "duplicate_decision")


def upgrade() -> None:
    """Add the tables, the index that finds people of one name, and the guards."""
    _checks()
    _past()
    _pairs()
    op.create_index("ix_applicant_name_birth", "applicant", ["name", "birth_date"])
    for table in APPEND_ONLY:
        _guard(table)


def _checks() -> None:
    op.create_table(
        "registry_check",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("source", sa.String(120), nullable=False),
        sa.Column("way", sa.String(20), nullable=False),
        sa.Column("asked", sa.String(80), nullable=False),
        sa.Column("answer", SORTED_JSON, nullable=False),
        sa.Column("compared", sa.JSON(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("attachment_id", BIG, nullable=True),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        _to("registry_check", "application_id", "application"),
        _to("registry_check", "attachment_id", "attachment"),
        _to("registry_check", "account_id", "account"),
        sa.PrimaryKeyConstraint("id", name="pk_registry_check"),
    )
    op.create_index(
        "ix_registry_check_application", "registry_check", ["application_id", "kind", "id"]
    )
    op.create_index("ix_registry_check_result", "registry_check", ["result", "id"])


def _past() -> None:
    op.create_table(
        "past_award",
        sa.Column("id", BIG, nullable=False),
        sa.Column("row_key", sa.String(22), nullable=False),
        sa.Column("family", sa.String(40), nullable=False),
        sa.Column("programme_id", BIG, nullable=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("district_id", BIG, nullable=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.Column("id_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id_number_index", sa.LargeBinary(32), nullable=True),
        sa.Column("number", sa.String(60), nullable=True),
        sa.Column("number_key", sa.String(60), nullable=True),
        sa.Column("occupation", sa.String(120), nullable=True),
        sa.Column("occupation_term", sa.String(120), nullable=True),
        sa.Column("level", sa.String(40), nullable=True),
        sa.Column("amount_fen", BIG, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("claim_key", sa.String(80), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        _to("past_award", "programme_id", "programme"),
        _to("past_award", "organization_id", "organization"),
        _to("past_award", "district_id", "organization"),
        _to("past_award", "account_id", "account"),
        sa.CheckConstraint("amount_fen >= 0", name="ck_past_award_amount_not_negative"),
        sa.PrimaryKeyConstraint("id", name="pk_past_award"),
        sa.UniqueConstraint("row_key", name="uq_past_award_row_key"),
        sa.UniqueConstraint(
            "family", "year", "claim_key", name="uq_past_award_family_year_claim_key"
        ),
    )
    for name, columns in (
        ("claim", ["family", "claim_key"]),
        ("number_key", ["number_key"]),
        ("person", ["id_number_index"]),
        ("name", ["name", "birth_date"]),
        ("organization_id", ["organization_id"]),
        ("district_id", ["district_id"]),
    ):
        op.create_index(f"ix_past_award_{name}", "past_award", columns)


def _pairs() -> None:
    op.create_table(
        "duplicate_pair",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("other_id", BIG, nullable=True),
        sa.Column("past_id", BIG, nullable=True),
        sa.Column("signs", sa.String(200), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("settled", sa.String(10), nullable=True),
        sa.Column("found_at", sa.DateTime(), nullable=False),
        _to("duplicate_pair", "application_id", "application"),
        _to("duplicate_pair", "other_id", "application"),
        _to("duplicate_pair", "past_id", "past_award"),
        sa.CheckConstraint(
            "(other_id IS NULL) <> (past_id IS NULL)", name="ck_duplicate_pair_one_other"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_duplicate_pair"),
        sa.UniqueConstraint(
            "application_id", "other_id", name="uq_duplicate_pair_application_id_other_id"
        ),
        sa.UniqueConstraint(
            "application_id", "past_id", name="uq_duplicate_pair_application_id_past_id"
        ),
    )
    op.create_index("ix_duplicate_pair_other", "duplicate_pair", ["other_id"])
    op.create_index("ix_duplicate_pair_past", "duplicate_pair", ["past_id"])
    op.create_table(
        "duplicate_decision",
        sa.Column("id", BIG, nullable=False),
        sa.Column("pair_id", BIG, nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("settled", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        _to("duplicate_decision", "pair_id", "duplicate_pair"),
        _to("duplicate_decision", "account_id", "account"),
        sa.PrimaryKeyConstraint("id", name="pk_duplicate_decision"),
    )
    op.create_index("ix_duplicate_decision_pair", "duplicate_decision", ["pair_id", "id"])


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}")


def _guard(table: str) -> None:
    """Rows are added and never changed, as those of ``decision``."""
    if op.get_bind().dialect.name == "sqlite":
        there = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"
        for name, event, when in (
            ("update", "UPDATE", ""),
            ("delete", "DELETE", ""),
            ("replace", "INSERT", there),
        ):
            op.execute(
                f'CREATE TRIGGER "{table}_no_{name}" BEFORE {event} ON "{table}" {when} '
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    for name, event, each in (
        ("update", "UPDATE OR DELETE", "ROW"),
        ("truncate", "TRUNCATE", "STATEMENT"),
    ):
        op.execute(
            f'CREATE TRIGGER "{table}_no_{name}" BEFORE {event} ON "{table}" '
            f"FOR EACH {each} EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    """Take it all away; triggers go with their tables."""
    op.drop_index("ix_applicant_name_birth", table_name="applicant")
    for table in ("duplicate_decision", "duplicate_pair", "past_award", "registry_check"):
        op.drop_table(table)
