"""What time it is. Days are Asia/Shanghai days; a pinned day serves demo and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class Clock:
    """The time that services are given; ``pinned`` replaces the day, not the time of day."""

    pinned: date | None = None

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        real = datetime.now(UTC)
        if self.pinned is None:
            return real
        local = real.astimezone(SHANGHAI)
        day = self.pinned
        return local.replace(year=day.year, month=day.month, day=day.day).astimezone(UTC)

    def today(self) -> date:
        """This day in Shanghai."""
        return self.now().astimezone(SHANGHAI).date()
