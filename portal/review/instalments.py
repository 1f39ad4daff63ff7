"""Until when released instalments should be paid, by the clause that says so (B22 二（四）4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from models.application import Application
from models.programme import Revision
from models.sharing import Instalment
from portal.calendar import Calendar, Due
from portal.funding.dues import is_released, is_unpaid
from portal.policy.allocations import is_payable
from portal.policy.facts import source
from portal.policy.shares import DECIDED
from portal.review.deadlines import day_sql, latest_anchor, span_of


@dataclass(frozen=True)
class DuePart:
    """The instalment *row* of a case that is released, not paid, and has a day until when."""

    row: Instalment
    due: Due


def instalments_due(
    calendar: Calendar, revisions: Iterable[Revision], today: date, how: str
) -> ColumnElement[bool]:
    """The cases with a released and unpaid instalment whose due day stands as *how* says, a key of
    ``LATENESS`` other than that of no due day."""
    limit, after = span_of(how, today)
    parts = [
        _owed_between(calendar, revision, place, limit, after)
        for revision in revisions
        for place, row in enumerate(revision.instalments, 1)
        if row.due
    ]
    return or_(false(), *parts)


def parts_due(session: Session, calendar: Calendar, application: Application) -> list[DuePart]:
    """The released and unpaid instalments of *application* that have a due day."""
    found = []
    for place, row in enumerate(application.revision.instalments, 1):
        if not row.due:
            continue
        anchor, needs = day_sql(row.due["after"], application.revision)
        owed = select(anchor).select_from(source(needs)).where(
            Application.id == application.id, _owed(application.revision, place, row)
        )  # fmt: skip
        day = session.scalar(owed)
        if day is not None:
            found.append(DuePart(row, calendar.due(day, row.due)))
    return found


def _owed_between(
    calendar: Calendar, revision: Revision, place: int, limit: date | None, after: date | None
) -> ColumnElement[bool]:
    """Cases of *revision* whose instalment *place* is owed, due by *limit* and later than *after*,
    where there are such bounds."""
    row = revision.instalments[place - 1]
    rule = row.due or {}
    anchor, needs = day_sql(rule["after"], revision)
    where = [Application.revision_id == revision.id, _owed(revision, place, row)]
    where.append(anchor <= latest_anchor(calendar, rule, limit) if limit else anchor.is_not(None))
    if after is not None:
        where.append(anchor > latest_anchor(calendar, rule, after))
    if not needs:
        return and_(*where)
    return Application.id.in_(select(Application.id).select_from(source(needs)).where(*where))


def _owed(revision: Revision, place: int, row: Instalment) -> ColumnElement[bool]:
    return and_(DECIDED > 0, is_released(revision, row), is_unpaid(place), is_payable(revision))
