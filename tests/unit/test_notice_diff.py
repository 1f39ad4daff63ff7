"""What a clerk is told of the changes from one year's rules to the next."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from models.base import begin_writing, db
from portal.config import ROOT
from portal.policy.notice_diff import Sentence, grouped, plainly, sentences
from portal.policy.pack_files import read
from portal.policy.pack_rows import completed
from seed.catalogues import load_all
from tests.support.cases import CLOCK

PACKS = ROOT / "seed" / "programmes"
Document = dict[str, Any]


def _document(name: str) -> Document:
    return completed(read(PACKS / f"{name}.yaml")[0].document)


OLD, NEW = _document("sh-skill-2023"), _document("sh-skill-2026")


@pytest.fixture
def catalogues(app: Flask) -> Iterator[None]:
    """The seeded catalogues, in English."""
    with app.app_context():
        begin_writing()
        load_all(db.session(), CLOCK)
        yield
        db.session.rollback()
        begin_writing(False)


def _found(old: Document, new: Document) -> list[Sentence]:
    return sentences(db.session(), old, new)


def _told(old: Document, new: Document, section: str = "") -> list[str]:
    return [
        plainly(found.message, **found.params)
        for found in _found(old, new)
        if not section or found.section == section
    ]


def _row(document: Document, section: str, key: str) -> dict[str, Any]:
    rows = document[section]["rows"] if section == "tiers" else document[section]
    return next(row for row in rows if row["key"] == key)


@pytest.fixture
def amended() -> Document:
    """The 2026 rules, to be changed."""
    return copy.deepcopy(NEW)


@pytest.mark.usefixtures("catalogues")
class TestYears:
    """2023 against 2026, as it must read."""

    def test_the_six_trades_become_nineteen(self) -> None:
        told = _told(OLD, NEW, "conditions")
        swap, came = (text for text in told if text.startswith("工种:"))
        assert "with 19 entries" in swap and "with 6" in swap
        assert came.startswith("工种: 13 that count now: 计算机程序设计员, ")
        assert "人工智能训练师" not in came  # in both

    def test_levels_dates_windows_and_channels(self) -> None:
        told = _told(OLD, NEW)
        for words in (
            "发证日期: no earlier than 2023-01-01 now, before it was 2020-01-01",
            "发证日期: no later than Window closes; there was no such limit",
            "“现晋升的技能等级” offers newly: 特级技师, 首席技师",
        ):
            assert words in told
        windows = "\n".join(_told(OLD, NEW, "windows"))
        for words in ("Gone: “第一批”", "2023-08-16 to 2023-09-15", "2026-06-16 to 2026-09-15"):
            assert words in windows
        tiers = _told(OLD, NEW, "tiers")
        assert [text.partition(" (")[0] for text in tiers] == ["New: “特级技师”", "New: “首席技师”"]
        assert "3,000 yuan" in tiers[0]
        assert any("集中申报" in text for text in _told(OLD, NEW, "channels"))

    def test_a_new_way_is_told_as_one(self) -> None:
        told = _told(OLD, NEW, "conditions")
        ways = [
            text for text in told if text.startswith("Newly accepted: 现晋升的技能等级 is one of")
        ]
        assert len(ways) == 1 and " and 证书类型 is " in ways[0]
        assert not [text for text in told if text.startswith("No longer accepted")]

    def test_what_stays_is_not_told(self) -> None:
        told = "\n".join(_told(OLD, NEW))
        assert "高级工”: " not in told and "clause" not in told
        told_of_stages = _told(OLD, NEW, "stages")
        assert not [text for text in told_of_stages if text.startswith("Gone")]
        assert any("10 working days after: Submitted on" in text for text in told_of_stages)

    def test_backwards_the_nineteen_become_six(self) -> None:
        told = _told(NEW, OLD)
        assert "发证日期: no earlier than 2020-01-01 now, before it was 2023-01-01" in told
        assert "发证日期: Window closes is no longer the most" in told
        assert any(text.startswith("工种: 13 that no longer count: ") for text in told)

    def test_sentences_of_one_row_stand_together(self) -> None:
        groups = [group for group in grouped(_found(OLD, NEW)) if group.section == "conditions"]
        assert (groups[0].title, len(groups[0].sentences)) == ("", 2)  # what came and went
        issued = groups[1]
        assert (issued.title, issued.clause) == (_row(NEW, "conditions", "issued")["says"], "一")
        assert len(issued.sentences) == 4
        assert {found.key for found in issued.sentences} == {"issued"}


@pytest.mark.usefixtures("catalogues")
class TestChanges:
    """One change at a time."""

    def test_nothing_changed(self, amended: Document) -> None:
        assert _told(NEW, amended) == []

    def test_clauses_and_keys_are_no_news(self, amended: Document) -> None:
        for row in amended["conditions"]:
            row["clause"] = "九"
        assert _told(NEW, amended) == []

    def test_an_amount(self, amended: Document) -> None:
        _row(amended, "tiers", "技师")["amount"] = 1200.5
        assert _told(NEW, amended) == ["“技师” pays 1,200.5 yuan, before 1,000 yuan"]

    def test_a_window(self, amended: Document) -> None:
        amended["windows"][0]["closes"] = "2026-10-15"
        (told,) = _told(NEW, amended)
        assert "2026-06-16 to 2026-10-15" in told and "before: 2026-06-16 to 2026-09-15" in told

    def test_values_that_a_fact_may_have(self, amended: Document) -> None:
        way = _row(amended, "conditions", "route")["require"]["any"][0]["all"]
        way[1][2] = ["shanghai", "elsewhere"]
        gone = "“通用工种（苏浙皖地区）”, “行业特有工种（国家行业主管单位）”"
        assert _told(NEW, amended) == [
            "证书类型 may also be “elsewhere” now",
            f"证书类型 may no longer be {gone}",
        ]

    def test_a_judgement_takes_the_place_of_terms(self, amended: Document) -> None:
        del _row(amended, "conditions", "hr-opinion")["require"]
        (told,) = _told(NEW, amended)
        assert told == "Before: 人力资源部门意见 is “同意”. Now: a person's judgement"

    def test_where_a_rule_applies(self, amended: Document) -> None:
        _row(amended, "conditions", "hr-opinion")["when"] = []
        _row(amended, "conditions", "member")["when"] = [["applicant.sex", "is", "female"]]
        told = _told(NEW, amended)
        assert told[0] == "It applies only where 性别 is “女” now"
        assert told[1].startswith("It no longer applies only where ")
        assert "证书类型 is one of" in told[1]

    def test_a_term_more_and_a_term_less(self, amended: Document) -> None:
        terms = _row(amended, "conditions", "issued")["require"]["all"]
        terms[1] = ["certificate.previous_issued_on", "is given"]
        assert _told(NEW, amended) == [
            "Also needed now: 原等级发证日期 is given",
            "No longer needed: 发证日期 is on or before Submitted on",
        ]

    def test_numbers_have_a_least_and_a_most(self, amended: Document) -> None:
        member = _row(amended, "conditions", "member")["require"]["all"]
        before = copy.deepcopy(amended)
        _row(before, "conditions", "member")["require"]["all"].append(
            ["field.years", "at least", 2]
        )
        member.append(["field.years", "between", [3, 8]])
        field = {"key": "field.years", "section": "s", "label": "工龄", "kind": "number"}
        for document in (before, amended):
            document["fields"].append(field)
        assert _told(before, amended) == [
            "工龄: at least 3 now, before it was 2",
            "工龄: at most 8; there was no such limit",
        ]

    def test_a_condition_that_refuses_asks_now(self, amended: Document) -> None:
        _row(amended, "conditions", "member")["otherwise"] = "ask"
        (told,) = _told(NEW, amended)
        assert (
            told == "“申请人须是本市工会会员”: Otherwise: Ask a person; before: Otherwise: Refuse"
        )

    def test_a_bound_and_the_order_of_bounds(self, amended: Document) -> None:
        bound = amended["bounds"][0]
        amended["bounds"].append(bound | {"key": "twice", "says": "每人两次", "per": ["person"]})
        before = copy.deepcopy(amended)
        amended["bounds"].reverse()
        amended["bounds"][0]["at_most"] = 2
        order, limit = _told(before, amended)
        assert order.startswith("They stand in this order now: 每人两次")
        assert "At most: 2" in limit and "At most: 1" in limit

    def test_who_acts_at_a_stage(self, amended: Document) -> None:
        _row(amended, "stages", "centre")["acts"] = "district"
        (told,) = _told(NEW, amended)
        assert told.startswith(
            "“审核”, Who acts: District or bureau reviewer; before: City service"
        )

    def test_rows_of_a_channel_that_came_name_it_only_there(self, amended: Document) -> None:
        amended["channels"].append({"key": "post", "title": "邮寄", "entered_by": ["district"]})
        for row in amended["stages"]:
            if row.get("channels"):
                row["channels"] = [*row["channels"], "post"]
        assert _told(NEW, amended, "stages") == []

    def test_the_whole_programme(self, amended: Document) -> None:
        amended["tiers"]["choose"] = "highest"
        amended["closing_words"] = {"paid": "已到账"}
        amended["notice"]["document_number"] = "沪工〔2027〕1号"
        told = _told(NEW, amended)
        assert told[0].startswith("It follows the notice 《")
        assert "Which tier pays: The highest that fits; before: The first that fits" in told
        assert "The words for closed cases changed" in told

    def test_a_catalogue_that_is_not_there_is_named(self, amended: Document) -> None:
        way = _row(amended, "conditions", "route")["require"]["any"][2]["all"]
        way[2][2] = "another-list"
        (told,) = _told(NEW, amended)
        assert told.startswith("工种: the table “another-list” takes the place of “上海")

    def test_a_group_of_another_sort_is_said_in_full(self, amended: Document) -> None:
        route = _row(amended, "conditions", "route")
        route["require"] = {"at_least": 2, "of": route["require"]["any"]}
        (told,) = _told(NEW, amended)
        assert told.startswith("Before: ") and ". Now: at least 2 of: " in told
        more = copy.deepcopy(amended)
        _row(more, "conditions", "route")["require"]["at_least"] = 3
        assert _told(amended, more) == ["At least 3 of the points must hold now, before 2"]

    def test_survey_questions_stand_apart(self, amended: Document) -> None:
        amended["fields"] = [row for row in amended["fields"] if row["key"] != "survey.pay"]
        amended["fields"] = [row for row in amended["fields"] if row["key"] != "applicant.title"]
        assert _told(NEW, amended) == [
            "The form no longer asks for: 职称",
            "The survey no longer asks: 创新成果与收入挂钩",
        ]
