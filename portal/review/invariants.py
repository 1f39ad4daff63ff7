"""What must hold between cases, decisions and the audit trail; set-wise, a sentence a violation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, exists, false, func, or_, select
from sqlalchemy.orm import Session, aliased

from models.application import (
    APPROVED,
    DRAFT,
    PAID,
    REFUSED,
    RETURNED,
    WAITING,
    Application,
)
from models.audit import AuditEntry
from models.decision import (
    OUTCOMES,
    PASS,
    REJECT,
    RETURN,
    SUBMIT,
    Decision,
    SelectionItem,
)
from models.programme import Revision
from portal.access.trail import ACTIONS
from portal.review.route import stages_of

_LIVE = (WAITING, RETURNED, APPROVED, PAID)


def violations(session: Session) -> Iterator[str]:
    """Every violation of the promises that decisions make."""
    yield from _states(session)
    yield from _settled(session)
    yield from _chains(session)
    yield from _routes(session)
    yield from _own(session)
    yield from _unaudited(session)
    yield from _claims(session)
    yield from _returned(session)
    yield from _sets(session)


def _last() -> Any:
    """The last decision of each case."""
    newest = select(func.max(Decision.id).label("id")).group_by(Decision.application_id).subquery()
    return select(Decision).join(newest, newest.c.id == Decision.id).subquery("last")


def _states(session: Session) -> Iterator[str]:
    last = _last()
    rows = session.execute(
        select(Application.number, Application.state, last.c.to_state)
        .outerjoin(last, last.c.application_id == Application.id)
        .where(
            Application.state != DRAFT,
            or_(
                last.c.id.is_(None),
                last.c.to_state != Application.state,
                last.c.to_stage.is_distinct_from(Application.stage_key),
                last.c.version != Application.version,
            ),
        )
    )
    for number, state, decided in rows:
        yield f"review: application {number} stands at {state}, its decisions say {decided}"


def _settled(session: Session) -> Iterator[str]:
    """A settled case that no longer is what was decided."""
    last = _last()
    rows = session.scalars(
        select(Application.number)
        .join(last, last.c.application_id == Application.id)
        .where(
            Application.state.in_((APPROVED, PAID, REFUSED)),
            or_(
                last.c.amount_fen != Application.amount_fen,
                last.c.tier_key.is_distinct_from(Application.tier_key),
                last.c.verdict.is_distinct_from(Application.verdict),
            ),
        )
    )
    for number in rows:
        yield f"review: application {number} changed after it was decided"


def _chains(session: Session) -> Iterator[str]:
    """Each decision starts where the one before it ended."""
    before = func.lag(Decision.to_stage).over(
        partition_by=Decision.application_id, order_by=Decision.id
    )
    steps = select(
        Decision.application_id, Decision.id, Decision.from_stage, before.label("before")
    ).subquery()
    rows = session.execute(
        select(Application.number, steps.c.id)
        .join(steps, steps.c.application_id == Application.id)
        .where(steps.c.from_stage.is_distinct_from(steps.c.before))
    )
    for number, decision in rows:
        yield f"review: decision {decision} of {number} does not start where the last one ended"


def _routes(session: Session) -> Iterator[str]:
    """A pass leads to the very next stage, and only the last one approves.

    Looked at is what was decided since a case was last submitted: a correction may lead it along
    other stages.
    """
    submitted = (
        select(Decision.application_id, func.max(Decision.id).label("id"))
        .where(Decision.outcome == SUBMIT)
        .group_by(Decision.application_id)
        .subquery("submitted")
    )
    walked = select(Application.revision_id, Application.route).distinct()
    for revision_id, route in session.execute(walked.order_by(Application.revision_id)).all():
        allowed = _steps(
            [row.key for row in stages_of(session.get_one(Revision, revision_id), route)]
        )
        rows = session.execute(
            select(Application.number, Decision.from_stage, Decision.to_stage)
            .join(Decision, Decision.application_id == Application.id)
            .join(submitted, submitted.c.application_id == Application.id)
            .where(
                Decision.revision_id == revision_id,
                Decision.outcome == PASS,
                Decision.id > submitted.c.id,
                Application.revision_id == revision_id,
                Application.route == route,
                ~or_(false(), *allowed),
            )
        )
        for number, came, went in rows:
            yield f"review: application {number} passed from {came} to {went}, off its route"


def _steps(keys: list[str]) -> list[Any]:
    """The passes that a route of *keys* allows."""
    last = len(keys) - 1
    return [
        and_(
            Decision.from_stage == key,
            Decision.to_stage == keys[min(place + 1, last)],
            Decision.to_state == (WAITING if place < last else APPROVED),
        )
        for place, key in enumerate(keys)
    ]


def _own(session: Session) -> Iterator[str]:
    entered, submitted = aliased(Application), aliased(Decision)
    before = exists().where(
        submitted.application_id == Decision.application_id,
        submitted.account_id == Decision.account_id,
        submitted.outcome == SUBMIT,
        submitted.id < Decision.id,
    )
    rows = session.scalars(
        select(entered.number)
        .join(Decision, Decision.application_id == entered.id)
        .where(
            Decision.outcome.in_((PASS, RETURN, REJECT)),
            or_(Decision.account_id == entered.created_by_id, before),
        )
        .distinct()
    )
    for number in rows:
        yield f"review: application {number} was decided by the person who entered it"


def _unaudited(session: Session) -> Iterator[str]:
    decided = (
        select(Decision.application_id, func.count().label("n"))
        .group_by(Decision.application_id)
        .subquery()
    )
    actions = [ACTIONS + outcome for outcome in OUTCOMES]
    audited = (
        select(AuditEntry.entity_id, func.count().label("n"))
        .where(AuditEntry.entity == "application", AuditEntry.action.in_(actions))
        .group_by(AuditEntry.entity_id)
        .subquery()
    )
    rows = session.execute(
        select(Application.number, decided.c.n, audited.c.n)
        .outerjoin(decided, decided.c.application_id == Application.id)
        .outerjoin(audited, audited.c.entity_id == Application.id)
        .where(func.coalesce(decided.c.n, 0) != func.coalesce(audited.c.n, 0))
    )
    for number, decisions, entries in rows:
        yield f"review: application {number} has {decisions} decisions, {entries} audit entries"


def _claims(session: Session) -> Iterator[str]:
    rows = session.scalars(
        select(Application.number).where(Application.claims != Application.state.in_(_LIVE))
    )
    for number in rows:
        yield f"review: the claim of application {number} does not fit its state"


def _returned(session: Session) -> Iterator[str]:
    """What returned a case is the stage that its last return says."""
    newest = (
        select(func.max(Decision.id))
        .where(Decision.application_id == Application.id, Decision.outcome == RETURN)
        .correlate(Application)
        .scalar_subquery()
    )
    by = select(Decision.from_stage).where(Decision.id == newest).scalar_subquery()
    rows = session.scalars(
        select(Application.number).where(
            Application.state == RETURNED, Application.returned_from.is_distinct_from(by)
        )
    )
    for number in rows:
        yield f"review: application {number} says otherwise than its decisions who returned it"


def _sets(session: Session) -> Iterator[str]:
    """A chosen case counts as decided by a batch only where that batch decided it."""
    made = exists().where(
        Decision.batch_id == SelectionItem.batch_id,
        Decision.application_id == SelectionItem.application_id,
    )
    rows = session.execute(
        select(SelectionItem.selection_id, SelectionItem.application_id).where(
            SelectionItem.batch_id.is_not(None), ~made
        )
    )
    for selection, application in rows:
        yield f"review: set {selection} counts case {application} as decided, nothing decided it"
