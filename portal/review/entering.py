"""Entering forms that were read: applications with their lists and surveys, written in sets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from models.application import DRAFT, RETURNED, Application, ListRow, SurveyAnswer
from models.base import N_, Refusal, in_parts
from models.programme import Programme, Revision
from models.types import new_row_key
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import NotAllowed, require
from portal.clock import Clock
from portal.review.corrections import asked_of, differences, keep_changes, refuse_unnamed
from portal.review.form_values import stored_cells
from portal.review.reading import Values
from portal.review.recording import find_people, make_records, rewrite_records
from portal.review.registry_checks import compare_again
from portal.review.route import editable
from portal.review.submit import resubmit, submit


class ChangedMeanwhile(Refusal):
    """Somebody else changed the case since the form was opened."""

    message = N_("Somebody changed this application while you had it open. Please look again.")


class NotEditable(Refusal):
    """The case is decided, or somebody's to decide."""

    message = N_("This application can no longer be edited.")


def enter(
    session: Session,
    actor: Actor,
    clock: Clock,
    revision: Revision,
    channel: str,
    forms: Sequence[Values],
) -> list[int]:
    """Write *forms* and submit them in their order; gives the ids of the applications.

    All or nothing. Raises what ``submit`` raises, and ``NotAllowed`` where the channel is not
    open to the actor's role.
    """
    require(actor, "application:write")
    _refuse_channel(revision, channel, actor)
    if not forms:
        return []
    now = clock.now()
    people = find_people(session, forms, now)
    links = make_records(session, revision, forms, people, now)
    ids = _applications(session, actor, revision, channel, forms, people, links, now)
    _surveys(session, forms, ids)
    _lists(session, forms, ids)
    submit(session, actor, clock, ids)
    return ids


def edit(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    values: Values,
    seen_version: int,
) -> None:
    """Write an edited form over *application* and send it back for review (S15 手册).

    A returned case changes only where its return said so. Raises ``NotEditable``,
    ``ChangedMeanwhile`` and ``NotNamed``.
    """
    require(actor, "application:write")
    _take(session, application, seen_version)
    returned = asked_of(session, application) if application.state == RETURNED else None
    said = stored_cells(application, {})
    now = clock.now()
    person = find_people(session, [values], now)[0]
    unit = values.unit
    before = application.state
    application.applicant_id = person
    application.organization_id, application.district_id = unit.id, unit.district_id
    application.fields = _filled_in(application) | values.fields
    application.payee_kind, application.bank_name = values.payee_kind, values.bank
    application.account = values.account
    application.claim_key = values.claim
    if values.received_on and application.state == DRAFT:
        application.submitted_on = values.received_on
    rewrite_records(session, application, values, person, now)
    session.execute(delete(SurveyAnswer).where(SurveyAnswer.application_id == application.id))
    _surveys(session, [values], [application.id])
    asked = [row.key for row in application.revision.fields if not row.stage]
    session.execute(
        delete(ListRow).where(ListRow.application_id == application.id, ListRow.field.in_(asked))
    )
    _lists(session, [values], [application.id])
    session.flush()
    session.expire_all()
    changes = differences(application.revision, said, stored_cells(application, {}))
    refuse_unnamed(returned, changes, application.revision)
    compare_again(session, actor, clock, application)
    audit.record(
        session,
        actor,
        now,
        "application:edit",
        "application",
        application.id,
        organization_id=unit.id,
        details={"state": before, "fields": sorted(changes)},
    )
    if before == DRAFT:
        submit(session, actor, clock, [application.id])
    else:
        resubmit(session, actor, clock, application, returned)
        keep_changes(session, application, changes)
    session.refresh(application)


def hold(session: Session, application: Application, seen_version: int, **values: Any) -> None:
    """Raise the version of *application* and write *values*, if it is still as it was seen.

    Raises ``ChangedMeanwhile``.
    """
    guarded = (
        update(Application)
        .where(Application.id == application.id, Application.version == seen_version)
        .values(version=Application.version + 1, **values)
        .returning(Application.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise ChangedMeanwhile()
    session.refresh(application)


def _filled_in(application: Application) -> dict[str, Any]:
    """What stages filled in, which an edited form leaves as it is."""
    theirs = {row.key.removeprefix("field.") for row in application.revision.fields if row.stage}
    return {key: value for key, value in application.fields.items() if key in theirs}


def _take(session: Session, application: Application, seen_version: int) -> None:
    """Raise the version if it is still the one that was seen, so that nobody else edits too."""
    session.refresh(application)
    if not editable(application):
        raise NotEditable()
    hold(session, application, seen_version)


def _refuse_channel(revision: Revision, channel: str, actor: Actor) -> None:
    for row in revision.channels:
        if row.key == channel and actor.role in row.roles:
            return
    raise NotAllowed()


def _applications(
    session: Session,
    actor: Actor,
    revision: Revision,
    channel: str,
    forms: Sequence[Values],
    people: Sequence[int],
    links: Sequence[dict[str, int]],
    now: datetime,
) -> list[int]:
    programme = revision.programme
    last = _reserve_numbers(session, programme, len(forms))
    rows = [
        {
            "number": f"{programme.number_prefix}{last - len(forms) + place:06d}",
            "programme_id": programme.id,
            "revision_id": revision.id,
            "family": programme.family,
            "channel": channel,
            "applicant_id": person,
            "created_by_id": actor.account_id,
            **linked,
            **_case(form, now),
        }
        for place, (form, person, linked) in enumerate(zip(forms, people, links, strict=True), 1)
    ]
    statement = insert(Application).returning(Application.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def _case(form: Values, now: datetime) -> dict[str, Any]:
    row_key = new_row_key()
    return {
        "row_key": row_key,
        "organization_id": form.unit.id,
        "district_id": form.unit.district_id,
        "state": DRAFT,
        "submitted_on": form.received_on,
        "amount_fen": 0,
        "claim_key": form.claim,
        "claims": False,
        "fields": form.fields,
        "payee_kind": form.payee_kind,
        "bank_name": form.bank,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        **Application.account.columns(row_key, form.account),
    }


def _reserve_numbers(session: Session, programme: Programme, count: int) -> int:
    raised = (
        update(Programme)
        .where(Programme.id == programme.id)
        .values(last_number=Programme.last_number + count)
        .returning(Programme.last_number)
        .execution_options(synchronize_session=False)
    )
    return session.execute(raised).scalar_one()


def _surveys(session: Session, forms: Sequence[Values], ids: Sequence[int]) -> None:
    rows = [
        {"application_id": case, "answers": form.survey}
        for form, case in zip(forms, ids, strict=True)
        if form.survey
    ]
    if rows:
        session.execute(insert(SurveyAnswer), rows)


def _lists(session: Session, forms: Sequence[Values], ids: Sequence[int]) -> None:
    rows = [
        {"application_id": case, "field": key, "position": place, "cells": cells}
        for form, case in zip(forms, ids, strict=True)
        for key, listed in form.lists.items()
        for place, cells in enumerate(listed, 1)
    ]
    for part in in_parts(rows):
        session.execute(insert(ListRow), part)
