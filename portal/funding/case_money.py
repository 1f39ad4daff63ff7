"""What one case is paid: by whom, in which instalments, when each is due and was paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.application import Application
from models.funding import Payment, PaymentBatch, PaymentReversal
from portal.funding.dues import dues_of, is_released
from portal.policy.facts import source
from portal.policy.shares import needs_of


@dataclass(frozen=True)
class Portion:
    """A payer's part in fen; unknown where a fact that it reads is not stated."""

    title: str
    payer: str
    on_top: bool
    fen: int | None


@dataclass(frozen=True)
class Part:
    """An instalment in fen: whether it is released, and the batch that paid it, if any."""

    title: str
    fen: int | None
    released: bool
    batch: str
    paid_on: date | None
    reversal: str


def portions_of(session: Session, application: Application) -> list[Portion]:
    """Who pays *application*, as its programme says; nothing without an amount."""
    parts = [part for part, _fen in dues_of(application.revision)[0].parts]
    if not application.amount_fen:
        return []
    row = session.execute(
        select(*(part.fen for part in parts))
        .select_from(source(needs_of(application.revision)))
        .where(Application.id == application.id)
    ).one()
    return [
        Portion(part.title, part.payer, part.on_top, None if fen is None else int(fen))
        for part, fen in zip(parts, row, strict=True)
        if fen is None or fen > 0
    ]


def instalments_of(session: Session, application: Application) -> list[Part]:
    """The instalments of *application* in their order, each with its last payment."""
    dues = dues_of(application.revision)
    if not application.amount_fen:
        return []
    columns = [
        column for due in dues for column in (due.fen, is_released(application.revision, due.row))
    ]
    cells = list(
        session.execute(
            select(*columns)
            .select_from(source(needs_of(application.revision)))
            .where(Application.id == application.id)
        ).one()
    )
    paid = _payments(session, application)
    found = []
    for due, fen, released in zip(dues, cells[::2], cells[1::2], strict=True):
        batch, paid_on, reversal = paid.get(due.place, ("", None, ""))
        title = due.row.title if due.row else ""
        amount = None if fen is None else int(fen)
        found.append(Part(title, amount, bool(released), batch, paid_on, reversal))
    return found


def _payments(
    session: Session, application: Application
) -> dict[int, tuple[str, date | None, str]]:
    rows = session.execute(
        select(Payment.instalment, PaymentBatch.number, PaymentBatch.paid_on, PaymentReversal.kind)
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .outerjoin(PaymentReversal, PaymentReversal.payment_id == Payment.id)
        .where(Payment.application_id == application.id)
        .order_by(Payment.attempt)
    )
    return {place: (number, on, kind or "") for place, number, on, kind in rows}
