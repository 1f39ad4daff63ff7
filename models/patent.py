"""Patents (专利)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.applicant import Applicant
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization

INVENTION, UTILITY, DESIGN = "invention", "utility", "design"
PATENT_KINDS = {
    INVENTION: N_("Invention"),
    UTILITY: N_("Utility model"),
    DESIGN: N_("Design"),
}
LEGAL_STATUSES = {
    "valid": N_("In force"),
    "lapsed": N_("Lapsed"),
    "invalid": N_("Declared invalid"),
}


class Patent(Versioned, Model):
    """A granted patent as the first inventor's unit entered it (S23 一（二）, B22 一（二）).

    ``number_key`` is the normalised number, by which a patent is claimed once. ``patent_class``
    is the class that a programme's form offers, such as defence or international; ``kind`` follows
    from a national number. ``legal_status`` is looked at again before payment.
    """

    __tablename__ = "patent"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    applicant_id: Mapped[int] = mapped_column(
        ForeignKey("applicant.id"), index=True, info={"label": N_("First inventor")}
    )
    number: Mapped[str] = mapped_column(String(60), info={"label": N_("Patent number")})
    number_key: Mapped[str] = mapped_column(String(60), index=True)
    title: Mapped[str] = mapped_column(String(200), info={"label": N_("Title of the patent")})
    kind: Mapped[str | None] = mapped_column(
        String(20), info={"label": N_("Kind of patent"), "choices": PATENT_KINDS}
    )
    patent_class: Mapped[str | None] = mapped_column(
        String(40), info={"label": N_("Class of the patent")}
    )
    office: Mapped[str | None] = mapped_column(String(120), info={"label": N_("Granted by")})
    granted_on: Mapped[date] = mapped_column(Date, info={"label": N_("Granted on")})
    legal_status: Mapped[str | None] = mapped_column(
        String(20), info={"label": N_("Legal status"), "choices": LEGAL_STATUSES}
    )
    is_first_inventor: Mapped[bool | None] = mapped_column(
        Boolean, info={"label": N_("Is the first inventor")}
    )
    is_service_invention: Mapped[bool | None] = mapped_column(
        Boolean, info={"label": N_("Service invention")}
    )
    is_applied: Mapped[bool | None] = mapped_column(
        Boolean, info={"label": N_("Used in production")}
    )
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    applicant: Mapped[Applicant] = relationship()
    organization: Mapped[Organization] = relationship()

    def __str__(self) -> str:
        return self.number
