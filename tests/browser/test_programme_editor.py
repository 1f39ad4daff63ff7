"""A new notice becomes a programme on the screens alone; widgets change only what is changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from admin_views.programme_book import SCREENS
from models.base import begin_writing, db
from models.programme import Revision
from portal.access.accounts import system_actor
from portal.clock import Clock
from portal.config import ROOT
from portal.evidence.identifiers import check_digit
from portal.policy.pack_rows import SECTIONS, document_of
from portal.policy.packs import load_pack
from seed.catalogues import load_all
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.unlike import unlike

DAY = date(2027, 5, 10)
Shot = Callable[[Page, str], Path]
PACKS = sorted((ROOT / "seed" / "programmes").glob("*.yaml"))


MOST = 5
"""Rows of a section that the widgets are tried on, each unlike the others."""


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the new window."""
    return {"today": DAY}


@pytest.fixture
def people(app: Flask, town: City) -> None:
    """Somebody who sets the programme up, and a unit that applies."""
    with app.app_context():
        begin_writing()
        town.person("centre", "city-centre", "SH")
        town.person("unit", "grass-roots", "D1-1")
        db.session.commit()
        begin_writing(False)


@pytest.fixture
def faults(page: Page) -> list[str]:
    """What a page's scripts complain of."""
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def test_a_programme_is_made_from_nothing(
    page: Page, people: None, faults: list[str], screenshot: Shot
) -> None:
    sign_in(page, "centre")
    _notice(page)
    _catalogue(page)
    _begin(page)
    screenshot(page, "editor-empty")
    _window_and_channel(page)
    _fields(page)
    _conditions(page)
    _tiers_and_bound(page)
    _stages(page)
    _shares(page)
    expect(page.get_by_text("没有缺漏，可以发布。")).to_be_visible()
    screenshot(page, "editor-ready")
    page.set_viewport_size({"width": 390, "height": 900})
    screenshot(page, "editor-ready-phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("button", name="发布").click()
    page.get_by_role("button", name="确认").click()
    expect(page.locator(".jx-flash")).to_contain_text("已生效")
    _judged(page, screenshot)
    assert faults == []


def _notice(page: Page) -> None:
    page.goto("/notice/new/")
    _fill(page, key="N27", title="关于开展2027年度技能资助的通知", issuer="市总工会")
    page.locator("[name=issued_on]").fill("2027-04-01")
    _save(page)
    for position, (key, says) in enumerate(
        (("一", "谁可以申报"), ("二", "什么时候申报"), ("三", "资助多少"), ("四", "怎样审核")), 1
    ):
        page.goto("/clause/new/")
        _pick(page, "notice", "关于开展2027年度技能资助的通知")
        _fill(page, position=str(position), key=key, says=says)
        _save(page)


def _catalogue(page: Page) -> None:
    page.goto("/catalogue/new/")
    _fill(page, key="trades-2027", title="2027年工种目录", family="trades")
    page.locator("[name=kind]").select_option("occupation")
    _save(page)
    page.goto("/catalogue/paste")
    page.locator("#table").fill("编码\t名称\nT-01\t电工\nT-02\t钳工\n")
    page.get_by_role("button", name="预览").click()
    page.locator("button[name=apply]").click()
    expect(page.locator("body")).to_contain_text("钳工")


def _begin(page: Page) -> None:
    page.goto("/programme/")
    page.get_by_role("link", name="新建项目").click()
    _fill(
        page, title="2027年度技能资助", code="new-skill-2027", family="new-skill", year="2027",
        number_prefix="N27-",
    )  # fmt: skip
    _pick(page, "subject", "技能证书")
    _save(page)
    page.wait_for_url("**/revision/book?id=*")
    for section in ("申报批次", "申报渠道", "资助档次", "审批环节"):
        expect(page.locator(".jx-faults")).to_contain_text(section)


def _window_and_channel(page: Page) -> None:
    _add(page, "channels")
    _fill(page, title="单位申报", clause="二")
    _tick(page, "roles", "基层工会", "市职工技协")
    _save(page)
    _add(page, "windows")
    _fill(page, title="2027年度", clause="二", opens_on="2027-05-01", closes_on="2027-06-30")
    _save(page)
    expect(page.locator("#windows")).to_contain_text("2027-05-01 至 2027-06-30")


def _fields(page: Page) -> None:
    _choices(page, "等级", "中级", "高级")
    _choices(page, "发证机构", "市人社部门", "行业部门")
    _add(page, "fields")
    _fill(page, label="推荐意见", section="意见")
    page.locator("[name=kind]").select_option("choice")
    _pairs(page, "同意", "不同意")
    _save(page)
    expect(page.locator("#fields")).to_contain_text("同意、不同意")


def _conditions(page: Page) -> None:
    _add(page, "conditions")
    _fill(page, says="发证日期在2026年以后，且不晚于申报当日", clause="一")
    page.locator("[name=otherwise]").select_option("refuse")
    _fill(page, reading="申报当日取得的证书计入")
    row = _term(page, "require", "发证日期", "不早于")
    row.locator("input[type=date]").fill("2026-01-01")
    row = _term(page, "require", "发证日期", "不晚于")
    row.locator(".jx-rule-form").select_option("other_fact")
    row.locator(".jx-rule-value > select").last.select_option(label="提交日期")
    _save(page)
    _add(page, "conditions")
    _fill(page, says="工种须在目录中", clause="一")
    page.locator("[name=otherwise]").select_option("refuse")
    term = _term(page, "require", "职业（工种）", "在目录中")
    term.locator("select").last.select_option("trades-2027")
    _save(page)
    shown = page.locator("#conditions")
    expect(shown).to_contain_text("发证日期 不早于 2026-01-01")
    expect(shown).to_contain_text("发证日期 不晚于 提交日期")
    expect(shown).to_contain_text("职业（工种） 在目录中 「2027年工种目录」")
    expect(shown).to_contain_text("理解口径：申报当日取得的证书计入")


def _tiers_and_bound(page: Page) -> None:
    for title, yuan in (("中级", "500"), ("高级", "900")):
        _add(page, "tiers")
        _fill(page, title=title, clause="三", amount_fen=yuan)
        row = _term(page, "when", "等级", "是")
        row.locator(".jx-rule-value > select").last.select_option(label=title)
        _save(page)
    expect(page.locator("#tiers")).to_contain_text("等级 是 「高级」")
    _add(page, "bounds")
    _fill(page, says="每人只资助一次", clause="三", at_most="1")
    page.locator("[name=counts]").select_option("awarded")
    page.locator("[name=within]").select_option("family")
    page.locator("[name=over]").select_option("refuse")
    _tick(page, "per", "个人")
    _save(page)
    expect(page.locator("#bounds")).to_contain_text("每人只资助一次")


def _stages(page: Page) -> None:
    for title, acts in (("复审", "district"), ("初审", "grass-roots"), ("终审", "city-approver")):
        _add(page, "stages")
        _fill(page, title=title, clause="四")
        page.locator("[name=acts]").select_option(acts)
        words = page.locator(".jx-field:has(textarea[name=words]) .jx-rule input")
        for place, ending in enumerate(("待", "已过", "未过", "退回")):
            words.nth(place).fill(f"{title}{ending}")
        due = page.locator(".jx-field:has(textarea[name=due]) .jx-rule")
        due.locator("select").first.select_option("window.closes")
        due.locator("input").fill("10")
        due.locator("select").nth(1).select_option("working_days")
        _save(page)
    rows = page.locator("#stages .jx-book-row")
    expect(rows).to_have_count(3)
    rows.nth(1).get_by_role("button", name="上移").click()
    page.wait_for_url("**/revision/book?id=*#stage-*")
    expect(rows.nth(0)).to_contain_text("初审待")
    expect(rows.nth(2)).to_contain_text("10 个工作日")


def _shares(page: Page) -> None:
    for title, payer, weight in (("市总工会", "city", "1"), ("区局（产业）工会", "district", "2")):
        _add(page, "shares")
        _fill(page, title=title, clause="三", weight=weight)
        page.locator("[name=payer]").select_option(payer)
        _save(page)
    rows = page.locator("#shares .jx-book-row")
    expect(rows).to_have_count(2)
    expect(rows.nth(1)).to_contain_text("占份数：2")


def _judged(page: Page, screenshot: Shot) -> None:
    sign_in(page, "unit")
    cases = (("2026-03-01", "高级", "900"), ("2025-03-01", "中级", "一"))
    for serial, (issued, level, told) in enumerate(cases, 1):
        page.goto("/application/new/")
        body = f"31011519850101{serial:03d}"
        filled = {
            "organization__unit": "甲一厂工会",
            "applicant__name": f"张丽{serial}",
            "certificate__number": f"S{serial:021d}",
            "certificate__occupation": "电工",
            "certificate__issued_on": issued,
            "applicant__id_number": body + check_digit(body),
            "payee__card": "6210941234567897",
        }
        for name, value in filled.items():
            page.locator(f"[name={name}]").fill(value)
        page.locator("[name=applicant__union_member]").select_option(label="是")
        page.locator("[name=certificate__level]").select_option(label=level)
        page.locator("[name=certificate__issuer]").select_option(label="市人社部门")
        _save(page)
        page.goto("/application/")
        row = page.locator("tbody tr", has_text=f"张丽{serial}")
        expect(row).to_contain_text("符合" if serial == 1 else "不符合")
        expect(row).to_contain_text(told)
        expect(row).to_contain_text("初审待")
        row.locator("a").first.click()
        shown = page.locator("#jx-drawer")
        expect(shown).to_contain_text("一")
        expect(shown).to_contain_text("发证日期在2026年以后，且不晚于申报当日")
        if serial == 1:
            expect(shown).to_contain_text("¥300")
            expect(shown).to_contain_text("¥600")
        screenshot(page, f"editor-case-{serial}")


def _fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"[name={name}]").fill(value)


def _pick(page: Page, name: str, words: str) -> None:
    """Choose by its words, from a plain list or a searching one."""
    page.locator(f"[name={name}]").evaluate(
        """(select, words) => {
            const option = [...select.options].find((o) => o.text.includes(words));
            if (select.tomselect) select.tomselect.setValue(option.value);
            else { select.value = option.value; select.dispatchEvent(new Event("change")); }
        }""",
        words,
    )


def _tick(page: Page, name: str, *words: str) -> None:
    """Choose several, as a person does: open the list, click."""
    field = page.locator(f".jx-field:has([name={name}])")
    for word in words:
        option = field.locator(".ts-dropdown .option", has_text=word).first
        if not option.is_visible():
            field.locator(".ts-control").click()
        option.click()
    page.keyboard.press("Escape")


def _save(page: Page) -> None:
    page.locator(".jx-sticky .btn-primary").click()
    page.wait_for_url(lambda url: "/new/" not in url and "/edit/" not in url)


def _add(page: Page, section: str) -> None:
    page.locator(f"#{section} > header .btn", has_text="新增").click()
    expect(page.locator("[data-rules]")).to_be_visible()
    if page.locator("textarea[data-rule]").count():
        expect(page.locator("[data-drawn]")).to_be_visible()


def _term(page: Page, field: str, fact: str, operator: str) -> Locator:
    """Add a term and choose its fact and operator; gives its row."""
    box = page.locator(f".jx-field:has(textarea[name={field}]) .jx-rule")
    box.get_by_role("button", name="加一项判断").click()
    row = box.locator(".jx-rule-term").last
    row.locator("select").nth(0).select_option(label=fact)
    row.locator("select").nth(1).select_option(label=operator)
    return row


def _pairs(page: Page, *words: str) -> None:
    box = page.locator(".jx-field:has(textarea[name=choices]) .jx-rule")
    for word in words:
        box.get_by_role("button", name="新增").click()
        box.locator(".jx-rule-row").last.locator("input").first.fill(word)


def _choices(page: Page, field: str, *words: str) -> None:
    row = page.locator("#fields .jx-book-row").filter(
        has=page.locator("p > b", has_text=field).filter(has_not_text=f"{field}：")
    )
    row.first.get_by_role("link", name="编辑").click()
    expect(page.locator("[data-drawn]")).to_be_visible()
    _pairs(page, *words)
    _save(page)


def test_the_widgets_change_nothing_by_themselves(
    page: Page, app: Flask, people: None, faults: list[str]
) -> None:
    """Every control of every rule says again what it shows; the rules stay what they were."""
    with app.app_context():
        begin_writing()
        session, clock = db.session(), Clock(DAY)
        load_all(session, clock)
        actor = system_actor(session)
        revisions = [load_pack(session, actor, clock, path) for path in PACKS]
        session.commit()
        begin_writing(False)
        before = {revision.id: document_of(revision) for revision in revisions}
        urls = [
            f"/{SCREENS[section]}/edit/?id={row.id}"
            for section in SECTIONS
            for row in unlike(revisions, section)[-MOST:]
            if section not in ("windows", "channels", "fields") or getattr(row, "choices", None)
        ]
    sign_in(page, "centre")
    wrong = []
    for url in urls:
        page.goto(url)
        expect(page.locator("[data-drawn]")).to_be_visible()
        left = page.locator("textarea[data-rule]:visible")
        wrong += [f"{url}: {left.nth(n).get_attribute('name')}" for n in range(left.count())]
        found = page.evaluate(
            """() => {
                for (const control of document.querySelectorAll(".jx-rule :is(input, select)")) {
                    control.dispatchEvent(new Event("input", { bubbles: true }));
                }
                for (const control of document.querySelectorAll(".jx-rule :is(input)")) {
                    control.dispatchEvent(new Event("change", { bubbles: true }));
                }
                return [...document.querySelectorAll("textarea[data-rule]")]
                    .map((area) => [area.name, area.dataset.value, area.value]);
            }"""
        )
        for name, was, now in found:
            if _plain(was) != _plain(now):
                wrong.append(f"{url} {name}: {was} → {now}")
    _save(page)
    assert wrong == []
    assert faults == []
    with app.app_context():
        for revision_id, document in before.items():
            assert document_of(db.session.get_one(Revision, revision_id)) == document


def _plain(text: str) -> object:
    value = json.loads(text) if text else None
    return value or None
