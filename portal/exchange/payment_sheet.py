"""The payment list of a batch (S26 四（一）5): who is paid, how much, into which account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.application import PAYEE_KINDS, Application
from models.base import N_
from models.funding import Payment, PaymentBatch
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.access.scope import visible
from portal.clock import Clock
from portal.evidence.identifiers import mask_card, mask_id
from portal.exchange.sheet_writer import SheetColumn, write_sheet

Told = Callable[[str, dict[str, Any]], str]
WORDS = (
    N_("No."), N_("Application number"), N_("Name"), N_("ID number"), N_("Unit"), N_("Paid to"),
    N_("Bank"), N_("Card or account number"), N_("Amount (yuan)"),
)  # fmt: skip


def write_payments(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, target: IO[bytes], told: Told
) -> int:
    """Write *batch* in order of approval, audited; gives its people.

    Accounts are in full for whoever makes the payment or passes it on, masked for who looks on.
    """
    require(actor, "payment:export")
    columns = [SheetColumn(told(word, {}), 20) for word in WORDS[:-1]]
    columns.append(SheetColumn(told(WORDS[-1], {}), 14, "fen"))
    count = write_sheet(target, batch.number, columns, _rows(session, actor, batch, told))
    audit.record(
        session, actor, clock.now(), "payment:export", "payment_batch", batch.id,
        details={"people": count}, organization_id=batch.district_id,
    )  # fmt: skip
    return count


def _rows(
    session: Session, actor: Actor, batch: PaymentBatch, told: Told
) -> Iterator[tuple[Any, ...]]:
    payments = session.scalars(
        select(Payment)
        .where(Payment.batch_id == batch.id, visible(Payment, actor))
        .options(
            joinedload(Payment.application).joinedload(Application.applicant),
            joinedload(Payment.application).joinedload(Application.organization),
        )
        .order_by(Payment.position)
    )
    shown = str if may(actor, "applicant:reveal") else mask_card
    for payment in payments:
        case = payment.application
        kind = told(PAYEE_KINDS[case.payee_kind], {}) if case.payee_kind else ""
        yield (
            payment.position,
            case.number,
            case.applicant.name,
            mask_id(case.applicant.id_number or ""),
            case.organization.name,
            kind,
            case.bank_name,
            shown(case.account or ""),
            payment.amount_fen,
        )
