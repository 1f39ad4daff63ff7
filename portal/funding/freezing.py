"""The cases of an allocation run, frozen in their order with what each would be granted.

Set-wise throughout: one statement for the pools, one for the items of a run, however many cases.
Nobody later passes somebody earlier who did not fit: what a case reaches is what it and all
before it ask for.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from models.allocation import (
    AGAIN,
    ALL,
    FINAL,
    PRO_RATA,
    RANKED,
    WAITS,
    Allocation,
    AllocationItem,
    AllocationPool,
    AllocationRun,
)
from models.application import REFUSED, WITHDRAWN, Application
from models.base import N_, Refusal
from models.functions import part_of
from models.programme import OrderKey, Programme, Revision
from models.sharing import Instalment
from portal.funding.dues import has_money, is_released
from portal.policy.allocations import (
    belongs,
    cap_fen,
    cap_places,
    draw,
    has_budget,
    has_places,
    is_ordered_by,
    needs_of,
    pool_of,
)
from portal.policy.compile import order_value
from portal.policy.facts import source

Sql = ColumnElement[Any]


class RulesDiffer(Refusal):
    """Cases of another revision cannot be ordered with these."""

    message = N_("Revision %(number)s does not know what these cases are ordered by.")


def freeze(session: Session, run: AllocationRun, row: Allocation, programme: Programme) -> None:
    """Write the pools and the items of *run*, and what they come to."""
    ordered = _orders(run)
    known = [each for each in programme.revisions if _named(each, row.key) is not None]
    for each in known:
        if not all(is_ordered_by(order, each) for order in ordered):
            raise RulesDiffer(number=each.number)
    found = union_all(*(_candidates(run, row, each) for each in known)).cte("candidate")
    _insert_pools(session, run, row, found)
    _insert_items(session, run, row, found)
    _sum_up(session, run)
    run.unclear = sum(session.scalar(_left_out(run, row, each)) or 0 for each in known)
    session.flush()


def held_by(run: AllocationRun) -> Subquery:
    """What earlier final runs gave in each pool: ``pool``, ``fen`` and ``places``.

    A case that was refused or withdrawn since, and to which no money went, holds nothing.
    """
    return (
        select(
            AllocationItem.pool,
            func.sum(AllocationItem.granted_fen).label("fen"),
            func.count().label("places"),
        )
        .join(AllocationRun, AllocationRun.id == AllocationItem.run_id)
        .join(Application, Application.id == AllocationItem.application_id)
        .where(*granted_before(run), ~is_gone())
        .group_by(AllocationItem.pool)
        .subquery("held")
    )


def granted_before(run: AllocationRun) -> list[Sql]:
    """The items of final runs of the same row, and window, that gave something which stands."""
    return [
        AllocationRun.programme_id == run.programme_id,
        AllocationRun.row_key == run.row_key,
        AllocationRun.window_key == run.window_key,
        AllocationRun.state == FINAL,
        AllocationRun.id != run.id,
        AllocationItem.granted_fen > 0,
        AllocationItem.freed_by_id.is_(None),
    ]


def is_gone() -> Sql:
    """Whether a case was refused or withdrawn and none of its money is out."""
    return and_(Application.state.in_((REFUSED, WITHDRAWN)), ~has_money())


def _named(revision: Revision, key: str) -> Allocation | None:
    return next((row for row in revision.allocations if row.key == key), None)


def _orders(run: AllocationRun) -> list[OrderKey]:
    """The orders of the run's own revision, by which all its cases are ranked."""
    return list(run.revision.orders) if run.method == RANKED else []


def _candidates(run: AllocationRun, row: Allocation, revision: Revision) -> Select[Any]:
    """The cases of *revision* that wait for *row*, with all that decides about them."""
    columns: list[Any] = [
        Application.id.label("id"),
        Application.version.label("version"),
        Application.sequence.label("sequence"),
        Application.amount_fen.label("asked"),
        _waited(run).label("waited"),
        pool_of(row, revision).label("pool"),
        cap_fen(row, revision).label("cap_fen"),
        cap_places(row, revision).label("cap_places"),
        *(order_value(o, revision).label(f"o_{n}") for n, o in enumerate(_orders(run))),
        *([draw(run.seed).label("lot")] if run.seed else []),
    ]
    fits, pool = belongs(_named(revision, row.key) or row, revision), pool_of(row, revision)
    chosen = select(*columns).select_from(source(needs_of(revision)))
    return chosen.where(*_waiting(run, row, revision), fits, pool.is_not(None))


def _left_out(run: AllocationRun, row: Allocation, revision: Revision) -> Select[Any]:
    """How many cases wait whose row or pool is not known."""
    fits, pool = belongs(_named(revision, row.key) or row, revision), pool_of(row, revision)
    return (
        select(func.count(Application.id))
        .select_from(source(needs_of(revision)))
        .where(*_waiting(run, row, revision), or_(fits.is_(None), and_(fits, pool.is_(None))))
    )


def _waiting(run: AllocationRun, row: Allocation, revision: Revision) -> list[Sql]:
    """Released by their stage, of the run's window, with nothing granted yet and no money out."""
    parts: list[Instalment | None] = [*revision.instalments] or [None]
    return [
        Application.revision_id == revision.id,
        Application.granted_fen.is_(None),
        Application.amount_fen > 0,
        or_(*(is_released(revision, part) for part in parts)),
        ~has_money(),
        _in_window(run, row, revision),
    ]


def _in_window(run: AllocationRun, row: Allocation, revision: Revision) -> Sql:
    """Of the run's own window, or left over from an earlier one where these roll over."""
    if not run.window_key:
        return true()
    named = next(each for each in run.revision.windows if each.key == run.window_key)
    own = [each.id for each in revision.windows if each.key == run.window_key]
    here: Sql = Application.window_id.in_(own)
    if row.rest == WAITS:
        return here
    earlier = [each.id for each in revision.windows if each.opens_on < named.opens_on]
    return or_(here, and_(Application.window_id.in_(earlier), _waited(run)))


def _waited(run: AllocationRun) -> Sql:
    """Whether an earlier final run of the row did not reach the case."""
    return (
        select(AllocationItem.id)
        .join(AllocationRun, AllocationRun.id == AllocationItem.run_id)
        .where(
            AllocationItem.application_id == Application.id,
            AllocationItem.granted_fen == 0,
            AllocationRun.programme_id == run.programme_id,
            AllocationRun.row_key == run.row_key,
            AllocationRun.state == FINAL,
        )
        .correlate(Application)
        .exists()
    )


def _insert_pools(session: Session, run: AllocationRun, row: Allocation, found: CTE) -> None:
    held, c = held_by(run), found.c
    fen, places = func.min(c.cap_fen), func.min(c.cap_places)
    declared = [(has_budget(row), fen), (has_places(row), places)]
    values = {
        "run_id": literal(run.id),
        "pool": c.pool,
        "is_stated": and_(true(), *(cap.is_not(None) for there, cap in declared if there)),
        "cap_fen": fen,
        "cap_places": places,
        "raised_fen": _raised(run, c.pool, "fen"),
        "raised_places": _raised(run, c.pool, "places"),
        "held_fen": func.coalesce(held.c.fen, 0),
        "held_places": func.coalesce(held.c.places, 0),
    }
    rows = (
        select(*values.values())
        .select_from(found.outerjoin(held, held.c.pool == c.pool))
        .group_by(c.pool, held.c.fen, held.c.places)
        .order_by(c.pool)
    )
    session.execute(insert(AllocationPool).from_select(list(values), rows))


def _raised(run: AllocationRun, pool: Sql, what: str) -> Sql:
    """What was added to each pool."""
    added: dict[str, int] = {}
    for each in run.raises:
        added[each["pool"]] = added.get(each["pool"], 0) + each[what]
    return (
        case(*((pool == name, more) for name, more in added.items()), else_=0)
        if added
        else (literal(0))
    )


def _insert_items(session: Session, run: AllocationRun, row: Allocation, found: CTE) -> None:
    c, order = found.c, _ordered(run, row, found)
    running = func.sum(c.asked).over(partition_by=c.pool, order_by=order, rows=(None, 0))
    placed = (
        select(
            c.id,
            c.version,
            c.pool,
            c.waited,
            c.asked,
            func.row_number().over(partition_by=c.pool, order_by=order).label("place"),
            running.label("reach"),
            func.sum(c.asked).over(partition_by=c.pool).label("whole"),
            func.count().over(partition_by=c.pool).label("count"),
        )
    ).subquery("placed")
    p = placed.c
    values = {
        "run_id": literal(run.id),
        "application_id": p.id,
        "version": p.version,
        "pool": p.pool,
        "waited": p.waited,
        "place": p.place,
        "asked_fen": p.asked,
        "reach_fen": p.reach,
        "granted_fen": _granted(row, placed),
    }
    own = and_(AllocationPool.run_id == run.id, AllocationPool.pool == p.pool)
    rows = (
        select(*values.values())
        .select_from(placed.join(AllocationPool, own))
        .order_by(p.pool, p.place)
    )
    session.execute(insert(AllocationItem).from_select(list(values), rows))


def _ordered(run: AllocationRun, row: Allocation, found: CTE) -> list[Any]:
    """Who comes first: those left over, then by the method, then by submission."""
    c = found.c
    order: list[Any] = [] if row.rest == AGAIN else [case((c.waited, 0), else_=1)]
    for number, key in enumerate(_orders(run)):
        value = c[f"o_{number}"]
        order += [case((value.is_(None), 1), else_=0), value.desc() if key.descending else value]
    if run.seed:
        order.append(c.lot)
    return [*order, c.sequence, c.id]


def _granted(row: Allocation, placed: Subquery) -> Sql:
    """What the method gives each case, in fen."""
    p, pool = placed.c, AllocationPool
    fen = pool.cap_fen + pool.raised_fen - pool.held_fen
    places = pool.cap_places + pool.raised_places - pool.held_places
    if row.method == PRO_RATA:
        share = part_of(p.asked, fen, p.whole)
        return case(
            (and_(pool.is_stated, p.whole <= fen), p.asked),
            (and_(pool.is_stated, fen > 0), share),
            else_=0,
        )
    asks, count = (p.whole, p.count) if row.method == ALL else (p.reach, p.place)
    limits = [asks <= fen] if has_budget(row) else []
    limits += [count <= places] if has_places(row) else []
    return case((and_(pool.is_stated, *limits), p.asked), else_=0)


def _sum_up(session: Session, run: AllocationRun) -> None:
    """What the items of *run* come to, with each pool and with the run."""
    item, pool = AllocationItem, AllocationPool
    each = (
        select(
            item.pool,
            func.count().label("cases"),
            func.sum(item.asked_fen).label("asked"),
            func.sum(case((item.granted_fen > 0, 1), else_=0)).label("granted"),
            func.sum(item.granted_fen).label("fen"),
        )
        .where(item.run_id == run.id)
        .group_by(item.pool)
        .subquery("each")
    )
    session.execute(
        update(pool)
        .where(pool.run_id == run.id, pool.pool == each.c.pool)
        .values(
            cases=each.c.cases,
            asked_fen=each.c.asked,
            granted=each.c.granted,
            granted_fen=each.c.fen,
        )
        .execution_options(synchronize_session=False)
    )
    names = ("cases", "asked_fen", "granted", "granted_fen")
    sums = (func.coalesce(func.sum(getattr(pool, name)), 0) for name in names)
    totals = session.execute(select(*sums).where(pool.run_id == run.id)).one()
    for name, total in zip(names, totals, strict=True):
        setattr(run, name, int(total))
