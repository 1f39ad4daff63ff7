"""What a stage fills in itself: a score, a visit's report, the day of acceptance.

The fields belong to the stage, not to the applicant's form; the case is judged anew with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from models.application import WAITING, Application, ListRow
from models.base import N_, Refusal
from models.decision import FILL, DecisionBatch
from models.programme import FormField, Revision, Stage
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.policy.judge import ALONE, OF_BATCH, judge
from portal.policy.subjects import SUBJECTS
from portal.review.entering import hold
from portal.review.reading import FormReader, Problem
from portal.review.standing import not_own


class NotThisStage(Refusal):
    """The case does not wait at a stage that this person fills in."""

    message = N_("This application does not wait at a stage that you fill in.")


def stage_of(application: Application, actor: Actor) -> Stage | None:
    """The stage at which *application* waits, if *actor*'s role decides there."""
    if application.state != WAITING:
        return None
    return next(
        (
            stage
            for stage in application.revision.stages
            if stage.key == application.stage_key and stage.acts == actor.role
        ),
        None,
    )


def fields_of(application: Application, stage: Stage) -> list[FormField]:
    """The fields that *stage* fills in; what its experts' sheets come to nobody types."""
    joined = (stage.panel or {}).get("into")
    fields = application.revision.fields
    return [row for row in fields if row.stage == stage.key and row.key != joined]


def fill_in(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    cells: Mapping[str, Any],
    seen_version: int,
) -> list[Problem]:
    """Write what the stage fills in and judge the case with it; gives what is wrong instead.

    Raises ``NotThisStage`` or ``ChangedMeanwhile``; whoever entered the case never fills it in.
    """
    require(actor, "application:decide")
    stage = stage_of(application, actor)
    mine = select(Application.id).where(
        Application.id == application.id, visible(Application, actor), not_own(actor)
    )
    if stage is None or session.scalar(mine) is None:
        raise NotThisStage()
    reader = FormReader(
        session, application.revision, actor, clock, application.channel, stage=stage.key
    ).narrowed(row.key for row in fields_of(application, stage))
    found, problems = reader.answers(cells)
    if problems:
        return problems
    batch = _take(session, actor, clock, application, seen_version)
    write(session, application, reader, found)
    session.flush()
    judge(session, application.revision, only=ALONE, alone=application.id)
    record_batch(session, actor, clock.now(), batch, Application.stage_key.expression)
    session.refresh(application)
    return []


def fill_in_each(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    stage: Stage,
    key: str,
    cells: Mapping[int, Any],
) -> dict[int, list[Problem]]:
    """Write the field *key* of each case (*cells*: case → what was typed), judge once; one batch.

    What else *stage* filled in stays. Gives the problems of the cases that were left: none of
    them where a case does not wait here, or was entered by *actor*.
    """
    require(actor, "application:decide")
    if stage.acts != actor.role:
        raise NotThisStage()
    batch = begin_act(session, actor, clock.now(), FILL)
    left: dict[int, list[Problem]] = {case: [] for case in cells}
    channel = revision.channels[0].key  # a stage's fields are the same on every channel
    reader = FormReader(session, revision, actor, clock, channel, stage=stage.key).narrowed([key])
    for application in _waiting(session, actor, revision, stage, cells):
        found, problems = reader.answers({key: cells[application.id]})
        left[application.id] = problems
        if not problems:
            write(session, application, reader, found)
            application.version += 1
            application.batch_id, application.updated_at = batch.id, clock.now()
            batch.decided += 1
            del left[application.id]
    session.flush()
    judge(session, revision, only=OF_BATCH, of_batch=batch.id)
    record_batch(session, actor, clock.now(), batch, Application.stage_key.expression)
    session.expire_all()
    return left


def _waiting(
    session: Session, actor: Actor, revision: Revision, stage: Stage, cases: Iterable[int]
) -> list[Application]:
    """Those of *cases* that *actor* may fill in at *stage*, held until the end of the act."""
    chosen = (
        select(Application)
        .where(
            Application.id.in_(list(cases)),
            Application.revision_id == revision.id,
            Application.state == WAITING,
            Application.stage_key == stage.key,
            visible(Application, actor),
            not_own(actor),
        )
        .order_by(Application.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(chosen))


def _take(
    session: Session, actor: Actor, clock: Clock, application: Application, seen_version: int
) -> DecisionBatch:
    """Raise the version if it is still the one that was seen; the act has its decision row."""
    batch = begin_act(session, actor, clock.now(), FILL, 1)
    hold(session, application, seen_version, batch_id=batch.id, updated_at=clock.now())
    return batch


def write(
    session: Session, application: Application, reader: FormReader, found: dict[str, Any]
) -> None:
    """Write what *reader* read of a stage's fields over those of *application*."""
    asked = {key.removeprefix("field.") for key in reader.fields}
    kept = {key: value for key, value in application.fields.items() if key not in asked}
    application.fields = kept | reader.own_fields(found)
    for record in SUBJECTS[application.programme.subject].records:
        row = getattr(application, record.link.removesuffix("_id"))
        for name, attribute in record.columns.items():
            if f"{record.prefix}.{name}" in reader.fields and row is not None:
                setattr(row, attribute, record.stored(name, found))
    for key, rows in reader.tables(found).items():
        session.execute(
            delete(ListRow).where(ListRow.application_id == application.id, ListRow.field == key)
        )
        cells = [
            {"application_id": application.id, "field": key, "position": place, "cells": row}
            for place, row in enumerate(rows, 1)
        ]
        if cells:
            session.execute(insert(ListRow), cells)
