"""The notices that programmes implement, and their clauses, cited but never copied."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Date, ForeignKey, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import N_, BigId, Model, Versioned
from models.types import JSON


class Notice(Versioned, Model):
    """One published notice (通知)."""

    __tablename__ = "notice"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    key: Mapped[str] = mapped_column(String(20), unique=True, info={"label": N_("Key")})
    title: Mapped[str] = mapped_column(String(200), info={"label": N_("Title")})
    document_number: Mapped[str] = mapped_column(
        String(60), default="", info={"label": N_("Document number")}
    )
    issuer: Mapped[str] = mapped_column(String(60), info={"label": N_("Issued by")})
    issued_on: Mapped[date] = mapped_column(Date, info={"label": N_("Date of the notice")})
    basis: Mapped[list[str]] = mapped_column(JSON, default=list, info={"label": N_("Basis")})

    clauses: Mapped[list[Clause]] = relationship(
        back_populates="notice", order_by="Clause.position", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return self.title


class Clause(Model):
    """A clause by its number, with what it asks in our own words."""

    __tablename__ = "clause"
    __table_args__ = (UniqueConstraint("notice_id", "key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"))
    key: Mapped[str] = mapped_column(String(30), info={"label": N_("Clause")})
    position: Mapped[int] = mapped_column(Integer)
    says: Mapped[str] = mapped_column(Text, default="", info={"label": N_("In our words")})

    notice: Mapped[Notice] = relationship(back_populates="clauses")

    def __str__(self) -> str:
        return self.key
