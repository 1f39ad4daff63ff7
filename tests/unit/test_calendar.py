"""Working days and due dates, on the published calendars of the notices' years."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.calendar import Calendar, add_months
from seed.calendars import published

CALENDAR = Calendar({day: kind == "work" for day, kind, _title in published()})
DAYS = st.dates(date(2015, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("anchor", "rule", "day"),
    [
        # S26: ten working days after the window closes; 09-20 is worked, 09-25 is not
        ("2026-09-15", {"working_days": 10}, "2026-09-29"),
        # S23 and S26: two weeks after the window closes, rolled past the National Day week
        ("2023-09-15", {"days": 14}, "2023-10-07"),
        ("2023-11-15", {"days": 14}, "2023-11-29"),
        ("2026-09-15", {"days": 14}, "2026-09-29"),
        # S23, personal channel: by the 15th of the month after submission
        ("2023-09-20", {"day_of_next_month": 15, "roll": "none"}, "2023-10-15"),
        ("2023-09-20", {"day_of_next_month": 15, "roll": "back"}, "2023-10-13"),
        ("2023-08-31", {"day_of_next_month": 15, "roll": "back"}, "2023-09-15"),
        # B22: three months, clamped to the month's end; two years
        ("2022-11-30", {"months": 3, "roll": "none"}, "2023-02-28"),
        ("2022-03-01", {"years": 2, "roll": "none"}, "2024-03-01"),
        ("2024-02-29", {"years": 1, "roll": "none"}, "2025-02-28"),
    ],
)
def test_a_period_ends_on_its_day(anchor: str, rule: dict[str, Any], day: str) -> None:
    found = CALENDAR.due(date.fromisoformat(anchor), rule)
    assert (found.day.isoformat(), found.provisional) == (day, False)


def test_a_year_without_a_calendar_is_provisional() -> None:
    assert CALENDAR.due(date(2026, 12, 31), {"days": 1}).provisional


@given(DAYS, st.integers(0, 60))
def test_n_working_days_later_lie_n_working_days(day: date, count: int) -> None:
    last = CALENDAR.after(day, count)
    between = [day + timedelta(days=n) for n in range(1, (last - day).days + 1)]
    assert sum(CALENDAR.is_working(one) for one in between) == count


@given(DAYS, st.integers(0, 200))
def test_months_add_up_to_the_same_day_or_the_months_end(day: date, count: int) -> None:
    later = add_months(day, count)
    months = (later.year - day.year) * 12 + later.month - day.month
    assert months == count
    assert later.day == day.day or (later + timedelta(days=1)).day == 1


@given(DAYS)
def test_rolling_ends_on_a_working_day(day: date) -> None:
    forward, back = CALENDAR.roll(day), CALENDAR.roll(day, back=True)
    assert CALENDAR.is_working(forward)
    assert CALENDAR.is_working(back)
    assert back <= day <= forward
