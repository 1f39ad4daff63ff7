"""The search boxes: part of a union's name, a long name, codes and logins, inside the subtree."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from flask import Flask
from sqlalchemy import select

from models.account import Account
from models.base import begin_writing, db
from models.certificate import SkillCertificate
from portal.evidence.identifiers import certificate_key
from tests.conftest import City
from tests.support.cases import CLOCK, cells, entered, published
from tests.web.pages import Browser

LONG = "阿卜杜拉·买买提江"
PEOPLE = {
    "clerk1": ("district", "D1"),
    "clerk2": ("district", "D2"),
    "unit1": ("grass-roots", "D1-1"),
    "unit2": ("grass-roots", "D2-1"),
    "centre": ("city-centre", "SH"),
    "admin": ("system-admin", "SH"),
}

FOUND = {
    "application": (
        ("centre", "甲一厂", 2),
        ("centre", "一厂", 5),
        ("centre", "甲", 3),
        ("clerk1", "一厂", 2),
        ("clerk1", "甲区总", 3),
        ("clerk1", "乙一厂", 0),
        ("clerk1", "乙区", 0),
        ("unit1", "甲二厂", 0),
        ("centre", LONG, 2),
        ("clerk1", LONG, 1),
        ("clerk1", "阿卜杜拉·买", 1),
        ("clerk1", "买买提江", 1),
        ("clerk2", "张丽4", 0),
        ("clerk2", "张丽5", 1),
        ("clerk1", "张丽5", 0),
        ("centre", "%", 0),
        ("centre", "_厂", 0),
    ),
    "applicant": (
        ("centre", "一厂", 5),
        ("clerk1", "甲二厂", 1),
        ("clerk1", "乙", 0),
        ("clerk1", LONG, 1),
        ("centre", LONG, 2),
    ),
    "organization": (
        ("admin", "一厂", 3),
        ("admin", "D1-", 2),
        ("admin", "d1-1", 1),
        ("admin", "机电工会", 1),
        ("clerk1", "一厂", 1),
        ("clerk1", "D1", 3),
        ("clerk1", "D2", 0),
        ("clerk1", "乙区总工会", 0),
        ("admin", "%", 0),
    ),
    "account": (
        ("admin", "unit", 3),  # with the one of every stocked database
        ("admin", "UNIT1", 1),
        ("admin", "clerk", 2),
        ("clerk1", "unit", 2),
        ("clerk1", "clerk2", 0),
        ("clerk1", "admin", 0),
        ("admin", "%", 0),
    ),
}
"""By screen: who typed what, and how many rows they find."""


@pytest.fixture
def settings() -> dict[str, object]:
    """A day inside the window."""
    return {"today": CLOCK.today()}


@dataclass
class Desk:
    """Two cases in 甲一厂, one in 甲二厂, three in 乙一厂; one long name on each side."""

    app: Flask
    browsers: dict[str, Browser] = field(default_factory=dict)

    def found(self, login: str, screen: str, typed: str) -> int:
        """How many rows *login* finds on *screen* for what was *typed*."""
        browser = self._browser(login)
        browser.get(f"/{screen}/")
        answer = browser.post(f"/{screen}/search", q=typed)
        assert answer.status_code == 302
        address = answer.location
        assert len(typed) < 4 or typed not in address
        rows = browser.get(address)
        assert rows.status_code == 200
        totals = browser.get(address.replace(f"/{screen}/", f"/{screen}/totals")).json
        assert totals is not None
        count: int = totals["count"]
        assert len(re.findall(rf'href="/{screen}/details/\?id=\d+"', rows.text)) >= count
        return count

    def _browser(self, login: str) -> Browser:
        if login not in self.browsers:
            self.browsers[login] = Browser(self.app)
            assert self.browsers[login].log_in(login).status_code == 303
        return self.browsers[login]


@pytest.fixture
def desk(app: Flask, town: City) -> Desk:
    """Six cases on both sides of a border."""
    with app.app_context():
        begin_writing()
        people = {login: town.person(login, *place) for login, place in PEOPLE.items()}
        revision = published(db.session())
        for login, union, serials in (
            ("clerk1", "D1-1", (1, 2)),
            ("clerk1", "D1-2", (3,)),
            ("clerk2", "D2-1", (4, 5, 6)),
        ):
            unit = town.union(union)
            names = {2: LONG, 4: LONG}
            forms = [cells(unit, n, applicant__name=names.get(n, f"张丽{n}")) for n in serials]
            entered(db.session(), people[login], revision, forms)
        db.session.commit()
        begin_writing(False)
    return Desk(app)


@pytest.mark.parametrize("screen", FOUND)
def test_a_search_finds_what_lies_in_the_subtree(desk: Desk, screen: str) -> None:
    wrong = {
        (login, typed): (found, count)
        for login, typed, count in FOUND[screen]
        if (found := desk.found(login, screen, typed)) != count
    }
    assert wrong == {}


def test_chinese_with_digits_is_a_union_or_a_certificate(desk: Desk, town: City) -> None:
    with desk.app.app_context():
        begin_writing()
        town.union("D1-2").name = "3M中国2号厂"
        paper = db.session.scalars(select(SkillCertificate).order_by(SkillCertificate.id)).first()
        assert paper is not None
        paper.number = "沪人社字第20250001号"
        paper.number_key = certificate_key(paper.number)
        db.session.commit()
        begin_writing(False)
    for typed in ("3M中国", "3m中国2号厂", "沪人社字20250001", "沪人社字第20250001号"):
        assert desk.found("clerk1", "application", typed) == 1, typed
        assert desk.found("clerk2", "application", typed) == 0, typed


def test_accounts_are_found_by_name(desk: Desk) -> None:
    with desk.app.app_context():
        begin_writing()
        for login, name in (("unit1", "王小芳"), ("unit2", "王大力")):
            db.session.query(Account).filter_by(login=login).one().name = name
        db.session.commit()
        begin_writing(False)
    assert desk.found("admin", "account", "王") == 2
    assert desk.found("clerk1", "account", "王") == 1
    assert desk.found("clerk1", "account", "大力") == 0
