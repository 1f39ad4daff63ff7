"""A project is paid in two instalments through the pages, with its papers, and the books balance
(B22 二（四）4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from models.organization import Organization
from models.types import Fen
from portal.clock import Clock
from portal.funding.budget import set_budget
from portal.review.publicity import close_over, open_notice
from portal.verify import violations
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support import books
from tests.support.walk import Walk

CODE = "bj-project-2022"
TODAY = date(2022, 11, 10)
TO_NOTICE = ("grass-roots", "district", "city-centre", "city-centre", "city-approver")
PAPERS = (
    "payments:\n  - {key: union, title: 划拨区局, papers: [transfer-notice, confirmation, receipt],"
    " due: {after: batch.transferred, days: 14}}\n"
)
"""What the notice leaves open, as a programme might say it."""
Shot = Callable[[Page, str], Path]


@pytest.fixture
def settings() -> dict[str, object]:
    """The day after the window."""
    return {"today": TODAY}


@pytest.fixture
def template() -> str:
    """The walk builds its own city."""
    return "migrated"


@pytest.fixture
def walk(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    """A project whose first instalment is released."""
    text = (books.PROGRAMMES / f"{CODE}.yaml").read_text(encoding="utf-8")
    (tmp_path / "packs").mkdir()
    pack = tmp_path / "packs" / f"{CODE}.yaml"
    pack.write_text(text.replace("\ntexts:", f"\n{PAPERS}texts:"), encoding="utf-8")
    monkeypatch.setattr(books, "PROGRAMMES", pack.parent)
    with _working(app):
        made = Walk(db.session(), tmp_path, CODE)
        made.pass_by(*TO_NOTICE)
        revision, approver = made.scene.revision, made.who("city-approver")
        stage = next(row for row in revision.stages if row.key == made.case.stage_key)
        open_notice(made.session, approver, made.book.after, revision, stage)
        assert close_over(made.session, Clock(TODAY + timedelta(days=10))).passed == 1
        budget = Fen(10_000_00)
        set_budget(made.session, made.who("finance"), made.book.after, revision.programme, budget)
    return made


@pytest.fixture
def town(app: Flask, walk: Walk) -> City:
    """Who pays and who confirms."""
    city = City(app)
    with _working(app):
        rows = db.session.execute(select(Organization.code, Organization.id))
        city.unions = dict(rows.all())
        city.person("finance", "finance", "C")
        city.person("district", "district", "D")
    return city


def test_a_project_is_paid_in_two_instalments_with_its_papers(
    app: Flask, page: Page, walk: Walk, screenshot: Shot
) -> None:
    _pay(page, screenshot)
    with _working(app):
        walk.session = db.session()
        accepted = {"field__city_accepts": "是", "field__unit_accepts": "是"}
        walk.answer("city-centre", project__accepted_on="2022-11-08", **accepted)
        walk.pass_by("city-centre")
    _pay(page)
    page.goto("/statement/")
    expect(page.locator("body")).to_contain_text("账目平衡")
    for paid in ("10,000", "20,000"):
        expect(page.locator(".jx-sums").first).to_contain_text(paid)
    screenshot(page, "statement-1440")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    screenshot(page, "statement-390")
    page.set_viewport_size({"width": 1440, "height": 900})
    with _working(app):
        assert db.session.scalars(select(Application.state)).one() == "paid"
        assert list(violations(db.session())) == []


def _pay(page: Page, screenshot: Shot | None = None) -> None:
    """A batch from nothing to paid, through the pages of finance and of the union."""
    sign_in(page, "finance")
    page.goto("/payment/new/")
    page.locator("[name=district]").select_option(label="D工会")
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url(lambda url: "/new/" not in url)
    page.goto("/payment/")
    page.locator("tbody a[data-drawer]").first.click()
    page.locator("dialog a[href*='/payment/details/']").first.click()
    batch = page.url
    _give(page, "划拨通知")
    page.get_by_role("button", name="标记为已划拨").click()
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url("**/payment/details/**")
    sign_in(page, "district")
    for paper in ("发放确认单", "划拨收据"):
        page.goto(batch)
        _give(page, paper)
    if screenshot is not None:
        screenshot(page, "batch-papers-1440")
        page.locator("dt:text-is('划拨收据') + dd a").first.click()
        expect(page.locator(".jx-document")).to_contain_text("陆仟元整")
        screenshot(page, "receipt-1440")
    sign_in(page, "finance")
    page.goto(batch)
    page.get_by_role("button", name="标记为已发放").click()
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url("**/payment/details/**")
    expect(page.locator("body")).to_contain_text("已更新")


def _give(page: Page, paper: str) -> None:
    page.locator(f"dt:text-is('{paper}') + dd a").last.click()
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url("**/payment/details/**")
    expect(page.locator("body")).to_contain_text(f"{paper}已记录")


@contextmanager
def _working(app: Flask) -> Iterator[None]:
    with app.app_context():
        begin_writing()
        yield
        db.session.commit()
        begin_writing(False)
