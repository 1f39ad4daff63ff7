"""Alembic's environment: the database and the models are those of the Flask application."""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import JSON

from models.base import UtcDateTime

OWN_SQL = ("applicant_search", "ix_applicant_name_grams")
"""What migrations write as SQL because models cannot say it; not compared with the models."""


PLAIN_TYPES = {
    UtcDateTime: "sa.DateTime()",
    JSON: "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')",
}


def include_object(item: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Leave the search index out of comparisons."""
    return not (name or "").startswith(OWN_SQL)


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our types as the plain ones they are stored as: migrations import no models."""
    return PLAIN_TYPES.get(type(item), False) if kind == "type" else False


def run() -> None:
    """Bring the application's database to the wanted revision."""
    db = current_app.extensions["migrate"].db
    with db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            include_object=include_object,
            render_item=render_item,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
