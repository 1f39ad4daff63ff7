"""A case on the screens: filled in, corrected, decided and withdrawn."""

from __future__ import annotations

import re
from datetime import date
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from models.application import Application, SurveyAnswer
from models.base import db
from models.decision import RETURN, Decision
from tests.support.cases import CLOCK
from tests.web.halls import SURVEY, Hall, hall

__all__ = ["hall"]
MISTYPED = "6210941234567898"
LIST = "/application/?tab=mine&size=50&verdict=eligible"
AFTER = {"today": date(2026, 9, 20)}


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    """A day inside the window, or what a test asks for."""
    found: dict[str, object] = getattr(request, "param", {"today": CLOCK.today()})
    return found


def _seen_version(page: str) -> str:
    found = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    assert found is not None
    return found[1]


def _returned(hall: Hall) -> int:
    hall.decide("unit", outcome=RETURN, reason="复印件不清")
    return hall.ids[0]


def test_a_survey_is_seen_by_who_answered_it_and_kept_by_others(hall: Hall) -> None:
    row = _returned(hall)
    address = f"/application/edit/?id={row}"
    own = hall.browser("writer").get(address).text
    assert "survey__" in own and "7654" in own
    browser = hall.browser("district")
    page = browser.get(address).text
    assert "applicant__name" in page
    assert "survey__" not in page and "7654" not in page
    assert "7654" not in browser.get(f"/application/details/?id={row}").text
    form = hall.form(1, applicant__name="王强", survey__income="1")
    saved = browser.post(address, seen_version=_seen_version(page), **form)
    assert saved.status_code == 302
    with hall.app.app_context():
        case = db.session.get_one(Application, row)
        assert (case.state, case.applicant.name) == ("waiting", "王强")
        answers = db.session.get_one(SurveyAnswer, row).answers
        assert answers == {"income": 7654, "promotion": True}


def test_one_s_own_case_waits_for_somebody_else(hall: Hall) -> None:
    entry = hall.browser("unit")
    entry.get("/application/new/")
    made = entry.post("/application/new/", **hall.form(9))
    assert made.status_code == 302
    for login, decides, count in (("unit", False, 3), ("unit2", True, 4)):
        browser = hall.browser(login)
        assert ('value="pass"' in browser.get(made.location).text) == decides
        counts = browser.get("/application/counts").json
        assert counts is not None
        assert counts["counts"]["mine"] == count
        shown = browser.get("/application/?tab=mine").text
        assert ("S26-000004</a>" in shown) == decides


def test_who_corrected_a_case_is_not_offered_to_decide_it(hall: Hall) -> None:
    row = _returned(hall)
    browser = hall.browser("unit")
    page = browser.get(f"/application/edit/?id={row}").text
    saved = browser.post(
        f"/application/edit/?id={row}", seen_version=_seen_version(page), **hall.form(1)
    )
    assert saved.status_code == 302
    assert hall.case(row)[0] == "waiting"
    for login, decides in (("unit", False), ("unit2", True)):
        text = hall.browser(login).get(f"/application/details/?id={row}").text
        assert ('value="pass"' in text) == decides


def test_a_case_is_withdrawn_once_by_who_may_and_frees_its_certificate(hall: Hall) -> None:
    row = hall.ids[0]
    state, version = hall.case(row)
    for login, status in (("auditor", 403), ("approver", 403), ("stranger", 404)):
        browser = hall.browser(login)
        browser.get("/application/")
        answer = browser.post("/application/withdraw", rowid=f"{row}:{version}")
        assert answer.status_code == status
    browser = hall.browser("writer")
    assert "/application/withdraw" in browser.get(f"/application/details/?id={row}").text
    for seen in (str(version - 1), "", "x", "9" * 30):
        answer = browser.post("/application/withdraw", rowid=f"{row}:{seen}")
        assert answer.status_code == 302
        assert "已不能撤回" in browser.get(answer.location).text
        assert hall.case(row) == (state, version)
    browser.get("/application/new/")
    assert browser.post("/application/new/", **hall.form(1)).status_code == 200  # still claimed
    answer = browser.post("/application/withdraw", rowid=f"{row}:{version}")
    page = browser.get(answer.location).text
    assert "申报已撤回" in page
    assert "/application/withdraw" not in page
    assert hall.case(row) == ("withdrawn", version + 1)
    browser.get("/application/new/")
    assert browser.post("/application/new/", **hall.form(1)).status_code == 302
    assert hall.count() == 4


def test_an_approved_case_is_not_withdrawn(hall: Hall) -> None:
    hall.decide("unit", "district", "centre", "approver")
    row = hall.ids[0]
    state, version = hall.case(row)
    assert state == "approved"
    browser = hall.browser("writer")
    assert "/application/withdraw" not in browser.get(f"/application/details/?id={row}").text
    answer = browser.post("/application/withdraw", rowid=f"{row}:{version}")
    assert "已不能撤回" in browser.get(answer.location).text
    assert hall.case(row) == (state, version)


@pytest.mark.parametrize("settings", [AFTER], indirect=True)
def test_after_the_window_a_returned_case_is_corrected_and_no_new_one_enters(hall: Hall) -> None:
    row = _returned(hall)
    browser = hall.browser("writer")
    page = browser.get(f"/application/edit/?id={row}").text
    saved = browser.post(
        f"/application/edit/?id={row}", seen_version=_seen_version(page), **hall.form(1)
    )
    assert saved.status_code == 302
    assert hall.case(row)[0] == "waiting"
    with hall.app.app_context():
        assert db.session.get_one(Application, row).submitted_on == CLOCK.today()
    browser.get("/application/new/")
    refused = browser.post("/application/new/", **hall.form(8))
    assert refused.status_code == 200
    assert "2026-09-15" in refused.text
    assert hall.count() == 3


def test_a_search_of_another_session_is_left_out_of_the_address(hall: Hall) -> None:
    browser = hall.browser("unit")
    answer = browser.get("/application/?tab=mine&s=nothing&verdict=eligible")
    assert answer.status_code == 302
    parts = urlsplit(answer.location)
    assert (parts.path, dict(parse_qsl(parts.query))) == (
        "/application/",
        {"tab": "mine", "verdict": "eligible"},
    )
    assert browser.get(answer.location).status_code == 200


@pytest.mark.parametrize("ticked", [True, False])
def test_a_decision_comes_back_to_the_list_it_started_from(hall: Hall, ticked: bool) -> None:
    browser = hall.browser("unit")
    browser.get(LIST)
    form: dict[str, object] = {"url": f"{LIST}&endpoint=x&_method=POST&after=1"}
    row, version = hall.ids[0], hall.case(hall.ids[0])[1]
    form |= {"rowid": f"{row}:{version}"} if ticked else {"all": "1"}
    frozen = browser.post("/application/action/", action="pass", **form)
    confirm = browser.get(frozen.location)
    assert confirm.status_code == 200
    done = browser.post(frozen.location)
    assert done.status_code == 302
    outcome = browser.get(done.location)
    assert outcome.status_code == 200
    for page in (confirm, outcome):
        links = [unescape(url) for url in re.findall(r'href="(/application/\?[^"]*)"', page.text)]
        kept = {"tab": "mine", "size": "50", "verdict": "eligible"}
        assert kept in [dict(parse_qsl(urlsplit(url).query)) for url in links]
        assert not any("endpoint" in url or "_method" in url for url in links)
    with hall.app.app_context():
        passed = db.session.scalars(select(Decision).where(Decision.outcome == "pass")).all()
        assert len(passed) == (1 if ticked else 3)


def test_what_deserves_a_second_look_is_said_after_saving(hall: Hall) -> None:
    browser = hall.browser("writer")
    browser.get("/application/new/")
    odd = hall.form(101, payee__card=MISTYPED, applicant__sex="女")
    made = browser.post("/application/new/", **odd)
    page = browser.get(made.location).text
    assert "卡号可能有误" in page
    assert "与身份证号不一致" in page
    edit = f"/application/edit/?{urlsplit(made.location).query}"
    seen = _seen_version(browser.get(edit).text)
    saved = browser.post(edit, seen_version=seen, **(odd | {"applicant__sex": "男"}))
    page = browser.get(saved.location).text
    assert "卡号可能有误" in page
    assert "与身份证号不一致" not in page
    plain = browser.post("/application/new/", **hall.form(103))
    assert "卡号可能有误" not in browser.get(plain.location).text


@pytest.mark.parametrize(
    ("change", "field"),
    [({"applicant__name": "王强"}, "applicant__name"),
     ({"applicant__union_member": "否"}, "applicant__union_member")],
)  # fmt: skip
def test_a_second_form_says_the_same_of_its_person(
    hall: Hall, change: dict[str, str], field: str
) -> None:
    browser = hall.browser("writer")
    browser.get("/application/new/")
    second = hall.form(1, certificate__number="S999999999999999999999")
    refused = browser.post("/application/new/", **(second | change))
    assert refused.status_code == 200
    assert re.findall(r'class="jx-wrong" id="(\w+)-wrong"', refused.text) == [field]
    assert "与 S26-000001 中同一人的信息不一致" in refused.text
    assert hall.count() == 3
    with hall.app.app_context():
        person = db.session.get_one(Application, hall.ids[0]).applicant
        assert (person.name, person.is_union_member) == ("张丽1", True)
    assert browser.post("/application/new/", **second).status_code == 302
    assert hall.count() == 4


def test_a_correction_keeps_to_what_another_case_of_the_person_says(hall: Hall) -> None:
    browser = hall.browser("writer")
    browser.get("/application/new/")
    second = hall.form(1, certificate__number="S999999999999999999999")
    made = browser.post("/application/new/", **second)
    edit = f"/application/edit/?{urlsplit(made.location).query}"
    seen = _seen_version(browser.get(edit).text)
    refused = browser.post(edit, seen_version=seen, **(second | {"applicant__name": "王强"}))
    assert refused.status_code == 200
    assert "同一人的信息不一致" in refused.text
    with hall.app.app_context():
        assert db.session.get_one(Application, hall.ids[0]).applicant.name == "张丽1"


def test_a_form_without_its_survey_is_entered(hall: Hall) -> None:
    browser = hall.browser("writer")
    browser.get("/application/new/")
    made = browser.post("/application/new/", **hall.form(7, **dict.fromkeys(SURVEY, "")))
    assert made.status_code == 302
    with hall.app.app_context():
        assert len(db.session.scalars(select(SurveyAnswer)).all()) == 3
