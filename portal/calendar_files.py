"""Calendars as CSV: day, kind (``off`` or ``work``), title."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

from models.base import N_, Refusal
from models.calendar import DAY_KINDS

Day = tuple[date, str, str]
_MOST = 5_000


class BadCalendar(Refusal):
    """A row of the file is no day of a calendar."""

    message = N_("%(file)s, line %(line)s: a row reads day, off or work, occasion.")


def read_days(path: Path) -> list[Day]:
    """The days in the file at *path*; raises ``BadCalendar`` naming the line."""
    found: dict[date, Day] = {}
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        for line, row in enumerate(csv.reader(file), 1):
            if line == 1 or not any(row):
                continue
            day = _day(row)
            if day is None or day[0] in found or line > _MOST:
                raise BadCalendar(file=path.name, line=line)
            found[day[0]] = day
    return list(found.values())


def _day(row: list[str]) -> Day | None:
    if len(row) != 3 or row[1] not in DAY_KINDS or len(row[2]) > 40:
        return None
    try:
        return date.fromisoformat(row[0]), row[1], row[2]
    except ValueError:
        return None
