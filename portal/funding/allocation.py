"""Trying out an allocation: the cases of a row frozen in their order, what each would be granted.

Set-wise throughout: one statement for the pools, one for the items of a run, however many cases.
Nobody later passes somebody earlier who did not fit: what a case reaches is what it and all
before it ask for.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
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
    LOTTERY,
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
from models.funding import Payment
from models.programme import OrderKey, Programme, Revision
from models.sharing import Instalment
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
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
from portal.policy.judge import in_force

Sql = ColumnElement[Any]
MOST_SEED = 60


class NoSuchRow(Refusal):
    """The programme in force has no such allocation row."""

    message = N_("%(code)s has no allocation called %(key)s in force.")


class WrongWindow(Refusal):
    """The row's pools are of a window and none was named, or the other way round."""

    message = N_("Name one of the windows of this programme where the pools are of a window.")


class BadSeed(Refusal):
    """A seed is a lottery's."""

    message = N_("Only a lottery has a seed, of 1 to %(most)s characters in one line.")


class NothingToAllocate(Refusal):
    """No case waits for this row."""

    message = N_("No approved application waits for this allocation.")


class RulesDiffer(Refusal):
    """Cases of another revision cannot be ordered with these."""

    message = N_("Revision %(number)s does not know what these cases are ordered by.")


def rows_in_force(session: Session, programme: Programme) -> list[Allocation]:
    """The allocation rows of *programme* as they are in force."""
    revision = in_force(session, programme)
    return [] if revision is None else list(revision.allocations)


def try_out(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    row_key: str,
    window_key: str = "",
    seed: str = "",
    raises: Sequence[dict[str, Any]] = (),
) -> AllocationRun:
    """A trial of the row *row_key* over all cases that wait for it; nothing is granted by it.

    A lottery without *seed* gets one of its own. Raises ``NoSuchRow``, ``WrongWindow``,
    ``BadSeed``, ``RulesDiffer`` and ``NothingToAllocate``.
    """
    require(actor, "allocation:write")
    row, revision = _row(session, programme, row_key)
    run = AllocationRun(
        number=_number(session, programme),
        programme_id=programme.id,
        revision_id=revision.id,
        row_key=row.key,
        window_key=_window(row, revision, window_key),
        method=row.method,
        seed=_seed(row, seed),
        earlier=finals_before(session, programme.id, row.key, window_key),
        raises=list(raises),
        made_by_id=actor.account_id,
        made_at=clock.now(),
        version=1,
    )
    session.add(run)
    session.flush()
    _freeze(session, run, row, programme)
    session.refresh(run)
    if not run.cases:
        raise NothingToAllocate()
    told = {"number": run.number, "row": row.key, "cases": run.cases, "granted": run.granted}
    audit.record(
        session, actor, clock.now(), "allocation:try", "allocation_run", run.id, details=told
    )
    return run


def row_of(run: AllocationRun) -> Allocation:
    """The row that *run* is of."""
    return next(row for row in run.revision.allocations if row.key == run.row_key)


def finals_before(session: Session, programme_id: int, row_key: str, window_key: str) -> int:
    """How many final runs of the row there are, of one window where its pools are of a window."""
    own = [
        AllocationRun.programme_id == programme_id,
        AllocationRun.row_key == row_key,
        AllocationRun.window_key == window_key,
    ]
    counted = select(func.count()).where(*own, AllocationRun.state == FINAL)
    return session.execute(counted).scalar_one()


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


def _row(session: Session, programme: Programme, key: str) -> tuple[Allocation, Revision]:
    for row in rows_in_force(session, programme):
        if row.key == key:
            return row, session.get_one(Revision, row.revision_id)
    raise NoSuchRow(code=programme.code, key=key)


def _window(row: Allocation, revision: Revision, key: str) -> str:
    known = {window.key for window in revision.windows} if row.within == "window" else {""}
    if key not in known:
        raise WrongWindow()
    return key


def _seed(row: Allocation, seed: str) -> str | None:
    if row.method != LOTTERY:
        if seed:
            raise BadSeed(most=MOST_SEED)
        return None
    if len(seed) > MOST_SEED or (seed and not seed.isprintable()):
        raise BadSeed(most=MOST_SEED)
    return seed or secrets.token_hex(8)


def _number(session: Session, programme: Programme) -> str:
    made = session.scalar(
        select(func.count())
        .select_from(AllocationRun)
        .where(AllocationRun.programme_id == programme.id)
    )
    return f"{programme.number_prefix}A{(made or 0) + 1:04d}"


def _freeze(session: Session, run: AllocationRun, row: Allocation, programme: Programme) -> None:
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
    """Released by their stage, with nothing granted or paid yet, of the run's window."""
    parts: list[Instalment | None] = [*revision.instalments] or [None]
    paid = select(Payment.id).where(Payment.application_id == Application.id)
    return [
        Application.revision_id == revision.id,
        Application.granted_fen.is_(None),
        Application.amount_fen > 0,
        or_(*(is_released(revision, part) for part in parts)),
        ~paid.correlate(Application).exists(),
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
