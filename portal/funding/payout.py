"""Payment batches: who is paid, in order of release, within the budget, once.

S26 四（一）5: money goes out batch by batch, first approved first. B22 二（四）4: an instalment is
paid once its stage is passed, each payer bearing its own part.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CTE, func, insert, literal, select, update
from sqlalchemy.orm import Session

from models.application import APPROVED, Application
from models.application import PAID as PAID_OUT
from models.base import N_, Refusal
from models.decision import PAY
from models.funding import (
    MADE,
    PAID,
    TRANSFERRED,
    Payment,
    PaymentBatch,
    PaymentShare,
)
from models.organization import Organization
from models.programme import Programme, Revision
from models.types import in_yuan
from portal.access import audit
from portal.access.actor import Actor
from portal.access.permissions import require
from portal.access.trail import begin_act, record_batch
from portal.clock import SHANGHAI, Clock
from portal.funding import ledger
from portal.funding.adjusted import end_top_ups, owed_back_fen, top_up_shares
from portal.funding.budget import budget_of, other_budgets, spend, take_turn
from portal.funding.dues import dues_of, has_money, paid_fen, payer_of
from portal.funding.papers import refuse_missing
from portal.funding.reach import charge_others, first_short, payable, reached
from portal.funding.returned import release_moved
from portal.funding.routes import due_day
from portal.policy.facts import source
from portal.policy.shares import DECIDED, needs_of


class NothingToPay(Refusal):
    """No approved case of the district waits for money."""

    message = N_("No approved application of this union waits to be paid.")


class OutOfReach(NothingToPay):
    """Some wait, and the city federation's budget does not reach the first of them."""

    message = N_(
        "The city federation's budget does not reach the next payment of this union: for it and "
        "those before it %(missing)s yuan are missing."
    )


class NotInThatState(Refusal):
    """The batch has moved on; somebody did this before."""

    message = N_("Batch %(number)s is no longer in the state for this step.")


class BudgetBusy(Refusal):
    """Others kept spending from the same budget."""

    message = N_("Others are paying from this budget right now. Try again.")


class BadDay(Refusal):
    """The day given cannot be."""

    message = N_("The day must not be in the future or before the step before it.")


def make_batch(
    session: Session, actor: Actor, clock: Clock, programme: Programme, district: Organization
) -> PaymentBatch:
    """A batch for *district* of all its released instalments that the budgets reach; for the city
    federation of those that go straight to people's accounts.

    Every payer's budget is charged with its part, or none is. Raises ``NoBudget``, ``BudgetShort``
    where a payer's own budget does not reach the next instalment, ``OutOfReach`` where the city
    federation's does not, or ``NothingToPay``.
    """
    require(actor, "payment:make")
    take_turn(session, programme.id)
    release_moved(session, actor, clock.now(), programme)
    budget, rows = budget_of(session, programme), payable(session, programme)
    for _attempt in range(5):
        others, remaining = other_budgets(session, programme), budget.cap_fen - budget.spent_fen
        short = first_short(session, programme, district, rows) if others else None
        chosen = reached(rows, district, remaining, short)
        sums = (func.coalesce(func.sum(chosen.c[name]), 0) for name in ("fen", "budget_fen"))
        count, total, own = session.execute(select(func.count(), *sums)).one()
        if not count and short is not None and short.reach <= remaining:
            raise short.refusal(session, programme)
        if not count:
            raise _nothing(session, rows, district, remaining)
        with session.begin_nested():
            if spend(session, budget, int(own)):
                batch = PaymentBatch(
                    number=_number(session, programme),
                    programme_id=programme.id,
                    district_id=district.id,
                    state=MADE,
                    payments_count=count,
                    total_fen=int(total),
                    budget_fen=int(own),
                    made_by_id=actor.account_id,
                    made_at=clock.now(),
                    version=1,
                )
                return _write(session, actor, clock.now(), programme, batch, chosen)
        session.refresh(budget)
    raise BudgetBusy()


def _nothing(session: Session, rows: CTE, district: Organization, remaining: int) -> NothingToPay:
    """Why *remaining* fen pay nothing of *rows* (``payable``) for *district*."""
    beyond = select(func.min(rows.c.reach)).where(
        rows.c.payee_id == district.id, rows.c.reach > remaining
    )
    reach = session.scalar(beyond)
    if reach is None:
        return NothingToPay()
    return OutOfReach(missing=in_yuan(int(reach) - remaining))


def mark_transferred(
    session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, on: date
) -> None:
    """Record that the money of *batch* was transferred to the district on the day *on*."""
    require(actor, "payment:make")
    _check_day(clock, on, batch.made_at.astimezone(SHANGHAI).date())
    move_batch(session, batch, MADE, state=TRANSFERRED, transferred_on=on)
    batch.due_on = due_day(session, batch)
    ledger.transfer(session, actor, clock.now(), batch)
    record_step(session, actor, clock.now(), "payment:transfer", batch)


def mark_paid(session: Session, actor: Actor, clock: Clock, batch: PaymentBatch, on: date) -> None:
    """Record that everyone in *batch* was paid on the day *on*; their cases become paid.

    Raises ``PaperMissing`` while a paper that its programme wants is not there.
    """
    require(actor, "payment:make")
    _check_day(clock, on, batch.transferred_on)
    if batch.state == TRANSFERRED:
        refuse_missing(session, batch)
    move_batch(session, batch, TRANSFERRED, state=PAID, paid_on=on)
    ledger.pay(session, actor, clock.now(), batch)
    end_top_ups(session, batch.id)
    close_cases(session, actor, clock.now(), batch)


def _write(
    session: Session,
    actor: Actor,
    now: datetime,
    programme: Programme,
    batch: PaymentBatch,
    chosen: Any,
) -> PaymentBatch:
    session.add(batch)
    session.flush()
    names = ("id", "instalment", "attempt", "position", "fen")
    rows = select(
        literal(batch.id), *(chosen.c[name] for name in names), Application.account_index
    ).join(Application, Application.id == chosen.c.id)
    columns = ["batch_id", "application_id", "instalment", "attempt", "position", "amount_fen"]
    columns.append("account_index")
    session.execute(insert(Payment).from_select(columns, rows))
    for revision in programme.revisions:
        _write_shares(session, batch, revision)
    session.execute(insert(PaymentShare).from_select(_SHARE_COLUMNS, top_up_shares(batch.id)))
    batch.due_on = due_day(session, batch)
    ledger.commit(session, actor, now, batch)
    charge_others(session, batch)
    record_step(session, actor, now, "payment:make", batch)
    return batch


def _write_shares(session: Session, batch: PaymentBatch, revision: Revision) -> None:
    """Who bears what of the payments of *batch*, one statement a part and instalment."""
    for due in dues_of(revision):
        for part, fen in due.parts:
            rows = (
                select(
                    Payment.id,
                    literal(part.key),
                    payer_of(part.payer),
                    literal(part.on_top),
                    fen,
                )
                .select_from(source(needs_of(revision)))
                .join(Payment, Payment.application_id == Application.id)
                .where(
                    Payment.batch_id == batch.id,
                    Payment.instalment == due.place,
                    Application.revision_id == revision.id,
                    fen > 0,
                )
            )
            session.execute(insert(PaymentShare).from_select(_SHARE_COLUMNS, rows))


_SHARE_COLUMNS = ["payment_id", "share_key", "payer_id", "is_on_top", "amount_fen"]


def _number(session: Session, programme: Programme) -> str:
    made = session.scalar(
        select(func.count())
        .select_from(PaymentBatch)
        .where(PaymentBatch.programme_id == programme.id)
    )
    return f"{programme.number_prefix}P{(made or 0) + 1:04d}"


def move_batch(session: Session, batch: PaymentBatch, expected: str, **values: Any) -> None:
    """Write *values* over *batch* if it is still in the state *expected*; raises
    ``NotInThatState``."""
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


def record_step(
    session: Session,
    actor: Actor,
    now: datetime,
    action: str,
    batch: PaymentBatch,
    reason: str = "",
) -> None:
    """Put a step of *batch* into the audit trail."""
    details = {"number": batch.number, "people": batch.payments_count, "fen": batch.total_fen}
    audit.record(
        session,
        actor,
        now,
        action,
        "payment_batch",
        batch.id,
        reason=reason,
        details=details,
        organization_id=batch.district_id,
    )


def close_cases(session: Session, actor: Actor, now: datetime, batch: PaymentBatch) -> None:
    """State ``paid`` for the approved cases of *batch* that nothing more is owed to.

    One update, one decision and audit row each; nothing where there is none.
    """
    cases = select(Payment.application_id).where(Payment.batch_id == batch.id)
    settled = (
        Application.id.in_(cases), Application.state == APPROVED, is_paid_out(), has_money()
    )  # fmt: skip
    if session.scalar(select(Application.id).where(*settled).limit(1)) is None:
        return
    act = begin_act(session, actor, now, PAY)
    moved = session.execute(
        update(Application)
        .where(*settled)
        .values(state=PAID_OUT, version=Application.version + 1, batch_id=act.id, updated_at=now)
        .returning(Application.id)
        .execution_options(synchronize_session=False)
    )
    act.decided = len(moved.all())
    record_batch(session, actor, now, act, Application.stage_key.expression, reason=batch.number)


def is_paid_out() -> Any:
    """Whether all that a case was awarded has been paid, and the bank returned none of it; what an
    adjustment has it give back does not count."""
    return paid_fen(PaymentBatch.state == PAID) - owed_back_fen() == DECIDED
