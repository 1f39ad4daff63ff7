"""Panels, score sheets and public notices by their pages, and the panel in the editor."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from models.application import Application
from models.base import begin_writing, db
from models.organization import Organization
from models.panel import Expert, ScoreSheet
from models.programme import Revision, Stage
from models.publicity import NoticeEntry, Objection, PublicNotice
from portal.access.accounts import system_actor
from portal.clock import Clock
from portal.policy.packs import draft
from tests.conftest import City, fills
from tests.support.panels import Hall
from tests.web.forms import filled
from tests.web.pages import Browser

MONDAY = date(2022, 11, 14)
AFTER = date(2022, 11, 22)
CODE = "bj-project-2022"


@pytest.fixture
def settings() -> dict[str, object]:
    """A Monday after the window."""
    return {"today": MONDAY}


@pytest.fixture
def template() -> str:
    """The two projects and everybody who works on them."""
    return "two-projects"


@dataclass
class Desk:
    """Two projects in two districts: one waits for experts, one for its notice."""

    app: Flask
    scored: int
    listed: int
    stages: dict[str, int]

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def count(self, table: object) -> int:
        """How many rows *table* has."""
        with self.app.app_context():
            return int(db.session.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


@fills("two-projects", after="migrated")
def _two_projects(app: Flask, home: Path) -> dict[str, Any]:
    hall = Hall(db.session(), home, CODE)
    hall.at(MONDAY)
    scored = hall.enter({"district": "D1"}, field__score="")
    listed = hall.enter({"district": "D2"})
    hall.on(["unit", "district", "qualify"], [scored, listed])
    hall.on(["panel", "list"], [listed])
    city = City(app)
    for row in db.session.scalars(select(Organization)):
        city.unions[row.code] = row.id
    for login, role, code in (
        ("centre", "city-centre", "C"),
        ("approver", "city-approver", "C"),
        ("auditor", "auditor", "C"),
        ("near", "district", "D1"),
        ("far", "district", "D2"),
    ):
        city.person(login, role, code)
    for login in ("expert", "other"):
        who = city.person(login, "expert", "C")
        made = Expert(name=login, account_id=who.account_id, version=1, is_active=True)
        db.session.add(made)
    stages = {row.key: row.id for row in hall.revision.stages}
    return {"scored": scored, "listed": listed, "stages": stages}


@pytest.fixture
def desk(app: Flask, begun: dict[str, Any]) -> Desk:
    """The two projects and everybody who works on them."""
    return Desk(app, **begun)


def _give(desk: Desk, *logins: str) -> dict[str, int]:
    """The sheets of these experts for the case that waits to be scored."""
    browser = desk.browser("centre")
    with desk.app.app_context():
        ids = {name: str(key) for key, name in db.session.execute(select(Expert.id, Expert.name))}
    address = f"/panel/give?id={desk.stages['panel']}&case={desk.scored}"
    for login in logins:
        assert browser.post(address, expert=ids[login]).status_code == 302
    with desk.app.app_context():
        rows = db.session.execute(select(Expert.name, ScoreSheet.id).join(Expert)).all()
        return {name: key for name, key in rows}  # noqa: C416


POINTS = {"p_need": "20", "p_novelty": "30", "p_feasible": "20", "p_effect": "20", "p_skills": "9"}


def test_an_expert_sees_their_own_sheets_and_nothing_else(desk: Desk) -> None:
    sheets = _give(desk, "expert", "other")
    browser = desk.browser("expert")
    assert browser.get("/").location == "/score/"
    page = browser.get("/score/").text
    assert f"/score/sheet?sheet={sheets['expert']}" in page
    assert f"/score/sheet?sheet={sheets['other']}" not in page
    own = browser.get(f"/score/sheet?sheet={sheets['expert']}")
    assert own.status_code == 200
    assert not re.search(r"138\d{8}", own.text)
    assert browser.get(f"/score/sheet?sheet={sheets['other']}").status_code == 404
    for address in ("/application/", f"/application/details/?id={desk.scored}", "/panel/",
                    f"/panel/stage?id={desk.stages['panel']}", "/publicity/", "/expert/",
                    "/applicant/", "/programme/", "/organization/", "/audit/"):  # fmt: skip
        assert browser.get(address).status_code == 403, address
    assert browser.get("/score/file/1").status_code == 404


def test_an_expert_scores_once_and_only_their_own(desk: Desk) -> None:
    sheets = _give(desk, "expert", "other")
    browser = desk.browser("expert")
    address = f"/score/sheet?sheet={sheets['expert']}"
    browser.get(address)
    wrong = browser.post(address, version="1", justification="理由", **POINTS | {"p_need": "99"})
    assert (wrong.status_code, "0至20分" in wrong.text) == (422, True)
    sent = POINTS | {"version": "1", "justification": "创新性强"}
    other = f"/score/sheet?sheet={sheets['other']}"
    assert browser.post(other, **sent).status_code == 404
    assert browser.post(address, **sent).status_code == 302
    assert browser.post(address, **sent).status_code == 422
    with desk.app.app_context():
        sheet = db.session.get_one(ScoreSheet, sheets["expert"])
        assert (sheet.total, sheet.from_paper) == (99_000, False)
        assert db.session.get_one(ScoreSheet, sheets["other"]).submitted_at is None


def test_an_expert_may_step_back(desk: Desk) -> None:
    sheets = _give(desk, "expert")
    browser = desk.browser("expert")
    browser.get("/score/")
    address = f"/score/declare?sheet={sheets['expert']}"
    assert browser.post(address, reason="师徒关系").status_code == 302
    assert browser.get(f"/score/sheet?sheet={sheets['expert']}").status_code == 404
    assert sorted(_give(desk, "expert").values()) == [sheets["expert"]]


def test_who_does_not_work_on_the_panel_reads_at_most(desk: Desk) -> None:
    stage = desk.stages["panel"]
    near, far = desk.browser("near"), desk.browser("far")
    assert "B22XM-000001" in near.get(f"/panel/stage?id={stage}").text
    assert "B22XM-000001" not in far.get(f"/panel/stage?id={stage}").text
    for browser in (near, desk.browser("auditor")):
        for act in ("spread", "join", "give", "declare", "void"):
            answer = browser.post(f"/panel/{act}?id={stage}&case={desk.scored}&sheet=1", each="1")
            assert answer.status_code == 403, act
    approver = desk.browser("approver")
    approver.post(f"/panel/spread?id={stage}", each="1")
    assert desk.count(ScoreSheet) == 0


def test_limits_are_told_for_what_one_sees(desk: Desk) -> None:
    stage = desk.stages["panel"]
    for login, cases in (("centre", 2), ("near", 1), ("far", 1)):
        browser = desk.browser(login)
        browser.get("/panel/")
        told = browser.post(f"/panel/limits?id={stage}", rowid=[f"{desk.scored}:1", "x", "9" * 17])
        [row] = [row for row in told.json["limits"] if "50" in row["words"]]
        assert row["words"] == f"{cases} / 50", login


def _open(desk: Desk) -> tuple[Browser, int, str]:
    browser = desk.browser("approver")
    address = f"/publicity/open?id={desk.stages['notice']}"
    browser.get("/panel/")
    made = browser.post(address, title="拟助推项目公示", is_public="1")
    assert made.status_code == 302
    with desk.app.app_context():
        notice = db.session.scalars(select(PublicNotice)).one()
        return browser, notice.id, notice.row_key


def test_a_notice_is_a_page_a_paper_and_a_sheet(desk: Desk) -> None:
    browser, number, key = _open(desk)
    page = browser.get(f"/publicity/notice?id={number}").text
    assert "拟助推项目公示" in page
    case = browser.get(f"/application/details/?id={desk.listed}").text
    assert f"/publicity/notice?id={number}" in case
    assert f"/panel/case?id={desk.stages['panel']}" in case
    stranger = Browser(desk.app)
    public = stranger.get(f"/notices/{key}")
    assert public.status_code == 200
    printed = browser.get(f"/publicity/print?id={number}").text
    sheet = browser.get(f"/publicity/sheet?id={number}")
    with zipfile.ZipFile(io.BytesIO(sheet.data)) as book:
        told = "".join(book.read(name).decode() for name in book.namelist())
    with desk.app.app_context():
        case = db.session.get_one(Application, desk.listed)
        name, phone = case.applicant.name, str(case.applicant.phone)
    for text in (public.text, printed, told):
        assert name not in text
        assert phone not in text
        assert f"{name[0]}*" in text
    assert "B22XM" not in public.text
    assert stranger.get("/notices/nothing").status_code == 404
    assert stranger.get(f"/publicity/notice?id={number}").status_code == 302
    assert desk.browser("near").get(f"/publicity/notice?id={number}").status_code == 404
    assert desk.browser("far").get(f"/publicity/notice?id={number}").status_code == 200
    desk.app.extensions["portal_clock"] = Clock(AFTER)
    assert stranger.get(f"/notices/{key}").status_code == 404


def test_objections_are_for_those_who_handle_them(desk: Desk) -> None:
    browser, number, key = _open(desk)
    with desk.app.app_context():
        entry = db.session.scalars(select(NoticeEntry.id)).one()
    sent = {"said": "成果属他人", "objector": "王女士", "raised_on": MONDAY.isoformat()}
    for login in ("far", "auditor"):
        refused = desk.browser(login).post(f"/publicity/receive?entry={entry}", **sent)
        assert refused.status_code == 403
    assert browser.post(f"/publicity/receive?entry={entry}", **sent).status_code == 302
    assert browser.post(f"/publicity/receive?entry={entry}", said="x").status_code == 302
    assert desk.count(Objection) == 1
    address = f"/publicity/notice?id={number}"
    assert "王女士" in browser.get(address).text
    public = Browser(desk.app).get(f"/notices/{key}").text
    for text in (desk.browser("far").get(address).text, public):
        assert "王女士" not in text
        assert "成果属他人" not in text


def test_a_reader_who_finds_time_up_lets_the_rest_pass_once(desk: Desk) -> None:
    browser, number, _key = _open(desk)
    desk.app.extensions["portal_clock"] = Clock(AFTER)
    for login in ("auditor", "far", "approver"):
        browser = desk.browser(login)
        assert browser.get(f"/publicity/notice?id={number}").status_code == 200
    with desk.app.app_context():
        case = db.session.get_one(Application, desk.listed)
        assert case.stage_key == "acceptance"
        notice = db.session.get_one(PublicNotice, number)
        assert notice.closed_at is not None
    done = desk.app.test_cli_runner().invoke(args=["publicity", "close", "--json"])
    assert '"notices": 0' in done.output


def test_the_commands(desk: Desk, tmp_path: Path) -> None:
    run = desk.app.test_cli_runner().invoke
    tail = ["--stage", "panel", "--as", "centre", "--json"]
    made = run(args=["panel", "assign", CODE, "--each", "2", *tail])
    assert '"made": 2' in made.output, made.output
    rows = ["number,expert,need,novelty,feasible,effect,技能人才培养,justification"]
    rows += [f"B22XM-000001,{name},10,20,10,10,5,按表评分" for name in ("expert", "other")]
    sheet = tmp_path / "scores.csv"
    sheet.write_text("\n".join([*rows[:2], rows[2].replace(",10,", ",99,")]), encoding="utf-8")
    bad = run(args=["panel", "scores", CODE, str(sheet), *tail])
    assert (bad.exit_code, "BadScores" in bad.stderr) == (1, True)
    sheet.write_text("\n".join(rows), encoding="utf-8")
    assert '"taken": 2' in run(args=["panel", "scores", CODE, str(sheet), *tail]).output
    told = run(args=["panel", "rank", CODE, "--join", *tail])
    assert '"joined": 0' in told.output  # two sheets, and three are asked
    for wrong in (
        f"panel rank {CODE} --stage none --as centre",
        "publicity object B22XM-000002 --as centre --said x",
        f"panel assign {CODE} --each 1 --stage panel --as near",
    ):
        assert run(args=wrong.split()).exit_code == 1, wrong
    opened = run(args=["publicity", "open", CODE, "--stage", "notice", "--as", "approver"])
    assert "to: 2022-11-21" in opened.output
    held = run(args=["publicity", "object", "B22XM-000002", "--as", "centre", "--said", "有异议",
                     "--json"])  # fmt: skip
    assert held.exit_code == 0
    done = run(args=["publicity", "conclude", "B22XM-000002", "--as", "approver", "--uphold",
                     "reject", "--found", "已核查", "--reason", "异议成立", "--json"])  # fmt: skip
    assert '"state": "upheld"' in done.output, done.output


def test_the_editor_takes_a_panel_and_refuses_a_broken_one(desk: Desk) -> None:
    with desk.app.app_context():
        begin_writing()
        draft(db.session(), system_actor(db.session()), Clock(MONDAY), CODE)
        db.session.commit()
        begin_writing(False)
        row = db.session.scalars(
            select(Stage).join(Revision).where(Revision.state == "draft", Stage.key == "panel")
        ).one()
        number = row.id
    browser = desk.browser("centre")
    address = f"/stage/edit/?id={number}"
    whole = "{criteria: [{key: a, title: 总分, most: %s}], joined: mean, fewest: 1, into: %s}"
    for panel, code in (
        ("{criteria: []}", 200),
        ("just text", 200),
        (whole % (200, "field.score"), 200),
        (whole % (100, "field.none"), 200),
        (whole % (100, "field.score"), 302),
    ):
        form = filled(browser.get(address).text) | {"panel": [panel]}
        answer = browser.post(address, **form)
        assert answer.status_code == code, (panel, answer.text[-3000:])
    with desk.app.app_context():
        assert db.session.get_one(Stage, number).panel["fewest"] == 1  # type: ignore[index]
