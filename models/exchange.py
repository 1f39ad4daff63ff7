"""Sheets that came in and files that went out, and the background work around them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import N_, BigId, Model, UtcDateTime
from models.programme import Programme
from models.types import JSON


class SheetImport(Model):
    """One uploaded sheet, from preview to applied. The file lies under ``PORTAL_HOME``.

    ``report`` holds the counts and the refused rows as ``{row, column, reason}``.
    """

    __tablename__ = "sheet_import"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))
    subject: Mapped[str] = mapped_column(String(30))
    channel: Mapped[str | None] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(200), info={"label": N_("File")})
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), info={"label": N_("State")})
    rows_read: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Rows read")})
    accepted: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Accepted")})
    refused: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Refused")})
    report: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Uploaded")})

    account: Mapped[Account] = relationship()
    programme: Mapped[Programme | None] = relationship()


class Job(Model):
    """Background work with progress, such as a large export; the result is a file or a summary."""

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    kind: Mapped[str] = mapped_column(String(30), info={"label": N_("Kind")})
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title")})
    state: Mapped[str] = mapped_column(String(20), info={"label": N_("State")})
    params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    done: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Done")})
    total: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Of")})
    result: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    error: Mapped[str] = mapped_column(String(400), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Started")})
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship()
