"""Logging in through the pages."""

from __future__ import annotations

import re
import sqlite3
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update

from models.account import Account, LoginSession
from models.base import begin_writing, db
from portal.access import accounts
from portal.clock import Clock
from portal.web.login import safe_next
from tests.conftest import PASSWORD, City
from tests.web.pages import Browser

NEW = "tangle-orchid-58-ferry"


@pytest.fixture
def people(app: Flask, town: City) -> City:
    """The town with a grass-roots reviewer, a district reviewer and finance."""
    with app.app_context():
        begin_writing()
        town.person("unit", "grass-roots", "D1-1")
        town.person("district", "district", "D1")
        town.person("money", "finance", "SH")
        db.session.commit()
        begin_writing(False)
    return town


def is_in(browser: Browser) -> bool:
    """Whether the portal knows the browser."""
    return browser.get("/account/password").status_code == 200


def sessions_of(app: Flask, login: str) -> list[LoginSession]:
    with app.app_context():
        of_login = select(LoginSession).join(Account).where(Account.login == login)
        return list(db.session.scalars(of_login.order_by(LoginSession.id)))


def test_a_stranger_is_sent_to_the_login_page_and_back(app: Flask, people: City) -> None:
    browser = Browser(app)
    answer = browser.get("/account/password?x=1")
    assert (answer.status_code, answer.location) == (
        302,
        "/login?next=/account/password?x%3D1",
    )
    page = browser.get(answer.location)
    assert 'value="/account/password?x=1"' in page.text
    answer = browser.post("/login", account="unit", password=PASSWORD, next="/account/password?x=1")
    assert (answer.status_code, answer.location) == (303, "/account/password?x=1")
    assert is_in(browser)


def test_a_wrong_password_says_so_and_keeps_the_name(app: Flask, people: City) -> None:
    browser = Browser(app)
    answer = browser.log_in("unit", "wrong")
    assert answer.status_code == 422
    assert 'value="unit"' in answer.text
    assert not is_in(browser)


def test_the_answer_does_not_tell_known_names_from_unknown(app: Flask, people: City) -> None:
    known = Browser(app).log_in("unit", "wrong").text
    unknown = Browser(app).log_in("abcd", "wrong").text
    blank = re.compile(r'name="csrf.token"[^>]*>')
    assert blank.sub("", known).replace("unit", "") == blank.sub("", unknown).replace("abcd", "")


def test_known_and_unknown_names_take_similar_time(app: Flask, people: City) -> None:
    spent: dict[str, list[float]] = {"unit": [], "nobody": []}
    for _ in range(4):
        for name, times in spent.items():
            browser = Browser(app)
            browser.get("/login")
            start = time.perf_counter()
            browser.post("/login", account=name, password="wrong")
            times.append(time.perf_counter() - start)
    known, unknown = (statistics.median(times) for times in spent.values())
    assert 0.5 < known / unknown < 2


@pytest.mark.parametrize(
    "evil",
    [
        "//evil.example",
        "/\\evil.example",
        "http:evil.example",
        "https://evil.example/",
        "/a\\@evil.example",
        "\t//evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "",
        "evil",
    ],
)
def test_next_leads_nowhere_else(app: Flask, people: City, evil: str) -> None:
    assert safe_next(evil) == "/"
    answer = Browser(app).log_in("unit", next=evil)
    assert (answer.status_code, answer.location) == (303, "/")


def test_next_keeps_addresses_inside() -> None:
    assert safe_next("/application/?page=2&q=中") == "/application/?page=2&q=中"


def test_a_login_makes_a_new_id_and_the_old_one_stays_its_own(app: Flask, people: City) -> None:
    browser = Browser(app)
    browser.get("/login")
    before = browser.client.get_cookie("session")
    browser.log_in("unit")
    first = browser.client.get_cookie("session")
    assert before and first and before.value != first.value
    browser.log_in("unit")
    assert len(sessions_of(app, "unit")) == 2


def test_logging_out_kills_the_id(app: Flask, people: City) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    stolen = browser.client.get_cookie("session")
    assert stolen
    assert browser.post("/logout").location == "/login"
    assert not is_in(browser)
    browser.client.set_cookie("session", stolen.value)
    assert not is_in(browser)


def test_logging_out_takes_a_token(app: Flask, people: City) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    assert browser.client.post("/logout").status_code == 400
    assert browser.get("/logout").status_code == 405
    assert is_in(browser)


def test_a_new_password_ends_other_browsers_but_not_this_one(app: Flask, people: City) -> None:
    here, there = Browser(app), Browser(app)
    here.log_in("unit")
    there.log_in("unit")
    here.get("/account/password")
    answer = here.post("/account/password", old=PASSWORD, new=NEW, again=NEW)
    assert (answer.status_code, answer.location) == (303, "/")
    assert is_in(here)
    assert not is_in(there)
    assert Browser(app).log_in("unit").status_code == 422
    assert Browser(app).log_in("unit", NEW).status_code == 303


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({"old": "wrong", "new": NEW, "again": NEW}, "old-wrong"),
        ({"old": PASSWORD, "new": NEW, "again": NEW + "x"}, "again-wrong"),
        ({"old": PASSWORD, "new": "1234567890", "again": "1234567890"}, "new-wrong"),
        ({}, "old-wrong"),
    ],
)
def test_a_bad_new_password_is_explained_beside_its_field(
    app: Flask, people: City, form: dict[str, str], place: str
) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    answer = browser.post("/account/password", **form)
    assert answer.status_code == 422
    assert f'id="{place}"' in answer.text


def test_a_one_use_password_opens_only_the_page_that_changes_it(app: Flask, town: City) -> None:
    with app.app_context():
        begin_writing()
        _, secret = accounts.create_account(
            db.session(),
            accounts.system_actor(db.session()),
            Clock(),
            "new",
            "新人",
            "grass-roots",
            town.union("D1-1"),
        )
        db.session.commit()
        begin_writing(False)
    browser = Browser(app)
    assert browser.log_in("new", secret).status_code == 303
    assert browser.get("/account/second-factor").location == "/account/password"
    browser.get("/account/password")
    assert browser.post("/account/password", old=secret, new=NEW, again=NEW).status_code == 303
    assert browser.get("/account/second-factor").status_code == 200
    assert Browser(app).log_in("new", secret).status_code == 422


def test_disabling_ends_an_open_browser(app: Flask, people: City) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    with app.app_context():
        begin_writing()
        account = db.session.scalars(select(Account).where(Account.login == "unit")).one()
        system = accounts.system_actor(db.session())
        accounts.disable_account(db.session(), system, Clock(), account.id)
        db.session.commit()
        begin_writing(False)
    assert not is_in(browser)


def test_last_seen_is_written_at_most_once_a_minute(app: Flask, people: City) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    (before,) = sessions_of(app, "unit")
    browser.get("/account/password")
    (now,) = sessions_of(app, "unit")
    assert now.seen_at == before.seen_at
    earlier = before.seen_at - timedelta(minutes=2)
    with app.app_context():
        db.session.execute(update(LoginSession).values(seen_at=earlier))
        db.session.commit()
    browser.get("/account/password")
    (after,) = sessions_of(app, "unit")
    assert after.seen_at > earlier + timedelta(minutes=1)


def test_a_busy_database_does_not_hold_up_a_reader(
    app: Flask, people: City, tmp_path: Path
) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    (row,) = sessions_of(app, "unit")
    earlier = row.seen_at - timedelta(minutes=2)
    with app.app_context():
        db.session.execute(update(LoginSession).values(seen_at=earlier))
        db.session.commit()
    writer = sqlite3.connect(tmp_path / "portal.db", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    start = time.perf_counter()
    status = browser.get("/account/password").status_code
    spent = time.perf_counter() - start
    writer.execute("ROLLBACK")
    writer.close()
    assert status == 200
    assert spent < 2
    (row,) = sessions_of(app, "unit")
    assert row.seen_at == earlier


def test_nothing_planted_before_a_login_survives_it(app: Flask, people: City) -> None:
    browser = Browser(app)
    with browser.client.session_transaction() as cookie:
        cookie["planted"] = "x"
    browser.log_in("unit")
    with browser.client.session_transaction() as cookie:
        assert "planted" not in cookie


def test_five_wrong_passwords_lock_on_the_page_too(app: Flask, people: City) -> None:
    browser = Browser(app)
    for _ in range(5):
        browser.log_in("unit", "wrong")
    assert browser.log_in("unit").status_code == 422
    assert Browser(app, "192.0.2.77").log_in("unit").status_code == 422
    assert Browser(app).log_in("district").status_code == 303


def test_a_login_without_a_token_is_refused(app: Flask, people: City) -> None:
    client = app.test_client()
    form = {"account": "unit", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 400


@pytest.mark.parametrize("settings", [{"require_totp": True}])
def test_finance_enrols_and_shows_a_second_factor(
    app: Flask, people: City, settings: object
) -> None:
    browser = Browser(app)
    browser.log_in("money")
    assert browser.get("/account/password").location == "/account/second-factor"
    page = browser.get("/account/second-factor")
    assert "<svg" in page.text and "style=" not in page.text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert secret
    totp = pyotp.TOTP(secret[1])
    assert browser.post("/account/second-factor", code="000000x").status_code == 422
    code = totp.at(datetime.now(UTC))
    assert browser.post("/account/second-factor", code=code).location == "/"
    assert is_in(browser)

    other = Browser(app)
    assert other.log_in("money").status_code == 303
    assert other.get("/account/password").location == "/account/second-factor"
    page = other.get("/account/second-factor")
    assert "<code>" not in page.text and secret[1] not in page.text
    assert other.post("/account/second-factor", code=code).status_code == 422  # replayed
    later = totp.at(datetime.now(UTC) + timedelta(seconds=30))
    assert other.post("/account/second-factor", code=later).location == "/"
    assert is_in(other)
    assert is_in(browser)


@pytest.mark.parametrize("settings", [{"require_totp": True}])
def test_grass_roots_staff_need_no_second_factor(
    app: Flask, people: City, settings: object
) -> None:
    browser = Browser(app)
    browser.log_in("unit")
    assert is_in(browser)


@pytest.mark.parametrize("name", ["", "nul\0nul", "x" * 5000, "'; DROP TABLE account --", "😀"])
def test_odd_names_are_only_wrong(app: Flask, people: City, name: str) -> None:
    assert Browser(app).log_in(name, "x").status_code in (400, 422)
