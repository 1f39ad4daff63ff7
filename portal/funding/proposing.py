"""Proposing to adjust awards after their approval; somebody else approves (R036).

What is proposed is what the rules give a case more or less, or an amount that a person names.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from models.adjustment import FIRST_PLACE, OPEN, PROPOSED, Adjustment, AdjustmentShare
from models.application import APPROVED, DRAFT, PAID, RETURNED, WAITING, Application
from models.base import N_, Refusal
from models.programme import Programme
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.clock import Clock
from portal.funding.adjustment_record import (
    Done,
    NothingToAdjust,
    hold_cases,
    is_recovered,
    record_adjustments,
    refuse_many,
)
from portal.funding.affected import IN_FORCE, affected
from portal.funding.dues import has_money
from portal.funding.reasons import worded
from portal.funding.settlement import Parts, inside, settlements
from portal.policy.shares import DECIDED

LONGEST_CLAUSE = 200


class NotAdjustable(Refusal):
    """The case, or its money, does not allow an adjustment now."""

    message = N_(
        "The award of this application cannot change so: it is not decided, nothing would change, "
        "or the award would fall below zero."
    )


class HasAdjustment(NotAdjustable):
    """One adjustment of a case after the other."""

    message = N_("This application has an open adjustment; that one is to be settled first.")


class WasRecovered(NotAdjustable):
    """A payment that was recovered as a whole left nothing to adjust."""

    message = N_("A payment of this application was recovered; its award is not adjusted any more.")


@dataclass(frozen=True)
class Wanted:
    """A change of one award by *fen*, and what was found."""

    application_id: int
    fen: int
    clause: str = ""
    finding: str = ""


def propose(
    session: Session,
    actor: Actor,
    clock: Clock,
    programme: Programme,
    ids: Collection[int],
    reason: str,
    rules: str = IN_FORCE,
) -> Done:
    """Propose for the affected cases *ids* what the rules give them more or less.

    Those that are not affected any more, or wait for a person, are left. Raises ``NotAllowed``,
    ``NoReason``, ``TooManyCases`` or ``NothingToAdjust``.
    """
    require(actor, "adjustment:propose")
    reason = worded(reason)
    refuse_many(ids)
    hold_cases(session, ids)
    only = select(Application.id).where(Application.id.in_(ids))
    found = affected(session, actor, programme, rules, only=only)
    wanted = [
        Wanted(row.id, row.change_fen, row.clause, row.says) for row in found.rows if row.is_ready
    ]
    made = _write(session, actor, clock.now(), wanted, reason)
    if not made:
        raise NothingToAdjust()
    return Done(len(made), len(ids) - len(made))


def propose_amount(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    fen: int,
    reason: str,
    clause: str = "",
) -> Adjustment:
    """Propose to change the award of one case that *actor* sees by *fen*.

    Raises ``NotAllowed``, ``NoReason`` or a kind of ``NotAdjustable``.
    """
    require(actor, "adjustment:propose")
    reason = worded(reason)
    hold_cases(session, [application.id])
    fits = select(Application.id).where(
        Application.id == application.id,
        visible(Application, actor),
        Application.state.not_in((DRAFT, WAITING, RETURNED)),
        has_money() | Application.state.in_((APPROVED, PAID)),
        DECIDED + fen >= 0,
    )
    wanted = Wanted(application.id, fen, clause.strip()[:LONGEST_CLAUSE])
    made = _write(session, actor, clock.now(), [wanted], reason) if session.scalar(fits) else []
    if not made:
        raise _why_not(session, application)
    return session.get_one(Adjustment, made[0])


def _why_not(session: Session, application: Application) -> NotAdjustable:
    own = Adjustment.application_id == application.id
    if session.scalar(select(Adjustment.id).where(own, Adjustment.state.in_(OPEN))) is not None:
        return HasAdjustment()
    if session.scalar(select(is_recovered(literal(application.id)))):
        return WasRecovered()
    return NotAdjustable()


def _write(
    session: Session, actor: Actor, now: datetime, wanted: Sequence[Wanted], reason: str
) -> list[int]:
    """The proposals of those *wanted* that can be made; their ids."""
    free = _free(session, [row.application_id for row in wanted])
    rows = [row for row in wanted if row.application_id in free]
    if not rows:
        return []
    settled = settlements(session, {row.application_id: row.fen for row in rows})
    made = []
    for row in rows:
        parts = settled[row.application_id]
        if parts is not None and (row.fen or inside(parts)):
            made.append(_insert(session, actor, now, row, parts, free[row.application_id], reason))
    found = session.scalars(select(Adjustment).where(Adjustment.id.in_(made))).all()
    record_adjustments(session, actor, now, "adjustment:propose", found, reason)
    return made


def _free(session: Session, ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """Of *ids*, the cases without an open adjustment or a recovered payment: the programme of
    each, and the place of its next adjustment."""
    before = (
        select(func.count(Adjustment.id))
        .where(Adjustment.application_id == Application.id)
        .correlate(Application)
        .scalar_subquery()
    )
    open_ = select(Adjustment.id).where(
        Adjustment.application_id == Application.id, Adjustment.state.in_(OPEN)
    )
    rows = session.execute(
        select(Application.id, Application.programme_id, before + FIRST_PLACE).where(
            Application.id.in_(ids), ~open_.exists(), ~is_recovered(Application.id)
        )
    )
    return {row_id: (programme_id, place) for row_id, programme_id, place in rows}


def _insert(
    session: Session,
    actor: Actor,
    now: datetime,
    row: Wanted,
    parts: Parts,
    placed: tuple[int, int],
    reason: str,
) -> int:
    programme_id, place = placed
    values: dict[str, Any] = {
        "application_id": row.application_id,
        "programme_id": programme_id,
        "place": place,
        "fen": row.fen,
        "settle_fen": inside(parts),
        "state": PROPOSED,
        "clause": row.clause[:LONGEST_CLAUSE],
        "finding": row.finding,
        "reason": reason,
        "proposed_by_id": actor.account_id,
        "proposed_at": now,
        "answer": "",
        "version": 1,
    }
    made = session.execute(insert(Adjustment).values(**values).returning(Adjustment.id))
    row_id = int(made.scalar_one())
    shares = [
        {
            "adjustment_id": row_id,
            "instalment": at.instalment,
            "share_key": at.share_key,
            "payer_id": at.payer_id,
            "is_on_top": at.is_on_top,
            "amount_fen": fen,
        }
        for at, fen in sorted(parts.items())
    ]
    if shares:
        session.execute(insert(AdjustmentShare), shares)
    return row_id
