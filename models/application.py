"""Applications (申报): one case, its judgement and where it stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.account import Account
from models.applicant import Applicant
from models.base import N_, BigId, Model, UtcDateTime, Versioned
from models.certificate import SkillCertificate
from models.organization import Organization
from models.patent import Patent
from models.programme import Programme, Revision, Window
from models.project import Project
from models.studio import Studio
from models.types import JSON, Sealed

DRAFT, WAITING, RETURNED, REFUSED = "draft", "waiting", "returned", "refused"
APPROVED, PAID, WITHDRAWN = "approved", "paid", "withdrawn"
STATES = {
    DRAFT: N_("Draft"),
    WAITING: N_("Waiting"),
    RETURNED: N_("Returned"),
    REFUSED: N_("Not funded"),
    APPROVED: N_("Approved"),
    PAID: N_("Paid"),
    WITHDRAWN: N_("Withdrawn"),
}
ELIGIBLE, HELD, INELIGIBLE = "eligible", "held", "ineligible"
VERDICTS = {
    ELIGIBLE: N_("Eligible"),
    HELD: N_("Needs a person"),
    INELIGIBLE: N_("Not eligible"),
}
CARD, BANK, UNIT = "card", "bank", "unit"
PAYEE_KINDS = {
    CARD: N_("Member card"),
    BANK: N_("Bank account"),
    UNIT: N_("Through the unit"),
}


class Application(Versioned, Model):
    """One application. ``state`` and ``stage_key`` are written only by ``portal.review``,
    the verdict columns only by ``portal.policy.judge``, ``paid`` only by ``portal.funding``.

    ``route`` lists the keys of the stages it walks, ``,key,key,``, settled when it is submitted.
    ``returned_from`` is the stage that returned it to its applicant, while it is returned.
    ``sequence`` is given once, at first complete submission, and decides who came first.
    ``claim_key`` is what may be claimed once in the family while ``claims`` holds.
    ``missed`` and ``asked`` list condition keys as ``,key,key,``. ``amount_fen`` is in fen; of it
    ``granted_fen`` is what a final allocation run gave, where a rule of the programme asks for one.
    ``adjusted_fen`` is what approved adjustments add to that or take from it, none without them.
    ``batch_id`` names the decision batch that last moved the case.
    """

    __tablename__ = "application"
    __table_args__ = (
        UniqueConstraint("programme_id", "sequence"),
        Index(
            "uq_application_live_claim",
            "family",
            "claim_key",
            unique=True,
            sqlite_where=text("claims = 1"),
            postgresql_where=text("claims"),
        ),
        Index("ix_application_claim_key", "claim_key"),
        Index("ix_application_district", "district_id", "id"),
        Index("ix_application_district_stage", "district_id", "state", "stage_key", "id"),
        Index("ix_application_organization", "organization_id", "id"),
        Index("ix_application_state_stage", "state", "stage_key", "id"),
        Index("ix_application_verdict", "verdict", "id"),
        Index("ix_application_district_verdict", "district_id", "verdict", "id"),
        Index("ix_application_programme", "programme_id", "id"),
        Index("ix_application_revision", "revision_id", "id"),
        Index("ix_application_submitted", "submitted_on", "id"),
        Index("ix_application_batch", "batch_id", "id"),
        CheckConstraint("amount_fen >= 0", name="amount_not_negative"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    number: Mapped[str] = mapped_column(
        String(40), unique=True, info={"label": N_("Application number")}
    )
    programme_id: Mapped[int] = mapped_column(
        ForeignKey("programme.id"), info={"label": N_("Programme")}
    )
    revision_id: Mapped[int] = mapped_column(ForeignKey("revision.id"))
    window_id: Mapped[int | None] = mapped_column(ForeignKey("window.id"))
    family: Mapped[str] = mapped_column(String(40))
    channel: Mapped[str] = mapped_column(String(40), info={"label": N_("Channel")})
    organization_id: Mapped[int] = mapped_column(
        ForeignKey("organization.id"), info={"label": N_("Unit")}
    )
    district_id: Mapped[int | None] = mapped_column(
        ForeignKey("organization.id"), info={"label": N_("District or bureau union")}
    )
    applicant_id: Mapped[int] = mapped_column(
        ForeignKey("applicant.id"), index=True, info={"label": N_("Applicant")}
    )
    certificate_id: Mapped[int | None] = mapped_column(
        ForeignKey("skill_certificate.id"), index=True, info={"label": N_("Certificate")}
    )
    patent_id: Mapped[int | None] = mapped_column(
        ForeignKey("patent.id"), index=True, info={"label": N_("Patent")}
    )
    studio_id: Mapped[int | None] = mapped_column(
        ForeignKey("studio.id"), index=True, info={"label": N_("Studio")}
    )
    project_id: Mapped[int | None] = mapped_column(
        ForeignKey("project.id"), index=True, info={"label": N_("Project")}
    )
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    submitted_by_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))

    state: Mapped[str] = mapped_column(
        String(20), default=DRAFT, info={"label": N_("State"), "choices": STATES}
    )
    stage_key: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Stage")})
    route: Mapped[str] = mapped_column(String(400), default="", server_default="")
    returned_from: Mapped[str | None] = mapped_column(String(40))
    sequence: Mapped[int | None] = mapped_column(Integer)
    submitted_on: Mapped[date | None] = mapped_column(Date, info={"label": N_("Submitted on")})
    verdict: Mapped[str | None] = mapped_column(
        String(12), info={"label": N_("Verdict"), "choices": VERDICTS}
    )
    tier_key: Mapped[str | None] = mapped_column(String(40), info={"label": N_("Award tier")})
    amount_fen: Mapped[int] = mapped_column(
        BigId, default=0, info={"label": N_("Amount (yuan)"), "widget": "yuan"}
    )
    granted_fen: Mapped[int | None] = mapped_column(
        BigId, info={"label": N_("Granted (yuan)"), "widget": "yuan"}
    )
    adjusted_fen: Mapped[int | None] = mapped_column(BigId, info={"label": N_("Adjusted (yuan)")})
    missed: Mapped[str] = mapped_column(String(400), default="", server_default="")
    asked: Mapped[str] = mapped_column(String(400), default="", server_default="")
    claim_key: Mapped[str | None] = mapped_column(String(80))
    claims: Mapped[bool] = mapped_column(Boolean, default=False)
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("decision_batch.id"))

    fields: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    payee_kind: Mapped[str | None] = mapped_column(
        String(10), info={"label": N_("Paid to"), "choices": PAYEE_KINDS}
    )
    bank_name: Mapped[str | None] = mapped_column(String(60), info={"label": N_("Bank")})
    account_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    account_index: Mapped[bytes | None] = mapped_column(LargeBinary(32), index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Created")})
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, info={"label": N_("Updated")})

    account = Sealed("account")
    programme: Mapped[Programme] = relationship()
    revision: Mapped[Revision] = relationship()
    window: Mapped[Window | None] = relationship()
    organization: Mapped[Organization] = relationship(foreign_keys=[organization_id])
    district: Mapped[Organization | None] = relationship(foreign_keys=[district_id])
    applicant: Mapped[Applicant] = relationship()
    certificate: Mapped[SkillCertificate | None] = relationship()
    patent: Mapped[Patent | None] = relationship()
    studio: Mapped[Studio | None] = relationship()
    project: Mapped[Project | None] = relationship()
    lists: Mapped[list[ListRow]] = relationship(order_by="ListRow.position")
    created_by: Mapped[Account | None] = relationship(foreign_keys=[created_by_id])

    def __str__(self) -> str:
        return self.number


class ListRow(Model):
    """One row of a table that the form asks for, such as a member of a team.

    ``field`` is the form field's key; ``cells`` maps the field's columns to plain values.
    """

    __tablename__ = "list_row"
    __table_args__ = (UniqueConstraint("application_id", "field", "position"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    field: Mapped[str] = mapped_column(String(40))
    position: Mapped[int] = mapped_column(Integer)
    cells: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class Attachment(Model):
    """A file that belongs to an application; its bytes lie sealed outside the database.

    ``row_key`` names and binds the sealed file; ``size`` and the SHA-256 ``digest`` are of what was
    sealed. ``rule_key`` is the attachment rule that it answers; ``removed_at`` marks what was
    replaced.
    """

    __tablename__ = "attachment"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    row_key: Mapped[str] = mapped_column(String(22), unique=True)
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), index=True)
    rule_key: Mapped[str] = mapped_column(String(40))
    file_name: Mapped[str] = mapped_column(String(200), info={"label": N_("File")})
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int] = mapped_column(BigId)
    digest: Mapped[str] = mapped_column(String(64))
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    application: Mapped[Application] = relationship()
    account: Mapped[Account | None] = relationship()


class SurveyAnswer(Model):
    """The survey printed under the form (S26 附件): kept apart, aggregated only, never reviewed."""

    __tablename__ = "survey_answer"

    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"), primary_key=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
