"""The screens of checks, look-alikes and earlier payments, through their addresses."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import select

from models.application import Application
from models.base import db
from models.evidence import DuplicatePair, PastAward, RegistryCheck
from models.types import new_row_key
from portal.clock import Clock
from tests.support.cases import CLOCK
from tests.web.halls import Hall, hall
from tests.web.pages import Browser

__all__ = ["hall"]


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@pytest.fixture
def centre(hall: Hall) -> Browser:
    return hall.browser("centre")


def stored(hall: Hall, entity: Any) -> list[Any]:
    with hall.app.app_context():
        return list(db.session.scalars(select(entity).order_by(entity.id)))


def number(hall: Hall, row_id: int) -> str:
    with hall.app.app_context():
        return db.session.get_one(Application, row_id).number


def test_a_check_by_hand_shows_on_the_case_and_in_the_queue(hall: Hall, centre: Browser) -> None:
    case = hall.ids[0]
    address = f"/registrycheck/record?application={case}&kind=certificate"
    assert address.replace("&", "&amp;") in centre.get(f"/application/details/?id={case}").text
    page = centre.get(address).text
    assert "张丽1" in page and "31011519" not in page
    form = {"source": "鉴定中心官网", "checked_on": "2026-08-03", "result": "", "note": "截图"}
    refused = centre.post(address, **form | {"source": ""}, said_name="王五")
    assert refused.status_code == 200 and stored(hall, RegistryCheck) == []
    centre.get(address)
    sent = centre.post(address, **form, said_name="王五", said_level="高级技师")
    assert sent.status_code == 302
    (check,) = stored(hall, RegistryCheck)
    assert (check.result, check.source, check.note) == ("differs", "鉴定中心官网", "截图")
    shown = centre.get(f"/application/details/?id={case}").text
    assert "鉴定中心官网" in shown and "王五" in shown
    assert number(hall, case) in centre.get("/registrycheck/").text
    listed = centre.get("/application/?registry=differs").text
    assert number(hall, case) in listed and number(hall, hall.ids[1]) not in listed
    assert number(hall, case) not in centre.get("/application/?registry=none").text
    assert centre.get(f"/registrycheck/details/?id={check.id}").status_code == 200


def test_who_may_not_record(hall: Hall) -> None:
    address = f"/registrycheck/record?application={hall.ids[0]}&kind=certificate"
    for login, answer in (("unit", 403), ("approver", 403), ("stranger", 404)):
        assert hall.browser(login).get(address).status_code == answer, login
    centre = hall.browser("centre")
    for wrong in ("application=x&kind=certificate", "application=999&kind=certificate",
                  f"application={hall.ids[0]}&kind=patent", ""):  # fmt: skip
        assert centre.get(f"/registrycheck/record?{wrong}").status_code == 404


def test_a_list_goes_out_and_its_answers_come_back(hall: Hall, centre: Browser) -> None:
    centre.get("/registrycheck/list")
    sent = centre.post("/registrycheck/list", kind="certificate", programme="", unchecked="y")
    rows = [
        list(row) for row in load_workbook(BytesIO(sent.data)).active.iter_rows(values_only=True)
    ]
    assert len(rows) == 4
    result = rows[0].index("结果")
    width = len(rows[0])
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    rows[1][result], rows[2][result], rows[3][result] = "一致", "未查到", "也许"
    preview = upload(centre, "/registry-answers/", rows, kind="certificate", source="鉴定中心")
    page = centre.get(preview).text
    assert "也许" in page
    assert centre.post(preview).status_code == 302
    assert [row.result for row in stored(hall, RegistryCheck)] == ["matches", "not_found"]
    assert centre.post(preview).status_code == 422
    assert len(stored(hall, RegistryCheck)) == 2
    assert centre.get(f"{preview}/refused").status_code == 200
    assert hall.browser("second").get(preview).status_code == 404


def upload(browser: Browser, address: str, rows: list[list[Any]], **form: str) -> str:
    """The address of the preview of a sheet with *rows*."""
    book, target = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(target)
    target.seek(0)
    browser.get(address)
    sent = browser.post(address, file=(target, "表.xlsx"), **form)
    assert sent.status_code == 302, sent.text
    return str(sent.location)


def test_earlier_payments_are_looked_over_then_written(hall: Hall, centre: Browser) -> None:
    heading = load_workbook(BytesIO(centre.get("/history-import/template").data)).active
    (words,) = heading.iter_rows(values_only=True, max_row=1)
    good = [
        "sh-skill-2026",
        2022,
        "张丽1",
        "",
        f"S{1:021d}",
        "电工",
        "技师",
        1000,
        "2022-12-01",
        "",
    ]
    bad = ["没有", 2022, "李四", "310101199001011234", "", "", "", "x", "", ""]
    preview = upload(centre, "/history-import/", [list(words), good, bad])
    page = centre.get(preview).text
    assert "310101199001011234" not in page and "没有" in page
    assert stored(hall, PastAward) == []
    assert centre.post(preview).status_code == 302
    (past,) = stored(hall, PastAward)
    assert (past.name, past.amount_fen) == ("张丽1", 1000_00)
    assert "张丽1" in centre.get("/pastaward/").text
    assert "疑似重复" in centre.get(f"/application/details/?id={hall.ids[0]}").text
    assert number(hall, hall.ids[0]) in centre.get("/application/?tab=duplicate").text
    found = centre.post("/pastaward/search", q=f"s{1:021d}")
    assert "张丽1" in centre.get(str(found.location)).text
    assert hall.browser("district").get("/history-import/").status_code == 403


def test_a_pair_is_settled_on_its_page(hall: Hall, centre: Browser) -> None:
    pairs = stored(hall, DuplicatePair)
    assert [row.signs for row in pairs] == [",card,"] * len(pairs) and pairs
    address = f"/duplicate/settle?id={pairs[0].id}"
    assert address in centre.get(f"/application/details/?id={pairs[0].application_id}").text
    page = centre.get(address).text
    mark = re.search(r'name="mark" value="(\w+)"', page)
    assert mark is not None and "两人同用一张卡" in page
    centre.post(address, settled="different", reason="", mark=mark[1])
    centre.get(address)
    centre.post(address, settled="different", reason="夫妻共用", mark="0" * 64)
    assert stored(hall, DuplicatePair)[0].settled is None
    centre.get(address)
    sent = centre.post(address, settled="different", reason="夫妻共用", mark=mark[1])
    assert sent.status_code == 302
    assert stored(hall, DuplicatePair)[0].settled == "different"
    told = centre.get(f"/application/details/?id={pairs[0].application_id}").text
    assert "夫妻共用" in told
    assert "S26" in centre.get("/duplicate/?tab=settled").text
    assert hall.browser("unit").get(address).status_code == 403


def test_the_other_side_in_another_union_is_not_told(hall: Hall) -> None:
    with hall.app.app_context():
        from models.base import begin_writing

        begin_writing()
        pair = db.session.scalars(select(DuplicatePair).order_by(DuplicatePair.id)).first()
        assert pair is not None
        past = PastAward(
            row_key=new_row_key(), family="sh-skill", title="往年项目", year=2020,
            organization_id=hall.town.unions["D2-1"], district_id=hall.town.unions["D2"],
            name="外区某人", number="秘密编号一", number_key="秘密编号一", amount_fen=123_45,
            claim_key="秘密编号一", file_name="x", made_at=Clock(CLOCK.today()).now(),
        )  # fmt: skip
        db.session.add(past)
        db.session.flush()
        db.session.add(
            DuplicatePair(
                application_id=hall.ids[0], past_id=past.id, signs=",certificate,", mark="0" * 64,
                found_at=Clock(CLOCK.today()).now(),
            )
        )  # fmt: skip
        db.session.commit()
        begin_writing(False)
    district = hall.browser("district")
    for address in (f"/application/details/?id={hall.ids[0]}", "/duplicate/"):
        page = district.get(address).text
        assert "往年项目" in page
        assert not {word for word in ("外区某人", "秘密编号一", "123.45") if word in page}
    assert "外区某人" in hall.browser("centre").get("/duplicate/").text
