"""Payments that came back: returned by the bank, or recovered by a decision (Q58, R036)."""

from __future__ import annotations

from datetime import date

from sqlalchemy import and_, case, insert, literal, or_, select, update
from sqlalchemy.orm import Session

from models.adjustment import Adjustment, AdjustmentReceipt
from models.application import APPROVED, Application
from models.application import PAID as PAID_OUT
from models.base import N_, Refusal
from models.decision import COME_BACK, LONGEST_REASON, SHORTEST_REASON
from models.funding import BOUNCED, PAID, REVERSALS, Payment, PaymentReversal
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding import ledger
from portal.funding.budget import take_turn
from portal.funding.dues import has_money
from portal.funding.payout import is_paid_out
from portal.funding.returned import give_payment_back, settle_return

_PURSES = {BOUNCED: ledger.RETURNED}


class NotPaidYet(Refusal):
    """The payment's batch has not been paid, so nothing can come back."""

    message = N_("Only a payment that was made can come back.")


class AlreadyBack(Refusal):
    """The payment came back before."""

    message = N_("This payment already came back.")


class IsAdjusted(Refusal):
    """The case's award was adjusted, so that what comes back of it is recorded there."""

    message = N_("The award of this case was adjusted. Recover by another adjustment.")


class HasReceipts(IsAdjusted):
    """A part of what the case owed back came in: its payment is not the bank's to return whole."""

    message = N_(
        "A part of this case's recovery came in already, so the bank cannot return the payment as "
        "a whole. Record what else comes in with the recovery."
    )


class BadReversal(Refusal):
    """The kind, the day or the reason will not do."""

    message = N_("Say whether the bank returned it or it was recovered, on which day, and why.")


def reverse_payment(
    session: Session, actor: Actor, clock: Clock, payment: Payment, kind: str, on: date, reason: str
) -> PaymentReversal:
    """Record that *payment* came back on the day *on*, and that its case is owed again.

    What the bank returned is paid again by the next batch, without another approval (Q58); what
    was recovered is not, and its payers can spend it again. Raises ``NotPaidYet``,
    ``AlreadyBack``, ``IsAdjusted``, ``HasReceipts`` or ``BadReversal``.
    """
    require(actor, "payment:make")
    take_turn(session, payment.batch.programme_id)
    reason = reason.strip()
    paid_on = payment.batch.paid_on
    if payment.batch.state != PAID or paid_on is None:
        raise NotPaidYet()
    fits = SHORTEST_REASON <= len(reason) <= LONGEST_REASON
    if kind not in REVERSALS or not paid_on <= on <= clock.today() or not fits:
        raise BadReversal()
    if payment.application.adjusted_fen is not None:
        if kind != BOUNCED:
            raise IsAdjusted()
        if _came_in(session, payment):
            raise HasReceipts()
    found = _write(session, actor, clock, payment, kind, on, reason)
    ledger.reverse(session, actor, clock.now(), payment, _PURSES.get(kind, ledger.RECOVERED))
    if kind == BOUNCED:
        settle_return(session, actor, clock.now(), payment)
    else:
        give_payment_back(session, payment)
    _reopen(session, actor, clock, payment, kind, reason)
    return found


def last_payment(session: Session, number: str, instalment: int) -> Payment | None:
    """The newest payment of the application *number*'s instalment (from 1)."""
    return session.scalar(
        select(Payment)
        .join(Application, Application.id == Payment.application_id)
        .where(Application.number == number, Payment.instalment == instalment)
        .order_by(Payment.attempt.desc())
        .limit(1)
    )


def _came_in(session: Session, payment: Payment) -> bool:
    """Whether something was given back for an adjustment of the payment's case."""
    found = (
        select(AdjustmentReceipt.id)
        .join(Adjustment, Adjustment.id == AdjustmentReceipt.adjustment_id)
        .where(Adjustment.application_id == payment.application_id)
    )
    return session.scalar(found.limit(1)) is not None


def _write(
    session: Session, actor: Actor, clock: Clock, payment: Payment, kind: str, on: date, reason: str
) -> PaymentReversal:
    """One reversal a payment: who comes second finds the first."""
    session.execute(
        update(Application)
        .where(Application.id == payment.application_id)
        .values(updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    before = select(PaymentReversal.id).where(PaymentReversal.payment_id == payment.id)
    if session.scalar(before) is not None:
        raise AlreadyBack()
    values = {
        "payment_id": payment.id,
        "kind": kind,
        "came_on": on,
        "reason": reason,
        "account_id": actor.account_id,
        "made_at": clock.now(),
    }
    made = session.scalar(insert(PaymentReversal).values(**values).returning(PaymentReversal.id))
    return session.get_one(PaymentReversal, made)


def _reopen(
    session: Session, actor: Actor, clock: Clock, payment: Payment, kind: str, reason: str
) -> None:
    """The case's own trail; one that was paid in full and is owed something is approved again."""
    act = begin_act(session, actor, clock.now(), COME_BACK, 1, reason)
    due = or_(~is_paid_out(), ~has_money())
    owed = and_(Application.state == PAID_OUT, literal(kind == BOUNCED), due)
    session.execute(
        update(Application)
        .where(Application.id == payment.application_id)
        .values(
            state=case((owed, APPROVED), else_=Application.state),
            version=Application.version + 1,
            batch_id=act.id,
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )
    stage = Application.stage_key.expression
    record_batch(session, actor, clock.now(), act, stage, reason=reason)
