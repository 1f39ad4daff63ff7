"""Files of a case in a browser, in Chinese: sent from the page and a phone, opened, removed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Page, expect

from models.base import begin_writing, db
from portal.verify import violations
from tests.browser.signing_in import sign_in
from tests.conftest import City
from tests.support.cases import cells, entered
from tests.support.files import asking, document, photo

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
Shot = Callable[[Page, str], Path]


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": date(2026, 8, 3)}


@pytest.fixture
def case(app: Flask, town: City, tmp_path: Path) -> int:
    """A case of a programme that asks for files, entered by the unit's own reviewer."""
    with app.app_context():
        begin_writing()
        writer = town.person("writer", "grass-roots", "D1-1")
        revision = asking(db.session(), tmp_path)
        form = cells(town.union("D1-1"), 1, certificate__issuer="national")
        [number] = entered(db.session(), writer, revision, [form])
        db.session.commit()
        begin_writing(False)
    return number


def test_files_are_sent_opened_and_removed(
    app: Flask, page: Page, case: int, screenshot: Shot
) -> None:
    sign_in(page, "writer")
    page.goto(f"/application/details/?id={case}")
    proof = page.locator(".jx-attached > ul > li").filter(has_text="证书复印件")
    expect(proof).to_contain_text("还缺 1 份")
    _send(proof, ("证书 正面.pdf", document()), ("证书 反面.jpg", photo(size=(900, 600))))
    expect(page.locator("body")).to_contain_text("已上传 2 个文件")
    expect(proof).to_contain_text("已齐")
    screenshot(page, "attachments-1440")

    page.set_viewport_size(PHONE)
    proof.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    _send(page.locator(".jx-attached > ul > li").filter(has_text="现场照片"), _turned())
    expect(page.locator(".jx-attached")).to_contain_text("img src=x")
    screenshot(page, "attachments-390")
    with page.expect_download() as downloading:
        proof.get_by_text("证书 反面.jpg").click()
    assert downloading.value.suggested_filename.startswith("甲区总工会-张丽1-证书复印件-")

    proof.get_by_label("删除 证书 反面.jpg").click()
    page.get_by_role("dialog").get_by_role("button").last.click()
    expect(page.locator("body")).to_contain_text("文件已删除")

    page.set_viewport_size(DESKTOP)
    page.goto("/application/")
    page.locator("a[data-drawer]").first.click()
    drawer = page.locator("#jx-drawer")
    expect(drawer).to_contain_text("身份证复印件")
    drawer.locator(".jx-attached").scroll_into_view_if_needed()
    screenshot(page, "attachments-drawer")
    with app.app_context():
        assert list(violations(db.session())) == []


def _send(rule: object, *files: tuple[str, bytes]) -> None:
    sent = [{"name": name, "mimeType": "", "buffer": data} for name, data in files]
    rule.locator("input[type=file]").set_input_files(sent)  # type: ignore[attr-defined]
    rule.get_by_role("button", name="上传").click()  # type: ignore[attr-defined]


def _turned() -> tuple[str, bytes]:
    """A photograph with a name that wants to be run."""
    target = BytesIO()
    Image.new("RGB", (400, 300), (30, 90, 160)).save(target, "JPEG")
    return "<img src=x onerror=alert(1)>.jpg", target.getvalue()
