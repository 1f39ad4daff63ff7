"""Days of a draft that lie behind us: no fault, but seldom meant, as in rules of last year."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from models.base import N_
from models.programme import Revision
from portal.calendar import calendar_of
from portal.policy.check import Path, Problem

_PAST = N_("lies before today: %(day)s")
_WINDOW = {"window.opens": "opens_on", "window.closes": "closes_on", "window.paper": "paper_on"}
"""The days of a window that a due day may count from."""


def reminders(session: Session, revision: Revision, today: date) -> Iterator[Problem]:
    """The last days of windows, and what is due a while after them, that are over *today*."""
    for place, row in enumerate(revision.windows):
        yield from _over(("windows", place, "closes"), row.closes_on, today)
        yield from _over(("windows", place, "paper"), row.paper_on, today)
    calendar = calendar_of(session)
    for section in ("stages", "instalments", "payments"):
        for place, row in enumerate(getattr(revision, section)):
            anchors = list(_anchors(revision, row.due or {}))
            last = calendar.due(max(anchors), row.due).day if anchors else None
            yield from _over((section, place, "due"), last, today)


def _anchors(revision: Revision, due: dict[str, Any]) -> Iterator[date]:
    """The days of the windows that *due* counts from."""
    for window in revision.windows:
        day = getattr(window, _WINDOW.get(due.get("after", ""), ""), None)
        if day is not None:
            yield day


def _over(path: Path, day: date | None, today: date) -> Iterator[Problem]:
    if day is not None and day < today:
        yield Problem(path, _PAST, {"day": day.isoformat()})
