"""The working-day calendar: the days that differ from the week, year by year."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import N_, Model, Versioned

OFF, WORK = "off", "work"
DAY_KINDS = {OFF: N_("Day off"), WORK: N_("Working day")}


class CalendarDay(Versioned, Model):
    """A weekday that is a holiday, or a weekend day on which people work.

    A year with at least one such day is published; dates in any other are provisional.
    """

    __tablename__ = "calendar_day"

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, unique=True, info={"label": N_("Day")})
    kind: Mapped[str] = mapped_column(String(10), info={"label": N_("Kind"), "choices": DAY_KINDS})
    title: Mapped[str] = mapped_column(String(40), default="", info={"label": N_("Occasion")})

    def __str__(self) -> str:
        return self.day.isoformat()
