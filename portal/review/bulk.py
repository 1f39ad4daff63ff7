"""Large acts as background work: a part is a transaction, and each case has its turn once.

What became of a case stands beside it in the set (``SelectionItem``), written in the same
transaction as its decision. A worker that takes the job up again goes on with those that have
neither; so a crash at any moment loses and doubles nothing.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from models.base import N_, Refusal, writing
from models.decision import Selection, SelectionItem
from models.exchange import Job
from portal.access.actor import Actor
from portal.clock import Clock
from portal.jobs import DONE, FAILED, Progress, job, start_job
from portal.review.decide import Words, begin, decide_part
from portal.review.selections import SelectionGone
from portal.review.undo import NothingToUndo, undo_batch, undoable_batches

AT_ONCE = 2_000
"""Cases that one request decides; more are decided in the background."""
PART = 2_000
"""Cases of a transaction: as many as let another writer wait well under a second."""
PAUSE = 0.05
"""Seconds between two parts, in which others who wait to write have their turn."""
DECIDE, UNDO = "decide", "undo"


class StillWorking(Refusal):
    """The act is not at its end."""

    message = N_("This work still goes on.")


def decide_later(
    session: Session,
    actor: Actor,
    clock: Clock,
    selection: Selection,
    outcome: str,
    words: Words,
    title: str,
) -> Job:
    """Begin an act on *selection* and let the worker decide it; raises what ``begin`` raises."""
    begin(session, actor, clock, selection, outcome, words)
    return _start(session, actor, clock, selection, DECIDE, title)


def go_on(session: Session, actor: Actor, clock: Clock, selection: Selection) -> Job:
    """Let the worker decide what a job that failed has left.

    Raises ``StillWorking`` and ``SelectionGone``.
    """
    if selection.used_at is None or selection.account_id != actor.account_id:
        raise SelectionGone()
    last = selection.job
    if last is None or last.state != FAILED:
        raise StillWorking()
    return _start(session, actor, clock, selection, last.kind, last.title)


def undo_later(
    session: Session, actor: Actor, clock: Clock, selection: Selection, title: str
) -> Job:
    """Let the worker take back the act on *selection*.

    Raises ``SelectionGone``, ``StillWorking`` and ``NothingToUndo``.
    """
    if selection.job is not None and selection.job.state not in (DONE, FAILED):
        raise StillWorking()
    if not undoable_batches(session, actor, selection):
        raise NothingToUndo()
    return _start(session, actor, clock, selection, UNDO, title)


def _start(
    session: Session, actor: Actor, clock: Clock, selection: Selection, kind: str, title: str
) -> Job:
    row = start_job(session, actor, clock, kind, title, {"selection": selection.id})
    selection.job_id = row.id
    session.flush()
    return row


@job(DECIDE)
def decide_job(
    session: Session, actor: Actor, clock: Clock, row: Job, progress: Progress
) -> dict[str, Any]:
    """Decide the set of *row* part by part."""
    selection = session.get_one(Selection, row.params["selection"])
    total, done = _counts(session, selection)
    session.rollback()
    while done < total:
        progress(done, total)
        with writing():
            _hold(session, selection)
            decide_part(session, actor, clock, selection, PART)
            session.commit()
        session.expire_all()
        total, done = _counts(session, selection)
        session.rollback()
        time.sleep(PAUSE)
    progress(total, total)
    return {"cases": total}


@job(UNDO)
def undo_job(
    session: Session, actor: Actor, clock: Clock, row: Job, progress: Progress
) -> dict[str, Any]:
    """Take the act of *row* back, a batch a transaction."""
    selection = session.get_one(Selection, row.params["selection"])
    batches = [batch.id for batch in undoable_batches(session, actor, selection)]
    session.rollback()
    for place, batch_id in enumerate(batches):
        progress(place, len(batches))
        with writing():
            _hold(session, selection)
            left = {batch.id: batch for batch in undoable_batches(session, actor, selection)}
            if batch_id in left:
                undo_batch(session, actor, clock, left[batch_id])
            session.commit()
        session.expire_all()
        time.sleep(PAUSE)
    progress(len(batches), len(batches))
    return {"batches": len(batches)}


def _hold(session: Session, selection: Selection) -> None:
    """PostgreSQL: one worker at a time on a set; SQLite has one writer anyhow."""
    session.execute(select(Selection.id).where(Selection.id == selection.id).with_for_update())


def _counts(session: Session, selection: Selection) -> tuple[int, int]:
    """How many cases the set has, and how many had their turn."""
    told = or_(SelectionItem.batch_id.is_not(None), SelectionItem.skipped.is_not(None))
    total, done = session.execute(
        select(func.count(), func.count().filter(told)).where(
            SelectionItem.selection_id == selection.id
        )
    ).one()
    return total, done
