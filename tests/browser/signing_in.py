"""Signing in, as a person does."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.conftest import PASSWORD


def sign_in(page: Page, login: str, password: str = PASSWORD) -> None:
    """Sign in as *login*, whoever was signed in before."""
    page.context.clear_cookies()
    page.goto("/login")
    page.locator("#account").fill(login)
    page.locator("#password").fill(password)
    page.locator("#password").press("Enter")
    page.wait_for_url(lambda url: "/login" not in url)
