"""Intake: what is refused at the door, with the field and the reason, and what is forgiven."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.applicant import Applicant
from models.application import Application, SurveyAnswer
from models.organization import Organization
from models.programme import Revision
from portal.access.actor import Actor
from portal.clock import Clock
from portal.review.earlier import already_claimed
from portal.review.submit import AlreadyClaimed, OutsideWindow, window_on
from tests.conftest import City
from tests.support.cases import cells, entered, published, read


@pytest.fixture
def template() -> str:
    """The programme is in force."""
    return "stocked"


@pytest.fixture
def revision(session: Session, city: City) -> Revision:
    """The 2026 programme in force."""
    return published(session)


@pytest.fixture
def clerk(city: City, revision: Revision) -> Actor:
    """A clerk of a district."""
    return city.person("clerk", "district", "D1")


@pytest.fixture
def unit(city: City) -> Organization:
    """A unit of the clerk's district."""
    return city.union("D1-1")


@pytest.mark.parametrize(
    ("changes", "label"),
    [
        ({"applicant__id_number": "310115198001010011"}, "身份证号码"),
        ({"applicant__id_number": ""}, "身份证号码"),
        ({"certificate__issued_on": "2025-02-30"}, "发证日期"),
        ({"certificate__level": "大师"}, "现晋升的技能等级"),
        ({"certificate__number": " "}, "证书编号"),
        ({"certificate__issuer": ""}, "证书类型"),
        ({"applicant__name": ""}, "姓名"),
        ({"applicant__phone": "12345"}, "手机号码"),
        ({"organization__unit": "不存在的单位工会"}, "工作单位"),
        ({"organization__unit": "乙一厂工会", "organization__district": "乙区总工会"}, "工作单位"),
        ({"organization__district": "乙区总工会"}, "工作单位"),
        ({"payee__card": ""}, "工会会员服务卡卡号"),
        (
            {"payee__account": "6222021234567890128", "payee__bank": "中国银行"},
            "工会会员服务卡卡号",
        ),
        ({"payee__card": "", "payee__account": "6222021234567890128"}, "银行名称"),
        ({"payee__card": "12"}, "工会会员服务卡卡号"),
        ({"survey__income": "lots"}, "月实际到手收入（元）"),
    ],
)
def test_a_bad_field_is_named_by_its_label(
    session: Session,
    revision: Revision,
    clerk: Actor,
    unit: Organization,
    changes: dict[str, str],
    label: str,
) -> None:
    values, problems = read(session, clerk, revision, cells(unit, 1, **changes))
    assert values is None
    assert [problem.label for problem in problems] == [label]


def test_all_problems_of_a_form_are_found(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    form = cells(unit, 1, applicant__phone="1", certificate__level="x", payee__card="")
    _values, problems = read(session, clerk, revision, form)
    assert [problem.label for problem in problems] == [
        "手机号码",
        "现晋升的技能等级",
        "工会会员服务卡卡号",
    ]


def test_width_spaces_and_case_are_forgiven(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    form = cells(unit, 1, certificate__number=" ｓ１２３４ ５６ ", certificate__level=" 技师 ")
    values, problems = read(session, clerk, revision, form)
    assert values is not None, problems
    assert (values.claim, values.records["certificate"]["level"]) == ("S123456", "技师")


def test_a_certificate_is_claimed_once(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    (first,) = entered(session, clerk, revision, [cells(unit, 1, certificate__number="S-1234")])
    number = session.get_one(Application, first).number
    assert already_claimed(session, "sh-skill", ["S1234"]) == {"S1234": number}
    with pytest.raises(AlreadyClaimed, match=number):
        entered(session, clerk, revision, [cells(unit, 2, certificate__number="ｓ１２３４")])


def test_one_person_of_a_unit_is_one_record(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    form = cells(unit, 1)
    entered(session, clerk, revision, [form, form | {"certificate.number": "S99999"}])
    assert session.scalar(select(func.count(Applicant.id))) == 1
    assert session.scalar(select(func.count(Application.id))) == 2


def test_the_survey_is_kept_apart(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    (case,) = entered(session, clerk, revision, [cells(unit, 1, survey__income="8000")])
    assert session.get_one(SurveyAnswer, case).answers == {"income": 8000}
    application = session.get_one(Application, case)
    assert "8000" not in f"{application.fields}{application.applicant.details}"


def test_nothing_personal_lies_in_clear(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    form = cells(unit, 1)
    (case,) = entered(session, clerk, revision, [form])
    application = session.get_one(Application, case)
    person = application.applicant
    stored = [person.id_number_sealed, person.phone_sealed, application.account_sealed]
    typed = [form["applicant.id_number"], form["applicant.phone"], form["payee.card"]]
    for sealed, text in zip(stored, typed, strict=True):
        assert sealed is not None
        assert text.encode() not in sealed
    assert [person.id_number, person.phone, application.account] == typed


@pytest.mark.parametrize(
    ("role", "day", "label"),
    [
        ("city-centre", "2026-06-16", None),
        ("city-centre", "2026-06-15", "申报日期"),
        ("city-centre", "2027-01-01", "申报日期"),
        ("district", "2020-01-01", None),
    ],
)
def test_only_the_city_gives_the_day_of_receipt(
    session: Session, revision: Revision, city: City, unit: Organization,
    role: str, day: str, label: str | None,
) -> None:  # fmt: skip
    actor = city.person("who", role, "SH" if role == "city-centre" else "D1")
    form = cells(unit, 1, application__received_on=day)
    values, problems = read(session, actor, revision, form)
    assert [problem.label for problem in problems] == ([label] if label else [])
    if values is not None:
        given = date.fromisoformat(day) if role == "city-centre" else None
        assert values.received_on == given


@pytest.mark.parametrize(
    ("day", "opens"),
    [("2026-06-15", False), ("2026-06-16", True), ("2026-09-15", True), ("2026-09-16", False)],
)
def test_both_days_of_the_window_count(revision: Revision, day: str, opens: bool) -> None:
    if opens:
        assert window_on(revision, "unit", date.fromisoformat(day)).key == "main"
    else:
        with pytest.raises(OutsideWindow, match="2026-06-16"):
            window_on(revision, "unit", date.fromisoformat(day))


def test_after_the_window_the_dates_are_told(
    session: Session, revision: Revision, clerk: Actor, unit: Organization
) -> None:
    late = Clock(date(2026, 9, 16))
    _values, problems = read(session, clerk, revision, cells(unit, 1), late)
    assert "2026-09-15" in problems[0].params["windows"]
