"""What changes of an award after it was approved: proposed by one person, approved by another."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.programme import Programme

PROPOSED, APPROVED, DONE = "proposed", "approved", "done"
REFUSED, CANCELLED = "refused", "cancelled"
ADJUSTMENT_STATES = {
    PROPOSED: N_("Proposed"),
    APPROVED: N_("Approved, not settled yet"),
    DONE: N_("Done"),
    REFUSED: N_("Not approved"),
    CANCELLED: N_("Cancelled"),
}
OPEN = (PROPOSED, APPROVED)
"""A case has at most one of these."""
IN_FORCE = (APPROVED, DONE)
"""These change what the case is awarded."""
FIRST_PLACE = 101
"""Top-ups are paid as instalments from this place on; those of the rules lie below it."""


class Adjustment(Versioned, Model):
    """A change of one case's award by ``fen`` (below zero: less), found after the approval.

    ``settle_fen`` is the part of it that is paid extra, or below zero owed back, for instalments
    that were in a batch already; the others follow the new award. A top-up is paid as the
    instalment ``place``; of a recovery ``received_fen`` has come in. ``clause`` and ``finding``
    tell what was found. ``batch_id`` names the act that approved it.
    """

    __tablename__ = "adjustment"
    __table_args__ = (
        UniqueConstraint("application_id", "place"),
        Index(
            "uq_adjustment_open",
            "application_id",
            unique=True,
            sqlite_where=text("state IN ('proposed', 'approved')"),
            postgresql_where=text("state IN ('proposed', 'approved')"),
        ),
        CheckConstraint("fen <> 0 OR settle_fen <> 0", name="changes_something"),
        CheckConstraint("decided_by_id <> proposed_by_id", name="four_eyes"),
        CheckConstraint(
            "received_fen = 0 OR (received_fen > 0 AND received_fen <= -settle_fen)",
            name="within_owed",
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(
        ForeignKey("application.id"), info={"label": N_("Application")}
    )
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), index=True, info={"label": N_("Programme")}
    )
    place: Mapped[int] = mapped_column(Integer)
    fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Change of the award (yuan)"), "widget": "yuan"}
    )
    settle_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("To pay or to recover (yuan)"), "widget": "yuan"}
    )
    received_fen: Mapped[int] = mapped_column(
        BigId, default=0, server_default="0", info={"label": N_("Came in (yuan)"), "widget": "yuan"}
    )
    state: Mapped[str] = mapped_column(
        String(20), default=PROPOSED, info={"label": N_("State"), "choices": ADJUSTMENT_STATES}
    )
    clause: Mapped[str] = mapped_column(String(200), default="", info={"label": N_("Clause")})
    finding: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Finding")})
    reason: Mapped[str] = mapped_column(Text, info={"label": N_("Reason")})
    proposed_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    proposed_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Proposed at")})
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime | None] = mapped_column(
        UtcDateTime, info={"label": N_("Decided at")}
    )
    answer: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Answer")})
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("decision_batch.id"), index=True)

    application: Mapped[Application] = relationship()
    programme: Mapped[Programme] = relationship()
    proposed_by: Mapped[Account | None] = relationship(foreign_keys=[proposed_by_id])
    decided_by: Mapped[Account | None] = relationship(foreign_keys=[decided_by_id])
    shares: Mapped[list[AdjustmentShare]] = relationship(order_by="AdjustmentShare.id")
    receipts: Mapped[list[AdjustmentReceipt]] = relationship(order_by="AdjustmentReceipt.id")

    @property
    def owed_fen(self) -> int:
        """What of a recovery has still to come in, in fen."""
        return max(0, -self.settle_fen - self.received_fen)

    def __str__(self) -> str:
        return self.application.number


class AdjustmentShare(Model):
    """What one payer pays extra for an instalment that was out, or below zero gets back of it.

    Those of an adjustment that are not on top add up to its ``settle_fen``.
    """

    __tablename__ = "adjustment_share"
    __table_args__ = (
        UniqueConstraint("adjustment_id", "instalment", "share_key", "payer_id"),
        CheckConstraint("amount_fen <> 0", name="amount_not_zero"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    adjustment_id: Mapped[int] = mapped_column(ForeignKey("adjustment.id"))
    instalment: Mapped[int] = mapped_column(Integer)
    share_key: Mapped[str] = mapped_column(String(40))
    payer_id: Mapped[int] = mapped_column(ForeignKey("organization.id"))
    is_on_top: Mapped[bool] = mapped_column(Boolean)
    amount_fen: Mapped[int] = mapped_column(BigId)

    payer: Mapped[Organization] = relationship()


class AdjustmentReceipt(Model):
    """Money that came in for a recovery, in fen; its ledger entry says what each payer got back."""

    __tablename__ = "adjustment_receipt"
    __table_args__ = (CheckConstraint("amount_fen > 0", name="amount_positive"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    adjustment_id: Mapped[int] = mapped_column(ForeignKey("adjustment.id"), index=True)
    came_on: Mapped[date] = mapped_column(Date, info={"label": N_("Day")})
    amount_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )
    reason: Mapped[str] = mapped_column(Text, info={"label": N_("Reason")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})
