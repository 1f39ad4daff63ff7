"""A trial becomes final, is put aside, or is tried again with more in a pool.

Final writes what each case is granted, once: where a frozen case changed since, or another run of
the row became final, it refuses and a new trial is needed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.allocation import (
    DISCARDED,
    FINAL,
    TRIAL,
    AllocationItem,
    AllocationPool,
    AllocationRun,
)
from models.application import Application
from models.base import N_, Refusal
from models.decision import GRANT, LONGEST_REASON, SHORTEST_REASON, DecisionBatch
from models.types import Fen
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding.allocation import finals_before, row_of, try_out
from portal.funding.freezing import granted_before, held_by, is_gone

MOST_FEN, MOST_PLACES = 10**14, 10_000_000


class NoTrial(Refusal):
    """The run is final or put aside already."""

    message = N_("Run %(number)s is no trial any more.")


class Overtaken(Refusal):
    """Another run of the row became final since this one was tried."""

    message = N_("Another run became final since %(number)s was tried. Make a new trial.")


class CasesChanged(Refusal):
    """A frozen case is no longer as it was seen."""

    message = N_("%(count)s applications changed since %(number)s was tried. Make a new trial.")


class NotSoft(Refusal):
    """The row does not let anybody raise a pool."""

    message = N_("The rules do not allow to raise this pool.")


class BadRaise(Refusal):
    """No such pool, nothing to add, or no reason."""

    message = N_("Say which pool, how much more, and why in 2 to 500 characters.")


def settle(session: Session, actor: Actor, clock: Clock, run: AllocationRun) -> None:
    """Make the trial *run* final: every case that it reaches is granted its part, with its trail.

    Places of cases that were refused or withdrawn since they were granted go to this run. Raises
    ``NoTrial``, ``Overtaken`` or ``CasesChanged``.
    """
    require(actor, "allocation:write")
    now = clock.now()
    _take_turn(session, actor, now, run)
    changed = session.execute(_changed(run)).scalar_one()
    _free(session, run)
    if changed or not _holds_the_same(session, run):
        raise CasesChanged(count=max(changed, 1), number=run.number)
    act = begin_act(session, actor, now, GRANT, run.granted, run.number)
    granted = _grant(session, run, act, now)
    if granted != run.granted:
        raise CasesChanged(count=abs(run.granted - granted), number=run.number)
    record_batch(session, actor, now, act, Application.stage_key.expression, reason=run.number)
    _record(session, actor, now, "allocation:settle", run)


def discard(session: Session, actor: Actor, clock: Clock, run: AllocationRun) -> None:
    """Put the trial *run* aside; it stays to be seen. Raises ``NoTrial``."""
    require(actor, "allocation:write")
    _move(session, actor, clock.now(), run, state=DISCARDED)
    _record(session, actor, clock.now(), "allocation:discard", run)


def raise_pool(
    session: Session,
    actor: Actor,
    clock: Clock,
    run: AllocationRun,
    pool: str,
    fen: Fen,
    places: int,
    reason: str,
) -> AllocationRun:
    """A new trial in which *pool* has *fen* and *places* more; *run* is put aside.

    A lottery keeps its seed. Raises ``NoTrial``, ``NotSoft`` or ``BadRaise``.
    """
    require(actor, "allocation:write")
    row, reason = row_of(run), reason.strip()
    if not row.soft:
        raise NotSoft()
    there = select(AllocationPool.id).where(
        AllocationPool.run_id == run.id, AllocationPool.pool == pool
    )
    within = 0 <= fen <= MOST_FEN and 0 <= places <= MOST_PLACES and fen + places > 0
    worded = SHORTEST_REASON <= len(reason) <= LONGEST_REASON
    if not within or not worded or session.scalar(there) is None:
        raise BadRaise()
    added = {
        "pool": pool,
        "fen": fen,
        "places": places,
        "reason": reason,
        "by": actor.name,
        "at": clock.now().isoformat(timespec="seconds"),
    }
    discard(session, actor, clock, run)
    return try_out(
        session,
        actor,
        clock,
        run.programme,
        run.row_key,
        run.window_key,
        run.seed or "",
        [*run.raises, added],
    )


def _take_turn(session: Session, actor: Actor, now: datetime, run: AllocationRun) -> None:
    """The place among the final runs of the row: only one can have it."""
    before = finals_before(session, run.programme_id, run.row_key, run.window_key)
    if run.state == TRIAL and before != run.earlier:
        raise Overtaken(number=run.number)
    try:
        with session.begin_nested():
            _move(session, actor, now, run, state=FINAL, turn=run.earlier + 1)
    except IntegrityError:
        raise Overtaken(number=run.number) from None


def _move(session: Session, actor: Actor, now: datetime, run: AllocationRun, **values: Any) -> None:
    guarded = (
        update(AllocationRun)
        .where(AllocationRun.id == run.id, AllocationRun.state == TRIAL)
        .values(
            **values,
            version=AllocationRun.version + 1,
            settled_by_id=actor.account_id,
            settled_at=now,
        )
        .returning(AllocationRun.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise NoTrial(number=run.number)
    session.refresh(run)


def _changed(run: AllocationRun) -> Any:
    """How many frozen cases are no longer as they were seen."""
    return (
        select(func.count())
        .select_from(AllocationItem)
        .join(Application, Application.id == AllocationItem.application_id)
        .where(
            AllocationItem.run_id == run.id,
            or_(
                Application.version != AllocationItem.version,
                Application.granted_fen.is_not(None),
                Application.amount_fen != AllocationItem.asked_fen,
            ),
        )
    )


def _holds_the_same(session: Session, run: AllocationRun) -> bool:
    """Whether earlier runs still hold in each pool what they held when it was tried."""
    held = held_by(run)
    other = (
        select(AllocationPool.id)
        .outerjoin(held, held.c.pool == AllocationPool.pool)
        .where(
            AllocationPool.run_id == run.id,
            or_(
                func.coalesce(held.c.fen, 0) != AllocationPool.held_fen,
                func.coalesce(held.c.places, 0) != AllocationPool.held_places,
            ),
        )
    )
    return session.scalar(other.limit(1)) is None


def _free(session: Session, run: AllocationRun) -> None:
    """Take back what cases hold that were refused or withdrawn, so that it is given once."""
    gone = (
        select(AllocationItem.id)
        .join(AllocationRun, AllocationRun.id == AllocationItem.run_id)
        .join(Application, Application.id == AllocationItem.application_id)
        .where(*granted_before(run), is_gone())
    )
    session.execute(
        update(AllocationItem)
        .where(AllocationItem.id.in_(gone))
        .values(freed_by_id=run.id)
        .execution_options(synchronize_session=False)
    )
    freed = select(AllocationItem.application_id).where(AllocationItem.freed_by_id == run.id)
    session.execute(
        update(Application)
        .where(Application.id.in_(freed))
        .values(granted_fen=None)
        .execution_options(synchronize_session=False)
    )


def _grant(session: Session, run: AllocationRun, act: DecisionBatch, now: datetime) -> int:
    """Write what each case gets, where it is still as it was seen; gives how many."""
    own = (
        AllocationItem.run_id == run.id,
        AllocationItem.application_id == Application.id,
        AllocationItem.version == Application.version,
        AllocationItem.granted_fen > 0,
    )
    found = select(AllocationItem.granted_fen).where(*own).correlate(Application).scalar_subquery()
    written: Any = session.execute(
        update(Application)
        .where(Application.granted_fen.is_(None), exists().where(*own))
        .values(
            granted_fen=found,
            version=Application.version + 1,
            batch_id=act.id,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
    return int(written.rowcount)


def _record(session: Session, actor: Actor, now: datetime, action: str, run: AllocationRun) -> None:
    told = {
        "number": run.number,
        "row": run.row_key,
        "seed": run.seed,
        "raises": run.raises,
        "granted": run.granted,
        "fen": run.granted_fen,
    }
    audit.record(session, actor, now, action, "allocation_run", run.id, details=told)
