"""Budgets and batches on the screens: seen, changed once, and shown in full to few."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select

from models.application import Application
from models.audit import AuditEntry
from models.base import begin_writing, db
from models.funding import Budget, PaymentBatch
from models.types import Fen
from portal.funding.budget import set_budget
from portal.funding.payout import make_batch
from tests.conftest import City
from tests.services.test_decide import ROLES, ROUTE, Desk
from tests.support.cases import CLOCK, published
from tests.web.pages import Browser

CARD = "6210941234567897"
TODAY = CLOCK.today()


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": TODAY}


@dataclass
class Till:
    """A programme with a budget of 10,000 yuan and one batch of three approved cases."""

    app: Flask
    batch: int

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def stored(self) -> tuple[str, int, set[str]]:
        """The batch's state and version, and the states of its cases."""
        with self.app.app_context():
            batch = db.session.get_one(PaymentBatch, self.batch)
            return batch.state, batch.version, set(db.session.scalars(select(Application.state)))

    def cap(self) -> int:
        """What the programme may spend, in fen."""
        with self.app.app_context():
            return db.session.scalars(select(Budget.cap_fen)).one()


@pytest.fixture
def till(app: Flask, town: City) -> Till:
    """Money waiting to go out."""
    with app.app_context():
        begin_writing()
        session = db.session()
        people = {name: town.person(name, *place) for name, place in ROLES.items()}
        finance = town.person("finance", "finance", "SH")
        town.person("auditor", "auditor", "SH")
        desk = Desk(session, published(session), people, town.union("D1-1"))
        ids = desk.enter(3)
        for who in ROUTE:
            assert desk.decide(who, ids).decided == 3
        programme = desk.revision.programme
        set_budget(session, finance, CLOCK, programme, Fen(10_000_00))
        batch = make_batch(session, finance, CLOCK, programme, town.union("D1")).id
        session.commit()
        begin_writing(False)
    return Till(app, batch)


def _seen_version(page: str) -> str:
    found = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_finance_sees_the_budget_and_changes_it(till: Till) -> None:
    browser = till.browser("finance")
    assert "10,000" in browser.get("/budget/").text
    page = browser.get("/budget/edit/?id=1")
    assert page.status_code == 200
    seen = _seen_version(page.text)
    done = browser.post("/budget/edit/?id=1", cap_fen="20000.50", reason="追加", seen_version=seen)
    assert (done.status_code, till.cap()) == (302, 20_000_50)
    assert "20,000.50" in browser.get("/budget/").text
    stale = browser.post("/budget/edit/?id=1", cap_fen="30000", reason="追加", seen_version=seen)
    assert stale.status_code == 200
    assert "重新查看" in stale.text
    assert till.cap() == 20_000_50


def test_a_budget_below_what_is_spent_is_refused_in_words(till: Till) -> None:
    browser = till.browser("finance")
    seen = _seen_version(browser.get("/budget/edit/?id=1").text)
    answer = browser.post("/budget/edit/?id=1", cap_fen="2999.99", reason="削减", seen_version=seen)
    assert answer.status_code == 200
    assert "3,000.00" in answer.text
    assert till.cap() == 10_000_00


def test_a_step_sent_twice_is_taken_once(till: Till) -> None:
    browser = till.browser("finance")
    address = f"/payment/move?rowid={till.batch}"
    seen = _seen_version(browser.get(address).text)
    for _click in range(2):
        answer = browser.post(address, on=TODAY.isoformat(), seen_version=seen)
        assert answer.status_code == 302
        state, version, cases = till.stored()
        assert (state, version, cases) == ("transferred", int(seen) + 1, {"approved"})
    assert "请重新查看" in browser.get(answer.location).text
    seen = _seen_version(browser.get(address).text)
    browser.post(address, on=TODAY.isoformat(), seen_version=seen)
    assert till.stored()[0] == "transferred"
    _hand_in(till)
    browser.post(address, on=TODAY.isoformat(), seen_version=seen)
    state, _version, cases = till.stored()
    assert (state, cases) == ("paid", {"paid"})


@pytest.mark.parametrize("days", [-1, 1])
def test_money_moves_neither_before_its_batch_nor_in_the_future(till: Till, days: int) -> None:
    browser = till.browser("finance")
    address = f"/payment/move?rowid={till.batch}"
    seen = _seen_version(browser.get(address).text)
    on = (TODAY + timedelta(days=days)).isoformat()
    answer = browser.post(address, on=on, seen_version=seen)
    assert answer.status_code == 302
    assert "日期不能" in browser.get(answer.location).text
    assert till.stored() == ("made", int(seen), {"approved"})


def test_who_looks_on_moves_nothing(till: Till) -> None:
    for login in ("auditor", "district"):
        browser = till.browser(login)
        address = f"/payment/move?rowid={till.batch}"
        assert browser.get(address).status_code == 403
        answer = browser.post(address, on=TODAY.isoformat(), seen_version="1")
        assert answer.status_code == 403
    assert till.stored()[0] == "made"


@pytest.mark.parametrize(
    ("login", "shown"), [("finance", CARD), ("district", CARD), ("auditor", "")]
)
def test_accounts_are_in_full_for_who_pays_and_masked_for_who_looks_on(
    till: Till, login: str, shown: str
) -> None:
    browser = till.browser(login)
    browser.get(f"/payment/details/?id={till.batch}")
    answer = browser.post("/payment/move", action="sheet", rowid=f"{till.batch}:1")
    assert answer.status_code == 200
    rows = list(load_workbook(BytesIO(answer.data)).active.iter_rows(values_only=True))
    place = rows[0].index("卡号或账号")
    accounts = [row[place] for row in rows if str(row[0]) in ("1", "2", "3")]
    assert len(accounts) == 3
    if shown:
        assert set(accounts) == {shown}
    else:
        assert all("*" in str(text) and str(text).endswith("7897") for text in accounts)
        assert not any(CARD in str(cell) for row in rows for cell in row)
    with till.app.app_context():
        export = select(AuditEntry.details).where(AuditEntry.action == "payment:export")
        assert db.session.scalars(export).one() == {"people": 3, "clear": bool(shown)}


def _hand_in(till: Till) -> None:
    """Finance issues the transfer notice, the district confirms, each on its own page."""
    for login, paper in (("finance", "transfer-notice"), ("district", "confirmation")):
        address = f"/payment/paper/{till.batch}/{paper}"
        said = {"on": TODAY.isoformat(), "people": "3", "total": "3000", "differences": ""}
        assert till.browser(login).post(address, **said).status_code == 302


def _paid_out(till: Till) -> Browser:
    browser = till.browser("finance")
    address = f"/payment/move?rowid={till.batch}"
    for step in range(2):
        if step:
            _hand_in(till)
        seen = _seen_version(browser.get(address).text)
        browser.post(address, on=TODAY.isoformat(), seen_version=seen)
    assert till.stored()[0] == "paid"
    return browser


def test_a_cancelled_batch_is_in_no_sum_and_its_papers_are_void(till: Till) -> None:
    browser = till.browser("finance")
    totals = browser.get("/payment/totals").json
    assert totals is not None and totals["sums"] == {"total_fen": 3000_00}
    assert ">3,000</b>" in browser.get("/payment/").text
    address, notice = (f"/payment/{page}/{till.batch}" for page in ("cancel", "document"))
    sent = {"reason": "名单有误", "seen_version": "99"}
    browser.post(address, **sent)
    assert till.stored()[0] == "made"
    assert "本单作废" not in browser.get(f"{notice}/transfer-notice").text
    seen = _seen_version(browser.get(address).text)
    browser.post(address, **sent | {"seen_version": seen})
    assert till.stored()[0] == "cancelled"
    totals = browser.get("/payment/totals").json
    assert totals is not None and (totals["count"], totals["sums"]) == (1, {"total_fen": 0})
    assert ">3,000</b>" not in browser.get("/payment/").text
    assert "本单作废" in browser.get(f"{notice}/transfer-notice").text


def test_what_the_bank_returns_is_recorded_once_and_told(till: Till) -> None:
    browser = _paid_out(till)
    page = browser.get(f"/payment/details/?id={till.batch}").text
    found = re.search(r"/payment/returned/(\d+)", page)
    assert found is not None
    assert "城市总工会" in page
    address = found[0]
    sent = {"kind": "bounced", "on": TODAY.isoformat(), "reason": "账号已注销"}
    bad = browser.post(address, **sent | {"reason": "x"})
    assert bad.status_code == 200
    assert till.stored()[2] == {"paid"}
    assert "已退回" not in browser.get("/dashboard/").text
    assert browser.post(address, **sent).status_code == 302
    assert till.stored()[2] == {"paid", "approved"}
    assert "已发放的款项中 ¥1,000 已退回" in browser.get("/dashboard/").text
    assert "账号已注销" in browser.get(f"/payment/details/?id={till.batch}").text
    again = browser.post(address, **sent)
    assert "已经退回" in again.text
    assert browser.get("/payment/returned/999999999999999999").status_code == 404
    assert browser.get("/payment/returned/999999999999999999999").status_code == 400
    for login in ("auditor", "district"):
        assert till.browser(login).get(address).status_code == 403


def test_the_calculator_tells_who_owes_what_and_writes_nothing(till: Till) -> None:
    browser = till.browser("finance")
    page = browser.get("/application/calculator").text
    assert "3,000" in page
    assert "甲区总工会" in page
    sheet = browser.get("/application/calculator/sheet")
    rows = list(load_workbook(BytesIO(sheet.data)).active.iter_rows(values_only=True))
    assert rows[1][2:] == ("3", "0", 3000, 3000, 0)
    stranger = till.browser("stranger")
    assert "3,000" not in stranger.get("/application/calculator").text
    ids = browser.get("/application/calculator?ids=1,2").text
    assert "2,000" in ids
    for wrong in ("w-city=0", "w-city=99999999999", "ids=%00", "tier=%27", "programme=x"):
        assert browser.get(f"/application/calculator?{wrong}").status_code in (200, 400)
