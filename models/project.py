"""Projects (创新项目) that studios and units carry out."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.applicant import Applicant
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.studio import Studio


class Project(Versioned, Model):
    """A project with its costs and dates (B22 二（二）). Money is in fen.

    ``title_key`` is the title without spaces and case. ``approved_on`` is the day the enterprise
    approved it (立项), ``accepted_on`` the day its results were accepted (结题).
    """

    __tablename__ = "project"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    applicant_id: Mapped[int] = mapped_column(
        ForeignKey("applicant.id"), index=True, info={"label": N_("Person in charge")}
    )
    studio_id: Mapped[int | None] = mapped_column(
        ForeignKey("studio.id"), index=True, info={"label": N_("Studio")}
    )
    title: Mapped[str] = mapped_column(String(200), info={"label": N_("Title of the project")})
    title_key: Mapped[str] = mapped_column(String(200), index=True)
    total_cost_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Total cost (yuan)"), "widget": "yuan"}
    )
    start_funds_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Start funds (yuan)"), "widget": "yuan"}
    )
    approved_on: Mapped[date | None] = mapped_column(
        Date, info={"label": N_("Approved by the enterprise on")}
    )
    planned_finish: Mapped[date | None] = mapped_column(Date, info={"label": N_("Planned finish")})
    accepted_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Accepted on")})
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    applicant: Mapped[Applicant] = relationship()
    organization: Mapped[Organization] = relationship()
    studio: Mapped[Studio | None] = relationship()

    def __str__(self) -> str:
        return self.title
