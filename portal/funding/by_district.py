"""What went out to each district, by how far it is."""

from __future__ import annotations

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from models.funding import CANCELLED, PaymentBatch
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
