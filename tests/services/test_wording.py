"""Rules in words: terms, groups and every row of a pack, in the words of the form."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from models.catalogue import CatalogueEntry
from models.programme import AwardTier, Bound, DerivedFact, FormField, OrderKey
from portal.access.accounts import system_actor
from portal.policy.pack_rows import SECTIONS
from portal.policy.packs import draft
from portal.policy.places import spot
from portal.policy.row_words import RowReader, RowWords
from portal.policy.vocabulary import Vocabulary, plainly
from portal.policy.wording import Said, Wording
from tests.support.cases import CLOCK, published


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def vocabulary(session: Session) -> Vocabulary:
    """The words of a draft of the 2026 programme, in English."""
    published(session)
    revision = draft(session, system_actor(session), CLOCK, "sh-skill-2026")
    revision.fields.append(
        FormField(
            position=99,
            key="field.members",
            section="团队",
            label="团队成员",
            kind="table",
            columns=[{"key": "sex", "label": "性别", "kind": "choice", "choices": {"f": "女"}}],
        )
    )
    revision.fields.append(
        FormField(position=100, key="field.sum", section="团队", label="奖金", kind="money")
    )
    session.flush()
    return Vocabulary(session, revision, plainly)


@pytest.mark.parametrize(
    ("term", "words"),
    [
        (["certificate.level", "is", "技师"], "现晋升的技能等级 is “技师”"),
        (["certificate.issuer", "one of", ["national"]],
         "证书类型 is one of “行业特有工种（国家行业主管单位）”"),
        (["applicant.union_member", "is true"], "本市工会会员 is yes"),
        (["certificate.issued_on", "between", ["2023-01-01", "window.closes"]],
         "发证日期 is between 2023-01-01 and Window closes"),
        (["certificate.issued_on", "after", {"from": "window.opens", "months": -3}],
         "发证日期 is after -3 months after Window opens"),
        (["certificate.issued_on", "before", {"earliest": ["2026-01-01", "window.closes"]}],
         "发证日期 is before the earliest of 2026-01-01, Window closes"),
        (["field.sum", "at least", 12000], "奖金 is at least 12,000 yuan"),
        (["field.sum", "at most", {"of": "field.sum", "times": [1, 2]}],
         "奖金 is at most 1/2 of 奖金"),
        (["field.sum", "is", {"table": "education", "by": "district.code", "cell": "cap"}],
         "奖金 is “cap” in the table “学历” by Code of the district"),
        (["certificate.occupation", "in table", "sh-a-class-2026"],
         "工种 is in the table “上海A类重点工种目录（2026年）”"),
        (["district.kind", "is", "district"], "Kind of the district is “District union”"),
        (["row.sex", "is", "f"], "性别 is “女”"),
        (["nothing", "is", "x"], "nothing is “x”"),
        (["certificate.level", "resembles", "x"], "['certificate.level', 'resembles', 'x']"),
        ("x", "x"), (None, "None"), ([], "[]"), (["certificate.level", "is", {"odd": 1}],
         "现晋升的技能等级 is {'odd': 1}"),
    ],
)  # fmt: skip
def test_a_term_reads_as_a_sentence(vocabulary: Vocabulary, term: Any, words: str) -> None:
    assert Wording(vocabulary).term_words(term) == words


def test_a_group_reads_as_a_tree(vocabulary: Vocabulary) -> None:
    term = ["applicant.union_member", "is true"]
    said = Wording(vocabulary).group_words({"at_least": 1, "of": [term, {"any": [term]}]})
    leaf = Said("本市工会会员 is yes")
    assert said == Said("at least 1 of:", (leaf, Said("any of:", (leaf,))))
    assert Wording(vocabulary).group_words({"odd": []}).words == "{'odd': []}"


def test_every_row_of_a_programme_reads(vocabulary: Vocabulary) -> None:
    reader = RowReader(vocabulary)
    rows = [row for section in SECTIONS for row in getattr(vocabulary.revision, section)]
    told = [reader.words(row) for row in rows]
    assert all(words.title for words in told)
    said = repr(told)
    for key in ("certificate.level", "window.closes", "grass-roots", "refuse"):
        assert key not in said


def _text(words: RowWords) -> str:
    lines = [f"{line.label} {' '.join(item.words for item in line.said)}" for line in words.lines]
    return "; ".join([words.title, *lines, *words.marks])


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            AwardTier(
                key="a", title="甲", when=[], rule={"of": "field.sum", "percent": 30, "at_most": 9},
                uplift={"percent": 10, "when": []}, rounding={"to": "ten", "mode": "down"},
            ),
            ("甲; Amount worked out 30 % of 奖金, at most 9 yuan; Uplift 10 % more; "
            "Rounding rounded down to ten yuan"),
        ),
        (
            AwardTier(key="a", title="甲", when=[], rule={"top_up_to": 900, "less": "field.sum"}),
            "甲; Amount worked out topped up to 900 yuan, less 奖金",
        ),
        (AwardTier(key="a", title="甲", when=[]), "甲; Amount not set yet"),
        (
            Bound(
                key="b", says="上限", counts="awarded", take="distinct", of="field.sum", per=[],
                within="year", at_most=None, at_least=3, over="spill", spill_to="技师", when=[],
                tiers=["技师"],
            ),
            ("上限;  Awarded · Different values, all together, within: One calendar year, "
            "At least: 3; What is counted 奖金; Tiers 技师; "
            "Beyond it: Fall to another tier → 技师"),
        ),
        (
            DerivedFact(
                key="list.f", title="女性占比", of="field.members", take="share", per=[],
                when=[["row.sex", "is", "f"]], self_when=[], column=None,
            ),
            ("女性占比;  Share (percent) over: 团队成员; Counted when 性别 is “女”; "
            "The applicant counts too, when always"),
        ),
        (
            OrderKey(key="o", fact="", says="女性优先", when=[["applicant.sex", "is", "female"]]),
            "女性优先; First come those for whom 性别 is “女”",
        ),
        (
            OrderKey(key="o", fact="certificate.issued_on", descending=True, says="", when=[]),
            "发证日期, highest first",
        ),
    ],
)  # fmt: skip
def test_a_row_of_any_sort_reads(vocabulary: Vocabulary, row: Any, words: str) -> None:
    vocabulary.facts["field.members"] = vocabulary.facts.get(
        "field.members", vocabulary.facts["field.sum"]
    )
    assert _text(RowReader(vocabulary).words(row)) == words


def test_ranks_and_lengths_may_be_named(session: Session, vocabulary: Vocabulary) -> None:
    revision = vocabulary.revision
    revision.fields.append(
        FormField(position=101, key="field.why", section="团队", label="理由", kind="long_text")
    )
    session.flush()
    found = Vocabulary(session, revision, plainly).facts
    assert found["field.why.length"].label == "理由, its length"
    ranked = session.query(CatalogueEntry).filter(CatalogueEntry.rank.is_not(None)).count()
    if ranked:
        assert any(key.startswith("certificate.level@") for key in found)


def test_the_place_of_a_problem_is_named(vocabulary: Vocabulary) -> None:
    revision = vocabulary.revision
    place = spot(revision, ("tiers", "rows", 1, "when", 0), plainly)
    assert place.row is revision.tiers[1]
    assert place.words == "Award tiers · row 2, 技师 · When · no. 1"
    assert spot(revision, ("windows",), plainly).words == "Windows"
    assert spot(revision, ("conditions", 99), plainly).row is None
    assert spot(revision, ("pays_for",), plainly).section == "pays_for"
    assert spot(revision, (), plainly).words == ""
