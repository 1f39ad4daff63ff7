"""Every endpoint is classified, and what is not is closed."""

from __future__ import annotations

import pytest
from flask import Flask

from models.base import begin_writing, db
from portal.access.permissions import PERMISSIONS
from portal.web.routes import PUBLIC, SIGNED_IN, is_classified, needs, permission_of
from tests.conftest import City
from tests.web.pages import Browser


@pytest.fixture
def own_app() -> bool:
    """Pages are added to it."""
    return True


def test_every_endpoint_is_classified(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert sorted(name for name in endpoints if not is_classified(app, name)) == []


def test_every_permission_asked_for_exists(app: Flask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()} - PUBLIC - SIGNED_IN
    asked = {name: permission_of(app, name) for name in endpoints}
    assert {name: need for name, need in asked.items() if need not in PERMISSIONS} == {}


def test_no_page_is_opened_by_accident(app: Flask) -> None:
    assert {
        "static",
        "theme.static",
        "admin.static",
        "access.login",
        "healthz",
        "readyz",
        "publicnotice.shown",
    } == PUBLIC


@pytest.fixture
def person(app: Flask, town: City) -> Browser:
    """A grass-roots reviewer's browser."""
    with app.app_context():
        begin_writing()
        town.person("unit", "grass-roots", "D1-1")
        db.session.commit()
        begin_writing(False)
    return Browser(app)


def test_an_unclassified_page_is_closed(app: Flask, person: Browser) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "open")
    person.log_in("unit")
    assert person.get("/forgotten").status_code == 403


@pytest.mark.parametrize(
    ("permission", "status"), [("application:read", 200), ("payment:make", 403), ("typo:x", 403)]
)
def test_a_marked_page_opens_to_those_who_hold_its_permission(
    app: Flask, person: Browser, permission: str, status: int
) -> None:
    @needs(permission)
    def marked() -> str:
        return "open"

    app.add_url_rule("/marked", "marked", marked)
    person.log_in("unit")
    assert person.get("/marked").status_code == status
