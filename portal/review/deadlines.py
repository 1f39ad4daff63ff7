"""When a case is due at the stage where it waits, and which cases are due soon."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_

from models.application import WAITING, Application
from models.programme import Revision
from portal.calendar import Calendar, Due

_LONGEST = 5_000
"""Days between anchor and due date that ``due_by`` looks back."""


def due_of(calendar: Calendar, application: Application) -> Due | None:
    """When the stage at which *application* waits should be done; ``None`` without a due date."""
    if application.state != WAITING:
        return None
    for stage in application.revision.stages:
        if stage.key == application.stage_key and stage.due:
            anchor = _anchor(application, stage.due["after"])
            return calendar.due(anchor, stage.due) if anchor else None
    return None


def due_by(calendar: Calendar, revisions: Iterable[Revision], limit: date) -> ColumnElement[bool]:
    """The waiting cases of *revisions* that are due on or before the day *limit*."""
    parts = [
        and_(
            Application.revision_id == revision.id,
            Application.stage_key == stage.key,
            _anchored_in_time(calendar, revision, stage.due, limit),
        )
        for revision in revisions
        for stage in revision.stages
        if stage.due
    ]
    return and_(Application.state == WAITING, or_(false(), *parts))


def _anchor(application: Application, name: str) -> date | None:
    if name == "application.submitted_on":
        return application.submitted_on
    window = application.window
    if window is None:
        return None
    return window.opens_on if name == "window.opens" else window.closes_on


def _anchored_in_time(
    calendar: Calendar, revision: Revision, rule: dict[str, Any], limit: date
) -> ColumnElement[bool]:
    """Whether the anchor of *rule* is early enough; due dates never fall as anchors rise."""
    if rule["after"] == "application.submitted_on":
        latest = _latest_anchor(calendar, rule, limit)
        return Application.submitted_on <= latest if latest else false()
    opens = rule["after"] == "window.opens"
    days = {row.id: row.opens_on if opens else row.closes_on for row in revision.windows}
    due = [row_id for row_id, day in days.items() if calendar.due(day, rule).day <= limit]
    return Application.window_id.in_(due)


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
