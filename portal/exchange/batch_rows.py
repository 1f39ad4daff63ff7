"""The people of a payment batch, as its list and a bank's file need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from models.application import Application
from models.funding import Payment, PaymentBatch, PaymentShare
from portal.access.actor import Actor
from portal.access.scope import visible


@dataclass(frozen=True)
class PaidRow:
    """One payment. ``account`` is in clear, empty where the case names another one since;
    ``on_top_fen`` is what the batch's district adds, which goes out with it in one sum
    (S15 四（二）)."""

    position: int
    number: str
    name: str
    id_number: str
    unit: str
    payee_kind: str
    bank: str
    account: str
    is_corrected: bool
    fen: int
    on_top_fen: int

    @property
    def whole_fen(self) -> int:
        """What reaches the person."""
        return self.fen + self.on_top_fen


def batch_rows(session: Session, actor: Actor, batch: PaymentBatch) -> Iterator[PaidRow]:
    """The payments of *batch* that *actor* sees, in their order."""
    added = (
        select(PaymentShare.payment_id, func.sum(PaymentShare.amount_fen).label("fen"))
        .where(PaymentShare.is_on_top, PaymentShare.payer_id == batch.district_id)
        .group_by(PaymentShare.payment_id)
        .subquery()
    )
    rows = session.execute(
        select(Payment, func.coalesce(added.c.fen, 0))
        .outerjoin(added, added.c.payment_id == Payment.id)
        .where(Payment.batch_id == batch.id, visible(Payment, actor))
        .options(
            joinedload(Payment.application).joinedload(Application.applicant),
            joinedload(Payment.application).joinedload(Application.organization),
        )
        .order_by(Payment.position)
    )
    for payment, on_top in rows:
        yield _row(payment, int(on_top))


def _row(payment: Payment, on_top: int) -> PaidRow:
    case = payment.application
    meant = payment.account_index
    is_corrected = meant is not None and meant != case.account_index
    return PaidRow(
        position=payment.position,
        number=case.number,
        name=case.applicant.name,
        id_number=case.applicant.id_number or "",
        unit=case.organization.name,
        payee_kind=case.payee_kind or "",
        bank="" if is_corrected else case.bank_name or "",
        account="" if is_corrected else case.account or "",
        is_corrected=is_corrected,
        fen=payment.amount_fen,
        on_top_fen=on_top,
    )
