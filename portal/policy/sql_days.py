"""Days in SQL: moving one forward, and reading one that is stored as text, on both databases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Date, Integer, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

PERIODS = ("days", "months", "years")


class Shifted(FunctionElement[Any]):
    """A day moved forward by months, clamped to the month's end, or by days (Q44, Q54)."""

    name = "shifted"
    type = Date()
    inherit_cache = True


class DayOfText(FunctionElement[Any]):
    """A day kept as ISO text, as a date."""

    name = "day_of_text"
    type = Date()
    inherit_cache = True


class ShanghaiDay(FunctionElement[Any]):
    """The day that a moment, kept in UTC, is in Shanghai."""

    name = "shanghai_day"
    type = Date()
    inherit_cache = True


class DaysBetween(FunctionElement[Any]):
    """How many days the second day lies after the first; negative when before."""

    name = "days_between"
    type = Integer()
    inherit_cache = True


def days_between(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number of days from *first* to *last*."""
    return DaysBetween(first, last)


def shifted(day: ColumnElement[Any], rule: dict[str, int]) -> ColumnElement[Any]:
    """*day* moved forward by the one period that *rule* gives: days, months or years."""
    months = rule.get("months", 0) + 12 * rule.get("years", 0)
    return Shifted(day, *(literal_column(str(int(n))) for n in (months, rule.get("days", 0))))


def day_of_text(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day that *text* (``2026-08-31``) says."""
    return DayOfText(text)


def shanghai_day(moment: ColumnElement[Any]) -> ColumnElement[Any]:
    """The day of *moment* in Shanghai, eight hours ahead of UTC all year."""
    return ShanghaiDay(moment)


@compiles(Shifted, "sqlite")
def _shifted_sqlite(element: Shifted, compiler: Any, **options: Any) -> str:
    """SQLite's months overflow into the next: the earlier of that and the month's end is right."""
    day, months, days = (compiler.process(part, **options) for part in element.clauses)
    if int(months) == 0:
        return f"date({day}, '+{days} days')"
    last = f"date({day}, 'start of month', '+{int(months) + 1} months', '-1 days')"
    return f"min(date({day}, '+{months} months'), {last})"


@compiles(Shifted, "postgresql")
def _shifted_postgresql(element: Shifted, compiler: Any, **options: Any) -> str:
    day, months, days = (compiler.process(part, **options) for part in element.clauses)
    return f"CAST(({day}) + make_interval(months => {months}, days => {days}) AS DATE)"


@compiles(DaysBetween, "sqlite")
def _between_sqlite(element: DaysBetween, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(part, **options) for part in element.clauses)
    return f"CAST(julianday({last}) - julianday({first}) AS INTEGER)"


@compiles(DaysBetween, "postgresql")
def _between_postgresql(element: DaysBetween, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(part, **options) for part in element.clauses)
    return f"(CAST({last} AS DATE) - CAST({first} AS DATE))"


@compiles(DayOfText, "sqlite")
def _day_sqlite(element: DayOfText, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(DayOfText, "postgresql")
def _day_postgresql(element: DayOfText, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS DATE)"


@compiles(ShanghaiDay, "sqlite")
def _shanghai_sqlite(element: ShanghaiDay, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, '+8 hours')"


@compiles(ShanghaiDay, "postgresql")
def _shanghai_postgresql(element: ShanghaiDay, compiler: Any, **options: Any) -> str:
    moment = compiler.process(element.clauses, **options)
    return f"CAST(({moment}) + make_interval(hours => 8) AS DATE)"
