"""Expert panels: who scores, what keeps them from a case, and their score sheets."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.types import JSON

OWN_UNIT, OWN_DISTRICT, DECLARED = "unit", "district", "declared"
CONFLICTS = {
    OWN_UNIT: N_("From the same unit"),
    OWN_DISTRICT: N_("From the same district or bureau"),
    DECLARED: N_("Declared by the expert"),
}
"""What keeps an expert from a case; a declared one always does."""
THOUSANDTHS = 1_000
"""Totals are kept in thousandths of a point."""


class Expert(Versioned, Model):
    """Somebody who scores. ``organization`` is the union they belong to, where it is one of ours.

    With an ``account`` of the role expert they fill in their own sheets; the centre types the
    others from paper.
    """

    __tablename__ = "expert"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(60), info={"label": N_("Name")})
    unit: Mapped[str] = mapped_column(
        String(120), default="", server_default="", info={"label": N_("Works at")}
    )
    organization_id: Mapped[int | None] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Union")}
    )
    speciality: Mapped[str] = mapped_column(
        String(120), default="", server_default="", info={"label": N_("Speciality")}
    )
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id"), unique=True, info={"label": N_("Account")}
    )
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, info={"label": N_("In use")})

    organization: Mapped[Organization | None] = relationship()
    account: Mapped[Account | None] = relationship()

    def __str__(self) -> str:
        return self.name


class ExpertConflict(Model):
    """An expert declared that they are not free towards a case, and why."""

    __tablename__ = "expert_conflict"
    __table_args__ = (UniqueConstraint("expert_id", "application_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("expert.id"))
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    reason: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reason")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ScoreSheet(Versioned, Model):
    """One expert's sheet for one case at one stage: given out, filled in, locked.

    ``points`` maps a criterion's key to its points as text, ``total`` is in thousandths of a
    point. From ``submitted_at`` on they never change, as triggers hold; a sheet can only be put
    aside, ``voided_at``, with a reason. ``from_paper`` says that ``entered_by`` typed it.
    """

    __tablename__ = "score_sheet"
    __table_args__ = (
        Index(
            "uq_score_sheet_standing",
            "application_id",
            "stage_key",
            "expert_id",
            unique=True,
            sqlite_where=text("voided_at IS NULL"),
            postgresql_where=text("voided_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    stage_key: Mapped[str] = mapped_column(String(40))
    expert_id: Mapped[int] = mapped_column(ForeignKey("expert.id"), index=True)
    points: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    total: Mapped[int | None] = mapped_column(Integer, info={"label": N_("Score")})
    justification: Mapped[str] = mapped_column(
        Text, default="", info={"label": N_("Justification")}
    )
    given_at: Mapped[datetime] = mapped_column(UtcDateTime)
    given_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    entered_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    from_paper: Mapped[bool] = mapped_column(Boolean, default=False)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    voided_for: Mapped[str] = mapped_column(Text, default="")

    expert: Mapped[Expert] = relationship()
    application: Mapped[Application] = relationship()
    entered_by: Mapped[Account | None] = relationship(foreign_keys=[entered_by_id])
