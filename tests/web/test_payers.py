"""Other payers' budgets and who bears a match, on the screens."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from models.base import begin_writing, db
from models.funding import Budget, PaymentBatch, ShareBearer
from models.organization import Organization
from models.types import Fen
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch
from tests.conftest import City
from tests.services.test_commands import Office
from tests.support.walk import Walk
from tests.web.pages import Browser

CODE = "sh-studio-2020"


@pytest.fixture
def settings() -> dict[str, object]:
    """The day after the window."""
    return {"today": date(2020, 11, 20)}


@pytest.fixture
def template() -> str:
    """The walk builds its own city."""
    return "migrated"


@pytest.fixture
def walk(app: Flask, tmp_path: Path) -> Walk:
    """An approved studio with a budget of the city's, and who looks at it."""
    with app.app_context():
        begin_writing()
        made = Walk(db.session(), tmp_path, CODE)
        for stage in made.scene.revision.stages:
            if made.case.state == "waiting" and made.case.stage_key == stage.key:
                made.pass_by(stage.acts)
        programme = made.scene.revision.programme
        set_budget(made.session, made.who("finance"), made.book.after, programme, Fen(50_000_00))
        city = City(
            app, dict(made.session.execute(select(Organization.code, Organization.id)).all())
        )
        city.person("finance", "finance", "C")
        city.person("district", "district", "D")
        made.session.commit()
        begin_writing(False)
    return made


def _browser(app: Flask, login: str) -> Browser:
    browser = Browser(app)
    assert browser.log_in(login).status_code == 303
    return browser


def _unions(app: Flask) -> dict[str, int]:
    with app.app_context():
        return dict(db.session.execute(select(Organization.code, Organization.id)).all())


def _seen(page: str) -> str:
    found = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_finance_bounds_what_another_payer_bears(app: Flask, walk: Walk) -> None:
    browser = _browser(app, "finance")
    page = browser.get("/budget/new/").text
    assert "D工会" in page
    union = _unions(app)
    sent = {"programme": "1", "payer": str(union["D"]), "code": "", "cap_fen": "12345.60"}
    assert "请写明理由" in browser.post("/budget/new/", **sent, reason="").text
    assert browser.post("/budget/new/", **sent, reason="区总来函").status_code == 302
    again = browser.post("/budget/new/", **sent | {"cap_fen": "1"}, reason="又一次")
    assert "已有预算" in again.text
    unit = sent | {"code": "D-U", "cap_fen": "10"}
    assert browser.post("/budget/new/", **unit, reason="基层来函").status_code == 302
    assert "没有代码" in browser.post("/budget/new/", **sent | {"code": "X"}, reason="来函").text
    page = browser.get("/budget/").text
    for told in ("D工会", "12,345.60", "D-U工会"):
        assert told in page
    assert "D工会" in browser.get("/").text  # its bar
    address = "/budget/edit/?id=2"
    seen = _seen(browser.get(address).text)
    assert browser.post(address, cap_fen="5", reason="", seen_version=seen).status_code == 200
    assert browser.post(address, cap_fen="5", reason="削减", seen_version=seen).status_code == 302
    short = browser.post("/payment/new/", programme="1", district=str(union["D"]))
    assert "D工会" in short.text
    assert "9,995.00" in short.text
    with app.app_context():
        caps = db.session.scalars(select(Budget.cap_fen).order_by(Budget.id)).all()
        assert caps == [50_000_00, 5_00, 10_00]
        assert db.session.scalar(select(PaymentBatch)) is None
    assert _browser(app, "district").get("/budget/").status_code == 403


def test_who_bears_a_match_is_chosen_on_the_page_of_the_case(app: Flask, walk: Walk) -> None:
    browser, page = _browser(app, "finance"), f"/application/details/?id={walk.id}"
    address = f"/application/payer/?id={walk.id}"
    assert address in browser.get(page).text
    district = _browser(app, "district")
    assert address not in district.get(page).text
    assert district.get(address).status_code == 403
    form = browser.get(address).text
    assert "基层工会 · D-U工会" in form
    sent = {"payer": "match|unit", "seen_version": _seen(form)}
    assert browser.post(address, **sent, reason="x").status_code == 200
    assert browser.post(address, **sent, reason="区总无此预算").status_code == 302
    again = browser.post(address, **sent, reason="区总无此预算")
    assert "改动" in again.text or "重新" in again.text
    shown = browser.get(page).text
    for told in ("D工会 → D-U工会", "区总无此预算", "基层工会（另加）"):
        assert told in shown
    assert "基层工会" in browser.get("/application/calculator").text
    office, finance = Office(app), ("--as", "finance")
    own = ("funding", "budget", CODE, "30000", "--payer", "D-U", *finance)
    assert office.refuses(*own) == "NoReason"
    done = office.does(*own, "--reason", "基层来函")
    assert done == {"programme": CODE, "payer": "D-U", "cap_fen": 30_000_00, "spent_fen": 0}
    choose = ("funding", "payer", "S20-000001", "--share", "match", "--reason", "改由", *finance)
    assert office.refuses(*choose, "--payer", "unit") == "SameBearer"
    assert office.refuses(*choose, "--payer", "city") == "NoChoice"
    for payer in ("district", "unit"):
        assert office.does(*choose, "--payer", payer)["payer"] == payer
    unions = _unions(app)
    with app.app_context():
        begin_writing()
        walk.session = db.session()
        assert db.session.scalars(select(ShareBearer.payer)).one() == "unit"
        programme = walk.case.revision.programme
        union = db.session.get_one(Organization, unions["D"])
        who = walk.who("finance")
        number = make_batch(db.session(), who, walk.book.after, programme, union).number
        db.session.commit()
        begin_writing(False)
    assert office.refuses(*choose, "--payer", "district") == "AlreadyBatched"
    assert office.does("verify")["ok"]
    assert address not in browser.get(page).text
    refused = browser.get(address)
    assert refused.status_code == 302
    assert number in browser.get(refused.location).text
