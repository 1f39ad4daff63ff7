"""The union tree: city, district or bureau, deeper groups, grass-roots units."""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import N_, BigId, Model, Versioned

CITY, DISTRICT, BUREAU, GROUP, UNIT = "city", "district", "bureau", "group", "unit"
KINDS = {
    CITY: N_("City federation"),
    DISTRICT: N_("District union"),
    BUREAU: N_("Bureau or industry union"),
    GROUP: N_("Group union"),
    UNIT: N_("Grass-roots union"),
}


class Organization(Versioned, Model):
    """One union. ``path`` is the chain of ids from the root, ``/1/5/33/``, kept by the service.

    ``district_id`` is the ancestor (or self) just below the root: who reviews and is paid through.
    """

    __tablename__ = "organization"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True, info={"label": N_("Code")})
    name: Mapped[str] = mapped_column(
        String(120), index=True, info={"label": N_("Name of the union")}
    )
    name_key: Mapped[str] = mapped_column(String(200), default="", info={"label": N_("Name key")})
    kind: Mapped[str] = mapped_column(String(20), info={"label": N_("Kind"), "choices": KINDS})
    nature: Mapped[str | None] = mapped_column(String(20), info={"label": N_("Nature of the unit")})
    industry: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Industry")})
    parent_id: Mapped[int | None] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Parent union")}
    )
    district_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"), index=True)
    path: Mapped[str] = mapped_column(String(200), default="", index=True)
    depth: Mapped[int] = mapped_column(Integer, default=0)
    is_active: Mapped[bool] = mapped_column(Boolean, default=True, info={"label": N_("In use")})

    parent: Mapped[Organization | None] = relationship(
        remote_side="Organization.id", foreign_keys="Organization.parent_id"
    )
    district: Mapped[Organization | None] = relationship(
        remote_side="Organization.id", foreign_keys="Organization.district_id"
    )

    def __str__(self) -> str:
        return self.name
