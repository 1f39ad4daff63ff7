"""Cases as sheets: identifiers in full for a reason, second looks in the preview, one's exports."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from models.audit import AuditEntry
from models.base import db
from models.programme import Revision
from portal.web import exports
from tests.support.cases import CLOCK
from tests.web.halls import Hall, hall
from tests.web.pages import Browser

__all__ = ["hall"]
CARD, MISTYPED = "6210941234567897", "6210941234567898"


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@pytest.fixture
def labels(hall: Hall) -> dict[str, str]:
    """Heading by field key."""
    with hall.app.app_context():
        fields = db.session.scalars(select(Revision)).one().fields
        return {row.key: row.label for row in fields if row.purpose != "survey"}


def _sent(browser: Browser, labels: dict[str, str], forms: list[dict[str, str]]) -> str:
    """The address of the preview of a sheet with *forms*."""
    book = Workbook()
    keys = [name.replace(".", "__") for name in labels]
    for row in ([*labels.values()], *([form.get(key, "") for key in keys] for form in forms)):
        book.active.append(row)
    target = BytesIO()
    book.save(target)
    target.seek(0)
    browser.get("/imports/")
    sent = browser.post("/imports/", programme="sh-skill-2026:unit", file=(target, "名单.xlsx"))
    assert sent.status_code == 302
    return str(sent.location)


def _rows(data: bytes) -> list[tuple[Any, ...]]:
    return list(load_workbook(BytesIO(data)).active.iter_rows(values_only=True))


def test_identifiers_in_full_are_given_for_a_reason(hall: Hall) -> None:
    browser = hall.browser("district")
    assert "/application/full?tab=all" in browser.get("/application/?tab=all").text
    form = browser.get("/application/full")
    assert 'name="with_identifiers"' in form.text
    for reason in ("", "x"):
        refused = browser.post("/application/full", with_identifiers="1", reason=reason)
        assert (refused.status_code, refused.mimetype) == (200, "text/html")
    given = browser.post("/application/full", with_identifiers="1", reason="核对银行卡")
    text = {str(cell) for row in _rows(given.data) for cell in row}
    wanted = hall.form(2)
    for name in ("applicant__id_number", "payee__card", "applicant__phone"):
        assert wanted[name] in text
    with hall.app.app_context():
        entry = select(AuditEntry).where(AuditEntry.action == "application:export")
        assert db.session.scalars(entry).one().reason == "核对银行卡"


def test_an_auditor_gets_no_identifier_in_full(hall: Hall) -> None:
    browser = hall.browser("auditor")
    page = browser.get("/application/")
    assert "/application/full" not in page.text
    assert browser.get("/application/full").status_code == 403
    form = {"with_identifiers": "1", "reason": "核对银行卡"}
    assert browser.post("/application/full", **form).status_code == 403
    assert browser.post("/application/sheet", **form).mimetype == "text/html"
    masked = {str(cell) for row in _rows(browser.post("/application/sheet").data) for cell in row}
    assert not masked & {hall.form(2)["applicant__id_number"], CARD}


def test_the_preview_says_what_deserves_a_second_look(hall: Hall, labels: dict[str, str]) -> None:
    browser = hall.browser("writer")
    odd = hall.form(101, payee__card=MISTYPED, applicant__sex="女")
    place = _sent(browser, labels, [odd, hall.form(103)])
    page = browser.get(place).text
    assert page.count("卡号可能有误") == 1
    assert page.count("与身份证号不一致") == 1
    assert "jx-cell-warn" in page and "jx-cell-wrong" not in page
    assert browser.post(place, token="x").status_code == 302
    assert hall.count() == 5


@pytest.mark.parametrize(
    ("key", "other"), [("applicant.name", "王强"), ("applicant.union_member", "否")]
)
def test_a_sheet_says_the_same_of_a_person_as_a_live_case(
    hall: Hall, labels: dict[str, str], key: str, other: str
) -> None:
    browser = hall.browser("writer")
    same = hall.form(1, certificate__number="S999999999999999999991")
    differs = hall.form(2, certificate__number="S999999999999999999992")
    differs[key.replace(".", "__")] = other
    place = _sent(browser, labels, [same, differs])
    refused = _rows(browser.get(f"{place}/refused").data)[1:]
    assert [str(row[0]) for row in refused] == ["3"]
    assert str(refused[0][1]).startswith(labels[key])
    assert "S26-000002" in str(refused[0][1])
    browser.get(place)
    assert browser.post(place, token="x").status_code == 302
    assert hall.count() == 4


def test_rows_of_one_sheet_say_the_same_of_a_person(hall: Hall, labels: dict[str, str]) -> None:
    browser = hall.browser("writer")
    first = hall.form(11)
    second = hall.form(11, certificate__number="S999999999999999999991", applicant__name="王强")
    place = _sent(browser, labels, [first, second])
    (row,) = _rows(browser.get(f"{place}/refused").data)[1:]
    assert str(row[0]) == "3"
    assert str(row[1]).startswith(labels["applicant.name"])


def test_one_s_exports_of_a_day_stand_on_one_page(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 2)
    browser = hall.browser("district")
    browser.get("/application/")
    started = [browser.post("/application/sheet").location for _sheet in range(2)]
    assert len(set(started)) == 2
    page = browser.get("/exports/").text
    for place in started:
        assert f"{place}/file" in page
        assert browser.get(f"{place}/file").status_code == 200
    other = hall.browser("centre").get("/exports/")
    assert other.status_code == 200
    assert "/file" not in other.text
