"""Correcting the card or account of a case that is approved, without approving it again (Q58)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from models.application import APPROVED, WAITING, Application
from models.base import N_, Refusal
from models.decision import ACCOUNT, LONGEST_REASON, SHORTEST_REASON
from models.funding import Payment
from models.programme import FormField
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding.dues import has_money
from portal.review.corrections import differences, keep_changes
from portal.review.entering import hold
from portal.review.form_values import stored_cells
from portal.review.reading import FormReader, Problem
from portal.review.registry_checks import compare_again

KEYS = ("payee.card", "payee.bank", "payee.account")


class NotCorrectable(Refusal):
    """The case is not approved, is paid, or its money is on its way to the account it names."""

    message = N_(
        "The account changes here only once a case is approved, and not while its money is on "
        "its way: cancel the batch first, or record that the bank returned it."
    )


class ReasonMissing(Refusal):
    """An account is not changed without a reason."""

    message = N_("Say in at least two characters why the account changes.")


class SameAccount(Refusal):
    """What was typed is what the case says already."""

    message = N_("This is the account that the application names already.")


def fields_of(application: Application) -> list[FormField]:
    """What the form of *application* asks of the account; nothing where it asks for none."""
    return [row for row in application.revision.fields if row.key in KEYS and not row.stage]


def is_correctable() -> ColumnElement[bool]:
    """Approved and not paid out, or paid in part; no money on its way to the account it names."""
    begun = select(Payment.id).where(Payment.application_id == Application.id).exists()
    state = or_(Application.state == APPROVED, and_(Application.state == WAITING, begun))
    return and_(state, ~has_money(on_its_way=True))


def correct_account(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    cells: Mapping[str, Any],
    reason: str,
    seen_version: int,
) -> list[Problem]:
    """Give *application* the account that *cells* (form field key → typed) name; the next batch
    pays it there. Gives what is wrong with them instead.

    The case keeps its state, its approvals and its place. Raises ``NotCorrectable``,
    ``ReasonMissing``, ``SameAccount`` or ``ChangedMeanwhile``.
    """
    require(actor, "payment:account")
    reason = reason.strip()[:LONGEST_REASON]
    if len(reason) < SHORTEST_REASON:
        raise ReasonMissing()
    _refuse_closed(session, actor, application)
    fields = [row.key for row in fields_of(application)]
    reader = FormReader(
        session, application.revision, actor, clock, application.channel, corrects=True
    ).narrowed(fields)
    payee, problems = reader.payee(cells)
    if problems or payee is None:
        return problems
    if payee == (application.payee_kind, application.account, application.bank_name):
        raise SameAccount()
    batch = begin_act(session, actor, clock.now(), ACCOUNT, 1, reason)
    hold(session, application, seen_version, batch_id=batch.id, updated_at=clock.now())
    said = stored_cells(application, {})
    application.payee_kind, application.account, application.bank_name = payee
    session.flush()
    changes = differences(application.revision, said, stored_cells(application, {}))
    compare_again(session, actor, clock, application)
    stage = Application.stage_key.expression
    record_batch(session, actor, clock.now(), batch, stage, reason=reason)
    keep_changes(session, application, changes)
    session.refresh(application)
    return []


def _refuse_closed(session: Session, actor: Actor, application: Application) -> None:
    allowed = select(Application.id).where(
        Application.id == application.id, visible(Application, actor), is_correctable()
    )
    if not fields_of(application) or session.scalar(allowed) is None:
        raise NotCorrectable()
