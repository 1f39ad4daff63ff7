"""Public notice: what nobody objects to goes on by itself, once; what is objected is held (B22)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.application import REFUSED, RETURNED, WAITING
from models.audit import AuditEntry
from models.decision import PASS, RETURN, Decision
from models.publicity import (
    CLEARED,
    HELD,
    LEFT,
    PASSED,
    SHOWN,
    UPHELD,
    NoticeEntry,
    Objection,
    PublicNotice,
)
from portal.access.permissions import NotAllowed
from portal.policy.facts import FACTS
from portal.review import assigning, objections, panel
from portal.review.publicity import (
    NothingToShow,
    close_over,
    is_over,
    masked,
    open_notice,
    unnumbered,
)
from portal.review.slate import pools, ranking
from portal.review.stage_answers import NotThisStage
from portal.review.standing import ON_NOTICE
from portal.verify import violations
from tests.support.panels import Hall

MONDAY = date(2022, 11, 14)
LAST = date(2022, 11, 21)
CITY = {"studio__level": "市级", "field__requested": "10万元"}


@pytest.fixture
def projects(session: Session, tmp_path: Path) -> Hall:
    """B22 with one place of the highest sum, on a Monday."""
    hall = Hall(session, tmp_path, "bj-project-2022", ten=1)
    hall.at(MONDAY)
    return hall


def _listed(hall: Hall, count: int) -> list[int]:
    """So many projects that wait for their public notice."""
    unit = {"says": "a case", "facts": {}}
    cases = hall.scene.play_all([unit | {"place": {"district": f"D{n}"}} for n in range(count)])
    hall.on(["unit", "district", "qualify", "panel", "list"], cases)
    return cases


def _open(hall: Hall, **options: object) -> PublicNotice:
    made = open_notice(
        hall.session,
        hall.who("city-approver"),
        hall.clock,
        hall.revision,
        hall.stage("notice"),
        **options,  # type: ignore[arg-type]
    )
    hall.session.flush()
    return made


def _states(hall: Hall, notice: PublicNotice) -> dict[int, str]:
    hall.session.expire_all()
    return {row.application_id: row.state for row in notice.entries}


def _object(hall: Hall, notice: PublicNotice, case: int) -> Objection:
    entry = next(row for row in notice.entries if row.application_id == case)
    return objections.receive(
        hall.session, hall.who("city-centre"), hall.clock, entry, "不是本人的项目", "王女士"
    )


def _look_into(hall: Hall, objection: Objection) -> None:
    found = "查阅立项文件并走访企业"
    objections.look_into(hall.session, hall.who("city-centre"), hall.clock, objection, found)


def test_projects_from_the_form_to_the_funded_list(projects: Hall, session: Session) -> None:
    hall = projects
    best, second, third, fourth = cases = [
        hall.enter({"district": "D1"}, field__score="", **CITY),
        hall.enter({"district": "D2"}, field__score="", **CITY),
        hall.enter({"district": "D3"}, field__score=""),
        hall.enter({"district": "D4"}, field__score=""),
    ]
    hall.on(["unit", "district", "qualify"], cases)
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    for name in ("专家甲", "专家乙", "专家丙"):
        hall.expert(name)
    assigning.spread(session, centre, hall.clock, hall.revision, stage, each=3)
    marks = {best: (95, 90, 91), second: (80, 85, 90), third: (70, 75, 80), fourth: (60, 60, 60)}
    for case, sheets in panel.sheets_of(session, stage, cases).items():
        for sheet, percent in zip(sheets, marks[case], strict=True):
            hall.score(sheet, percent)
    assert panel.join(session, centre, hall.clock, hall.revision, stage).done == 4
    ranked = ranking(session, centre, hall.revision, stage)
    assert [(row.id, row.score) for row in ranked] == [
        (best, 92.0), (second, 85.0), (third, 75.0), (fourth, 60.0)]  # fmt: skip
    tiers = [pool.bound and pool.bound.key for pool in pools(hall.revision, stage, ranked)]
    assert tiers == ["ten", "twenty", "fifty"]
    hall.on(["panel", "list"], cases)

    assert hall.decide("notice", cases).decided == 0
    notice = _open(hall, is_public=True)
    assert (notice.starts_on, notice.ends_on) == (MONDAY, LAST)
    assert [row.application_id for row in notice.entries] == cases
    shown = notice.entries[0].cells
    assert shown["tier"] == "市级工作室10万元"
    assert shown["person"] == masked(hall.case(best).applicant.name)
    assert "138" not in str([row.cells for row in notice.entries])
    with pytest.raises(NothingToShow):
        _open(hall)

    hall.at(MONDAY + timedelta(days=2))
    right, wrong, late = (_object(hall, notice, case) for case in (second, third, fourth))
    assert set(_states(hall, notice).values()) == {SHOWN, HELD}
    for objection in (right, wrong, late):
        _look_into(hall, objection)
    approver = hall.who("city-approver")
    objections.uphold(session, approver, hall.clock, right, "reject", "成果属他人，异议成立")
    objections.dismiss(session, approver, hall.clock, wrong, "经查属实，异议不成立")
    assert _states(hall, notice) == {best: SHOWN, second: UPHELD, third: SHOWN, fourth: HELD}
    refused = hall.case(second)
    assert (refused.state, refused.stage_key) == (REFUSED, "notice")
    assert right.batch_id == refused.batch_id

    hall.at(LAST)
    assert not is_over(session, hall.clock.today())
    assert close_over(session, hall.clock).notices == 0
    skipped = hall.decide("notice", [best]).skipped
    assert [row.kind for row in skipped] == [ON_NOTICE]

    hall.at(LAST + timedelta(days=1))
    assert is_over(session, hall.clock.today())
    done = close_over(session, hall.clock)
    assert (done.notices, done.passed, done.held, done.skipped) == (1, 2, 1, [])
    again = close_over(session, hall.clock)
    assert (again.notices, again.passed) == (0, 0)
    assert _states(hall, notice) == {best: PASSED, second: UPHELD, third: PASSED, fourth: HELD}
    assert [hall.case(case).stage_key for case in (best, third, fourth)] == [
        "acceptance", "acceptance", "notice"]  # fmt: skip
    passes = select(func.count()).where(
        Decision.from_stage == "notice", Decision.outcome == PASS, Decision.account_id.is_(None)
    )
    assert session.scalar(passes) == 2

    hall.at(LAST + timedelta(days=3))
    objections.dismiss(session, approver, hall.clock, late, "经查属实，异议不成立")
    assert _states(hall, notice)[fourth] == PASSED
    assert hall.case(fourth).stage_key == "acceptance"
    assert _ended(hall, best) == LAST
    assert _ended(hall, fourth) == LAST + timedelta(days=3)
    assert _ended(hall, second) is None
    written = set(session.scalars(select(AuditEntry.action)))
    assert {"publicity:open", "publicity:object", "publicity:look-into", "publicity:uphold",
            "publicity:dismiss", "publicity:close"} <= written  # fmt: skip
    assert list(violations(session)) == []


def _ended(hall: Hall, case: int) -> date | None:
    """The day that dues count from."""
    from models.application import Application

    day = FACTS["notice.ended_on"].build(hall.revision)
    found: date | None = hall.session.scalar(select(day).where(Application.id == case))
    return found


def test_an_upheld_objection_may_return_its_case(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    notice = _open(hall)
    objection = _object(hall, notice, case)
    approver = hall.who("city-approver")
    with pytest.raises(objections.NotLookedInto):
        objections.uphold(session, approver, hall.clock, objection, "return", "须重新评审")
    _look_into(hall, objection)
    with pytest.raises(NotThisStage):
        objections.uphold(
            session, hall.who("city-centre"), hall.clock, objection, "return", "须重新评审"
        )
    objections.uphold(session, approver, hall.clock, objection, "return", "须重新评审")
    found = hall.case(case)
    assert (found.state, found.stage_key) == (RETURNED, "panel")
    for conclude in (
        lambda: objections.dismiss(session, approver, hall.clock, objection, "重复处理"),
        lambda: objections.look_into(session, approver, hall.clock, objection, "再查"),
    ):
        with pytest.raises(objections.AlreadyConcluded):
            conclude()
    hall.at(LAST + timedelta(days=1))
    assert close_over(session, hall.clock).passed == 0


def test_a_case_that_comes_again_needs_a_notice_again(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    first = _open(hall)
    hall.decide("notice", [case], RETURN, "材料有误")
    hall.scene.correct(case, {"field.outline": "改过的内容"})
    hall.on(["panel", "list"], [case])
    assert hall.case(case).stage_key == "notice"
    second = _open(hall)
    hall.at(LAST + timedelta(days=1))
    done = close_over(session, hall.clock)
    assert (done.notices, done.passed) == (2, 1)
    assert _states(hall, first) == {case: LEFT}
    assert _states(hall, second) == {case: PASSED}


def test_a_held_case_that_left_meanwhile_is_free_of_the_notice(
    projects: Hall, session: Session
) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    notice = _open(hall)
    objection = _object(hall, notice, case)
    _look_into(hall, objection)
    hall.decide("notice", [case], RETURN, "先退回重审")
    hall.at(LAST + timedelta(days=1))
    close_over(session, hall.clock)
    objections.dismiss(session, hall.who("city-approver"), hall.clock, objection, "已另行处理")
    assert _states(hall, notice) == {case: LEFT}
    assert _ended(hall, case) is None
    assert hall.case(case).state == RETURNED


def test_objections_are_received_in_time_only(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    notice = _open(hall)
    entry, centre = notice.entries[0], hall.who("city-centre")

    def receive(day: date, said: str = "有异议") -> Objection:
        return objections.receive(session, centre, hall.clock, entry, said, "", day)

    for day in (MONDAY - timedelta(days=1), MONDAY + timedelta(days=1)):
        with pytest.raises(objections.NotOnNotice):
            receive(day)
    assert _states(hall, notice) == {case: SHOWN}
    with pytest.raises(objections.WordsRequired):
        receive(MONDAY, " ")
    hall.at(LAST + timedelta(days=1))
    close_over(session, hall.clock)
    with pytest.raises(objections.NotOnNotice):
        receive(LAST)


def test_what_could_not_pass_stays_and_is_told(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    notice = _open(hall)
    found = hall.case(case)
    found.verdict, found.missed = "ineligible", ",funds,"
    session.flush()
    hall.at(LAST + timedelta(days=1))
    done = close_over(session, hall.clock)
    assert (done.passed, [number for number, _why in done.skipped]) == (0, [found.number])
    assert _states(hall, notice) == {case: CLEARED}
    hall.case(case).verdict = "eligible"
    session.flush()
    assert hall.decide("notice", [case]).decided == 1


def test_only_who_acts_there_opens_a_notice(projects: Hall, session: Session) -> None:
    hall = projects
    _listed(hall, 1)
    stage = hall.stage("notice")
    for role, refusal in (("city-centre", NotThisStage), ("district", NotAllowed)):
        with pytest.raises(refusal):
            open_notice(session, hall.who(role), hall.clock, hall.revision, stage)


def test_who_objected_is_sealed(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    found = _object(hall, _open(hall), case)
    raw = session.execute(select(Objection.__table__)).all()
    assert "王女士" not in str(raw)
    assert found.objector == "王女士"


def test_a_case_that_passes_unshown_is_named(projects: Hall, session: Session) -> None:
    hall = projects
    [case] = _listed(hall, 1)
    _open(hall)
    hall.at(LAST + timedelta(days=1))
    close_over(session, hall.clock)
    assert list(violations(session)) == []
    session.execute(update(NoticeEntry).values(ended_on=None))
    session.expire_all()
    assert list(violations(session)) == [
        f"notice: {hall.case(case).number} passed notice without a public notice that ended"
    ]


def test_names_and_numbers_are_masked() -> None:
    names = ("张丽", "张小丽", "欧阳小丽", "张", "")
    assert [masked(name) for name in names] == ["张*", "张*丽", "欧**丽", "张", ""]
    assert unnumbered("310115198001010011 王工 13800001234 第3组") == "*** 王工 *** 第3组"


def test_nothing_stands_on_a_notice_of_another_stage(projects: Hall, session: Session) -> None:
    hall = projects
    early = hall.enter({"district": "D9"})
    _listed(hall, 2)
    notice = _open(hall)
    entries = session.scalars(select(NoticeEntry.application_id)).all()
    assert early not in entries
    assert len(entries) == 2
    assert hall.case(early).state == WAITING
    assert notice.closed_at is None
