"""The audit trail: append-only rows, sealed batch by batch into an HMAC chain."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import N_, BigId, Model, UtcDateTime
from models.types import JSON


class AuditSeal(Model):
    """One link of the chain: the digest of its entries in order, bound to the link before."""

    __tablename__ = "audit_seal"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    entries: Mapped[int] = mapped_column(Integer)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditHead(Model):
    """The single row (id 1) that names the chain's last link; locked while one is added."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    seal_id: Mapped[int] = mapped_column(BigId, default=0)
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))


class AuditEntry(Model):
    """Who did what to which row, when, with what outcome and reason, from where.

    ``details`` names changed fields; personal identifiers appear masked, never in clear.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_entity", "entity", "entity_id"),
        Index("ix_audit_entry_account", "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    seal_id: Mapped[int] = mapped_column(ForeignKey("audit_seal.id"), index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Time")})
    account_id: Mapped[int | None] = mapped_column(
        ForeignKey("account.id"), info={"label": N_("Who")}
    )
    action: Mapped[str] = mapped_column(String(40), info={"label": N_("What")})
    entity: Mapped[str] = mapped_column(String(40), info={"label": N_("Kind of record")})
    entity_id: Mapped[int | None] = mapped_column(BigId, info={"label": N_("Record")})
    organization_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"))
    outcome: Mapped[str] = mapped_column(String(20), default="done")
    reason: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reason")})
    address: Mapped[str] = mapped_column(String(45), default="", info={"label": N_("Address")})
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)

    def __str__(self) -> str:
        return str(self.id)
