"""The papers of a batch: transfer notice, confirmation, receipt (S23 四（二）5, S26 四（一）5).

A paper is given by an act that says who, when, how many and how much. What differs from the
batch must be named; a batch is paid once all that its programme wants is there.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from models.application import Application
from models.base import N_, Because, Refusal
from models.funding import MADE, TRANSFERRED, Payment, PaymentBatch, PaymentShare
from models.organization import Organization
from models.papers import BatchPaper
from models.sharing import CONFIRMATION, PAPERS, TRANSFER_NOTICE
from models.types import in_yuan
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import may, require
from portal.access.scope import visible
from portal.clock import SHANGHAI, Clock
from portal.funding.routes import wanted

LONGEST_DIFFERENCES = 500
_GIVERS = {TRANSFER_NOTICE: "payment:make"}
_STATES = {TRANSFER_NOTICE: (MADE, TRANSFERRED)}
_OTHERWISE = "payment:confirm", (TRANSFERRED,)


class NotTheTime(Refusal):
    """The batch is not where this paper is given."""

    message = N_("This paper cannot be given for batch %(number)s now.")


class NoSuchPaper(Refusal):
    """There is no paper of this kind."""

    message = N_("There is no such paper.")


class SumsDiffer(Refusal):
    """Count or sum is not the batch's, and nothing says why."""

    message = N_(
        "The batch has %(people)s people and %(yuan)s yuan. Name the differences, or correct "
        "what you typed."
    )


class BadPaperDay(Refusal):
    """The paper's day lies ahead or before the step that it belongs to."""

    message = N_("The day of the paper must not be in the future or before the batch.")


class PaperMissing(Refusal):
    """A paper that the programme wants has not been given."""

    message = N_("Batch %(number)s still lacks: %(paper)s.")


def give_paper(
    session: Session,
    actor: Actor,
    clock: Clock,
    batch: PaymentBatch,
    kind: str,
    on: date,
    people: int | None = None,
    total_fen: int | None = None,
    differences: str = "",
) -> BatchPaper:
    """Record that the paper *kind* of *batch* was given on the day *on*.

    It states *people* and *total_fen*, what ``payees_of`` and ``stated_fen`` give where left
    out. The newest of a kind counts. Raises ``NotTheTime``, ``SumsDiffer``,
    ``BadPaperDay`` or ``NoSuchPaper``.
    """
    if kind not in PAPERS:
        raise NoSuchPaper()
    require(actor, _GIVERS.get(kind, _OTHERWISE[0]))
    _hold(session, actor, batch)
    if batch.state not in _STATES.get(kind, _OTHERWISE[1]):
        raise NotTheTime(number=batch.number)
    whole, payees = stated_fen(session, batch, kind), payees_of(session, batch)
    people = payees if people is None else people
    total = whole if total_fen is None else total_fen
    differences = differences.strip()[:LONGEST_DIFFERENCES]
    if (people, total) != (payees, whole) and len(differences) < 2:
        raise SumsDiffer(people=payees, yuan=in_yuan(whole))
    _check_day(clock, batch, kind, on)
    said = {"people": people, "total_fen": total, "differences": differences, "given_on": on}
    return _write(session, actor, clock, batch, kind, said)


def may_give(actor: Actor, batch: PaymentBatch, kind: str) -> bool:
    """Whether *actor* may give the paper *kind* of *batch* now."""
    fits = batch.state in _STATES.get(kind, _OTHERWISE[1])
    return fits and may(actor, _GIVERS.get(kind, _OTHERWISE[0]))


def papers_of(session: Session, batch: PaymentBatch) -> dict[str, BatchPaper]:
    """Kind → the newest paper of *batch*, in the order of the kinds."""
    rows = session.scalars(
        select(BatchPaper).where(BatchPaper.batch_id == batch.id).order_by(BatchPaper.id)
    )
    newest = {row.kind: row for row in rows}
    return {kind: newest[kind] for kind in PAPERS if kind in newest}


def payees_of(session: Session, batch: PaymentBatch) -> int:
    """How many people *batch* pays; who gets two instalments at once is one."""
    people = (
        select(func.count(Application.applicant_id.distinct()))
        .join(Payment, Payment.application_id == Application.id)
        .where(Payment.batch_id == batch.id)
    )
    return session.execute(people).scalar_one()


def stated_fen(session: Session, batch: PaymentBatch, kind: str) -> int:
    """What the paper *kind* of *batch* is about: all that its people get of their awards, or of
    that what is transferred, to which the payee's own share does not belong."""
    if kind == CONFIRMATION:
        return batch.total_fen
    own = (
        select(func.coalesce(func.sum(PaymentShare.amount_fen), 0))
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .where(
            Payment.batch_id == batch.id,
            PaymentShare.payer_id == batch.district_id,
            PaymentShare.is_on_top.is_(False),
        )
    )
    return batch.total_fen - int(session.execute(own).scalar_one())


def payers_of(session: Session, batch: PaymentBatch) -> list[tuple[str, bool, int]]:
    """Who bears what of *batch*: name, whether on top, fen; those on top last."""
    rows = session.execute(
        select(Organization.name, PaymentShare.is_on_top, func.sum(PaymentShare.amount_fen))
        .join(PaymentShare, PaymentShare.payer_id == Organization.id)
        .join(Payment, Payment.id == PaymentShare.payment_id)
        .where(Payment.batch_id == batch.id)
        .group_by(Organization.id, Organization.name, PaymentShare.is_on_top)
        .order_by(PaymentShare.is_on_top, Organization.id)
    )
    return [(name, on_top, int(fen)) for name, on_top, fen in rows]


def missing_papers(session: Session, batch: PaymentBatch) -> list[str]:
    """The kinds of papers that *batch* needs and that were not given, in their order."""
    given = papers_of(session, batch)
    return [kind for kind in wanted(session, batch) if kind not in given]


def refuse_missing(session: Session, batch: PaymentBatch) -> None:
    """Raise ``PaperMissing`` for the first wanted paper that is not there."""
    for kind in missing_papers(session, batch):
        raise PaperMissing(number=batch.number, paper=Because(PAPERS[kind]))


def _hold(session: Session, actor: Actor, batch: PaymentBatch) -> None:
    """Keep *batch* as it stands until the end; only for those that see it."""
    own = (
        select(PaymentBatch)
        .where(PaymentBatch.id == batch.id, visible(PaymentBatch, actor))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if session.scalar(own) is None:
        raise NotTheTime(number=batch.number)


def _check_day(clock: Clock, batch: PaymentBatch, kind: str, on: date) -> None:
    made = batch.made_at.astimezone(SHANGHAI).date()
    earliest = made if kind == TRANSFER_NOTICE else batch.transferred_on or made
    if not earliest <= on <= clock.today():
        raise BadPaperDay()


def _write(
    session: Session,
    actor: Actor,
    clock: Clock,
    batch: PaymentBatch,
    kind: str,
    said: dict[str, Any],
) -> BatchPaper:
    before = session.scalar(
        select(func.count()).select_from(BatchPaper).where(BatchPaper.batch_id == batch.id)
    )
    values = said | {
        "batch_id": batch.id,
        "kind": kind,
        "number": f"{batch.number}-{(before or 0) + 1}",
        "account_id": actor.account_id,
        "made_at": clock.now(),
    }
    made = session.scalar(insert(BatchPaper).values(**values).returning(BatchPaper.id))
    told = {"paper": kind, "people": said["people"], "fen": said["total_fen"]}
    audit.record(
        session,
        actor,
        clock.now(),
        "payment:paper",
        "payment_batch",
        batch.id,
        reason=said["differences"],
        details=told | {"number": values["number"]},
        organization_id=batch.district_id,
    )
    return session.get_one(BatchPaper, made)
