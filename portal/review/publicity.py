"""Public notice (B22 二（四）3): a frozen, masked list; what nobody objects to goes on by itself.

A notice lasts as its stage says. Only entries with an open objection are held; when time is up
the others pass through the ordinary decision, made by the system, exactly once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from models.application import ELIGIBLE, WAITING, Application
from models.application import HELD as IN_DOUBT
from models.base import N_, Refusal, in_parts
from models.decision import PASS
from models.programme import Revision, Stage
from models.publicity import (
    CLEARED,
    HELD,
    LEFT,
    PASSED,
    SHOWN,
    NoticeEntry,
    PublicNotice,
)
from models.types import new_row_key
from portal.access import audit
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.calendar import calendar_of
from portal.clock import Clock
from portal.review.decide import decide
from portal.review.noticed import is_cleared, is_notice, on_notice
from portal.review.selections import freeze
from portal.review.slate import Ranked, ranking
from portal.review.stage_answers import NotThisStage
from portal.review.standing import questions_left

COLUMNS = {
    "subject": N_("Applied for"),
    "unit": N_("Unit"),
    "district": N_("District or bureau union"),
    "person": N_("Name"),
    "tier": N_("Award tier"),
}
"""What a notice shows of a case, beside its number in the list: no amount, no identifier."""
_LONG_NUMBER = re.compile(r"\d{7,}[xX]?")


class NotANotice(Refusal):
    """The stage does not say how long its notice lasts."""

    message = N_("No public notice is given at this stage.")


class NothingToShow(Refusal):
    """No case waits at the stage that could go on notice."""

    message = N_("None of the applications that wait here can go on notice.")


@dataclass
class Closed:
    """What closing did: notices that ended, cases that passed, cases that are still held."""

    notices: int = 0
    passed: int = 0
    held: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """(number, reason as a msgid) of cases whose notice is over but that could not pass."""


def open_notice(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    *,
    title: str = "",
    is_public: bool = False,
) -> PublicNotice:
    """Put every case that waits at *stage* and could pass on notice, from today.

    Raises ``NotANotice``, ``NotThisStage`` or ``NothingToShow``.
    """
    require(actor, "publicity:write")
    if not is_notice(stage):
        raise NotANotice()
    if stage.acts != actor.role:
        raise NotThisStage()
    ready = set(session.scalars(_ready(session, actor, revision, stage)))
    shown = [row for row in ranking(session, actor, revision, stage) if row.id in ready]
    if not shown:
        raise NothingToShow()
    today = clock.today()
    notice = PublicNotice(
        row_key=new_row_key(),
        revision_id=revision.id,
        stage_key=stage.key,
        title=(title.strip() or f"{revision.programme.title} · {stage.title}")[:120],
        starts_on=today,
        ends_on=calendar_of(session).due(today, stage.lasts or {}).day,
        lasts=dict(stage.lasts or {}),
        is_public=is_public,
        opened_at=clock.now(),
        account_id=actor.account_id,
        version=1,
    )
    notice.entries = _entries(revision, shown)
    session.add(notice)
    session.flush()
    _note(session, actor, clock, "publicity:open", notice, {"entries": len(shown)})
    return notice


def close_over(session: Session, clock: Clock) -> Closed:
    """End every notice whose last day is past; what is not held passes, as the system decides.

    A notice is ended by a guarded update, so that two who come at once do it once.
    """
    done = Closed()
    over = (
        update(PublicNotice)
        .where(PublicNotice.closed_at.is_(None), PublicNotice.ends_on < clock.today())
        .values(closed_at=clock.now(), version=PublicNotice.version + 1)
        .returning(PublicNotice.id)
        .execution_options(synchronize_session=False)
    )
    for notice_id in sorted(session.scalars(over).all()):
        notice = session.get_one(PublicNotice, notice_id, populate_existing=True)
        done.notices += 1
        done.held += sum(row.state == HELD for row in notice.entries)
        _clear(session, notice)
        _note(session, system_actor(session), clock, "publicity:close", notice, {})
        found = pass_cleared(session, clock, notice)
        done.passed += found.passed
        done.skipped += found.skipped
    return done


def is_over(session: Session, today: date) -> bool:
    """Whether a notice waits to be closed: something that a page may ask without writing."""
    over = select(PublicNotice.id).where(
        PublicNotice.closed_at.is_(None), PublicNotice.ends_on < today
    )
    return session.scalar(over.limit(1)) is not None


def pass_cleared(session: Session, clock: Clock, notice: PublicNotice) -> Closed:
    """Let the cases of *notice* whose time is up pass, as the system; gives what was left."""
    stage, done = stage_of_notice(notice), Closed()
    actor = replace(system_actor(session), role=stage.acts)
    cleared = [row.application_id for row in notice.entries if row.state == CLEARED]
    for part in in_parts(cleared):
        chosen = select(Application.id).where(
            Application.id.in_(part), Application.state == WAITING, is_cleared(stage)
        )
        if session.scalar(chosen.limit(1)) is None:
            continue
        selection = freeze(session, actor, clock, PASS, chosen)
        found = decide(session, actor, clock, selection, PASS)
        left = {row.application_id for row in found.skipped}
        done.passed += found.decided
        done.skipped += [(row.number, row.reason) for row in found.skipped]
        for row in notice.entries:
            if row.application_id in part and row.application_id not in left:
                row.state = PASSED
    session.flush()
    return done


def stage_of_notice(notice: PublicNotice) -> Stage:
    """The stage at which *notice* is given."""
    stages = {row.key: row for row in notice.revision.stages}
    return stages[notice.stage_key]


def masked(name: str) -> str:
    """A name as notices show it: 张* of two characters, 张*丽 of three, more stars for more."""
    name = name.strip()
    if len(name) < 3:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]


def unnumbered(text: str) -> str:
    """*text* without numbers long enough to be an identity, card or phone number."""
    return _LONG_NUMBER.sub("***", text)


def _ready(session: Session, actor: Actor, revision: Revision, stage: Stage) -> Any:
    """The cases waiting at *stage* that could pass and are on no notice of this stay."""
    here = [
        Application.revision_id == revision.id,
        Application.state == WAITING,
        Application.stage_key == stage.key,
        visible(Application, actor),
    ]
    routes = session.scalars(select(Application.route).where(*here).distinct()).all()
    nothing_left = [
        (Application.route == route) & questions_left(revision, route, stage).in_(("", ","))
        for route in routes
    ]
    may_pass = or_(
        Application.verdict == ELIGIBLE, (Application.verdict == IN_DOUBT) & or_(*nothing_left)
    )
    shown = on_notice(stage, (SHOWN, HELD, CLEARED))
    return select(Application.id).where(*here, may_pass, ~shown)


def _entries(revision: Revision, shown: Sequence[Ranked]) -> list[NoticeEntry]:
    """A line a case, tier by tier in the programme's order, each in its rank."""
    tiers = {row.key: (place, row.title) for place, row in enumerate(revision.tiers)}
    ordered = sorted(shown, key=lambda row: (tiers.get(row.tier_key or "", (99, ""))[0], row.place))
    return [
        NoticeEntry(
            application_id=row.id,
            position=place,
            state=SHOWN,
            cells={
                "subject": unnumbered(row.subject),
                "unit": unnumbered(row.unit),
                "district": unnumbered(row.district),
                "person": masked(row.person),
                "tier": tiers.get(row.tier_key or "", (99, ""))[1],
            },
        )
        for place, row in enumerate(ordered, 1)
    ]


def _clear(session: Session, notice: PublicNotice) -> None:
    """The notice has ended for every entry that nobody objected to and that is still there."""
    stage = stage_of_notice(notice)
    still = select(Application.id).where(
        Application.id.in_([row.application_id for row in notice.entries]),
        Application.state == WAITING,
        on_notice(stage, (SHOWN,), notice),
    )
    here = set(session.scalars(still))
    for row in notice.entries:
        if row.state == SHOWN:
            row.state = CLEARED if row.application_id in here else LEFT
            row.ended_on = notice.ends_on if row.state == CLEARED else None
    session.flush()


def _note(
    session: Session,
    actor: Actor,
    clock: Clock,
    action: str,
    notice: PublicNotice,
    details: dict[str, Any],
) -> None:
    audit.record(session, actor, clock.now(), action, "public_notice", notice.id, details=details)
