"""Decisions in sets: the route, the guards, the reasons, the trail."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.application import Application
from models.audit import AuditEntry
from models.decision import PASS, REJECT, RETURN, Decision, Override
from models.organization import Organization
from models.programme import Revision
from portal.access.actor import Actor
from portal.policy.explain import explain
from portal.policy.judge import ALONE, judge
from portal.review.decide import Outcome, ReasonRequired, decide
from portal.review.entering import ChangedMeanwhile, NotEditable, edit
from portal.review.selections import (
    NothingChosen,
    SelectionGone,
    freeze,
    freeze_seen,
    preflight,
    selection_of,
)
from portal.verify import violations
from tests.conftest import City
from tests.support.cases import CLOCK, ROLES, cells, entered, published, read

ROUTE = ("unit", "district", "centre", "approver")


@dataclass
class Desk:
    """A programme in force, its people and one unit."""

    session: Session
    revision: Revision
    people: dict[str, Actor]
    unit: Organization

    def enter(self, count: int = 1, **changes: str) -> list[int]:
        """Enter *count* forms by the writer."""
        start = self.session.scalar(select(func.count(Application.id))) or 0
        forms = [cells(self.unit, start + n, **changes) for n in range(count)]
        return entered(self.session, self.people["writer"], self.revision, forms)

    def decide(self, who: str, ids: list[int], outcome: str = PASS, **reasons: str) -> Outcome:
        """Let *who* decide *ids*."""
        actor = self.people[who]
        chosen = select(Application.id).where(Application.id.in_(ids))
        selection = freeze(self.session, actor, CLOCK, outcome, chosen)
        return decide(self.session, actor, CLOCK, selection, outcome, **reasons)

    def case(self, row_id: int) -> Application:
        """The case as stored."""
        self.session.expire_all()
        return self.session.get_one(Application, row_id)


@pytest.fixture
def desk(session: Session, city: City) -> Desk:
    """Everybody who takes part."""
    people = {name: city.person(name, *place) for name, place in ROLES.items()}
    return Desk(session, published(session), people, city.union("D1-1"))


def test_a_case_walks_its_route_to_approval(desk: Desk) -> None:
    ids = desk.enter(3)
    for who, stage in zip(ROUTE, ("district", "centre", "city", "city"), strict=True):
        assert desk.decide(who, ids).decided == 3
        assert desk.case(ids[0]).stage_key == stage
    case = desk.case(ids[0])
    assert (case.state, case.amount_fen, case.claims) == ("approved", 1000_00, True)
    decisions = desk.session.scalars(
        select(Decision.outcome).where(Decision.application_id == ids[0]).order_by(Decision.id)
    ).all()
    assert decisions == ["submit", "pass", "pass", "pass", "pass"]
    assert list(violations(desk.session)) == []


@pytest.mark.parametrize(
    ("who", "kind"),
    [("district", "not_yours"), ("centre", "not_yours"), ("sibling", None), ("stranger", None)],
)
def test_only_the_stage_s_own_people_decide(desk: Desk, who: str, kind: str | None) -> None:
    ids = desk.enter()
    if kind is None:
        with pytest.raises(NothingChosen):
            desk.decide(who, ids)
    else:
        assert [row.kind for row in desk.decide(who, ids).skipped] == [kind]
    assert desk.case(ids[0]).stage_key == "unit"


def test_nobody_decides_what_they_entered(desk: Desk) -> None:
    ids = desk.enter()
    desk.decide("unit", ids)
    assert [row.kind for row in desk.decide("writer", ids).skipped] == ["own"]
    assert desk.decide("district", ids).decided == 1


def test_what_asks_needs_a_reason_at_the_stage_that_answers(desk: Desk) -> None:
    ids = desk.enter(certificate__issuer="national")
    assert desk.case(ids[0]).verdict == "held"
    assert desk.decide("unit", ids).decided == 1
    assert [row.kind for row in desk.decide("district", ids).skipped] == ["needs_person"]
    assert desk.decide("district", ids, override_reason="已核对盖章原件").decided == 1
    case = desk.case(ids[0])
    assert (case.stage_key, case.verdict) == ("centre", "eligible")
    override = desk.session.scalars(select(Override)).one()
    assert (override.condition_key, override.reason) == ("hr-opinion", "已核对盖章原件")
    assert list(violations(desk.session)) == []


def test_what_misses_a_condition_never_passes(desk: Desk) -> None:
    ids = desk.enter(applicant__union_member="否")
    outcome = desk.decide("unit", ids, override_reason="a good reason")
    assert (outcome.decided, [row.kind for row in outcome.skipped]) == (0, ["ineligible"])
    assert desk.decide("unit", ids, REJECT, reason="不是会员").decided == 1
    assert (desk.case(ids[0]).state, desk.case(ids[0]).claims) == ("refused", False)


@pytest.mark.parametrize("outcome", [RETURN, REJECT])
def test_returning_and_refusing_need_a_reason(desk: Desk, outcome: str) -> None:
    ids = desk.enter()
    with pytest.raises(ReasonRequired):
        desk.decide("unit", ids, outcome, reason=" ")


def test_a_return_goes_back_and_keeps_its_place(desk: Desk) -> None:
    first, second = desk.enter(2)
    desk.decide("unit", [first, second])
    desk.decide("district", [first], RETURN, reason="复印件不清")
    case = desk.case(first)
    assert (case.state, case.stage_key, case.sequence) == ("returned", "unit", 1)
    values, _problems = read(
        desk.session,
        desk.people["writer"],
        desk.revision,
        cells(desk.unit, 0, applicant__name="李四"),
    )
    assert values is not None
    edit(desk.session, desk.people["writer"], CLOCK, case, values, case.version)
    case = desk.case(first)
    assert (case.state, case.stage_key, case.sequence) == ("waiting", "unit", 1)
    assert case.applicant.name == "李四"
    assert list(violations(desk.session)) == []


def test_an_edit_voids_what_a_person_confirmed(desk: Desk) -> None:
    (row_id,) = desk.enter(certificate__issuer="national")
    desk.decide("unit", [row_id])
    desk.decide("district", [row_id], override_reason="已核对")
    desk.decide("centre", [row_id], RETURN, reason="证书号有误")
    case = desk.case(row_id)
    form = cells(desk.unit, 0, certificate__issuer="national")
    values, _problems = read(desk.session, desk.people["writer"], desk.revision, form)
    assert values is not None
    edit(desk.session, desk.people["writer"], CLOCK, case, values, case.version)
    assert desk.case(row_id).verdict == "held"
    assert desk.session.scalars(select(Override)).one().voided_at is not None


def test_who_ever_corrected_a_case_does_not_decide_it(desk: Desk) -> None:
    (row_id,) = desk.enter()
    for who, returner in (("district", "unit"), ("writer", "centre")):
        _walk_to(desk, row_id, returner)
        desk.decide(returner, [row_id], RETURN, reason="复印件不清")
        _correct(desk, who, row_id)
    desk.decide("unit", [row_id])
    case = desk.case(row_id)
    assert (case.stage_key, case.submitted_by_id) == ("district", desk.people["writer"].account_id)
    for who in ("district", "writer"):
        outcome = desk.decide(who, [row_id])
        assert (outcome.decided, [row.kind for row in outcome.skipped]) == (0, ["own"])
    assert desk.decide("second", [row_id]).decided == 1
    assert list(violations(desk.session)) == []


def _walk_to(desk: Desk, row_id: int, last: str) -> None:
    """Pass the case by somebody who never had it in hand, until it waits for *last*."""
    for who in ("unit", "second", "centre"):
        if who == last:
            return
        assert desk.decide(who, [row_id]).decided == 1


def _correct(desk: Desk, who: str, row_id: int) -> None:
    case, form = desk.case(row_id), cells(desk.unit, 0)
    values, _problems = read(desk.session, desk.people[who], desk.revision, form)
    assert values is not None
    edit(desk.session, desk.people[who], CLOCK, case, values, case.version)


def test_two_people_never_overwrite_each_other(desk: Desk) -> None:
    (row_id,) = desk.enter()
    case = desk.case(row_id)
    seen = case.version
    values, _problems = read(
        desk.session, desk.people["writer"], desk.revision, cells(desk.unit, 0)
    )
    assert values is not None
    edit(desk.session, desk.people["writer"], CLOCK, case, values, seen)
    with pytest.raises(ChangedMeanwhile):
        edit(desk.session, desk.people["writer"], CLOCK, case, values, seen)


def test_a_decided_case_is_not_edited(desk: Desk) -> None:
    (row_id,) = desk.enter()
    desk.decide("unit", [row_id])
    case = desk.case(row_id)
    values, _problems = read(
        desk.session, desk.people["writer"], desk.revision, cells(desk.unit, 0)
    )
    assert values is not None
    with pytest.raises(NotEditable):
        edit(desk.session, desk.people["writer"], CLOCK, case, values, case.version)


def test_what_changed_since_it_was_chosen_is_left(desk: Desk) -> None:
    (row_id,) = desk.enter()
    actor = desk.people["unit"]
    selection = freeze_seen(desk.session, actor, CLOCK, PASS, {row_id: 1})
    assert [group.kind for group in preflight(desk.session, actor, selection)] == ["changed"]
    outcome = decide(desk.session, actor, CLOCK, selection, PASS)
    assert [row.kind for row in outcome.skipped] == ["changed"]


def test_a_selection_decides_once(desk: Desk) -> None:
    ids = desk.enter(2)
    actor = desk.people["unit"]
    chosen = select(Application.id).where(Application.id.in_(ids))
    selection = freeze(desk.session, actor, CLOCK, PASS, chosen)
    decide(desk.session, actor, CLOCK, selection, PASS)
    with pytest.raises(SelectionGone):
        decide(desk.session, actor, CLOCK, selection, PASS)
    with pytest.raises(SelectionGone):
        selection_of(desk.session, desk.people["district"], CLOCK, selection.row_key)


def test_preflight_groups_what_was_chosen(desk: Desk) -> None:
    good = desk.enter(2)
    held = desk.enter(certificate__issuer="national")
    poor = desk.enter(applicant__union_member="否")
    desk.decide("unit", held)
    actor = desk.people["unit"]
    chosen = select(Application.id).where(Application.id.in_([*good, *held, *poor]))
    groups = preflight(desk.session, actor, freeze(desk.session, actor, CLOCK, PASS, chosen))
    assert {group.kind: group.count for group in groups} == {
        "ready": 2,
        "ineligible": 1,
        "not_yours": 1,
    }


def test_every_decision_has_its_audit_entry(desk: Desk) -> None:
    ids = desk.enter(5)
    desk.decide("unit", ids)
    entries = desk.session.execute(
        select(AuditEntry.action, func.count())
        .where(AuditEntry.entity == "application")
        .group_by(AuditEntry.action)
    ).all()
    assert dict(entries) == {"application:submit": 5, "application:pass": 5}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"state": "approved"}, "stands at approved"),
        ({"stage_key": "city"}, "stands at waiting"),
        ({"claims": False}, "does not fit its state"),
        ({"version": 9}, "stands at waiting"),
    ],
)
def test_a_planted_change_turns_verify_red(
    desk: Desk, change: dict[str, object], found: str
) -> None:
    (row_id,) = desk.enter()
    assert list(violations(desk.session)) == []
    desk.session.execute(update(Application).where(Application.id == row_id).values(**change))
    assert any(found in sentence for sentence in violations(desk.session))


def test_a_kept_statement_judges_whom_it_is_asked_about(desk: Desk) -> None:
    cases = [desk.case(desk.enter()[0]) for _ in range(2)]
    told = [explain(desk.session, case) for case in cases]
    assert [row.number for row in told if row] == [case.number for case in cases]
    desk.session.execute(update(Application).values(amount_fen=0))
    for number, case in enumerate(cases, start=1):
        judge(desk.session, desk.revision, only=ALONE, alone=case.id)
        assert sum(desk.case(row.id).amount_fen for row in cases) == number * 1000_00
