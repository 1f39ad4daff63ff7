"""The six status names of 2015, and who may edit when, on every path (S15 手册·报名管理).

The notice states no amounts: those of the book of cases make the draft run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.application import PAID, Application
from models.decision import PASS, RETURN
from portal.review.entering import NotEditable
from portal.review.route import editable
from portal.verify import violations
from tests.support.walk import Walk

UNREVIEWED, DISTRICT, NOT_DISTRICT = "未审核", "区县局初审通过", "区县局初审未通过"
CITY, NOT_CITY, PAID_OUT = "市技协服务中心终审通过", "市技协终审未通过", "市总财务部配套发放"
EDITABLE = {UNREVIEWED, NOT_DISTRICT, NOT_CITY}
ROLES = ("district", "city-centre", "city-approver", "finance")
SAID = (UNREVIEWED, DISTRICT, CITY, CITY, CITY)


@pytest.fixture(params=[{}, {"certificate.issuer": "national", "field.hr_opinion": "同意"}])
def walk(session: Session, tmp_path: Path, request: pytest.FixtureRequest) -> Walk:
    """A case of a common trade, and one of an industry's, which human resources see first."""
    return Walk(session, tmp_path, "sh-skill-2015", facts=request.param)


def told(walk: Walk) -> tuple[str, bool]:
    """The status and whether the case may be edited; one follows from the other."""
    word, may = walk.label(), editable(walk.case)
    assert may == (word in EDITABLE)
    return word, may


def roles(walk: Walk) -> Sequence[str]:
    """Who decides on its route."""
    return ("grass-roots", *ROLES) if ",hr," in walk.case.route else ROLES


def test_every_status_on_the_way_to_the_money(walk: Walk) -> None:
    said = [told(walk)[0]]
    for role in roles(walk):
        assert walk.decide(role) == 1
        said.append(told(walk)[0])
    assert said[-5:] == list(SAID)
    assert set(said) == {UNREVIEWED, DISTRICT, CITY}
    walk.session.execute(update(Application).values(state=PAID))
    assert told(walk) == (PAID_OUT, False)


@pytest.mark.parametrize("by", range(-4, 0))
def test_whoever_returns_it_it_is_edited_and_reviewed_again(walk: Walk, by: int) -> None:
    who = roles(walk)
    by += len(who)
    for role in who[:by]:
        walk.decide(role)
    assert walk.decide(who[by], RETURN) == 1
    word = NOT_DISTRICT if who[by] == "district" else NOT_CITY
    assert told(walk) == (word, True)
    walk.scene.correct(walk.id, {"applicant.education": "本科"})
    # what the two departments return, the centre looks at again; the rest begins anew
    again = DISTRICT if who[by] in ("city-approver", "finance") else UNREVIEWED
    assert told(walk)[0] == again
    start = 0 if again == UNREVIEWED else who.index("city-centre")
    for role in who[start:]:
        assert walk.decide(role, PASS) == 1, role
    assert list(violations(walk.session)) == []


def test_what_human_resources_return_is_unreviewed(session: Session, tmp_path: Path) -> None:
    facts = {"certificate.issuer": "national", "field.hr_opinion": "同意"}
    walk = Walk(session, tmp_path, "sh-skill-2015", facts=facts)
    assert walk.decide("grass-roots", RETURN) == 1
    assert told(walk) == (UNREVIEWED, True)


def test_what_is_edited_while_unreviewed_begins_anew(walk: Walk) -> None:
    who = roles(walk)
    if who[0] == "grass-roots":
        walk.decide("grass-roots")
    assert told(walk) == (UNREVIEWED, True)
    walk.scene.correct(walk.id, {"applicant.education": "本科"})
    assert walk.case.stage_key == ("hr" if who[0] == "grass-roots" else "district")
    assert list(violations(walk.session)) == []


@pytest.mark.parametrize("passed", [1, 2, 3, 4])
def test_what_a_tier_passed_is_only_read(walk: Walk, passed: int) -> None:
    for role in roles(walk)[: len(roles(walk)) - len(ROLES) + passed]:
        walk.decide(role)
    assert told(walk)[1] is False
    with pytest.raises(NotEditable):
        walk.scene.correct(walk.id, {"applicant.education": "本科"})
