"""Pages by key: the next page starts where this one ended, however deep it is.

A cursor is the id of a row, nothing else: its sort value is looked up, so no name or date of a
person stands in a URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

CAP = 10_000
"""Counting stops here: ``10,000+``."""
SIZES = (20, 50, 100)


@dataclass(frozen=True)
class Order:
    """What a list is sorted by: a column (the key itself by default) and a direction."""

    column: Any
    descending: bool = True


@dataclass(frozen=True)
class Cursor:
    """Where a page starts: ``after`` or ``before`` a row, or at the ``last`` page."""

    after: int | None = None
    before: int | None = None
    last: bool = False


@dataclass(frozen=True)
class Page:
    """The ids of one page in their order, and whether rows lie before and after it."""

    ids: list[int]
    has_previous: bool
    has_next: bool


def page_of(
    session: Session,
    key: Any,
    where: list[ColumnElement[bool]],
    order: Order,
    cursor: Cursor,
    size: int,
) -> Page:
    """One page of the rows that *where* keeps; *key* is the primary key column."""
    backwards = cursor.last or cursor.before is not None
    descending = order.descending != backwards
    statement = select(key).where(*where)
    if order.column is not key:
        statement = statement.where(order.column.is_not(None))
    start = cursor.before if cursor.before is not None else cursor.after
    if start is not None:
        statement = statement.where(_beyond(key, order.column, start, descending))
    columns = [order.column] if order.column is key else [order.column, key]
    statement = statement.order_by(*(c.desc() if descending else c.asc() for c in columns))
    ids = list(session.scalars(statement.limit(size + 1)))
    more, ids = len(ids) > size, ids[:size]
    if backwards:
        return Page(ids[::-1], more, not cursor.last)
    return Page(ids, start is not None, more)


def capped_count(session: Session, key: Any, where: list[ColumnElement[bool]]) -> int:
    """How many rows *where* keeps, ``CAP + 1`` when more than ``CAP``."""
    some = select(key).where(*where).limit(CAP + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def sums(
    session: Session, key: Any, where: list[ColumnElement[bool]], columns: dict[str, Any]
) -> dict[str, int]:
    """The sum of each of *columns* over the rows that *where* keeps."""
    if not columns:
        return {}
    totals = [func.coalesce(func.sum(column), 0) for column in columns.values()]
    row = session.execute(select(*totals).where(*where)).one()
    return {name: int(value) for name, value in zip(columns, row, strict=True)}


def _beyond(key: Any, column: Any, start: int, descending: bool) -> ColumnElement[bool]:
    """Rows past the row *start* in the direction of travel."""
    if column is key:
        past: ColumnElement[bool] = key < start if descending else key > start
        return past
    mark: Select[Any] = select(column).where(key == start)
    edge = mark.scalar_subquery()
    if descending:
        return or_(column < edge, and_(column == edge, key < start))
    return or_(column > edge, and_(column == edge, key > start))
