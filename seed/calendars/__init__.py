"""The calendars of the years of the notices: days off and worked weekends, a CSV a year."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from portal.calendar_files import Day, read_days

FOLDER = Path(__file__).parent


def published() -> Iterator[Day]:
    """Every day that differs from the week."""
    for path in sorted(FOLDER.glob("*.csv")):
        yield from read_days(path)
