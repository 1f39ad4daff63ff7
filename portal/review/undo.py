"""Taking an act back until somebody acts on its cases: a decision of its own, row by row.

A case that moved on stays as it is and is told. Nothing is committed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from models.application import APPROVED, REFUSED, RETURNED, WAITING, Application
from models.base import N_, Refusal
from models.decision import (
    PASS,
    REJECT,
    RETURN,
    UNDO,
    Decision,
    DecisionBatch,
    Override,
    Selection,
    SelectionItem,
)
from models.funding import Payment
from models.programme import Revision, Stage
from models.publicity import NoticeEntry
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import decide_rows, seal_rows
from portal.clock import Clock
from portal.policy.judge import OF_BATCH, judge
from portal.review.selections import SelectionGone
from portal.review.standing import MOVED_ON, UNDONE

STAYS: list[ColumnElement[bool]] = [
    exists().where(Payment.application_id == Application.id),
    exists().where(NoticeEntry.application_id == Application.id, NoticeEntry.ended_on.is_(None)),
]
"""Cases on which somebody acts without deciding: in a payment batch, in a notice that runs."""


class NothingToUndo(Refusal):
    """Every case has moved on, or was taken back before."""

    message = N_("None of these cases can be taken back any more.")


class ClaimedMeanwhile(Refusal):
    """Somebody claimed the same thing in this very moment."""

    message = N_("Something else was entered in this moment. Please try again.")


@dataclass(frozen=True)
class Undone:
    """How many cases an undo took back, and how many it had to leave."""

    undone: int
    left: int


def undo(session: Session, actor: Actor, clock: Clock, selection: Selection) -> Undone:
    """Take back what the act on *selection* decided, where nobody acted on it since.

    Raises ``SelectionGone`` for somebody else's act and ``NothingToUndo``.
    """
    batches = undoable_batches(session, actor, selection)
    found = [undo_batch(session, actor, clock, batch) for batch in batches]
    done = sum(row.undone for row in found)
    if not done:
        raise NothingToUndo()
    return Undone(done, sum(row.left for row in found))


def undoable_batches(session: Session, actor: Actor, selection: Selection) -> list[DecisionBatch]:
    """The batches of the act on *selection* that were not taken back; raises ``SelectionGone``."""
    require(actor, "application:decide")
    if selection.used_at is None or selection.account_id != actor.account_id:
        raise SelectionGone()
    before = aliased(DecisionBatch)
    return list(
        session.scalars(
            select(DecisionBatch)
            .where(
                DecisionBatch.selection_id == selection.id,
                DecisionBatch.outcome.in_((PASS, RETURN, REJECT)),
                ~exists().where(before.undoes_id == DecisionBatch.id),
            )
            .order_by(DecisionBatch.id)
        )
    )


def undoable(session: Session, actor: Actor, selection: Selection) -> int:
    """How many cases of the act on *selection* could be taken back now."""
    count = 0
    for batch in undoable_batches(session, actor, selection):
        rows = select(func.count(Application.id)).where(*_guards(actor, batch))
        count += session.execute(rows).scalar_one()
    return count


def undo_batch(session: Session, actor: Actor, clock: Clock, batch: DecisionBatch) -> Undone:
    """Take back one batch: stage, state and claims as they were, a decision and an audit row each.

    What a person confirmed with it no longer counts, and the cases are judged again.
    """
    now = clock.now()
    back = DecisionBatch(
        selection_id=batch.selection_id,
        account_id=actor.account_id,
        outcome=UNDO,
        undoes_id=batch.id,
        decided_at=now,
    )
    session.add(back)
    session.flush()
    _restore(session, actor, batch, back, now)
    decide_rows(session, actor, now, back, _of(batch, Decision.to_stage))
    seal_rows(session, actor, now, back)
    moved = select(Application.id).where(Application.batch_id == back.id)
    session.execute(
        update(Override)
        .where(
            Override.batch_id == batch.id,
            Override.application_id.in_(moved),
            Override.voided_at.is_(None),
        )
        .values(voided_at=now)
        .execution_options(synchronize_session=False)
    )
    for revision in _revisions(session, back):
        judge(session, revision, only=OF_BATCH, of_batch=back.id)
    return _note(session, batch, back)


def _restore(
    session: Session, actor: Actor, batch: DecisionBatch, back: DecisionBatch, now: datetime
) -> None:
    statement = (
        update(Application)
        .where(*_guards(actor, batch))
        .values(
            state=WAITING,
            stage_key=_of(batch, Decision.from_stage),
            returned_from=None,
            claims=True,
            batch_id=back.id,
            updated_at=now,
            version=Application.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
    try:
        with session.begin_nested():
            session.execute(statement)
    except IntegrityError:
        raise ClaimedMeanwhile() from None


def _guards(actor: Actor, batch: DecisionBatch) -> list[ColumnElement[bool]]:
    """The cases of *batch* that stand as it left them, and that *actor* decides."""
    rival = aliased(Application)
    claimed = exists().where(
        rival.family == Application.family,
        rival.claim_key == Application.claim_key,
        rival.claims,
        rival.id != Application.id,
    )
    acts = exists().where(
        Stage.revision_id == Application.revision_id,
        Stage.key == _of(batch, Decision.from_stage),
        Stage.acts == actor.role,
    )
    return [
        Application.batch_id == batch.id,
        Application.version == _of(batch, Decision.version),
        Application.state.in_((WAITING, RETURNED, REFUSED, APPROVED)),
        visible(Application, actor),
        acts,
        or_(Application.claims, ~claimed),
        *(~held for held in STAYS),
    ]


def _of(batch: DecisionBatch, column: Any) -> ColumnElement[Any]:
    """What the decision of *batch* on a case says in *column*."""
    return (
        select(column)
        .where(Decision.batch_id == literal(batch.id), Decision.application_id == Application.id)
        .correlate(Application)
        .scalar_subquery()
    )


def _revisions(session: Session, back: DecisionBatch) -> Iterable[Revision]:
    ids = select(Application.revision_id).where(Application.batch_id == back.id).distinct()
    return session.scalars(select(Revision).where(Revision.id.in_(ids)).order_by(Revision.id)).all()


def _note(session: Session, batch: DecisionBatch, back: DecisionBatch) -> Undone:
    """Note with each case of *batch* whether it was taken back."""
    items = [
        SelectionItem.selection_id == batch.selection_id,
        SelectionItem.batch_id == batch.id,
        SelectionItem.skipped.is_(None),
    ]
    moved = select(Application.id).where(Application.batch_id == back.id)
    counts = []
    for kind, which in ((UNDONE, SelectionItem.application_id.in_(moved)), (MOVED_ON, None)):
        where = items if which is None else [*items, which]
        noted = (
            update(SelectionItem)
            .where(*where)
            .values(skipped=kind)
            .returning(SelectionItem.application_id)
            .execution_options(synchronize_session=False)
        )
        counts.append(len(session.execute(noted).all()))
    back.decided = counts[0]
    back.skipped = {MOVED_ON: counts[1]} if counts[1] else {}
    session.flush()
    return Undone(*counts)
