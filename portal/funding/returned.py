"""What the bank returned waits for its person; where somebody is to get something else, or nothing,
it goes back to the budgets it came from, and what is paid then is charged anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session, aliased

from models.adjustment import APPROVED, DONE, FIRST_PLACE, Adjustment
from models.adjustment import CANCELLED as CANCELLED_ADJUSTMENT
from models.application import REFUSED, RETURNED, WITHDRAWN, Application
from models.funding import BOUNCED, CANCELLED, Payment, PaymentReversal, PaymentShare
from models.programme import Programme
from portal.access.actor import Actor
from portal.funding import ledger
from portal.funding.adjustment_record import record_adjustments
from portal.funding.budget import put_back, take_turn
from portal.funding.dues import city, dues_of, payer_of
from portal.policy.facts import source
from portal.policy.shares import needs_of

Cases = Select[Any] | Collection[int]
"""The ids of cases, or a SELECT of them."""


def take_turns(session: Session, cases: Cases) -> None:
    """Wait for whoever moves money of the programmes of *cases*, if the bank returned some.

    To be called before the cases themselves are held, as who makes a batch does it.
    """
    programmes = select(Application.programme_id).where(
        Application.id.in_(select(Payment.application_id).where(*_lying(cases)))
    )
    for programme_id in session.scalars(programmes.distinct().order_by(Application.programme_id)):
        take_turn(session, programme_id)


def release(session: Session, actor: Actor, now: datetime, cases: Cases) -> None:
    """Put what the bank returned of *cases*, and was not paid again, back into the budgets."""
    for payment in _returned_of(session, cases):
        _release(session, actor, now, payment)


def give_payment_back(session: Session, payment: Payment) -> None:
    """Give the budgets of its payers back what they bore of *payment*."""
    given: Counter[int] = Counter()
    for (_key, payer_id), fen in _bore(session, payment).items():
        given[payer_id] += fen
    put_back(session, payment.batch.programme_id, given)


def release_moved(session: Session, actor: Actor, now: datetime, programme: Programme) -> None:
    """Put back what was borne by a district that the union of its case has left since: the next
    batch asks the one that it belongs to."""
    returned = select(PaymentReversal.payment_id).where(PaymentReversal.kind == BOUNCED)
    parties = (Application.organization_id, Application.district_id, city())
    left = (
        select(Application.id)
        .join(Payment, Payment.application_id == Application.id)
        .join(PaymentShare, PaymentShare.payment_id == Payment.id)
        .where(
            Payment.id.in_(returned),
            Application.programme_id == programme.id,
            *(PaymentShare.payer_id.is_distinct_from(party) for party in parties),
        )
        .distinct()
    )
    cases = session.scalars(left).all()
    if cases:
        release(session, actor, now, cases)


def settle_return(session: Session, actor: Actor, now: datetime, payment: Payment) -> None:
    """What follows when the bank has returned *payment*: what its person still owed of it is owed
    no more, and what is not to be paid again as it was goes back to the budgets."""
    lapse(session, actor, now, [payment.application_id], payment.instalment)
    release_changed(session, actor, now, [payment.application_id])


def release_changed(session: Session, actor: Actor, now: datetime, cases: Cases) -> None:
    """Put back what the bank returned of *cases* and is not to be paid again as it was."""
    for payment in _returned_of(session, cases):
        if _is_changed(session, payment):
            _release(session, actor, now, payment)


def _returned_of(session: Session, cases: Cases) -> Sequence[Payment]:
    return session.scalars(select(Payment).where(*_lying(cases)).order_by(Payment.id)).all()


def _release(session: Session, actor: Actor, now: datetime, payment: Payment) -> None:
    ledger.release(session, actor, now, payment)
    give_payment_back(session, payment)


def _is_changed(session: Session, payment: Payment) -> bool:
    """A top-up is paid as it is, as long as its case is not closed."""
    session.refresh(payment.application)
    if payment.application.state in (REFUSED, WITHDRAWN, RETURNED):
        return True
    is_top_up = payment.instalment >= FIRST_PLACE
    return not is_top_up and _comes_to(session, payment) != _bore(session, payment)


def lapse(session: Session, actor: Actor, now: datetime, cases: Cases, place: int) -> None:
    """Recoveries of *cases* of which nothing came in ask no more for what they settled of the
    instalment *place*: it is not out any more, and is paid by the award as it is now."""
    found = select(Adjustment).where(
        Adjustment.application_id.in_(cases),
        Adjustment.state == APPROVED,
        Adjustment.settle_fen < 0,
        Adjustment.received_fen == 0,
    )
    lapsed = []
    for row in session.scalars(found.execution_options(populate_existing=True)).all():
        gone = [share for share in row.shares if share.instalment == place]
        if not gone:
            continue
        left = row.settle_fen - sum(share.amount_fen for share in gone if not share.is_on_top)
        row.version += 1
        lapsed.append(row)
        if not left and not row.fen:  # nothing is left of it
            row.state = CANCELLED_ADJUSTMENT
            continue
        row.settle_fen, row.state = left, APPROVED if left else DONE
        for share in gone:
            session.delete(share)
    if not lapsed:
        return
    session.flush()
    session.expire_all()
    record_adjustments(session, actor, now, "adjustment:lapse", lapsed, "")


def _comes_to(session: Session, payment: Payment) -> dict[tuple[str, int], int]:
    """What each payer would bear of the instalment of *payment* today."""
    revision = payment.application.revision
    due = next(due for due in dues_of(revision) if due.place == payment.instalment)
    columns = [column for part, fen in due.parts for column in (payer_of(part.payer), fen)]
    cells = session.execute(
        select(*columns)
        .select_from(source(needs_of(revision)))
        .where(Application.id == payment.application_id)
    ).one()
    keys = [part.key for part, _fen in due.parts]
    found = zip(keys, cells[::2], cells[1::2], strict=True)
    return {(key, payer): int(fen) for key, payer, fen in found if fen}


def _bore(session: Session, payment: Payment) -> dict[tuple[str, int], int]:
    rows = session.execute(
        select(PaymentShare.share_key, PaymentShare.payer_id, PaymentShare.amount_fen).where(
            PaymentShare.payment_id == payment.id
        )
    )
    return {(key, payer): fen for key, payer, fen in rows}


def _lying(cases: Cases) -> list[ColumnElement[bool]]:
    """The payments of *cases* whose money the bank returned, and where it lies still."""
    back, later, undone = aliased(PaymentReversal), aliased(Payment), aliased(PaymentReversal)
    again = exists().where(
        later.application_id == Payment.application_id,
        later.instalment == Payment.instalment,
        later.attempt > Payment.attempt,
        ~exists().where(undone.payment_id == later.id, undone.kind == CANCELLED),
    )
    return [
        Payment.application_id.in_(cases),
        exists().where(back.payment_id == Payment.id, back.kind == BOUNCED),
        ~again,
        ~ledger.was_released(Payment.id),
    ]
