"""The page of a programme and the forms of its rows: read, changed, moved, begun, refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from admin_views.programme_book import SCREENS
from models.audit import AuditEntry
from models.base import db
from models.programme import (
    DRAFT,
    PUBLISHED,
    AwardTier,
    Condition,
    FormField,
    Programme,
    Revision,
    Stage,
)
from portal.clock import Clock
from portal.policy.pack_rows import OWN, SECTIONS, document_of
from portal.policy.packs import draft, newest_revision
from tests.conftest import City, built, fills
from tests.support.cases import CLOCK, cells, entered, published
from tests.web.forms import change, filled
from tests.web.pages import Browser

CODE = "sh-skill-2026"
NEW = {
    "title": "新项目", "code": "new-skill-2027", "family": "new-skill", "year": "2027",
    "subject": "skill_certificate", "number_prefix": "N27-", "like": "",
}  # fmt: skip


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass
class Office:
    """A programme in force, its draft, and people."""

    app: Flask
    town: City

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def draft(self) -> int:
        """The id of the newest draft."""
        return self.one(select(Revision.id).where(Revision.state == DRAFT).order_by(-Revision.id))

    def one(self, statement: Any) -> Any:
        """The first of what *statement* finds."""
        with self.app.app_context():
            return db.session.scalars(statement.limit(1)).one()

    def row(self, table: Any, key: str) -> int:
        """The id of a row of the draft."""
        return self.one(select(table.id).where(table.key == key, table.revision_id == self.draft()))

    def keys(self, section: str) -> list[str]:
        """The keys of a section of the draft in their order."""
        with self.app.app_context():
            revision = db.session.get_one(Revision, self.draft())
            return [row.key for row in getattr(revision, section)]

    def document(self, code: str = CODE) -> dict[str, Any]:
        """The newest rules as plain values."""
        with self.app.app_context():
            return document_of(newest_revision(db.session(), code))


@fills("drafted", after="stocked")
def _drafted(app: Flask, _home: Path) -> None:
    session, town = db.session(), built(app)
    town.person("auditor", "auditor", "SH")
    writer = town.person("writer", "district", "D1")
    entered(session, writer, published(session), [cells(town.union("D1-1"), 1)])
    draft(session, town.person("centre", "city-centre", "SH"), CLOCK, CODE)


@pytest.fixture
def template() -> str:
    """The 2026 programme in force with a case, and a draft of it."""
    return "drafted"


@pytest.fixture
def office(app: Flask, town: City) -> Office:
    """The 2026 programme in force with a case, and a draft of it."""
    return Office(app, town)


def test_a_programme_reads_like_its_notice(office: Office) -> None:
    page = office.browser("centre").get(f"/revision/book?id={office.draft()}").text
    places = [page.index(f'id="{key}"') for key in ("notice", *SECTIONS)]
    assert places == sorted(places)
    for words in (
        "行业特有工种和苏浙皖证书须有单位人力资源部门的同意意见",
        "证书类型 是其中之一 「通用工种（苏浙皖地区）」、「行业特有工种（国家行业主管单位）」",
        "发证日期 介于 2023-01-01 与 批次截止日 之间",
        "工种 在目录中 「上海A类重点工种目录（2026年）」",
        "申请表提示通用工种不必盖章，与正文不一致；苏浙皖证书以正文为准",
        "批次截止日",
        "1,000 元",
        "不满足时：人工核对",
        "没有缺漏，可以发布。",
    ):
        assert words in page, words
    assert "certificate.level" not in page
    assert "one of" not in page


def test_who_only_reads_finds_no_button(office: Office) -> None:
    url = f"/revision/book?id={office.draft()}"
    assert "/condition/delete/" in office.browser("centre").get(url).text
    for login in ("auditor", "district", "unit"):
        page = office.browser(login).get(url)
        assert page.status_code == 200
        for address in ("/condition/", "/revision/move", "/revision/action/", "/new/", "/edit/"):
            assert f'action="{address}' not in page.text
            assert f"{address}new/" not in page.text
        assert "理解口径" in page.text


def test_what_is_in_force_is_only_read(office: Office) -> None:
    page = office.browser("centre").get("/revision/book?id=1").text
    assert "/condition/delete/" not in page
    assert "修订：建新草稿" in page


def test_a_published_programme_is_amended_from_its_page(office: Office) -> None:
    browser = office.browser("centre")
    browser.get("/revision/book?id=1")
    answer = browser.post("/revision/action/", action="draft", rowid="1:1", open="1", url="/x")
    assert answer.location == f"/revision/book?id={office.draft()}"


def test_rows_move_and_stay_in_their_section_of_the_form(office: Office) -> None:
    browser, draft = office.browser("centre"), office.draft()
    stages = office.keys("stages")
    send = {"id": draft, "section": "stages", "row": office.row(Stage, stages[1])}
    browser.get(f"/revision/book?id={draft}")
    answer = browser.post("/revision/move", **send, step="-1")
    assert answer.location.startswith(f"/revision/book?id={draft}#stage-")
    assert office.keys("stages") == [stages[1], stages[0], *stages[2:]]
    browser.post("/revision/move", **send, step="-1")  # it is first already
    assert office.keys("stages") == [stages[1], stages[0], *stages[2:]]
    browser.post("/revision/move", **send, step="1")
    assert office.keys("stages") == stages
    fields = office.keys("fields")
    first = {"id": draft, "section": "fields", "row": office.row(FormField, "applicant.name")}
    browser.post("/revision/move", **first, step="-1")  # the first of its section
    assert office.keys("fields") == fields
    moves = select(AuditEntry).where(AuditEntry.action == "programme:move")
    with office.app.app_context():
        assert len(db.session.scalars(moves).all()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"section": "none"}, {"section": "__class__"}, {"row": "1"}, {"row": "x"}, {"row": ""},
        {"step": "2"}, {"step": ""}, {"row": "999999"},
    ],
)  # fmt: skip
def test_a_move_that_makes_no_sense_is_refused(office: Office, changes: dict[str, str]) -> None:
    browser, draft = office.browser("centre"), office.draft()
    before = office.document()
    form = {"id": draft, "section": "stages", "row": office.row(Stage, "unit"), "step": "1"}
    browser.get("/revision/book?id=1")
    assert browser.post("/revision/move", **(form | changes)).status_code == 400
    assert office.document() == before


def test_rows_in_force_do_not_move(office: Office) -> None:
    browser = office.browser("centre")
    row = office.one(select(Stage.id).where(Stage.revision_id == 1))
    browser.get("/revision/book?id=1")
    answer = browser.post("/revision/move", id="1", section="stages", row=row, step="1")
    assert "已发布的版本不能修改" in browser.get(answer.location).text


@pytest.mark.parametrize("login", ["auditor", "district", "unit"])
def test_who_does_not_write_rules_moves_and_begins_nothing(office: Office, login: str) -> None:
    draft, before = office.draft(), office.document()
    form = {"id": draft, "section": "stages", "row": office.row(Stage, "unit"), "step": "1"}
    browser = office.browser(login)
    browser.get(f"/revision/book?id={draft}")
    assert browser.post("/revision/move", **form).status_code == 403
    assert browser.get(f"/revision/effect?id={draft}&code={CODE}").status_code == 403
    assert browser.get("/programme/new/").status_code == 403
    assert browser.post("/programme/new/", **NEW, notice="1").status_code == 403
    assert browser.post("/revision/edit/?id=1", pays_for="person").status_code == 403
    for screen in SCREENS.values():
        assert browser.get(f"/{screen}/new/").status_code == 403
        assert browser.post(f"/{screen}/delete/", id="1").status_code == 403
    assert office.document() == before


def test_a_deleted_row_leads_back_to_the_page(office: Office) -> None:
    browser, here = office.browser("centre"), f"/revision/book?id={office.draft()}"
    browser.get(here)
    row = office.row(Condition, "previous-date")
    answer = browser.post("/condition/delete/", id=row, url=here)
    assert answer.location == here
    assert "previous-date" not in office.keys("conditions")


GROUP = {"all": [["applicant.union_member", "is true"]]}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"all": [["certificate.level", "is", ""]]}, "没有填值"),
        ({"all": [["certificate.level", "one of", []]]}, "没有填值"),
        ({"all": [["", ""]]}, "没有选数据"),
        ({"all": [["certificate.level", ""]]}, "没有选关系"),
        ({"all": [["certificate.issued_on", "after", {"from": "x", "days": ""}]]}, "没有填值"),
        ({"all": [["certificate.nothing", "is", "x"]]}, "资助条件"),
        ({"all": [["certificate.level", "before", "x"]]}, "资助条件"),
        ({"some": [["certificate.level", "is", "x"]]}, "资助条件"),
        ({"at_least": 3, "of": GROUP["all"]}, "资助条件"),
        ([["certificate.level", "is", "x"]], "这不是条件组"),
        ("a: [b", "YAML"),
        ("x: &a [1]\ny: *a", "YAML"),
        ("[" * 2000, "YAML"),
        ("x" * 30_000, "YAML"),
        ("true", "这不是条件组"),
    ],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused_and_kept_as_typed(
    office: Office, rule: Any, words: str
) -> None:
    before = office.document()
    text = rule if isinstance(rule, str) else json.dumps(rule, ensure_ascii=False)
    url = f"/condition/edit/?id={office.row(Condition, 'member')}"
    answer = change(office.browser("centre"), url, require=text)
    assert answer.status_code == 200
    assert words in answer.text
    assert filled(answer.text)["require"] == [text]
    assert office.document() == before


@pytest.mark.parametrize(
    ("table", "key", "changes"),
    [
        (Stage, "unit", {"words": '{"waiting": "待审"}'}),
        (Stage, "unit", {"due": '{"after": "window.closes"}'}),
        (Stage, "unit", {"due": '{"after": "person", "days": 3}'}),
        (Stage, "unit", {"due": '{"after": "window.closes", "days": -1}'}),
        (Stage, "unit", {"acts": "nobody"}),
        (Stage, "unit", {"returns_to": "city"}),
        (Stage, "unit", {"channels": "none"}),
        (Stage, "unit", {"key": "Ä b"}),
        (Condition, "member", {"key": "issued"}),
        (Condition, "member", {"otherwise": "perhaps"}),
        (Condition, "hr-opinion", {"asks": "nobody"}),
        (FormField, "applicant.sex", {"choices": '{"": "x"}'}),
        (FormField, "applicant.sex", {"choices": "[1]"}),
        (FormField, "applicant.sex", {"catalogue": "none"}),
        (FormField, "applicant.name", {"key": "applicant.NAME"}),
        (FormField, "applicant.name", {"columns": "[1]"}),
        (AwardTier, "技师", {"amount_fen": "x"}),
        (AwardTier, "技师", {"amount_fen": "-5"}),
        (AwardTier, "技师", {"key": "a,b"}),
        (AwardTier, "技师", {"when": '[["certificate.level", "is"]]'}),
    ],
)
def test_other_nonsense_is_refused_with_words(
    office: Office, table: Any, key: str, changes: dict[str, str]
) -> None:
    before = office.document()
    screen = table.__tablename__.replace("_", "")
    url = f"/{screen}/edit/?id={office.row(table, key)}"
    answer = change(office.browser("centre"), url, **changes)
    assert answer.status_code == 200
    assert "jx-wrong" in answer.text or "jx-flash" in answer.text
    assert "出错" not in answer.text
    assert office.document() == before


def test_a_new_row_stands_last_with_a_key_of_its_own(office: Office) -> None:
    browser, draft = office.browser("centre"), office.draft()
    before = office.keys("conditions")
    book = f"/revision/book?id={draft}"
    answer = change(
        browser, f"/condition/new/?url={book}", says="年满十八周岁", clause="一", otherwise="ask"
    )
    assert answer.status_code == 302
    assert answer.location == book
    assert office.keys("conditions")[:-1] == before
    assert office.keys("conditions")[-1].startswith("rule-")
    assert "由人工判断" in browser.get(book).text


def test_the_form_knows_the_page_that_it_was_opened_from(office: Office) -> None:
    browser = office.browser("centre")
    answer = _begin(browser)
    other = office.draft()
    assert answer.location == f"/revision/book?id={other}"
    for wanted in (other, 2):
        page = browser.get(f"/condition/new/?url=/revision/book?id={wanted}").text
        assert filled(page)["revision"] == [str(wanted)]
    stage = filled(browser.get("/stage/new/").text)
    assert stage["acts"] == [""], "who acts is chosen by a person"


def _begin(browser: Browser, **changes: str) -> Any:
    form = filled(browser.get("/programme/new/").text)
    return browser.post("/programme/new/", **(form | NEW | changes))


def test_a_programme_begins_with_what_its_subject_needs(office: Office) -> None:
    browser = office.browser("centre")
    answer = _begin(browser)
    assert answer.status_code == 302
    keys = office.keys("fields")
    assert {"organization.unit", "applicant.id_number", "certificate.level"} <= set(keys)
    page = browser.get(answer.location).text
    for words in ("新项目", "第 1 版", "草稿", "发布前检查", "申报批次", "至少要有一行"):
        assert words in page, words
    done = browser.post(
        "/revision/action/", action="publish", rowid=f"{office.draft()}:1", url="/revision/"
    )
    assert "不能发布" in browser.get(done.location).text
    assert office.one(select(Revision.state).where(Revision.id == office.draft())) == DRAFT
    entry = select(AuditEntry.details).where(AuditEntry.action == "programme:start")
    assert office.one(entry)["programme"] == NEW["code"]


def test_a_programme_begins_from_another_s_rules(office: Office) -> None:
    browser = office.browser("centre")
    answer = _begin(browser, like=CODE)
    assert answer.status_code == 302
    old, new = office.document(), office.document(NEW["code"])
    rules = (old.keys() | new.keys()) - {"programme", "notice", *OWN}
    assert {key: old.get(key) for key in rules} == {key: new.get(key) for key in rules}
    assert "没有缺漏，可以发布。" in browser.get(answer.location).text
    office.app.extensions["portal_clock"] = Clock(date(2027, 3, 1))
    page = office.browser("centre").get(answer.location).text
    assert "没有缺漏，可以发布。" not in page
    for words in ("申报批次 · 第 1 条", "早于今天：2026-09-15", "以下日期已经过去"):
        assert words in page, words
    assert 'name="action" value="publish"' in page  # a reminder keeps nothing from being published


@pytest.mark.parametrize(
    "changes",
    [
        {"code": CODE}, {"number_prefix": "S26-"}, {"code": "A b"}, {"number_prefix": "s"},
        {"year": "3"}, {"subject": "none"}, {"notice": "99"}, {"like": "none"}, {"title": ""},
        {"family": "甲"},
    ],
)  # fmt: skip
def test_a_beginning_that_makes_no_sense_is_refused(
    office: Office, changes: dict[str, str]
) -> None:
    answer = _begin(office.browser("centre"), **changes)
    assert answer.status_code == 200
    with office.app.app_context():
        assert len(db.session.scalars(select(Programme)).all()) == 1


def test_a_draft_says_what_it_would_do(office: Office) -> None:
    browser, draft = office.browser("centre"), office.draft()
    url = f"/awardtier/edit/?id={office.row(AwardTier, '技师')}"
    assert change(browser, url, amount_fen="1500").status_code == 302
    told = browser.get(f"/revision/effect?id={draft}&code={CODE}").text
    assert "1,000" in told and "1,500" in told
    assert browser.get(f"/revision/effect?id={draft}&code=none").status_code == 200
    assert "<html" not in told
    assert office.one(select(Revision.state).where(Revision.id == 1)) == PUBLISHED


def test_the_words_of_the_rules_are_told_to_the_script(office: Office) -> None:
    told = office.browser("centre").get(f"/revision/vocabulary?id={office.draft()}").json
    facts = {fact["key"]: fact for fact in told["facts"]}
    assert facts["certificate.level"]["label"] == "现晋升的技能等级"
    assert ["shanghai", "通用工种（上海市职业技能鉴定中心）"] in facts["certificate.issuer"][
        "choices"
    ]
    channels = [["unit", "单位申报"], ["personal", "个人申报"], ["collective", "集中申报"]]
    assert facts["application.channel"]["choices"] == channels
    assert "person" not in facts
    assert not any(key.startswith("survey.") for key in facts)
    assert {
        "key": "sh-a-class-2026",
        "title": "上海A类重点工种目录（2026年）",
        "columns": [],
    } in told["catalogues"]


def test_the_whole_of_a_draft_is_changed_and_what_is_in_force_is_not(office: Office) -> None:
    browser = office.browser("centre")
    words = '{"paid": "已到账", "draft": "草稿"}'
    answer = change(browser, f"/revision/edit/?id={office.draft()}", closing_words=words)
    assert answer.status_code == 302
    assert "已到账" in str(office.document())
    frozen = change(browser, "/revision/edit/?id=1", closing_words=words)
    assert "已发布的版本不能修改" in frozen.text
