"""Fills a database with cases in every state, by the services, in sets of thousands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from random import Random

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from models.application import ELIGIBLE, WAITING, Application
from models.decision import PASS
from models.programme import Programme, Revision
from portal.access.accounts import system_actor
from portal.access.actor import Actor
from portal.clock import Clock
from portal.policy.judge import in_force
from portal.review.decide import decide
from portal.review.selections import NothingChosen, freeze
from portal.review.submit import submit
from seed.generate import generate, ground


def fill(
    session: Session,
    clock: Clock,
    programme: Programme,
    author: Actor,
    count: int,
    *,
    reviewed: bool = True,
) -> Iterator[int]:
    """Write, submit, judge and partly decide *count* cases; gives how many are done so far.

    Each part is one transaction. Parts stop at different stages, so that every state has rows.
    Those that are not *reviewed* wait at the first stage, and nobody judged them yet: a limit that
    looks at all cases would have them all judged again for each part.
    """
    revision = in_force(session, programme)
    if revision is None:
        return
    random = Random(count)  # noqa: S311 - the same data every time, no secret
    made_from = ground(session, programme, revision, author.account_id)
    done = 0
    for number, ids in enumerate(generate(session, made_from, count, random, clock.now())):
        if reviewed:
            submit(session, author, clock, list(ids))
            _walk(session, clock, revision, ids, stages=number % (len(revision.stages) + 2))
        else:
            _wait(session, revision, ids)
        session.commit()
        done += len(ids)
        yield done


def _walk(session: Session, clock: Clock, revision: Revision, ids: range, stages: int) -> None:
    """Pass the eligible cases among *ids* at the first *stages* stages."""
    for stage in revision.stages[:stages]:
        actor = replace(system_actor(session), role=stage.acts)
        cases = select(Application.id).where(
            Application.id.between(ids.start, ids.stop - 1),
            Application.state == WAITING,
            Application.stage_key == stage.key,
            Application.verdict == ELIGIBLE,
        )
        with suppress(NothingChosen):
            decide(session, actor, clock, freeze(session, actor, clock, PASS, cases), PASS)


def _wait(session: Session, revision: Revision, ids: range) -> None:
    """Put the drafts *ids* before the first stage, in their order."""
    session.execute(
        update(Application)
        .where(Application.id.between(ids.start, ids.stop - 1))
        .values(
            state=WAITING, stage_key=revision.stages[0].key, sequence=Application.id, claims=True
        )
        .execution_options(synchronize_session=False)
    )
