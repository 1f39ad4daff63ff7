"""What one act does at one stage: the guards, the move, the questions that a person answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, ELIGIBLE, HELD, REFUSED, RETURNED, WAITING, Application
from models.decision import (
    PASS,
    REJECT,
    RETURN,
    Decision,
    DecisionBatch,
    Override,
    Selection,
    SelectionItem,
)
from models.programme import ASK, Revision, Stage
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.access.trail import decide_rows
from portal.evidence.duplicates import held_back
from portal.funding.dues import has_money
from portal.policy.codes import NO_TIER
from portal.policy.compile import rules_of
from portal.policy.judge import OF_BATCH, judge
from portal.policy.moments import looked_at
from portal.review.noticed import is_cleared, is_notice
from portal.review.route import stages_of
from portal.review.standing import Items, not_own, questions_left

_ANSWERED = select(Override.application_id).where(Override.batch_id == bindparam("answered_in"))
"""The cases that had a finding passed in the act of ``answered_in``."""


@dataclass(frozen=True)
class Act:
    """One batch of an act while it runs: the chosen cases *items* that it is about."""

    session: Session
    actor: Actor
    now: datetime
    selection: Selection
    batch: DecisionBatch
    items: Items


def decide_stage(act: Act, revision: Revision, route: str, stage: Stage) -> None:
    """Move the chosen cases that wait at *stage* and write their decision rows."""
    passing = act.batch.outcome == PASS
    if passing and looked_at(revision, stage.key):
        waiting = select(Application.id).where(*_guards(act, revision, route, stage))
        judge(act.session, revision, only=waiting)
    if passing and _answers(act):
        _override(act, revision, route, stage)
    guards = _guards(act, revision, route, stage)
    if passing:
        left = questions_left(revision, route, stage)
        later = and_(Application.verdict == HELD, left.in_(("", ",")))
        guards.append(or_(Application.verdict == ELIGIBLE, later))
    act.session.execute(
        update(Application)
        .where(*guards)
        .values(
            **_move(act, revision, route, stage),
            batch_id=act.batch.id,
            updated_at=act.now,
            version=Application.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    here = and_(Application.revision_id == revision.id, Application.route == route)
    decide_rows(
        act.session,
        act.actor,
        act.now,
        act.batch,
        literal(stage.key),
        reason=own_reason(act),
        where=and_(here, _came_from(act.batch)),
    )
    if act.batch.outcome == REJECT and revision.bounds:  # others waited for these places
        judge(act.session, revision, only=OF_BATCH, of_batch=act.batch.id)


def own_reason(act: Act) -> str | ColumnElement[str]:
    """The reason of the act, or SQL for it where exceptions have their own."""
    if not _has_own(act):
        return act.batch.reason
    return func.coalesce(_item_reason(act), literal(act.batch.reason))


def _item_reason(act: Act) -> ColumnElement[Any]:
    return (
        select(SelectionItem.reason)
        .where(
            SelectionItem.selection_id == act.selection.id,
            SelectionItem.application_id == Application.id,
        )
        .correlate(Application)
        .scalar_subquery()
    )


def _has_own(act: Act) -> bool:
    """Whether a case of the set has words of its own; asked of the whole set, noted or not."""
    own = select(SelectionItem.application_id).where(
        SelectionItem.selection_id == act.selection.id, SelectionItem.reason.is_not(None)
    )
    return act.session.scalar(own.limit(1)) is not None


def _answers(act: Act) -> bool:
    return bool(act.selection.override_reason) or _has_own(act)


def _came_from(batch: DecisionBatch) -> ColumnElement[bool]:
    """Cases of the batch whose decision row is not written yet."""
    written = select(Decision.application_id).where(Decision.batch_id == batch.id)
    return Application.id.not_in(written)


def _guards(act: Act, revision: Revision, route: str, stage: Stage) -> list[Any]:
    shown = act.batch.outcome == PASS and is_notice(stage)
    return [
        *act.items,
        *([is_cleared(stage)] if shown else []),
        *([~held_back(act.actor)] if act.batch.outcome == PASS else []),
        *([~has_money(on_its_way=True)] if act.batch.outcome == REJECT else []),
        SelectionItem.application_id == Application.id,
        SelectionItem.version == Application.version,
        Application.state == WAITING,
        Application.stage_key == stage.key,
        Application.revision_id == revision.id,
        Application.route == route,
        visible(Application, act.actor),
        not_own(act.actor),
    ]


def _move(act: Act, revision: Revision, route: str, stage: Stage) -> dict[str, Any]:
    keys = [row.key for row in stages_of(revision, route)]
    place = keys.index(stage.key)
    if act.batch.outcome == RETURN:
        if act.selection.back_to in keys[:place]:
            return {"stage_key": act.selection.back_to}
        back = [key for key in keys if key == stage.returns_to] or keys
        return {"state": RETURNED, "stage_key": back[0], "returned_from": stage.key}
    if act.batch.outcome == REJECT:
        return {"state": REFUSED, "claims": False}
    if place + 1 == len(keys):
        return {"state": APPROVED}
    return {"stage_key": keys[place + 1]}


def _override(act: Act, revision: Revision, route: str, stage: Stage) -> None:
    """Answer this stage's open questions of the held cases, and judge them again."""
    held = [*_guards(act, revision, route, stage), Application.verdict == HELD]
    if not act.selection.override_reason:
        held.append(SelectionItem.reason.is_not(None))
    words = func.coalesce(SelectionItem.reason, literal(act.selection.override_reason))
    left = questions_left(revision, route, stage)
    for key in _answerable(revision):
        values: dict[str, Any] = {
            "application_id": Application.id,
            "condition_key": literal(key),
            "revision_id": literal(revision.id),
            "batch_id": literal(act.batch.id),
            "account_id": literal(act.actor.account_id),
            "reason": words,
            "made_at": literal(act.now, Override.made_at.type),
        }
        asked = left.contains(f",{key},", autoescape=True)
        rows = select(*values.values()).where(*held, asked)
        act.session.execute(insert(Override).from_select(list(values), rows))
    judge(act.session, revision, only=_ANSWERED, answered_in=act.batch.id)


def _answerable(revision: Revision) -> list[str]:
    """The findings that a person may pass: all but a place that there is not."""
    bounds = [row.key for row in revision.bounds if row.over == ASK]
    return [*(row.key for row in rules_of(revision)), *bounds, NO_TIER]
