"""How each chosen case stands towards one act: ready, or why not. One CASE, worked out in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from models.application import ELIGIBLE, HELD, WAITING, Application
from models.base import N_
from models.decision import PASS, REJECT, SUBMIT, Decision, Selection, SelectionItem
from models.programme import ASK, SPILL, WAIT, Bound, Condition, Revision, Stage
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.evidence.duplicates import held_back
from portal.funding.dues import has_money
from portal.review.noticed import is_cleared, is_notice
from portal.review.route import stages_of

READY, NEEDS_PERSON, INELIGIBLE = "ready", "needs_person", "ineligible"
AFTERWARDS = {"public_notice", "acceptance"}
"""The kinds of stages at which it is settled already who has a place."""
CHANGED, DECIDED, OUTSIDE = "changed", "decided", "outside"
NOT_YOURS, OWN = "not_yours", "own"
TAKEN_OUT, UNDONE, MOVED_ON = "taken_out", "undone", "moved_on"
"""What else became of a chosen case: left out on purpose, or what came of taking it back."""
DUPLICATE = "duplicate"
"""Looks like another case, which the actor can see and settle first."""
MONEY = "money"
"""A payment is on its way to its people: it reaches them first, and is recovered then."""
ON_NOTICE = "on_notice"
"""Its public notice has not ended, or was never given."""
REASONS = {
    READY: N_("Can be decided"),
    NEEDS_PERSON: N_("A person must confirm what the rules cannot, with a reason"),
    DUPLICATE: N_("Looks like another case; that must be settled first"),
    INELIGIBLE: N_("Does not meet the conditions; return it or decide not to fund it"),
    CHANGED: N_("Changed since you chose it"),
    DECIDED: N_("Is not waiting for a decision"),
    OUTSIDE: N_("Is not in your union"),
    NOT_YOURS: N_("Waits for another stage"),
    OWN: N_("You entered it yourself; somebody else must decide"),
    ON_NOTICE: N_("Passes once its public notice has ended without an open objection"),
    MONEY: N_("Its money is on its way; decide once that has arrived, or come back"),
    TAKEN_OUT: N_("You took it out of the set"),
    UNDONE: N_("Taken back"),
    MOVED_ON: N_("Decided, and not taken back: somebody acted on it since"),
}
Items = Sequence[ColumnElement[bool]]
"""Which chosen cases an act is about: conditions on ``SelectionItem``."""


def items_of(selection: Selection) -> list[ColumnElement[bool]]:
    """The chosen cases of *selection* whose turn has not come."""
    return [
        SelectionItem.selection_id == selection.id,
        SelectionItem.batch_id.is_(None),
        SelectionItem.skipped.is_(None),
    ]


def standing(session: Session, actor: Actor, items: Items, outcome: str) -> ColumnElement[str]:
    """SQL that says how an application joined to its ``SelectionItem`` stands to *outcome*."""
    steps: list[Any] = [
        (~visible(Application, actor), OUTSIDE),
        (Application.state != WAITING, DECIDED),
        (Application.version != SelectionItem.version, CHANGED),
        (~_at_own_stage(session, actor, items), NOT_YOURS),
        (~not_own(actor), OWN),
    ]
    if outcome == REJECT:
        steps.append((has_money(on_its_way=True), MONEY))
    if outcome == PASS:
        steps += [
            *(
                (_at(*group) & ~is_cleared(group[2]), ON_NOTICE)
                for group in groups(session, items)
                if is_notice(group[2])
            ),
            (held_back(actor), DUPLICATE),
            (passable(session, items), READY),
            (Application.verdict == HELD, NEEDS_PERSON),
            (Application.verdict != ELIGIBLE, INELIGIBLE),
        ]
    return case(*steps, else_=READY)


def not_own(actor: Actor) -> ColumnElement[bool]:
    """Neither entered nor ever submitted by *actor*, corrected cases included."""
    me = actor.account_id
    if me is None:
        return literal(True)
    # counted, not EXISTS: PostgreSQL would join all decisions for the first page of a list
    submitted = (
        select(func.count(Decision.id))
        .where(
            Decision.application_id == Application.id,
            Decision.account_id == me,
            Decision.outcome == SUBMIT,
        )
        .correlate(Application)
        .scalar_subquery()
    )
    return and_(
        or_(Application.created_by_id.is_(None), Application.created_by_id != me), submitted == 0
    )


def passable(session: Session, items: Items) -> ColumnElement[bool]:
    """Eligible, or held only by questions that a later stage answers."""
    routes = [
        and_(_at(revision, route, stage), questions_left(revision, route, stage).in_(("", ",")))
        for revision, route, stage in groups(session, items)
    ]
    waits_for_later = and_(Application.verdict == HELD, or_(*routes)) if routes else literal(False)
    return or_(Application.verdict == ELIGIBLE, waits_for_later)


def questions_left(revision: Revision, route: str, stage: Stage) -> ColumnElement[str]:
    """``application.asked`` without what stages after *stage* answer.

    Whether there is a place is settled at the last stage before the outcome is made public, so
    until then nobody waits for one.
    """
    walked = {row.key: row.kind for row in stages_of(revision, route)}
    later = dict(list(walked.items())[list(walked).index(stage.key) + 1 :])
    asking: list[Condition | Bound] = [row for row in revision.conditions if row.otherwise == ASK]
    asking += [row for row in revision.bounds if row.over == ASK]
    answered = [row.key for row in asking if row.asks in later]
    if set(later.values()) - AFTERWARDS:
        answered += [row.key for row in revision.bounds if row.over in (WAIT, SPILL)]
    left: ColumnElement[str] = Application.asked.expression
    for key in answered:
        left = func.replace(left, f",{key},", ",")
    return left


def groups(session: Session, items: Items) -> list[tuple[Revision, str, Stage]]:
    """The revisions, routes and stages at which the cases of *items* wait."""
    rows = session.execute(
        select(Application.revision_id, Application.route, Application.stage_key)
        .join(SelectionItem, SelectionItem.application_id == Application.id)
        .where(*items, Application.state == WAITING)
        .distinct()
        .order_by(Application.revision_id, Application.route, Application.stage_key)
    )
    found = []
    for revision_id, route, stage_key in rows.all():
        revision = session.get_one(Revision, revision_id)
        stage = next((row for row in stages_of(revision, route) if row.key == stage_key), None)
        if stage is not None:
            found.append((revision, route, stage))
    return found


def _at(revision: Revision, route: str, stage: Stage) -> ColumnElement[bool]:
    return and_(
        Application.revision_id == revision.id,
        Application.route == route,
        Application.stage_key == stage.key,
    )


def _at_own_stage(session: Session, actor: Actor, items: Items) -> ColumnElement[bool]:
    own = [
        _at(revision, route, stage)
        for revision, route, stage in groups(session, items)
        if stage.acts == actor.role
    ]
    return or_(*own) if own else literal(False)
