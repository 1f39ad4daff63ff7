"""A later finding on the screens: found, proposed by finance, approved by another, come in."""

from __future__ import annotations

import io
from datetime import date

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import select, update

from models.adjustment import Adjustment
from models.base import begin_writing, db
from models.certificate import SkillCertificate
from models.funding import PaymentBatch
from models.programme import Programme
from portal.funding.payout import mark_paid, mark_transferred
from portal.verify import violations
from tests.conftest import City
from tests.support.cases import CLOCK
from tests.support.money import hand_in
from tests.web.forms import filled
from tests.web.test_money import TODAY, Till, settings, till

__all__ = ["settings", "till"]


@pytest.fixture
def invalid(app: Flask, town: City, till: Till) -> Till:
    """Three cases that were paid; the certificate of the first turns out to be too old."""
    with app.app_context():
        begin_writing()
        session, batch = db.session(), db.session.get_one(PaymentBatch, till.batch)
        finance = town.person("finance", "finance", "SH")
        mark_transferred(session, finance, CLOCK, batch, TODAY)
        hand_in(session, finance, town.person("centre", "city-centre", "SH"), CLOCK, batch)
        mark_paid(session, finance, CLOCK, batch, TODAY)
        first = update(SkillCertificate).where(SkillCertificate.id == 1)
        session.execute(first.values(issued_on=date(2019, 3, 1)))
        session.commit()
        begin_writing(False)
    return till


def _programme(till: Till) -> int:
    with till.app.app_context():
        return db.session.scalars(select(Programme.id)).one()


def _stored(till: Till) -> tuple[str, int]:
    with till.app.app_context():
        row = db.session.scalars(select(Adjustment)).one()
        assert list(violations(db.session())) == []
        return row.state, row.owed_fen


def _seen(page: str) -> str:
    return filled(page)["seen_version"][0]


def test_a_recovery_goes_from_the_finding_to_the_last_fen(invalid: Till) -> None:
    programme, finance = _programme(invalid), invalid.browser("finance")
    page = finance.get(f"/adjustment/affected?programme={programme}").text
    assert page.count('name="case"') == 1
    assert "-1,000" in page
    sheet = finance.post("/adjustment/affected_sheet", programme=str(programme), rules="in-force")
    heads, *rows = openpyxl.load_workbook(io.BytesIO(sheet.data)).active.values
    assert [dict(zip(heads, row, strict=True))["城市总工会"] for row in rows] == [-1000]
    assert finance.post("/adjustment/affected_sheet", programme="x").status_code == 302
    nothing = finance.post("/adjustment/propose", programme=str(programme), rules="in-force")
    assert nothing.status_code == 302
    finance.post(
        "/adjustment/propose", programme=str(programme), rules="in-force", case="1",
        reason="登记机构注销了证书",
    )  # fmt: skip
    assert _stored(invalid) == ("proposed", 1000_00)
    assert "未办结的调整" in finance.get(f"/adjustment/affected?programme={programme}").text
    finance.post("/adjustment/decide?act=approve", ids="1")
    assert _stored(invalid) == ("proposed", 1000_00)

    approver = invalid.browser("approver")
    assert approver.get("/counts").json["counts"]["adjustments"] == 1
    assert "/adjustment/?tab=proposed" in approver.get("/").text
    asked = approver.post("/adjustment/action/", action="approve", rowid="1:1").text
    assert "登记机构注销了证书" in asked
    assert approver.post("/adjustment/decide", ids="1").status_code == 400
    assert _stored(invalid) == ("proposed", 1000_00)
    approver.post("/adjustment/decide?act=approve", ids="1")
    assert _stored(invalid) == ("approved", 1000_00)
    assert approver.get("/adjustment/receive/1").status_code == 403

    form = finance.get("/adjustment/receive/1").text
    assert 'value="1000"' in form
    paid_in = {"on": TODAY.isoformat(), "reason": "转账退回", "seen_version": _seen(form)}
    finance.post("/adjustment/receive/1", fen="400", **paid_in)
    assert _stored(invalid) == ("approved", 600_00)
    again = finance.post("/adjustment/receive/1", fen="400", **paid_in)  # sent twice
    assert again.status_code == 302
    assert "已有变动" in finance.get(again.location).text
    assert _stored(invalid) == ("approved", 600_00)
    assert "600" in finance.get("/adjustment/details/?id=1").text
    assert "尚欠" in finance.get("/application/details/?id=1").text
    paid_in["seen_version"] = _seen(finance.get("/adjustment/receive/1").text)
    finance.post("/adjustment/receive/1", fen="600", **paid_in)
    assert _stored(invalid) == ("done", 0)
    assert finance.get("/adjustment/").status_code == 200
    assert finance.get("/statement/").status_code == 200


def test_an_amount_of_one_s_own_is_proposed_and_cancelled(invalid: Till) -> None:
    finance = invalid.browser("finance")
    assert finance.get("/adjustment/one/2").status_code == 200
    finance.post("/adjustment/one/2", way="less", fen="0.01", clause="三", reason="多计一分")
    assert _stored(invalid) == ("proposed", 1)
    stale = {"reason": "不必追回", "seen_version": "0"}
    finance.post("/adjustment/cancel/1", **stale)
    assert _stored(invalid)[0] == "proposed"
    seen = _seen(finance.get("/adjustment/cancel/1").text)
    finance.post("/adjustment/cancel/1", **stale | {"seen_version": seen})
    assert _stored(invalid)[0] == "cancelled"
