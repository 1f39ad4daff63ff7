"""Budgets, the ledger in fen, and batches of payments."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.programme import Programme

MADE, TRANSFERRED, PAID, CANCELLED = "made", "transferred", "paid", "cancelled"
BATCH_STATES = {
    MADE: N_("Made"),
    TRANSFERRED: N_("Transferred"),
    PAID: N_("Paid"),
    CANCELLED: N_("Cancelled"),
}
BOUNCED, RECOVERED = "bounced", "recovered"
REVERSALS = {
    BOUNCED: N_("Returned by the bank"),
    RECOVERED: N_("Recovered"),
}
"""What happens to money that was paid."""
UNDONE = (BOUNCED, CANCELLED)
"""After these the payment is owed again: it came back, or its batch was never sent."""


class Budget(Versioned, Model):
    """What one payer may spend on a programme, in fen: the city federation, or a union of its own.

    Spent only by a guarded update, never read first. A payer without one is not bounded, but for
    the city federation, without whose budget nothing is paid.
    """

    __tablename__ = "budget"
    __table_args__ = (
        UniqueConstraint("programme_id", "payer_id"),
        CheckConstraint("spent_fen >= 0 AND spent_fen <= cap_fen", name="within_cap"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), info={"label": N_("Programme")}
    )
    payer_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), info={"label": N_("Payer")}
    )
    cap_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Budget (yuan)"), "widget": "yuan"}
    )
    spent_fen: Mapped[int] = mapped_column(
        BigId, default=0, info={"label": N_("Spent (yuan)"), "widget": "yuan"}
    )

    programme: Mapped[Programme] = relationship()
    payer: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return f"{self.programme.title} · {self.payer.name}"


class ShareBearer(Model):
    """Who bears one case's part of a share that more than one payer may: ``payer`` is the party of
    the case, as the share's own is. Without a row the share's own payer does."""

    __tablename__ = "share_bearer"
    __table_args__ = (UniqueConstraint("application_id", "share_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    share_key: Mapped[str] = mapped_column(String(40))
    payer: Mapped[str] = mapped_column(String(20), info={"label": N_("Payer")})
    reason: Mapped[str] = mapped_column(Text, info={"label": N_("Reason")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})


class PaymentBatch(Versioned, Model):
    """One transfer to one district for many awards; states move made → transferred → paid.

    One that was not sent may be cancelled. Money that goes straight to people's accounts has the
    city federation in ``district_id``. ``total_fen`` is what its people get; ``budget_fen`` what
    of it the city's budget bears, which a payment made again after the bank returned it does not
    do twice. ``due_on`` is the day until which its people should have it, as far as that is known.
    """

    __tablename__ = "payment_batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    number: Mapped[str] = mapped_column(String(40), unique=True, info={"label": N_("Batch number")})
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), info={"label": N_("Programme")}
    )
    district_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("District or bureau union")}
    )
    state: Mapped[str] = mapped_column(
        String(20), default=MADE, info={"label": N_("State"), "choices": BATCH_STATES}
    )
    payments_count: Mapped[int] = mapped_column(Integer, info={"label": N_("Number of payments")})
    total_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Total (yuan)"), "widget": "yuan"}
    )
    budget_fen: Mapped[int] = mapped_column(
        BigId, server_default="0", info={"label": N_("City part (yuan)"), "widget": "yuan"}
    )
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})
    transferred_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Transferred on")})
    paid_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Paid on")})
    due_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("To be paid until")})

    programme: Mapped[Programme] = relationship()
    district: Mapped[Organization] = relationship()
    made_by: Mapped[Account | None] = relationship()

    def __str__(self) -> str:
        return self.number


class Payment(Model):
    """One award's instalment in a batch. ``position`` is the place in the order of release.

    UNIQUE(application, instalment, attempt): nobody is paid twice; the next ``attempt`` is made
    only where the one before was reversed because the bank returned it or its batch was cancelled.
    ``account_index`` tells whether the case still names the account that was meant.
    """

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("application_id", "instalment", "attempt"),
        Index("ix_payment_batch", "batch_id", "position"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("payment_batch.id"))
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    instalment: Mapped[int] = mapped_column(Integer, default=1, info={"label": N_("Instalment")})
    attempt: Mapped[int] = mapped_column(
        Integer, default=1, server_default="1", info={"label": N_("Attempt")}
    )
    position: Mapped[int] = mapped_column(Integer, info={"label": N_("No.")})
    amount_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )
    account_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))

    batch: Mapped[PaymentBatch] = relationship()
    application: Mapped[Application] = relationship()


class PaymentShare(Model):
    """What one payer bears of a payment, in fen; those that are not on top add up to it.

    ``share_key`` is the programme's row, empty for the city federation where none applies.
    """

    __tablename__ = "payment_share"
    __table_args__ = (
        UniqueConstraint("payment_id", "share_key"),
        CheckConstraint("amount_fen > 0", name="amount_positive"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"))
    share_key: Mapped[str] = mapped_column(String(40))
    payer_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Payer")}
    )
    is_on_top: Mapped[bool] = mapped_column(Boolean, info={"label": N_("On top of the amount")})
    amount_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )

    payment: Mapped[Payment] = relationship()
    payer: Mapped[Organization] = relationship()


class PaymentReversal(Model):
    """A payment that stands no more: the bank could not place it, it was recovered, or its batch
    was cancelled before it was sent. Once each."""

    __tablename__ = "payment_reversal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payment.id"), unique=True)
    kind: Mapped[str] = mapped_column(String(20), info={"label": N_("Kind")})
    came_on: Mapped[date] = mapped_column(Date, info={"label": N_("Day")})
    reason: Mapped[str] = mapped_column(Text, info={"label": N_("Reason")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})

    payment: Mapped[Payment] = relationship()


class LedgerEntry(Model):
    """One event of money, balanced by its postings. Never changed, only reversed.

    ``kind`` is ``commit``, ``transfer``, ``pay``, ``reverse``, ``cancel``, ``recover`` or
    ``release``; ``key`` makes it happen once.
    """

    __tablename__ = "ledger_entry"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(20), info={"label": N_("Kind")})
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"), index=True)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("payment_batch.id"), index=True)
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("ledger_entry.id"), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})


class LedgerPosting(Model):
    """One side of an entry: a ``purse`` of a payer, in fen.

    Purses are budget, committed, transferred, paid, returned and recovered.

    The postings of an entry sum to zero. ``application_id`` is set where a person is concerned.
    """

    __tablename__ = "ledger_posting"
    __table_args__ = (Index("ix_ledger_posting_purse", "programme_id", "purse", "payer_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("ledger_entry.id"), index=True)
    programme_id: Mapped[int] = mapped_column(ForeignKey("programme.id"))
    payer_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    purse: Mapped[str] = mapped_column(String(20), info={"label": N_("Purse")})
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"), index=True)
    amount_fen: Mapped[int] = mapped_column(BigId)
