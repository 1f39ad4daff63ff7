"""Panels from the form to the list of names: experts, sheets, places, visits (S20 二)."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from models.application import APPROVED, Application
from models.decision import FILL, Decision
from models.organization import Organization
from models.panel import DECLARED, OWN_DISTRICT, OWN_UNIT, ScoreSheet
from portal.access.accounts import create_account
from portal.access.permissions import NotAllowed
from portal.evidence.cleaning import clean
from portal.review import assigning, panel
from portal.review.attachments import add
from portal.review.conflicts import Conflicts
from portal.review.scoring import BadPoints, joined, read_points, total_of
from portal.review.slate import limits, pools, ranking
from portal.review.stage_answers import NotThisStage
from portal.verify import violations
from tests.support.files import photo
from tests.support.panels import Hall

ARTISAN = {
    "studio__category": "工匠",
    "field__leader_honours": "上海工匠 | 第一届上海工匠 | 2016",
}
BLANK = {
    "field__structure": "",
    "field__visited_on": "",
    "field__visit_report": "",
}


@pytest.fixture
def studios(session: Session, tmp_path: Path) -> Hall:
    """S20 with two places for one category and one for the other three."""
    return Hall(session, tmp_path, "sh-studio-2020", quota_artisan=2, quota_others=1)


def _score(hall: Hall, stage: str, marks: dict[int, list[int]]) -> None:
    """Every standing sheet of each case gets its share of the points, in order."""
    for case, percents in marks.items():
        sheets = panel.sheets_of(hall.session, hall.stage(stage), [case])[case]
        for sheet, percent in zip(sheets, percents, strict=True):
            hall.score(sheet, percent)


def test_studios_from_the_form_to_the_names(studios: Hall, session: Session) -> None:
    hall, places = studios, [{"district": "D"}, {"district": "E"}, {"district": "F"}]
    one, two, three = (hall.enter(place, **ARTISAN, **BLANK) for place in places)
    four = hall.enter({"district": "G"}, **BLANK)
    cases = [one, two, three, four]
    hall.on(["district", "centre"], cases)

    of_one = hall.expert("专家甲", organization_id=hall.case(one).organization_id)
    others = [hall.expert(name) for name in ("专家乙", "专家丙", "专家丁")]
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    given = assigning.spread(session, centre, hall.clock, hall.revision, stage, each=3)
    assert (given.made, given.short) == (12, [])
    sheets = panel.sheets_of(session, stage, cases)
    assert of_one.id not in {sheet.expert_id for sheet in sheets[one]}
    loads = [sum(s.expert_id == e.id for row in sheets.values() for s in row) for e in others]
    assert sum(loads) + sum(s.expert_id == of_one.id for row in sheets.values() for s in row) == 12
    assert max(loads) <= 4

    told = panel.join(session, centre, hall.clock, hall.revision, stage)
    assert (told.done, len(told.left)) == (0, 4)
    _score(hall, "panel", {one: [90, 70, 80], two: [95, 60, 60], three: [99, 88, 90],
                           four: [50, 60, 70]})  # fmt: skip
    told = panel.join(session, centre, hall.clock, hall.revision, stage)
    assert (told.done, told.left) == (4, [])
    assert [hall.case(case).fields["score"] for case in cases] == [80, 60, 90, 60]
    filled = session.scalars(select(Decision).where(Decision.outcome == FILL)).all()
    assert {row.application_id for row in filled} == set(cases)
    again = panel.join(session, centre, hall.clock, hall.revision, stage)
    assert (again.done, again.same) == (0, 4)

    ranked = ranking(session, centre, hall.revision, stage)
    assert [row.id for row in ranked] == [three, one, two, four]
    first, second = pools(hall.revision, stage, ranked)
    assert [row.id for row in first.rows] == [three, one, two]
    assert (first.taken, first.bound and first.bound.at_most) == (2, 2)
    assert [first.is_cut_after(place) for place in range(3)] == [False, True, False]
    assert ([row.id for row in second.rows], second.taken) == ([four], 1)

    for case in cases:
        hall.fill(case, field__structure="是")
    hall.on(["panel"], cases)
    assert hall.case(one).stage_key == "visit"
    _visit(hall, session, [one, two, three])
    hall.on(["visit"], [one, two, three])
    hall.on(["group"], cases)
    done = hall.decide("chair", cases)
    assert done.decided == 3
    assert [row.application_id for row in done.skipped] == [two]
    named = select(Application.id).where(Application.state == APPROVED)
    assert set(session.scalars(named)) == {one, three, four}
    assert list(violations(session)) == []


def test_a_refused_case_gives_its_place_to_the_next(studios: Hall, session: Session) -> None:
    hall = studios
    first, second = (hall.enter({"district": place}) for place in ("D", "E"))
    hall.on(["district", "centre", "panel", "group"], [first, second])
    assert ",quota-others," in hall.case(second).asked
    hall.decide("chair", [first], "reject", "已撤销工作室")
    assert ",quota-others," not in hall.case(second).asked
    assert hall.decide("chair", [second]).decided == 1
    assert list(violations(session)) == []


def _visit(hall: Hall, session: Session, cases: list[int]) -> None:
    """A visit leaves a day, a report and photos; without a report somebody is asked."""
    centre = hall.who("city-centre")
    assert ",visited," in hall.case(cases[0]).asked
    for case in cases:
        hall.fill(case, field__visited_on="2020-11-25", field__visit_report="场地和设备与申报一致")
        found = hall.case(case)
        assert (found.fields["visited_on"], ",visited," in found.asked) == ("2020-11-25", False)
    scan = clean(BytesIO(photo()), 20)
    add(session, centre, hall.clock, hall.case(cases[0]), "visit-photos", "走访.jpg", scan)


def test_what_keeps_an_expert_from_a_case(studios: Hall, session: Session) -> None:
    hall = studios
    here, there = hall.enter({"district": "D", "unit": "D-1"}), hall.enter({"district": "E"})
    own = hall.case(here)
    same = hall.expert("同单位", organization_id=own.organization_id)
    named = hall.expert("同名单位", unit=f" {own.organization.name} ")
    near = hall.expert("同区", organization_id=own.district_id)
    word = hall.expert("声明回避")
    panel.declare(session, hall.who("city-centre"), hall.clock, word, own, "师徒关系")
    people = [same, named, near, word]
    stage = hall.stage("panel")
    known = Conflicts(session, stage.panel or {}, people, [own, hall.case(there)])
    found = [known.of(row, hall.case(here)) for row in people]
    assert found == [OWN_UNIT, OWN_UNIT, OWN_DISTRICT, DECLARED]
    assert known.free(hall.case(there)) == people

    hall.on(["district", "centre"], [here, there])
    centre, ids = hall.who("city-centre"), [row.id for row in people]
    done = assigning.assign(session, centre, hall.clock, hall.revision, stage, ids, [here, there])
    assert done.made == 4
    assert {why for _case, _name, why in done.left} == {OWN_UNIT, OWN_DISTRICT, DECLARED}
    sheet = panel.sheets_of(session, stage, [there])[there][0]
    panel.declare(session, centre, hall.clock, same, hall.case(there), "后来才知道")
    session.expire_all()
    assert sheet.voided_at is not None


def test_a_sheet_is_locked_once_it_is_in(studios: Hall, session: Session) -> None:
    hall = studios
    case = hall.enter(None)
    hall.on(["district", "centre"], [case])
    hall.expert("专家")
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    assigning.spread(session, centre, hall.clock, hall.revision, stage, each=1)
    [sheet] = panel.sheets_of(session, stage, [case])[case]
    full = {item["key"]: item["most"] for item in (stage.panel or {})["criteria"]}
    for wrong in (full | {"leader": "20.001"}, full | {"leader": "21"}, full | {"leader": ""}):
        with pytest.raises(BadPoints):
            panel.score(session, centre, hall.clock, sheet, wrong, "理由", sheet.version)
    with pytest.raises(panel.JustificationRequired):
        panel.score(session, centre, hall.clock, sheet, full, " ", sheet.version)
    with pytest.raises(NotAllowed):
        panel.score(session, hall.who("district"), hall.clock, sheet, full, "理由", sheet.version)
    with pytest.raises(NotThisStage):
        panel.score(session, hall.who("city-approver"), hall.clock, sheet, full, "理由", 1)
    seen = sheet.version
    panel.score(session, centre, hall.clock, sheet, full, "理由", seen)
    assert (sheet.total, sheet.from_paper) == (100_000, True)
    with pytest.raises(panel.SheetLocked):
        panel.score(session, centre, hall.clock, sheet, full, "理由", sheet.version)
    for change in ("total = 1", "justification = ''", "points = '{}'", "submitted_at = NULL"):
        with pytest.raises(DBAPIError), session.begin_nested():
            session.execute(text(f"UPDATE score_sheet SET {change}"))
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text("DELETE FROM score_sheet"))
    assert list(violations(session)) == []
    panel.void(session, centre, hall.clock, sheet, "登记错了")
    again = assigning.spread(session, centre, hall.clock, hall.revision, stage, each=1)
    assert again.made == 1


def test_sheets_are_filled_in_only_while_the_case_waits(studios: Hall, session: Session) -> None:
    hall = studios
    case = hall.enter(None)
    hall.on(["district", "centre"], [case])
    hall.expert("专家")
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    assigning.spread(session, centre, hall.clock, hall.revision, stage, each=1)
    [sheet] = panel.sheets_of(session, stage, [case])[case]
    hall.decide("panel", [case], "return")
    with pytest.raises(NotThisStage):
        hall.score(sheet, 80)


def test_nobody_scores_what_they_entered(studios: Hall, session: Session) -> None:
    hall = studios
    case = hall.enter(None)
    hall.on(["district", "centre"], [case])
    hall.expert("专家")
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    assigning.spread(session, centre, hall.clock, hall.revision, stage, each=1)
    [sheet] = panel.sheets_of(session, stage, [case])[case]
    root = session.get_one(Organization, centre.organization_id)
    account, _secret = create_account(
        session, hall.who("system-admin"), hall.clock, "me", "我", "city-centre", root
    )
    session.execute(text("UPDATE application SET created_by_id = :who"), {"who": account.id})
    me = replace(centre, account_id=account.id)
    with pytest.raises(NotThisStage):
        panel.score(session, me, hall.clock, sheet, {}, "理由", sheet.version)


def test_a_choice_is_held_against_the_bounds(studios: Hall, session: Session) -> None:
    hall = studios
    private = hall.enter({"district": "D", "unit": "D-1", "nature": "个私"})
    public = [
        hall.enter({"district": "D", "unit": f"D-{place}", "nature": "国有"}) for place in (2, 3)
    ]
    actor, stage = hall.who("district"), hall.stage("district")

    def said(chosen: list[int]) -> dict[str, tuple[str, float, bool]]:
        found = limits(session, actor, hall.revision, stage, chosen)
        return {row.key: (row.group, round(row.now), row.holds) for row in found}

    assert said([private, public[0]])["non-public"] == ("D工会", 50, True)
    assert said([private, *public])["non-public"] == ("D工会", 33, False)
    assert said([private])["quota-others"] == ("", 1, True)
    assert said([private, *public])["quota-others"] == ("", 3, False)
    hall.on(["district"], [private])
    assert said(public)["non-public"] == ("D工会", 33, False)
    assert said([])["non-public"] == ("D工会", 100, True)


def test_what_sheets_add_up_to() -> None:
    a, b = {"key": "a", "title": "A", "most": 40}, {"key": "b", "title": "B", "most": 60}
    plain = {"criteria": [a, b], "joined": "mean", "fewest": 1}
    assert total_of(plain, read_points(plain, {"a": "33.35", "b": 50})) == 83_350
    weighted = {"criteria": [{"key": "a", "title": "A", "most": 10, "weight": 30},
                             {"key": "b", "title": "B", "most": 10, "weight": 70}]}  # fmt: skip
    assert total_of(weighted, {"a": "10", "b": "5"}) == 65_000
    assert total_of(weighted, {"a": "3.33", "b": "0"}) == 9_990
    assert str(joined(plain, [80_000, 90_000, 91_000])) == "87.00"
    assert str(joined(plain, [80_005])) == "80.01"
    trimmed = plain | {"joined": "trimmed", "decimals": 1}
    assert str(joined(trimmed, [1_000, 80_000, 90_000, 100_000])) == "85.0"
    for wrong in ("-1", "1e1", "NaN", "٣", "1.005", "", None, "99999999999"):
        with pytest.raises(BadPoints):
            read_points(plain, {"a": wrong, "b": "1"})


def test_sheets_of_one_expert_for_one_case_stand_once(studios: Hall, session: Session) -> None:
    hall = studios
    case = hall.enter(None)
    hall.on(["district", "centre"], [case])
    expert = hall.expert("专家")
    centre, stage = hall.who("city-centre"), hall.stage("panel")
    for made in (1, 0):
        done = assigning.assign(
            session, centre, hall.clock, hall.revision, stage, [expert.id], [case]
        )
        assert done.made == made
    assert len(session.scalars(select(ScoreSheet)).all()) == 1
