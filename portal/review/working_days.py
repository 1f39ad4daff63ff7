"""Working days between two days in SQL, by the calendar that the database keeps."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select

from models.calendar import OFF, CalendarDay
from portal.policy.sql_days import days_between

_SUNDAY = date(2000, 1, 2)
_WEEK, _WORKED = 7, 5


def working_between(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[Any]:
    """How many days after *first* and up to *last* are worked, as ``Calendar`` counts them."""
    return _weekdays(last) - _weekdays(first) + _special(first, last)


def _weekdays(day: ColumnElement[Any]) -> ColumnElement[Any]:
    """Mondays to Fridays from a Sunday long ago up to *day*."""
    days = days_between(literal(_SUNDAY), day)
    rest = days % _WEEK
    return (days - rest) // _WEEK * _WORKED + case((rest < _WORKED, rest), else_=_WORKED)


def _special(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[Any]:
    """What the days that differ from the week add to the weekdays, or take away."""
    place = days_between(literal(_SUNDAY), CalendarDay.day.expression) % _WEEK
    is_weekend = or_(place == 0, place > _WORKED)
    gain = case(
        (and_(CalendarDay.kind == OFF, ~is_weekend), -1),
        (and_(CalendarDay.kind != OFF, is_weekend), 1),
        else_=0,
    )
    found = select(func.coalesce(func.sum(gain), 0)).where(
        CalendarDay.day > first, CalendarDay.day <= last
    )
    return found.correlate_except(CalendarDay).scalar_subquery()
