"""What the database itself refuses, and the index that finds Chinese names.

Decisions, audit, ledger and payments are append-only; rows of a published revision are frozen.
"""

from alembic import op

from models.audit import AuditHead
from portal.access.audit import GENESIS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("decision", "audit_entry", "ledger_entry", "ledger_posting", "payment")
POLICY_ROWS = (
    "window",
    "channel",
    "form_field",
    "condition",
    "award_tier",
    "bound",
    "order_key",
    "stage",
)
FROZEN = "SELECT 1 FROM revision WHERE id = {row}.revision_id AND state <> 'draft'"


def upgrade() -> None:
    """Add guards and the name index."""
    op.bulk_insert(AuditHead.__table__, [{"id": 1, "seal_id": 0, "mac": GENESIS}])
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
        _index_names_sqlite()
    else:
        _guard_postgresql()
        op.execute(
            "CREATE INDEX ix_applicant_name_grams ON applicant "
            "USING gin (string_to_array(name_grams, ' '))"
        )


def _guard_sqlite() -> None:
    for table in APPEND_ONLY:
        for event in ("UPDATE", "DELETE"):
            _sqlite(f"{table}_no_{event.lower()}", event, table, "", f"{table} is append-only")
        _sqlite(
            f"{table}_no_replace",
            "INSERT",
            table,
            f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)",
            f"{table} is append-only",
        )
    sealed = "WHEN OLD.mac <> x''"
    _sqlite("audit_seal_no_update", "UPDATE", "audit_seal", sealed, "a seal never changes")
    _sqlite("audit_seal_no_delete", "DELETE", "audit_seal", "", "a seal never changes")
    for table in POLICY_ROWS:
        for event, row in (("INSERT", "NEW"), ("UPDATE", "OLD"), ("DELETE", "OLD")):
            frozen = f"WHEN EXISTS ({FROZEN.format(row=row)})"
            _sqlite(f"{table}_frozen_{event.lower()}", event, table, frozen, "frozen revision")
    opened = "WHEN OLD.state <> 'draft' AND NOT (OLD.state = 'published' AND NEW.state = 'closed')"
    _sqlite("revision_frozen_update", "UPDATE", "revision", opened, "frozen revision")
    _sqlite(
        "revision_frozen_delete",
        "DELETE",
        "revision",
        "WHEN OLD.state <> 'draft'",
        "frozen revision",
    )


def _sqlite(name: str, event: str, table: str, when: str, message: str) -> None:
    op.execute(
        f'CREATE TRIGGER "{name}" BEFORE {event} ON "{table}" {when} '
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _index_names_sqlite() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE applicant_search USING fts5(name_grams, content='', detail=none)"
    )
    add = "INSERT INTO applicant_search(rowid, name_grams) VALUES (NEW.id, NEW.name_grams);"
    drop = (
        "INSERT INTO applicant_search(applicant_search, rowid, name_grams) "
        "VALUES ('delete', OLD.id, OLD.name_grams);"
    )
    for event, body in (("INSERT", add), ("DELETE", drop), ("UPDATE OF name_grams", drop + add)):
        name = f"applicant_search_{event.split()[0].lower()}"
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON applicant BEGIN {body} END")


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        _refuse(table, "UPDATE OR DELETE", "ROW", "")
        _refuse(table, "TRUNCATE", "STATEMENT", "")
    _refuse("audit_seal", "UPDATE", "ROW", "WHEN (OLD.mac <> ''::bytea)")
    _refuse("audit_seal", "DELETE", "ROW", "")
    _refuse("audit_seal", "TRUNCATE", "STATEMENT", "")
    _freeze_postgresql()


def _refuse(table: str, event: str, each: str, when: str) -> None:
    name = f"{table}_no_{event.split()[0].lower()}"
    op.execute(
        f'CREATE TRIGGER "{name}" BEFORE {event} ON "{table}" FOR EACH {each} {when} '
        "EXECUTE FUNCTION refuse_change()"
    )


def _freeze_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_frozen() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF TG_OP <> 'INSERT' AND EXISTS ({FROZEN.format(row='OLD')}) "
        f"OR TG_OP <> 'DELETE' AND EXISTS ({FROZEN.format(row='NEW')}) "
        "THEN RAISE EXCEPTION 'frozen revision'; END IF; "
        "RETURN COALESCE(NEW, OLD); END $$"
    )
    for table in POLICY_ROWS:
        op.execute(
            f'CREATE TRIGGER "{table}_frozen" BEFORE INSERT OR UPDATE OR DELETE ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION refuse_frozen()"
        )
    op.execute(
        "CREATE FUNCTION refuse_frozen_revision() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN IF OLD.state <> 'draft' AND (TG_OP = 'DELETE' OR NOT "
        "(OLD.state = 'published' AND NEW.state = 'closed')) "
        "THEN RAISE EXCEPTION 'frozen revision'; END IF; RETURN COALESCE(NEW, OLD); END $$"
    )
    op.execute(
        "CREATE TRIGGER revision_frozen BEFORE UPDATE OR DELETE ON revision "
        "FOR EACH ROW EXECUTE FUNCTION refuse_frozen_revision()"
    )
