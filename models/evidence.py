"""What was asked of authorities, what was paid before the system, and what looks like the same."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.application import Application, Attachment
from models.base import N_, BigId, Model, UtcDateTime
from models.organization import Organization
from models.programme import Programme
from models.types import JSON, ORDERED_JSON, Sealed

CERTIFICATE, PATENT, MEMBERSHIP = "certificate", "patent", "membership"
CHECKED = {
    CERTIFICATE: N_("Certificate"),
    PATENT: N_("Patent"),
    MEMBERSHIP: N_("Union membership"),
}
MATCHES, DIFFERS, NOT_FOUND, UNCHECKED = "matches", "differs", "not_found", "unchecked"
RESULTS = {
    MATCHES: N_("Matches"),
    DIFFERS: N_("Differs"),
    NOT_FOUND: N_("Not found"),
    UNCHECKED: N_("Not checked"),
}
BY_HAND, BY_SHEET, BY_SERVICE, AGAIN = "hand", "sheet", "service", "again"
WAYS = {
    BY_HAND: N_("By hand"),
    BY_SHEET: N_("Answer sheet"),
    BY_SERVICE: N_("Live service"),
    AGAIN: N_("Compared again"),
}
SAME, DIFFERENT = "same", "different"
SETTLED = {SAME: N_("The same"), DIFFERENT: N_("Not the same")}


class RegistryCheck(Model):
    """One check of a case against an authority (S23, S15 核对). Never edited or deleted.

    ``asked`` is the key that was asked for: the normalised number, or the person's blind index.
    ``answer`` holds what the authority said by field, identifiers as blind index in hex;
    ``compared`` is a list of ``{field, state, ours, theirs}`` as people may read it, masked.
    The latest row of an application and kind counts.
    """

    __tablename__ = "registry_check"
    __table_args__ = (
        Index("ix_registry_check_application", "application_id", "kind", "id"),
        Index("ix_registry_check_result", "result", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    kind: Mapped[str] = mapped_column(
        String(20), info={"label": N_("What is checked"), "choices": CHECKED}
    )
    result: Mapped[str] = mapped_column(
        String(20), info={"label": N_("Registry result"), "choices": RESULTS}
    )
    source: Mapped[str] = mapped_column(String(120), info={"label": N_("Authority")})
    way: Mapped[str] = mapped_column(String(20), info={"label": N_("Checked how"), "choices": WAYS})
    asked: Mapped[str] = mapped_column(String(80), default="")
    answer: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    compared: Mapped[list[dict[str, str]]] = mapped_column(ORDERED_JSON, default=list)
    note: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Evidence")})
    attachment_id: Mapped[int | None] = mapped_column(ForeignKey("attachment.id"))
    checked_on: Mapped[date] = mapped_column(Date, info={"label": N_("Checked on")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Recorded")})

    application: Mapped[Application] = relationship()
    attachment: Mapped[Attachment | None] = relationship()
    account: Mapped[Account | None] = relationship()

    def __str__(self) -> str:
        return str(self.id)


class PastAward(Model):
    """A payment from before the system: it counts as an earlier awarded case (Q32).

    ``claim_key`` is the normalised number, or the person's blind index in hex where no number is
    known; a family pays for it once a year. ``amount_fen`` is in fen.
    """

    __tablename__ = "past_award"
    __table_args__ = (
        UniqueConstraint("family", "year", "claim_key"),
        Index("ix_past_award_claim", "family", "claim_key"),
        Index("ix_past_award_number_key", "number_key"),
        Index("ix_past_award_person", "id_number_index"),
        Index("ix_past_award_name", "name", "birth_date"),
        CheckConstraint("amount_fen >= 0", name="amount_not_negative"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    family: Mapped[str] = mapped_column(String(40))
    programme_id: Mapped[int | None] = mapped_column(ForeignKey("programme.id"))
    title: Mapped[str] = mapped_column(String(200), info={"label": N_("Programme")})
    year: Mapped[int] = mapped_column(Integer, info={"label": N_("Year")})
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), index=True, info={"label": N_("Union")}
    )
    district_id: Mapped[int | None] = mapped_column(ForeignKey("organization.id"), index=True)
    name: Mapped[str] = mapped_column(String(60), info={"label": N_("Name")})
    birth_date: Mapped[date | None] = mapped_column(Date, info={"label": N_("Birth date")})
    id_number_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    id_number_index: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    number: Mapped[str | None] = mapped_column(
        String(60), info={"label": N_("Certificate or patent number")}
    )
    number_key: Mapped[str | None] = mapped_column(String(60))
    occupation: Mapped[str | None] = mapped_column(String(120), info={"label": N_("Occupation")})
    occupation_term: Mapped[str | None] = mapped_column(String(120))
    level: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Level")})
    amount_fen: Mapped[int] = mapped_column(
        BigId, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )
    paid_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Paid on")})
    claim_key: Mapped[str] = mapped_column(String(80))
    file_name: Mapped[str] = mapped_column(String(200), info={"label": N_("File")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Recorded")})

    organization: Mapped[Organization] = relationship(foreign_keys=[organization_id])
    programme: Mapped[Programme | None] = relationship()
    id_number = Sealed("person")

    def __str__(self) -> str:
        return f"{self.year} {self.name}"


class DuplicatePair(Model):
    """Two cases that look like the same, or a case and a payment from before the system.

    ``application_id`` is the later one. ``signs`` lists why, ``,key,key,``; empty where nothing
    speaks for it any more. ``mark`` is the digest of what both say: what was ``settled`` holds
    while it stays.
    """

    __tablename__ = "duplicate_pair"
    __table_args__ = (
        UniqueConstraint("application_id", "other_id"),
        UniqueConstraint("application_id", "past_id"),
        Index("ix_duplicate_pair_other", "other_id"),
        Index("ix_duplicate_pair_past", "past_id"),
        CheckConstraint("(other_id IS NULL) <> (past_id IS NULL)", name="one_other"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    other_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"))
    past_id: Mapped[int | None] = mapped_column(ForeignKey("past_award.id"))
    signs: Mapped[str] = mapped_column(String(200), info={"label": N_("Looks alike by")})
    mark: Mapped[str] = mapped_column(String(64))
    settled: Mapped[str | None] = mapped_column(
        String(10), info={"label": N_("Settled as"), "choices": SETTLED}
    )
    found_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Found")})

    application: Mapped[Application] = relationship(foreign_keys=[application_id])
    other: Mapped[Application | None] = relationship(foreign_keys=[other_id])
    past: Mapped[PastAward | None] = relationship()

    def __str__(self) -> str:
        return str(self.id)


class DuplicateDecision(Model):
    """A person said whether a pair is the same, of what both said then. Never edited."""

    __tablename__ = "duplicate_decision"
    __table_args__ = (Index("ix_duplicate_decision_pair", "pair_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    pair_id: Mapped[int] = mapped_column(ForeignKey("duplicate_pair.id"))
    mark: Mapped[str] = mapped_column(String(64))
    settled: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(Text, info={"label": N_("Reason")})
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Decided at")})

    account: Mapped[Account | None] = relationship()
