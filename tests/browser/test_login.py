"""Signing in with a real browser, in Chinese, and nothing of it in the console."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from models.base import begin_writing, db
from tests.conftest import PASSWORD, City


@pytest.fixture
def someone(app: Flask, town: City) -> str:
    """The login of a district reviewer."""
    with app.app_context():
        begin_writing()
        town.person("district", "district", "D1")
        db.session.commit()
        begin_writing(False)
    return "district"


def test_a_reviewer_signs_in(
    page: Page, someone: str, screenshot: Callable[[Page, str], Path]
) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
    screenshot(page, "login")
    page.locator("#account").fill(someone)
    page.locator("#password").fill(PASSWORD)
    page.locator("form button.btn-primary").first.click()
    page.wait_for_url(lambda url: "login" not in url)
    screenshot(page, "home")
    assert page.context.cookies() != []
    assert said == []


def test_a_wrong_password_is_told_in_chinese(page: Page, someone: str) -> None:
    page.goto("/login")
    page.locator("#account").fill(someone)
    page.locator("#password").fill("wrong")
    page.locator("form button.btn-primary").first.click()
    expect(page.get_by_role("alert")).to_contain_text("密码")
