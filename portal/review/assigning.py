"""Giving cases to experts: by hand, or evenly over those who are free towards them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from models.application import Application
from models.base import N_, Refusal
from models.panel import Expert, ScoreSheet
from models.programme import Revision, Stage
from portal.access.actor import Actor
from portal.clock import Clock
from portal.review.conflicts import Conflicts
from portal.review.panel import note, panel_of, take, waiting_at


class NoExperts(Refusal):
    """Nobody was named who could score."""

    message = N_("No expert was chosen.")


@dataclass
class Given:
    """What assigning did: sheets made, and what was left with its reason (msgid and params)."""

    made: int = 0
    left: list[tuple[str, str, str]] = field(default_factory=list)
    """(number of the case, name of the expert, key of the conflict)."""
    short: list[tuple[str, int]] = field(default_factory=list)
    """(number of the case, experts it has) where that is fewer than asked."""


def assign(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    experts: Iterable[int],
    cases: Iterable[int],
) -> Given:
    """Give each of *experts* a sheet for each of *cases*; conflicts are left out and told."""
    take(actor, stage)
    people, wanted = _experts(session, experts), set(cases)
    chosen = [row for row in waiting_at(session, actor, revision, stage) if row.id in wanted]
    known = Conflicts(session, panel_of(stage), people, chosen)
    have = _standing(session, stage, chosen)
    done = Given()
    for case in chosen:
        for expert in people:
            _give_one(session, actor, clock, stage, expert, case, known, have, done)
    session.flush()
    return done


def spread(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    each: int,
    experts: Iterable[int] = (),
) -> Given:
    """Bring every waiting case to *each* experts who are free towards it, evenly.

    Cases with the fewest free experts come first; whoever has the fewest sheets gets the next.
    Without *experts* all that are in use take part.
    """
    take(actor, stage)
    people = _experts(session, experts)
    chosen = waiting_at(session, actor, revision, stage)
    known = Conflicts(session, panel_of(stage), people, chosen)
    have = _standing(session, stage, chosen)
    load = {row.id: sum(expert == row.id for _case, expert in have) for row in people}
    done = Given()
    chosen.sort(key=lambda case: (len(known.free(case)), case.id))
    for case in chosen:
        held = sum(found == case.id for found, _expert in have)
        free = [row for row in known.free(case) if (case.id, row.id) not in have]
        free.sort(key=lambda row: (load[row.id], row.id))
        for expert in free[: max(each - held, 0)]:
            _give_one(session, actor, clock, stage, expert, case, known, have, done)
            load[expert.id] += 1
            held += 1
        if held < each:
            done.short.append((case.number, held))
    session.flush()
    return done


def _experts(session: Session, ids: Iterable[int]) -> list[Expert]:
    wanted = list(ids)
    rows = select(Expert).where(Expert.is_active).options(joinedload(Expert.organization))
    if wanted:
        rows = rows.where(Expert.id.in_(wanted))
    found = list(session.scalars(rows.order_by(Expert.id)))
    if not found:
        raise NoExperts()
    return found


def _standing(session: Session, stage: Stage, cases: Sequence[Application]) -> set[tuple[int, int]]:
    """(case, expert) of the standing sheets."""
    rows = session.execute(
        select(ScoreSheet.application_id, ScoreSheet.expert_id).where(
            ScoreSheet.stage_key == stage.key,
            ScoreSheet.voided_at.is_(None),
            ScoreSheet.application_id.in_([case.id for case in cases]),
        )
    )
    return {(case, expert) for case, expert in rows}


def _give_one(
    session: Session,
    actor: Actor,
    clock: Clock,
    stage: Stage,
    expert: Expert,
    case: Application,
    known: Conflicts,
    have: set[tuple[int, int]],
    done: Given,
) -> None:
    why = known.of(expert, case)
    if why is not None:
        done.left.append((case.number, expert.name, why))
    elif (case.id, expert.id) not in have:
        have.add((case.id, expert.id))
        session.add(
            ScoreSheet(
                application_id=case.id,
                stage_key=stage.key,
                expert_id=expert.id,
                points={},
                given_at=clock.now(),
                given_by_id=actor.account_id,
                version=1,
                from_paper=False,
                justification="",
                voided_for="",
            )
        )
        done.made += 1
        note(session, actor, clock, "panel:assign", case, expert.id, "")
