"""What must never happen to money: each violation as a sentence for ``flask verify``."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session, aliased

from models.application import APPROVED, Application
from models.application import PAID as PAID_OUT
from models.funding import PAID, Payment, PaymentBatch
from portal.funding.payout import approvals


def violations(session: Session) -> Iterator[str]:
    """Cases paid out of turn, in the wrong state, or for another amount than was approved."""
    yield from _wrong_cases(session)
    yield from _skipped(session)


def _wrong_cases(session: Session) -> Iterator[str]:
    rows = session.execute(
        select(Application.number, PaymentBatch.number)
        .join(Payment, Payment.application_id == Application.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(
            Application.state.not_in((APPROVED, PAID_OUT))
            | (Payment.amount_fen != Application.amount_fen)
            | (Application.district_id != PaymentBatch.district_id)
            | ((PaymentBatch.state == PAID) != (Application.state == PAID_OUT))
        )
    )
    for number, batch in rows:
        yield f"payment: application {number} does not agree with its batch {batch}"
    unpaid = select(Application.number).where(
        Application.state == PAID_OUT, ~exists().where(Payment.application_id == Application.id)
    )
    for number in session.scalars(unpaid):
        yield f"payment: application {number} is marked paid without a payment"


def _skipped(session: Session) -> Iterator[str]:
    """Within a district, an unpaid approved case that a later approved one was paid before."""
    approved, paid_approved = approvals(), approvals().alias("paid_approvals")
    paid = aliased(Application)
    last_paid = (
        select(
            paid.programme_id,
            paid.district_id,
            func.max(paid_approved.c.approval).label("approval"),
        )
        .join(Payment, Payment.application_id == paid.id)
        .join(paid_approved, paid_approved.c.application_id == paid.id)
        .group_by(paid.programme_id, paid.district_id)
        .subquery("last_paid")
    )
    rows = session.scalars(
        select(Application.number)
        .join(approved, approved.c.application_id == Application.id)
        .join(
            last_paid,
            and_(
                last_paid.c.programme_id == Application.programme_id,
                last_paid.c.district_id == Application.district_id,
            ),
        )
        .where(
            Application.state == APPROVED,
            Application.amount_fen > 0,
            ~exists().where(Payment.application_id == Application.id),
            last_paid.c.approval > approved.c.approval,
        )
    )
    for number in rows:
        yield f"payment: application {number} was approved before one that was paid first"
