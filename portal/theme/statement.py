"""What the pages of statements and of requests show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StatementPage:
    """``portal/statement.html``: ``summaries`` are ``portal.funding.statement.Summary``, ``lines``
    say day, kind, batch, url, district, payer and fen by purse; ``purses`` and ``moves`` are the
    headings of the two tables. ``rest`` lines stand in the sheet alone. Whoever
    may read budgets sees them beside the closing."""

    programmes: Sequence[tuple[str, str]]
    districts: Sequence[tuple[str, str]]
    programme: str
    district: str
    number: str
    month: str
    moves: Sequence[str]
    purses: Sequence[str]
    summaries: Sequence[Any]
    lines: Sequence[Any]
    totals: Sequence[int]
    rest: int
    balances: bool
    tells_budgets: bool
    sheet_url: str


@dataclass(frozen=True, slots=True)
class RequestPage:
    """``portal/request.html``: ``request`` is ``portal.funding.requests.Request`` or nothing."""

    programmes: Sequence[tuple[str, str]]
    districts: Sequence[tuple[str, str]]
    windows: Sequence[tuple[str, str]]
    fields: Sequence[tuple[str, str]]
    programme: str
    district: str
    window: str
    by: str
    title: str
    request: Any
    sheet_url: str
