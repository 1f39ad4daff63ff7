"""Innovation studios (创新工作室) and the levels at which they were recognised."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.applicant import Applicant
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization


class Studio(Versioned, Model):
    """A studio of a unit, the same over the years (S20 二, B22 二).

    ``name_key`` is the name without spaces and case: with the unit it is the studio's identity.
    ``category`` and ``level`` are codes of the form that entered it.
    """

    __tablename__ = "studio"
    __table_args__ = (UniqueConstraint("organization_id", "name_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    applicant_id: Mapped[int] = mapped_column(
        ForeignKey("applicant.id"), index=True, info={"label": N_("Leader")}
    )
    name: Mapped[str] = mapped_column(String(120), info={"label": N_("Name of the studio")})
    name_key: Mapped[str] = mapped_column(String(120), index=True)
    category: Mapped[str | None] = mapped_column(
        String(40), info={"label": N_("Category of the studio")}
    )
    level: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Level of the studio")})
    speciality: Mapped[str | None] = mapped_column(String(120), info={"label": N_("Speciality")})
    founded_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Founded on")})
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    applicant: Mapped[Applicant] = relationship()
    organization: Mapped[Organization] = relationship()
    recognitions: Mapped[list[StudioRecognition]] = relationship(
        back_populates="studio", order_by="StudioRecognition.year"
    )

    def __str__(self) -> str:
        return self.name


class StudioRecognition(Versioned, Model):
    """A title that a studio was given: by whom, at which level, in which year."""

    __tablename__ = "studio_recognition"
    __table_args__ = (UniqueConstraint("studio_id", "title", "year"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    studio_id: Mapped[int] = mapped_column(
        ForeignKey("studio.id"), index=True, info={"label": N_("Studio")}
    )
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title given")})
    level: Mapped[str] = mapped_column(String(40), info={"label": N_("Level of the title")})
    year: Mapped[int] = mapped_column(Integer, info={"label": N_("Year")})
    issuer: Mapped[str] = mapped_column(String(120), default="", info={"label": N_("Given by")})

    studio: Mapped[Studio] = relationship(back_populates="recognitions")
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return self.title
