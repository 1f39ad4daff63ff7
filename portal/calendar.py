"""Working days and due dates, on the calendar that the State Council publishes each year.

A period's first day does not count and its last one rolls past days off (Civil Code 201, 203);
a month ends where it ends: three months from 30 November is 28 February.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from models.calendar import OFF, CalendarDay
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock

FORWARD, BACK, NONE = "forward", "back", "none"
_SATURDAY = 5


@dataclass(frozen=True)
class Due:
    """A due date; *provisional* while the calendar of its year is not published."""

    day: date
    provisional: bool


@dataclass(frozen=True)
class Calendar:
    """Which days are worked: ``special`` maps the days that differ from the week to whether."""

    special: Mapping[date, bool]

    def is_working(self, day: date) -> bool:
        """Whether *day* is worked."""
        return self.special.get(day, day.weekday() < _SATURDAY)

    def is_published(self, year: int) -> bool:
        """Whether the days off of *year* are known."""
        return any(day.year == year for day in self.special)

    def roll(self, day: date, *, back: bool = False) -> date:
        """*day*, or the nearest working day after it; before it when it goes *back*."""
        step = timedelta(days=-1 if back else 1)
        while not self.is_working(day):
            day += step
        return day

    def after(self, day: date, count: int) -> date:
        """The *count*-th working day after *day*, which itself does not count."""
        for _ in range(count):
            day = self.roll(day + timedelta(days=1))
        return day

    def due(self, anchor: date, rule: Mapping[str, Any]) -> Due:
        """When what *rule* asks is due, counted from *anchor*.

        *rule* has one of ``days``, ``working_days``, ``months``, ``years`` or
        ``day_of_next_month``, and ``roll``: ``forward`` past days off, ``back`` before them, or
        ``none``.
        """
        last, roll = self._last(anchor, rule), rule.get("roll", FORWARD)
        if roll != NONE:
            last = self.roll(last, back=roll == BACK)
        return Due(last, not self.is_published(last.year))

    def _last(self, anchor: date, rule: Mapping[str, Any]) -> date:
        if "working_days" in rule:
            return self.after(anchor, rule["working_days"])
        if "day_of_next_month" in rule:
            return add_months(anchor.replace(day=1), 1).replace(day=rule["day_of_next_month"])
        if "days" in rule:
            return anchor + timedelta(days=rule["days"])
        return add_months(anchor, rule.get("months", 0) + 12 * rule.get("years", 0))


def add_months(day: date, count: int) -> date:
    """*count* months after *day*, at the month's end where the month is shorter."""
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    for number in (day.day, 30, 29, 28):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError(day)


def calendar_of(session: Session) -> Calendar:
    """The calendar as the database has it."""
    rows = session.execute(select(CalendarDay.day, CalendarDay.kind))
    return Calendar({day: kind != OFF for day, kind in rows})


def load_days(
    session: Session, actor: Actor, clock: Clock, days: Sequence[tuple[date, str, str]]
) -> dict[int, int]:
    """Put *days* in place of what is known of their years; gives the count of each year."""
    require(actor, "catalogue:write")
    counts = Counter(day.year for day, _kind, _title in days)
    for year in counts:
        whole = CalendarDay.day.between(date(year, 1, 1), date(year, 12, 31))
        session.execute(delete(CalendarDay).where(whole))
    session.add_all(
        CalendarDay(day=day, kind=kind, title=title, version=1) for day, kind, title in days
    )
    session.flush()
    audit.record(
        session,
        actor,
        clock.now(),
        "catalogue:calendar",
        "calendar_day",
        None,
        details={"days": {str(year): count for year, count in sorted(counts.items())}},
    )
    return dict(sorted(counts.items()))
