"""Figures that take long to work out, kept by the process for as long as they may stand.

Whatever changes a record moves the head of the audit chain, so a figure stands while the head
does. After that a quick one is worked out anew; a slow one is kept a little longer, so that it
costs a core no more than a tenth of its time, however many look at it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.audit import AuditHead

Value = TypeVar("Value")

MOST = 2_000
SLOW_SECONDS = 1.0
TIMES = 10
"""A slow figure is kept for so many times the seconds that it took."""


@dataclass(frozen=True)
class Figure(Generic[Value]):
    """What was worked out, and the moment before that began."""

    value: Value
    at: datetime


@dataclass(frozen=True)
class _Kept:
    figure: Figure[Any]
    head: bytes | None
    until: float


_KEPT: OrderedDict[Hashable, _Kept] = OrderedDict()
_WORKING: dict[Hashable, Lock] = {}


def remembered(session: Session, key: Hashable, work: Callable[[], Value]) -> Figure[Value]:
    """What *work* gives, or gave before under *key*: everything that it depends on but the rows.

    Threads that ask for the same at once wait for the one that works it out.
    """
    own = (str(getattr(session.get_bind(), "url", "")), key)
    with _WORKING.setdefault(own, Lock()):
        head = session.scalar(select(AuditHead.mac))
        kept = _KEPT.get(own)
        if kept is None or (kept.head != head and time.monotonic() >= kept.until):
            kept = _KEPT[own] = _worked_out(head, work)
        _KEPT.move_to_end(own)
    while len(_KEPT) > MOST:
        oldest, _kept = _KEPT.popitem(last=False)
        _WORKING.pop(oldest, None)
    return kept.figure


def forget() -> None:
    """Begin anew: another database may follow."""
    _KEPT.clear()
    _WORKING.clear()


def _worked_out(head: bytes | None, work: Callable[[], Any]) -> _Kept:
    at, started = datetime.now(UTC), time.monotonic()
    value = work()
    took = time.monotonic() - started
    until = started + took * TIMES if took > SLOW_SECONDS else started
    return _Kept(Figure(value, at), head, until)
