"""Catalogues: keyed rows that staff maintain and rules refer to (trades, levels, choices)."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Date, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import N_, BigId, Model, Versioned
from models.types import JSON

CATALOGUE_KINDS = {
    "occupation": N_("Occupations"),
    "level": N_("Levels with ranks"),
    "choice": N_("Choices of a form"),
}


class Catalogue(Versioned, Model):
    """One edition of a list. Editions of one *family* are compared year against year."""

    __tablename__ = "catalogue"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(60), unique=True, info={"label": N_("Key")})
    family: Mapped[str] = mapped_column(String(60), index=True, info={"label": N_("Family")})
    year: Mapped[int | None] = mapped_column(Integer, info={"label": N_("Year")})
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title")})
    kind: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Kind"), "choices": CATALOGUE_KINDS}
    )
    source: Mapped[str] = mapped_column(String(120), default="", info={"label": N_("Source")})

    entries: Mapped[list[CatalogueEntry]] = relationship(
        back_populates="catalogue", order_by="CatalogueEntry.position"
    )

    def __str__(self) -> str:
        return self.title


class CatalogueEntry(Versioned, Model):
    """One row of a catalogue, in the order of its source. ``rank`` orders levels.

    ``cells`` holds further columns, such as a district's amount, that rules may read.
    """

    __tablename__ = "catalogue_entry"
    __table_args__ = (UniqueConstraint("catalogue_id", "code"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    catalogue_id: Mapped[int] = mapped_column(ForeignKey("catalogue.id"), index=True)
    position: Mapped[int] = mapped_column(Integer, info={"label": N_("No.")})
    code: Mapped[str] = mapped_column(String(40), info={"label": N_("Code")})
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title")})
    category: Mapped[str] = mapped_column(String(20), default="", info={"label": N_("Class")})
    mark: Mapped[str] = mapped_column(String(20), default="", info={"label": N_("Mark")})
    rank: Mapped[int | None] = mapped_column(Integer, info={"label": N_("Rank")})
    aliases: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Aliases")})
    cells: Mapped[dict[str, Any]] = mapped_column(
        JSON, default=dict, server_default="{}", info={"label": N_("Cells")}
    )
    retired_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Retired on")})

    catalogue: Mapped[Catalogue] = relationship(back_populates="entries")

    def __str__(self) -> str:
        return self.title


class CatalogueTerm(Model):
    """Every spelling under which an entry is found: code, title, alias, all normalised.

    Kept by ``portal.policy.catalogues``; rules test membership against these rows.
    """

    __tablename__ = "catalogue_term"
    __table_args__ = (
        UniqueConstraint("catalogue_id", "term"),
        Index("ix_catalogue_term_term_catalogue", "term", "catalogue_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    catalogue_id: Mapped[int] = mapped_column(ForeignKey("catalogue.id"))
    entry_id: Mapped[int] = mapped_column(ForeignKey("catalogue_entry.id"), index=True)
    term: Mapped[str] = mapped_column(String(120))
