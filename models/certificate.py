"""Skill certificates (技能等级证书)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.applicant import Applicant
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization


class SkillCertificate(Versioned, Model):
    """A certificate as its holder's unit entered it. ``number_key`` is the normalised number.

    ``issuer`` is the class of authority that a programme's form offers; ``occupation_term`` the
    normalised spelling of ``occupation``, which rules look up in catalogues. ``level`` and
    ``previous_level`` are codes of the level catalogue.
    """

    __tablename__ = "skill_certificate"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    applicant_id: Mapped[int] = mapped_column(
        ForeignKey("applicant.id"), index=True, info={"label": N_("Holder")}
    )
    number: Mapped[str] = mapped_column(String(60), info={"label": N_("Certificate number")})
    number_key: Mapped[str] = mapped_column(String(60), index=True)
    occupation: Mapped[str] = mapped_column(String(120), info={"label": N_("Occupation")})
    occupation_term: Mapped[str] = mapped_column(String(120), default="")
    level: Mapped[str] = mapped_column(String(40), info={"label": N_("Level")})
    issuer: Mapped[str] = mapped_column(String(40), info={"label": N_("Issuer")})
    issued_on: Mapped[date] = mapped_column(Date, info={"label": N_("Issued on")})
    previous_level: Mapped[str | None] = mapped_column(
        String(40), info={"label": N_("Previous level")}
    )
    previous_issued_on: Mapped[date | None] = mapped_column(
        Date, info={"label": N_("Previous certificate of")}
    )
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    applicant: Mapped[Applicant] = relationship()
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return self.number
