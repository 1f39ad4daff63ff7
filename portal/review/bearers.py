"""Which of the payers that a share allows bears one case's part of it: chosen by a person.

S20 三: the district or the grass-roots union adds the same amount again; who does is recorded with
the award.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from models.application import APPROVED, RETURNED, WAITING, Application
from models.base import N_, Refusal
from models.decision import BEARER
from models.funding import CANCELLED, Payment, PaymentBatch, ShareBearer
from models.organization import Organization
from models.sharing import Share
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.scope import visible
from portal.access.trail import begin_act, record_batch
from portal.clock import Clock
from portal.funding.budget import take_turn
from portal.funding.case_money import money_of
from portal.funding.dues import payer_of
from portal.funding.reasons import worded
from portal.policy.shares import bearer_of
from portal.review.corrections import keep_changes
from portal.review.entering import hold

OPEN = (WAITING, RETURNED, APPROVED)


class NoChoice(Refusal):
    """The share is none that somebody else may bear, or the payer none of those who may."""

    message = N_("By the rules of this case nobody else may bear this part.")


class AlreadyBatched(Refusal):
    """The money is in a batch, or was: its payers and their budgets are written down."""

    message = N_(
        "Payment batch %(number)s already takes this money from its payers. Who pays can be "
        "chosen again only once that batch is cancelled, before its money is sent."
    )


class CaseClosed(Refusal):
    """The case is refused, withdrawn or not handed in: nobody pays it."""

    message = N_("Nobody pays this case as it stands.")


class SameBearer(Refusal):
    """The payer bears the part already."""

    message = N_("This payer bears the part already.")


@dataclass(frozen=True)
class Choice:
    """A share of a case, the parties that may bear it with their unions, and the one that does."""

    key: str
    title: str
    payers: dict[str, str]
    bearer: str


def choices_of(session: Session, application: Application) -> list[Choice]:
    """The parts of *application* that one of several payers bears, where it has such a part."""
    portions, _parts = money_of(session, application)
    borne = {portion.key: portion.payer for portion in portions}
    return [
        Choice(row.key, row.title, _unions(session, application, row), borne[row.key])
        for row in application.revision.shares
        if row.others and row.key in borne
    ]


def refuse_closed(session: Session, application: Application) -> None:
    """Raise ``CaseClosed`` or ``AlreadyBatched`` where nobody can choose any more."""
    if application.state not in OPEN:
        raise CaseClosed()
    number = session.scalar(
        select(PaymentBatch.number)
        .join(Payment, Payment.batch_id == PaymentBatch.id)
        .where(Payment.application_id == application.id, PaymentBatch.state != CANCELLED)
        .order_by(PaymentBatch.id)
        .limit(1)
    )
    if number is not None:
        raise AlreadyBatched(number=number)


def choose_bearer(
    session: Session,
    actor: Actor,
    clock: Clock,
    application: Application,
    share: str,
    payer: str,
    reason: str,
    seen_version: int,
) -> None:
    """Let *payer*, a party of *application*, bear its part of the share with the key *share*.

    Raises ``NoChoice``, ``SameBearer``, ``CaseClosed``, ``AlreadyBatched``, ``NoReason`` or
    ``ChangedMeanwhile``.
    """
    require(actor, "payment:make")
    reason = worded(reason)
    row = next(_shares(application, share, payer), None)
    seen = select(Application.id).where(Application.id == application.id)
    if row is None or session.scalar(seen.where(visible(Application, actor))) is None:
        raise NoChoice()
    take_turn(session, application.programme_id)
    batch = begin_act(session, actor, clock.now(), BEARER, 1, reason)
    hold(session, application, seen_version, batch_id=batch.id, updated_at=clock.now())
    refuse_closed(session, application)
    before, unions = _bearer(session, application, row), _unions(session, application, row)
    if before == payer or payer not in unions:
        raise SameBearer() if before == payer else NoChoice()
    own = (ShareBearer.application_id == application.id, ShareBearer.share_key == share)
    session.execute(delete(ShareBearer).where(*own))
    chosen = {
        "application_id": application.id,
        "share_key": share,
        "payer": payer,
        "reason": reason,
        "account_id": actor.account_id,
        "made_at": clock.now(),
    }
    session.execute(insert(ShareBearer).values(**chosen))
    stage = Application.stage_key.expression
    record_batch(session, actor, clock.now(), batch, stage, reason=reason)
    keep_changes(session, application, {row.title: (unions[before], unions[payer])})


def _unions(session: Session, application: Application, row: Share) -> dict[str, str]:
    """By party the name of the union that it is for *application*."""
    parties = (row.payer, *row.others)
    own = select(*(payer_of(party) for party in parties)).where(Application.id == application.id)
    ids = session.execute(own).one()
    return {
        party: session.get_one(Organization, union).name
        for party, union in zip(parties, ids, strict=True)
        if union is not None
    }


def _shares(application: Application, key: str, payer: str) -> Iterator[Share]:
    for row in application.revision.shares:
        if row.key == key and row.others and payer in (row.payer, *row.others):
            yield row


def _bearer(session: Session, application: Application, row: Share) -> str:
    own = select(bearer_of(row)).select_from(Application).where(Application.id == application.id)
    return str(session.execute(own).scalar_one())
