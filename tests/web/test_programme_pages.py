"""Rules on the screens: a file in and out, a draft, its rows, and putting it in force."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from models.application import Application
from models.audit import AuditEntry
from models.base import begin_writing, db
from models.programme import DRAFT, PUBLISHED, AwardTier, Programme, Revision
from portal.policy.packs import dump_pack
from tests.conftest import City
from tests.support.cases import CLOCK, PACK, cells, published
from tests.web.pages import Browser

CODE = "sh-skill-2026"
SOURCE = PACK.read_text(encoding="utf-8")
TITLE = "title: 2026年度职工技能等级晋升资助\n"
TIER = "{key: 技师, clause: 三, amount: 1000,"


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass
class Registry:
    """A programme in force and its people."""

    app: Flask
    town: City

    def browser(self, login: str) -> Browser:
        """*login*, signed in."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        return browser

    def revisions(self) -> list[tuple[int, str, int]]:
        """Number, state and what a 技师 gets in fen, of every revision."""
        wanted = (
            select(Revision.number, Revision.state, AwardTier.amount_fen)
            .join(AwardTier, AwardTier.revision_id == Revision.id)
            .where(AwardTier.key == "技师")
            .order_by(Revision.number)
        )
        with self.app.app_context():
            return [tuple(row) for row in db.session.execute(wanted)]

    def tier(self, number: int) -> dict[str, str]:
        """The form of the 技师 tier of a revision, and its id."""
        with self.app.app_context():
            row = db.session.scalars(
                select(AwardTier)
                .join(Revision, Revision.id == AwardTier.revision_id)
                .where(AwardTier.key == "技师", Revision.number == number)
            ).one()
            return {
                "id": str(row.id), "position": str(row.position), "key": row.key,
                "clause": row.clause, "title": row.title, "amount_fen": "1000",
                "when": "- [certificate.level, is, 技师]",
            }  # fmt: skip

    def everything(self) -> tuple[Any, ...]:
        """What a refused file leaves alone."""
        with self.app.app_context():
            written = AuditEntry.action.startswith("programme:")
            entries = db.session.scalar(select(func.count(AuditEntry.id)).where(written))
            titles = tuple(db.session.scalars(select(Programme.title)))
            newest = dump_pack(db.session(), CODE)
        return entries, titles, newest, *self.revisions()


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def registry(app: Flask, town: City) -> Registry:
    """Somebody of the centre writes rules; others do not."""
    with app.app_context():
        begin_writing()
        published(db.session())
        for login, role, code in (
            ("centre", "city-centre", "SH"),
            ("district", "district", "D1"),
            ("finance", "finance", "SH"),
        ):
            town.person(login, role, code)
        db.session.commit()
        begin_writing(False)
    return Registry(app, town)


def _load(browser: Browser, text: str | bytes) -> TestResponse:
    browser.get("/programme/load")
    data = text if isinstance(text, bytes) else text.encode()
    return browser.post("/programme/load", file=(BytesIO(data), "rules.yaml"))


def _act(browser: Browser, action: str, revision: int) -> TestResponse:
    browser.get("/revision/")
    return browser.post("/revision/action/", action=action, rowid=f"{revision}:1")


def _edit(browser: Browser, form: dict[str, str]) -> TestResponse:
    address = f"/awardtier/edit/?id={form['id']}"
    page = browser.get(address).text
    seen = re.search(r'name="seen_version"[^>]*value="(\d+)"', page)
    return browser.post(address, seen_version=seen[1] if seen else "1", **form)


def _line(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_broken_file_is_refused_line_by_line_and_changes_nothing(registry: Registry) -> None:
    broken = SOURCE.replace("otherwise: ask", "otherwise: perhaps").replace(
        TIER, "{key: 技师, clause: 三, amount: 无,"
    )
    before = registry.everything()
    answer = _load(registry.browser("centre"), broken)
    assert answer.status_code == 200
    for part in ("otherwise: perhaps", "amount: 无"):
        assert f"第 {_line(broken, part)} 行" in answer.text
    assert registry.everything() == before


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n\0\0", b"a: [b", b"- 1\n- 2\n", b"[" * 5000, b"<b>x</b>: 1"]
)
def test_what_is_no_file_of_rules_is_refused(registry: Registry, data: bytes) -> None:
    before = registry.everything()
    answer = _load(registry.browser("centre"), data)
    assert answer.status_code == 200
    assert "jx-" in answer.text and "<b>x</b>" not in answer.text
    assert "第 " in answer.text
    assert registry.everything() == before


def test_a_good_file_becomes_a_draft_and_nothing_more(registry: Registry) -> None:
    good = SOURCE.replace(TITLE, "title: 技能晋升资助（修订）\n").replace(
        TIER, "{key: 技师, clause: 三, amount: 1234.50,"
    )
    browser = registry.browser("centre")
    answer = _load(browser, good)
    assert answer.status_code == 302
    page = browser.get(answer.location)
    assert page.status_code == 200
    assert "技能晋升资助（修订）" in page.text
    assert registry.revisions() == [(1, PUBLISHED, 1000_00), (2, DRAFT, 1234_50)]


def test_a_file_goes_out_as_it_stands_and_comes_in_again(registry: Registry) -> None:
    browser = registry.browser("centre")
    answer = browser.get(f"/programme/dump/{CODE}")
    with registry.app.app_context():
        assert answer.text == dump_pack(db.session(), CODE)
    assert answer.mimetype == "application/yaml"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert f"/programme/dump/{CODE}" in browser.get("/programme/details/?id=1").text
    assert _load(browser, answer.data).status_code == 302
    assert registry.revisions() == [(1, PUBLISHED, 1000_00)]
    assert browser.get("/programme/dump/none").status_code in (400, 404)


def test_a_draft_is_made_changed_and_put_in_force(registry: Registry) -> None:
    browser = registry.browser("centre")
    made = _act(browser, "draft", 1)
    assert made.status_code == 302
    assert "已建为草稿" in browser.get(made.location).text
    assert registry.revisions() == [(1, PUBLISHED, 1000_00), (2, DRAFT, 1000_00)]
    changed = _edit(browser, registry.tier(2) | {"amount_fen": "1234"})
    assert changed.status_code == 302
    assert registry.revisions() == [(1, PUBLISHED, 1000_00), (2, DRAFT, 1234_00)]
    done = _act(browser, "publish", 2)
    assert "已生效" in browser.get(done.location).text
    assert registry.revisions() == [(1, "closed", 1000_00), (2, PUBLISHED, 1234_00)]
    with registry.app.app_context():
        filled = cells(registry.town.union("D1-1"), 1)
    browser.get("/application/new/")
    form = {key.replace(".", "__"): value for key, value in filled.items()}
    assert browser.post("/application/new/", **form).status_code == 302
    with registry.app.app_context():
        assert db.session.scalars(select(Application.amount_fen)).one() == 1234_00


def test_a_draft_s_row_that_makes_no_sense_is_refused(registry: Registry) -> None:
    browser = registry.browser("centre")
    _act(browser, "draft", 1)
    broken = registry.tier(2) | {"when": "- [certificate.nothing, is, 技师]", "amount_fen": "9"}
    assert _edit(browser, broken).status_code == 200
    assert registry.revisions()[1] == (2, DRAFT, 1000_00)


def test_rules_in_force_refuse_change(registry: Registry) -> None:
    browser = registry.browser("centre")
    form = registry.tier(1)
    answer = _edit(browser, form | {"amount_fen": "9999"})
    assert answer.status_code == 200
    assert "已发布的版本不能修改" in answer.text
    dropped = browser.post("/awardtier/delete/", id=form["id"], url="/awardtier/")
    assert "已发布的版本不能修改" in browser.get(dropped.location).text
    assert registry.revisions() == [(1, PUBLISHED, 1000_00)]


@pytest.mark.parametrize("login", ["district", "finance"])
def test_who_does_not_write_rules_changes_none(registry: Registry, login: str) -> None:
    centre = registry.browser("centre")
    _act(centre, "draft", 1)
    before = registry.everything()
    browser = registry.browser(login)
    assert "/programme/load" not in browser.get("/programme/").text
    assert browser.get(f"/programme/dump/{CODE}").status_code == 200  # rules are no secret
    assert browser.get("/programme/load").status_code == 403
    data = (BytesIO(SOURCE.encode()), "rules.yaml")
    assert browser.post("/programme/load", file=data).status_code == 403
    for action, revision in (("draft", 1), ("publish", 2)):
        assert _act(browser, action, revision).status_code == 403
    tier = registry.tier(2)
    assert _edit(browser, tier | {"amount_fen": "9"}).status_code == 403
    assert browser.post("/awardtier/delete/", id=tier["id"]).status_code == 403
    assert registry.everything() == before
