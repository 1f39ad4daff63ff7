"""People who apply, as their unit recorded them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.organization import Organization
from models.types import JSON, Sealed

FEMALE, MALE = "female", "male"
SEXES = {FEMALE: N_("Female"), MALE: N_("Male")}


class Applicant(Versioned, Model):
    """One person at one unit. ``id_number_index`` is the person key across units and years.

    ``name_key`` sorts by pinyin; ``name_grams`` holds the name's one- and two-character pieces,
    space-separated, for the search index. Birth date and sex are derived from the ID number.
    ``details`` keeps what the form asks and no rule reads (education, title, home, …).
    """

    __tablename__ = "applicant"
    __table_args__ = (
        UniqueConstraint("organization_id", "id_number_index"),
        Index("ix_applicant_id_number_index", "id_number_index"),
        Index("ix_applicant_name_birth", "name", "birth_date"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Unit")}
    )
    name: Mapped[str] = mapped_column(String(60), info={"label": N_("Name")})
    name_key: Mapped[str] = mapped_column(String(200), default="")
    name_grams: Mapped[str] = mapped_column(String(400), default="")
    sex: Mapped[str | None] = mapped_column(String(10), info={"label": N_("Sex"), "choices": SEXES})
    birth_date: Mapped[date | None] = mapped_column(Date, info={"label": N_("Birth date")})
    id_number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    phone_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    is_union_member: Mapped[bool | None] = mapped_column(
        Boolean, info={"label": N_("Union member of the city")}
    )
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    organization: Mapped[Organization] = relationship()
    id_number = Sealed("person")
    phone = Sealed("phone")

    def __str__(self) -> str:
        return self.name
