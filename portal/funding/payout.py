"""Payment batches: who is paid, in order of approval, within the budget, once.

S26 四（一）5: money goes out batch by batch, first approved first.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, Application
from models.application import PAID as PAID_OUT
from models.base import N_, Refusal
from models.decision import PAY, Decision, DecisionBatch
from models.funding import MADE, PAID, TRANSFERRED, Payment, PaymentBatch
from models.organization import Organization
from models.programme import Programme
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.trail import record_batch
from portal.clock import SHANGHAI, Clock
from portal.funding import ledger
from portal.funding.budget import budget_of, spend
from portal.policy.check import PAYMENT
from portal.policy.moments import failing


class NothingToPay(Refusal):
    """No approved case of the district waits for money that the budget still has."""

    message = N_("No approved application of this union can be paid from what the budget has left.")


class NotInThatState(Refusal):
    """The batch has moved on; somebody did this before."""

    message = N_("Batch %(number)s is no longer in the state for this step.")


class BudgetBusy(Refusal):
    """Others kept spending from the same budget."""

    message = N_("Others are paying from this budget right now. Try again.")


class BadDay(Refusal):
    """The day given cannot be."""

    message = N_("The day must not be in the future or before the step before it.")


INSTALMENT = 1


def make_batch(
    session: Session, actor: Actor, clock: Clock, programme: Programme, district: Organization
) -> PaymentBatch:
    """A batch for *district* of all its approved cases that the budget reaches.

    The budget is laid against every approved case of the programme in order of approval, so that
    no district's later case passes another's earlier one. Raises ``NothingToPay``, ``NoBudget``.
    """
    require(actor, "payment:make")
    budget = budget_of(session, programme)
    for _attempt in range(5):
        chosen = _reached(session, programme, district, budget.cap_fen - budget.spent_fen)
        count, total = session.execute(
            select(func.count(), func.coalesce(func.sum(chosen.c.amount_fen), 0))
        ).one()
        if not count:
            raise NothingToPay()
        if spend(session, budget, int(total)):
            return _write(session, actor, clock.now(), programme, district, chosen, count, total)
        session.refresh(budget)
    raise BudgetBusy()


def mark_transferred(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, on: date
) -> None:
    """Record that the money of *batch* was transferred to the district on the day *on*."""
    require(actor, "payment:make")
    _check_day(clock, on, batch.made_at.astimezone(SHANGHAI).date())
    _move(session, batch, MADE, state=TRANSFERRED, transferred_on=on)
    ledger.transfer(session, actor, clock.now(), batch)
    _record(session, actor, clock.now(), "payment:transfer", batch)


def mark_paid(session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, on: date) -> None:
    """Record that everyone in *batch* was paid on the day *on*; their cases become paid."""
    require(actor, "payment:make")
    _check_day(clock, on, batch.transferred_on)
    _move(session, batch, TRANSFERRED, state=PAID, paid_on=on)
    ledger.pay(session, actor, clock.now(), batch)
    _close_cases(session, actor, clock.now(), batch)


def _reached(session: Session, programme: Programme, district: Organization, remaining: int) -> Any:
    """Unpaid approved cases of *district* that *remaining* fen reaches, with their place.

    A case that no longer passes what is looked at again before payment waits (S23 一（二）).
    """
    approved = approvals()
    order = approved.c.approval
    paid = exists().where(
        Payment.application_id == Application.id, Payment.instalment == INSTALMENT
    )
    queue = (
        select(
            Application.id,
            Application.district_id,
            Application.amount_fen,
            order,
            func.sum(Application.amount_fen).over(order_by=order).label("reach"),
        )
        .join(approved, approved.c.application_id == Application.id)
        .where(
            Application.programme_id == programme.id,
            Application.state == APPROVED,
            Application.amount_fen > 0,
            ~paid,
            *(~held for held in failing(session, programme, PAYMENT)),
        )
        .subquery()
    )
    return (
        select(
            queue.c.id,
            queue.c.amount_fen,
            func.row_number().over(order_by=queue.c.approval).label("position"),
        )
        .where(queue.c.district_id == district.id, queue.c.reach <= remaining)
        .subquery("reached")
    )


def approvals() -> Any:
    """The decision that approved each case; its id is the order of approval."""
    return (
        select(Decision.application_id, func.max(Decision.id).label("approval"))
        .where(Decision.to_state == APPROVED)
        .group_by(Decision.application_id)
        .subquery("approvals")
    )


def _write(
    session: Session,
    actor: Actor,
    now: datetime,
    programme: Programme,
    district: Organization,
    chosen: Any,
    count: int,
    total: int,
) -> PaymentBatch:
    batch = PaymentBatch(
        number=_number(session, programme),
        programme_id=programme.id,
        district_id=district.id,
        state=MADE,
        payments_count=count,
        total_fen=int(total),
        made_by_id=actor.account_id,
        made_at=now,
        version=1,
    )
    session.add(batch)
    session.flush()
    rows = select(
        literal(batch.id),
        chosen.c.id,
        literal(INSTALMENT),
        chosen.c.position,
        chosen.c.amount_fen,
    )
    columns = ["batch_id", "application_id", "instalment", "position", "amount_fen"]
    session.execute(insert(Payment).from_select(columns, rows))
    ledger.commit(session, actor, now, batch)
    _record(session, actor, now, "payment:make", batch)
    return batch


def _number(session: Session, programme: Programme) -> str:
    made = session.scalar(
        select(func.count())
        .select_from(PaymentBatch)
        .where(PaymentBatch.programme_id == programme.id)
    )
    return f"{programme.number_prefix}P{(made or 0) + 1:04d}"


def _move(session: Session, batch: PaymentBatch, expected: str, **values: Any) -> None:
    guarded = (
        update(PaymentBatch)
        .where(PaymentBatch.id == batch.id, PaymentBatch.state == expected)
        .values(**values, version=PaymentBatch.version + 1)
        .returning(PaymentBatch.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(guarded) is None:
        raise NotInThatState(number=batch.number)
    session.refresh(batch)


def _check_day(clock: Clock, on: date, earliest: date | None) -> None:
    if on > clock.today() or (earliest is not None and on < earliest):
        raise BadDay()


def _record(
    session: Session, actor: Actor, now: datetime, action: str, batch: PaymentBatch
) -> None:
    details = {"number": batch.number, "people": batch.payments_count, "fen": batch.total_fen}
    audit.record(
        session,
        actor,
        now,
        action,
        "payment_batch",
        batch.id,
        details=details,
        organization_id=batch.district_id,
    )


def _close_cases(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """State ``paid`` for every case of *batch*: one update, one decision and audit row each."""
    act = DecisionBatch(
        account_id=actor.account_id, outcome=PAY, decided=batch.payments_count, decided_at=now
    )
    session.add(act)
    session.flush()
    session.execute(
        update(Application)
        .where(Application.id.in_(_cases(batch)), Application.state == APPROVED)
        .values(state=PAID_OUT, version=Application.version + 1, batch_id=act.id, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    record_batch(session, actor, now, act, Application.stage_key.expression, reason=batch.number)


def _cases(batch: PaymentBatch) -> Select[Any]:
    return select(Payment.application_id).where(Payment.batch_id == batch.id)
