"""A batch that was not sent is cancelled: its people are owed again, its money goes back."""

from __future__ import annotations

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from models.funding import CANCELLED, MADE, Payment, PaymentBatch, PaymentReversal
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.funding import ledger
from portal.funding.budget import give_back, take_turn
from portal.funding.payout import close_cases, move_batch, record_step
from portal.funding.reasons import worded
from portal.funding.returned import lapse, release_changed


def cancel_batch(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, reason: str
) -> None:
    """Cancel *batch*, which was not sent yet; the next batch pays its people what they are owed.

    Raises ``NoReason``, or ``NotInThatState`` where it was sent or cancelled before.
    """
    require(actor, "payment:make")
    reason = worded(reason)
    take_turn(session, batch.programme_id)
    move_batch(session, batch, MADE, state=CANCELLED, due_on=None)
    give_back(session, batch)
    ledger.cancel(session, actor, clock.now(), batch)
    _undo_payments(session, actor, clock, batch, reason)
    own = Payment.batch_id == batch.id
    for place in session.scalars(select(Payment.instalment).where(own).distinct()).all():
        cases = select(Payment.application_id).where(own, Payment.instalment == place)
        lapse(session, actor, clock.now(), cases, place)
    release_changed(session, actor, clock.now(), select(Payment.application_id).where(own))
    close_cases(session, actor, clock.now(), batch)
    record_step(session, actor, clock.now(), "payment:cancel", batch, reason)


def why_cancelled(session: Session, batch: PaymentBatch) -> str:
    """The reason that was given."""
    first = (
        select(func.min(PaymentReversal.reason))
        .join(Payment, Payment.id == PaymentReversal.payment_id)
        .where(Payment.batch_id == batch.id, PaymentReversal.kind == CANCELLED)
    )
    return session.scalar(first) or ""


def _undo_payments(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, reason: str
) -> None:
    """One row a payment, by which it stands no more."""
    back = PaymentReversal
    rows = select(
        Payment.id,
        literal(CANCELLED),
        literal(clock.today(), back.came_on.type),
        literal(reason),
        literal(actor.account_id),
        literal(clock.now(), back.made_at.type),
    ).where(Payment.batch_id == batch.id)
    columns = ["payment_id", "kind", "came_on", "reason", "account_id", "made_at"]
    session.execute(insert(back).from_select(columns, rows))
