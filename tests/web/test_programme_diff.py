"""What changed from one year's rules to the next, on a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from models.base import db
from portal.access.accounts import system_actor
from portal.config import ROOT
from portal.policy.packs import clone, draft, load_pack
from tests.conftest import fills
from tests.support.cases import CLOCK, published
from tests.web.pages import Browser

EARLIER = ROOT / "seed" / "programmes" / "sh-skill-2023.yaml"


@dataclass
class Years:
    """Two years' rules, the later in force, amended and cloned; ids of revisions by name."""

    app: Flask
    ids: dict[str, int]

    def page(self, address: str, login: str = "unit") -> str:
        """A page as *login* reads it, tags taken out."""
        browser = Browser(self.app)
        assert browser.log_in(login).status_code == 303
        answer = browser.get(address)
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


@fills("two-years", after="stocked")
def _two_years(app: Flask, _home: Path) -> dict[str, int]:
    session, system = db.session(), system_actor(db.session())
    later = published(session)
    earlier = load_pack(session, system, CLOCK, EARLIER)
    amended = draft(session, system, CLOCK, later.programme.code)
    amended.tiers[1].amount_fen = 1200_00
    copied = clone(session, system, CLOCK, "sh-skill-2026", "next-year", "下一年", 2027, "N-")
    rows = {"earlier": earlier, "later": later, "amended": amended, "copied": copied}
    return {name: row.id for name, row in rows.items()}


@pytest.fixture
def template() -> str:
    """The two years, and who reads them."""
    return "two-years"


@pytest.fixture
def years(app: Flask, begun: dict[str, int]) -> Years:
    """The two years, and who reads them."""
    return Years(app, begun)


def test_two_years_read_as_sentences(years: Years) -> None:
    page = years.page(f"/programme-diff/?old={years.ids['earlier']}&new={years.ids['later']}")
    for words in (
        "发证日期：最早日期由2020-01-01改为2023-01-01",
        "（6项）换为《上海A类重点工种目录（2026年）》（19项）",
        "“现晋升的技能等级”新增选项：特级技师、首席技师",
        "取消“个人申报”",
        "资助档次",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ("amended", "“技师”的金额由1,000 元改为1,200 元"),  # against what it amends
        ("later", "新增“首席技师”"),  # against the family's year before
        ("copied", "没有变化"),
        ("earlier", "请选择要比较的两个版本"),  # nothing is before it
    ],
)
def test_without_a_choice_the_one_before_is_taken(years: Years, new: str, says: str) -> None:
    assert says in years.page(f"/programme-diff/?new={years.ids[new]}")


def test_the_book_of_a_programme_leads_there(years: Years) -> None:
    browser = Browser(years.app)
    browser.log_in("unit")
    page = browser.get(f"/revision/book?id={years.ids['later']}").text
    assert f"/programme-diff/?new={years.ids['later']}" in page


@pytest.mark.parametrize("query", ["?old=999999", "?new=x", "?new=-1", "?new=1&old=%00"])
def test_what_is_not_there_is_not_found(years: Years, query: str) -> None:
    browser = Browser(years.app)
    browser.log_in("unit")
    assert browser.get(f"/programme-diff/{query}").status_code in (400, 404)


def test_strangers_are_asked_to_sign_in(years: Years) -> None:
    assert Browser(years.app).get("/programme-diff/").status_code == 302
