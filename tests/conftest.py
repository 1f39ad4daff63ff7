"""Databases, the application and a small city for every test.

A test in ``tests/services`` runs on SQLite and, where its programs are found, on PostgreSQL;
others run on SQLite. A test that is tried with several values runs on PostgreSQL with the first of
them, and one of ``PLAIN`` or marked ``plain`` not at all; with ``EVERYTHING=1`` all do. Each test
starts from a copy of a database that has what its fixtures begin with.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.serving import WSGIRequestHandler, make_server

from admin_views.records import ACTIONS, ENTITIES
from models.account import Account
from models.base import begin_writing, db
from models.decision import OUTCOMES
from models.organization import Organization
from portal.access import accounts, audit, login, organizations, passwords, trail
from portal.access.actor import Actor
from portal.app import create_app
from portal.clock import Clock
from portal.config import Config
from portal.policy import pack_files
from tests.support import postgres
from tests.support.apps import kept_app
from tests.support.cases import ROLES, published

_Put = TypeVar("_Put", bound=Callable[[Flask, Path], Any])
PASSWORD = "kite-plum-91-harbour"
TODAY = date(2026, 5, 20)
MEMORY, ROOM = Path("/dev/shm"), 2**31
"""Where PostgreSQL's many short databases lie, and the free bytes that this takes."""


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


PLAIN = {
    "test_accounts", "test_applications_out", "test_attachments", "test_commands",
    "test_contradictions", "test_corrections", "test_demo", "test_digests", "test_duplicates",
    "test_full_quotas", "test_intake", "test_login", "test_matching", "test_moving",
    "test_organizations", "test_packs", "test_panels", "test_papers", "test_payment_commands",
    "test_publicity", "test_registry", "test_rule_commands", "test_seed_packs",
    "test_six_statuses", "test_stage_answers", "test_wording",
}  # fmt: skip
"""Services whose statements are plain, or are tried on both databases by others."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What differs between databases is the statement, seldom the values it is tried with."""
    if os.environ.get("EVERYTHING"):
        return
    met: set[str] = set()
    kept, left = [], []
    for item in items:
        test, _, values = item.nodeid.partition("[")
        plain = item.path.stem in PLAIN or item.get_closest_marker("plain") is not None
        again = "postgresql" in values and (test in met or plain)
        met |= {test} if "postgresql" in values else set()
        (left if again else kept).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


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
    """What costs time and is not under test: strong hashes, the same files parsed again, garbage
    that is looked for again and again."""
    gc.set_threshold(100_000, 50, 100)  # an application and its screens stay as long as the tests
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
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL of our own, with ``{name}`` for the database."""
    roomy = MEMORY.exists() and shutil.disk_usage(MEMORY).free > ROOM
    home = Path(tempfile.mkdtemp(prefix="jx-pg-", dir=MEMORY if roomy else "/tmp"))
    with postgres.running(home, *postgres.CARELESS) as server:
        yield server
    shutil.rmtree(home, ignore_errors=True)


PLANTED = {"plant", "city", "town"}
"""Fixtures that begin with the small city: their databases have it already."""
STOCKED = {"desk", "hall", "office", "till"}
"""Those that begin with the 2026 programme in force and who takes part, too."""


@dataclass(frozen=True)
class Fill:
    """What a database begins with, put over what *after* has; it gives plain values."""

    after: str
    put: Callable[[Flask, Path], Any]


_FILLS: dict[str, Fill] = {}


def fills(name: str, *, after: str) -> Callable[[_Put], _Put]:
    """Have the function fill the databases that begin with *name*: a module names it by its
    ``template``, and gets what the function gave as ``begun``."""

    def mark(put: _Put) -> _Put:
        _FILLS[name] = Fill(after, put)
        return put

    return mark


@dataclass
class Templates:
    """Databases to copy, by what they have; each is made when first asked for."""

    home: Path
    server: Callable[[], str]
    told: dict[tuple[str, str], Any] = field(default_factory=dict)
    """By kind of database and what it has: what its fill gave when it was made."""

    def sqlite(self, filled: str) -> Path:
        """The file of the database that is so *filled*."""
        path = self.home / f"{filled}.db"
        if ("sqlite", filled) not in self.told:
            if filled != "migrated":
                shutil.copy(self.sqlite(_FILLS[filled].after), path)
            self.told["sqlite", filled] = self._fill(filled, f"sqlite:///{path}")
        return path

    def postgresql(self, filled: str) -> str:
        """The name of the database that is so *filled*."""
        if ("postgresql", filled) not in self.told:
            empty = filled == "migrated"
            before = "template0" if empty else self.postgresql(_FILLS[filled].after)
            create_database(self.server(), filled, before)
            url = self.server().format(name=filled)
            self.told["postgresql", filled] = self._fill(filled, url)
        return filled

    def _fill(self, filled: str, url: str) -> Any:
        app, told = kept_app(make_config(url, self.home)), None
        with app.app_context():
            if filled == "migrated":
                upgrade()
            else:
                begin_writing()
                told = _FILLS[filled].put(app, self.home)
                db.session.commit()
                begin_writing(False)
                db.session.remove()
            db.engine.dispose()
        return told


@pytest.fixture(scope="session")
def templates(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Templates:
    """What databases are copied from."""
    home = tmp_path_factory.mktemp("templates")
    return Templates(home, lambda: request.getfixturevalue("postgresql_server"))


@pytest.fixture(scope="session")
def migrated_sqlite(templates: Templates) -> Path:
    """A migrated SQLite file to copy."""
    return templates.sqlite("migrated")


@pytest.fixture(scope="session")
def migrated_postgresql(templates: Templates) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    return templates.postgresql("migrated")


@pytest.fixture
def dialect() -> str:
    """Which database the test runs on."""
    return "sqlite"


@pytest.fixture
def template(request: pytest.FixtureRequest) -> str:
    """What the test's database has; a module that begins with something else overrides it."""
    asked = set(request.fixturenames)
    return "stocked" if STOCKED & asked else "planted" if PLANTED & asked else "migrated"


@pytest.fixture
def begun(app: Flask, template: str, dialect: str, templates: Templates) -> Any:
    """What the fill of the test's database gave."""
    return deepcopy(templates.told[dialect, template])


@pytest.fixture
def database_url(
    dialect: str,
    template: str,
    tmp_path: Path,
    templates: Templates,
    request: pytest.FixtureRequest,
) -> Iterator[str]:
    """A fresh, migrated database, empty but for what the test's fixtures begin with."""
    if dialect == "sqlite":
        shutil.copy(templates.sqlite(template), tmp_path / "portal.db")
        yield f"sqlite:///{tmp_path / 'portal.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    name = f"t{secrets.token_hex(6)}"
    create_database(server, name, templates.postgresql(template))
    yield server.format(name=name)
    postgres.administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session", autouse=True)
def acts_have_words() -> Iterator[None]:
    """What the audit trail is told reads as words on its page."""
    assert {trail.ACTIONS + outcome for outcome in OUTCOMES} <= ACTIONS.keys()
    record = audit.record

    def told(session: Session, actor: Actor, now: Any, act: str, kind: str, *rest: Any,
             **more: Any) -> None:  # fmt: skip
        assert act in ACTIONS, f"the audit trail has no words for {act!r}"
        assert kind in ENTITIES, f"the audit trail has no words for {kind!r}"
        record(session, actor, now, act, kind, *rest, **more)

    audit.record = told
    yield
    audit.record = record


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
        """An account; unless *fresh* it has ``PASSWORD`` and need not change it."""
        known = db.session.scalar(select(Account).where(Account.login_key == login))
        if known is not None:
            assert (known.role, known.organization_id) == (role, self.unions[code])
            return Actor.of(known)
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


def built(app: Flask) -> City:
    """The small city, built where it is not there yet."""
    city = City(app, dict(db.session.execute(select(Organization.code, Organization.id)).all()))
    for code, name, kind, parent in TREE:
        if code in city.unions:
            continue
        place = organizations.create_organization(
            db.session(),
            accounts.system_actor(db.session()),
            Clock(TODAY),
            code=code,
            name=name,
            kind=kind,
            parent=city.union(parent) if parent else None,
        )
        city.unions[code] = place.id
    return city


@fills("planted", after="migrated")
def _planted(app: Flask, _home: Path) -> None:
    built(app)


@fills("stocked", after="planted")
def _stocked(app: Flask, _home: Path) -> None:
    """The 2026 programme in force, and who takes part."""
    city = built(app)
    published(db.session())
    for login_key, (role, code) in ROLES.items():
        city.person(login_key, role, code)


@pytest.fixture
def plant() -> Callable[[Flask], City]:
    """Builds the small city inside the current application context."""
    return built


@pytest.fixture
def city(app: Flask, session: Session, plant: Callable[[Flask], City]) -> City:
    """The small city, for service tests."""
    return plant(app)


@pytest.fixture
def town(app: Flask, plant: Callable[[Flask], City]) -> City:
    """The small city committed, with no context left open, for web tests."""
    with app.app_context():
        begin_writing()
        found = plant(app)
        db.session.commit()
        begin_writing(False)
    return found


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


def create_database(server: str, name: str, template: str) -> None:
    """A database *name* as a copy of *template*."""
    postgres.administer(
        server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy'
    )
