"""Files of a case through its page: sent, shown, opened and removed, by those who may."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models.application import Application, Attachment
from models.audit import AuditEntry
from models.base import db
from models.programme import Revision
from portal.access.actor import Actor
from portal.verify import violations
from tests.conftest import City, built, fills
from tests.support.cases import cells, entered
from tests.support.files import (
    bomb,
    document,
    encrypted_document,
    hostile_document,
    photo,
)
from tests.web.halls import PEOPLE, Hall
from tests.web.pages import Browser

XSS = '"><img src=x onerror=alert(1)>{{7*7}}.png'
Sent = list[tuple[BytesIO, str]]
leaves_files_open = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""The test client does, with the temporary file that it keeps a large body in."""


@fills("case-with-files", after="files-asked-for")
def _case(app: Flask, _home: Path) -> tuple[dict[str, Actor], list[int]]:
    town = built(app)
    people = {login: town.person(login, *place) for login, place in PEOPLE.items()}
    revision = db.session.scalars(select(Revision)).one()
    return people, entered(db.session(), people["writer"], revision, [cells(town.union("D1-1"), 1)])


@pytest.fixture
def template() -> str:
    """A case that needs files."""
    return "case-with-files"


@pytest.fixture
def hall(app: Flask, town: City, begun: tuple[dict[str, Actor], list[int]]) -> Hall:
    """A case of a programme that asks for files, entered by a district."""
    return Hall(app, town, *begun)


@pytest.fixture
def large() -> Iterator[None]:
    """Frees what the client left open while the warning of it is still told to be quiet."""
    yield
    gc.collect()


def sent(*files: tuple[bytes, str]) -> Sent:
    return [(BytesIO(data), name) for data, name in files]


def upload(browser: Browser, hall: Hall, files: Sent, rule: str = "proof") -> TestResponse:
    return browser.post(f"/application/attach/{hall.ids[0]}/{rule}", files=files)


def page(browser: Browser, hall: Hall) -> str:
    return browser.get(f"/application/details/?id={hall.ids[0]}").text


def stored(hall: Hall) -> list[tuple[int, str, str]]:
    with hall.app.app_context():
        rows = db.session.execute(
            select(Attachment.id, Attachment.rule_key, Attachment.file_name)
            .where(Attachment.removed_at.is_(None))
            .order_by(Attachment.id)
        )
        return [tuple(row) for row in rows]


def sound(hall: Hall) -> bool:
    with hall.app.app_context():
        return list(violations(db.session())) == []


def test_files_are_sent_shown_opened_and_removed(hall: Hall) -> None:
    browser = hall.browser("writer")
    before = page(browser, hall)
    assert "附件" in before
    assert "还缺 1 份" in before
    answer = upload(
        browser,
        hall,
        sent((document(), "证书 正面.pdf"), (photo(), "../反面.jpg"), (b"MZ", "x.pdf")),
    )
    assert answer.status_code == 302
    assert answer.location.endswith(f"details/?id={hall.ids[0]}#files")
    after = page(browser, hall)
    assert "已上传 2 个文件" in after
    assert "x.pdf：只接收 PDF、JPEG、PNG 文件。" in after
    files = stored(hall)
    assert [row[1:] for row in files] == [("proof", "证书 正面.pdf"), ("proof", "反面.jpg")]
    drawer = browser.get(f"/application/details/?id={hall.ids[0]}&modal=1").text
    for file_id, _, name in files:
        assert name in after
        assert f"/application/file/{file_id}" in after
        assert f"/application/detach/{file_id}" in drawer
    opened = browser.get(f"/application/file/{files[1][0]}")
    assert opened.mimetype == "image/jpeg"
    assert opened.data.startswith(b"\xff\xd8\xff")
    assert b"CANARY" not in opened.data
    assert browser.post(f"/application/detach/{files[0][0]}").status_code == 302
    assert [row[2] for row in stored(hall)] == ["反面.jpg"]
    assert "文件已删除" in page(browser, hall)
    assert sound(hall)


def test_a_file_comes_as_a_download_that_no_browser_runs(hall: Hall) -> None:
    upload(hall.browser("writer"), hall, sent((hostile_document(), "a.pdf")))
    [(file_id, *_)] = stored(hall)
    answer = hall.browser("auditor").get(f"/application/file/{file_id}")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert b"JavaScript" not in answer.data
    disposition = answer.headers["Content-Disposition"]
    assert disposition.startswith("attachment")
    assert f"甲区总工会-张丽1-证书复印件-{file_id}.pdf" in unquote(disposition)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    with hall.app.app_context():
        looks = db.session.scalar(
            select(func.count()).where(AuditEntry.action == "application:open_file")
        )
    assert looks == 1


def test_a_name_with_markup_runs_nowhere(hall: Hall) -> None:
    browser = hall.browser("writer")
    typed = XSS.replace('"', "'")  # a browser escapes the quotes itself, the test client does not
    upload(browser, hall, sent((photo(form="PNG"), typed), (b"no scan", typed)))
    [(file_id, _, name)] = stored(hall)
    assert re.search(r'[<>"{}]', name) is None
    with hall.app.app_context():  # even were it kept as it was sent
        db.session.get_one(Attachment, file_id).file_name = XSS
        db.session.commit()
    for address in ("", "&modal=1"):
        shown = browser.get(f"/application/details/?id={hall.ids[0]}{address}").text
        assert "<img src=x" not in shown
        assert "&lt;img src=x" in shown
        assert "49" not in re.findall(r"alert\(1\)&gt;(.{1,8})", shown)
    answer = browser.get(f"/application/file/{file_id}")
    assert "\n" not in answer.headers["Content-Disposition"]


@pytest.mark.usefixtures("large")
@leaves_files_open
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<html><script>alert(1)</script></html>", "只接收 PDF、JPEG、PNG"),
        (b"PK\x03\x04" + photo(), "只接收 PDF、JPEG、PNG"),
        (bomb(), "图片尺寸过大"),
        (encrypted_document("u"), "已加密"),
        (document()[:150], "已损坏"),
        (b"%PDF-" + bytes(50 * 1024 * 1024), "不能超过 20 MB"),
        (b"", "只接收 PDF、JPEG、PNG"),
    ],
    ids=["html", "zip with a picture", "bomb", "encrypted", "cut off", "50 MB", "empty"],
)
def test_what_is_no_scan_is_refused_in_words(hall: Hall, data: bytes, words: str) -> None:
    browser = hall.browser("writer")
    assert upload(browser, hall, sent((data, "扫描.pdf"))).status_code == 302
    assert words in page(browser, hall)
    assert stored(hall) == []
    assert not list((Path(hall.app.instance_path) / "attachments").glob("*/*"))


@pytest.mark.usefixtures("large")
@leaves_files_open
def test_a_request_has_a_limit_that_only_uploads_raise(hall: Hall) -> None:
    browser = hall.browser("writer")
    huge = b"%PDF-" + bytes(110 * 1024 * 1024)
    answer = upload(browser, hall, sent((huge, "a.pdf")))
    assert answer.status_code == 413
    elsewhere = browser.post("/imports/", file=(BytesIO(huge[: 25 * 1024 * 1024]), "a.xlsx"))
    assert elsewhere.status_code == 413
    assert stored(hall) == []


def test_a_form_without_its_token_changes_nothing(hall: Hall) -> None:
    browser = hall.browser("writer")
    upload(browser, hall, sent((document(), "a.pdf")))
    [(file_id, *_)] = stored(hall)
    for address, data in (
        (f"/application/attach/{hall.ids[0]}/photos", {"files": sent((photo(), "a.jpg"))}),
        (f"/application/detach/{file_id}", {}),
    ):
        assert browser.client.post(address, data=data).status_code == 400
        assert browser.get(address).status_code == 405
    assert [row[1] for row in stored(hall)] == ["proof"]


@pytest.mark.parametrize("login", ["stranger", "sibling"])
def test_another_union_reaches_no_file(hall: Hall, login: str) -> None:
    upload(hall.browser("writer"), hall, sent((document(), "a.pdf")))
    [(file_id, *_)] = stored(hall)
    browser = hall.browser(login)
    assert browser.get(f"/application/file/{file_id}").status_code == 404
    assert browser.post(f"/application/detach/{file_id}").status_code == 404
    assert upload(browser, hall, sent((photo(), "b.jpg"))).status_code == 404
    assert len(stored(hall)) == 1


def test_the_auditor_reads_and_never_adds(hall: Hall) -> None:
    upload(hall.browser("writer"), hall, sent((document(), "a.pdf")))
    [(file_id, *_)] = stored(hall)
    browser = hall.browser("auditor")
    shown = page(browser, hall)
    assert f"/application/file/{file_id}" in shown
    assert "/application/attach/" not in shown
    assert "/application/detach/" not in shown
    assert upload(browser, hall, sent((photo(), "b.jpg"))).status_code == 403
    assert browser.post(f"/application/detach/{file_id}").status_code == 403
    assert len(stored(hall)) == 1


def test_who_waits_for_another_stage_is_told_and_adds_nothing(hall: Hall) -> None:
    browser = hall.browser("approver")
    assert "/application/attach/" not in page(browser, hall)
    upload(browser, hall, sent((photo(), "b.jpg")))
    assert "目前不能由您增删附件" in page(browser, hall)
    assert stored(hall) == []


def test_nonsense_is_refused(hall: Hall) -> None:
    browser = hall.browser("writer")
    for rule in ("opinion", "form", "nothing", "..", "%00x", "x" * 300):
        assert upload(browser, hall, sent((photo(), "b.jpg")), rule).status_code in (302, 400, 404)
    upload(browser, hall, [])
    assert "请选择文件" in page(browser, hall)
    for address in ("/application/file/0", "/application/file/99999999999999999999"):
        assert browser.get(address).status_code in (400, 404)
    assert stored(hall) == []
    with hall.app.app_context():
        assert db.session.get_one(Application, hall.ids[0]).version == 2
