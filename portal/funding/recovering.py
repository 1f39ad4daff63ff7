"""Money that comes in for an approved recovery: in parts, given back to the payers' budgets."""

from __future__ import annotations

from datetime import date

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from models.adjustment import APPROVED, DONE, Adjustment, AdjustmentReceipt
from models.base import N_, Refusal
from models.funding import PAID, UNDONE, Payment, PaymentBatch, PaymentReversal
from models.types import in_yuan
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import SHANGHAI, Clock
from portal.funding import ledger
from portal.funding.adjusting import shares_of
from portal.funding.adjustment_record import hold_cases, record_adjustments, refuse_moved
from portal.funding.budget import put_back, take_turn
from portal.funding.payout import BadDay
from portal.funding.reasons import worded
from portal.funding.settlement import Parts, by_payer, came_in


class NotOwed(Refusal):
    """More came in than is owed, or nothing is owed."""

    message = N_("No more than the %(owed)s yuan that are still owed can come in.")


class NotOutYet(Refusal):
    """The money that is owed back has not reached the person."""

    message = N_("Nothing can come in before its payment was made.")


def receive(
    session: Session,
    actor: Actor,
    clock: Clock,
    adjustment: Adjustment,
    fen: int,
    on: date,
    reason: str,
    seen: int | None = None,
) -> AdjustmentReceipt:
    """Record that *fen* of a recovery came in on the day *on*; its payers' budgets get it back.

    *seen* is the version that the person looked at. Raises ``NotAllowed``, ``NoReason``,
    ``AdjustmentMoved``, ``BadDay``, ``NotOwed`` or ``NotOutYet``.
    """
    require(actor, "payment:make")
    reason = worded(reason)
    take_turn(session, adjustment.programme_id)
    hold_cases(session, [adjustment.application_id])
    session.refresh(adjustment)
    refuse_moved(adjustment, seen)
    decided = adjustment.decided_at
    if on > clock.today() or (decided and on < decided.astimezone(SHANGHAI).date()):
        raise BadDay()
    batch = _last_batch(session, adjustment)
    if batch is None:
        raise NotOutYet()
    _lower(session, adjustment, fen)
    made = AdjustmentReceipt(
        adjustment_id=adjustment.id,
        came_on=on,
        amount_fen=fen,
        reason=reason,
        account_id=actor.account_id,
        made_at=clock.now(),
    )
    session.add(made)
    session.flush()
    session.refresh(adjustment)
    parts = came_in(owed_by(adjustment), [row.amount_fen for row in adjustment.receipts])[-1]
    given = by_payer(parts)
    ledger.recover(
        session, actor, clock.now(), batch, key_of(made), adjustment.application_id, given
    )
    put_back(session, adjustment.programme_id, given)
    record_adjustments(session, actor, clock.now(), "adjustment:receive", [adjustment], reason)
    return made


def owed_by(adjustment: Adjustment) -> Parts:
    """What *adjustment* has each payer get back, in fen."""
    return {at: -fen for at, fen in shares_of(adjustment).items()}


def key_of(receipt: AdjustmentReceipt) -> str:
    """How the ledger names what came in."""
    return f"{ledger.RECOVER}:{receipt.id}"


def _lower(session: Session, adjustment: Adjustment, fen: int) -> None:
    """Count *fen* as received if so much is owed; all of it ends the adjustment."""
    after = Adjustment.received_fen + fen
    guarded = (
        update(Adjustment)
        .where(
            Adjustment.id == adjustment.id,
            Adjustment.state == APPROVED,
            after <= -Adjustment.settle_fen,
        )
        .values(
            received_fen=after,
            state=case((after == -Adjustment.settle_fen, DONE), else_=Adjustment.state),
            version=Adjustment.version + 1,
        )
        .returning(Adjustment.id)
        .execution_options(synchronize_session=False)
    )
    if fen <= 0 or session.scalar(guarded) is None:
        owed = adjustment.owed_fen if adjustment.state == APPROVED else 0
        raise NotOwed(owed=in_yuan(owed))


def _last_batch(session: Session, adjustment: Adjustment) -> PaymentBatch | None:
    """The last paid batch of the case, if all that is out has reached the person."""
    undone = select(PaymentReversal.id).where(
        PaymentReversal.payment_id == Payment.id, PaymentReversal.kind.in_(UNDONE)
    )
    standing = [Payment.application_id == adjustment.application_id, ~undone.exists()]
    on_its_way = (
        select(func.count(Payment.id))
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(*standing, PaymentBatch.state != PAID)
    )
    if session.scalar(on_its_way):
        return None
    return session.scalar(
        select(PaymentBatch)
        .join(Payment, Payment.batch_id == PaymentBatch.id)
        .where(*standing)
        .order_by(Payment.id.desc())
        .limit(1)
    )
