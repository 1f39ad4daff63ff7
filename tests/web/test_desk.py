"""The review desk and the confirm page: two reviewers, named fields, exceptions, taking back."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest
from sqlalchemy import select

from models.application import Application, Attachment
from models.base import begin_writing, db
from models.decision import Decision, ReasonTemplate, Selection
from models.types import new_row_key
from portal.evidence.vault import vault
from portal.review import bulk
from tests.support.cases import CLOCK
from tests.support.files import photo
from tests.web.halls import Hall, hall
from tests.web.pages import Browser

__all__ = ["hall"]


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


def _rowid(page: str) -> str:
    found = re.search(r'id="jx-desk-decide".*?name="rowid" value="(\d+:\d+)"', page, re.DOTALL)
    assert found is not None
    return found[1]


def _decide(browser: Browser, page: str, action: str, **form: object) -> object:
    return browser.post("/desk/decide", rowid=_rowid(page), action=action, **form)


def test_the_next_case_opens_by_itself(hall: Hall) -> None:
    browser = hall.browser("unit")
    page = browser.get("/desk/").text
    first, second, _third = hall.ids
    assert _rowid(page).startswith(f"{first}:")
    assert f'name="next" value="{second}"' in page
    answer = browser.post("/desk/decide", rowid=_rowid(page), action="pass", next=str(second))
    assert answer.location == f"/desk/?case={second}"
    page = browser.get(answer.location).text
    assert _rowid(page).startswith(f"{second}:")
    assert "S26-000001 张丽1：" in page
    assert hall.case(first)[0] == "waiting"
    assert "310115" not in page, "identifiers are masked"


def test_the_second_of_two_reviewers_is_told_and_overwrites_nothing(hall: Hall) -> None:
    one, two = hall.browser("unit"), hall.browser("unit2")
    row = hall.ids[0]
    first, second = (browser.get(f"/desk/?case={row}").text for browser in (one, two))
    assert one.post("/desk/decide", rowid=_rowid(first), action="pass").status_code == 302
    told = two.post("/desk/decide", rowid=_rowid(second), action="reject", reason="不符合条件")
    assert told.status_code == 200
    assert "选定之后已有变动" in told.text
    assert "不符合条件" in told.text, "what was typed is not lost"
    with hall.app.app_context():
        made = db.session.scalars(
            select(Decision.outcome).where(Decision.application_id == row).order_by(Decision.id)
        ).all()
        assert made == ["submit", "pass"]
        assert db.session.get_one(Application, row).stage_key == "district"


def test_ticked_fields_are_returned_and_only_they_open(hall: Hall) -> None:
    browser, row = hall.browser("unit"), hall.ids[0]
    page = browser.get(f"/desk/?case={row}").text
    answer = browser.post(
        "/desk/decide",
        rowid=_rowid(page),
        action="return",
        field="certificate.number",
        **{"why_certificate.number": "与复印件不一致"},
    )
    assert answer.status_code == 302
    writer = hall.browser("writer")
    address = f"/application/edit/?id={row}"
    page = writer.get(address).text
    assert "只能修改：" in page
    assert "与复印件不一致" in page
    assert re.search(r'<input[^>]*disabled[^>]*name="applicant__name"', page)
    assert not re.search(r'<input[^>]*disabled[^>]*name="certificate__number"', page)
    version = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    assert version is not None
    form = hall.form(1, certificate__number="S888888888888888888888", applicant__name="王强")
    saved = writer.post(address, seen_version=version[1], **form)
    assert saved.status_code == 302
    with hall.app.app_context():
        case = db.session.get_one(Application, row)
        assert case.applicant.name == "张丽1", "what was not named stays"
        assert case.certificate is not None
        assert case.certificate.number == "S888888888888888888888"
    again = hall.browser("unit2").get(f"/desk/?case={row}").text
    assert "jx-changed" in again
    assert "原为：S000000000000000000001" in again


def test_a_search_of_the_queue_keeps_what_was_typed_out_of_the_address(hall: Hall) -> None:
    browser = hall.browser("unit")
    browser.get("/desk/")
    found = browser.post("/desk/search", q="张丽2")
    assert found.location is not None
    assert "张丽" not in found.location
    page = browser.get(found.location).text
    assert "张丽2" in page
    assert f"case={hall.ids[2]}" not in page


@pytest.mark.parametrize(
    ("login", "status"), [("auditor", 403), ("stranger", 404), ("sibling", 404)]
)
def test_nobody_opens_a_case_of_another_union(hall: Hall, login: str, status: int) -> None:
    browser = hall.browser(login)
    assert browser.get(f"/desk/?case={hall.ids[0]}").status_code == status


@pytest.mark.parametrize("form", [{"rowid": "x"}, {"rowid": "1:1", "action": "pay"}, {}])
def test_nonsense_is_a_bad_request(hall: Hall, form: dict[str, str]) -> None:
    browser = hall.browser("unit")
    browser.get("/desk/")
    assert browser.post("/desk/decide", **form).status_code == 400


def _chosen(hall: Hall, browser: Browser, action: str) -> str:
    browser.get("/application/")
    with hall.app.app_context():
        rows = db.session.scalars(select(Application).order_by(Application.id)).all()
        seen = [f"{row.id}:{row.version}" for row in rows]
    answer = browser.post("/application/action/", action=action, rowid=seen, url="/application/")
    assert answer.location is not None
    browser.get(answer.location)
    return answer.location


def test_a_set_has_exceptions_is_split_and_taken_back(hall: Hall) -> None:
    browser = hall.browser("unit")
    first, second, third = hall.ids
    confirm = _chosen(hall, browser, "pass")
    page = browser.get(confirm).text
    assert f'name="outcome_{first}"' in page
    form = {
        f"outcome_{second}": "return", f"reason_{second}": "照片不清",
        f"outcome_{third}": "leave",
    }  # fmt: skip
    shown = browser.post(confirm, look="1", **form)
    assert "照片不清" in shown.text
    wrong = browser.post(confirm, **(form | {f"reason_{second}": ""})).text
    assert f'href="#reason_{second}"' in wrong and 'href="#reason"' not in wrong
    assert hall.case(second)[0] == "waiting"
    done = browser.post(confirm, **form)
    assert done.location is not None
    page = browser.get(done.location).text
    assert "已移出本批" in page
    assert _rows(page) == {first: "通过", second: "退回补正", third: "未办理"}
    assert "照片不清" in page and "通过 1 · 退回补正 1" in page
    assert [hall.case(row)[0] for row in hall.ids] == ["waiting", "returned", "waiting"]
    sheet = browser.get(f"{done.location}/sheet")
    assert sheet.mimetype.endswith("sheet")
    assert browser.post(f"{done.location}/undo").status_code == 302
    page = browser.get(done.location).text
    assert "已撤销 2 份" in page
    assert [hall.case(row)[0] for row in hall.ids] == ["waiting"] * 3
    assert _rows(page) == {first: "已撤销", second: "已撤销", third: "未办理"}
    for tail in ("", "/sheet", "/progress"):
        assert hall.browser("unit2").get(f"{done.location}{tail}").status_code == 404
    for tail in ("/undo", "/on"):
        assert hall.browser("unit2").post(f"{done.location}{tail}").status_code in (400, 404)


def _rows(page: str) -> dict[int, str]:
    """Case → what became of it, as the page of an act says."""
    found = re.findall(r'details/\?id=(\d+)".*?</svg>([^<]+)</span></td>', page, re.DOTALL)
    return {int(case): word for case, word in found}


def test_an_act_that_cannot_be_taken_back_says_who_acted_since(hall: Hall) -> None:
    browser = hall.browser("unit")
    confirm = _chosen(hall, browser, "pass")
    done = browser.post(confirm)
    assert done.location is not None
    page = browser.get(done.location).text
    assert "还有 3 份可以撤销" in page and "不能再撤销" not in page
    hall.decide("district")
    page = browser.get(done.location).text
    assert "/undo" not in page
    assert re.search(r"3 份不能再撤销：district 已在其后办理，最近一次 [\d: -]+（通过）", page)


def test_a_large_set_is_decided_in_the_background(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_views.application_acts.AT_ONCE", 2)
    monkeypatch.setattr("admin_views.act_outcome.AT_ONCE", 2)
    monkeypatch.setattr(bulk, "PART", 2)
    browser = hall.browser("unit")
    confirm = _chosen(hall, browser, "pass")
    assert "将在后台分批办理" in browser.get(confirm).text
    done = browser.post(confirm)
    assert done.location is not None
    progress = browser.get(f"{done.location}/progress").json
    assert progress is not None
    assert (progress["done"], progress["total"], progress["state"]) == (3, 3, "done")
    assert "3" in browser.get("/application/acts/").text
    with hall.app.app_context():
        assert db.session.scalars(select(Selection)).one().job is not None
    browser.get(done.location)
    assert browser.post(f"{done.location}/undo").status_code == 302
    with hall.app.app_context():
        assert set(db.session.scalars(select(Application.stage_key))) == {"unit"}


def test_kept_reasons_are_offered_and_edited_by_those_who_may(hall: Hall) -> None:
    with hall.app.app_context():
        begin_writing()
        db.session.add(ReasonTemplate(outcome="return", says="复印件不清晰", position=1, version=1))
        db.session.commit()
        begin_writing(False)
    browser = hall.browser("unit")
    assert "复印件不清晰" in browser.get("/desk/").text
    assert "复印件不清晰" in browser.get(_chosen(hall, browser, "return")).text
    for login, status in (("unit", 403), ("auditor", 403), ("centre", 200)):
        assert hall.browser(login).get("/reason/new/").status_code == status


def test_a_scan_is_shown_beside_the_form(hall: Hall) -> None:
    with hall.app.app_context():
        begin_writing()
        data, key = photo(), new_row_key()
        db.session.add(
            Attachment(
                row_key=key, application_id=hall.ids[0], rule_key="proof", file_name="证书.jpg",
                media_type="image/jpeg", size=len(data), digest=sha256(data).hexdigest(),
                made_at=CLOCK.now(),
            )
        )  # fmt: skip
        vault.put(key, data)
        db.session.commit()
        begin_writing(False)
    browser = hall.browser("unit")
    page = browser.get(f"/desk/?case={hall.ids[0]}").text
    found = re.search(r'<img src="(/application/file/\d+)"', page)
    assert found is not None
    assert browser.get(found[1]).mimetype == "image/jpeg"
