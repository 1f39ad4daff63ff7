"""The migrations make exactly the tables that the models declare, on both databases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from flask_migrate import check

from models.base import db
from portal.app import create_app
from tests.conftest import make_config
from tests.support import postgres

needs_postgresql = pytest.mark.skipif(
    not postgres.is_here(), reason=f"there is no PostgreSQL in {postgres.PROGRAMS}"
)


def test_the_migrations_make_the_models_on_sqlite(migrated_sqlite: Path, tmp_path: Path) -> None:
    _check(f"sqlite:///{migrated_sqlite}", tmp_path)


@needs_postgresql
def test_the_migrations_make_the_models_on_postgresql(
    postgresql_server: str, migrated_postgresql: str, tmp_path: Path
) -> None:
    _check(postgresql_server.format(name=migrated_postgresql), tmp_path)


def test_a_missing_column_is_seen(migrated_sqlite: Path, tmp_path: Path) -> None:
    copy = f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'copy.db')}"
    with pytest.raises(SystemExit):
        _check(copy, tmp_path, first="ALTER TABLE job DROP COLUMN title")


def _check(url: str, home: Path, first: str = "SELECT 1") -> None:
    """``flask db check`` after *first*; exits where migrations and models differ."""
    app = create_app(make_config(url, home))
    with app.app_context():
        try:
            with db.engine.begin() as connection:
                connection.exec_driver_sql(first)
            check()
        finally:
            db.engine.dispose()
