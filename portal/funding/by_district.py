"""What went out to each district, by how far it is."""

from __future__ import annotations

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

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
    """Fen of the payments that *actor* sees and that came back: what is paid again of it is in
    another batch."""
    total = session.scalar(
        select(func.sum(Payment.amount_fen))
        .join(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(
            PaymentReversal.kind.in_(REVERSALS),
            visible(PaymentBatch, actor),
            PaymentBatch.programme_id == programme_id if programme_id else true(),
        )
    )
    return int(total or 0)
