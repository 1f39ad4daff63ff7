"""Studios in a browser, from the form to the names: entered, scored, visited, on notice (S20).

The notice asks for no public notice; the city that plays here adds one before its chairs name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.application import APPROVED, REFUSED, Application
from models.base import db
from portal.clock import Clock
from portal.verify import violations
from tests.browser import panel_walk as walk
from tests.browser.panel_walk import Shot
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.files import photo
from tests.support.panels import Hall

CODE = "sh-studio-2020"
ENTERED, SHOWN, AFTER = date(2020, 11, 12), date(2020, 11, 30), date(2020, 12, 8)
NOTICE = """\
  - key: notice
    clause: 二（四）
    title: 拟命名公示
    acts: city-approver
    kind: public_notice
    words: {waiting: 公示中, passed: 公示无异议, failed: 公示后取消, returned: 公示后重审}
    returns_to: group
    lasts: {working_days: 5, reading: 市里自行增加的公示}
"""
PLACES = {"quota_artisan": 2, "quota_others": 1}
ARTISAN = {
    "studio__category": "工匠",
    "field__leader_honours": "上海工匠 | 第一届上海工匠 | 2016",
}
BLANK = {"field__structure": "", "field__visited_on": "", "field__visit_report": ""}
PEOPLE = {
    "unit": ("grass-roots", "D-U"),
    "centre": ("city-centre", "C"),
    "approver": ("city-approver", "C"),
    "expert": ("expert", "C"),
}


@pytest.fixture
def settings() -> dict[str, object]:
    """The day before the window closes."""
    return {"today": ENTERED}


@pytest.fixture
def template() -> str:
    """The hall builds its own city."""
    return "migrated"


@dataclass
class Studios:
    """The programme at work, and what the best studio, of another district, writes on its form."""

    hall: Hall
    form: dict[str, str]


@pytest.fixture
def studios(app: Flask, tmp_path: Path) -> Studios:
    """Two studios of one category, with places for two, and one of another; three experts."""
    with walk.working(app):
        hall = Hall(db.session(), tmp_path, CODE, before={"chair": NOTICE}, day=ENTERED, **PLACES)
        for place, category in (("E", ARTISAN), ("F", ARTISAN), ("G", {})):
            hall.enter({"district": place}, **category, **BLANK)
        for name in ("赵专家", "钱专家"):
            hall.expert(name)
        return Studios(hall, hall.form({"district": "D"}, **ARTISAN))


@pytest.fixture
def town(app: Flask, studios: Studios) -> City:
    """The people of the hall's city."""
    return walk.people_of(app, **PEOPLE)


def test_studios_are_entered_scored_visited_and_named(
    app: Flask, page: Page, studios: Studios, screenshot: Shot
) -> None:
    hall, form = studios.hall, studios.form
    best = _enter(page, form)
    with walk.working(app, hall):
        cases = list(db.session.scalars(select(Application.id).order_by(Application.id)))
        hall.on(["district", "centre"], cases)
    assert cases[3:] == [best]

    sign_in(page, "centre")
    walk.open_stage(page, "专家评审")
    walk.give_out(page, 12)
    slate = page.url
    page.locator("tr", has_text=form["studio.name"]).locator("a.jx-2").click()
    page.get_by_role("link", name="录入评分表").first.click()
    walk.score(page, (19, 19, 19, 28, 10), "带头人和成果突出")
    marks = dict(zip(cases, (85, 75, 70, 95), strict=True))
    walk.score_the_rest(app, hall, lambda case: marks[case])
    with walk.working(app, hall):
        for case in cases:
            hall.fill(case, field__structure="是")
    page.goto(slate)
    walk.join(page, 4)
    expect(page.locator(".jx-slate tbody tr").first).to_contain_text(form["studio.name"])
    expect(page.locator(".jx-cut")).to_contain_text("名额线")
    walk.tick_all(page)
    expect(page.locator(".jx-limits .jx-bad")).to_contain_text("3 / 2")
    screenshot(page, "studio-slate-1440")
    walk.pass_ticked(page)

    _visit(page, best)
    with walk.working(app, hall):
        for case in cases[:2]:
            hall.fill(case, field__visited_on="2020-11-25", field__visit_report="与申报一致")
    walk.open_stage(page, "实地走访")
    expect(page.locator("tr", has_text=form["studio.name"])).to_contain_text("2020-11-24")
    walk.tick_all(page)
    walk.pass_ticked(page)
    with walk.working(app, hall):
        hall.on(["group"], cases)

    app.extensions["portal_clock"] = Clock(SHOWN)
    sign_in(page, "approver")
    notice, public = walk.put_on_notice(page, "拟命名公示", "2020-11-30 至 2020-12-07")
    walk.object_to(page, 1, "成果归属不清")
    walk.object_to(page, 2, "领衔人已离职")
    walk.dismiss(page, 1, "经查属实")
    walk.uphold(page, 2, "经查已离职")
    walk.see_public(page, public)

    app.extensions["portal_clock"] = Clock(AFTER)
    states = walk.ended(page, notice, public)
    assert (states.count("异议成立"), states.count("通过")) == (1, 3)
    walk.open_stage(page, "主席办公会审定")
    expect(page.locator(".jx-cut")).to_have_count(0)  # who stood below the line moved up
    chosen = page.url
    walk.tick_all(page)
    walk.pass_ticked(page)
    page.goto(chosen)
    expect(page.locator(".jx-slate tbody .jx-chip")).to_have_text(["已命名"] * 3)
    expect(page.locator(".jx-slate tbody tr").first).to_contain_text(form["studio.name"])
    expect(page.get_by_role("button", name="通过", exact=True)).to_have_count(0)
    screenshot(page, "studio-named-1440")
    with app.app_context():
        states = dict(db.session.execute(select(Application.id, Application.state)).all())
        assert states == dict.fromkeys(cases, APPROVED) | {cases[0]: REFUSED}
        assert list(violations(db.session())) == []


def _enter(page: Page, form: dict[str, str]) -> int:
    """The unit fills in its form; gives the case's id."""
    sign_in(page, "unit")
    page.goto("/application/new/")
    walk.fill_form(page, form)
    page.locator(".jx-sticky .btn-primary").first.click()
    page.wait_for_url("**/application/details/**")
    expect(page.locator("main")).to_contain_text(form["studio.name"])
    return int(page.url.partition("id=")[2])


def _visit(page: Page, case: int) -> None:
    """What the stage asks, a day and a report, and a photo."""
    page.goto(f"/application/stage/?id={case}")
    walk.fill_form(page, {"field.visited_on": "2020-11-24", "field.visit_report": "场地属实"})
    page.locator(".jx-sticky .btn-primary").first.click()
    page.wait_for_url("**/application/details/**")
    photos = page.locator(".jx-attached > ul > li").filter(has_text="走访照片")
    taken = {"name": "走访.jpg", "mimeType": "", "buffer": photo()}
    photos.locator("input[type=file]").set_input_files([taken])
    photos.get_by_role("button", name="上传").click()
    expect(page.locator("body")).to_contain_text("已上传 1 个文件")
