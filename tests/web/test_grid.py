"""The grid: scope everywhere, pages by key, routed search, and no hole of the stock views."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, select

from models.application import Application
from models.audit import AuditEntry
from models.base import begin_writing, db
from models.calendar import CalendarDay
from models.decision import Decision
from tests.conftest import City, built, fills
from tests.support.cases import CLOCK, cells, entered, published
from tests.web.pages import Browser

PEOPLE = {
    "writer": ("district", "D1"),
    "unit": ("grass-roots", "D1-1"),
    "district": ("district", "D1"),
    "stranger": ("district", "D2"),
    "centre": ("city-centre", "SH"),
    "auditor": ("auditor", "SH"),
}


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass
class Office:
    """The application, its people, and 45 cases of one unit."""

    app: Flask
    ids: list[int]

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser


@fills("45-cases", after="stocked")
def _cases(app: Flask, _home: Path) -> list[int]:
    town = built(app)
    people = {login: town.person(login, *place) for login, place in PEOPLE.items()}
    unit = town.union("D1-1")
    forms = [cells(unit, n) for n in range(45)]
    return entered(db.session(), people["writer"], published(db.session()), forms)


@pytest.fixture
def template() -> str:
    """What the list shows."""
    return "45-cases"


@pytest.fixture
def office(app: Flask, begun: list[int]) -> Office:
    """45 cases that a district entered for one unit."""
    return Office(app, begun)


def _numbers(text: str) -> list[str]:
    return re.findall(r"S26-(\d{6})</a>", text)


def test_pages_follow_each_other_without_gap(office: Office) -> None:
    browser = office.browser("district")
    seen: list[str] = []
    url = "/application/"
    for _page in range(3):
        text = browser.get(url).text
        seen += _numbers(text)
        after = re.search(r'href="(/application/\?after=\d+)"', text.replace("&amp;", "&"))
        url = after[1] if after else ""
    assert seen == [f"{n:06d}" for n in range(45, 0, -1)]
    last = browser.get("/application/?end=1").text
    assert _numbers(last)[-1] == "000001"


def test_a_page_costs_a_fixed_number_of_statements(office: Office) -> None:
    browser = office.browser("district")
    counts = []
    for size in (20, 50):
        browser.get(f"/application/?size={size}")
        said: list[str] = []
        with office.app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", lambda *a, said=said: said.append(a[2]))
        browser.get(f"/application/?size={size}")
        counts.append(len(said))
    assert counts[0] <= 16
    assert counts[1] - counts[0] <= counts[0]


@pytest.mark.parametrize(
    "query",
    [
        "?after=99999999999999999999",
        "?after=-1",
        "?after=1,2",
        "?after=x",
        "?size=21",
        "?sort=nothing",
        "?tab=nothing",
        "?state=%00",
        "?district=1%20OR%201=1",
        "?from=2026-02-30",
        "?stage=" + "x" * 5000,
    ],
)
def test_a_bad_address_is_a_bad_request(office: Office, query: str) -> None:
    assert office.browser("district").get(f"/application/{query}").status_code == 400


@pytest.mark.parametrize("row", ["0", "1,2", "-1", "x", "99999999999999999999", "NaN"])
def test_a_bad_id_is_not_found(office: Office, row: str) -> None:
    browser = office.browser("district")
    for page in ("details", "edit"):
        assert browser.get(f"/application/{page}/?id={row}").status_code in (400, 404)


def test_another_union_s_case_is_not_there(office: Office) -> None:
    browser, row = office.browser("stranger"), office.ids[0]
    assert _numbers(browser.get("/application/").text) == []
    for page in ("details/?id=", "edit/?id=", "details/?modal=1&id="):
        assert browser.get(f"/application/{page}{row}").status_code == 404
    assert browser.post(f"/application/reveal/{row}/id_number", reason="why").status_code == 404
    totals = browser.get("/application/totals").json
    assert totals is not None
    assert totals["count"] == 0


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("S26-000007", 1),
        ("张丽7", 1),
        ("张丽", 45),
        ("s000000000000000000012", 1),
        ("13800000012", 1),
        ("6210941234567897", 45),
        ("王五", 0),
        ("甲一厂工会", 45),
        ("'; DROP TABLE application; --", 0),
        ("%", 0),
    ],
)
def test_the_search_box_finds_by_the_right_index(office: Office, typed: str, found: int) -> None:
    browser = office.browser("district")
    browser.get("/application/")
    answer = browser.post("/application/search", q=typed)
    assert answer.status_code == 302
    address = answer.location or ""
    assert typed not in address
    totals = browser.get(address.replace("/application/", "/application/totals")).json
    assert totals is not None
    assert totals["count"] == found


def test_an_id_number_is_found_and_never_stands_in_an_address(office: Office) -> None:
    with office.app.app_context():
        number = db.session.get_one(Application, office.ids[0]).applicant.id_number
    browser = office.browser("district")
    browser.get("/application/")
    address = browser.post("/application/search", q=number).location or ""
    page = browser.get(address)
    assert len(_numbers(page.text)) >= 1
    assert number not in page.text + address


def test_revealing_asks_a_reason_and_is_audited(office: Office) -> None:
    browser, row = office.browser("district"), office.ids[0]
    browser.get("/application/")
    assert browser.post(f"/application/reveal/{row}/id_number", reason="").status_code == 400
    answer = browser.post(f"/application/reveal/{row}/id_number", reason="核对证件")
    with office.app.app_context():
        case = db.session.get_one(Application, row)
        assert answer.json == {"value": case.applicant.id_number}
        entry = db.session.scalars(
            select(AuditEntry).where(AuditEntry.action == "applicant:reveal")
        ).one()
        assert (entry.entity_id, entry.reason) == (row, "核对证件")
        assert case.applicant.id_number not in str(entry.details)


def test_choosing_all_that_match_decides_all_that_match(office: Office) -> None:
    browser = office.browser("unit")
    browser.get("/application/?tab=mine")
    answer = browser.post(
        "/application/action/", action="pass", all="1", url="/application/?tab=mine"
    )
    confirm = browser.get(answer.location or "")
    assert "45" in confirm.text
    outcome = browser.post(answer.location or "")
    assert outcome.status_code == 302
    assert browser.get(outcome.location or "").status_code == 200
    with office.app.app_context():
        passed = select(Decision).where(Decision.outcome == "pass")
        assert len(db.session.scalars(passed).all()) == 45


def test_what_was_confirmed_twice_shows_what_came_of_it(office: Office) -> None:
    browser = office.browser("unit")
    frozen = browser.post(
        "/application/action/", action="pass", all="1", url="/application/?tab=mine"
    )
    address = str(frozen.location)
    first, second = browser.post(address), browser.post(address)
    assert first.location == second.location
    page = browser.get(str(second.location)).text
    assert "45" in page and "已用过" not in page
    assert "已用过" in office.browser("district").get(address, follow_redirects=True).text


def test_ticked_rows_of_another_union_are_not_frozen(office: Office) -> None:
    browser = office.browser("stranger")
    browser.get("/application/")
    row = office.ids[0]
    browser.post("/application/action/", action="reject", rowid=f"{row}:2", url="/application/")
    with office.app.app_context():
        assert db.session.get_one(Application, row).state == "waiting"


def test_nothing_is_written_past_the_form(office: Office) -> None:
    browser, row = office.browser("centre"), office.ids[0]
    browser.get("/application/")
    for page in ("ajax/update/", "delete/"):
        answer = browser.post(
            f"/application/{page}", list_form_pk=str(row), id=str(row), state="paid", amount_fen="1"
        )
        assert answer.status_code in (302, 403, 404, 405)
    with office.app.app_context():
        case = db.session.get_one(Application, row)
        assert (case.state, case.amount_fen) == ("waiting", 1000_00)


def test_an_auditor_reads_all_and_changes_nothing(office: Office) -> None:
    browser, row = office.browser("auditor"), office.ids[0]
    assert len(_numbers(browser.get("/application/").text)) == 20
    for page in ("new/", f"edit/?id={row}"):
        assert browser.get(f"/application/{page}").status_code == 403
    assert browser.post("/application/action/", action="pass", rowid=f"{row}:2").status_code == 403


@pytest.mark.parametrize("url", ["//evil.example", "http:evil.example", "/\\evil.example", "x"])
def test_an_address_of_elsewhere_is_not_followed(office: Office, url: str) -> None:
    browser = office.browser("unit")
    browser.get("/application/")
    answer = browser.post("/application/action/", action="pass", url=url)
    assert (answer.location or "").startswith("/application/")


def test_a_form_that_misses_something_says_so_beside_the_field(office: Office) -> None:
    browser = office.browser("unit")
    browser.get("/application/new/")
    answer = browser.post("/application/new/", applicant__name="张三", applicant__phone="1")
    assert answer.status_code == 200
    assert "11 位" in answer.text
    with office.app.app_context():
        assert len(db.session.scalars(select(Application)).all()) == 45


def test_markup_in_a_name_is_only_text(app: Flask, town: City) -> None:
    with app.app_context():
        begin_writing()
        revision = published(db.session())
        writer = town.person("writer", "district", "D1")
        name = '"><img src=x onerror=alert(1)>{{7*7}}'
        entered(
            db.session(), writer, revision, [cells(town.union("D1-1"), 99, applicant__name=name)]
        )
        db.session.commit()
        begin_writing(False)
    browser = Browser(app)
    browser.log_in("writer")
    text = browser.get("/application/").text
    assert "<img src=x" not in text
    assert "{{7*7}}" in text


def test_two_people_on_one_record_are_told(office: Office) -> None:
    browser = office.browser("centre")
    page = browser.get("/catalogue/edit/?id=1").text
    version = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    assert version is not None
    form = {
        "key": "k1",
        "title": "t",
        "family": "f",
        "year": "2026",
        "kind": "choice",
        "source": "",
    }
    first = browser.post("/catalogue/edit/?id=1", seen_version=version[1], **form)
    assert first.status_code == 302
    second = browser.post("/catalogue/edit/?id=1", seen_version=version[1], **form)
    assert second.status_code == 200
    assert "重新查看" in second.text


def test_a_finished_cell_is_linked_as_it_is(office: Office) -> None:
    with office.app.app_context():
        begin_writing()
        db.session.add(CalendarDay(day=date(2026, 10, 1), kind="off", title="<b>", version=1))
        db.session.commit()
    page = office.browser("centre").get("/calendar/").get_data(as_text=True)
    assert '<span class="jx-num">2026-10-01</span></a>' in page
    assert "&lt;b&gt;" in page
