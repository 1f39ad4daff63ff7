"""Public notices (公示): frozen masked lists, and the objections raised against their entries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.programme import Revision
from models.types import ORDERED_JSON, Sealed

SHOWN, HELD, CLEARED = "shown", "held", "cleared"
PASSED, UPHELD, LEFT = "passed", "upheld", "left"
ENTRY_STATES = {
    SHOWN: N_("On notice"),
    HELD: N_("Objection open"),
    CLEARED: N_("Notice is over, not passed yet"),
    PASSED: N_("Passed"),
    UPHELD: N_("Objection upheld"),
    LEFT: N_("Left the stage"),
}
OPEN, DISMISSED = "open", "dismissed"
OBJECTION_STATES = {
    OPEN: N_("Being looked into"),
    UPHELD: N_("Upheld"),
    DISMISSED: N_("Dismissed"),
}


class PublicNotice(Versioned, Model):
    """One notice: the cases that waited at its stage when it was opened, from day to day.

    ``lasts`` is the stage's rule as it stood, ``row_key`` the address of the public page where
    ``is_public``. The last day counts in full; ``closed_at`` is when the rest went on.
    """

    __tablename__ = "public_notice"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"), index=True)
    stage_key: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(120), info={"label": N_("Title")})
    starts_on: Mapped[date] = mapped_column(Date, info={"label": N_("First day")})
    ends_on: Mapped[date] = mapped_column(Date, info={"label": N_("Last day")})
    lasts: Mapped[dict[str, Any]] = mapped_column(ORDERED_JSON)
    is_public: Mapped[bool] = mapped_column(
        Boolean, default=False, info={"label": N_("Page without login")}
    )
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    revision: Mapped[Revision] = relationship()
    account: Mapped[Account | None] = relationship()
    entries: Mapped[list[NoticeEntry]] = relationship(
        back_populates="notice", order_by="NoticeEntry.position"
    )

    def __str__(self) -> str:
        return self.title


class NoticeEntry(Model):
    """One line of a notice. ``cells`` are the masked words as they were shown, by column.

    ``ended_on`` is the day on which the notice ended for this case, once it has: the last day of
    the notice, or the later one on which its objections were dismissed.
    """

    __tablename__ = "notice_entry"
    __table_args__ = (UniqueConstraint("notice_id", "application_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    notice_id: Mapped[int] = mapped_column(ForeignKey("public_notice.id"))
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    position: Mapped[int] = mapped_column(Integer)
    cells: Mapped[dict[str, str]] = mapped_column(ORDERED_JSON)
    state: Mapped[str] = mapped_column(String(10), default=SHOWN)
    ended_on: Mapped[date | None] = mapped_column(Date)

    notice: Mapped[PublicNotice] = relationship(back_populates="entries")
    application: Mapped[Application] = relationship()
    objections: Mapped[list[Objection]] = relationship(
        back_populates="entry", order_by="Objection.id"
    )


class Objection(Model):
    """What somebody said against an entry, what was found, and what came of it.

    Who objected is sealed: only those who handle objections read it.
    """

    __tablename__ = "objection"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("notice_entry.id"), index=True)
    objector_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    objector_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    said: Mapped[str] = mapped_column(Text, info={"label": N_("What was said")})
    raised_on: Mapped[date] = mapped_column(Date, info={"label": N_("Raised on")})
    received_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    investigation: Mapped[str] = mapped_column(
        Text, default="", info={"label": N_("What was found")}
    )
    state: Mapped[str] = mapped_column(String(10), default=OPEN)
    reason: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reason")})
    concluded_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    concluded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("decision_batch.id"))

    entry: Mapped[NoticeEntry] = relationship(back_populates="objections")
    received_by: Mapped[Account | None] = relationship(foreign_keys=[received_by_id])
    concluded_by: Mapped[Account | None] = relationship(foreign_keys=[concluded_by_id])
    objector = Sealed("objector")
