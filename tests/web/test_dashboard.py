"""The overview: every number of a table opens a list of just so many rows, within one's scope."""

from __future__ import annotations

import re
from datetime import date

import pytest
from sqlalchemy import update

from models.base import begin_writing, db
from models.funding import PaymentBatch
from tests.web.halls import Hall, hall
from tests.web.test_money import Till, till

__all__ = ["hall", "till"]
_ROW = re.compile(r'<tr><th scope="row"><span>(.*?)</span>.*?</tr>', re.DOTALL)
_LINK = re.compile(r'<a href="(/application/\?[^"]+)">([\d,]+)</a>')


@pytest.fixture
def settings() -> dict[str, object]:
    """A day on which what waits is old and late."""
    return {"today": date(2026, 10, 20)}


@pytest.mark.parametrize("who", ["centre", "district", "unit", "auditor"])
def test_every_number_leads_to_its_rows(hall: Hall, who: str) -> None:
    hall.decide("unit")
    browser = hall.browser(who)
    page = browser.get("/dashboard/").text
    assert page.count("<caption>") == (1 if who == "unit" else 2)
    assert page.count('role="img"') == page.count("<caption>")
    links = set(_LINK.findall(page))
    assert len(links) >= 3
    for url, count in links:
        totals = url.replace("&amp;", "&").replace("/application/?", "/application/totals?")
        found = browser.get(totals).json
        assert found is not None and found["count"] == int(count), url


def test_the_overview_of_another_district_is_empty(hall: Hall) -> None:
    page = hall.browser("stranger").get("/dashboard/").text
    assert "这里没有等待审核的申报" in page
    assert "甲一厂" not in page and "echarts" not in page


def test_one_programme_is_chosen_and_no_other(hall: Hall) -> None:
    browser = hall.browser("centre")
    page = browser.get("/dashboard/?programme=1").text
    assert _ROW.search(page) is not None
    assert browser.get("/dashboard/?programme=99").status_code == 400


def test_overdue_cases_have_a_tab_and_show_their_day_with_its_clause(hall: Hall) -> None:
    hall.decide("unit")
    browser = hall.browser("district")
    counts = browser.get("/application/counts").json
    assert counts is not None
    assert (counts["counts"]["overdue"], counts["counts"]["due"]) == (3, 0)
    page = browser.get("/application/?tab=overdue").text
    assert page.count("已逾期") >= 3
    assert len(re.findall(r">2026-\d\d-\d\d 已逾期.*?四（一）3<", page)) == 3
    assert "已逾期" not in browser.get("/application/?tab=all").text
    case = browser.get(f"/application/details/?id={hall.ids[0]}").text
    assert re.search(r"2026-\d\d-\d\d 已逾期.*?四（一）3", case)


def test_a_unit_is_chosen_by_following_a_number(hall: Hall) -> None:
    browser = hall.browser("district")
    unit = hall.town.unions["D1-1"]
    page = browser.get(f"/application/?unit={unit}&tab=all").text
    assert "甲一厂工会" in page
    assert f'name="unit" value="{unit}"' in page, "other filters keep it"
    other = browser.get(f"/application/totals?unit={hall.town.unions['D2-1']}").json
    assert other is not None and other["count"] == 0
    assert browser.get("/application/?unit=x").status_code == 400


def test_finance_sees_what_went_out_to_each_district_and_what_is_late(till: Till) -> None:
    browser = till.browser("finance")
    page = browser.get("/dashboard/").text
    links = re.findall(r'<a href="(/payment/\?[^"]+)">([\d,.]+)</a>', page)
    assert len(links) == 2, "the total, and the batches that are made"
    for url, yuan in links:
        totals = url.replace("&amp;", "&").replace("/payment/?", "/payment/totals?")
        found = browser.get(totals).json
        assert found is not None and found["sums"]["total_fen"] == int(yuan.replace(",", "")) * 100
    assert _counts(till, "finance")["batches_late"] == 0
    with till.app.app_context():
        begin_writing()
        db.session.execute(update(PaymentBatch).values(due_on=date(2026, 10, 19)))
        db.session.commit()
        begin_writing(False)
    assert _counts(till, "finance")["batches_late"] == 1
    late = browser.get("/payment/totals?tab=late").json
    assert late is not None and late["count"] == 1
    assert _counts(till, "stranger")["batches_late"] == 0
    assert "/payment/?" not in till.browser("unit").get("/dashboard/").text


def _counts(till: Till, who: str) -> dict[str, int]:
    answer = till.browser(who).get("/counts").json
    assert answer is not None
    counts: dict[str, int] = answer["counts"]
    return counts
