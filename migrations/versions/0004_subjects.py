"""Patents, studios and projects; lists and attachments of a case; the rest of the language."""

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PLAIN_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SUBJECTS = ("patent", "studio", "project")
POLICY_ROWS = ("derived_fact", "attachment_rule")
FROZEN = "SELECT 1 FROM revision WHERE id = {row}.revision_id AND state <> 'draft'"


def upgrade() -> None:
    """Add tables and columns, guard the new rows of a revision, settle the routes of cases."""
    _create_tables()
    _extend_applications()
    _extend_rows()
    _free_limits()
    _guard(POLICY_ROWS)
    _settle_routes()


def _create_tables() -> None:
    op.create_table(
        "patent",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("applicant_id", BIG, nullable=False),
        sa.Column("number", sa.String(length=60), nullable=False),
        sa.Column("number_key", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=True),
        sa.Column("patent_class", sa.String(length=40), nullable=True),
        sa.Column("office", sa.String(length=120), nullable=True),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("legal_status", sa.String(length=20), nullable=True),
        sa.Column("is_first_inventor", sa.Boolean(), nullable=True),
        sa.Column("is_service_invention", sa.Boolean(), nullable=True),
        sa.Column("is_applied", sa.Boolean(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["applicant.id"], name="fk_patent_applicant_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name="fk_patent_organization_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_patent"),
    )
    op.create_index("ix_patent_applicant_id", "patent", ["applicant_id"], unique=False)
    op.create_index("ix_patent_number_key", "patent", ["number_key"], unique=False)
    op.create_index("ix_patent_organization_id", "patent", ["organization_id"], unique=False)
    op.create_table(
        "studio",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("applicant_id", BIG, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("name_key", sa.String(length=120), nullable=False),
        sa.Column("category", sa.String(length=40), nullable=True),
        sa.Column("level", sa.String(length=40), nullable=True),
        sa.Column("speciality", sa.String(length=120), nullable=True),
        sa.Column("founded_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["applicant.id"], name="fk_studio_applicant_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name="fk_studio_organization_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_studio"),
        sa.UniqueConstraint(
            "organization_id", "name_key", name="uq_studio_organization_id_name_key"
        ),
    )
    op.create_index("ix_studio_applicant_id", "studio", ["applicant_id"], unique=False)
    op.create_index("ix_studio_name_key", "studio", ["name_key"], unique=False)
    op.create_index("ix_studio_organization_id", "studio", ["organization_id"], unique=False)
    op.create_table(
        "attachment_rule",
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("when", PLAIN_JSON, nullable=False),
        sa.Column("at_least", sa.Integer(), nullable=False),
        sa.Column("at_most", sa.Integer(), nullable=False),
        sa.Column("medium", sa.String(length=20), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("otherwise", sa.String(length=10), nullable=False),
        sa.Column("hint", sa.String(length=200), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        sa.Column("revision_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revision.id"], name="fk_attachment_rule_revision_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attachment_rule"),
        sa.UniqueConstraint("revision_id", "key", name="uq_attachment_rule_revision_id_key"),
    )
    op.create_index(
        "ix_attachment_rule_revision_id", "attachment_rule", ["revision_id"], unique=False
    )
    op.create_table(
        "derived_fact",
        sa.Column("title", sa.String(length=60), nullable=False),
        sa.Column("of", sa.String(length=60), nullable=False),
        sa.Column("take", sa.String(length=20), nullable=False),
        sa.Column("column", sa.String(length=60), nullable=True),
        sa.Column("per", PLAIN_JSON, nullable=False),
        sa.Column("when", PLAIN_JSON, nullable=False),
        sa.Column("self_when", PLAIN_JSON, nullable=True),
        sa.Column("id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("clause", sa.String(length=60), nullable=False),
        sa.Column("revision_id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["revision_id"], ["revision.id"], name="fk_derived_fact_revision_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_derived_fact"),
        sa.UniqueConstraint("revision_id", "key", name="uq_derived_fact_revision_id_key"),
    )
    op.create_index("ix_derived_fact_revision_id", "derived_fact", ["revision_id"], unique=False)
    op.create_table(
        "project",
        sa.Column("id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("applicant_id", BIG, nullable=False),
        sa.Column("studio_id", BIG, nullable=True),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("title_key", sa.String(length=200), nullable=False),
        sa.Column("total_cost_fen", BIG, nullable=True),
        sa.Column("start_funds_fen", BIG, nullable=True),
        sa.Column("approved_on", sa.Date(), nullable=True),
        sa.Column("planned_finish", sa.Date(), nullable=True),
        sa.Column("accepted_on", sa.Date(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["applicant.id"], name="fk_project_applicant_id"),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name="fk_project_organization_id"
        ),
        sa.ForeignKeyConstraint(["studio_id"], ["studio.id"], name="fk_project_studio_id"),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
    )
    op.create_index("ix_project_applicant_id", "project", ["applicant_id"], unique=False)
    op.create_index("ix_project_organization_id", "project", ["organization_id"], unique=False)
    op.create_index("ix_project_studio_id", "project", ["studio_id"], unique=False)
    op.create_index("ix_project_title_key", "project", ["title_key"], unique=False)
    op.create_table(
        "studio_recognition",
        sa.Column("id", BIG, nullable=False),
        sa.Column("studio_id", BIG, nullable=False),
        sa.Column("organization_id", BIG, nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("level", sa.String(length=40), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("issuer", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name="fk_studio_recognition_organization_id"
        ),
        sa.ForeignKeyConstraint(
            ["studio_id"], ["studio.id"], name="fk_studio_recognition_studio_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_studio_recognition"),
        sa.UniqueConstraint(
            "studio_id", "title", "year", name="uq_studio_recognition_studio_id_title_year"
        ),
    )
    op.create_index(
        "ix_studio_recognition_organization_id",
        "studio_recognition",
        ["organization_id"],
        unique=False,
    )
    op.create_index(
        "ix_studio_recognition_studio_id", "studio_recognition", ["studio_id"], unique=False
    )
    op.create_table(
        "attachment",
        sa.Column("id", BIG, nullable=False),
        sa.Column("row_key", sa.String(length=22), nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("rule_key", sa.String(length=40), nullable=False),
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", BIG, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("account_id", BIG, nullable=True),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("removed_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_attachment_account_id"),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_attachment_application_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attachment"),
        sa.UniqueConstraint("row_key", name="uq_attachment_row_key"),
    )
    op.create_index("ix_attachment_application_id", "attachment", ["application_id"], unique=False)
    op.create_table(
        "list_row",
        sa.Column("id", BIG, nullable=False),
        sa.Column("application_id", BIG, nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("cells", PLAIN_JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name="fk_list_row_application_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_list_row"),
        sa.UniqueConstraint(
            "application_id", "field", "position", name="uq_list_row_application_id_field_position"
        ),
    )


def _extend_applications() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.add_column(
        "application", sa.Column("route", sa.String(400), server_default="", nullable=False)
    )
    for name in SUBJECTS:
        key = f"fk_application_{name}_id"
        if sqlite:  # which cannot add a constraint to a table that stands
            op.execute(
                f"ALTER TABLE application ADD COLUMN {name}_id INTEGER "
                f"CONSTRAINT {key} REFERENCES {name} (id)"
            )
        else:
            op.add_column("application", sa.Column(f"{name}_id", BIG, nullable=True))
            op.create_foreign_key(key, "application", name, [f"{name}_id"], ["id"])
        op.create_index(f"ix_application_{name}_id", "application", [f"{name}_id"])


def _extend_rows() -> None:
    op.add_column("award_tier", sa.Column("rule", sa.JSON(), nullable=True))
    op.add_column("award_tier", sa.Column("uplift", sa.JSON(), nullable=True))
    op.add_column("award_tier", sa.Column("rounding", sa.JSON(), nullable=True))
    op.add_column(
        "bound", sa.Column("take", sa.String(length=20), server_default="cases", nullable=False)
    )
    op.add_column("bound", sa.Column("of", PLAIN_JSON, nullable=True))
    op.add_column("bound", sa.Column("dated", sa.String(length=60), nullable=True))
    op.add_column("bound", sa.Column("tiers", PLAIN_JSON, server_default="[]", nullable=False))
    op.add_column("bound", sa.Column("at_least", BIG, nullable=True))
    op.add_column("bound", sa.Column("spill_to", sa.String(length=40), nullable=True))
    op.add_column(
        "catalogue_entry", sa.Column("cells", PLAIN_JSON, server_default="{}", nullable=False)
    )
    op.add_column(
        "condition", sa.Column("moments", PLAIN_JSON, server_default="[]", nullable=False)
    )
    op.add_column("form_field", sa.Column("when", PLAIN_JSON, server_default="[]", nullable=False))
    op.add_column(
        "form_field", sa.Column("columns", sa.JSON(), server_default="[]", nullable=False)
    )
    op.add_column("form_field", sa.Column("at_least", BIG, nullable=True))
    op.add_column("form_field", sa.Column("at_most", BIG, nullable=True))
    op.add_column(
        "form_field", sa.Column("pattern", sa.String(length=200), server_default="", nullable=False)
    )
    op.add_column(
        "form_field", sa.Column("is_key", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("form_field", sa.Column("stage", sa.String(length=40), nullable=True))
    op.add_column("order_key", sa.Column("says", sa.Text(), server_default="", nullable=False))
    op.add_column("order_key", sa.Column("when", PLAIN_JSON, server_default="[]", nullable=False))
    op.add_column(
        "revision",
        sa.Column("claims_within", sa.String(length=20), server_default="family", nullable=False),
    )
    op.add_column("stage", sa.Column("when", PLAIN_JSON, server_default="[]", nullable=False))
    op.add_column("window", sa.Column("paper_on", sa.Date(), nullable=True))


def _free_limits() -> None:
    """A bound may have only a lower limit: ``at_most`` may be empty."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("bound", "at_most", type_=BIG, nullable=True)
        return
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER bound_frozen_{event}")
    op.execute("ALTER TABLE bound RENAME COLUMN at_most TO at_most_before")
    op.execute("ALTER TABLE bound ADD COLUMN at_most INTEGER")
    op.execute("UPDATE bound SET at_most = at_most_before")
    op.execute("ALTER TABLE bound DROP COLUMN at_most_before")
    _guard(("bound",))


def _guard(tables: tuple[str, ...]) -> None:
    """Rows of a published revision never change."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table in tables:
        if not sqlite:
            op.execute(
                f'CREATE TRIGGER "{table}_frozen" BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
                "FOR EACH ROW EXECUTE FUNCTION refuse_frozen()"
            )
            continue
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            op.execute(
                f'CREATE TRIGGER "{table}_frozen_{event.lower()}" BEFORE {event} ON "{table}" '
                f"WHEN EXISTS ({FROZEN.format(row=row)}) "
                "BEGIN SELECT RAISE(ABORT, 'frozen revision'); END"
            )


def _settle_routes() -> None:
    """Each case's stages, which until now followed from its channel."""
    bind = op.get_bind()
    found: dict[int, list[tuple[str, list[str]]]] = {}
    stages = "SELECT revision_id, key, channels FROM stage ORDER BY revision_id, position"
    for revision_id, key, channels in bind.execute(sa.text(stages)):
        listed = json.loads(channels) if isinstance(channels, str) else channels
        found.setdefault(revision_id, []).append((key, listed))
    cases = sa.text(
        "UPDATE application SET route = :route WHERE revision_id = :revision "
        "AND channel = :channel AND state <> 'draft'"
    )
    channels_of = bind.execute(sa.text("SELECT revision_id, key FROM channel")).all()
    for revision_id, channel in channels_of:
        keys = [key for key, only in found.get(revision_id, []) if not only or channel in only]
        route = f",{','.join(keys)}," if keys else ""
        bind.execute(cases, {"route": route, "revision": revision_id, "channel": channel})


def downgrade() -> None:
    """There is no way back: what the new columns hold has no place in the old tables."""
    raise NotImplementedError
