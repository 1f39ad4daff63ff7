"""The import wizard and the downloads: what goes in, what is refused, who may see it."""

from __future__ import annotations

import os
import re
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from flask import Flask
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models.application import Application
from models.base import begin_writing, db
from models.exchange import Job, SheetImport
from models.programme import Revision
from portal.web import exports
from tests.conftest import City
from tests.support.cases import cells, entered, published
from tests.web.pages import Browser

CODE = "sh-skill-2026"
ID_NUMBER = "身份证号码"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": date(2026, 8, 3)}


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def labels(app: Flask, town: City) -> dict[str, str]:
    """The programme in force with four people; gives field key → heading."""
    with app.app_context():
        begin_writing()
        revision = published(db.session())
        for login, role, code in (
            ("clerk", "district", "D1"),
            ("other", "district", "D2"),
            ("centre", "city-centre", "SH"),
            ("reader", "auditor", "SH"),
        ):
            town.person(login, role, code)
        found = {row.key: row.label for row in revision.fields}
        db.session.commit()
        begin_writing(False)
    return found


@pytest.fixture
def clerk(app: Flask, labels: dict[str, str]) -> Browser:
    """The browser of a district's clerk."""
    browser = Browser(app)
    browser.log_in("clerk")
    return browser


@pytest.fixture
def forms(app: Flask, town: City, labels: dict[str, str]) -> list[dict[str, str]]:
    """Three rows by heading; the second has a wrong ID number."""
    with app.app_context():
        unit = town.union("D1-1")
        filled = [cells(unit, serial) for serial in (1, 2, 3)]
    filled[1]["applicant.id_number"] = "310115198001010011"
    filled[2]["applicant.name"] = '=HYPERLINK("http://x")<b>'
    return [{labels[key]: value for key, value in row.items()} for row in filled]


def _sheet(rows: list[dict[str, str]]) -> bytes:
    book = Workbook()
    for number, row in enumerate([dict(zip(rows[0], rows[0], strict=True)), *rows], 1):
        for place, value in enumerate(row.values(), 1):
            cell = book.active.cell(number, place, value)
            cell.data_type = "s"  # a name may look like a formula
    target = BytesIO()
    book.save(target)
    return target.getvalue()


def _send(browser: Browser, data: bytes, name: str = "名单.xlsx", code: str = CODE) -> TestResponse:
    browser.get("/imports/")
    return browser.post("/imports/", programme=f"{code}:unit", file=(BytesIO(data), name))


def _count(app: Flask, model: Any) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(model)) or 0


def _rows(answer: TestResponse) -> list[tuple[Any, ...]]:
    assert (answer.status_code, answer.mimetype) == (200, SHEET_TYPE)
    return list(load_workbook(BytesIO(answer.data)).active.iter_rows(values_only=True))


def test_a_sheet_is_looked_over_then_entered_once(
    app: Flask, clerk: Browser, forms: list[dict[str, str]], tmp_path: Path
) -> None:
    sent = _send(clerk, _sheet(forms))
    assert sent.status_code == 302
    preview = clerk.get(sent.location)
    assert "jx-cell-wrong" in preview.text
    assert "310115198001010011" not in preview.text
    assert _count(app, Application) == 0
    refused = _rows(clerk.get(f"{sent.location}/refused"))
    assert len(refused) == 2
    assert refused[1][0] == "3"
    assert ID_NUMBER in str(refused[1][1])
    assert refused[1][refused[0].index(ID_NUMBER)] == "310115198001010011"
    applied = clerk.post(sent.location, token="x")
    assert applied.status_code == 302
    done = clerk.get(applied.location)
    assert done.status_code == 200
    assert re.findall(r"/imports/[\w-]+/refused", done.text)
    assert _count(app, Application) == 2
    again = clerk.post(sent.location, token="x")
    assert again.status_code == 422
    assert "已经导入" in again.text
    assert _count(app, Application) == 2
    assert _rows(clerk.get(f"{sent.location}/refused")) == refused
    assert not list((tmp_path / "uploads").glob("*.sheet"))


def test_refused_rows_can_be_corrected_and_sent_again(
    app: Flask, clerk: Browser, forms: list[dict[str, str]], labels: dict[str, str]
) -> None:
    sent = _send(clerk, _sheet(forms))
    book = load_workbook(BytesIO(clerk.get(f"{sent.location}/refused").data))
    heading = [cell.value for cell in book.active[1]]
    book.active.cell(2, heading.index(ID_NUMBER) + 1).value = forms[0][ID_NUMBER]
    target = BytesIO()
    book.save(target)
    again = _send(clerk, target.getvalue())
    assert again.status_code == 302, again.text
    assert clerk.post(again.location, token="x").status_code == 302
    assert _count(app, Application) == 1


def test_an_import_is_its_uploaders_own(
    app: Flask, clerk: Browser, forms: list[dict[str, str]]
) -> None:
    sent = _send(clerk, _sheet(forms))
    for login in ("other", "centre"):
        stranger = Browser(app)
        stranger.log_in(login)
        assert stranger.get(sent.location).status_code == 404
        assert stranger.get(f"{sent.location}/refused").status_code == 404
        assert stranger.post(sent.location, token="x").status_code == 404
    reader = Browser(app)
    reader.log_in("reader")
    assert reader.get("/imports/").status_code == 403
    assert _count(app, Application) == 0


def test_a_file_changed_behind_the_preview_is_not_entered(
    app: Flask, clerk: Browser, forms: list[dict[str, str]], tmp_path: Path
) -> None:
    sent = _send(clerk, _sheet(forms))
    (stored,) = (tmp_path / "uploads").glob("*.sheet")
    stored.write_bytes(_sheet(forms[:1]))
    assert clerk.post(sent.location, token="x").status_code == 422
    assert clerk.get(sent.location).status_code == 400
    assert _count(app, Application) == 0


def test_a_forgotten_upload_is_removed_after_a_day(
    clerk: Browser, forms: list[dict[str, str]], tmp_path: Path
) -> None:
    _send(clerk, _sheet(forms))
    (stored,) = (tmp_path / "uploads").glob("*.sheet")
    os.utime(stored, (0, 0))
    _send(clerk, _sheet(forms))
    assert not stored.exists()


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "a.xlsx"),
        (b"PK\x03\x04broken", "a.xlsx"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.png"),
        (b"\xff\xfe\x00", "a.csv"),
        ("姓名,工种\n张三,电工\n".encode(), "a.csv"),
        ("姓名,姓名\n张三,电工\n".encode(), "a.csv"),
        (b"a\n" * 60_000, "a.csv"),
        (b"x", "../../etc/passwd"),
        (b"x", "\u202e<img src=x onerror=alert(1)>.xlsx"),
        (b"x", ""),
    ],
)
def test_what_is_no_list_is_told_and_changes_nothing(
    app: Flask, clerk: Browser, tmp_path: Path, data: bytes, name: str
) -> None:
    answer = _send(clerk, data, name)
    assert answer.status_code == 422
    assert "jx-wrong" in answer.text
    assert "<img src=x" not in answer.text
    assert (_count(app, SheetImport), _count(app, Application)) == (0, 0)
    assert not list((tmp_path / "uploads").glob("*.sheet"))


def test_a_missing_heading_is_named(clerk: Browser, forms: list[dict[str, str]]) -> None:
    for row in forms:
        del row[ID_NUMBER]
    answer = _send(clerk, _sheet(forms))
    assert answer.status_code == 422
    assert f"缺少以下列：{ID_NUMBER}" in answer.text


def test_fifty_megabytes_are_turned_away(app: Flask, clerk: Browser) -> None:
    kind = "multipart/form-data; boundary=x"
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body += b"0" * 50 * 1024 * 1024 + b"\r\n--x--"
    answer = clerk.client.post("/imports/", data=body, content_type=kind, buffered=True)
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert _count(app, SheetImport) == 0


@pytest.mark.parametrize("code", ["", "none", "1" * 17, "':--", f"{CODE}:none"])
def test_an_unknown_programme_or_channel_is_told(
    clerk: Browser, forms: list[dict[str, str]], code: str
) -> None:
    assert _send(clerk, _sheet(forms), code=code).status_code == 422


def test_no_key_breaks_the_wizard(clerk: Browser) -> None:
    for key in ("x", "-1", "9" * 25, "a" * 400, "%2e%2e", "template"):
        assert clerk.get(f"/imports/{key}").status_code in (400, 404)
        assert clerk.get(f"/imports/{key}/refused").status_code in (400, 404)
        assert clerk.post(f"/imports/{key}").status_code in (400, 404)
        assert clerk.get(f"/exports/{key}").status_code in (400, 404)
        assert clerk.get(f"/exports/{key}/file").status_code in (400, 404)


def test_the_empty_sheet_asks_what_the_form_asks(
    clerk: Browser, labels: dict[str, str], forms: list[dict[str, str]]
) -> None:
    answer = clerk.get(f"/imports/template/{CODE}")
    rows = _rows(answer)
    assert unquote(answer.headers["Content-Disposition"]).endswith(".xlsx")
    assert "filename*=UTF-8''" in answer.headers["Content-Disposition"]
    assert len(rows) == 1
    assert set(forms[0]) <= set(rows[0])
    assert labels["survey.income"] not in rows[0]
    book = load_workbook(BytesIO(answer.data))
    form, hints, choices = book.worksheets
    assert choices.sheet_state == "hidden"
    rules = {
        area.min_row for rule in form.data_validations.dataValidation for area in rule.sqref.ranges
    }
    assert rules == {2}
    place = rows[0].index(labels["applicant.industry"]) + 1
    assert len([row[place - 1] for row in choices.values if row[place - 1]]) > 10
    required = {row[0] for row in hints.iter_rows(min_row=2, values_only=True) if row[1]}
    assert labels["applicant.id_number"] in required
    assert labels["applicant.sex"] not in required
    looks = {dimension.number_format for dimension in form.column_dimensions.values()}
    assert looks == {"@"}  # 18 digits typed there stay text
    assert clerk.get("/imports/template/none").status_code in (400, 404)


def _enter(app: Flask, town: City, union: str, serials: range) -> None:
    with app.app_context():
        begin_writing()
        revision = db.session.scalars(select(Revision)).one()
        district = union.split("-")[0]
        actor = town.person(f"enter-{district}".lower(), "district", district)
        unit = town.union(union)
        entered(db.session(), actor, revision, [cells(unit, serial) for serial in serials])
        db.session.commit()
        begin_writing(False)


def test_exports_stay_in_the_subtree(app: Flask, town: City, clerk: Browser) -> None:
    _enter(app, town, "D1-1", range(1, 4))
    _enter(app, town, "D2-1", range(4, 9))
    clerk.get("/application/")
    rows = _rows(clerk.post("/application/sheet"))
    assert len(rows) == 1 + 3 + 1
    assert "*" in str(rows[1][rows[0].index(ID_NUMBER)])
    summary = _rows(clerk.get(f"/exports/summary/{CODE}"))
    assert [row[3] for row in summary if row[0] and str(row[0]).isdecimal()] == ["甲一厂工会"] * 3


def test_a_large_export_is_made_by_the_worker_for_its_owner(
    app: Flask, town: City, clerk: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    monkeypatch.setattr(exports, "PART", 2)
    _enter(app, town, "D1-1", range(1, 6))
    clerk.get("/application/")
    started = clerk.post("/application/sheet")
    assert started.status_code == 302
    clerk.get(started.location)
    state = clerk.get(f"{started.location}/progress").json
    assert state is not None
    assert state["state"] == "done"
    for page in (state["url"], "/exports/"):
        assert f"{started.location}/file" in clerk.get(page).get_data(as_text=True)
    assert len(_rows(clerk.get(f"{started.location}/file"))) == 1 + 5 + 1
    assert _count(app, Job) == 1
    for login in ("other", "centre"):
        stranger = Browser(app)
        stranger.log_in(login)
        for page in ("", "/progress", "/file"):
            assert stranger.get(started.location + page).status_code == 404


def test_identifiers_in_full_need_permission_and_reason(
    app: Flask, town: City, clerk: Browser
) -> None:
    _enter(app, town, "D1-1", range(1, 3))
    clerk.get("/application/")
    refused = clerk.post("/application/sheet", with_identifiers="1", reason="")
    assert refused.status_code == 302
    rows = _rows(clerk.post("/application/sheet", with_identifiers="1", reason="核对银行卡"))
    assert len(str(rows[1][rows[0].index(ID_NUMBER)])) == 18
    assert "*" not in str(rows[1][rows[0].index(ID_NUMBER)])
