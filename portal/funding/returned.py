"""What the bank returned waits for its person; where somebody is to get something else, or nothing,
it goes back to the budgets it came from, and what is paid then is charged anew."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from models.application import Application
from models.funding import BOUNCED, CANCELLED, Budget, Payment, PaymentReversal, PaymentShare
from portal.access.actor import Actor
from portal.funding import ledger
from portal.funding.budget import take_turn

Cases = Select[Any] | Collection[int]
"""The ids of cases, or a SELECT of them."""


def take_turns(session: Session, cases: Cases) -> None:
    """Wait for whoever moves money of the programmes of *cases*, if the bank returned some.

    To be called before the cases themselves are held, as who makes a batch does it.
    """
    programmes = select(Application.programme_id).where(
        Application.id.in_(select(Payment.application_id).where(*_lying(cases)))
    )
    for programme_id in session.scalars(programmes.distinct().order_by(Application.programme_id)):
        take_turn(session, programme_id)


def release(session: Session, actor: Actor, now: datetime, cases: Cases) -> None:
    """Put what the bank returned of *cases*, and was not paid again, back into the budgets."""
    payments = select(Payment).where(*_lying(cases)).order_by(Payment.id)
    for payment in session.scalars(payments).all():
        ledger.release(session, actor, now, payment)
        shares = select(func.sum(PaymentShare.amount_fen)).where(
            PaymentShare.payment_id == payment.id, PaymentShare.payer_id == Budget.payer_id
        )
        payers = select(PaymentShare.payer_id).where(PaymentShare.payment_id == payment.id)
        session.execute(
            update(Budget)
            .where(Budget.programme_id == payment.batch.programme_id, Budget.payer_id.in_(payers))
            .values(
                spent_fen=Budget.spent_fen - shares.scalar_subquery(), version=Budget.version + 1
            )
            .execution_options(synchronize_session=False)
        )


def _lying(cases: Cases) -> list[ColumnElement[bool]]:
    """The payments of *cases* whose money the bank returned, and where it lies still."""
    back, later, undone = aliased(PaymentReversal), aliased(Payment), aliased(PaymentReversal)
    again = exists().where(
        later.application_id == Payment.application_id,
        later.instalment == Payment.instalment,
        later.attempt > Payment.attempt,
        ~exists().where(undone.payment_id == later.id, undone.kind == CANCELLED),
    )
    return [
        Payment.application_id.in_(cases),
        exists().where(back.payment_id == Payment.id, back.kind == BOUNCED),
        ~again,
        ~ledger.was_released(Payment.id),
    ]
