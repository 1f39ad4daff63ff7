"""Objections to a public notice: received, looked into, upheld or dismissed (B22 二（四）3).

An upheld objection refuses or returns its case through the ordinary decision. Dismissing the
last open one lets the case go on: with the others when time is up, or at once when it is.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.application import WAITING, Application
from models.base import N_, Because, Refusal
from models.decision import REJECT, RETURN
from models.publicity import (
    CLEARED,
    DISMISSED,
    HELD,
    LEFT,
    OPEN,
    SHOWN,
    UPHELD,
    NoticeEntry,
    Objection,
)
from models.types import new_row_key
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.clock import Clock
from portal.review.decide import decide
from portal.review.noticed import on_notice
from portal.review.publicity import pass_cleared, stage_of_notice
from portal.review.selections import freeze
from portal.review.stage_answers import NotThisStage

SHORTEST, LONGEST = 2, 2_000


class WordsRequired(Refusal):
    """An objection, an investigation or a reason is empty or too long."""

    message = N_("Please write 2 to 2,000 characters.")


class NotOnNotice(Refusal):
    """The entry is not on notice on that day any more."""

    message = N_("Objections are received from the first to the last day of the notice.")


class NotLookedInto(Refusal):
    """Nothing says what was found."""

    message = N_("First write down what was found.")


class AlreadyConcluded(Refusal):
    """Somebody concluded the objection already."""

    message = N_("This objection has been concluded.")


class NotDecided(Refusal):
    """The case could not be refused or returned."""

    message = N_("The application was not decided: %(why)s")


class NoSuchOutcome(Refusal):
    """An upheld objection refuses or returns the case."""

    message = N_("There is no such decision.")


def receive(
    session: Session,
    actor: Actor,
    clock: Clock,
    entry: NoticeEntry,
    said: str,
    objector: str = "",
    raised_on: date | None = None,
) -> Objection:
    """Note an objection against *entry*, which is held from now on.

    Raises ``NotOnNotice`` outside the days of the notice, and once the case went on.
    """
    require(actor, "publicity:write")
    day = raised_on or clock.today()
    notice = entry.notice
    in_time = notice.starts_on <= day <= min(notice.ends_on, clock.today())
    guarded = (
        update(NoticeEntry)
        .where(NoticeEntry.id == entry.id, NoticeEntry.state.in_((SHOWN, HELD)))
        .values(state=HELD)
        .returning(NoticeEntry.id)
        .execution_options(synchronize_session=False)
    )
    words = _words(said)
    if not in_time or session.scalar(guarded) is None:
        raise NotOnNotice()
    session.refresh(entry)
    found = Objection(
        row_key=new_row_key(),
        entry_id=entry.id,
        said=words,
        raised_on=day,
        received_by_id=actor.account_id,
        received_at=clock.now(),
        state=OPEN,
        investigation="",
        reason="",
    )
    found.objector = objector.strip()[:120] or None
    session.add(found)
    session.flush()
    _note(session, actor, clock, "publicity:object", entry, found, "")
    return found


def look_into(
    session: Session, actor: Actor, clock: Clock, objection: Objection, found: str
) -> None:
    """Write down what was found, while the objection is open."""
    require(actor, "publicity:write")
    if objection.state != OPEN:
        raise AlreadyConcluded()
    objection.investigation = _words(found)
    session.flush()
    _note(session, actor, clock, "publicity:look-into", objection.entry, objection, "")


def uphold(
    session: Session,
    actor: Actor,
    clock: Clock,
    objection: Objection,
    outcome: str,
    reason: str,
) -> None:
    """The objection is right: its case is refused or returned, by *outcome*, with its decision."""
    if outcome not in (REJECT, RETURN):
        raise NoSuchOutcome()
    entry = objection.entry
    _conclude(session, actor, clock, objection, UPHELD, reason)
    if entry.state != UPHELD:
        case = select(Application.id).where(Application.id == entry.application_id)
        selection = freeze(session, actor, clock, outcome, case)
        done = decide(session, actor, clock, selection, outcome, reason)
        if done.decided != 1:
            raise NotDecided(why=Because(done.skipped[0].reason))
        objection.batch_id, entry.state = done.batch_id, UPHELD
    session.flush()
    _note(session, actor, clock, "publicity:uphold", entry, objection, reason)


def dismiss(
    session: Session, actor: Actor, clock: Clock, objection: Objection, reason: str
) -> None:
    """The objection is not right; with the last open one of its entry the case is free."""
    entry, today = objection.entry, clock.today()
    _conclude(session, actor, clock, objection, DISMISSED, reason)
    _note(session, actor, clock, "publicity:dismiss", entry, objection, reason)
    open_ones = select(Objection.id).where(Objection.entry_id == entry.id, Objection.state == OPEN)
    if entry.state != HELD or session.scalar(open_ones.limit(1)) is not None:
        return
    stage = stage_of_notice(entry.notice)
    here = select(Application.id).where(
        Application.id == entry.application_id,
        Application.state == WAITING,
        on_notice(stage, (HELD,), entry.notice),
    )
    if session.scalar(here) is None:
        entry.state = LEFT
    elif entry.notice.closed_at is None:
        entry.state = SHOWN
    else:
        entry.state, entry.ended_on = CLEARED, today
    session.flush()
    if entry.state == CLEARED:
        pass_cleared(session, clock, entry.notice)


def _conclude(
    session: Session, actor: Actor, clock: Clock, objection: Objection, state: str, reason: str
) -> None:
    require(actor, "publicity:write")
    if stage_of_notice(objection.entry.notice).acts != actor.role:
        raise NotThisStage()
    if objection.state == OPEN and not objection.investigation:
        raise NotLookedInto()
    guarded = (
        update(Objection)
        .where(Objection.id == objection.id, Objection.state == OPEN)
        .values(
            state=state,
            reason=_words(reason),
            concluded_by_id=actor.account_id,
            concluded_at=clock.now(),
        )
        .returning(Objection.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise AlreadyConcluded()
    session.refresh(objection)


def _words(text: str) -> str:
    text = text.strip()
    if not SHORTEST <= len(text) <= LONGEST:
        raise WordsRequired()
    return text


def _note(
    session: Session,
    actor: Actor,
    clock: Clock,
    action: str,
    entry: NoticeEntry,
    objection: Objection,
    reason: str,
) -> None:
    case = session.get_one(Application, entry.application_id)
    audit.record(
        session,
        actor,
        clock.now(),
        action,
        "application",
        case.id,
        reason=reason,
        details={"notice": entry.notice_id, "objection": objection.id},
        organization_id=case.organization_id,
    )
