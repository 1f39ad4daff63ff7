"""The main pages by axe, in Chinese: no serious fault, in light and dark, on a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Page, expect

from models.base import begin_writing, db
from portal.access.accounts import system_actor
from portal.policy.packs import draft
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.services.test_decide import ROLES, Desk
from tests.support.cases import CLOCK, cells, entered, published

SPILLS = """box => {
  const pen = document.createElement("canvas").getContext("2d");
  const look = getComputedStyle(box);
  pen.font = look.font;
  const start = box.getBoundingClientRect().left + parseFloat(look.paddingLeft);
  return start + pen.measureText(box.placeholder).width;
}"""
"""Where the words inside a box end."""
GRAVE = ("serious", "critical")
PHONE = ("/", "/dashboard/", "/application/", "/desk/")


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass(frozen=True)
class Shown:
    """A case, the rules that it was judged by, and a condition of a draft of new ones."""

    case: int
    revision: int
    condition: int
    draft: int


@pytest.fixture
def shown(app: Flask, town: City) -> Shown:
    """Three cases that wait for the city's centre."""
    with app.app_context():
        begin_writing()
        people = {login: town.person(login, *place) for login, place in ROLES.items()}
        unit = town.union("D1-1")
        forms = [cells(unit, serial) for serial in (1, 2, 3)]
        revision = published(db.session())
        ids = entered(db.session(), people["writer"], revision, forms)
        desk = Desk(db.session(), revision, people, unit)
        for who in ("unit", "district"):
            assert desk.decide(who, ids).decided == 3
        session = db.session()
        made = draft(session, system_actor(session), CLOCK, revision.programme.code)
        found = Shown(ids[0], revision.id, made.conditions[0].id, made.id)
        db.session.commit()
        begin_writing(False)
    return found


def faults(page: Page, part: str | None = None) -> list[str]:
    """What axe calls serious on *page*, or in *part* of it: rule, place, how it looks there."""
    options = {"resultTypes": ["violations"]}
    found = Axe().run(page, context=part, options=options).response["violations"]
    return [
        f"{page.url} {rule['id']}: {node['target']} {node['html'][:120]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def test_the_main_pages_have_no_serious_fault(
    page: Page, shown: Shown, screenshot: Callable[[Page, str], Path]
) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto("/login")
    found = faults(page)
    sign_in(page, "centre")
    pages = {
        "home": "/",
        "dashboard": "/dashboard/",
        "grid": "/application/?tab=mine",
        "case": f"/application/details/?id={shown.case}",
        "desk": "/desk/",
        "book": f"/revision/book?id={shown.revision}",
        "editor": f"/condition/edit/?id={shown.condition}",
        "calculator": "/application/calculator",
        "panel": "/panel/",
        "notices": "/publicity/",
        "address": "/account/address",
    }
    for url in pages.values():
        page.goto(url)
        page.wait_for_load_state("networkidle")
        found += faults(page)
    found += _over_the_page(page, shown)
    page.goto("/dashboard/")
    assert page.locator(".jx-chart canvas").count() == 2, "both charts are drawn"
    page.locator("[data-scheme-toggle]").click()
    page.set_viewport_size({"width": 390, "height": 844})
    for url in PHONE:
        page.goto(url)
        page.wait_for_load_state("networkidle")
        found += faults(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, url
        if url == "/application/":
            page.locator("[data-toggle=jx-filters]").click()
            expect(page.locator("#jx-filters")).to_be_visible()
            found += faults(page, "#jx-filters")
    assert found == []
    assert errors == []


def _over_the_page(page: Page, shown: Shown) -> list[str]:
    """The search by its keys, a case in the drawer, and the dialog that asks before an act."""
    page.goto("/application/?tab=mine")
    page.keyboard.press("Control+k")
    expect(page.locator("#jx-find")).to_be_focused()
    hint, box = page.locator(".jx-top kbd").bounding_box(), page.locator("#jx-find")
    assert hint is not None
    assert box.evaluate(SPILLS) <= hint["x"], "the hint covers the words of the box"
    found = faults(page, ".jx-top")
    page.locator("a[data-drawer]").first.click()
    expect(page.locator("#jx-drawer")).to_contain_text("办理记录")
    found += faults(page, "#jx-drawer")
    page.goto(f"/revision/book?id={shown.draft}")
    page.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#jx-confirm")).to_be_visible()
    return found + faults(page, "#jx-confirm")
