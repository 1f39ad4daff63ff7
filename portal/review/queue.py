"""What waits for a reviewer, by days left: the case that is due first stands first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from models.application import WAITING, Application
from models.programme import Revision, Stage
from portal.access.actor import Actor
from portal.access.scope import visible
from portal.calendar import Calendar, Due
from portal.policy.facts import source
from portal.policy.sql_days import days_between
from portal.review.deadlines import anchor_sql, due_after, stopped_for
from portal.review.standing import not_own

_LONG_AGO = date(1970, 1, 1)


@dataclass(frozen=True)
class Waiting:
    """A case that waits at *stage*; ``due`` is ``None`` where the stage has no due date."""

    application_id: int
    stage: Stage
    due: Due | None

    def days_left(self, today: date) -> int | None:
        """Days until it is due, negative when overdue."""
        return (self.due.day - today).days if self.due else None


def waiting_for(
    session: Session,
    actor: Actor,
    calendar: Calendar,
    revisions: Iterable[Revision],
    where: Sequence[ColumnElement[bool]] = (),
    most: int = 60,
) -> list[Waiting]:
    """The first *most* cases that *actor* may decide and *where* keeps.

    Those without a due date come last; among equals who came first.
    """
    found = [
        (waiting, sequence or 0)
        for revision in revisions
        for stage in revision.stages
        if stage.acts == actor.role
        for waiting, sequence in _at(session, actor, calendar, revision, stage, where, most)
    ]
    found.sort(key=lambda pair: (pair[0].due.day if pair[0].due else date.max, pair[1]))
    return [waiting for waiting, _sequence in found[:most]]


def _at(
    session: Session,
    actor: Actor,
    calendar: Calendar,
    revision: Revision,
    stage: Stage,
    where: Sequence[ColumnElement[bool]],
    most: int,
) -> Iterable[tuple[Waiting, int | None]]:
    here = [
        Application.revision_id == revision.id,
        Application.state == WAITING,
        Application.stage_key == stage.key,
        visible(Application, actor),
        not_own(actor),
        *where,
    ]
    order: list[Any] = [Application.sequence, Application.id]
    if not stage.due:
        rows = select(Application.id, Application.sequence).where(*here).order_by(*order)
        for row_id, sequence in session.execute(rows.limit(most)):
            yield Waiting(row_id, stage, None), sequence
        return
    anchor, needs = anchor_sql(stage, revision)
    stood = stopped_for(anchor, stage.due)
    # a due date never falls as what it counts from rises: the order of the one is that of the
    # other, and nearly so where working days stood still
    counted = days_between(literal(_LONG_AGO), anchor) + stood
    rows_due = (
        select(Application.id, Application.sequence, anchor, stood)
        .select_from(source(needs))
        .where(*here)
        .order_by(counted.is_(None), counted, *order)
        .limit(most)
    )
    for row_id, sequence, day, stopped in session.execute(rows_due):
        due = None if day is None else due_after(calendar, stage.due, day, stopped)
        yield Waiting(row_id, stage, due), sequence
