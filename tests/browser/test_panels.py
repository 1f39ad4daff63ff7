"""Projects in a browser: scored, ranked, chosen, on notice, objected to, passed (B22)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from models.organization import Organization
from models.panel import Expert, ScoreSheet
from models.programme import Revision
from portal.clock import Clock
from portal.verify import violations
from tests.conftest import PASSWORD, City
from tests.support.panels import Hall

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
MONDAY, AFTER = date(2022, 11, 14), date(2022, 11, 22)
CITY = {"studio__level": "市级", "field__requested": "10万元"}
CODE = "bj-project-2022"
Shot = Callable[[Page, str], Path]


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
    with app.app_context():
        begin_writing()
        made = Hall(db.session(), tmp_path, CODE, ten=1)
        made.at(MONDAY)
        cases = [
            made.enter({"district": f"D{place}"}, field__score="", **(CITY if place < 2 else {}))
            for place in range(4)
        ]
        made.on(["unit", "district", "qualify"], cases)
        for name in ("赵专家", "钱专家"):
            made.expert(name, unit="某大学", speciality="机械")
        db.session.commit()
        begin_writing(False)
        made.cases = cases  # type: ignore[attr-defined]
    return made


@pytest.fixture
def town(app: Flask, hall: Hall) -> City:
    """The people of the hall's city."""
    city = City(app)
    with app.app_context():
        begin_writing()
        city.unions["C"] = db.session.scalars(
            select(Organization.id).where(Organization.parent_id.is_(None))
        ).one()
        city.person("centre", "city-centre", "C")
        city.person("approver", "city-approver", "C")
        judge = city.person("expert", "expert", "C")
        db.session.add(
            Expert(name="孙专家", account_id=judge.account_id, version=1, is_active=True)
        )
        db.session.commit()
        begin_writing(False)
    return city


def test_projects_are_scored_chosen_and_put_on_notice(
    app: Flask, page: Page, hall: Hall, screenshot: Shot
) -> None:
    _log_in(page, "centre")
    page.goto("/panel/")
    page.get_by_role("link", name="专业评审").click()
    expect(page.locator("main")).to_contain_text("在本环节等待4件")
    page.get_by_text("分派专家").click()
    page.get_by_role("button", name="平均分派").click()
    expect(page.locator("body")).to_contain_text("已分派12张评分表")
    slate = page.url
    page.locator(".jx-slate a.jx-2").first.click()
    page.get_by_role("link", name="录入评分表").first.click()
    _score(page, (15, 20, 15, 15, 5), "符合生产需要")
    expect(page.locator("body")).to_contain_text("按纸质评分表录入")
    screenshot(page, "panel-case-1440")

    _log_in(page, "expert")
    page.wait_for_url("**/score/")
    page.set_viewport_size(PHONE)
    assert page.request.get("/application/").status == 403
    page.locator(".jx-own a").first.click()
    _fits(page)
    screenshot(page, "score-sheet-390")
    _score(page, (18, 27, 18, 18, 9), "创新性强")
    expect(page.locator("body")).to_contain_text("评分表已提交")
    screenshot(page, "score-index-390")
    page.set_viewport_size(DESKTOP)
    page.locator(".jx-own a").nth(1).click()
    screenshot(page, "score-sheet-1440")

    _score_the_rest(app, hall)
    _log_in(page, "centre")
    page.goto(slate)
    page.get_by_role("button", name="汇总评分").click()
    expect(page.locator("body")).to_contain_text("4件申报已计出分数")
    page.locator('input[name="rowid"]').first.check()
    limits = page.locator(".jx-limits")
    expect(limits).to_contain_text("1 / 1")
    for box in page.locator('input[name="rowid"]').all():
        box.check()
    expect(limits).to_contain_text("2 / 50")
    screenshot(page, "slate-1440")
    page.set_viewport_size(PHONE)
    _fits(page)
    screenshot(page, "slate-390")
    page.set_viewport_size(DESKTOP)
    page.get_by_role("button", name="通过").click()
    _confirm(page)

    _log_in(page, "approver")
    _open_stage(page, "确定拟助推项目")
    for box in page.locator('input[name="rowid"]').all():
        box.check()
    page.get_by_role("button", name="通过").click()
    _confirm(page)
    _open_stage(page, "网站公示")
    page.get_by_label("同时提供免登录查看的网页").check()
    screenshot(page, "notice-open-1440")
    page.get_by_role("button", name="开始公示").click()
    expect(page.locator("main")).to_contain_text("2022-11-14 至 2022-11-21")
    notice, public = page.url, page.locator('a[href^="/notices/"]').get_attribute("href")
    _object(page, 1, "与另一项目雷同")
    _object(page, 2, "负责人不符")
    screenshot(page, "notice-1440")
    page.set_viewport_size(PHONE)
    _fits(page)
    screenshot(page, "notice-390")
    page.set_viewport_size(DESKTOP)
    _conclude(page, "异议成立：不予资助", "经查雷同")
    _conclude(page, "异议不成立", "经查相符")

    page.context.clear_cookies()
    page.goto(str(public))
    expect(page.locator(".jx-paper")).to_contain_text("张*")
    assert "异议" not in page.content()
    screenshot(page, "notice-public-1440")

    app.extensions["portal_clock"] = Clock(AFTER)
    assert page.goto(str(public)).status == 404  # type: ignore[union-attr]
    _log_in(page, "approver")
    page.goto(notice)
    states = page.locator(".jx-notice .jx-chip")
    expect(page.locator(".jx-notice")).to_contain_text("异议成立")
    assert [text.strip() for text in states.all_inner_texts()].count("通过") == 3
    with app.app_context():
        stages = db.session.execute(select(Application.state, Application.stage_key)).all()
        assert sorted(map(tuple, stages)) == [
            ("refused", "notice"), *[("waiting", "acceptance")] * 3]  # fmt: skip
        assert list(violations(db.session())) == []


def _log_in(page: Page, login: str) -> None:
    page.context.clear_cookies()
    page.goto("/login")
    page.fill("[name=account]", login)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(lambda url: "/login" not in url)


def _open_stage(page: Page, title: str) -> None:
    page.goto("/panel/")
    page.get_by_role("link", name=title).click()


def _score(page: Page, points: tuple[int, ...], why: str) -> None:
    for box, given in zip(page.locator("[data-points]").all(), points, strict=True):
        box.fill(str(given))
    expect(page.locator("[data-points-sum]")).to_have_text(str(sum(points)))
    page.fill("#justification", why)
    page.get_by_role("button", name="提交评分表").click()


def _score_the_rest(app: Flask, hall: Hall) -> None:
    """Every sheet that is still open comes in on paper; later cases get fewer points."""
    with _working(app, hall):
        rows = db.session.scalars(select(ScoreSheet).where(ScoreSheet.submitted_at.is_(None))).all()
        for sheet in rows:
            hall.score(sheet, 90 - 5 * sheet.application_id)


@contextmanager
def _working(app: Flask, hall: Hall) -> Iterator[None]:
    with app.app_context():
        begin_writing()
        hall.session = db.session()
        hall.revision = db.session.get_one(Revision, hall.revision.id)
        yield
        db.session.commit()
        begin_writing(False)


def _confirm(page: Page) -> None:
    """The usual page before a set is decided, and the one that tells what was done."""
    page.wait_for_url("**/confirm/**")
    asks = page.locator('input[name="include_ask"]')
    if asks.count():
        asks.check()
        page.fill("#ask_reason", "评审已核")
    page.get_by_role("button", name="通过").click()
    page.wait_for_url(lambda url: "/confirm/" not in url)


def _object(page: Page, position: int, said: str) -> None:
    row = page.locator(".jx-under").nth(position - 1)
    row.get_by_text(f"登记对第{position}号的异议").click()
    row.locator('[name="objector"]').last.fill("王女士")
    row.locator('[name="said"]').fill(said)
    row.get_by_role("button", name="登记异议").click()
    expect(page.locator(".jx-under").nth(position - 1)).to_contain_text(said)
    found = page.locator(".jx-under").nth(position - 1)
    found.locator('[name="found"]').fill("查阅材料并走访")
    found.get_by_role("button", name="保存核查情况").click()
    expect(page.locator(".jx-under").nth(position - 1)).to_contain_text("处理结论")


def _conclude(page: Page, button: str, why: str) -> None:
    form = page.locator(".jx-conclude").first
    form.locator('[name="reason"]').fill(why)
    form.get_by_role("button", name=button).click()
    expect(page.locator("body")).to_contain_text(why)


def _fits(page: Page) -> None:
    """Nothing is wider than the phone, once the sidebar has slid away."""
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
