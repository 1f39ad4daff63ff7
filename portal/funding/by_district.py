"""What went out to each district, by how far it is."""

from __future__ import annotations

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from models.adjustment import Adjustment, AdjustmentReceipt
from models.funding import CANCELLED, REVERSALS, Payment, PaymentBatch, PaymentReversal
from portal.access.actor import Actor
from portal.access.scope import visible


def batched_fen(
    session: Session, actor: Actor, programme_id: int | None = None
) -> dict[int, dict[str, int]]:
    """Fen in the batches that *actor* sees, by district and state; cancelled ones count nowhere."""
    rows = session.execute(
        select(PaymentBatch.district_id, PaymentBatch.state, func.sum(PaymentBatch.total_fen))
        .where(
            visible(PaymentBatch, actor),
            PaymentBatch.state != CANCELLED,
            PaymentBatch.programme_id == programme_id if programme_id else true(),
        )
        .group_by(PaymentBatch.district_id, PaymentBatch.state)
    )
    found: dict[int, dict[str, int]] = {}
    for district_id, state, fen in rows:
        found.setdefault(district_id, {})[state] = int(fen)
    return found


def came_back_fen(session: Session, actor: Actor, programme_id: int | None = None) -> int:
    """Fen that came back of what *actor* sees as paid: payments as a whole, which are paid again in
    other batches where they are, and receipts for recoveries."""
    payments = (
        select(func.coalesce(func.sum(Payment.amount_fen), 0))
        .join(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(
            PaymentReversal.kind.in_(REVERSALS),
            visible(PaymentBatch, actor),
            PaymentBatch.programme_id == programme_id if programme_id else true(),
        )
    )
    receipts = (
        select(func.coalesce(func.sum(AdjustmentReceipt.amount_fen), 0))
        .join(Adjustment, Adjustment.id == AdjustmentReceipt.adjustment_id)
        .where(
            visible(Adjustment, actor),
            Adjustment.programme_id == programme_id if programme_id else true(),
        )
    )
    return sum(int(session.execute(part).scalar_one()) for part in (payments, receipts))
