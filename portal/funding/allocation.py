"""Trying out an allocation: the rule in force, its window, its seed; what a trial is refused for.

``portal.funding.freezing`` writes the cases of a run in their order.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.allocation import FINAL, LOTTERY, Allocation, AllocationRun
from models.base import N_, Refusal
from models.programme import Programme, Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.funding.freezing import freeze
from portal.policy.judge import in_force

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
    freeze(session, run, row, programme)
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
    # who tries at the same moment waits for the number after ours
    session.execute(select(Programme.id).where(Programme.id == programme.id).with_for_update())
    made = session.scalar(
        select(func.count())
        .select_from(AllocationRun)
        .where(AllocationRun.programme_id == programme.id)
    )
    return f"{programme.number_prefix}A{(made or 0) + 1:04d}"
