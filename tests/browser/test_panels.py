"""Projects in a browser: scored, ranked, chosen, on notice, objected to, passed (B22)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.application import Application
from models.base import db
from portal.clock import Clock
from portal.verify import violations
from tests.browser import panel_walk as walk
from tests.browser.panel_walk import DESKTOP, PHONE, Shot
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.panels import Hall

MONDAY, AFTER = date(2022, 11, 14), date(2022, 11, 22)
CITY = {"studio__level": "市级", "field__requested": "10万元"}
CODE = "bj-project-2022"


@pytest.fixture
def settings() -> dict[str, object]:
    """A Monday after the window."""
    return {"today": MONDAY}


@pytest.fixture
def template() -> str:
    """The hall builds its own city."""
    return "migrated"


@pytest.fixture
def hall(app: Flask, tmp_path: Path) -> Hall:
    """Four projects that wait to be scored, one place of the highest sum, three experts."""
    with walk.working(app):
        made = Hall(db.session(), tmp_path, CODE, ten=1)
        made.at(MONDAY)
        cases = [
            made.enter({"district": f"D{place}"}, field__score="", **(CITY if place < 2 else {}))
            for place in range(4)
        ]
        made.on(["unit", "district", "qualify"], cases)
        for name in ("赵专家", "钱专家"):
            made.expert(name, unit="某大学", speciality="机械")
    return made


@pytest.fixture
def town(app: Flask, hall: Hall) -> City:
    """The people of the hall's city."""
    roles = {"centre": "city-centre", "approver": "city-approver", "expert": "expert"}
    return walk.people_of(app, **{login: (role, "C") for login, role in roles.items()})


def test_projects_are_scored_chosen_and_put_on_notice(
    app: Flask, page: Page, hall: Hall, screenshot: Shot
) -> None:
    sign_in(page, "centre")
    walk.open_stage(page, "专业评审")
    expect(page.locator("main")).to_contain_text("在本环节等待4件")
    walk.give_out(page, 12)
    slate = page.url
    page.locator(".jx-slate a.jx-2").first.click()
    page.get_by_role("link", name="录入评分表").first.click()
    walk.score(page, (15, 20, 15, 15, 5), "符合生产需要")
    expect(page.locator("body")).to_contain_text("按纸质评分表录入")

    sign_in(page, "expert")
    page.wait_for_url("**/score/")
    page.set_viewport_size(PHONE)
    assert page.request.get("/application/").status == 403
    page.locator(".jx-own a").first.click()
    walk.fits(page)
    screenshot(page, "score-sheet-390")
    walk.score(page, (18, 27, 18, 18, 9), "创新性强")
    expect(page.locator("body")).to_contain_text("评分表已提交")
    page.set_viewport_size(DESKTOP)

    walk.score_the_rest(app, hall, lambda case: 90 - 5 * case)
    sign_in(page, "centre")
    page.goto(slate)
    walk.join(page, 4)
    page.locator('input[name="rowid"]').first.check()
    limits = page.locator(".jx-limits")
    expect(limits).to_contain_text("1 / 1")
    walk.tick_all(page)
    expect(limits).to_contain_text("2 / 50")
    screenshot(page, "slate-1440")
    page.set_viewport_size(PHONE)
    walk.fits(page)
    screenshot(page, "slate-390")
    page.set_viewport_size(DESKTOP)
    walk.pass_ticked(page)

    sign_in(page, "approver")
    walk.open_stage(page, "确定拟助推项目")
    walk.tick_all(page)
    walk.pass_ticked(page)
    notice, public = walk.put_on_notice(page, "网站公示", "2022-11-14 至 2022-11-21")
    walk.object_to(page, 1, "与另一项目雷同")
    walk.object_to(page, 2, "负责人不符")
    screenshot(page, "notice-1440")
    page.set_viewport_size(PHONE)
    walk.fits(page)
    screenshot(page, "notice-390")
    page.set_viewport_size(DESKTOP)
    walk.uphold(page, 1, "经查雷同")
    walk.dismiss(page, 2, "经查相符")
    walk.see_public(page, public)
    screenshot(page, "notice-public-1440")

    app.extensions["portal_clock"] = Clock(AFTER)
    states = walk.ended(page, notice, public)
    assert "异议成立" in states
    assert states.count("通过") == 3
    with app.app_context():
        stages = db.session.execute(select(Application.state, Application.stage_key)).all()
        assert sorted(map(tuple, stages)) == [
            ("refused", "notice"), *[("waiting", "acceptance")] * 3]  # fmt: skip
        assert list(violations(db.session())) == []
