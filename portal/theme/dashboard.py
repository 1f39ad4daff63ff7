"""What the overview is told: tables of numbers that lead to their rows, drawn as charts as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.theme.pages import Budget, Tile
from portal.theme.shapes import Choice, Tone


@dataclass(frozen=True, slots=True)
class Measure:
    """A column of numbers. What is ``drawn`` is a part of the bar in the colour of its tone."""

    label: str
    tone: Tone
    drawn: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    """A count, or an amount in fen, and the list of just these rows; nothing leads nowhere."""

    count: int
    url: str = ""
    is_fen: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the table and a bar of the chart: its numbers in the order of the measures."""

    label: str
    total: Number
    numbers: Sequence[Number]
    sub: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart beside its table. ``says`` is what the picture shows, in words."""

    key: str
    title: str
    says: str
    head: str
    total: str
    measures: Sequence[Measure]
    bars: Sequence[Bar]
    rest: int = 0
    """How many more rows there are than shown."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """``portal/dashboard.html``. The chooser sends ``programme`` by GET; ``counted_at`` is the
    time of day to which the waiting cases were counted."""

    tiles: Sequence[Tile]
    charts: Sequence[Chart]
    programmes: Sequence[Choice]
    counted_at: str
    budgets: Sequence[Budget] = ()
