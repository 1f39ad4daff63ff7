"""What is done with a batch beside moving it on, on its pages."""

from __future__ import annotations

import re
from io import BytesIO

from openpyxl import load_workbook
from sqlalchemy import select

from models.application import Application
from models.base import begin_writing, db
from models.funding import PaymentBatch
from seed.bank_files import bank_files
from tests.web.test_money import (
    CARD,
    TODAY,
    Till,
    _hand_in,
    _paid_out,
    _seen_version,
    settings,
    till,
)

__all__ = ["settings", "till"]


def test_a_batch_is_cancelled_with_a_reason_by_finance_alone(till: Till) -> None:
    address = f"/payment/cancel/{till.batch}"
    assert till.browser("district").get(address).status_code == 403
    browser = till.browser("finance")
    page = browser.post("/payment/move", action="cancel", rowid=f"{till.batch}:1")
    assert page.location.endswith(address)
    sent = {"seen_version": _seen_version(browser.get(address).text)}
    assert browser.post(address, **sent, reason="x").status_code == 200
    assert till.stored()[0] == "made"
    assert browser.post(address, **sent, reason="名单有误").status_code == 302
    assert till.stored()[0] == "cancelled"
    page = browser.get(f"/payment/details/?id={till.batch}").text
    assert "名单有误" in page
    assert "已取消" in page
    again = browser.post(address, **sent, reason="再来")
    assert "该批次已被处理" in browser.get(again.location).text


def test_papers_are_printed_and_given_by_whom_they_concern(till: Till) -> None:
    finance, district = till.browser("finance"), till.browser("district")
    notice = f"/payment/document/{till.batch}/transfer-notice"
    assert "尚未出具" in finance.get(notice).text
    confirm = f"/payment/paper/{till.batch}/confirmation"
    assert "现在不能出具" in district.get(district.get(confirm).location).text
    address = f"/payment/move?rowid={till.batch}"
    seen = _seen_version(finance.get(address).text)
    finance.post(address, on=TODAY.isoformat(), seen_version=seen)
    assert _to_confirm(till) == {"district": 1, "centre": 1, "stranger": 0}
    assert f"/payment/details/?id={till.batch}" in district.get("/payment/?tab=confirm").text
    assert "/payment/?tab=confirm" in district.get("/").text
    wrong = {"on": TODAY.isoformat(), "people": "2", "total": "2000", "differences": ""}
    assert "请写明差异" in district.post(confirm, **wrong).text
    assert finance.get(confirm).status_code == 302
    _hand_in(till)
    assert _to_confirm(till) == {"district": 0, "centre": 0, "stranger": 0}
    assert f"/payment/details/?id={till.batch}" not in district.get("/payment/?tab=confirm").text
    page = district.get(notice).text
    assert "甲区总工会" in page
    assert "3,000" in page
    assert "发放确认单" in page
    assert district.get(f"/payment/document/{till.batch}/nothing").status_code == 404
    assert till.browser("stranger").get(notice).status_code == 404


def test_what_a_paper_states_otherwise_stands_beside_the_batch(till: Till) -> None:
    finance, step = till.browser("finance"), f"/payment/move?rowid={till.batch}"
    finance.post(step, on=TODAY.isoformat(), seen_version=_seen_version(finance.get(step).text))
    said = {"on": TODAY.isoformat(), "people": "2", "total": "2000", "differences": "一人销户"}
    confirm = f"/payment/paper/{till.batch}/confirmation"
    assert till.browser("district").post(confirm, **said).status_code == 302
    page = finance.get(f"/payment/document/{till.batch}/confirmation").text
    assert re.search(r"合计</b> · 3人.*?3,000.*?本单所列</b> · 2人.*?2,000", page, re.DOTALL)
    assert "单据中注明的差异：一人销户" in finance.get(step).text


def _to_confirm(till: Till) -> dict[str, int]:
    """How many batches the home page says wait for a confirmation, by who looks."""
    logins = ("district", "centre", "stranger")
    answers = {login: till.browser(login).get("/counts").json for login in logins}
    return {login: answer["counts"]["batches_confirm"] for login, answer in answers.items()}


def test_a_bank_file_is_for_who_pays(till: Till) -> None:
    with till.app.app_context():
        begin_writing()
        db.session.add_all(bank_files())
        db.session.commit()
        begin_writing(False)
    address = f"/payment/bank/{till.batch}"
    assert till.browser("auditor").get(address).status_code == 403
    browser = till.browser("finance")
    assert "批量代发" in browser.get(address).text
    answer = browser.post(address, template="1", kind="csv")
    assert CARD in answer.data.decode("utf-8-sig")
    answer = browser.post(address, template="2", kind="xlsx")
    rows = list(load_workbook(BytesIO(answer.data)).active.iter_rows(values_only=True))
    assert (rows[1][2], rows[1][4]) == (CARD, "100000")
    assert till.browser("stranger").get(address).status_code == 404


def test_a_template_says_its_columns_a_line_each(till: Till) -> None:
    browser = till.browser("finance")
    fields = {"title": "某银行", "encoding": "gb18030", "separator": "bar"}
    for wrong in ("", "户名", "户名|who", "附言|text|{x}", "金额|yuan|{name}", "|name"):
        answer = browser.post("/bankfile/new/", **fields, columns=wrong)
        assert answer.status_code == 200, wrong
    done = browser.post("/bankfile/new/", **fields, columns="户名 | name\n附言 | text | {batch}")
    assert done.status_code == 302
    assert "户名、附言" in browser.get("/bankfile/").text
    assert "附言 | text | {batch}" in browser.get("/bankfile/edit/?id=1").text
    assert till.browser("district").get("/bankfile/new/").status_code in (302, 403)


def test_the_account_is_corrected_on_its_page_after_the_bank_returned_it(till: Till) -> None:
    browser = _paid_out(till)
    assert "更正账户" not in browser.get("/application/details/?id=1").text
    sent = {"kind": "bounced", "on": TODAY.isoformat(), "reason": "账号已注销"}
    assert browser.post("/payment/returned/1", **sent).status_code == 302
    assert "更正账户" in browser.get("/application/details/?id=1").text
    address = "/application/account/?id=1"
    assert till.browser("district").get(address).status_code == 403
    page = browser.get(address).text
    assert CARD not in page
    seen = _seen_version(page)
    given = {"seen_version": seen, "reason": "原卡已注销"}
    assert browser.post(address, **given, payee__card="12").status_code == 200
    done = browser.post(address, **given, payee__card="6210949999999990")
    assert done.status_code == 302
    page = browser.get("/application/details/?id=1").text
    assert "更正账户" in page
    assert CARD not in page
    with till.app.app_context():
        case = db.session.get_one(Application, 1)
        assert (case.state, case.account) == ("approved", "6210949999999990")


def test_statements_and_requests_are_shown_as_far_as_one_sees(till: Till) -> None:
    browser = till.browser("finance")
    page = browser.get("/statement/?month=").text
    assert "账目平衡" in page
    assert "3,000" in page
    sheet = browser.get("/statement/sheet?month=")
    rows = list(load_workbook(BytesIO(sheet.data)).active.iter_rows(values_only=True))
    assert rows[1][5:7] == (-3000, 3000)
    assert "3,000" in till.browser("district").get("/statement/?month=").text
    assert "3,000" not in till.browser("stranger").get("/statement/?month=").text
    assert till.browser("centre").get("/statement/").status_code == 403
    offered = browser.get("/statement/?district=99999", follow_redirects=True).text
    assert "不在可选范围内" in offered
    for wrong in ("20", "9999-12", "0001-01", "2026-13", "x'"):
        assert browser.get(f"/statement/?month={wrong}").status_code == 302, wrong
    assert browser.get("/statement/?month=&number=S26-0").status_code == 302
    with till.app.app_context():
        number = db.session.scalars(select(Application.number).limit(1)).one()
        union = db.session.scalars(select(PaymentBatch.district_id)).one()
    assert "1,000" in browser.get(f"/statement/?month=&number={number}").text
    asked = f"district={union}&by=certificate.issuer"
    page = browser.get(f"/union-request/?{asked}").text
    assert "技师" in page
    assert "3,000" in page
    sheet = browser.get(f"/union-request/sheet?{asked}")
    rows = list(load_workbook(BytesIO(sheet.data)).active.iter_rows(values_only=True))
    assert rows[-1][2:4] == ("3", 3000)
    assert "3,000" not in till.browser("stranger").get("/union-request/").text
