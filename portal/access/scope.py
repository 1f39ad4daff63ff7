"""Which rows an actor sees: their own union and everything below it, by one rule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, false, select, true

from models.account import Account
from models.adjustment import Adjustment
from models.allocation import AllocationItem, AllocationRun
from models.applicant import Applicant
from models.application import Application, Attachment
from models.audit import AuditEntry
from models.certificate import SkillCertificate
from models.evidence import DuplicatePair, PastAward, RegistryCheck
from models.funding import Payment, PaymentBatch
from models.organization import Organization
from models.panel import Expert, ExpertConflict, ScoreSheet
from models.patent import Patent
from models.project import Project
from models.publicity import NoticeEntry, Objection, PublicNotice
from models.studio import Studio, StudioRecognition
from portal.access.actor import Actor
from portal.access.permissions import EXPERT

CITY_DEPTH, DISTRICT_DEPTH = 0, 1


def visible(entity: Any, actor: Actor) -> ColumnElement[bool]:
    """The condition under which rows of *entity* (a mapped class) are in *actor*'s subtree.

    Classes that hold no personal rows (catalogues, programmes, budgets) are not scoped: ``true``.
    An entity that this rule does not know is invisible: ``false``. An expert sees their own
    sheets and what these are about, wherever their account sits.
    """
    if entity in _PUBLIC:
        return true()
    if actor.role == EXPERT:
        return _by_sheets(entity, actor)
    if entity not in _SCOPED:
        return false()
    return true() if actor.depth == CITY_DEPTH else _SCOPED[entity](entity, actor)


def subtree(actor: Actor) -> Any:
    """A subquery of the organization ids that *actor* may see."""
    return select(Organization.id).where(Organization.path.startswith(actor.path, autoescape=True))


def _by_tree(entity: Any, actor: Actor) -> ColumnElement[bool]:
    return entity.organization_id.in_(subtree(actor))  # type: ignore[no-any-return]


def _by_district_or_tree(entity: Any, actor: Actor) -> ColumnElement[bool]:
    if actor.depth == DISTRICT_DEPTH:
        return entity.district_id == actor.organization_id  # type: ignore[no-any-return]
    return _by_tree(entity, actor)


def _by_path(entity: Any, actor: Actor) -> ColumnElement[bool]:
    return entity.path.startswith(actor.path, autoescape=True)  # type: ignore[no-any-return]


def _by_batch_district(entity: Any, actor: Actor) -> ColumnElement[bool]:
    return entity.district_id.in_(subtree(actor))  # type: ignore[no-any-return]


def _by_application(entity: Any, actor: Actor) -> ColumnElement[bool]:
    cases = select(Application.id).where(_by_district_or_tree(Application, actor))
    return entity.application_id.in_(cases)  # type: ignore[no-any-return]


def _by_own_notice(entity: Any, actor: Actor) -> ColumnElement[bool]:
    """A notice that shows a case of theirs."""
    entries = select(NoticeEntry.notice_id).where(_by_application(NoticeEntry, actor))
    return entity.id.in_(entries)  # type: ignore[no-any-return]


def _by_own_item(entity: Any, actor: Actor) -> ColumnElement[bool]:
    """An allocation run in which a case of theirs stands."""
    items = select(AllocationItem.run_id).where(_by_application(AllocationItem, actor))
    return entity.id.in_(items)  # type: ignore[no-any-return]


def _by_sheets(entity: Any, actor: Actor) -> ColumnElement[bool]:
    if entity is ScoreSheet:
        return ScoreSheet.id.in_(_own_sheets(ScoreSheet.id, actor))
    if entity is Application:
        return Application.id.in_(_own_sheets(ScoreSheet.application_id, actor))
    if entity is Attachment:
        return Attachment.application_id.in_(_own_sheets(ScoreSheet.application_id, actor))
    return false()


def _own_sheets(column: Any, actor: Actor) -> Any:
    """*column* of the standing sheets that were given to the expert who acts."""
    return (
        select(column)
        .join(Expert, Expert.id == ScoreSheet.expert_id)
        .where(
            Expert.account_id == actor.account_id,
            Expert.is_active,
            ScoreSheet.voided_at.is_(None),
        )
    )


def _nowhere(_entity: Any, _actor: Actor) -> ColumnElement[bool]:
    """Rows of the city alone."""
    return false()


def _public() -> frozenset[Any]:
    from models import (
        allocation,
        calendar,
        catalogue,
        decision,
        funding,
        notice,
        papers,
        programme,
        sharing,
    )

    return frozenset(
        {
            calendar.CalendarDay,
            catalogue.Catalogue,
            catalogue.CatalogueEntry,
            notice.Notice,
            notice.Clause,
            programme.Programme,
            programme.Revision,
            programme.Window,
            programme.Channel,
            programme.FormField,
            programme.DerivedFact,
            programme.AttachmentRule,
            programme.Condition,
            programme.AwardTier,
            programme.Bound,
            programme.OrderKey,
            programme.Stage,
            allocation.Allocation,
            sharing.Share,
            sharing.Instalment,
            sharing.PaymentRule,
            papers.BankFile,
            funding.Budget,
            decision.ReasonTemplate,
        }
    )


_PUBLIC = _public()
_SCOPED = {
    Application: _by_district_or_tree,
    Applicant: _by_tree,
    SkillCertificate: _by_tree,
    Patent: _by_tree,
    Studio: _by_tree,
    StudioRecognition: _by_tree,
    Project: _by_tree,
    Attachment: _by_application,
    RegistryCheck: _by_application,
    DuplicatePair: _by_application,
    PastAward: _by_district_or_tree,
    Account: _by_tree,
    AuditEntry: _by_tree,
    Organization: _by_path,
    PaymentBatch: _by_batch_district,
    Payment: _by_application,
    AllocationRun: _by_own_item,
    AllocationItem: _by_application,
    Adjustment: _by_application,
    Expert: _nowhere,
    ExpertConflict: _nowhere,
    ScoreSheet: _nowhere,
    PublicNotice: _by_own_notice,
    NoticeEntry: _by_application,
    Objection: _nowhere,
}
