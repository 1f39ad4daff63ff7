"""What one case is paid: by whom, in which instalments, when each is due and was paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from models.application import Application
from models.funding import BOUNCED, CANCELLED, Payment, PaymentBatch, PaymentReversal
from portal.funding.dues import Due, dues_of, is_released
from portal.policy.allocations import guards_of, may_be_paid
from portal.policy.facts import source
from portal.policy.shares import needs_of


@dataclass(frozen=True)
class Portion:
    """A payer's part of the share ``key`` in fen; unknown where a fact that it reads is not
    stated."""

    key: str
    title: str
    payer: str
    on_top: bool
    fen: int | None


@dataclass(frozen=True)
class Part:
    """An instalment, whether it is released, and the batch that paid it, if any.

    ``fen`` is what that batch pays, whatever the award came to later; of one that is still to be
    paid, or paid again, what it comes to today.
    """

    title: str
    fen: int | None
    released: bool
    batch: str
    paid_on: date | None
    reversal: str


def money_of(session: Session, application: Application) -> tuple[list[Portion], list[Part]]:
    """Who pays *application*, and its instalments in their order, each with its last payment.

    Nothing without an amount.
    """
    if not application.amount_fen:
        return [], []
    revision = application.revision
    dues = dues_of(revision)
    parts = [part for part, _fen in dues[0].parts]
    columns = [part.fen for part in parts]
    granted = may_be_paid(revision)
    for due in dues:
        columns += [due.fen, and_(granted, is_released(revision, due.row))]
    row = session.execute(
        select(*columns)
        .select_from(source(needs_of(revision) | guards_of(revision)))
        .where(Application.id == application.id)
    ).one()
    portions = [
        Portion(part.key, part.title, part.payer, part.on_top, _whole(fen))
        for part, fen in zip(parts, row, strict=False)
        if fen is None or fen > 0
    ]
    rest, paid = row[len(parts) :], _payments(session, application)
    found = [
        _part(due, _whole(fen), bool(released), paid.get(due.place))
        for due, fen, released in zip(dues, rest[::2], rest[1::2], strict=True)
    ]
    return portions, found


def _part(due: Due, fen: int | None, released: bool, paid: Any) -> Part:
    title = due.row.title if due.row else ""
    if paid is None:
        return Part(title, fen, released, "", None, "")
    again = paid.kind == BOUNCED
    return Part(
        title, fen if again else paid.amount_fen, released, paid.number, paid.paid_on,
        paid.kind or "",
    )  # fmt: skip


def _whole(fen: Any) -> int | None:
    return None if fen is None else int(fen)


def _payments(session: Session, application: Application) -> dict[int, Any]:
    """The last payment of each instalment, by its place."""
    rows = session.execute(
        select(
            Payment.instalment,
            Payment.amount_fen,
            PaymentBatch.number,
            PaymentBatch.paid_on,
            PaymentReversal.kind,
        )
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.application_id == application.id, PaymentBatch.state != CANCELLED)
        .order_by(Payment.attempt)
    )
    return {row.instalment: row for row in rows}
