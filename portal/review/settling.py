"""Settling what looks like a duplicate: a person says whether it is the same, with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session, aliased, joinedload

from models.application import Application
from models.base import N_, Refusal
from models.decision import LONGEST_REASON, SHORTEST_REASON
from models.evidence import SETTLED, DuplicateDecision, DuplicatePair
from models.funding import CANCELLED, Payment, PaymentBatch
from models.programme import Revision
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.clock import Clock
from portal.evidence.duplicates import sees_both
from portal.policy.judge import judge
from portal.review.standing import not_own


class NotYours(Refusal):
    """The actor does not see both cases, or entered one of them."""

    message = N_("Who settles this must see both cases and have entered neither.")


class NoReason(Refusal):
    """A decision needs its reason."""

    message = N_("Please give a reason.")


class NoSuchAnswer(Refusal):
    """A pair is the same or it is not."""

    message = N_("Say whether they are the same or not.")


class ShownOtherwise(Refusal):
    """One of the two changed since they were shown."""

    message = N_("One of the two changed meanwhile. Please look at them again.")


def pairs_of(session: Session, application: Application) -> Sequence[DuplicatePair]:
    """What *application* looks like, newest first; pairs that show no sign any more are left out
    unless somebody settled them."""
    return session.scalars(
        select(DuplicatePair)
        .where(
            or_(
                DuplicatePair.application_id == application.id,
                DuplicatePair.other_id == application.id,
            ),
            or_(DuplicatePair.signs != "", DuplicatePair.settled.is_not(None)),
        )
        .order_by(DuplicatePair.id.desc())
    ).all()


def may_settle(session: Session, actor: Actor, pair: DuplicatePair) -> bool:
    """Whether *actor* may say what *pair* is."""
    if not may(actor, "duplicate:decide"):
        return False
    seen = select(DuplicatePair.id).where(DuplicatePair.id == pair.id, sees_both(actor))
    own = select(Application.id).where(
        Application.id.in_((pair.application_id, pair.other_id or 0)), ~not_own(actor)
    )
    return session.scalar(seen) is not None and session.scalar(own.limit(1)) is None


def settle(
    session: Session,
    actor: Actor,
    clock: Clock,
    pair: DuplicatePair,
    settled: str,
    reason: str,
    seen_mark: str | None = None,
) -> DuplicateDecision:
    """Say that *pair* is the same or not; it is not shown again unless one of the two changes.

    Raises ``NotAllowed``, ``NotYours``, ``NoSuchAnswer``, ``NoReason``, or ``ShownOtherwise``
    where the pair is no longer the one with *seen_mark*.
    """
    require(actor, "duplicate:decide")
    reason = reason.strip()
    if settled not in SETTLED:
        raise NoSuchAnswer()
    if len(reason) < SHORTEST_REASON:
        raise NoReason()
    session.refresh(pair, with_for_update=True)
    if not may_settle(session, actor, pair):
        raise NotYours()
    if seen_mark is not None and seen_mark != pair.mark:
        raise ShownOtherwise()
    made = session.scalars(
        insert(DuplicateDecision).returning(DuplicateDecision),
        {
            "pair_id": pair.id,
            "mark": pair.mark,
            "settled": settled,
            "reason": reason[:LONGEST_REASON],
            "account_id": actor.account_id,
            "decided_at": clock.now(),
        },
    ).one()
    pair.settled = settled
    session.flush()
    audit.record(
        session, actor, clock.now(), "duplicate:settle", "duplicate_pair", pair.id,
        outcome=settled, reason=reason[:LONGEST_REASON],
        details={"application": pair.application_id, "other": pair.other_id, "past": pair.past_id},
        organization_id=pair.application.organization_id,
    )  # fmt: skip
    _judge(session, pair)
    return made


def decisions_of(session: Session, pair: DuplicatePair) -> Sequence[DuplicateDecision]:
    """What was said of *pair*, newest first."""
    return session.scalars(
        select(DuplicateDecision)
        .where(DuplicateDecision.pair_id == pair.id)
        .options(joinedload(DuplicateDecision.account))
        .order_by(DuplicateDecision.id.desc())
    ).all()


def paid_on(session: Session, application_id: int) -> tuple[int, date | None]:
    """What was paid for a case, in fen, and the day its last payment was made."""
    row = session.execute(
        select(func.coalesce(func.sum(Payment.amount_fen), 0), func.max(PaymentBatch.paid_on))
        .join(PaymentBatch, PaymentBatch.id == Payment.batch_id)
        .where(Payment.application_id == application_id, PaymentBatch.state != CANCELLED)
    ).one()
    return int(row[0]), row[1]


def _judge(session: Session, pair: DuplicatePair) -> None:
    ids = [row for row in (pair.application_id, pair.other_id) if row is not None]
    case = aliased(Application)
    for revision in session.scalars(
        select(Revision).where(Revision.id.in_(select(case.revision_id).where(case.id.in_(ids))))
    ):
        if _reads_duplicates(revision):
            judge(session, revision, only=select(case.id).where(case.id.in_(ids)))


def _reads_duplicates(revision: Revision) -> bool:
    rows = (*revision.conditions, *revision.tiers, *revision.bounds)
    named = (getattr(row, name, None) for row in rows for name in ("when", "require"))
    return "duplicates." in str(list(named))
