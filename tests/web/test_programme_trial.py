"""Rules tried on all cases on a page: what they cost, how far a budget reaches, who flips."""

from __future__ import annotations

from io import BytesIO

import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update

from models.allocation import Allocation
from models.base import begin_writing, db
from models.programme import Condition, Revision
from portal.access.accounts import system_actor
from portal.policy.packs import draft
from tests.support.cases import CLOCK
from tests.web.halls import Hall, hall

__all__ = ["hall"]
CODE = "sh-skill-2026"


@pytest.fixture
def draft_id(hall: Hall) -> int:
    """A draft under which nobody's certificate is early enough; its three cases are approved."""
    hall.decide("unit", "district", "centre", "approver")
    with hall.app.app_context():
        begin_writing()
        session = db.session()
        made = draft(session, system_actor(session), CLOCK, CODE)
        require = {"all": [["certificate.issued_on", "on or before", "2020-01-01"]]}
        session.execute(
            update(Condition)
            .where(Condition.revision_id == made.id, Condition.key == "issued")
            .values(require=require)
        )
        session.commit()
        begin_writing(False)
        return session.scalars(select(Revision.id).order_by(Revision.id.desc())).first() or 0


def test_decided_cases_flip_only_in_a_replay(hall: Hall, draft_id: int) -> None:
    browser, before = hall.browser("centre"), hall.case(hall.ids[0])
    here = f"/revision/trial?id={draft_id}&code={CODE}"
    assert f"/revision/trial?id={draft_id}" in browser.get(f"/revision/book?id={draft_id}").text
    assert "S26-000001" not in browser.get(here).text
    shown = browser.get(f"{here}&replay=1&budget=2500").text
    assert "S26-000001" in shown
    assert "减少 3,000 元" in shown
    assert "预算 2,500 元足够全部发放" in shown
    assert hall.case(hall.ids[0]) == before


def test_the_sheet_names_each_with_its_difference(hall: Hall, draft_id: int) -> None:
    browser = hall.browser("centre")
    answer = browser.get(f"/revision/trial_sheet?id={draft_id}&code={CODE}&replay=1")
    rows = list(load_workbook(BytesIO(answer.data)).active.iter_rows(values_only=True))
    assert rows[0][-1] == "差额（元）"
    assert [(row[0], row[-1]) for row in rows[1:]] == [
        (f"S26-00000{number}", -1000) for number in (1, 2, 3)
    ]


def test_pools_that_lack_money_are_told(hall: Hall, draft_id: int) -> None:
    pool = {"title": "各区额度", "method": "first_come", "per": ["district"], "position": 1}
    later = {"all": [["certificate.issued_on", "on or before", "2030-01-01"]]}
    with hall.app.app_context():
        begin_writing()
        made = db.session.get_one(Revision, draft_id)
        made.allocations.append(Allocation(key="p", budget_fen=1_500_00, when=[], tiers=[], **pool))
        next(row for row in made.conditions if row.key == "issued").require = later
        db.session.commit()
        begin_writing(False)
    page = hall.browser("centre").get(f"/revision/trial?id={draft_id}&code={CODE}").text
    assert "各区额度" in page
    assert "甲区总工会" in page
    assert "缺 1,500 元" in page


@pytest.mark.parametrize("query", ["code=none", "code=" + "x" * 300, f"code={CODE}&budget=many"])
def test_a_form_that_makes_no_sense_is_told(hall: Hall, draft_id: int, query: str) -> None:
    browser = hall.browser("centre")
    assert browser.get(f"/revision/trial?id={draft_id}&{query}").status_code == 200
    assert browser.get(f"/revision/trial_sheet?id={draft_id}&{query}").status_code in (302, 404)


def test_who_may_not_judge_may_not_try(hall: Hall, draft_id: int) -> None:
    browser = hall.browser("district")
    assert browser.get(f"/revision/trial?id={draft_id}&code={CODE}").status_code == 403
    assert browser.get(f"/revision/trial_sheet?id={draft_id}&code={CODE}").status_code == 403
