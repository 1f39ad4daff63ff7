"""Allocation runs on the screens: tried, looked at, made final; districts see their own cases."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select, update

from models.allocation import AllocationRun
from models.application import Application
from models.base import begin_writing, db
from tests.conftest import City
from tests.services.test_decide import ROLES, ROUTE, Desk
from tests.support.cases import CLOCK
from tests.support.pools import with_pools
from tests.web.pages import Browser

ROW = (
    "{key: pool, title: 年度额度, clause: 三, method: lottery, budget: 2500, soft: true, "
    "when: [[applicant.union_member, is true]]}"
)


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass
class Till:
    """Four approved cases of two districts, and a pool for two of them."""

    app: Flask
    number: str

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def runs(self) -> list[tuple[str, str | None, int]]:
        """State, seed and granted cases of every run."""
        with self.app.app_context():
            columns = (AllocationRun.state, AllocationRun.seed, AllocationRun.granted)
            rows = db.session.execute(select(*columns).order_by(AllocationRun.id))
            return [(state, seed, granted) for state, seed, granted in rows]

    def granted(self) -> int:
        """How many cases are granted something."""
        with self.app.app_context():
            given = select(Application.id).where(Application.granted_fen > 0)
            return len(db.session.scalars(given).all())


@pytest.fixture
def till(app: Flask, town: City, tmp_path: Path) -> Till:
    """A programme with a pool."""
    with app.app_context():
        begin_writing()
        session = db.session()
        people = {name: town.person(name, *place) for name, place in ROLES.items()}
        for login, role in (("finance", "finance"), ("auditor", "auditor")):
            town.person(login, role, "SH")
        desk = Desk(session, with_pools(session, tmp_path, ROW), people, town.union("D1-1"))
        ids = desk.enter(4)
        for who in ROUTE:
            assert desk.decide(who, ids).decided == 4
        other = update(Application).where(Application.id.in_(ids[2:]))
        unit = town.unions["D2-1"]
        session.execute(other.values(district_id=town.unions["D2"], organization_id=unit))
        number = session.get_one(Application, ids[0]).number
        session.commit()
        begin_writing(False)
    return Till(app, number)


def test_finance_tries_looks_raises_and_makes_final(till: Till) -> None:
    browser = till.browser("finance")
    offered = browser.get("/allocation/new/").text
    assert "年度额度（摇号）" in offered
    assert ">试算</button>" in offered and ">保存</button>" not in offered
    what = offered.split('<option value="')[1].split('"')[0]
    made = browser.post("/allocation/new/", what=what, seed="公开种子")
    assert (made.status_code, till.runs()) == (302, [("trial", "公开种子", 2)])
    page = browser.get("/allocation/details/?id=1").text
    for word in ("分界线：资金到此为止", "公开种子", "摇号", "剩余 500.00 元", "确认分配"):
        assert word in page
    assert page.index("分界线") > page.index("可分到") < page.index("未分到")
    step = browser.post("/allocation/act", rowid="1:1", action="enlarge")
    raised = browser.post(step.location, pool="", fen="1000", places="", reason="市里追加")
    assert till.runs() == [("discarded", "公开种子", 2), ("trial", "公开种子", 3)]
    assert "市里追加" in browser.get(raised.location).text
    step = browser.post("/allocation/act", rowid="2:1", action="settle")
    assert "3,000" in browser.get(step.location).text
    assert till.granted() == 0
    for _click in range(2):
        assert browser.post(step.location).status_code == 302
    assert (till.runs()[1], till.granted()) == (("final", "公开种子", 3), 3)
    assert "已分到" in browser.get("/allocation/details/?id=2").text
    assert "年度额度" in browser.get("/allocation/").text
    sheet = load_workbook(BytesIO(browser.get("/allocation/sheet/2").data)).active
    assert sheet is not None
    cells = {str(cell.value) for row in sheet.iter_rows() for cell in row}
    assert {"公开种子", till.number, "年度额度"} <= cells


def test_a_district_sees_its_own_cases_and_makes_nothing(till: Till) -> None:
    words = "funding allocate sh-skill-2026 --row pool --seed x --as finance --json".split()
    told = json.loads(till.app.test_cli_runner().invoke(args=words).stdout)
    assert (told["state"], told["granted"], told["pools"][0]["remainder_fen"]) == (
        "trial", 2, 500_00,
    )  # fmt: skip
    page = till.browser("district").get("/allocation/details/?id=1").text
    assert till.number in page
    assert page.count('class="jx-end jx-num jx-place"') == 2
    assert "确认分配" not in page
    assert till.browser("stranger").get("/allocation/details/?id=1").text.count("jx-place") == 2
    assert till.browser("unit").get("/allocation/").status_code == 403
    for login in ("district", "approver"):
        browser = till.browser(login)
        assert browser.post("/allocation/settle/1").status_code == 403
    assert till.runs() == [("trial", "x", 2)]
