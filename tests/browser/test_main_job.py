"""The main job of S26 in a browser, in Chinese: from the sheet to the payment list."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from openpyxl import load_workbook
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from models.application import Application
from models.base import begin_writing, db
from models.organization import Organization
from portal.access.accounts import system_actor
from portal.access.organizations import import_tree
from portal.access.tree import read_sheet
from portal.clock import Clock
from portal.verify import violations
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.cases import SAMPLE, published

UNIT, DISTRICT = "市化江锦物流有限公司1厂工会", "市化学工会"
DAY = date(2026, 9, 15)
Shot = Callable[[Page, str], Path]


@pytest.fixture
def settings() -> dict[str, object]:
    """The last day of the window, when every paper of the sample has arrived."""
    return {"today": DAY}


@pytest.fixture
def people(app: Flask, town: City) -> None:
    """The sample's unions, the programme in force, and everybody who takes part."""
    with app.app_context():
        begin_writing()
        session = db.session()
        import_tree(
            session, system_actor(session), Clock(DAY), read_sheet(SAMPLE / "organizations.csv")
        )
        unions = session.scalars(select(Organization)).all()
        codes = {union.name: union.code for union in unions}
        town.unions.update({union.code: union.id for union in unions})
        published(session)
        for login, role, code in (
            ("importer", "city-centre", "SH"),
            ("unit", "grass-roots", codes[UNIT]),
            ("district", "district", codes[DISTRICT]),
            ("centre", "city-centre", "SH"),
            ("approver", "city-approver", "SH"),
            ("finance", "finance", "SH"),
        ):
            town.person(login, role, code)
        session.commit()
        begin_writing(False)


def test_from_the_sheet_to_the_payment_list(
    page: Page, app: Flask, people: None, screenshot: Shot, tmp_path: Path
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    _import(page, screenshot)
    _pass_all(page, "unit", screenshot)
    _pass_all(page, "district", screenshot, confirm_held=True)
    _pass_all(page, "centre", screenshot)
    _pass_all(page, "approver", screenshot)
    _pay(page, screenshot)
    _export(page, tmp_path)
    assert said == []
    with app.app_context():
        counted = select(Application.state, func.count()).group_by(Application.state)
        states = dict(db.session.execute(counted).all())
        assert states["paid"] >= 10
        assert sum(states.values()) == 540
        assert list(violations(db.session())) == []


def _import(page: Page, screenshot: Shot) -> None:
    sign_in(page, "importer")
    page.goto("/imports/")
    page.set_input_files("input[type=file]", SAMPLE / "applications.xlsx")
    page.locator("form:has(input[type=file]) .btn-primary").click()
    expect(page.locator("body")).to_contain_text("600")
    expect(page.locator("body")).to_contain_text("540")
    screenshot(page, "import-preview")
    page.locator(".jx-sticky .btn-primary").click()
    expect(page.locator("body")).to_contain_text("498")
    screenshot(page, "import-done")


def _pass_all(page: Page, login: str, screenshot: Shot, *, confirm_held: bool = False) -> None:
    """Choose everything that waits and pass what can pass."""
    sign_in(page, login)
    page.goto("/application/?tab=mine")
    page.locator("thead input[type=checkbox]").check()
    every = page.get_by_text("选择全部")
    if every.count() and every.first.is_visible():
        every.first.click()
    screenshot(page, f"list-{login}")
    page.get_by_role("button", name="通过", exact=True).click()
    page.wait_for_url("**/application/confirm/**")
    ask = page.locator("input[name=include_ask]")
    if confirm_held and ask.count():
        ask.check()
        page.locator("textarea[name=ask_reason]").fill("已核对人力资源部门盖章原件")
    screenshot(page, f"confirm-{login}")
    page.locator(".jx-sticky button").first.click()
    page.wait_for_url("**/application/outcome/**")
    screenshot(page, f"outcome-{login}")


def _pay(page: Page, screenshot: Shot) -> None:
    sign_in(page, "finance")
    page.goto("/budget/new/")
    page.locator("[name=cap_fen]").fill("1000000")
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url(lambda url: "/new/" not in url)
    page.goto("/payment/new/")
    page.locator("[name=district]").select_option(label=DISTRICT)
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url(lambda url: "/new/" not in url)
    for _step in ("transferred", "paid"):
        if _step == "paid":
            _hand_in(page)
        page.goto("/payment/")
        page.locator("tbody a[data-drawer]").first.click()
        page.locator("button[name=action][value=move]").last.click()
        page.locator("[name=on]").fill(DAY.isoformat())
        screenshot(page, f"batch-{_step}")
        page.locator(".jx-sticky .btn-primary").click()
        page.wait_for_url("**/payment/details/**")
    expect(page.locator("body")).to_contain_text("已发放")
    screenshot(page, "batch")
    with page.expect_download() as download:
        page.locator("button[name=action][value=sheet]").last.click()
    sheet = BytesIO(download.value.path().read_bytes())
    rows = list(load_workbook(sheet).active.iter_rows(values_only=True))
    accounts = [row[rows[0].index("卡号或账号")] for row in rows[1:] if row[0]]
    assert len(accounts) >= 10
    assert all(account.isdecimal() and len(account) >= 16 for account in accounts)


def _hand_in(page: Page) -> None:
    """Finance issues the transfer notice, the district confirms what it paid (S26 四（一）5)."""
    for login, paper in (("finance", "划拨通知"), ("district", "发放确认单")):
        sign_in(page, login)
        page.goto("/payment/")
        page.locator("tbody a[data-drawer]").first.click()
        page.locator(f"dt:text-is('{paper}') + dd a").last.click()
        page.locator(".jx-sticky .btn-primary").click()
        page.wait_for_url("**/payment/details/**")
        expect(page.locator("body")).to_contain_text("已记录")
    sign_in(page, "finance")


def _export(page: Page, folder: Path) -> None:
    page.goto("/application/?state=paid")
    with page.expect_download() as download:
        page.get_by_role("button", name="导出").click()
    path = folder / "export.xlsx"
    download.value.save_as(path)
    rows = list(load_workbook(path).active.iter_rows(values_only=True))
    person, status = rows[0].index("身份证号码"), rows[0].index("状态")
    people = [row for row in rows[1:] if row[person]]
    assert len(people) >= 10
    assert {row[status] for row in people} == {"已发放"}
    assert all("*" in row[person] for row in people)
