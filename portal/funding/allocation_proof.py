"""What must never happen when money is given out: each violation for ``flask verify``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from models.allocation import (
    AGAIN,
    ALL,
    FINAL,
    LOTTERY,
    PRO_RATA,
    AllocationItem,
    AllocationPool,
    AllocationRun,
)
from models.application import Application
from models.functions import drawn, part_of

Sql = ColumnElement[Any]
_ITEM, _POOL, _RUN = AllocationItem, AllocationPool, AllocationRun
_FEN = _POOL.cap_fen + _POOL.raised_fen - _POOL.held_fen
_PLACES = _POOL.cap_places + _POOL.raised_places - _POOL.held_places


def violations(session: Session) -> Iterator[str]:
    """Pools given out beyond what they had, cases passed over, lots that were not drawn so."""
    yield from _wrong_sums(session)
    yield from _overdrawn(session)
    yield from _skipped(session)
    yield from _wrong_parts(session)
    yield from _wrong_places(session)
    yield from _wrong_lots(session)
    yield from _wrong_cases(session)


def _wrong_sums(session: Session) -> Iterator[str]:
    """A pool says what its items say."""
    each = (
        select(
            _ITEM.run_id,
            _ITEM.pool,
            func.count().label("cases"),
            func.sum(_ITEM.granted_fen).label("fen"),
            func.sum(case((_ITEM.granted_fen > 0, 1), else_=0)).label("granted"),
        )
        .group_by(_ITEM.run_id, _ITEM.pool)
        .subquery()
    )
    rows = session.execute(
        select(_RUN.number, _POOL.pool)
        .join(_POOL, _POOL.run_id == _RUN.id)
        .outerjoin(each, and_(each.c.run_id == _POOL.run_id, each.c.pool == _POOL.pool))
        .where(
            or_(
                func.coalesce(each.c.cases, 0) != _POOL.cases,
                func.coalesce(each.c.fen, 0) != _POOL.granted_fen,
                func.coalesce(each.c.granted, 0) != _POOL.granted,
            )
        )
    )
    for number, pool in rows:
        yield f"allocation: pool “{pool}” of run {number} is not what its cases come to"


def _overdrawn(session: Session) -> Iterator[str]:
    """No run gives more than its pools have, nor do all runs of a row together."""
    rows = session.execute(
        select(_RUN.number, _POOL.pool)
        .join(_POOL, _POOL.run_id == _RUN.id)
        .where(
            _POOL.granted > 0,
            or_(~_POOL.is_stated, _POOL.granted_fen > _FEN, _POOL.granted > _PLACES),
        )
    )
    for number, pool in rows:
        yield f"allocation: run {number} gives more than pool “{pool}” has"
    yield from _overdrawn_together(session)


def _overdrawn_together(session: Session) -> Iterator[str]:
    key = (_RUN.programme_id, _RUN.row_key, _RUN.window_key)
    given = (
        select(
            *key,
            _ITEM.pool,
            func.sum(_ITEM.granted_fen).label("fen"),
            func.count().label("places"),
        )
        .join(_ITEM, _ITEM.run_id == _RUN.id)
        .where(_RUN.state == FINAL, _ITEM.granted_fen > 0, _ITEM.freed_by_id.is_(None))
        .group_by(*key, _ITEM.pool)
        .subquery()
    )
    most = (
        select(
            *key,
            _POOL.pool,
            func.max(_POOL.cap_fen + _POOL.raised_fen).label("fen"),
            func.max(_POOL.cap_places + _POOL.raised_places).label("places"),
        )
        .join(_POOL, _POOL.run_id == _RUN.id)
        .where(_RUN.state == FINAL)
        .group_by(*key, _POOL.pool)
        .subquery()
    )
    same = and_(*(given.c[name] == most.c[name] for name in (*(c.key for c in key), "pool")))
    rows = session.execute(
        select(given.c.row_key, given.c.pool)
        .join(most, same)
        .where(or_(given.c.fen > most.c.fen, given.c.places > most.c.places))
    )
    for row_key, pool in rows:
        yield f"allocation: the runs of {row_key} give more than pool “{pool}” ever had"


def _skipped(session: Session) -> Iterator[str]:
    """Nobody who comes later is granted what somebody earlier was not."""
    last = (
        select(_ITEM.run_id, _ITEM.pool, func.max(_ITEM.place).label("place"))
        .where(_ITEM.granted_fen > 0)
        .group_by(_ITEM.run_id, _ITEM.pool)
        .subquery("last")
    )
    rows = session.execute(
        select(_RUN.number, Application.number)
        .join(_ITEM, _ITEM.run_id == _RUN.id)
        .join(last, and_(last.c.run_id == _ITEM.run_id, last.c.pool == _ITEM.pool))
        .join(Application, Application.id == _ITEM.application_id)
        .where(_RUN.method != PRO_RATA, _ITEM.granted_fen == 0, _ITEM.place < last.c.place)
    )
    for number, case_number in rows:
        yield f"allocation: run {number} passed over {case_number} for somebody later"


def _wrong_parts(session: Session) -> Iterator[str]:
    """Every case has what the method makes of its place, its pool and what it asks for."""
    whole = func.sum(_ITEM.asked_fen).over(partition_by=(_ITEM.run_id, _ITEM.pool))
    count = func.count().over(partition_by=(_ITEM.run_id, _ITEM.pool))
    reach = func.sum(_ITEM.asked_fen).over(
        partition_by=(_ITEM.run_id, _ITEM.pool), order_by=_ITEM.place, rows=(None, 0)
    )
    each = select(
        _ITEM.id,
        _ITEM.run_id,
        _ITEM.pool,
        _ITEM.application_id,
        _ITEM.place,
        _ITEM.asked_fen,
        _ITEM.granted_fen,
        _ITEM.reach_fen,
        whole.label("whole"),
        count.label("count"),
        reach.label("reach"),
    ).subquery("each")
    rows = session.execute(
        select(_RUN.number, Application.number)
        .join(each, each.c.run_id == _RUN.id)
        .join(_POOL, and_(_POOL.run_id == _RUN.id, _POOL.pool == each.c.pool))
        .join(Application, Application.id == each.c.application_id)
        .where(or_(each.c.reach != each.c.reach_fen, each.c.granted_fen != _due(each.c)))
    )
    for number, case_number in rows:
        yield f"allocation: run {number} does not give {case_number} what its place says"


def _due(c: Any) -> Sql:
    """What is granted by the method, worked out of the items alone."""
    asks = case((_RUN.method == ALL, c.whole), else_=c.reach)
    count = case((_RUN.method == ALL, c["count"]), else_=c.place)
    fits = and_(
        _POOL.is_stated,
        or_(_POOL.cap_fen.is_(None), asks <= _FEN),
        or_(_POOL.cap_places.is_(None), count <= _PLACES),
    )
    share = case(
        (~_POOL.is_stated, 0),
        (c.whole <= _FEN, c.asked_fen),
        (_FEN > 0, part_of(c.asked_fen, _FEN, c.whole)),
        else_=0,
    )
    return case((_RUN.method == PRO_RATA, share), else_=case((fits, c.asked_fen), else_=0))


def _wrong_places(session: Session) -> Iterator[str]:
    """Places count from 1 without a gap."""
    rows = session.execute(
        select(_RUN.number, _ITEM.pool)
        .join(_ITEM, _ITEM.run_id == _RUN.id)
        .group_by(_RUN.number, _ITEM.pool)
        .having(or_(func.min(_ITEM.place) != 1, func.max(_ITEM.place) != func.count()))
    )
    for number, pool in rows:
        yield f"allocation: the places of pool “{pool}” of run {number} do not count through"


def _wrong_lots(session: Session) -> Iterator[str]:
    """The order of a lottery is what its seed draws."""
    runs = session.scalars(select(_RUN).where(_RUN.method == LOTTERY)).all()
    for run in runs:
        rest = next((r.rest for r in run.revision.allocations if r.key == run.row_key), AGAIN)
        first: list[Any] = [] if rest == AGAIN else [case((_ITEM.waited, 0), else_=1)]
        lot = drawn(literal(f"{run.seed}:").op("||")(Application.number))
        order = [*first, lot, Application.sequence, Application.id]
        again = func.row_number().over(partition_by=_ITEM.pool, order_by=order)
        each = (
            select(Application.number, _ITEM.place, again.label("again"))
            .join(Application, Application.id == _ITEM.application_id)
            .where(_ITEM.run_id == run.id)
            .subquery()
        )
        for number in session.scalars(select(each.c.number).where(each.c.place != each.c.again)):
            yield f"allocation: the seed of run {run.number} draws another place for {number}"


def _wrong_cases(session: Session) -> Iterator[str]:
    """A case has what its one final item gave it, and no more than it was awarded."""
    given = (
        select(_ITEM.application_id, func.sum(_ITEM.granted_fen).label("fen"))
        .join(_RUN, _RUN.id == _ITEM.run_id)
        .where(_RUN.state == FINAL, _ITEM.granted_fen > 0, _ITEM.freed_by_id.is_(None))
        .group_by(_ITEM.application_id)
        .subquery()
    )
    rows = session.scalars(
        select(Application.number)
        .outerjoin(given, given.c.application_id == Application.id)
        .where(Application.granted_fen.is_distinct_from(given.c.fen))
    )
    for number in rows:
        yield f"allocation: what {number} is granted is not what a final run gave it"
