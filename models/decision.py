"""Decisions are rows, made in sets: the frozen set, the batch, the rows, the overrides."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.exchange import Job
from models.types import JSON

SUBMIT, PASS, RETURN, REJECT, WITHDRAW = "submit", "pass", "return", "reject", "withdraw"
PAY, MOVE, FILL, UNDO = "pay", "move", "fill", "undo"
COME_BACK, GRANT, ACCOUNT, BEARER = "come-back", "grant", "account", "bearer"
ADJUST = "adjust"
OUTCOMES = {
    SUBMIT: N_("Submitted"),
    PASS: N_("Passed"),
    RETURN: N_("Returned for correction"),
    REJECT: N_("Not funded"),
    WITHDRAW: N_("Withdrawn"),
    GRANT: N_("Granted"),
    PAY: N_("Paid"),
    COME_BACK: N_("Payment came back"),
    ACCOUNT: N_("Account corrected"),
    BEARER: N_("Payer chosen"),
    ADJUST: N_("Award adjusted"),
    MOVE: N_("Moved to other rules"),
    FILL: N_("Filled in"),
    UNDO: N_("Taken back"),
}
SHORTEST_REASON, LONGEST_REASON = 2, 500
"""Characters of what a person gives as a reason, for a case, a batch or a payment."""
REASONED = {key: OUTCOMES[key] for key in (RETURN, REJECT)}


class Selection(Model):
    """A set of applications frozen at the server when somebody chose it.

    ``outcome`` is the action it was chosen for; ``query`` the list filter, nothing personal.
    Once it is used it also holds the words of the act: the reasons, the ``fields`` to correct
    (form field key → what is wrong with it), the earlier stage ``back_to`` that it is returned to,
    and the job that decides it part by part.
    """

    __tablename__ = "selection"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(20))
    query: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    override_reason: Mapped[str] = mapped_column(Text, default="", server_default="")
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    back_to: Mapped[str | None] = mapped_column(String(40))
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))

    job: Mapped[Job | None] = relationship()


class SelectionItem(Model):
    """One chosen application with the version that was seen, and what became of it.

    An exception has its own ``outcome`` and ``reason``. ``batch_id`` names the batch that decided
    it; ``skipped`` says why it was not decided, or what became of the decision afterwards.
    Neither: its turn has not come.
    """

    __tablename__ = "selection_item"

    selection_id: Mapped[int] = mapped_column(ForeignKey("selection.id"), primary_key=True)
    application_id: Mapped[int] = mapped_column(
        ForeignKey("application.id"), primary_key=True, index=True
    )
    version: Mapped[int] = mapped_column(Integer)
    skipped: Mapped[str | None] = mapped_column(String(20))
    outcome: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(Text)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("decision_batch.id"))


class DecisionBatch(Model):
    """One act of deciding, for one case or ten thousand. ``skipped`` maps a reason to its count.

    ``fields`` are the form fields that a return asks to correct, each with what is wrong;
    ``undoes_id`` names the batch that an undo takes back.
    """

    __tablename__ = "decision_batch"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    selection_id: Mapped[int | None] = mapped_column(ForeignKey("selection.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"), index=True)
    outcome: Mapped[str] = mapped_column(String(20), info={"label": N_("Outcome")})
    reason: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reason")})
    decided: Mapped[int] = mapped_column(Integer, default=0, info={"label": N_("Decided")})
    skipped: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Decided at")})
    fields: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    undoes_id: Mapped[int | None] = mapped_column(ForeignKey("decision_batch.id"), index=True)

    account: Mapped[Account | None] = relationship()


class Decision(Model):
    """One decision on one case. Never edited or deleted: triggers refuse it.

    ``from_stage``/``to_stage`` and ``to_state`` say where the case stood and stands after;
    ``version`` is the application's version after it; verdict, tier and amount are as seen.
    """

    __tablename__ = "decision"
    __table_args__ = (Index("ix_decision_application", "application_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    batch_id: Mapped[int] = mapped_column(ForeignKey("decision_batch.id"), index=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    outcome: Mapped[str] = mapped_column(String(20), info={"label": N_("Outcome")})
    from_stage: Mapped[str | None] = mapped_column(String(40))
    to_stage: Mapped[str | None] = mapped_column(String(40))
    to_state: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="", info={"label": N_("Reason")})
    version: Mapped[int] = mapped_column(Integer)
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    verdict: Mapped[str | None] = mapped_column(String(12))
    tier_key: Mapped[str | None] = mapped_column(String(40))
    amount_fen: Mapped[int] = mapped_column(BigId, default=0)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Decided at")})

    account: Mapped[Account | None] = relationship()
    batch: Mapped[DecisionBatch] = relationship()


class Override(Model):
    """A person passed a condition that asks, with a reason; void once the case is edited."""

    __tablename__ = "override"
    __table_args__ = (Index("ix_override_application", "application_id", "condition_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    condition_key: Mapped[str] = mapped_column(String(40))
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    batch_id: Mapped[int] = mapped_column(ForeignKey("decision_batch.id"))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    reason: Mapped[str] = mapped_column(Text)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    voided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account | None] = relationship()


class FieldChange(Model):
    """What a correction changed in one field of the form; identifiers are kept masked only.

    ``batch_id`` is the submission that the change came with; a field filled in for the first time
    was empty before.
    """

    __tablename__ = "field_change"
    __table_args__ = (Index("ix_field_change_application", "application_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    batch_id: Mapped[int] = mapped_column(ForeignKey("decision_batch.id"), index=True)
    field: Mapped[str] = mapped_column(String(60))
    was: Mapped[str] = mapped_column(Text)
    becomes: Mapped[str] = mapped_column(Text)


class ReasonTemplate(Versioned, Model):
    """Words that reviewers use again and again, offered where a reason is asked."""

    __tablename__ = "reason_template"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    outcome: Mapped[str] = mapped_column(String(20), info={"label": N_("For"), "choices": REASONED})
    position: Mapped[int] = mapped_column(Integer, default=1, info={"label": N_("Place")})
    says: Mapped[str] = mapped_column(String(200), info={"label": N_("Says")})

    def __str__(self) -> str:
        return self.says
