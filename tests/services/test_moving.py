"""Moving undecided cases to the revision in force: shown first, recorded, and still whole."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, DRAFT, RETURNED, WAITING, Application
from models.audit import AuditEntry
from models.base import db
from models.decision import MOVE, PASS, Decision, Override
from models.programme import Revision
from portal.access.permissions import NotAllowed
from portal.policy.pack_rows import SECTIONS, document_of, fill
from portal.policy.packs import draft, publish
from portal.review.decide import ReasonRequired, decide
from portal.review.moving import (
    CHANNEL,
    CLAIM,
    STAGE,
    WINDOW,
    NothingToMove,
    NotPublished,
    move,
    preview_move,
)
from portal.review.selections import freeze
from portal.verify import violations
from tests.services.test_decide import ROUTE, Desk, desk
from tests.support.cases import CLOCK

__all__ = ["desk"]
CODE = "sh-skill-2026"
WHY = "按补充通知重新审核"
Document = dict[str, Any]
Amend = Callable[[Document], None]


def _amended(desk: Desk, amend: Amend = lambda _document: None) -> Revision:
    """A second revision in force: the first one's rules after *amend*."""
    centre = desk.people["centre"]
    made = draft(desk.session, centre, CLOCK, CODE)
    document = copy.deepcopy(document_of(desk.revision))
    amend(document)
    for section in SECTIONS:
        setattr(made, section, [])
    desk.session.flush()
    fill(made, document)
    desk.session.flush()
    return publish(desk.session, centre, CLOCK, CODE)


def _later_floor(document: Document) -> None:
    issued = next(row for row in document["conditions"] if row["key"] == "issued")
    issued["require"]["all"][0][2] = ["2025-06-01", "window.closes"]


def _row(document: Document, section: str, key: str) -> dict[str, Any]:
    return next(row for row in document[section] if row["key"] == key)


def _rows(session: Session) -> list[list[str]]:
    session.flush()
    tables = [table for table in db.metadata.sorted_tables if table.name != "audit_head"]
    return [sorted(map(repr, session.execute(select(table)))) for table in tables]


def test_a_preview_shows_who_flips_and_writes_nothing(desk: Desk) -> None:
    desk.enter(2)
    desk.enter(1, certificate__issued_on="2025-09-01")
    second = _amended(desk, _later_floor)
    before = _rows(desk.session)
    told = preview_move(desk.session, desk.people["centre"], CLOCK, CODE)
    assert _rows(desk.session) == before
    assert (told.revision, told.moved, told.staying) == (second.number, 3, {})
    flips = [(row.number, row.before, row.after, row.key) for row in told.effect.flips]
    assert flips == [
        ("S26-000001", "eligible", "ineligible", "issued"),
        ("S26-000002", "eligible", "ineligible", "issued"),
    ]


def test_moving_does_what_the_preview_showed(desk: Desk) -> None:
    ids = desk.enter(2)
    second = _amended(desk, _later_floor)
    centre = desk.people["centre"]
    shown = preview_move(desk.session, centre, CLOCK, CODE)
    done = move(desk.session, centre, CLOCK, CODE, WHY)
    done.effect.seconds = shown.effect.seconds
    assert done == shown
    case = desk.case(ids[0])
    assert (case.revision_id, case.window_id) == (second.id, second.windows[0].id)
    assert (case.state, case.stage_key, case.verdict) == (WAITING, "unit", "ineligible")
    assert case.sequence == 1
    assert list(violations(desk.session)) == []


def test_every_moved_case_has_its_decision_and_audit_row(desk: Desk) -> None:
    ids = desk.enter(2)
    desk.decide("unit", ids[:1])
    second = _amended(desk, _later_floor)
    move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    rows = desk.session.scalars(
        select(Decision).where(Decision.outcome == MOVE).order_by(Decision.application_id)
    ).all()
    assert [(row.application_id, row.from_stage, row.to_stage) for row in rows] == [
        (ids[0], "district", "district"),
        (ids[1], "unit", "unit"),
    ]
    assert {(row.reason, row.revision_id, row.verdict) for row in rows} == {
        (WHY, second.id, "ineligible")
    }
    audited = desk.session.scalars(
        select(AuditEntry).where(
            AuditEntry.action.in_(["application:move", "programme:move-cases"])
        )
    ).all()
    assert [row.reason for row in audited] == [WHY] * 3
    told = next(row for row in audited if row.entity == "revision")
    assert (told.entity_id, told.details["moved"], told.details["flipped"]) == (second.id, 2, 2)
    assert list(violations(desk.session)) == []


def test_moved_cases_walk_on_under_the_new_rules(desk: Desk) -> None:
    ids = desk.enter(2)
    desk.decide("unit", ids)
    _amended(desk)
    move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    for who in ROUTE[1:]:
        assert desk.decide(who, ids).decided == 2
    assert [desk.case(row_id).state for row_id in ids] == [APPROVED] * 2
    assert list(violations(desk.session)) == []


def test_decided_cases_keep_their_revision(desk: Desk) -> None:
    approved, refused, waiting = desk.enter(3)
    for who in ROUTE:
        desk.decide(who, [approved])
    desk.decide("unit", [refused], "reject", reason="不符合")
    second = _amended(desk, _later_floor)
    done = move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    assert done.moved == 1
    first = desk.revision.id
    assert [desk.case(row_id).revision_id for row_id in (approved, refused, waiting)] == [
        first, first, second.id,
    ]  # fmt: skip
    assert list(violations(desk.session)) == []


def test_returned_cases_and_drafts_go_too(desk: Desk) -> None:
    returned, left = desk.enter(2)
    desk.decide("unit", [returned], "return", reason="请补正材料")
    columns = {"state": DRAFT, "stage_key": None, "window_id": None, "claims": False}
    desk.session.execute(update(Application).where(Application.id == left).values(**columns))
    second = _amended(desk)
    done = move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    assert (done.moved, done.drafts) == (2, 1)
    assert (desk.case(returned).state, desk.case(returned).revision_id) == (RETURNED, second.id)
    assert (desk.case(left).revision_id, desk.case(left).window_id) == (second.id, None)


def test_what_a_person_let_pass_is_asked_again(desk: Desk) -> None:
    ids = desk.enter(1, certificate__issuer="national")
    desk.decide("unit", ids)
    desk.decide("district", ids, override_reason="已电话核实")
    assert desk.case(ids[0]).verdict == "eligible"
    _amended(desk)
    move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    assert desk.case(ids[0]).verdict == "held"
    assert desk.session.scalars(select(Override.voided_at)).one() is not None
    assert list(violations(desk.session)) == []


def test_what_was_chosen_before_the_move_must_be_looked_at_again(desk: Desk) -> None:
    ids = desk.enter(1)
    _amended(desk)
    unit, chosen = desk.people["unit"], select(Application.id).where(Application.id.in_(ids))
    selection = freeze(desk.session, unit, CLOCK, PASS, chosen)
    move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    skipped = decide(desk.session, unit, CLOCK, selection, PASS).skipped
    assert [row.kind for row in skipped] == ["changed"]


def _other_stage(document: Document) -> None:
    _row(document, "stages", "unit")["key"] = "factory"
    for row in document["stages"]:
        row["returns_to"] = "factory"


def _stage_of_another_channel(document: Document) -> None:
    _row(document, "stages", "unit")["channels"] = ["personal"]


def _other_window(document: Document) -> None:
    document["windows"][0]["key"] = "renamed"


def _other_channel(document: Document) -> None:
    document["channels"][0]["key"] = "post"
    for row in (*document["stages"], *document["payments"]):
        row["channels"] = ["post" if name == "unit" else name for name in row.get("channels", [])]
    for section in ("attachments", "conditions", "tables", "fields"):
        for row in document.get(section, []):
            row["when"] = [_told_of_post(term) for term in row.get("when", [])]


def _told_of_post(term: Any) -> Any:
    if term == ["application.channel", "is", "unit"]:
        return ["application.channel", "is", "post"]
    if term[:2] == ["application.channel", "one of"]:
        return [*term[:2], ["post" if name == "unit" else name for name in term[2]]]
    return term


def _other_claim(document: Document) -> None:
    document["pays_for"] = "person"


@pytest.mark.parametrize(
    ("amend", "kind"),
    [
        (_other_stage, STAGE),
        (_stage_of_another_channel, STAGE),
        (_other_window, WINDOW),
        (_other_channel, CHANNEL),
        (_other_claim, CLAIM),
    ],
)
def test_a_case_without_its_place_stays_and_is_told(desk: Desk, amend: Amend, kind: str) -> None:
    ids = desk.enter(2)
    _amended(desk, amend)
    told = preview_move(desk.session, desk.people["centre"], CLOCK, CODE)
    assert (told.moved, told.staying) == (0, {kind: 2})
    assert [(row.number, row.kind) for row in told.stays] == [
        ("S26-000001", kind),
        ("S26-000002", kind),
    ]
    assert told.stays[0].reason
    before = _rows(desk.session)
    with pytest.raises(NothingToMove):
        move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    assert _rows(desk.session) == before
    assert desk.case(ids[0]).revision_id == desk.revision.id


def test_some_go_while_others_stay(desk: Desk) -> None:
    first, second = desk.enter(2)
    desk.decide("unit", [first])
    made = _amended(desk, _other_stage)
    done = move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    assert (done.moved, done.staying) == (1, {STAGE: 1})
    assert desk.case(first).revision_id == made.id
    assert desk.case(second).revision_id == desk.revision.id
    assert list(violations(desk.session)) == []


def test_moving_asks_for_a_reason_a_right_and_rules_in_force(desk: Desk) -> None:
    desk.enter(1)
    with pytest.raises(ReasonRequired):
        move(desk.session, desk.people["centre"], CLOCK, CODE, " ")
    for who in ("district", "approver"):
        with pytest.raises(NotAllowed):
            move(desk.session, desk.people[who], CLOCK, CODE, WHY)
        with pytest.raises(NotAllowed):
            preview_move(desk.session, desk.people[who], CLOCK, CODE)
    with pytest.raises(NothingToMove):
        move(desk.session, desk.people["centre"], CLOCK, CODE, WHY)
    desk.session.execute(update(Revision).values(state="closed"))
    with pytest.raises(NotPublished):
        preview_move(desk.session, desk.people["centre"], CLOCK, CODE)
