"""When a case is due at the stage where it waits, and which cases are due soon.

A due rule counts from a date fact of the case, from the day it came to the stage
(``stage.entered``), or from the day it passed an earlier one (``stage.<key>``). The clock stops
while a case is returned to its applicant: what it counts from moves by the days that took.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from models.application import RETURNED, WAITING, Application
from models.decision import PASS, UNDO, Decision
from models.programme import Revision, Stage
from portal.calendar import Calendar, Due
from portal.policy.check import ENTERED, STAGE
from portal.policy.facts import fact, source
from portal.policy.sql_days import days_between, shanghai_day

_LONGEST = 5_000
"""Days between anchor and due date that ``due_by`` looks back."""


def due_of(session: Session, calendar: Calendar, application: Application) -> Due | None:
    """When the stage at which *application* waits should be done; ``None`` without a due date."""
    if application.state != WAITING:
        return None
    for stage in application.revision.stages:
        if stage.key == application.stage_key and stage.due:
            anchor = _anchor(session, application, stage)
            return calendar.due(anchor, stage.due) if anchor else None
    return None


def due_by(calendar: Calendar, revisions: Iterable[Revision], limit: date) -> ColumnElement[bool]:
    """The waiting cases of *revisions* that are due on or before the day *limit*."""
    parts = [
        and_(
            Application.revision_id == revision.id,
            Application.stage_key == stage.key,
            _anchored_in_time(calendar, revision, stage, limit),
        )
        for revision in revisions
        for stage in revision.stages
        if stage.due
    ]
    return and_(Application.state == WAITING, or_(false(), *parts))


def _anchor(session: Session, application: Application, stage: Stage) -> date | None:
    anchor, needs = anchor_sql(stage, application.revision)
    row = session.execute(
        select(anchor, stopped_for(anchor))
        .select_from(source(needs))
        .where(Application.id == application.id)
    ).one_or_none()
    return row[0] + timedelta(days=row[1]) if row and row[0] else None


def _anchored_in_time(
    calendar: Calendar, revision: Revision, stage: Stage, limit: date
) -> ColumnElement[bool]:
    """Whether the anchor is early enough; due dates never fall as anchors rise."""
    latest = _latest_anchor(calendar, stage.due or {}, limit)
    if latest is None:
        return false()
    anchor, needs = anchor_sql(stage, revision)
    # the days for which the clock stood only make it later: first what is cheap to know
    early = and_(anchor <= latest, days_between(anchor, literal(latest)) >= stopped_for(anchor))
    if not needs:
        return early
    found = select(Application.id).select_from(source(needs)).where(early)
    return Application.id.in_(found.where(Application.revision_id == revision.id))


def anchor_sql(stage: Stage, revision: Revision) -> tuple[ColumnElement[Any], frozenset[Any]]:
    """The day that the stage's due date counts from, and the tables it is read from."""
    name = (stage.due or {})["after"]
    if name.startswith(STAGE):
        return _passed(stage.key if name == ENTERED else name.removeprefix(STAGE), name), _NOTHING
    known = fact(name, revision)
    return (known.build(revision), known.needs) if known else (false(), _NOTHING)


_NOTHING: frozenset[Any] = frozenset()


def _passed(key: str, name: str) -> ColumnElement[Any]:
    """The Shanghai day on which a case came to its stage, or passed an earlier one."""
    here: tuple[ColumnElement[bool], ...] = (
        (
            Decision.to_stage == key,
            Decision.from_stage.is_distinct_from(key),
            Decision.outcome != UNDO,
        )
        if name == ENTERED
        else (Decision.from_stage == key, Decision.outcome == PASS)
    )
    moment = (
        select(func.max(Decision.decided_at))
        .where(Decision.application_id == Application.id, *here)
        .correlate(Application)
        .scalar_subquery()
    )
    return shanghai_day(moment)


def stopped_for(anchor: ColumnElement[Any]) -> ColumnElement[Any]:
    """For how many days since *anchor* the case was with its applicant, over all its returns."""
    back, after = aliased(Decision), aliased(Decision)
    next_id = (
        select(func.min(after.id))
        .where(after.application_id == back.application_id, after.id > back.id)
        .correlate(back)
        .scalar_subquery()
    )
    ended = aliased(Decision)
    began = case(
        (
            shanghai_day(back.decided_at.expression) > anchor,
            shanghai_day(back.decided_at.expression),
        ),
        else_=anchor,
    )
    days = days_between(began, shanghai_day(ended.decided_at.expression))
    return (
        select(func.coalesce(func.sum(case((days > 0, days), else_=0)), 0))
        .select_from(back)
        .join(ended, ended.id == next_id)
        .where(back.application_id == Application.id, back.to_state == RETURNED)
        .correlate_except(back, ended)
        .scalar_subquery()
    )


def _latest_anchor(calendar: Calendar, rule: dict[str, Any], limit: date) -> date | None:
    early, late = limit - timedelta(days=_LONGEST), limit
    if calendar.due(early, rule).day > limit:
        return None
    while early < late:
        middle = early + timedelta(days=((late - early).days + 1) // 2)
        if calendar.due(middle, rule).day <= limit:
            early = middle
        else:
            late = middle - timedelta(days=1)
    return early
