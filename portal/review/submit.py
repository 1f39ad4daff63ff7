"""Submitting: a place in the sequence, a claim, a window, the first stage, a judgement.

The sequence is given once, at the first complete submission, and a return keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import func, literal, null, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.application import DRAFT, RETURNED, WAITING, WITHDRAWN, Application
from models.base import N_, Refusal
from models.decision import SUBMIT, WITHDRAW, DecisionBatch, Override
from models.evidence import PastAward
from models.funding import Payment
from models.programme import Programme, Revision, Window
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.calendar import calendar_of
from portal.clock import SHANGHAI, Clock
from portal.evidence.duplicates import find_pairs
from portal.funding.dues import has_money
from portal.funding.returned import release, take_turns
from portal.policy.judge import OF_BATCH, judge
from portal.policy.stage_checks import PANEL, PUBLIC_NOTICE
from portal.review.corrections import Asked
from portal.review.route import editable, settle_routes, stages_of


class OutsideWindow(Refusal):
    """The day lies in no window of the channel."""

    message = N_("Applications were not being received on %(day)s; they are received %(windows)s.")


class AlreadyClaimed(Refusal):
    """Another live application of the programme family claims the same thing."""

    message = N_("What this form claims is already claimed by application %(number)s.")


class NotADraft(Refusal):
    """The application was submitted before."""

    message = N_("This application was already submitted.")


class NotWithdrawable(Refusal):
    """The case was decided for good."""

    message = N_("This application can no longer be withdrawn.")


def submit(session: Session, actor: Actor, clock: Clock, cases: Sequence[int]) -> None:
    """Submit the drafts *cases* (ids, in the order of their arrival) in one act.

    All belong to one revision and channel and lie in the actor's subtree. Raises
    ``OutsideWindow``, ``AlreadyClaimed``, ``NotADraft``; then nothing is written.
    """
    require(actor, "application:write")
    drafts = _drafts(session, actor, cases)
    revision = session.get_one(Revision, drafts[0].revision_id)
    batch = begin_act(session, actor, clock.now(), SUBMIT, len(drafts))
    windows = _windows(revision, drafts[0].channel, {row.submitted_on for row in drafts}, clock)
    base = _reserve(session, revision.programme_id, len(drafts)) - len(drafts)
    _update(session, Application.id.in_(cases), Application.state == DRAFT, batch_id=batch.id)
    for day, window in windows.items():
        _place(session, actor, clock.now(), day or clock.today(), day, window, batch)
    settle_routes(session, revision, _moved(batch))
    _refuse_paid_before(session, batch)
    _claim(session, batch, base)
    find_pairs(session, clock.now(), batch.id)
    judge(session, revision, only=OF_BATCH, of_batch=batch.id)
    record_batch(session, actor, clock.now(), batch, null())


def resubmit(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    asked: Asked | None = None,
) -> None:
    """Send an edited case back for review: a returned one to the stage that its return named, one
    that was waiting from the start. What a person confirmed is asked again (S15 手册). A case of
    which a panel, a public notice or a payment knew another award begins anew as well.

    Its place in the sequence stays, unless the stage that *asked* for the correction says
    otherwise; then it is the last.
    """
    require(actor, "application:write")
    now = clock.now()
    loses = asked is not None and loses_place(session, clock, application, asked)
    batch = begin_act(session, actor, now, SUBMIT, 1)
    _void_overrides(session, application, now)
    came_from, had, award = application.stage_key, application.sequence, application.amount_fen
    _update(
        session,
        Application.id == application.id,
        state=WAITING,
        stage_key=None if application.state == WAITING else came_from,
        returned_from=None,
        submitted_by_id=actor.account_id,
        batch_id=batch.id,
        updated_at=now,
        version=Application.version + 1,
    )
    settle_routes(session, application.revision, _moved(batch))
    base = _reserve(session, application.programme_id, 1) - 1 if loses else None
    _claim(session, batch, base)
    find_pairs(session, clock.now(), batch.id)
    judge(session, application.revision, only=OF_BATCH, of_batch=batch.id)
    session.refresh(application)
    if application.amount_fen != award and _was_relied_on(session, application):
        _update(session, Application.id == application.id, stage_key=None)
        settle_routes(session, application.revision, _moved(batch))
    record_batch(session, actor, now, batch, literal(came_from))
    session.refresh(application)
    if loses:
        _record_place(session, actor, now, application, had)


def _void_overrides(session: Session, application: Application, now: datetime) -> None:
    session.execute(
        update(Override)
        .where(Override.application_id == application.id, Override.voided_at.is_(None))
        .values(voided_at=now)
    )


def _record_place(
    session: Session, actor: Actor, now: datetime, application: Application, had: int | None
) -> None:
    """That a case gave up the place that it *had* in the order."""
    audit.record(
        session,
        actor,
        now,
        "application:place",
        "application",
        application.id,
        organization_id=application.organization_id,
        details={"was": had, "becomes": application.sequence},
    )


def _was_relied_on(session: Session, application: Application) -> bool:
    """Whether a panel or a public notice has passed the case, or something was paid of it."""
    walked = stages_of(application.revision, application.route)
    passed = takewhile(lambda row: row.key != application.stage_key, walked)
    paid = select(Payment.id).where(Payment.application_id == application.id).limit(1)
    relied = any(row.kind in (PANEL, PUBLIC_NOTICE) for row in passed)
    return relied or session.scalar(paid) is not None


def loses_place(session: Session, clock: Clock, application: Application, asked: Asked) -> bool:
    """Whether a correction that comes back today gives up its place in the order."""
    stage = next((row for row in application.revision.stages if row.key == asked.stage_key), None)
    if stage is None or (stage.keeps_place and not stage.keeps_within):
        return False
    if not stage.keeps_place:
        return True
    began = asked.decision.decided_at.astimezone(SHANGHAI).date()
    last = calendar_of(session).due(began, stage.keeps_within or {}).day
    return clock.today() > last


class MoneyIsOut(Refusal):
    """Something of the case was paid, or is on its way."""

    message = N_("Money of this application is on its way or was paid; it must come back first.")


def withdraw(
    session: Session, actor: Actor, clock: Clock, application: Application, seen_version: int
) -> None:
    """Take a case back before anybody approved it; its claim is free again.

    Raises ``MoneyIsOut``, or ``NotWithdrawable``, also when somebody changed the case since
    *seen_version*.
    """
    require(actor, "application:write")
    if application.state not in (WAITING, RETURNED) or not editable(application):
        raise NotWithdrawable()
    own = select(Application.id).where(Application.id == application.id, has_money())
    if session.scalar(own) is not None:
        raise MoneyIsOut()
    take_turns(session, [application.id])
    batch = begin_act(session, actor, clock.now(), WITHDRAW, 1)
    guarded = (
        update(Application)
        .where(Application.id == application.id, Application.version == seen_version)
        .values(
            state=WITHDRAWN,
            claims=False,
            batch_id=batch.id,
            updated_at=clock.now(),
            version=Application.version + 1,
        )
        .returning(Application.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise NotWithdrawable()
    release(session, actor, clock.now(), [application.id])
    record_batch(session, actor, clock.now(), batch, Application.stage_key.expression)
    session.refresh(application)


def is_open(revision: Revision, channel: str, day: date) -> bool:
    """Whether *channel* receives applications on *day*."""
    try:
        window_on(revision, channel, day)
    except OutsideWindow:
        return False
    return True


def window_on(revision: Revision, channel: str, day: date) -> Window:
    """The window of *channel* that *day* lies in; raises ``OutsideWindow`` with the dates."""
    open_to = [row for row in revision.windows if not row.channels or channel in row.channels]
    for row in open_to:
        if row.opens_on <= day <= row.closes_on:
            return row
    dates = "、".join(f"{row.opens_on} – {row.closes_on}" for row in open_to)
    raise OutsideWindow(day=day.isoformat(), windows=dates)


def _drafts(session: Session, actor: Actor, cases: Sequence[int]) -> Sequence[Any]:
    rows = session.execute(
        select(Application.revision_id, Application.channel, Application.submitted_on).where(
            Application.id.in_(cases), Application.state == DRAFT, visible(Application, actor)
        )
    ).all()
    if len(rows) != len(set(cases)) or not rows:
        raise NotADraft()
    return rows


def _windows(
    revision: Revision, channel: str, days: set[date | None], clock: Clock
) -> dict[date | None, Window]:
    return {day: window_on(revision, channel, day or clock.today()) for day in days}


def _reserve(session: Session, programme_id: int, count: int) -> int:
    raised = (
        update(Programme)
        .where(Programme.id == programme_id)
        .values(last_sequence=Programme.last_sequence + count)
        .returning(Programme.last_sequence)
        .execution_options(synchronize_session=False)
    )
    return session.execute(raised).scalar_one()


def _place(
    session: Session,
    actor: Actor,
    now: datetime,
    day: date,
    given: date | None,
    window: Window,
    batch: DecisionBatch,
) -> None:
    """Put the drafts of *batch* of one day into their window."""
    _update(
        session,
        Application.batch_id == batch.id,
        Application.state == DRAFT,
        Application.submitted_on == given if given else Application.submitted_on.is_(None),
        state=WAITING,
        window_id=window.id,
        submitted_on=day,
        submitted_by_id=actor.account_id,
        updated_at=now,
        version=Application.version + 1,
    )


def _refuse_paid_before(session: Session, batch: DecisionBatch) -> None:
    """What was paid for before the system is claimed for good (Q32)."""
    held = (
        select(PastAward)
        .join(Application, Application.claim_key == PastAward.claim_key)
        .where(Application.batch_id == batch.id, Application.family == PastAward.family)
    )
    found = session.scalars(held.order_by(PastAward.id).limit(1)).first()
    if found is not None:
        raise AlreadyClaimed(number=f"{found.title} {found.year}")


def _claim(session: Session, batch: DecisionBatch, base: int | None) -> None:
    """Claim what each case is for and, with *base*, number the cases after it."""
    placed = (
        select(
            Application.id,
            Application.claim_key,
            func.row_number().over(order_by=Application.id).label("place"),
        )
        .where(Application.batch_id == batch.id)
        .subquery("placed")
    )
    values: dict[str, Any] = {"claims": True}
    if base is not None:
        values["sequence"] = placed.c.place + base
    try:
        with session.begin_nested():
            _update(session, Application.id == placed.c.id, **values)
    except IntegrityError:
        raise AlreadyClaimed(number=_earlier(session, placed)) from None


def _earlier(session: Session, placed: Any) -> str:
    """The number of the live application that stands in the way."""
    held = select(Application.number).where(
        Application.claims, Application.claim_key.in_(select(placed.c.claim_key))
    )
    return session.scalars(held.order_by(Application.id).limit(1)).first() or "–"


def _moved(batch: DecisionBatch) -> Any:
    return select(Application.id).where(Application.batch_id == batch.id)


def _update(session: Session, *where: Any, **values: Any) -> None:
    session.execute(
        update(Application)
        .where(*where)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
