"""Databases, the application and a small city for every test.

A test in ``tests/services`` runs on SQLite and, where its programs are found, on PostgreSQL;
others run on SQLite. Each test starts from a copy of one migrated database.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from models.base import begin_writing, db
from models.organization import Organization
from portal.access import accounts, login, organizations, passwords
from portal.access.actor import Actor
from portal.app import create_app
from portal.clock import Clock
from portal.config import Config
from portal.policy import pack_files
from tests.support import postgres
from tests.support.apps import kept_app
from tests.support.cases import published

PASSWORD = "kite-plum-91-harbour"
TODAY = date(2026, 5, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI everything is there, so a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Services run on both databases."""
    if "dialect" not in metafunc.fixturenames:
        return
    both = "services" in metafunc.definition.path.parts and postgres.is_here()
    metafunc.parametrize("dialect", ["sqlite", "postgresql"] if both else ["sqlite"])


def make_config(url: str, home: Path, **settings: object) -> Config:
    """A configuration for tests: fixed keys, a pinned day before the 2026 window."""
    values: dict[str, object] = {
        "database_url": url,
        "redis_url": None,
        "secret_key": "s" * 40,
        "field_keys": {"test": b"f" * 32},
        "index_key": b"i" * 32,
        "home": home,
        "today": TODAY,
        "testing": True,
    }
    return Config(**(values | settings))  # type: ignore[arg-type]


@pytest.fixture(scope="session", autouse=True)
def _cheap() -> Iterator[None]:
    """What costs time and is not under test: strong hashes, the same files parsed again."""
    marks: dict[bytes, Any] = {}
    load = pack_files._load

    def kept(path: Path) -> Any:
        content = path.read_bytes()
        if content not in marks:
            marks[content] = load(path)
        return marks[content]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack_files, "_load", kept)
        patch.setattr(passwords, "_hasher", PasswordHasher(1, 8, 1))
        patch.setattr(login, "_NOBODY", passwords.hashed(PASSWORD))
        yield


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    home = tmp_path_factory.mktemp("migrated")
    _migrate(make_config(f"sqlite:///{home / 'portal.db'}", home))
    return home / "portal.db"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL of our own, with ``{name}`` for the database."""
    home = Path(tempfile.mkdtemp(prefix="jx-pg-", dir="/tmp"))
    with postgres.running(home, *postgres.CARELESS) as server:
        yield server
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    _create_database(postgresql_server, "migrated", "template0")
    home = tmp_path_factory.mktemp("migrated-postgresql")
    _migrate(make_config(postgresql_server.format(name="migrated"), home))
    return "migrated"


STOCKED = {"desk", "hall", "office", "till"}
"""Fixtures that begin with the 2026 programme in force: their databases have it already."""


@pytest.fixture(scope="session")
def stocked_sqlite(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file with the 2026 programme in force, to copy."""
    home = tmp_path_factory.mktemp("stocked")
    shutil.copy(migrated_sqlite, home / "portal.db")
    _stock(make_config(f"sqlite:///{home / 'portal.db'}", home))
    return home / "portal.db"


@pytest.fixture(scope="session")
def stocked_postgresql(
    postgresql_server: str, migrated_postgresql: str, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The same as a PostgreSQL database."""
    _create_database(postgresql_server, "stocked", migrated_postgresql)
    home = tmp_path_factory.mktemp("stocked-postgresql")
    _stock(make_config(postgresql_server.format(name="stocked"), home))
    return "stocked"


@pytest.fixture
def dialect() -> str:
    """Which database the test runs on."""
    return "sqlite"


@pytest.fixture
def database_url(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    filled = "stocked" if STOCKED & set(request.fixturenames) else "migrated"
    if dialect == "sqlite":
        shutil.copy(request.getfixturevalue(f"{filled}_sqlite"), tmp_path / "portal.db")
        yield f"sqlite:///{tmp_path / 'portal.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"t{secrets.token_hex(6)}"
    _create_database(server, name, request.getfixturevalue(f"{filled}_postgresql"))
    yield server.format(name=name)
    postgres.administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings() -> dict[str, object]:
    """What a test's configuration has beside the usual; override it in a test module."""
    return {}


@pytest.fixture
def own_app() -> bool:
    """Whether a test adds to its application, so that nobody else may have it."""
    return False


@pytest.fixture
def app(
    database_url: str, tmp_path: Path, settings: dict[str, object], own_app: bool
) -> Iterator[Flask]:
    """The application on a fresh database. Web tests push no context around their requests."""
    config = make_config(database_url, tmp_path, **settings)
    application = create_app(config) if own_app else kept_app(config)
    yield application
    begin_writing(False)
    with application.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A writing session inside an application context, for service tests."""
    with app.app_context():
        begin_writing()
        yield db.session()
        db.session.rollback()
        begin_writing(False)


@pytest.fixture
def clock() -> Clock:
    """The pinned clock of the tests."""
    return Clock(TODAY)


@dataclass
class City:
    """A small union tree and its people; sessions are the caller's."""

    app: Flask
    unions: dict[str, int] = field(default_factory=dict)

    def union(self, code: str) -> Organization:
        """The union with *code*, in the current session."""
        return db.session.get_one(Organization, self.unions[code])

    def person(self, login: str, role: str, code: str, *, fresh: bool = False) -> Actor:
        """A new account; unless *fresh* it has ``PASSWORD`` and need not change it."""
        system = accounts.system_actor(db.session())
        account, _ = accounts.create_account(
            db.session(), system, Clock(TODAY), login, login, role, self.union(code)
        )
        if not fresh:
            account.password_hash = _password_hash()
            account.must_change_password, account.one_use_expires_at = False, None
        db.session.flush()
        return Actor.of(account)


TREE = (
    ("SH", "城市总工会", "city", None),
    ("D1", "甲区总工会", "district", "SH"),
    ("D2", "乙区总工会", "district", "SH"),
    ("B1", "机电工会", "bureau", "SH"),
    ("G1", "集团工会", "group", "B1"),
    ("D1-1", "甲一厂工会", "unit", "D1"),
    ("D1-2", "甲二厂工会", "unit", "D1"),
    ("D2-1", "乙一厂工会", "unit", "D2"),
    ("G1-1", "集团一厂工会", "unit", "G1"),
)


@pytest.fixture
def plant(clock: Clock) -> Callable[[Flask], City]:
    """Builds the small city inside the current application context."""

    def build(app: Flask) -> City:
        city = City(app)
        for code, name, kind, parent in TREE:
            place = organizations.create_organization(
                db.session(),
                accounts.system_actor(db.session()),
                clock,
                code=code,
                name=name,
                kind=kind,
                parent=city.union(parent) if parent else None,
            )
            city.unions[code] = place.id
        return city

    return build


@pytest.fixture
def city(app: Flask, session: Session, plant: Callable[[Flask], City]) -> City:
    """The small city, for service tests."""
    return plant(app)


@pytest.fixture
def town(app: Flask, plant: Callable[[Flask], City]) -> City:
    """The small city committed, with no context left open, for web tests."""
    with app.app_context():
        begin_writing()
        built = plant(app)
        db.session.commit()
        begin_writing(False)
    return built


@pytest.fixture
def live_server(app: Flask, town: City) -> Iterator[str]:
    """The address of a real server over the town; people are added in an application context."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Silent)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class _Silent(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Requests of a test are no news."""


_hashes: list[str] = []


def _password_hash() -> str:
    if not _hashes:
        _hashes.append(passwords.hashed(PASSWORD))
    return _hashes[0]


def _migrate(config: Config) -> None:
    app = create_app(config)
    with app.app_context():
        upgrade()
        db.engine.dispose()


def _stock(config: Config) -> None:
    app = create_app(config)
    with app.app_context():
        begin_writing()
        published(db.session())
        db.session.commit()
        begin_writing(False)
        db.session.remove()
        db.engine.dispose()


def _create_database(server: str, name: str, template: str) -> None:
    postgres.administer(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
