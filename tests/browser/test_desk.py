"""The review desk by keyboard: choose, tick a field, return it, the next case opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models.base import begin_writing, db
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.services.test_decide import ROLES
from tests.support.cases import CLOCK, cells, entered, published


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@pytest.fixture
def waiting(app: Flask, town: City) -> list[int]:
    """Three cases that wait for their unit."""
    with app.app_context():
        begin_writing()
        people = {login: town.person(login, *place) for login, place in ROLES.items()}
        forms = [cells(town.union("D1-1"), serial) for serial in (1, 2, 3)]
        ids = entered(db.session(), people["writer"], published(db.session()), forms)
        db.session.commit()
        begin_writing(False)
    return ids


def test_a_reviewer_works_by_keyboard(
    page: Page, waiting: list[int], screenshot: Callable[[Page, str], Path]
) -> None:
    first, second, third = waiting
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    sign_in(page, "unit")
    page.goto("/desk/")
    expect(page.locator("#jx-case-title")).to_have_text("张丽1")

    # an input method that composes sends the same letters, and nothing moves
    page.evaluate(
        "document.dispatchEvent(new KeyboardEvent('keydown', "
        "{key: 'j', isComposing: true, bubbles: true}))"
    )
    assert page.url.endswith("/desk/")
    page.keyboard.press("j")
    page.wait_for_url(f"**/desk/?case={second}")
    page.keyboard.press("x")
    expect(page.locator("[data-queue-bulk]")).to_be_visible()
    page.keyboard.press("x")
    expect(page.locator("[data-queue-bulk]")).to_be_hidden()
    page.keyboard.press("k")
    page.wait_for_url(f"**/desk/?case={first}")
    page.keyboard.press("/")
    expect(page.locator("#jx-list-search")).to_be_focused()
    page.keyboard.press("Escape")

    tick = page.locator('input[name="field"][value="certificate.number"]')
    tick.check()
    page.locator('input[name="why_certificate.number"]').fill("与复印件不一致")
    expect(page.locator("[data-ticked-count]")).to_have_text("1")
    screenshot(page, "desk-1440")
    page.locator('#jx-desk-decide button[value="return"]').click()
    page.wait_for_url(f"**/desk/?case={second}")
    expect(page.locator("#jx-case-title")).to_have_text("张丽2")

    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("Enter")
    expect(page.locator('#jx-desk-decide button[value="pass"]')).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/desk/?case={third}")

    page.set_viewport_size({"width": 390, "height": 844})
    screenshot(page, "desk-390")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".jx-case-back").click()
    expect(page.locator(".jx-queue-rows > li")).to_have_count(1)
    assert errors == []
