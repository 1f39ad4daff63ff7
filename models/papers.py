"""Papers that go with a payment batch, and what the file that a bank reads looks like."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Boolean, Date, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.funding import PaymentBatch
from models.sharing import PAPERS
from models.types import ORDERED_JSON

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-8-sig": N_("UTF-8 with a mark for Excel"),
    "gb18030": "GB 18030",
}
SEPARATORS = {
    "comma": N_("Comma"),
    "tab": N_("Tab"),
    "bar": N_("Vertical bar"),
    "semicolon": N_("Semicolon"),
}


class BatchPaper(Model):
    """A paper of a batch, given once it says so; the newest of a kind counts.

    ``people`` and ``total_fen`` are what it states; where that is not what the batch says,
    ``differences`` names why. Never changed.
    """

    __tablename__ = "batch_paper"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("payment_batch.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20), info={"label": N_("Kind"), "choices": PAPERS})
    number: Mapped[str] = mapped_column(String(50), unique=True, info={"label": N_("Number")})
    given_on: Mapped[date] = mapped_column(Date, info={"label": N_("Day")})
    people: Mapped[int] = mapped_column(Integer, info={"label": N_("Head count")})
    total_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Total (yuan)"), "widget": "yuan"}
    )
    differences: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Differences")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Made at")})

    batch: Mapped[PaymentBatch] = relationship()
    account: Mapped[Account | None] = relationship()


class BankFile(Versioned, Model):
    """What a bank's file of payments looks like.

    ``columns`` are ``{heading, source, text}`` in their order: ``source`` says what it holds,
    ``text`` is a pattern with places such as ``{batch}`` for the one that is a text.
    """

    __tablename__ = "bank_file"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    title: Mapped[str] = mapped_column(String(60), unique=True, info={"label": N_("Title")})
    encoding: Mapped[str] = mapped_column(
        String(10), default="utf-8", info={"label": N_("Encoding"), "choices": ENCODINGS}
    )
    separator: Mapped[str] = mapped_column(
        String(10), default="comma", info={"label": N_("Separator"), "choices": SEPARATORS}
    )
    has_heading: Mapped[bool] = mapped_column(
        Boolean, default=True, info={"label": N_("First line has the headings")}
    )
    columns: Mapped[list[dict[str, Any]]] = mapped_column(
        ORDERED_JSON, default=list, info={"label": N_("Columns")}
    )

    def __str__(self) -> str:
        return self.title
