"""Approving adjustments of awards that another person proposed, and cancelling them (R036).

The case is not approved again: its award stays what was approved, with the adjustments in force.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, literal, select, update
from sqlalchemy.orm import Session

from models.adjustment import (
    APPROVED,
    CANCELLED,
    DONE,
    IN_FORCE,
    PROPOSED,
    REFUSED,
    Adjustment,
    AdjustmentReceipt,
)
from models.application import APPROVED as CASE_APPROVED
from models.application import PAID as PAID_OUT
from models.application import Application
from models.base import N_, Refusal
from models.decision import ADJUST
from models.funding import UNDONE, Payment, PaymentBatch, PaymentReversal
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding.adjustment_record import (
    Done,
    NothingToAdjust,
    Outdated,
    hold_cases,
    is_recovered,
    record_adjustments,
    refuse_many,
    refuse_moved,
)
from portal.funding.dues import has_money
from portal.funding.payout import is_paid_out
from portal.funding.reasons import worded
from portal.funding.returned import release, take_turns
from portal.funding.settlement import Bearing, Parts, change_awards, settlements


class OwnAdjustment(Refusal):
    """What two people agreed on is not undone by the one who asked for it."""

    message = N_("You proposed this adjustment and somebody else approved it: another cancels it.")


class NotCancellable(Refusal):
    """The adjustment took effect, or is over."""

    message = N_("This adjustment took effect already or is over; propose another one.")


def decide_adjustments(
    session: Session,
    actor: Actor,
    clock: Clock,
    ids: Collection[int],
    *,
    approve: bool,
    reason: str = "",
) -> Done:
    """Approve or refuse the proposals *ids* of others that *actor* sees; a refusal has a reason.

    A proposal whose case has moved since, so that it would settle something else, is left. Raises
    ``NotAllowed``, ``NoReason``, ``Outdated`` or ``NothingToAdjust``.
    """
    require(actor, "adjustment:approve")
    reason = reason.strip() if approve and not reason.strip() else worded(reason)
    refuse_many(ids)
    rows = _proposals(session, actor, ids)
    cases = [row.application_id for row in rows]
    take_turns(session, cases)
    hold_cases(session, cases)
    waiting = len(rows)
    if approve:
        rows = _as_proposed(session, rows)
    taken = _move(session, actor, clock.now(), rows, PROPOSED, APPROVED if approve else REFUSED,
                  reason)  # fmt: skip
    if not taken:
        raise Outdated() if waiting > len(rows) else NothingToAdjust()
    if approve:
        _carry_out(session, actor, clock.now(), taken, +1, reason)
    action = "adjustment:approve" if approve else "adjustment:refuse"
    record_adjustments(session, actor, clock.now(), action, taken, reason)
    return Done(len(taken), len(ids) - len(taken))


def cancel_adjustment(
    session: Session,
    actor: Actor,
    clock: Clock,
    adjustment: Adjustment,
    reason: str,
    seen: int | None = None,
) -> None:
    """Take back a proposal, or an approved adjustment by which no money moved yet.

    *seen* is the version that the person looked at. Raises ``NotAllowed``, ``NoReason``,
    ``AdjustmentMoved``, ``NotCancellable``, or ``OwnAdjustment`` where the proposer would undo
    what was approved.
    """
    require(actor, "adjustment:cancel")
    reason = worded(reason)
    take_turns(session, [adjustment.application_id])
    hold_cases(session, [adjustment.application_id])
    session.refresh(adjustment)
    refuse_moved(adjustment, seen)
    before = adjustment.state
    if before not in (PROPOSED, *IN_FORCE) or _has_moved_money(session, adjustment):
        raise NotCancellable()
    if before in IN_FORCE and actor.account_id == adjustment.proposed_by_id:
        raise OwnAdjustment()
    adjustment.state, adjustment.answer = CANCELLED, reason
    adjustment.version += 1
    session.flush()
    if before in IN_FORCE:
        _carry_out(session, actor, clock.now(), [adjustment], -1, reason)
    record_adjustments(session, actor, clock.now(), "adjustment:cancel", [adjustment], reason)


def _proposals(session: Session, actor: Actor, ids: Collection[int]) -> list[Adjustment]:
    """Those of *ids* that somebody else proposed and *actor* sees."""
    rows = session.scalars(
        select(Adjustment)
        .where(
            Adjustment.id.in_(ids),
            Adjustment.state == PROPOSED,
            Adjustment.proposed_by_id.is_distinct_from(literal(actor.account_id)),
            ~is_recovered(Adjustment.application_id),
            visible(Adjustment, actor),
        )
        .order_by(Adjustment.application_id)
        .execution_options(populate_existing=True)
    )
    return list(rows)


def _as_proposed(session: Session, rows: Sequence[Adjustment]) -> list[Adjustment]:
    """Those of *rows* that would settle today what they say, to the fen and payer."""
    if not rows:
        return []
    settled = settlements(session, {row.application_id: row.fen for row in rows})
    return [row for row in rows if settled[row.application_id] == shares_of(row)]


def shares_of(adjustment: Adjustment) -> Parts:
    """What *adjustment* settles, part by part, in fen."""
    return {
        Bearing(row.instalment, row.share_key, row.payer_id, row.is_on_top): row.amount_fen
        for row in adjustment.shares
    }


def _move(
    session: Session,
    actor: Actor,
    now: datetime,
    rows: Sequence[Adjustment],
    before: str,
    after: str,
    reason: str,
) -> list[Adjustment]:
    """Those of *rows* that still stood *before*; one that settles nothing is done at once."""
    state = case((Adjustment.settle_fen == 0, DONE), else_=APPROVED) if after == APPROVED else after
    moved = (
        update(Adjustment)
        .where(Adjustment.id.in_([row.id for row in rows]), Adjustment.state == before)
        .values(
            state=state,
            decided_by_id=actor.account_id,
            decided_at=now,
            answer=reason,
            version=Adjustment.version + 1,
        )
        .returning(Adjustment.id)
        .execution_options(synchronize_session=False)
    )
    ids = set(session.scalars(moved))
    for row in rows:
        session.refresh(row)
    return [row for row in rows if row.id in ids]


def _carry_out(
    session: Session,
    actor: Actor,
    now: datetime,
    rows: Sequence[Adjustment],
    sign: int,
    reason: str,
) -> None:
    """Change the awards by *rows*, or back; a decision and an audit row for each case.

    What the bank returned of the award as it was is not kept for it.
    """
    act = begin_act(session, actor, now, ADJUST, len(rows), reason)
    change_awards(session, {row.application_id: sign * row.fen for row in rows})
    ids = [row.application_id for row in rows]
    release(session, actor, now, ids)
    for row in rows:
        row.batch_id = act.id
    session.flush()
    session.execute(
        update(Application)
        .where(Application.id.in_(ids))
        .values(
            state=_state_after(),
            batch_id=act.id,
            updated_at=now,
            version=Application.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    record_batch(session, actor, now, act, Application.stage_key.expression, reason=reason)
    session.expire_all()


def _state_after() -> Any:
    """A case that is owed something again is approved; one that nothing is owed to is paid."""
    reopened = and_(Application.state == PAID_OUT, ~is_paid_out())
    closed = and_(Application.state == CASE_APPROVED, is_paid_out(), has_money())
    return case((reopened, CASE_APPROVED), (closed, PAID_OUT), else_=Application.state)


def _has_moved_money(session: Session, adjustment: Adjustment) -> bool:
    """Whether something came in, or a payment was made since it was approved and stands."""
    if adjustment.decided_at is None or adjustment.state == PROPOSED:
        return False
    came = select(AdjustmentReceipt.id).where(AdjustmentReceipt.adjustment_id == adjustment.id)
    undone = and_(PaymentReversal.payment_id == Payment.id, PaymentReversal.kind.in_(UNDONE))
    paid = (
        select(Payment.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .outerjoin(PaymentReversal, undone)
        .where(
            Payment.application_id == adjustment.application_id,
            PaymentBatch.made_at >= adjustment.decided_at,
            PaymentReversal.id.is_(None),
        )
    )
    return any(session.scalar(found.limit(1)) is not None for found in (came, paid))
