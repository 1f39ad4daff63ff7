"""What people do at panels, visits and public notices, page by page, for whichever programme."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from models.base import begin_writing, db
from models.organization import Organization
from models.panel import Expert, ScoreSheet
from models.programme import Revision
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.panels import Hall

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PASTE = """(cell, text) => {
  const data = new DataTransfer();
  data.setData("text", text);
  const told = { clipboardData: data, bubbles: true, cancelable: true };
  cell.dispatchEvent(new ClipboardEvent("paste", told));
}"""
Shot = Callable[[Page, str], Path]


@contextmanager
def working(app: Flask, hall: Hall | None = None) -> Iterator[None]:
    """Services at work beside the pages, *hall*'s among them; what they did is kept."""
    with app.app_context():
        begin_writing()
        if hall is not None:
            hall.session = db.session()
            hall.revision = db.session.get_one(Revision, hall.revision.id)
        yield
        db.session.commit()
        begin_writing(False)


def people_of(app: Flask, **people: tuple[str, str]) -> City:
    """*people* (login → role and the code of a union) in the hall's city; experts are experts."""
    city = City(app)
    with working(app):
        city.unions = dict(db.session.execute(select(Organization.code, Organization.id)).all())
        for login, (role, code) in people.items():
            actor = city.person(login, role, code)
            if role == "expert":
                db.session.add(
                    Expert(name="孙专家", account_id=actor.account_id, version=1, is_active=True)
                )
    return city


def open_stage(page: Page, title: str) -> None:
    """The slate of the stage called *title*."""
    page.goto("/panel/")
    page.get_by_role("link", name=title).click()


def fill_form(page: Page, cells: dict[str, str]) -> None:
    """Type *cells* into the form of a case, as far as it asks them; tables are pasted in."""
    for key, text in cells.items():
        box = page.locator(f'[name="{key.replace(".", "__")}"]')
        if not text or not box.count():
            continue
        if box.get_attribute("data-columns"):
            first = box.locator("xpath=following-sibling::table[1]//tbody//td").first
            first.locator("input, select").evaluate(PASTE, text.replace("|", "\t"))
        elif box.evaluate("field => field.tagName") == "SELECT":
            box.select_option(text)
        else:
            box.fill(text)


def give_out(page: Page, sheets: int) -> None:
    """Spread the cases of the slate over the experts, so that there are *sheets*."""
    page.get_by_text("分派专家").click()
    page.get_by_role("button", name="平均分派").click()
    expect(page.locator("body")).to_contain_text(f"已分派{sheets}张评分表")


def score(page: Page, points: Sequence[int], why: str) -> None:
    """Fill in and hand in the sheet that is open."""
    for box, given in zip(page.locator("[data-points]").all(), points, strict=True):
        box.fill(str(given))
    expect(page.locator("[data-points-sum]")).to_have_text(str(sum(points)))
    page.fill("#justification", why)
    page.get_by_role("button", name="提交评分表").click()


def score_the_rest(app: Flask, hall: Hall, percent: Callable[[int], int]) -> None:
    """Every sheet that is still open comes in on paper; *percent* of the points for each case."""
    with working(app, hall):
        rows = db.session.scalars(select(ScoreSheet).where(ScoreSheet.submitted_at.is_(None))).all()
        for sheet in rows:
            hall.score(sheet, percent(sheet.application_id))


def join(page: Page, cases: int) -> None:
    """Join the sheets of the slate."""
    page.get_by_role("button", name="汇总评分").click()
    expect(page.locator("body")).to_contain_text(f"{cases}件申报已计出分数")


def tick_all(page: Page) -> None:
    """Choose every case of the slate."""
    for box in page.locator('input[name="rowid"]').all():
        box.check()


def pass_ticked(page: Page) -> None:
    """Pass what is ticked, by the page before a set is decided to the one that tells of it."""
    page.get_by_role("button", name="通过", exact=True).click()
    page.wait_for_url("**/confirm/**")
    asks = page.locator('input[name="include_ask"]')
    if asks.count():
        asks.check()
        page.fill("#ask_reason", "评审已核")
    page.get_by_role("button", name="通过").click()
    page.wait_for_url(lambda url: "/confirm/" not in url)


def put_on_notice(page: Page, stage: str, days: str) -> tuple[str, str]:
    """Open the public notice of *stage* for *days*: its address, and that without login."""
    open_stage(page, stage)
    page.get_by_label("同时提供免登录查看的网页").check()
    page.get_by_role("button", name="开始公示").click()
    expect(page.locator("main")).to_contain_text(days)
    public = page.locator('a[href^="/notices/"]').get_attribute("href")
    return page.url, str(public)


def object_to(page: Page, position: int, said: str) -> None:
    """Note an objection against the entry at *position*, and what was found of it."""
    row = _under(page, position)
    row.get_by_text(f"登记对第{position}号的异议").click()
    row.locator('[name="objector"]').last.fill("王女士")
    row.locator('[name="said"]').fill(said)
    row.get_by_role("button", name="登记异议").click()
    expect(_under(page, position)).to_contain_text(said)
    _under(page, position).locator('[name="found"]').fill("查阅材料并走访")
    _under(page, position).get_by_role("button", name="保存核查情况").click()
    expect(_under(page, position)).to_contain_text("处理结论")


def uphold(page: Page, position: int, why: str) -> None:
    """The objection at *position* stands: the case is not funded."""
    _conclude(page, position, "异议成立：不予资助", why)


def dismiss(page: Page, position: int, why: str) -> None:
    """The objection at *position* does not stand."""
    _conclude(page, position, "异议不成立", why)


def _conclude(page: Page, position: int, button: str, why: str) -> None:
    form = _under(page, position).locator(".jx-conclude")
    form.locator('[name="reason"]').fill(why)
    form.get_by_role("button", name=button).click()
    expect(page.locator("body")).to_contain_text(why)


def _under(page: Page, position: int) -> Locator:
    """The objections to the entry at *position*."""
    entry = page.locator(".jx-notice tbody tr[id]").nth(position - 1)
    return entry.locator("xpath=following-sibling::tr[1]")


def see_public(page: Page, public: str) -> None:
    """Anybody reads the masked list without login, and nothing of objections."""
    page.context.clear_cookies()
    page.goto(public)
    expect(page.locator(".jx-paper")).to_contain_text("张*")
    assert "异议" not in page.content()


def ended(page: Page, notice: str, public: str) -> list[str]:
    """What became of the entries once the notice is over, and its public page with it."""
    assert page.goto(public).status == 404  # type: ignore[union-attr]
    sign_in(page, "approver")
    page.goto(notice)
    return [text.strip() for text in page.locator(".jx-notice .jx-chip").all_inner_texts()]


def fits(page: Page) -> None:
    """Nothing is wider than the phone, once the sidebar has slid away."""
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
