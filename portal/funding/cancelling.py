"""A batch that was not sent is cancelled: its people are owed again, its money goes back."""

from __future__ import annotations

from sqlalchemy import func, insert, literal, select
from sqlalchemy.orm import Session

from models.base import N_, Refusal
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.funding import CANCELLED, MADE, Payment, PaymentBatch, PaymentReversal
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.funding import ledger
from portal.funding.budget import give_back
from portal.funding.payout import move_batch, record_step


class NoReason(Refusal):
    """A batch is not cancelled without a reason."""

    message = N_("Say in at least two characters why.")


def cancel_batch(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, reason: str
) -> None:
    """Cancel *batch*, which was not sent yet; the next batch pays its people.

    Raises ``NoReason``, or ``NotInThatState`` where it was sent or cancelled before.
    """
    require(actor, "payment:make")
    reason = reason.strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        raise NoReason()
    move_batch(session, batch, MADE, state=CANCELLED, due_on=None)
    give_back(session, batch.programme_id, batch.budget_fen)
    ledger.cancel(session, actor, clock.now(), batch)
    _undo_payments(session, actor, clock, batch, reason)
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
